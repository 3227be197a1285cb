package web

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// lifetimeUnits are the units of a duration in a form, as people begin them.
var lifetimeUnits = []struct {
	names []string
	size  time.Duration
}{
	{[]string{"d", "day", "days"}, day},
	{[]string{"h", "hour", "hours"}, time.Hour},
	{[]string{"m", "min", "mins", "minute", "minutes"}, time.Minute},
	{[]string{"s", "sec", "secs", "second", "seconds"}, time.Second},
}

var (
	lifetimePart = regexp.MustCompile(`^(\d{1,9})\s*([a-z]+)\s*`)
	errLifetime  = errors.New("not a duration")
)

// parseLifetime reads a duration as people type it: 30d, 12 h, 1d12h, 10 minutes, and 0. A number needs its unit.
func parseLifetime(text string) (time.Duration, error) {
	rest := strings.ToLower(strings.TrimSpace(text))
	switch rest {
	case "":
		return 0, errLifetime
	case "0":
		return 0, nil
	}
	var total time.Duration
	for rest != "" {
		m := lifetimePart.FindStringSubmatch(rest)
		if m == nil {
			return 0, errLifetime
		}
		size := unitSize(m[2])
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || size == 0 || time.Duration(n) > (math.MaxInt64-total)/size {
			return 0, errLifetime
		}
		total += time.Duration(n) * size
		rest = rest[len(m[0]):]
	}
	return total, nil
}

func unitSize(name string) time.Duration {
	for _, u := range lifetimeUnits {
		for _, known := range u.names {
			if name == known {
				return u.size
			}
		}
	}
	return 0
}

// lifetimeText is a duration in the form that [parseLifetime] reads: 30d, 1d 12h, 10m, 0s. Less than a second is lost.
func lifetimeText(d time.Duration) string {
	var parts []string
	for _, u := range lifetimeUnits {
		if n := d / u.size; n > 0 {
			parts = append(parts, strconv.FormatInt(int64(n), 10)+u.names[0])
			d -= n * u.size
		}
	}
	if parts == nil {
		return "0s"
	}
	return strings.Join(parts, " ")
}
