package oauth_test

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// rotating is a world whose keys are rotated while applications that keep to the rules live in it.
type rotating struct {
	*world
	random *rand.Rand
	apps   []*honestApp
}

// honestApp refreshes in time, and tries again within the window when an answer is lost.
type honestApp struct {
	client, token  string
	idle           time.Duration
	endsAt, usedAt time.Time
}

func (r *rotating) signIn(a *honestApp, absolute time.Duration) {
	r.Helper()
	a.token, _ = r.grant(a.client, people[0])
	a.endsAt, a.usedAt = r.clock.Wall().Add(absolute), r.clock.Wall()
}

// beats lets seconds pass as they do while the server runs.
func (r *rotating) beats(seconds int) {
	r.Helper()
	for range seconds {
		r.clock.pass(time.Second)
		r.ok(r.engine.Beat(context.Background()))
	}
}

// refreshes refreshes once, or again after each lost answer, and wants the same successor each time.
func (r *rotating) refreshes(a *honestApp, lost int, meanwhile func()) {
	r.Helper()
	first, err := r.world.refresh(a.client, a.token, "")
	if err != nil {
		r.Fatalf("%s is refused at %s: %v", a.client, r.clock.Wall(), errors.Unwrap(err))
	}
	for range lost {
		meanwhile()
		again, err := r.world.refresh(a.client, a.token, "")
		if err != nil {
			r.Fatalf("%s is refused within its window at %s: %v", a.client, r.clock.Wall(), errors.Unwrap(err))
		}
		if again.RefreshToken != first.RefreshToken {
			r.Fatalf("%s: a second successor", a.client)
		}
	}
	a.token, a.usedAt = first.RefreshToken, r.clock.Wall()
}

// newest gives the newest key of a use that is active now.
func (r *rotating) newest(use oauth.KeyUse) oauth.Key {
	r.Helper()
	keys, err := r.db.Keys(context.Background())
	r.ok(err)
	var newest oauth.Key
	for _, k := range keys {
		if k.Use == use && !k.ActiveAt.After(r.clock.Wall()) && !k.ActiveAt.Before(newest.ActiveAt) {
			newest = k
		}
	}
	return newest
}

