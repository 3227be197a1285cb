package db_test

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"regrant/app/oauth"
	"regrant/db"
	"regrant/db/faultdisk"
)

// ioErrors are what SQLite's own layer over the system gives for EIO.
var ioErrors = map[faultdisk.Kind]int32{
	faultdisk.Open: sqlite3.SQLITE_CANTOPEN, faultdisk.Read: sqlite3.SQLITE_IOERR_READ, faultdisk.Write: sqlite3.SQLITE_IOERR_WRITE,
	faultdisk.Truncate: sqlite3.SQLITE_IOERR_TRUNCATE, faultdisk.Sync: sqlite3.SQLITE_IOERR_FSYNC, faultdisk.Delete: sqlite3.SQLITE_IOERR_DELETE,
	faultdisk.Size: sqlite3.SQLITE_IOERR_FSTAT, faultdisk.Map: sqlite3.SQLITE_IOERR_SHMMAP,
}

// script is one session over a disk that may fail: what it does is the same each time.
type script struct {
	t    *testing.T
	name string // for errors: which call fails
	dir  string
	disk *faultdisk.Disk
	*service

	past []func() // what was left behind by restarts
}

func newScript(t *testing.T, name string, seed uint64) *script {
	t.Helper()
	s := &script{t: t, name: name, dir: inMemory(t)}
	file, _ := prepared()
	if err := os.WriteFile(s.path(), file, 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.disk, err = faultdisk.Under(s.dir, seed); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *script) path() string { return filepath.Join(s.dir, "regrant.db") }

func (s *script) remove() {
	s.leave()
	for _, bury := range s.past {
		bury()
	}
}

// leave ends the process, as far as a test can: what it holds open stays so until the end.
func (s *script) leave() {
	dir, disk, store := s.dir, s.disk, s.service
	if store != nil {
		store.db.Close()
	}
	s.past = append(s.past, func() {
		if store != nil {
			store.db.Bury()
		}
		disk.Remove()
		os.RemoveAll(dir)
	})
}

// restart begins another process on the files as the first one has left them.
func (s *script) restart() bool {
	s.t.Helper()
	s.leave()
	s.dir = inMemory(s.t)
	var err error
	if s.disk, err = s.disk.Restart(s.dir, 5); err != nil {
		s.t.Fatal(err)
	}
	return s.open()
}

func (s *script) errorf(format string, args ...any) {
	s.t.Helper()
	s.t.Errorf("%s: "+format, append([]any{s.name}, args...)...)
}

// isFault says whether an error is told as one of the machine.
func isFault(err error) bool {
	var e *oauth.Error
	if errors.As(err, &e) {
		return e.Code == oauth.TemporarilyUnavailable
	}
	return errors.Is(err, db.ErrFault)
}

// open starts the server. False: it did not, as it may while the disk fails.
func (s *script) open() bool {
	s.t.Helper()
	var apps []*application
	if s.service != nil {
		apps = s.apps
	}
	started, err := openService(s.t.Context(), s.path(), db.Options{})
	if err != nil {
		if !isFault(err) && !strings.Contains(err.Error(), "cannot be written") {
			s.errorf("opening gives %v", err)
		}
		return false
	}
	s.service = started
	s.apps = apps
	s.db.Hurry(6, 20)
	return true
}

// run plays the session. Each step works, or says that the machine has failed.
func (s *script) run() {
	s.t.Helper()
	ctx := context.Background()
	try := func(step string, err error) {
		s.t.Helper()
		if err != nil && !isFault(err) {
			s.errorf("%s: %v is no fault", step, err)
		}
	}
	var own []*application
	join := func() {
		a, err := s.join(ctx)
		try("sign in", err)
		if err == nil {
			own = append(own, a)
		}
	}
	refresh := func() {
		for _, a := range own {
			if a.ends {
				continue
			}
			try("refresh", s.refresh(ctx, a))
			if n := len(a.older); n > 0 && !a.refreshes {
				response, err := s.present(ctx, a.older[n-1])
				try("replay", err)
				if err == nil && response.RefreshToken != a.token {
					s.errorf("a replay gets another successor")
				}
			}
			alive, err := s.active(ctx, a.token)
			try("introspect", err)
			if err == nil && !alive && !a.refreshes {
				s.errorf("an honest token is inactive")
			}
		}
	}
	end := func(how string, a *application, do func() error) {
		s.note(func() { a.ends = true })
		err := do()
		try(how, err)
		if err != nil {
			return
		}
		s.note(func() { a.ended = true })
		alive, err := s.active(ctx, a.token)
		try("introspect", err)
		if err == nil && alive {
			s.errorf("%s: it is alive", how)
		}
	}
	join()
	join()
	join()
	refresh()
	try("checkpoint", s.db.Checkpoint(ctx, false))
	refresh()
	refresh()
	if len(own) > 2 {
		end("revoke", own[2], func() error { return s.engine.Revoke(ctx, s.credentials(), own[2].token, device) })
	}
	try("truncate", s.db.Checkpoint(ctx, true))
	join()
	refresh()
	if len(own) > 1 && len(own[1].older) > 1 {
		end("reuse", own[1], func() error {
			if _, err := s.present(ctx, own[1].older[0]); !verdict(err) {
				return err
			}
			return nil
		})
	}
	try("beat", s.engine.Beat(ctx))
	try("flush", s.engine.Flush(ctx))
	try("sweep", s.engine.Sweep(ctx))
	refresh()
	_ = s.db.Ready(ctx)
	refresh()
}

// recovers holds the server to work again now that the disk does, at once or after a restart.
func (s *script) recovers() (restarted bool) {
	s.t.Helper()
	ctx := context.Background()
	for restarts := 0; ; restarts++ {
		var failed error
		for i, a := range s.apps {
			if a.ends {
				continue
			}
			if failed = s.refresh(ctx, a); failed != nil {
				if !isFault(failed) {
					s.errorf("afterwards application %d gets %v", i, failed)
				}
				break
			}
		}
		if failed == nil {
			return restarts > 0
		}
		if restarts == 1 || !errors.Is(failed, db.ErrUnsynced) {
			s.errorf("it does not recover: %v", failed)
			return true
		}
		if !s.restart() {
			s.errorf("it cannot be opened again")
			return true
		}
	}
}

// leaves examines what a power cut leaves now.
func (s *script) leaves(when string, rng *mathrand.Rand) {
	s.t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(s.dir), "regrant-cut")
	if err != nil {
		s.t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := s.disk.Cut().Image(dir, rng); err != nil {
		s.t.Fatal(err)
	}
	for _, v := range examine(context.Background(), filepath.Join(dir, "regrant.db"), s.memories(), rng) {
		s.errorf("a power cut %s: %s", when, v)
	}
}

// fails lets the n-th call fail, and with until those up to that one too. It says what failed.
func (s *script) fails(n, until int, rng *mathrand.Rand) func() string {
	calls, first := 0, ""
	var mu = make(chan struct{}, 1)
	s.disk.Judge(func(c faultdisk.Call) faultdisk.Fault {
		mu <- struct{}{}
		defer func() { <-mu }()
		calls++
		if calls < n || calls > until {
			return faultdisk.Fault{}
		}
		if first == "" {
			first = fmt.Sprintf("%s %s at %d", c.Kind, c.File, c.Offset)
		}
		part := 0
		if c.Kind == faultdisk.Write && rng.IntN(2) == 0 {
			part = rng.IntN(c.Length)
		}
		return faultdisk.Fault{Code: ioErrors[c.Kind], Part: part}
	})
	return func() string {
		mu <- struct{}{}
		defer func() { <-mu }()
		return first
	}
}

func TestF6_AnIOErrorAtAnyCallIsToldAsOneAndLosesNothing(t *testing.T) {
	calls := 0
	kinds := map[faultdisk.Kind]int{}
	clean := newScript(t, "without a fault", 0)
	counted := make(chan struct{}, 1)
	clean.disk.Judge(func(c faultdisk.Call) faultdisk.Fault {
		counted <- struct{}{}
		calls++
		kinds[c.Kind]++
		<-counted
		return faultdisk.Fault{}
	})
	if !clean.open() {
		t.Fatal("it does not open")
	}
	clean.run()
	clean.disk.Judge(nil)
	clean.db.Close()
	clean.remove()
	if t.Failed() {
		return
	}

	points, restarts, unopened := 0, 0, 0
	failed := map[string]int{}
	every := max(1, calls/many(calls, 60, 8))
	for k := 1 + int(time.Now().UnixNano())%every; k <= calls; k += every {
		for _, length := range []int{1, 40} { // one call, or a disk that is gone for a while
			seed := uint64(k*100 + length)
			rng := mathrand.New(mathrand.NewPCG(seed, 4))
			s := newScript(t, fmt.Sprintf("calls %d to %d fail", k, k+length-1), seed)
			what := s.fails(k, k+length-1, rng)
			if s.open() {
				s.run()
			}
			s.name += ", first " + what()
			s.disk.Judge(nil)
			if s.service == nil {
				unopened++
				if !s.open() {
					s.errorf("it cannot be opened again")
				}
			}
			if s.service != nil {
				s.leaves("in the session", rng)
				if s.recovers() {
					restarts++
				}
				s.leaves("afterwards", rng)
				s.db.Close()
				s.leaves("after the end", rng)
			}
			s.remove()
			if what() != "" {
				points++
				failed[what()[:4]]++
			}
			if t.Failed() && !full() {
				return
			}
		}
	}
	t.Logf("%d calls in a session: %v; %d points of failure: %v; %d refused to start, %d needed a restart", calls, kinds, points, failed, unopened, restarts)
}
