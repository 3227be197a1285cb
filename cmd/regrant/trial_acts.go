package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"regrant/app/oauth"
)

// trial tries an application.
type trial struct {
	server *trialServer
	app    trialApp
	calls  int                                        // at once
	byHand bool                                       // somebody has to be asked to sign in
	pause  func(context.Context, time.Duration) error // lets time pass
	slow   time.Duration                              // how long answers to calls at once are held back, so that they really meet
	tell   func(trialResult)                          // nil: nobody waits for each
}

// trialOutcome is what a trial came to.
type trialOutcome string

// The outcomes.
const (
	trialPassed  trialOutcome = "passed"
	trialWarning trialOutcome = "warning" // it works here, and would not everywhere
	trialFailed  trialOutcome = "failed"
)

// trialResult is what one trial came to.
type trialResult struct {
	Name    string       `json:"trial"`
	Outcome trialOutcome `json:"outcome"`
	Seen    string       `json:"seen"`
	Advice  string       `json:"advice,omitempty"`
}

func (v trialResult) print(w io.Writer) {
	fmt.Fprintf(w, "%-8s %-18s %s\n", v.Outcome, v.Name, v.Seen)
	if v.Advice != "" {
		fmt.Fprintf(w, "%28s%s\n", "", v.Advice)
	}
}

func passed(seen string, args ...any) trialResult {
	return trialResult{Outcome: trialPassed, Seen: fmt.Sprintf(seen, args...)}
}

func warned(advice, seen string, args ...any) trialResult {
	return trialResult{Outcome: trialWarning, Seen: fmt.Sprintf(seen, args...), Advice: advice}
}

func failed(advice, seen string, args ...any) trialResult {
	return trialResult{Outcome: trialFailed, Seen: fmt.Sprintf(seen, args...), Advice: advice}
}

// run tries everything, one after the other. An application that a trial has signed out is signed in again before the next. The error is
// why the test could not go on, which is no verdict about the application.
func (t *trial) run(ctx context.Context) (results []trialResult, err error) {
	acts := []struct {
		name string
		does func(context.Context) (trialResult, error)
	}{
		{"sign-in", t.signsIn},
		{"expiry", t.expires},
		{"storing", t.stores},
		{"parallel refresh", t.refreshesAtOnce},
		{"lost response", t.losesAnswer},
		{"server away", t.isAlone},
		{"replay", t.isReplayed},
		{"sign-in again", t.signsInAgain},
	}
	for i, act := range acts {
		mark := t.server.door.mark()
		var r trialResult
		err := error(nil)
		if i > 0 {
			err = t.recover(ctx, results[i-1].Outcome == trialFailed)
		}
		if ctx.Err() != nil {
			return results, ctx.Err()
		}
		if err != nil {
			r, err = failed("The trials after one that fails begin with another sign-in.", "the application could not be signed in again: %v", err), nil
		} else {
			r, err = act.does(ctx)
		}
		t.server.door.spoil(0, false, 0)
		if err != nil {
			return results, err
		}
		if r.Outcome == trialPassed {
			r = t.doubt(r, t.server.door.since(mark))
		}
		r.Name = act.name
		results = append(results, r)
		if t.tell != nil {
			t.tell(r)
		}
		if i == 0 && r.Outcome == trialFailed {
			break // nobody is signed in
		}
	}
	return results, nil
}

// recover signs in again after a trial that failed, or that has cost the sign-in, so that the next one begins as every one should.
func (t *trial) recover(ctx context.Context, failed bool) error {
	if (!failed || t.byHand) && t.app.call(ctx).ok {
		return nil
	}
	if err := t.app.signIn(ctx); err != nil {
		return err
	}
	if c := t.app.call(ctx); !c.ok {
		return errors.New(c.what)
	}
	return nil
}

// doubt looks for what an application does wrong without any harm here.
func (t *trial) doubt(r trialResult, seen []trialRefresh) trialResult {
	for _, s := range seen {
		if s.generation == -1 {
			return warned("The token endpoint gets tokens that it did not give to this sign-in: of another one, or something else.", "%s; but it presented an unknown refresh token", r.Seen)
		}
	}
	return r
}

