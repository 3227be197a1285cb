package oauth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"regrant/app/audit"
)

// RehearsalPerson is the id of the one person in the store of a rehearsal.
const RehearsalPerson = "rehearsal"

// OpenRehearsal gives a new, empty store in a place of its own, with an active person [RehearsalPerson]; close removes it
// with all that it holds. It must never be the store that the server works on.
type OpenRehearsal func(ctx context.Context) (store Store, close func() error, err error)

// Rehearsal is what an application of a client experiences under its policy.
type Rehearsal struct {
	Policy  Policy
	NoToken bool // sign-ins of this client get no refresh token, so there is nothing to rehearse
	Scenes  []Scene
}

// SceneName says what happens in a scene.
type SceneName string

// The scenes.
const (
	SceneRefresh     SceneName = "refresh"
	SceneTogether    SceneName = "together"     // two refreshes with one token at the same moment
	SceneLostSoon    SceneName = "lost_soon"    // the answer was lost, the app tries again soon
	SceneLostLate    SceneName = "lost_late"    // ... in the last second of the grace
	SceneLostTooLate SceneName = "lost_toolate" // ... just after it
	SceneRace        SceneName = "race"         // another part of the app comes with an old token
	SceneStolenOld   SceneName = "stolen_old"   // somebody else comes with an old token
	SceneStolenUsed  SceneName = "stolen_used"  // somebody else used the token before the app did
	SceneIdle        SceneName = "idle"
	SceneAbsolute    SceneName = "absolute"
)

// Scene is one thing that can happen to an application, played with a grant of its own.
type Scene struct {
	Name     SceneName
	Steps    []SceneStep
	SignedIn bool // afterwards the app can still refresh
	Revoked  bool // the grant was ended
	Intruder bool // somebody else holds a token that works
	TooLong  int  // refreshes that it would take; not played. 0: it was
	Events   []audit.Event
	Refusals []Refusal
	Counted  DayCount
}

// SceneAct says what a step of a scene is.
type SceneAct string

// The acts.
const (
	ActRefresh  SceneAct = "refresh"  // the app refreshes
	ActLost     SceneAct = "lost"     // the app refreshes, and the answer never reaches it
	ActAgain    SceneAct = "again"    // the app tries again with the same token
	ActTogether SceneAct = "together" // one of two at the same moment
	ActOld      SceneAct = "old"      // the app comes with a token that it has replaced
	ActIntruder SceneAct = "intruder" // somebody else comes with a copy, from another address and agent
	ActGoesOn   SceneAct = "goes_on"  // later, the app refreshes with the newest token that it has
)

// SceneStep is one request and its answer.
type SceneStep struct {
	Act      SceneAct
	After    time.Duration // since the step before
	Times    int           // how often it was done, each time so long after the one before; the last is told. 1: once
	Presents int           // the number of the token: 1 is the first of the scene
	Gets     int           // the number of the refresh token in the answer; 0: none
	Err      *Error        // nil: 200
}

// rehearsing is a rehearsal while it runs.
type rehearsing struct {
	store  *rehearsalStore
	engine *Server
	clock  *rehearsalClock
	client *Client
	secret string
}

// Rehearse plays what can happen to an application of c against the engine itself, over a store of its own and with a clock
// that it moves: nothing of what is done here reaches the server's data. now is where that clock begins. It ends with ctx.
func Rehearse(ctx context.Context, open OpenRehearsal, issuer string, c *Client, apis []API, now time.Time) (result *Rehearsal, err error) {
	result = &Rehearsal{Policy: c.Policy}
	if !GetsRefreshToken(c, c.Scope) {
		result.NoToken = true
		return result, nil
	}
	store, closeStore, err := open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the store of a rehearsal: %w", err)
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	r := &rehearsing{store: &rehearsalStore{Store: store}, clock: &rehearsalClock{wall: now}}
	if r.engine, err = New(ctx, Config{Issuer: issuer, Time: r.clock}, r.store); err != nil {
		return nil, err
	}
	if err := r.register(ctx, c, apis, now); err != nil {
		return nil, err
	}
	if r.client == nil {
		result.NoToken = true
		return result, nil
	}
	for _, s := range r.scenes() {
		scene, err := r.play(ctx, s.name, s.play)
		if err != nil {
			return nil, fmt.Errorf("rehearse %s: %w", s.name, err)
		}
		result.Scenes = append(result.Scenes, *scene)
	}
	return result, nil
}