// T40, T41, T42: three years in which keys are rotated by schedule and by command at the worst moments.
func TestNoHonestTokenIsRefusedInYearsOfRotatedKeys(t *testing.T) {
	ctx := context.Background()
	r := &rotating{world: newWorld(t, inMemory(t)), random: rand.New(rand.NewPCG(20261122, 5))}
	defer func() { r.db.Close() }()
	// One that never gets a new token, so that its MAC is of the first token key to the end.
	_, err := oauth.ChangeClient(ctx, r.db, "no-rotation", func(c *oauth.Client) error {
		c.Policy.Idle, c.Policy.Absolute = 10*365*day, 10*365*day
		return nil
	}, r.clock.Wall(), device)
	r.ok(err)
	for _, client := range []string{"standard", "standard", "strict", "multi-process", "multi-process", "no-rotation"} {
		a := &honestApp{client: client, idle: 30 * day}
		r.signIn(a, modelRulesOf[client].absolute)
		r.apps = append(r.apps, a)
	}
	forever := r.apps[len(r.apps)-1]
	first := forever.token
	made := map[oauth.KeyUse]map[string]bool{}
	byCommand := 0

	for end := r.clock.Wall().Add(3 * 365 * day); r.clock.Wall().Before(end); {
		r.clock.pass(time.Duration(1+r.random.IntN(20)) * day)
		r.ok(r.engine.Beat(ctx))
		r.ok(r.engine.Sweep(ctx))
		if r.random.IntN(3) == 0 {
			uses := oauth.RotatedUses[r.random.IntN(len(oauth.RotatedUses)):]
			_, err := oauth.RotateKeys(ctx, r.db, r.clock.Wall(), device, uses...)
			r.ok(err)
			byCommand++
		}
		r.ok(r.engine.Reload(ctx))
		r.beats(52 + r.random.IntN(8)) // a new token key is in force after a minute
		for _, a := range r.apps {
			now := r.clock.Wall()
			switch {
			case !now.Before(a.endsAt) && a != forever:
				r.signIn(a, 180*day)
				continue
			case now.Sub(a.usedAt) < 10*day && r.random.IntN(2) == 0:
				continue
			}
			lost, wait := r.random.IntN(3), 4
			switch a.client {
			case "strict":
				lost = 0
			case "multi-process":
				wait = 25
			}
			r.refreshes(a, lost, func() {
				r.beats(r.random.IntN(wait))
				r.ok(r.engine.Reload(ctx))
				if r.random.IntN(3) == 0 {
					r.start(r.db)
				}
			})
		}
		r.beats(65)
		for _, use := range oauth.RotatedUses {
			if made[use] == nil {
				made[use] = map[string]bool{}
			}
			made[use][r.newest(use).ID] = true
		}
	}

	if forever.token != first {
		t.Error("a token that does not rotate has changed")
	}
	for _, a := range r.apps[:len(r.apps)-1] {
		r.refreshes(a, 0, nil)
		if head, _ := oauth.HeadOf(a.token); head.Key != r.newest(oauth.KeyToken).Number {
			t.Errorf("%s: a new token bears key %d, the newest is %d (T41)", a.client, head.Key, r.newest(oauth.KeyToken).Number)
		}
	}
	for use, least := range map[oauth.KeyUse]int{oauth.KeySigning: 12, oauth.KeyToken: 4, oauth.KeyDerive: 4, oauth.KeyAccess: 4} {
		if len(made[use]) < least {
			t.Errorf("%d %s keys in three years", len(made[use]), use)
		}
	}
	if byCommand < 15 {
		t.Errorf("rotated by command %d times: the test has tried too little", byCommand)
	}
	_, err = r.db.VerifyAudit(ctx)
	r.ok(err)
}

// T41, T42: the schedule alone, and what is left of the keys before.
func TestTheScheduleReplacesEveryKeyAndKeepsWhatIsNeeded(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, inMemory(t))
	defer func() { w.db.Close() }()
	count := func() map[oauth.KeyUse]int {
		keys, err := w.db.Keys(ctx)
		w.ok(err)
		n := map[oauth.KeyUse]int{}
		for _, k := range keys {
			n[k.Use]++
		}
		return n
	}
	sweep := func(after time.Duration) {
		w.clock.pass(after)
		w.ok(w.engine.Beat(ctx))
		w.ok(w.engine.Sweep(ctx))
	}
	for _, step := range []struct {
		after                          time.Duration
		signing, token, derive, access int
	}{
		{90 * day, 2, 1, 1, 1},
		{time.Minute, 4, 1, 1, 1},
		{3 * time.Hour, 2, 1, 1, 1}, // the old ones are gone when their last token is
		{275 * day, 4, 2, 2, 2},
		{3 * time.Hour, 2, 2, 2, 1},
		{9 * 365 * day, 4, 3, 3, 2},
		{3 * time.Hour, 2, 3, 3, 1},
		{2 * 365 * day, 4, 3, 3, 2}, // the first ones are gone after ten years, the longest life of a grant
	} {
		sweep(step.after)
		want := map[oauth.KeyUse]int{oauth.KeySigning: step.signing, oauth.KeyToken: step.token, oauth.KeyDerive: step.derive, oauth.KeyAccess: step.access}
		if diff := cmp.Diff(want, count()); diff != "" {
			t.Fatalf("at %s: %s", w.clock.Wall(), diff)
		}
	}
}

