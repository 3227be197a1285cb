package db_test

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"regrant/db"
	"regrant/db/faultdisk"
)

// powerCuts has applications work on a disk, cuts the power again and again, and looks at what each cut has left.
type powerCuts struct {
	t       *testing.T
	want    int  // cuts
	relaxed bool // synchronous=NORMAL: the control run

	mu      sync.Mutex
	rng     *mathrand.Rand
	done    int
	waiting int                 // cuts with something to lose
	broken  map[string][]string // by rule
	acked   int                 // of rotations
	counts  map[faultdisk.Kind]int
}

// oneCut is what a cut has left, and what had been answered by then.
type oneCut struct {
	crash *faultdisk.Crash
	apps  []application
	seed  uint64
}

func newPowerCuts(t *testing.T, want int) *powerCuts {
	return &powerCuts{t: t, want: want, rng: mathrand.New(mathrand.NewPCG(20261128, 1)), broken: map[string][]string{}, counts: map[faultdisk.Kind]int{}}
}

func (p *powerCuts) run() {
	p.t.Helper()
	cuts := make(chan oneCut, 1024) // far more than come while those who work wait: a disk that waited would be a slow one
	var examiners sync.WaitGroup
	for range 2 {
		dir := inMemory(p.t)
		examiners.Go(func() {
			for c := range cuts {
				p.examine(dir, c)
			}
		})
	}
	for history := uint64(0); !p.enough() && !p.t.Failed(); history++ {
		p.history(history, cuts)
	}
	close(cuts)
	examiners.Wait()
}

func (p *powerCuts) enough() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done >= p.want
}

func (p *powerCuts) examine(dir string, c oneCut) {
	dir, err := os.MkdirTemp(dir, "cut")
	if err != nil {
		p.t.Error(err)
		return
	}
	defer os.RemoveAll(dir)
	rng := mathrand.New(mathrand.NewPCG(c.seed, 2))
	if err := c.crash.Image(dir, rng); err != nil {
		p.t.Error(err)
		return
	}
	found := examine(context.Background(), filepath.Join(dir, "regrant.db"), c.apps, rng)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if c.crash.Waiting() > 0 {
		p.waiting++
	}
	for _, v := range found {
		p.broken[v.rule] = append(p.broken[v.rule], fmt.Sprintf("cut %#x: %s", c.seed, v.what))
	}
}

// chance gives the next number for everything that happens by chance.
func (p *powerCuts) chance() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rng.Uint64()
}

// history is one database from its first grant, over a few restarts. Its WAL is so short that checkpoints and new beginnings
// of the WAL come all the time.
func (p *powerCuts) history(seed uint64, cuts chan<- oneCut) {
	p.t.Helper()
	dir := inMemory(p.t)
	defer os.RemoveAll(dir)
	file, _ := prepared()
	path := filepath.Join(dir, "regrant.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		p.t.Fatal(err)
	}
	disk, err := faultdisk.Under(dir, seed)
	if err != nil {
		p.t.Fatal(err)
	}
	defer disk.Remove()

	var apps []*application
	for range 3 {
		// A machine that is held up is slow, and nobody here is to be refused for that.
		s, err := openService(p.t.Context(), path, db.Options{QueueWait: time.Minute, ReadTimeout: time.Minute})
		if err != nil {
			p.t.Fatal(err)
		}
		s.apps = apps
		s.db.Hurry(20, 60)
		if p.relaxed {
			if err := s.db.Tell(p.t.Context(), "PRAGMA synchronous = NORMAL"); err != nil {
				p.t.Fatal(err)
			}
		}
		disk.Judge(func(c faultdisk.Call) faultdisk.Fault {
			switch c.Kind {
			case faultdisk.Write, faultdisk.Sync, faultdisk.Truncate, faultdisk.Delete:
			default:
				return faultdisk.Fault{}
			}
			seed := p.chance()
			p.mu.Lock()
			p.counts[c.Kind]++
			p.mu.Unlock()
			if p.enough() {
				return faultdisk.Fault{}
			}
			if seed%16 == 0 || c.Kind != faultdisk.Write && seed%4 == 0 {
				s.mu.Lock()
				cut := oneCut{disk.Cut(), s.memories(), seed}
				s.mu.Unlock()
				cuts <- cut
			}
			return faultdisk.Fault{}
		})
		var work sync.WaitGroup
		for range 3 {
			rng := mathrand.New(mathrand.NewPCG(p.chance(), 3))
			work.Go(func() { p.work(s, rng, cuts) })
		}
		work.Wait()
		if err := s.db.Close(); err != nil {
			p.t.Error(err)
		}
		disk.Judge(nil)
		apps = s.apps
	}
}

// work is what the person and the applications of one device do. Before each act they wait for the examiners.
func (p *powerCuts) work(s *service, rng *mathrand.Rand, cuts chan<- oneCut) {
	ctx := context.Background()
	var own []*application
	for range 60 {
		for len(cuts) > 4 {
			time.Sleep(time.Millisecond)
		}
		if p.enough() {
			return
		}
		var err error
		switch n := rng.IntN(100); {
		case len(own) < 3 || n < 3:
			var a *application
			if a, err = s.join(ctx); err == nil {
				own = append(own, a)
			}
		case n < 8:
			i := rng.IntN(len(own))
			err = s.revoke(ctx, own[i])
			own = append(own[:i], own[i+1:]...)
		case n < 10:
			err = s.db.Checkpoint(ctx, false)
		case n < 12:
			_ = s.db.Checkpoint(ctx, true) // readers may be in its way
		case n < 13:
			err = s.engine.Beat(ctx)
		case n < 14:
			err = s.engine.Flush(ctx)
		default:
			if err = s.refresh(ctx, own[rng.IntN(len(own))]); err == nil {
				p.mu.Lock()
				p.acked++
				p.mu.Unlock()
			}
		}
		if err != nil {
			p.t.Errorf("without a fault: %v", err)
			return
		}
	}
}

func TestF3_APowerCutLosesNothingThatWasAnswered(t *testing.T) {
	p := newPowerCuts(t, many(10_000, 250, 20))
	p.run()
	t.Logf("%d cuts, %d of them with changes that were not certain; %d rotations, %v", p.done, p.waiting, p.acked, p.counts)
	for rule, what := range p.broken {
		t.Errorf("%s is violated %d times, first: %s", rule, len(what), what[0])
	}
	if p.waiting < p.done/2 {
		t.Error("so few cuts had anything to lose that this proves nothing")
	}
}

// TestF3_WithoutASyncForEachCommitAPowerCutLosesAnswers is the control run: the oracle sees what it is there to see.
func TestF3_WithoutASyncForEachCommitAPowerCutLosesAnswers(t *testing.T) {
	p := newPowerCuts(t, many(1000, 60, 20))
	p.relaxed = true
	p.run()
	var noticed, damaged int // when the store opens what is left
	for _, what := range p.broken["I8"] {
		if strings.Contains(what, "write-ahead log is damaged") {
			noticed++
			continue
		}
		damaged++
	}
	lost := len(p.broken["I1"])
	t.Logf("%d cuts, violations: I1 %d, I2 %d, I5 %d; %d losses noticed at the start, %d damaged files",
		p.done, lost, len(p.broken["I2"]), len(p.broken["I5"]), noticed, damaged)
	if lost == 0 {
		t.Error("synchronous=NORMAL lost nothing, so the oracle is blind")
	}
	if damaged > 0 {
		t.Errorf("and it damages the file: %s", p.broken["I8"])
	}
}