// expire lets the access token expire.
func (t *trial) expire(ctx context.Context) error {
	return t.pause(ctx, t.server.client.Policy.AccessTokenLifetime+time.Second)
}

func (t *trial) signsIn(ctx context.Context) (trialResult, error) {
	if err := t.app.signIn(ctx); err != nil {
		return trialResult{}, err
	}
	chain, _ := t.server.door.tokens()
	if len(chain) == 0 {
		return failed("Ask for the scope offline_access, and for consent to it (prompt=consent), if the client gets refresh tokens for that scope only.", "the application was given no refresh token"), nil
	}
	if c := t.app.call(ctx); !c.ok {
		return failed("A call must work right after the sign-in, or nothing can be seen. Is it the right one?", "the first call did not work: %s", c.what), nil
	}
	return passed("it has signed in, and a call works"), nil
}

// expires looks for a refresh once the access token has expired.
func (t *trial) expires(ctx context.Context) (trialResult, error) {
	if err := t.expire(ctx); err != nil {
		return trialResult{}, err
	}
	mark := t.server.door.mark()
	c := t.app.call(ctx)
	seen := t.server.door.since(mark)
	switch {
	case len(seen) == 0 && c.ok:
		return failed("Call something that needs an access token; or the application does not look at expires_in and goes on with a token that has expired.",
			"the call worked, and the application has not refreshed"), nil
	case len(seen) == 0:
		return failed("When the access token expires, use the refresh token (RFC 6749 section 6); do not send the person to sign in.", "it has not refreshed: %s", c.what), nil
	case !c.ok:
		return failed("After a refresh, the call must be made with the new access token.", "it has refreshed, and the call did not work: %s", c.what), nil
	case len(seen) > 1:
		return warned("One refresh for each expiry is enough.", "one call took %d refreshes", len(seen)), nil
	}
	return passed("one refresh, and the call works"), nil
}

// stores looks whether the application keeps the refresh token that replaces the one it has used.
func (t *trial) stores(ctx context.Context) (trialResult, error) {
	for round := 1; round <= 3; round++ {
		if err := t.expire(ctx); err != nil {
			return trialResult{}, err
		}
		mark := t.server.door.mark()
		c := t.app.call(ctx)
		for _, s := range t.server.door.since(mark) {
			if s.generation >= 0 && s.generation < s.newest {
				return failed("Every answer of the token endpoint may bring another refresh token; store it before anything else, and use it the next time (RFC 9700 section 4.14).",
					"it presented a refresh token that had been replaced"), nil
			}
		}
		if !c.ok {
			return failed("The sign-in has to last for as many refreshes as there are.", "the call after refresh %d did not work: %s", round, c.what), nil
		}
	}
	return passed("three expiries, and each time the newest refresh token"), nil
}

// refreshesAtOnce makes calls that all find the access token expired.
func (t *trial) refreshesAtOnce(ctx context.Context) (trialResult, error) {
	if err := t.expire(ctx); err != nil {
		return trialResult{}, err
	}
	mark := t.server.door.mark()
	t.server.door.spoil(0, false, t.slow)
	bad := t.atOnce(ctx)
	seen := t.server.door.since(mark)
	t.server.door.spoil(0, false, 0)
	after := t.app.call(ctx)
	switch {
	case len(bad) > 0:
		return failed("Let one refresh, and the other calls wait for what it gets.", "%d of %d calls at once did not work: %s", len(bad), t.calls, bad[0].what), nil
	case !after.ok:
		return failed("Whoever is last must not store a token that is older than what is there.", "%d calls at once worked, and the one after them did not: %s", t.calls, after.what), nil
	case len(seen) > 1:
		return warned("Let one refresh, and the other calls wait for what it gets. Here the grace of the policy carries it; a strict one would have ended the grant.",
			"%d calls at once made %d refreshes", t.calls, len(seen)), nil
	}
	return passed("%d calls at once made %s", t.calls, refreshes(len(seen))), nil
}