func TestNothingIsRotatedWhileTheClockIsInDoubt(t *testing.T) { // T46, T47
	ctx := context.Background()
	w := newWorld(t, inMemory(t))
	defer func() { w.db.Close() }()
	rotated := func() int {
		keys, err := w.db.Keys(ctx)
		w.ok(err)
		return len(keys) - 5
	}
	for _, by := range []time.Duration{400 * day, -400 * day} {
		w.clock.step(by)
		w.ok(w.engine.Beat(ctx))
		w.ok(w.engine.Sweep(ctx))
		if n := rotated(); n != 0 {
			t.Errorf("a step by %s has rotated %d keys", by, n)
		}
		w.clock.step(-by)
		w.clock.pass(time.Second)
		w.ok(w.engine.Beat(ctx))
	}
}

// A clock that was ten years ahead for more than an hour has made keys. When it is right again, the schedule goes on.
func TestKeysFromTheFutureDoNotStopTheSchedule(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, inMemory(t))
	defer func() { w.db.Close() }()
	_, err := oauth.RotateKeys(ctx, w.db, w.clock.Wall().Add(5*365*day), device, oauth.RotatedUses...)
	w.ok(err)
	token, _ := w.grant("standard", people[0])
	w.clock.pass(91 * day)
	w.ok(w.engine.Beat(ctx))

	w.ok(w.engine.Sweep(ctx))

	keys, err := w.db.Keys(ctx)
	w.ok(err)
	made := 0
	for _, k := range keys {
		if k.Use == oauth.KeySigning && k.CreatedAt.Equal(w.clock.Wall()) {
			made++
		}
	}
	if made != 2 {
		t.Errorf("%d signing keys were made", made)
	}
	if head, _ := oauth.HeadOf(token); head.Key != 1 {
		t.Error("a token key is used before its time")
	}
}

func TestALostDeriveKeyIsReplacedAndTheNextReplayIsAnswered(t *testing.T) { // T42
	ctx := context.Background()
	w := newWorld(t, inMemory(t))
	defer func() { w.db.Close() }()
	token, id := w.grant("standard", people[0])
	next, err := w.refresh("standard", token, "")
	w.ok(err)
	pool, err := sql.Open("sqlite", "file:"+w.path)
	w.ok(err)
	_, err = pool.Exec("DELETE FROM keys WHERE use = 'derive'")
	w.ok(err)
	w.ok(pool.Close())
	w.ok(w.engine.Reload(ctx))
	w.ok(w.engine.Sweep(ctx))
	w.clock.pass(time.Second)
	w.ok(w.engine.Beat(ctx))

	if _, err := w.refresh("standard", token, ""); codeOf(err) != oauth.InvalidGrant {
		t.Fatalf("a successor that cannot be derived again: %v", err)
	}

	if state, err := w.db.Grant(ctx, id); err != nil || !state.Alive() {
		t.Fatal("it counts as reuse", err)
	}
	after, err := w.refresh("standard", next.RefreshToken, "")
	w.ok(err)
	again, err := w.refresh("standard", next.RefreshToken, "")
	w.ok(err)
	if again.RefreshToken != after.RefreshToken {
		t.Error("a second successor")
	}
}

func TestKeysAreRotatedAllOrNone(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, inMemory(t))
	defer func() { w.db.Close() }()
	w.start(&addKeysFails{w.db})

	_, err := oauth.RotateKeys(ctx, &addKeysFails{w.db}, w.clock.Wall(), device, oauth.RotatedUses...)

	if err == nil || codeOf(err) == oauth.InvalidGrant {
		t.Fatal(err)
	}
	if keys, _ := w.db.Keys(ctx); len(keys) != 5 {
		t.Errorf("%d keys", len(keys))
	}
	added, err := oauth.RotateKeys(ctx, w.db, w.clock.Wall(), device, oauth.RotatedUses...)
	if err != nil || len(added) != 5 {
		t.Fatal(added, err)
	}
}

// addKeysFails is a disk that is full when keys are added.
type addKeysFails struct{ oauth.Store }

func (addKeysFails) AddKeys(context.Context, []oauth.Key, map[string]time.Time, ...audit.Event) error {
	return errors.New("disk full")
}
