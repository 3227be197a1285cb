package web

import (
	"encoding/csv"
	"io"
	"strings"
)

// spreadsheet writes CSV (RFC 4180) that people open in a spreadsheet: no cell can become a formula there (WEB-47).
type spreadsheet struct{ w *csv.Writer }

func newSpreadsheet(w io.Writer) spreadsheet {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	return spreadsheet{c}
}

// row writes one row.
func (s spreadsheet) row(cells ...string) error {
	for i, cell := range cells {
		cells[i] = plainCell(cell)
	}
	return s.w.Write(cells)
}

func (s spreadsheet) flush() error {
	s.w.Flush()
	return s.w.Error()
}

// plainCell puts an apostrophe before what a spreadsheet would take for a formula. Spaces and controls before the sign do not
// hide it from one either.
func plainCell(cell string) string {
	head := strings.TrimLeft(cell, " \t\r\n\u00a0\ufeff")
	if head != "" && strings.ContainsRune("=+-@\uff1d\uff0b\uff0d\uff20|%", []rune(head)[0]) || cell != "" && strings.ContainsRune("\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
