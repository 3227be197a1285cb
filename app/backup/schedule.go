package backup

import (
	"context"
	"path/filepath"
	"time"
)

// Schedule is when the server makes backups by itself, where to, and how many it keeps. The zero value makes none.
type Schedule struct {
	Every time.Duration // at least [MinEvery]; 0: never
	Keep  int           // at least 1
	Dir   string        // absolute
	Name  string        // begins the names of its files: that of the database, without its ending
}

// MinEvery is the shortest time between two backups.
const MinEvery = time.Minute

// How long a failed attempt waits for the next one, doubled each time.
const (
	firstRetry = time.Minute
	lastRetry  = time.Hour
)

// lookEvery bounds each sleep, so that a machine that was asleep itself is not late by as much.
const lookEvery = time.Minute

// Outcome is what became of an attempt.
type Outcome struct {
	Made    Made          // if Err is nil
	Removed int           // older backups that went
	Prune   error         // older backups should have gone and did not
	Err     error         // a plain sentence
	Retry   time.Duration // with Err: how long until the next attempt
}

// Run makes a backup whenever one is due, until ctx ends, and tells what became of it. One is due when the newest in the
// directory is Every old: a server that is restarted often makes no more of them, and one that was off for long makes one at
// once. An attempt that the end of ctx interrupts leaves nothing behind and is not told.
func (s Schedule) Run(ctx context.Context, store Store, now func() time.Time, tell func(Outcome)) {
	if s.Every <= 0 {
		return
	}
	s.sweep()
	var failures int
	var notBefore time.Time
	for {
		if at := now(); !at.Before(notBefore) && !at.Before(s.due(at)) {
			o := s.attempt(ctx, store, at)
			if ctx.Err() != nil {
				return
			}
			if failures++; o.Err == nil {
				failures = 0
			} else {
				o.Retry = s.retry(failures)
				notBefore = now().Add(o.Retry)
			}
			tell(o)
		}
		wait := min(lookEvery, max(s.due(now()).Sub(now()), notBefore.Sub(now()), time.Second))
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (s Schedule) attempt(ctx context.Context, store Store, at time.Time) Outcome {
	name := s.name(at)
	made, err := store.Backup(ctx, filepath.Join(s.Dir, name), BySchedule)
	if err != nil {
		return Outcome{Err: err}
	}
	o := Outcome{Made: made}
	o.Removed, o.Prune = s.prune(name)
	return o
}

// due is when the next backup is to be made. A file whose name is of a time to come says that a clock was wrong, and nothing else.
func (s Schedule) due(now time.Time) time.Time {
	names, _ := s.own() // a directory that cannot be read fails the attempt, which says why
	for i := len(names) - 1; i >= 0; i-- {
		if at, _ := s.timeOf(names[i]); !at.After(now) {
			return at.Add(s.Every)
		}
	}
	return now
}

// retry doubles with each failure.
func (s Schedule) retry(failures int) time.Duration {
	wait := firstRetry
	for ; failures > 1 && wait < lastRetry; failures-- {
		wait *= 2
	}
	return min(wait, lastRetry, s.Every)
}
