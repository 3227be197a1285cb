package db

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"testing"
)

func TestAClosedDatabaseIsOneFile(t *testing.T) {
	for range 20 {
		d := openTest(t, Options{})
		rotatable(t, d)
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				if _, _, err := d.Setting(t.Context(), "x"); err != nil {
					t.Error(err)
				}
			})
		}
		readers.Wait()

		if err := d.Close(); err != nil {
			t.Fatal(err)
		}

		for _, suffix := range []string{"-wal", "-shm"} {
			if info, err := os.Stat(d.Path() + suffix); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("%s is still there, %d bytes: who copies the database file alone loses them", suffix, info.Size())
			}
		}
	}
}
