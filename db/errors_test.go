package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"regrant/db/queries"
)

func TestFaultsAreNotFactsAboutTheData(t *testing.T) {
	d := openTest(t, Options{})
	raw := func(query string) error {
		var err error
		_ = d.alone(t.Context(), "raw", func(s *session) error {
			_, err = s.ExecContext(t.Context(), query)
			return nil
		})
		if err == nil {
			t.Fatalf("no error from %q", query)
		}
		return err
	}
	var n int
	scan := d.readers.pool.QueryRow("SELECT 'x'").Scan(&n)

	for _, c := range []struct {
		err   error
		fault bool
	}{
		{nil, false},
		{sql.ErrNoRows, false},
		{fmt.Errorf("find: %w", sql.ErrNoRows), false},
		{errors.New("spent"), false},
		{raw("INSERT INTO settings VALUES ('a', NULL)"), false},
		{raw("INSERT INTO settings VALUES ('a', x'00'), ('a', x'00')"), false},
		{raw("SELECT * FROM nowhere"), true},
		{scan, true},
		{context.Canceled, true},
		{fmt.Errorf("read: %w", context.DeadlineExceeded), true},
		{sql.ErrConnDone, true},
		{&fs.PathError{Op: "open", Path: "x", Err: errors.New("gone")}, true},
		{ErrBusy, true},
		{ErrCorrupt, true},
		{&panicError{}, true},
	} {
		if got := isFault(c.err); got != c.fault {
			t.Errorf("isFault(%v) = %v", c.err, got)
		}
	}
}

func TestIsUniqueKnowsADuplicateFromOtherConstraints(t *testing.T) {
	d := openTest(t, Options{})

	err := d.write(t.Context(), "twice", func(*Tx) error {
		_, err := d.writer.session.ExecContext(t.Context(), "INSERT INTO settings VALUES ('a', x'00'), ('a', x'00')")
		return err
	})
	if !isUnique(err) || isForeignKey(err) || errors.Is(err, ErrFault) {
		t.Errorf("duplicate: %v", err)
	}

	err = d.write(t.Context(), "null", func(tx *Tx) error { return tx.PutSetting(t.Context(), "a", nil) })
	if err == nil || isUnique(err) || errors.Is(err, ErrFault) {
		t.Errorf("null: %v", err)
	}
}

func TestReadKeepsErrNoRowsAndWrapsFaults(t *testing.T) {
	d := openTest(t, Options{})

	err := d.read(t.Context(), "find", func(q *queries.Queries) error {
		_, err := q.Setting(t.Context(), "missing")
		return err
	})
	if !errors.Is(err, sql.ErrNoRows) || errors.Is(err, ErrFault) {
		t.Errorf("missing row: %v", err)
	}

	err = d.read(t.Context(), "find", func(*queries.Queries) error { panic("boom") })
	if !errors.Is(err, ErrFault) {
		t.Errorf("panic: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = d.read(ctx, "find", func(*queries.Queries) error { t.Error("ran for a caller who has gone"); return nil })
	if !errors.Is(err, ErrFault) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
