package db_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"regrant/db"
)

func TestRotationsCostNoSpace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "regrant.db")
	d, err := db.Open(t.Context(), path, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	w := &world{T: t, contractStore: d, now: start}
	o, c := w.person(), w.client()
	tokens := make([][16]byte, 50)
	for i := range tokens {
		tokens[i] = w.grant(o, c).TokenID
	}
	rotations := 10_000
	if testing.Short() {
		rotations /= 10
	}
	pages := func() int64 {
		w.ok(d.Checkpoint(t.Context(), true))
		info, err := os.Stat(path)
		w.ok(err)
		return info.Size() / 4096
	}
	rotate := func(times int) {
		var all sync.WaitGroup
		for _, id := range tokens {
			all.Go(func() {
				for range times {
					if err := d.RotateRefreshToken(t.Context(), w.rotation(must(d.RefreshState(t.Context(), id)))); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
	}
	rotate(20) // until each ring is full
	before := pages()

	rotate(rotations / len(tokens))

	if grown := pages() - before; grown > 2 {
		t.Errorf("%d rotations of %d grants made the file %d pages longer", rotations, len(tokens), grown)
	}
	if got, want := must(d.RefreshState(t.Context(), tokens[0])).Generation, uint32(20+rotations/len(tokens)); got != want {
		t.Errorf("generation %d, want %d", got, want)
	}
}