func refreshes(n int) string {
	if n == 1 {
		return "one refresh"
	}
	return fmt.Sprintf("%d refreshes", n)
}

// atOnce gives the calls that did not work.
func (t *trial) atOnce(ctx context.Context) (bad []trialCall) {
	all := make(chan trialCall, t.calls)
	for range t.calls {
		go func() { all <- t.app.call(ctx) }()
	}
	for range t.calls {
		if c := <-all; !c.ok {
			bad = append(bad, c)
		}
	}
	return bad
}

// tries is how often a call is made again after a fault.
const tries = 3

// afterFault calls until it works, with a second between. failed is how many did not.
func (t *trial) afterFault(ctx context.Context) (last trialCall, failed int, err error) {
	for failed = 0; failed < tries; failed++ {
		if failed > 0 {
			if err := t.pause(ctx, time.Second); err != nil {
				return last, failed, err
			}
		}
		if last = t.app.call(ctx); last.ok {
			return last, failed, nil
		}
	}
	return last, failed, nil
}

// losesAnswer cuts the connection after the server has replaced the refresh token.
func (t *trial) losesAnswer(ctx context.Context) (trialResult, error) {
	if err := t.expire(ctx); err != nil {
		return trialResult{}, err
	}
	mark := t.server.door.mark()
	t.server.door.spoil(1, false, 0)
	last, wrong, err := t.afterFault(ctx)
	if err != nil {
		return trialResult{}, err
	}
	const advice = "When no answer comes, try again soon with the same refresh token: within the grace of the policy the server answers with the same successor. It is no reason to sign anybody out."
	lost := 0
	seen := t.server.door.since(mark)
	for _, s := range seen {
		if s.status == 0 {
			lost++
		}
	}
	switch {
	case lost == 0 && len(seen) > 0:
		return failed("The refresh token of the last answer is the only one that counts.", "no answer could be lost, since the refresh was refused with %s", seen[0].err), nil
	case lost == 0:
		return failed(advice, "there was no refresh whose answer could be lost"), nil
	case !last.ok && t.server.client.Policy.Grace == 0:
		return warned("Without a grace the server cannot tell a lost answer from a thief. Give the client one, unless signing in again is what you want.",
			"the answer to a refresh was lost, which under this policy ends the grant: %s", last.what), nil
	case !last.ok:
		return failed(advice, "the answer to a refresh was lost, and then %d calls did not work: %s", wrong, last.what), nil
	case wrong > 0:
		return warned("Try again within the call; the person need not notice.", "the answer to a refresh was lost; %s not work, and the next did", countCalls(wrong)), nil
	}
	return passed("the answer to a refresh was lost; it tried again, and the call works"), nil
}

func countCalls(n int) string {
	if n == 1 {
		return "one call did"
	}
	return fmt.Sprintf("%d calls did", n)
}

// hasty is how many requests during one call are too many for a server that is out of order.
const hasty = 10

// isAlone lets the token endpoint answer with 503 for the time of a call.
func (t *trial) isAlone(ctx context.Context) (trialResult, error) {
	if err := t.expire(ctx); err != nil {
		return trialResult{}, err
	}
	mark := t.server.door.mark()
	t.server.door.spoil(0, true, 0)
	during := t.app.call(ctx)
	seen := t.server.door.since(mark)
	t.server.door.spoil(0, false, 0)
	last, _, err := t.afterFault(ctx)
	if err != nil {
		return trialResult{}, err
	}
	const advice = "A status of 500 or more says nothing about the refresh token; keep it and try again later. Only invalid_grant is an end."
	switch {
	case during.out:
		return failed(advice, "the token endpoint answered 503, and the person was asked to sign in: %s", during.what), nil
	case !last.ok:
		return failed(advice, "the token endpoint had answered 503, and works again, but the application does not: %s", last.what), nil
	case len(seen) == 0:
		return failed(advice, "there was no refresh while the token endpoint was out of order"), nil
	case len(seen) > hasty:
		return warned("Wait as long as Retry-After says, and longer each time.", "it asked %d times in one call while the token endpoint answered 503", len(seen)), nil
	case during.ok:
		return passed("the token endpoint answered 503; the application went on"), nil
	}
	return passed("the token endpoint answered 503; the call did not work (%s), and the next did", during.what), nil
}

