package db

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

const rotatedRows = 10_000

// rotatable fills a table whose rows are like a refresh token's: a few hashes and times, updated in place.
func rotatable(t testing.TB, d *DB) {
	t.Helper()
	err := d.alone(t.Context(), "prepare", func(s *session) error {
		return s.exec(`CREATE TABLE rotated (
			id BLOB PRIMARY KEY, generation INTEGER NOT NULL, hash BLOB NOT NULL, previous BLOB NOT NULL,
			at INTEGER NOT NULL, ip TEXT NOT NULL, ring BLOB NOT NULL) STRICT`)
	})
	if err != nil {
		t.Fatal(err)
	}
	err = d.write(t.Context(), "fill", func(*Tx) error {
		for i := range rotatedRows {
			_, err := d.writer.session.ExecContext(t.Context(), `INSERT INTO rotated VALUES ($1, 0, $2, $2, 0, '', $3)`,
				rotatedID(i), make([]byte, 32), make([]byte, 128))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func rotatedID(i int) []byte { return fmt.Appendf(nil, "%016x", uint64(i)*0x9E3779B97F4A7C15) }

// rotate is one compare-and-swap with a result, as a refresh makes it.
func rotate(ctx context.Context, d *DB, i int) (generation int64, err error) {
	hash := make([]byte, 32)
	id := rotatedID(i)
	err = d.write(ctx, "rotate", func(*Tx) error {
		return d.writer.session.QueryRowContext(ctx, `UPDATE rotated
			SET generation = generation + 1, previous = hash, hash = $2, at = $3
			WHERE id = $1
			RETURNING generation`, id, hash, 1_700_000_000_000_000).Scan(&generation)
	})
	return generation, err
}

// BenchmarkWrite measures durable rotations at 1, 16 and 64 callers: `ns/op` is the inverse of rotations a second.
func BenchmarkWrite(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			d := openTest(b, Options{})
			rotatable(b, d)
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							return
						}
						if _, err := rotate(b.Context(), d, int(i*7919)%rotatedRows); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rotations/s")
		})
	}
}

// BenchmarkRead measures lookups of one row by key.
func BenchmarkRead(b *testing.B) {
	d := openTest(b, Options{})
	if err := d.PutSetting(b.Context(), "name", make([]byte, 300)); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, found, err := d.Setting(b.Context(), "name"); err != nil || !found {
				b.Error(found, err)
			}
		}
	})
}
