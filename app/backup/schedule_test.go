package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// files is a store that writes files, as long as fail is nil.
type files struct {
	mu   sync.Mutex
	fail error
	made []string
}

// works makes it write, whatever it did before.
func (f *files) works() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = nil
}

func (f *files) Backup(ctx context.Context, to string, by By) (Made, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return Made{}, f.fail
	}
	f.made = append(f.made, filepath.Base(to))
	return Made{Path: to, At: time.Now(), By: by}, os.WriteFile(to, []byte("x"), 0o600)
}

func (f *files) BackupRecord(context.Context) (Record, error)  { return Record{}, nil }
func (f *files) FirstEvent(context.Context) (time.Time, error) { return time.Time{}, nil }

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func put(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// during runs a schedule for a while and gives what it told.
func during(t *testing.T, d time.Duration, s Schedule, store Store, meanwhile func()) (told []Outcome) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx, store, time.Now, func(o Outcome) { told = append(told, o) })
	}()
	if meanwhile != nil {
		meanwhile()
	}
	time.Sleep(d)
	cancel()
	<-done
	return told
}

func TestBackupsComeInTheirRhythmAndTheOldestOfThemGo(t *testing.T) {
	dir := t.TempDir()
	others := []string{"regrant-20200101T000000Z.db.txt", "regrant-2020.db", "other-20200101T000000Z.db", "regrant-20201301T000000Z.db", "notes"}
	put(t, dir, others...)
	synctest.Test(t, func(t *testing.T) { // it is 2000-01-01 00:00 here
		store := &files{}
		told := during(t, 25*time.Hour, Schedule{Every: 6 * time.Hour, Keep: 3, Dir: dir, Name: "regrant"}, store, nil)

		want := []string{"regrant-20000101T000000Z.db", "regrant-20000101T060000Z.db", "regrant-20000101T120000Z.db", "regrant-20000101T180000Z.db", "regrant-20000102T000000Z.db"}
		if !slices.Equal(store.made, want) {
			t.Errorf("made %v", store.made)
		}
		if len(told) != 5 || told[2].Removed != 0 || told[3].Removed != 1 || told[4].Removed != 1 {
			t.Errorf("%+v", told)
		}
		left := append(slices.Clone(others), want[2:]...)
		slices.Sort(left)
		if got := list(t, dir); !slices.Equal(got, left) {
			t.Errorf("left are %v", got)
		}
	})
}

func TestARestartMakesNoMoreBackupsThanAreDue(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		store, s := &files{}, Schedule{Every: 24 * time.Hour, Keep: 7, Dir: dir, Name: "regrant"}
		for range 5 {
			during(t, time.Hour, s, store, nil)
		}
		if len(store.made) != 1 {
			t.Errorf("made %v", store.made)
		}

		time.Sleep(48 * time.Hour) // it was off
		during(t, time.Second, s, store, nil)

		if len(store.made) != 2 {
			t.Errorf("made %v", store.made)
		}
	})
}

func TestAFailedBackupIsToldAndTriedAgainAndRemovesNothing(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "regrant-19990101T000000Z.db", "regrant-19990102T000000Z.db")
	synctest.Test(t, func(t *testing.T) {
		store := &files{fail: errors.New("the disk is full")}
		told := during(t, 10*time.Minute, Schedule{Every: 24 * time.Hour, Keep: 1, Dir: dir, Name: "regrant"}, store, func() {
			time.Sleep(6 * time.Minute)
			if got := list(t, dir); len(got) != 2 {
				t.Errorf("left are %v: the last good ones must stay", got)
			}
			store.works()
		})

		var retries []string
		for _, o := range told {
			if o.Err != nil {
				retries = append(retries, o.Retry.String())
			}
		}
		if got := strings.Join(retries, " "); got != "1m0s 2m0s 4m0s" || len(told) != 4 {
			t.Errorf("retries after %s, %d attempts", got, len(told))
		}
		if got := list(t, dir); len(got) != 1 || !strings.HasPrefix(got[0], "regrant-2000") {
			t.Errorf("left are %v", got)
		}
	})
}

func TestTheBackupThatWasJustMadeStaysWhateverTheClockSaid(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "regrant-20990101T000000Z.db", "regrant-20990102T000000Z.db") // made while the clock was wrong
	synctest.Test(t, func(t *testing.T) {
		store := &files{}
		during(t, time.Minute, Schedule{Every: time.Hour, Keep: 1, Dir: dir, Name: "regrant"}, store, nil)

		if got := list(t, dir); !slices.Equal(got, []string{"regrant-20000101T000000Z.db"}) {
			t.Errorf("left are %v", got)
		}
	})
}

func TestWhatAKilledServerLeftUnfinishedIsRemoved(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "regrant-19990101T000000Z.db"+PartialMark+"ab12", "mine.db"+PartialMark+"ab12")
	synctest.Test(t, func(t *testing.T) {
		during(t, time.Minute, Schedule{Every: time.Hour, Keep: 1, Dir: dir, Name: "regrant"}, &files{fail: errors.New("no")}, nil)

		if got := list(t, dir); !slices.Equal(got, []string{"mine.db" + PartialMark + "ab12"}) {
			t.Errorf("left are %v", got)
		}
	})
}

func TestBackupsAreOverdue(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	made := func(age time.Duration) Record { return Record{Last: &Made{At: now.Add(-age)}} }
	for name, c := range map[string]struct {
		record Record
		every  time.Duration
		age    time.Duration
		want   bool
	}{
		"a new server without any":               {Record{}, 0, 6 * day, false},
		"a server of a week without any":         {Record{}, 0, 7*day + 1, true},
		"a schedule that never succeeded":        {Record{}, day, 8 * day, true},
		"a schedule of a new server":             {Record{}, day, day, false},
		"a schedule of months":                   {Record{}, 30 * day, 8 * day, false},
		"no schedule, a week":                    {made(7 * day), 0, 90 * day, false},
		"no schedule, more than a week":          {made(7*day + 1), 0, 90 * day, true},
		"a schedule, late by one":                {made(2 * day), day, 90 * day, false},
		"a schedule, late by more":               {made(2*day + 1), day, 90 * day, true},
		"a schedule of weeks":                    {made(13 * day), 7 * day, 90 * day, false},
		"an hourly schedule that fails for long": {made(3 * time.Hour), time.Hour, 90 * day, true},
	} {
		if got := c.record.Overdue(c.every, now.Add(-c.age), now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
