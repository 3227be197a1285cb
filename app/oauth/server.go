package oauth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"regrant/app/audit"
)

// Config is what a [Server] must be told.
type Config struct {
	Issuer string     // RFC 8414 §2, without a trailing slash
	Time   TimeSource // nil: the machine's
	// Fetch reads what stands at an address of a client; nil: none is called.
	Fetch Fetch
	// FetchDocument reads the documents of clients that are known by an address; nil: there are no such clients.
	FetchDocument FetchDocument
	// PARRequired refuses authorization requests that were not pushed, whoever they come from, RFC 9126 §5.
	PARRequired bool
	// Alarm is told what an operator should know and nobody asked: a stepped clock, a write-behind that fails. It must not block.
	Alarm func(message string, args ...any)
}

// Server is the authorization server of RFC 6749 §1.1: it decides, and its [Store] remembers.
type Server struct {
	issuer string
	store  Store
	clock  *Clock
	epoch  uint8
	alarm  func(string, ...any)

	parRequired bool

	ring    atomic.Pointer[keyRing]
	apis    atomic.Pointer[registry]
	terms   atomic.Pointer[RegistrationTerms]
	windows *windowKeys
	behind  *behind
	replays replayCounter
	limiter refreshLimiter
	proofs  *proofMemory
	guesses guesses
	sectors guesses // addresses that registrations had looked at
	tally   *Tally
	fetch   Fetch
	keySets keySets

	fetchDocument FetchDocument
	documents     documents

	reload sync.Mutex

	bulk     BulkRevoker // nil: the store does not know revocations of many
	bulkKick chan struct{}
}

// New reads keys, resource servers and the clock from the store, and makes the keys of a new database.
func New(ctx context.Context, cfg Config, store Store) (*Server, error) {
	source := cfg.Time
	if source == nil {
		source = SystemTime()
	}
	s := &Server{issuer: strings.TrimSuffix(cfg.Issuer, "/"), store: store, alarm: cfg.Alarm, fetch: cfg.Fetch, fetchDocument: cfg.FetchDocument, documents: newDocuments(), parRequired: cfg.PARRequired, behind: newBehind(), tally: newTally(), bulkKick: make(chan struct{}, 1)}
	s.bulk, _ = store.(BulkRevoker)
	if s.alarm == nil {
		s.alarm = func(string, ...any) {}
	}
	state, epoch, err := store.Clock(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the clock: %w", err)
	}
	s.epoch = epoch
	if s.windows, err = loadWindowKeys(ctx, store); err != nil {
		return nil, err
	}
	lastEnd := state.Service
	if s.windows.any() {
		// A window that was open at the end is over at the latest when the longest grace is, counted from the last save and
		// the few seconds that a crash may have taken from it.
		lastEnd = lastEnd.Add(2 * MaxGrace)
	}
	var ahead time.Duration
	if s.clock, ahead = NewClock(source, state, lastEnd); ahead > 30*24*time.Hour {
		s.alarm("the clock is far ahead of the last time recorded; if it is wrong, set it and run: regrant doctor --reset-clock", "ahead", ahead.Round(time.Second).String())
	}
	s.proofs = newProofMemory(s.clock.monotonic())
	if err := s.loadKeys(ctx); err != nil {
		return nil, err
	}
	return s, errors.Join(s.loadAPIs(ctx), s.loadTerms(ctx))
}

// Issuer gives the issuer identifier.
func (s *Server) Issuer() string { return s.issuer }

// Now reads the server's clock.
func (s *Server) Now() Instant { return s.clock.Now() }

// Tally gives what the server has counted, for metrics.
func (s *Server) Tally() *Tally { return s.tally }

func (s *Server) keys() *keyRing      { return s.ring.Load() }
func (s *Server) registry() *registry { return s.apis.Load() }

// loadKeys reads the keys and makes the first ones. Two processes that make them at once agree on whose count.
func (s *Server) loadKeys(ctx context.Context) error {
	keys, err := s.store.Keys(ctx)
	if err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	if !slices.ContainsFunc(keys, func(k Key) bool { return k.Use != KeyFactor }) {
		now := s.clock.Now().Wall
		if keys, err = firstKeys(now); err != nil {
			return err
		}
		event := audit.Event{At: now, Kind: audit.KeyCreated, Origin: audit.Origin{Actor: audit.ByServer}, Result: "ok", Detail: "first=keys"}
		if err = s.store.AddKeys(ctx, keys, nil, event); errors.Is(err, ErrExists) {
			keys, err = s.store.Keys(ctx)
		}
		if err != nil {
			return fmt.Errorf("add the first keys: %w", err)
		}
	}
	sortKeys(keys)
	if old := s.ring.Load(); old != nil && old.print == fingerprint(keys) {
		return nil
	}
	ring, err := newKeyRing(keys)
	if err != nil {
		return err
	}
	s.ring.Store(ring)
	return nil
}

func (s *Server) loadAPIs(ctx context.Context) error {
	apis, err := s.store.APIs(ctx)
	if err != nil {
		return fmt.Errorf("read APIs: %w", err)
	}
	s.apis.Store(&registry{apis: apis})
	return nil
}

