package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

// A benchReport is a table of rows by name, each with its figures, for people, for programs (JSON) and for benchstat (the lines that go
// test prints). REGRANT_BENCH_JSON names the file that the JSON goes to; REGRANT_BENCH_BASE one of an earlier run, maybe of another
// build, which the rates are then divided by.

type benchReport struct {
	Title string     `json:"title"`
	CPUs  int        `json:"cpus"`
	Rows  []benchRow `json:"rows"`
}

type benchRow struct {
	Name    string             `json:"name"`
	Figures map[string]float64 `json:"figures"` // by unit
}

// figures of a load, by the units under which they are reported.
func (m *measured) figures() map[string]float64 {
	return map[string]float64{"req/s": m.Rate, "p50-ms": m.P50, "p95-ms": m.P95, "p99-ms": m.P99, "cpu-s/1000": m.CPU}
}

// add keeps a row and reports it to b, where it is one line.
func (r *benchReport) add(b *testing.B, name string, figures map[string]float64) {
	r.Rows = append(r.Rows, benchRow{name, figures})
	b.Run(name, func(b *testing.B) {
		for b.Loop() {
		}
		for unit, value := range figures {
			b.ReportMetric(value, unit)
		}
		b.ReportMetric(0, "ns/op")
	})
}

// print writes the table, with the columns in this order, and the JSON where it is wanted.
func (r *benchReport) print(b *testing.B, columns ...string) {
	b.Helper()
	r.CPUs = runtime.NumCPU()
	base := readReport(b, os.Getenv("REGRANT_BENCH_BASE"))
	if base != nil {
		columns = append(slices.Clone(columns), "of-base")
		for i := range r.Rows {
			if before := base.rate(r.Rows[i].Name); before > 0 {
				r.Rows[i].Figures["of-base"] = r.Rows[i].Figures["req/s"] / before
			}
		}
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "\n%s\t%s\t\n", r.Title, strings.Join(columns, "\t"))
	for _, row := range r.Rows {
		fmt.Fprintf(out, "%s\t", row.Name)
		for _, unit := range columns {
			if value, ok := row.Figures[unit]; ok {
				fmt.Fprintf(out, "%s", spell(value))
			}
			fmt.Fprint(out, "\t")
		}
		fmt.Fprintln(out)
	}
	if err := out.Flush(); err != nil {
		b.Fatal(err)
	}
	if path := os.Getenv("REGRANT_BENCH_JSON"); path != "" {
		written, err := json.MarshalIndent(r, "", "  ")
		if err == nil {
			err = os.WriteFile(path, append(written, '\n'), 0o644)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// spell gives three digits that count.
func spell(value float64) string {
	switch {
	case value == 0:
		return "0"
	case value >= 100 || value <= -100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	default:
		return fmt.Sprintf("%.3g", value)
	}
}

func readReport(b *testing.B, path string) *benchReport {
	b.Helper()
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	r := &benchReport{}
	if err == nil {
		err = json.Unmarshal(text, r)
	}
	if err != nil {
		b.Fatalf("REGRANT_BENCH_BASE: %v", err)
	}
	return r
}

func (r *benchReport) rate(name string) float64 {
	for _, row := range r.Rows {
		if row.Name == name {
			return row.Figures["req/s"]
		}
	}
	return 0
}

// median is the one in the middle by rate: of three runs of a load, the one that neither luck nor a noisy neighbour made.
func median(all []*measured) *measured {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b *measured) int {
		switch {
		case a.Rate < b.Rate:
			return -1
		case a.Rate > b.Rate:
			return 1
		}
		return 0
	})
	return sorted[len(sorted)/2]
}