// register makes a client like c, with a secret of its own, and the APIs whose scopes it may ask for.
func (r *rehearsing) register(ctx context.Context, c *Client, apis []API, now time.Time) (err error) {
	by := audit.Origin{Actor: audit.ByServer}
	for _, a := range apis {
		if len(a.Scope.Intersect(c.Scope)) == 0 {
			continue
		}
		a := API{Resource: a.Resource, Name: a.Name, Scope: a.Scope, AccessTokenFormat: a.AccessTokenFormat}
		if _, _, err := RegisterAPI(ctx, r.store, &a, now, by); err != nil {
			return err
		}
	}
	if err := r.engine.Reload(ctx); err != nil {
		return err
	}
	copied := *c
	copied.Secret, copied.OldSecret, copied.DisabledAt, copied.GrantsRevokedBefore = nil, nil, nil, nil
	copied.WebhookURL, copied.WebhookSecret, copied.OldWebhookSecret, copied.SecurityEventURL, copied.SecurityEventAuthorization = "", nil, nil, "", nil
	copied.DPoPRequired = false // rotation and reuse are the same with a key, and the actors have none
	if c.Public() {
		copied.Policy.RotationOff = false
	} else { // how it authenticates is not what this is about
		copied.AuthMethod = AuthBasic
		copied.dropKeys()
	}
	copied.Restricted, copied.Groups = false, nil // whoever signs in there may
	// An API may be gone by now that owned one of the scopes; a registration would be refused, a sign-in is not.
	copied.Scope = c.Scope.Intersect(r.engine.registry().known())
	if len(copied.Scope) == 0 {
		return nil // nobody can sign in to it
	}
	copied.RedirectURIs = slices.Clone(c.RedirectURIs)
	r.client = &copied
	r.secret, err = RegisterClient(ctx, r.store, r.client, now, by)
	return err
}

// rehearsalClock moves only when it is told to.
type rehearsalClock struct {
	mu   sync.Mutex
	wall time.Time
	mono time.Duration
}

func (c *rehearsalClock) Wall() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wall
}

func (c *rehearsalClock) Monotonic() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mono
}

func (c *rehearsalClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.mono = c.wall.Add(d), c.mono+d
}

// pass lets time pass as it does for a server that runs: each second is noticed as long as a window can be open.
func (r *rehearsing) pass(d time.Duration) {
	for passed := time.Duration(0); d > 0; {
		part := min(d, time.Second)
		if passed > 2*MaxGrace {
			part = d
		}
		r.clock.move(part)
		r.engine.Now()
		passed, d = passed+part, d-part
	}
}

// rehearsalStore remembers what an admin would find in the log.
type rehearsalStore struct {
	Store
	mu       sync.Mutex
	events   []audit.Event
	refusals []Refusal
	counted  DayCount
}

func (s *rehearsalStore) RevokeReused(ctx context.Context, state *RefreshState, class ReuseClass, at time.Time, event audit.Event) error {
	err := s.Store.RevokeReused(ctx, state, class, at, event)
	if err == nil {
		s.note(event)
	}
	return err
}

func (s *rehearsalStore) RevokeGrant(ctx context.Context, id string, reason RevokedReason, at time.Time, event audit.Event) (bool, error) {
	alive, err := s.Store.RevokeGrant(ctx, id, reason, at, event)
	if err == nil && alive {
		s.note(event)
	}
	return alive, err
}

func (s *rehearsalStore) WriteBehind(ctx context.Context, b *Behind) error {
	s.mu.Lock()
	s.events, s.refusals = append(s.events, b.Events...), append(s.refusals, b.Refusals...)
	for _, c := range b.Days {
		s.counted = DayCount{s.counted.Rotations + c.Rotations, s.counted.Replays + c.Replays, s.counted.Refusals + c.Refusals}
	}
	s.mu.Unlock()
	return s.Store.WriteBehind(ctx, b)
}

func (s *rehearsalStore) note(e audit.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// take gives what was noted since the last time.
func (s *rehearsalStore) take() (events []audit.Event, refusals []Refusal, counted DayCount) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events, refusals, counted = s.events, s.refusals, s.counted
	s.events, s.refusals, s.counted = nil, nil, DayCount{}
	return events, refusals, counted
}