func (s *Server) loadTerms(ctx context.Context) error {
	terms, err := s.store.RegistrationTerms(ctx)
	if err != nil {
		return fmt.Errorf("read the rules of registration: %w", err)
	}
	s.terms.Store(&terms)
	return nil
}

// Reload takes over what other processes have changed: keys, resource servers and the rules of registration.
func (s *Server) Reload(ctx context.Context) error {
	s.reload.Lock()
	defer s.reload.Unlock()
	return errors.Join(s.loadKeys(ctx), s.loadAPIs(ctx), s.loadTerms(ctx))
}

// The rhythm of the background work.
const (
	beatEvery   = time.Second
	reloadEvery = 500 * time.Millisecond
	flushEvery  = 2 * time.Second
	sweepEvery  = time.Minute
	bulkEvery   = 5 * time.Second // besides being told
	sweepBatch  = 200
)

// Run keeps the clock, takes over changes of other processes, writes what was counted and sweeps, until ctx ends; then it
// writes once more. Each has a rhythm of its own: a slow disk must not look like a server that was away.
func (s *Server) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { every(ctx, beatEvery, func() { s.clock.Now() }) })
	wg.Go(func() { s.background(ctx, beatEvery, workBeat, s.Beat) })
	wg.Go(func() { s.background(ctx, reloadEvery, workReload, s.Reload) })
	wg.Go(func() { s.background(ctx, flushEvery, workFlush, s.Flush) })
	wg.Go(func() { s.background(ctx, sweepEvery, workSweep, s.Sweep) })
	wg.Go(func() {
		for ctx.Err() == nil {
			if err := s.FollowBulk(ctx); err != nil && ctx.Err() == nil {
				s.failed(workBulk, err)
			}
			select {
			case <-ctx.Done():
			case <-s.bulkKick:
			case <-time.After(bulkEvery):
			}
		}
	})
	wg.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	// The mark is saved even when no window is open, so that what has expired stays so if the clock goes back while the server
	// is off.
	if err := errors.Join(s.Beat(last), s.store.SaveClock(last, s.clock.state()), s.Flush(last)); err != nil {
		s.alarm("the last write failed", "err", err)
	}
}

// background does work in its rhythm and tells the operator when it fails.
func (s *Server) background(ctx context.Context, rhythm time.Duration, doing string, work func(context.Context) error) {
	every(ctx, rhythm, func() {
		if err := work(ctx); err != nil && ctx.Err() == nil {
			s.failed(doing, err)
		}
	})
}

func (s *Server) failed(work string, err error) {
	s.tally.lapsed(work)
	s.alarm("background work failed", "doing", work, "err", err)
}

func every(ctx context.Context, rhythm time.Duration, do func()) {
	ticker := time.NewTicker(rhythm)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do()
		}
	}
}

// Beat persists the time while windows are open and erases the keys of windows that are over.
func (s *Server) Beat(ctx context.Context) error {
	state, save, step := s.clock.beat()
	if step > 0 {
		s.alarm("the wall clock has stepped forward; deadlines may come early", "step", step.Round(time.Second).String())
		s.behind.event(audit.Event{At: s.clock.Now().Wall, Kind: audit.ClockStepped, Origin: audit.Origin{Actor: audit.ByServer},
			Result: "ok", Detail: audit.Details("step", step.Round(time.Second).String())})
	}
	if save {
		if err := s.store.SaveClock(ctx, state); err != nil {
			return err
		}
		s.clock.saved(state)
	}
	return s.windows.erase(ctx, s.store, s.clock)
}

// Flush writes what was counted in memory, and the mark along with it: whoever was told that a token has expired is told so for ever,
// also when the server dies now and its clock is set back.
func (s *Server) Flush(ctx context.Context) error {
	s.replays.sweep(s.clock.Now().Wall)
	wrote, err := s.behind.flush(ctx, s.store)
	if err != nil || !wrote {
		return err
	}
	state := s.clock.state()
	if err := s.store.SaveClock(ctx, state); err != nil {
		return err
	}
	s.clock.saved(state)
	return nil
}

// Sweep removes what nobody needs any more, in small batches, and rotates the keys that are due.
func (s *Server) Sweep(ctx context.Context) error {
	now := s.clock.trusted()
	if err := s.sweepStore(ctx, now); err != nil {
		return err
	}
	return s.rotateDue(ctx)
}

// rotateDue rotates by schedule, unless the clock is in doubt: its times decide when a key is used and when it goes.
func (s *Server) rotateDue(ctx context.Context) error {
	now, ok := s.clock.agreed()
	if !ok {
		return nil
	}
	due := s.keys().due(now)
	if len(due) == 0 {
		return nil
	}
	if _, err := rotateKeys(ctx, s.store, now, audit.Origin{Actor: audit.ByServer}, due); err != nil {
		return err
	}
	return s.Reload(ctx)
}

func (s *Server) sweepStore(ctx context.Context, now time.Time) (err error) {
	rows, began := 0, time.Now()
	defer func() { s.tally.sweep(rows, time.Since(began), err) }()
	for range 500 {
		n, err := s.store.Sweep(ctx, now, sweepBatch)
		rows += n
		if err != nil || n == 0 {
			return err
		}
	}
	return nil
}