// isReplayed presents an old refresh token, as a thief would, and so ends the grant. Where that does not, an admin does.
func (t *trial) isReplayed(ctx context.Context) (trialResult, error) {
	how, err := t.endGrant(ctx)
	if err != nil {
		return trialResult{}, err
	}
	if err := t.expire(ctx); err != nil {
		return trialResult{}, err
	}
	mark := t.server.door.mark()
	first := t.app.call(ctx)
	if err := t.pause(ctx, time.Second); err != nil {
		return trialResult{}, err
	}
	second := t.app.call(ctx)
	dead := 0
	for _, s := range t.server.door.since(mark) {
		if s.dead() {
			dead++
		}
	}
	const advice = "When a refresh answers invalid_grant, forget the tokens and ask the person to sign in, once."
	switch {
	case first.ok || second.ok:
		return failed(advice, "%s, and the application went on as if nothing had happened", how), nil
	case dead == 0:
		return failed(advice, "%s, and the application has not noticed by a refresh: %s", how, first.what), nil
	case dead > 1:
		return warned(advice, "%s; the application presented the dead refresh token %d times", how, dead), nil
	case strings.HasPrefix(first.what, "5"):
		return warned(advice, "%s; the application shows a fault instead of asking to sign in: %s", how, first.what), nil
	}
	return passed("%s; the application asks for another sign-in (%s)", how, first.what), nil
}

// endGrant ends the grant of the application, and says how.
func (t *trial) endGrant(ctx context.Context) (how string, err error) {
	c := t.server.client
	if chain, _ := t.server.door.tokens(); len(chain) > 2 && c.AuthMethod != oauth.AuthPrivateKeyJWT {
		// The one before the last may be answered still; of one that is older there is no honest use.
		if _, _, err := t.server.askToken(ctx, t.server.site, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {chain[len(chain)-3]}}); err != nil {
			return "", err
		}
		state, err := t.server.askTokenState(ctx)
		if err != nil || !state {
			return "an old refresh token was replayed, which ended the grant", err
		}
	}
	return "the grant was revoked", t.server.endGrants(ctx)
}

// askTokenState says whether the client has a grant that is alive.
func (s *trialServer) askTokenState(ctx context.Context) (alive bool, err error) {
	grants, err := s.store.Grants(ctx, oauth.GrantFilter{ClientID: s.client.ID, Limit: 1000})
	if err != nil {
		return false, err
	}
	for _, g := range grants {
		if g.Alive() {
			return true, nil
		}
	}
	return false, nil
}

// signsInAgain looks whether another sign-in mends everything.
func (t *trial) signsInAgain(ctx context.Context) (trialResult, error) {
	if err := t.server.endGrants(ctx); err != nil {
		return trialResult{}, err
	}
	if err := t.app.signIn(ctx); err != nil {
		return failed("After the end of a grant people must be able to sign in again.", "another sign-in is not possible: %v", err), nil
	}
	if c := t.app.call(ctx); !c.ok {
		return failed("A new sign-in has to replace all that was stored of the old one.", "after another sign-in the call did not work: %s", c.what), nil
	}
	if err := t.expire(ctx); err != nil {
		return trialResult{}, err
	}
	mark := t.server.door.mark()
	if c := t.app.call(ctx); !c.ok {
		return failed("A new sign-in has to replace all that was stored of the old one.", "the refresh after another sign-in did not work: %s", c.what), nil
	}
	for _, s := range t.server.door.since(mark) {
		if s.status != http.StatusOK {
			return failed("A new sign-in has to replace all that was stored of the old one.", "after another sign-in it presented a refresh token that was refused: %s", s.err), nil
		}
	}
	return passed("another sign-in, and calls and refreshes work again"), nil
}
