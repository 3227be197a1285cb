package db_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

func openPair(t *testing.T) (mine, theirs *db.DB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "regrant.db")
	db.BeginAt(t, path)
	for _, d := range []**db.DB{&mine, &theirs} {
		opened, err := db.Open(t.Context(), path, db.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { opened.Close() })
		*d = opened
	}
	return mine, theirs
}

func TestARecentClientIsWhatThisProcessWroteLast(t *testing.T) {
	d, _ := openPair(t)
	e := audit.Event{At: start, Kind: audit.ClientUpdated}
	if _, err := d.RecentClient(t.Context(), "x"); !errors.Is(err, oauth.ErrNotFound) {
		t.Fatalf("before there is one: %v", err)
	}
	c := fullClient("x")
	if err := d.CreateClient(t.Context(), c, e); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		c.Name = fmt.Sprint(i)
		if err := d.UpdateClient(t.Context(), c, e); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			got, err := d.RecentClient(t.Context(), "x")
			if err != nil || got.Name != c.Name || got.Version != c.Version {
				t.Fatalf("after the change to %s: %+v %v", c.Name, got, err)
			}
			got.Name = "spoilt" // by a caller, who has a copy
		}
	}
	if err := d.DeleteClient(t.Context(), "x", e); err != nil {
		t.Fatal(err)
	}
	if _, err := d.RecentClient(t.Context(), "x"); !errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("after it was deleted: %v", err)
	}
}

// Readers and a writer at once: nobody gets a client that is older than what was written before the question.
func TestARecentClientIsNeverOlderThanTheQuestion(t *testing.T) {
	d, _ := openPair(t)
	e := audit.Event{At: start, Kind: audit.ClientUpdated}
	c := fullClient("x")
	if err := d.CreateClient(t.Context(), c, e); err != nil {
		t.Fatal(err)
	}
	var (
		mu      sync.Mutex
		written = c.Version
		all     sync.WaitGroup
		over    = make(chan struct{})
	)
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				mu.Lock()
				least := written
				mu.Unlock()
				got, err := d.RecentClient(t.Context(), "x")
				if err != nil || got.Version < least {
					t.Errorf("version %d after %d was written: %v", got.Version, least, err)
					return
				}
			}
		})
	}
	for range 300 {
		if err := d.UpdateClient(t.Context(), c, e); err != nil {
			t.Error(err)
		}
		mu.Lock()
		written = c.Version
		mu.Unlock()
	}
	close(over)
	all.Wait()
}

func TestARecentClientIsSoonWhatAnotherProcessWrote(t *testing.T) {
	mine, theirs := openPair(t)
	e := audit.Event{At: start, Kind: audit.ClientUpdated}
	c := fullClient("x")
	if err := mine.CreateClient(t.Context(), c, e); err != nil {
		t.Fatal(err)
	}
	if _, err := mine.RecentClient(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	c.Name = "theirs"
	if err := theirs.UpdateClient(t.Context(), c, e); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		got, err := mine.RecentClient(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		if got.Name == "theirs" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("what another process wrote is not seen")
		}
	}
}
