package db

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

func TestReadyIsRedFromAWriteThatFailedUntilOneSucceeds(t *testing.T) {
	ctx := context.Background()
	d, err := Open(ctx, filepath.Join(t.TempDir(), "r.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	setLimit := func(pages string) {
		t.Helper()
		if err := d.alone(ctx, "limit the file", func(s *session) error { return s.exec("PRAGMA max_page_count = " + pages) }); err != nil {
			t.Fatal(err)
		}
	}
	setLimit("1") // SQLite takes the present size: the file can grow no more, as on a full disk
	for i := 0; err == nil && i < 1000; i++ {
		err = d.PutSetting(ctx, "fill", make([]byte, 4096*(i+1)))
	}
	if !errors.Is(err, ErrFault) {
		t.Fatalf("the file is not full: %v", err)
	}

	failing := d.failing.Load()
	setLimit("1000000")
	after := d.Ready(ctx)

	if !failing {
		t.Error("a failed write was not noticed")
	}
	if after != nil || d.failing.Load() {
		t.Errorf("not ready again although writing works: %v", after)
	}
}
