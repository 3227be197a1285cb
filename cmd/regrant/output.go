package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"regrant/app/audit"
)

// print writes v as JSON where --json asks for it, else what people does.
func (p *program) print(v any, people func(w io.Writer)) error {
	if p.JSON {
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(v)
	}
	people(p.stdout)
	return nil
}

// said prints v as JSON, or one plain sentence.
func (p *program) said(v any, format string, args ...any) error {
	return p.print(v, func(w io.Writer) { fmt.Fprintf(w, format+"\n", args...) })
}

// table writes rows below headings, or the sentence none when there are no rows.
func table(w io.Writer, none string, headings []string, rows [][]string) {
	if len(rows) == 0 {
		fmt.Fprintln(w, none)
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{headings}, rows...) {
		fmt.Fprintln(t, strings.Join(safe(row), "\t"))
	}
	t.Flush()
}

// sheet writes names and values of one thing; what has no value is left out.
func sheet(w io.Writer, pairs ...string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fmt.Fprintf(t, "%s\t%s\n", pairs[i], safe(pairs[i+1 : i+2])[0])
		}
	}
	t.Flush()
}

// safe keeps text that came from outside from controlling the terminal. An empty cell is a dash.
func safe(cells []string) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		if out[i] = audit.Clean(c, 2000); c == "" {
			out[i] = "-"
		}
	}
	return out
}

// moment is a time and how far away it is, for one thing that is shown.
func moment(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC") + " (" + humanize.Time(*t) + ")"
}

// ago is how far away a time is, for lists.
func ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return humanize.Time(t)
}

// instant is a time in JSON, nil for none.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
