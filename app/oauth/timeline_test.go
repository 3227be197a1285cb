package oauth_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

func TestTheLifeOfAGrantCountsWhatTheRingHasForgotten(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	token, id := w.grant("standard", "ann")
	refresh := func() {
		response, err := w.refresh("standard", token, "")
		w.ok(err)
		token = response.RefreshToken
	}
	for range 10 {
		refresh()
		w.clock.pass(time.Minute)
	}
	w.clock.pass(24 * time.Hour)
	for range 20 {
		refresh()
		w.clock.pass(time.Minute)
	}

	life, err := w.engine.Life(context.Background(), w.db, id)
	w.ok(err)

	var days []oauth.Entry
	var generations []uint32
	for i, e := range life.Entries {
		if i > 0 && e.At.Before(life.Entries[i-1].At) {
			t.Errorf("entry %d is out of order", i)
		}
		switch e.Kind {
		case oauth.EntryDay:
			days = append(days, e)
		case oauth.EntryRotated:
			generations = append(generations, *e.Generation)
			if e.IP != device.IP || e.UserAgent != device.UserAgent {
				t.Errorf("generation %d came from %q, %q", *e.Generation, e.IP, e.UserAgent)
			}
		}
	}
	if life.Entries[0].Kind != oauth.EntrySignedIn || life.Ended != "" {
		t.Errorf("it begins with %s and has ended %q", life.Entries[0].Kind, life.Ended)
	}
	if len(days) != 2 || days[0].Count.Rotations != 10 || days[1].Count.Rotations != 4 {
		t.Errorf("days: %+v", days)
	}
	if len(generations) != 16 || generations[0] != 15 || generations[15] != 30 {
		t.Errorf("generations: %v", generations)
	}
}

func TestALifeTellsFromWhereEachRefreshCame(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	token, id := w.grant("standard", "ann")
	for _, by := range []audit.Origin{{IP: "192.0.2.1", UserAgent: "app/1.0"}, {IP: "192.0.2.2", UserAgent: "app/1.0"}, {IP: "192.0.2.2", UserAgent: "app/2.0"}} {
		w.clock.pass(time.Minute)
		response, err := w.engine.Token(context.Background(), oauth.TokenRequest{Client: w.credentials("standard"), GrantType: oauth.GrantRefreshToken, RefreshToken: token, By: by})
		w.ok(err)
		token = response.RefreshToken
	}

	life, err := w.engine.Life(context.Background(), w.db, id)
	w.ok(err)

	var got []string
	for _, e := range life.Entries {
		if e.Kind == oauth.EntryRotated {
			got = append(got, e.IP+" "+e.UserAgent)
		} else if e.Kind != oauth.EntrySignedIn {
			t.Errorf("a refresh is told twice: %+v", e)
		}
	}
	if want := []string{"192.0.2.1 app/1.0", "192.0.2.2 app/1.0", "192.0.2.2 app/2.0"}; len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("%q", got)
	}
}

func TestALifeSaysHowItEnded(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	ctx := context.Background()
	last := func(id string) (oauth.Entry, oauth.Rule) {
		life, err := w.engine.Life(ctx, w.db, id)
		w.ok(err)
		return life.Entries[len(life.Entries)-1], life.Ended
	}

	_, covered := w.grant("standard", "bob")
	_, err := w.db.RevokeGrantsOf(ctx, "bob", "", oauth.RevokedPassword, w.clock.Wall(), w.event(audit.GrantRevoked))
	w.ok(err)
	if e, rule := last(covered); e.Kind != oauth.EntryRevoked || rule != oauth.RuleTokenCovered {
		t.Errorf("covered: %s %s", e.Kind, rule)
	}

	token, reused := w.grant("strict", "ann")
	present := func(token, request string) (*oauth.TokenResponse, error) {
		by := device
		by.RequestID = request
		return w.engine.Token(ctx, oauth.TokenRequest{Client: w.credentials("strict"), GrantType: oauth.GrantRefreshToken, RefreshToken: token, By: by})
	}
	response, err := present(token, "first")
	w.ok(err)
	if _, err = present(token, "second"); err == nil {
		t.Fatal("no refusal")
	}
	e, rule := last(reused)
	if e.Kind != oauth.EntryReused || rule != oauth.RuleTokenRevoked || e.Reuse.Class != oauth.ReuseLostResponse || e.Reuse.Generation != 0 || e.Reuse.Of != 1 ||
		!e.Reuse.SameAddress || !e.Reuse.SameAgent || e.Reuse.Superseded == nil {
		t.Errorf("reused: %+v %+v", e, e.Reuse)
	}
	w.clock.pass(time.Second)
	_, err = present(response.RefreshToken, "third")
	if e, _ := last(reused); err == nil || e.Kind != oauth.EntryRefused || e.Rule != oauth.RuleTokenRevoked {
		t.Errorf("after the end: %+v", e)
	}

	_, idle := w.grant("short-lived", "ann")
	w.clock.pass(2 * time.Hour)
	if e, rule := last(idle); e.Kind != oauth.EntryExpired || e.Reason != "idle" || rule != oauth.RuleTokenIdle || !e.At.Before(w.clock.Wall()) {
		t.Errorf("idle: %+v", e)
	}
	if _, err := w.engine.Life(ctx, w.db, "nobody's"); !errors.Is(err, oauth.ErrNotFound) {
		t.Error(err)
	}
}
