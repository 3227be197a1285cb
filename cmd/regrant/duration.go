package main

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

const day = 24 * time.Hour

// decodeDuration reads a duration of the command line or of a setting.
func decodeDuration(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := parseDuration(text)
	if err != nil {
		return err
	}
	target.SetInt(int64(d))
	return nil
}

// parseDuration reads what [time.ParseDuration] does, and whole days before it: 7d, 1d12h, and 30 d, as lifetimes are shown.
func parseDuration(text string) (time.Duration, error) {
	number, rest, found := strings.Cut(text, "d")
	if !found {
		number, rest = "0", text
	} else if rest == "" {
		rest = "0s"
	}
	days, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	d, err2 := time.ParseDuration(strings.TrimSpace(rest))
	const most = int64(1<<63-1) / int64(day)
	if errors.Join(err, err2) != nil || days < 0 || found && d < 0 || days >= most || days > 0 && d > day*time.Duration(most-days) {
		return 0, fmt.Errorf("%q is not a duration; write a number and its unit, such as 30s, 12h or 7d", text)
	}
	return time.Duration(days)*day + d, nil
}
