package oauth_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
)

// ending is a way in which a grant ends while somebody refreshes it.
type ending struct {
	rounds   int                   // 0: 1000
	begin    func(w *world)        // once
	owner    func(w *world) string // of each round's grant; nil: ann
	client   func(w *world) string // of each round's grant; nil: standard
	online   bool                  // the grant has no offline_access, and hangs on a browser session
	end      func(w *world, person, grant, token string) error
	again    func(w *world, person string) // makes the next round possible
	suspends bool                          // the grant lives, and is refused for as long as that is so
	refusal  oauth.Code                    // "": invalid_grant
	reason   oauth.RevokedReason           // "" where the rows have not followed yet
}

// endings are all ways by which people, admins, clients and commands end grants (T21, T23 to T27, T31, T32, T34, T35, T38, T39).
func endings() map[string]ending {
	ctx := context.Background()
	staff := func(lost oauth.OnAccessLost) func(w *world) {
		return func(w *world) {
			w.staff = w.group("staff", "", "ann")
			w.limit("standard", w.staff)
			_, err := oauth.ChangeClient(ctx, w.db, "standard", func(c *oauth.Client) error { c.Policy.OnAccessLost = lost; return nil }, w.clock.Wall(), device)
			w.ok(err)
		}
	}
	leave := func(w *world, person, _, _ string) error {
		_, err := w.groups().Remove(ctx, w.staff, []string{person}, device, w.clock.Wall())
		return err
	}
	comeBack := func(w *world, person string) { w.join(w.staff, person) }
	var link []byte // the hash of each round's
	sendLink := func(w *world, person string) {
		link = []byte(rand.Text())
		l := account.Link{ID: rand.Text(), Kind: account.LinkReset, PersonID: person, CreatedAt: w.clock.Wall(), ExpiresAt: w.clock.Wall().Add(time.Hour)}
		w.ok(w.db.PutLink(ctx, l, link, w.event(audit.ResetLinkCreated)))
	}
	var app string // the client of each round
	disable := func(w *world, disabled bool) error {
		_, err := oauth.SetClientDisabled(ctx, w.db, "standard", disabled, w.clock.Wall(), device)
		return err
	}
	return map[string]ending{
		"revoked by the client": {
			end: func(w *world, _, _, token string) error {
				return w.engine.Revoke(ctx, w.credentials("standard"), token, device)
			},
			reason: oauth.RevokedClient,
		},
		"ended by an admin": {
			reason: oauth.RevokedAdmin,
			end: func(w *world, _, grant, _ string) error {
				_, err := w.db.RevokeGrant(ctx, grant, oauth.RevokedAdmin, w.clock.Wall(), w.event(audit.GrantRevoked))
				return err
			},
		},
		"reported by the person": {
			reason: oauth.RevokedReported,
			end: func(w *world, person, grant, _ string) error {
				return w.db.ReportGrant(ctx, person, grant, "this browser", w.event(audit.GrantReported))
			},
		},
		"everything of the client is revoked": {
			end: func(w *world, _, _, _ string) error {
				_, err := w.db.RevokeGrantsOf(ctx, "", "standard", oauth.RevokedAdmin, w.clock.Wall(), w.event(audit.GrantRevoked))
				return err
			},
		},
		"the person is disabled": {
			end: func(w *world, person, _, _ string) error {
				return w.db.DisablePerson(ctx, person, w.event(audit.PersonDisabled))
			},
			again: func(w *world, person string) { w.ok(w.db.EnablePerson(ctx, person, w.event(audit.PersonEnabled))) },
		},
		"the person is deleted": {
			owner: func(w *world) string { return w.somebody() },
			end: func(w *world, person, _, _ string) error {
				return w.db.DeletePerson(ctx, person, w.event(audit.PersonDeleted))
			},
		},
		"the person changes the password": {
			reason: oauth.RevokedPassword,
			end: func(w *world, person, _, _ string) error {
				c := account.PasswordChange{PersonID: person, SessionID: "this browser", EndOthers: true}
				return w.db.ChangePassword(ctx, c, "x", "x", account.Guess{}, w.event(audit.PasswordChanged))
			},
		},
		"the password is reset": {
			end: func(w *world, person, _, _ string) error {
				return w.db.ResetPassword(ctx, person, "x", account.Guess{}, w.event(audit.PasswordChanged))
			},
		},
		"the password is reset by a link": {
			begin: func(w *world) { sendLink(w, "ann") },
			end: func(w *world, person, _, _ string) error {
				e := w.event(audit.PasswordChanged)
				e.PersonID = person
				return w.db.ResetByLink(ctx, account.LinkReset, link, "x", account.Guess{}, nil, "", e)
			},
			again: sendLink,
		},
		"another password is required": {
			online: true, reason: oauth.RevokedLogout,
			end: func(w *world, person, _, _ string) error {
				return w.db.ExpirePassword(ctx, person, w.event(audit.PasswordExpired))
			},
			again: func(w *world, person string) {
				w.ok(w.db.ChangePassword(ctx, account.PasswordChange{PersonID: person}, "x", "x", account.Guess{}, w.event(audit.PasswordChanged)))
			},
		},
		"the person signs out": {
			rounds: 250, online: true, reason: oauth.RevokedLogout,
			end: func(w *world, person, _, _ string) error {
				return w.db.EndSession(ctx, person, w.session, w.event(audit.SignedOut))
			},
		},
		"the person signs out elsewhere": {
			rounds: 250, online: true, reason: oauth.RevokedLogout,
			end: func(w *world, person, _, _ string) error {
				_, err := w.db.EndOtherSessions(ctx, person, "this browser", w.event(audit.SessionEnded))
				return err
			},
		},
		"the second factors are reset": {
			begin: func(w *world) { w.enrol("ann") },
			end: func(w *world, person, _, _ string) error {
				return w.db.ResetFactors(ctx, person, w.event(audit.FactorReset))
			},
			again: func(w *world, person string) { w.enrol(person) },
		},
		"the person removes a factor": {
			begin: func(w *world) { w.enrol("ann") },
			end: func(w *world, person, _, _ string) error {
				return w.db.RemoveTOTP(ctx, account.FactorRemoval{PersonID: person, SessionID: "this browser"}, w.event(audit.FactorRemoved))
			},
			again: func(w *world, person string) { w.enrol(person) },
		},
		"the person removes a passkey": {
			begin: func(w *world) { w.addPasskey("ann") },
			end: func(w *world, person, _, _ string) error {
				return w.db.RemovePasskey(ctx, account.PasskeyRemoval{PersonID: person, PasskeyID: "key", SessionID: "this browser"}, w.event(audit.FactorRemoved))
			},
			again: func(w *world, person string) { w.addPasskey(person) },
		},
		"consent is withdrawn": {
			reason: oauth.RevokedConsent,
			end: func(w *world, person, _, _ string) error {
				return w.db.WithdrawConsent(ctx, person, "standard", w.clock.Wall(), w.event(audit.ConsentWithdrawn))
			},
		},
		"access is lost, and comes back": {
			begin: staff(oauth.AccessLostSuspends), end: leave, again: comeBack, suspends: true,
		},
		"access is lost for good": {
			begin: staff(oauth.AccessLostRevokes), end: leave, again: comeBack, reason: oauth.RevokedAccessLost,
		},
		"the group is deleted": {
			begin: staff(oauth.AccessLostRevokes), reason: oauth.RevokedAccessLost,
			end: func(w *world, _, _, _ string) error { return w.groups().Delete(ctx, w.staff, device, w.clock.Wall()) },
			again: func(w *world, person string) {
				w.staff = w.group("staff", "", person)
				w.limit("standard", w.staff)
			},
		},
		"the client is limited to a group": {
			begin: func(w *world) { w.staff = w.group("staff", "", "bob") }, suspends: true,
			end: func(w *world, _, _, _ string) error { return w.tryLimit("standard", w.staff) },
			again: func(w *world, _ string) {
				_, err := oauth.ChangeClient(ctx, w.db, "standard", func(c *oauth.Client) error { c.Restricted, c.Groups = false, nil; return nil }, w.clock.Wall(), device)
				w.ok(err)
			},
		},
		"the client is disabled": {
			rounds: 250, suspends: true, refusal: oauth.UnauthorizedClient,
			end:   func(w *world, _, _, _ string) error { return disable(w, true) },
			again: func(w *world, _ string) { w.ok(disable(w, false)) },
		},
		"the client is deleted": {
			rounds: 250, refusal: oauth.InvalidClient,
			client: func(w *world) string { app = w.register(); return app },
			end: func(w *world, _, _, _ string) error {
				return w.db.DeleteClient(ctx, app, w.event(audit.ClientDeleted))
			},
		},
	}
}

func TestWhatARefreshMakesDiesWithItsGrant(t *testing.T) { // RT-17, T39
	for name, e := range endings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, inMemory(t))
			defer w.close()
			if e.begin != nil {
				e.begin(w)
			}
			if e.refusal == "" {
				e.refusal = oauth.InvalidGrant
			}
			for round := range rounds(cmp.Or(e.rounds, 1000)) {
				e.race(w, round)
				w.clock.pass(1000) // a new grant is younger than what was revoked
			}
		})
	}
}

// race ends a grant while it is refreshed, and wants nothing of it to work afterwards.
func (e *ending) race(w *world, round int) {
	w.Helper()
	person, client := "ann", "standard"
	if e.owner != nil {
		person = e.owner(w)
	}
	if e.client != nil {
		client = e.client(w)
	}
	if e.online {
		w.session = w.signIn(person)
	}
	first, err := w.redeem(client, person)
	w.ok(err)
	token, id := first.RefreshToken, w.seenByAPI(first.AccessToken).GrantID
	var ended error
	answers := w.presentAtOnce(1+round%4, client, token, func() { ended = e.end(w, person, id, token) })
	w.ok(ended)
	state := w.state(id)
	if alive := state.Alive() && state.ClientVersion > 0; alive != e.suspends || e.reason != "" && state.RevokedReason != e.reason {
		w.Fatalf("round %d: alive %v, revoked for %q", round, alive, state.RevokedReason)
	}
	tokens, access := []string{token}, first.AccessToken
	for _, p := range answers {
		if p.err == nil {
			if access = p.response.AccessToken; w.seenByAPI(access).Active {
				w.Fatalf("round %d: an access token outlives its grant", round)
			}
			if !slices.Contains(tokens, p.response.RefreshToken) {
				tokens = append(tokens, p.response.RefreshToken)
			}
		} else if code := codeOf(p.err); code != e.refusal {
			w.Fatalf("round %d: %v", round, p.err)
		}
	}
	if access == first.AccessToken && w.seenByAPI(access).Active {
		w.Fatalf("round %d: the first access token outlives its grant", round)
	}
	newest := tokens[len(tokens)-1]
	if e.refusal == oauth.InvalidGrant && w.active(client, newest) { // else the client is told nothing
		w.Fatalf("round %d: a refresh token outlives its grant", round)
	}
	for _, presented := range tokens {
		if _, err := w.refresh(client, presented, ""); codeOf(err) != e.refusal {
			w.Fatalf("round %d: afterwards %v", round, err)
		}
	}
	if e.again != nil {
		e.again(w, person)
	}
	if e.suspends {
		if _, err := w.refresh(client, newest, ""); err != nil {
			w.Fatalf("round %d: it does not work again: %v", round, err)
		}
	}
}

// seenByAPI is what the API of the world is told of an access token.
func (w *world) seenByAPI(token string) *oauth.Introspection {
	w.Helper()
	answer, err := w.engine.Introspect(context.Background(), w.credentials(w.secret["api.id"]), token, device)
	w.ok(err)
	return answer
}

// register makes a client.
func (w *world) register() string {
	w.Helper()
	c := oauth.Client{Name: "App", RedirectURIs: []string{"https://app.test/cb"}, Scope: oauth.Scope{"read", "write", "offline_access"}}
	secret, err := oauth.RegisterClient(context.Background(), w.db, &c, w.clock.Wall(), device)
	w.ok(err)
	w.secret[c.ID] = secret
	return c.ID
}

// signIn begins a browser session of a person, and gives its id.
func (w *world) signIn(person string) string {
	w.Helper()
	now := w.clock.Wall()
	p, err := w.db.PersonByID(context.Background(), person)
	w.ok(err)
	r := account.SessionRecord{Deadline: now.Add(24 * time.Hour), Session: account.Session{ID: rand.Text(), PersonID: person, AuthTime: now, CreatedAt: now, Ended: p.SessionsEnded}}
	b, err := json.Marshal(r)
	w.ok(err)
	w.ok(w.db.SessionStore(w.clock.Wall).CommitCtx(context.Background(), "token of "+r.Session.ID, b, r.Deadline))
	return r.Session.ID
}

// somebody is a new person.
func (w *world) somebody() string {
	w.Helper()
	id := rand.Text()
	p := account.Person{ID: id, Email: id + "@example.com", Name: id, Role: account.RolePerson, PasswordHash: "x", CreatedAt: w.clock.Wall()}
	w.ok(w.db.CreatePerson(context.Background(), p, w.event(audit.PersonCreated)))
	return id
}

// enrol gives a person an authenticator app.
func (w *world) enrol(person string) {
	w.Helper()
	w.ok(w.db.AddTOTP(context.Background(), account.NewFactor{
		PersonID: person, TOTP: &account.TOTP{Secret: []byte("sealed")}, Recovery: [][]byte{{1}}, Events: []audit.Event{w.event(audit.FactorAdded)},
	}))
}

// addPasskey gives a person the passkey "key".
func (w *world) addPasskey(person string) {
	w.Helper()
	w.ok(w.db.AddPasskey(context.Background(), account.NewFactor{
		PersonID: person, Passkey: &account.Passkey{ID: "key", PersonID: person, CredentialID: []byte(rand.Text()), Name: "key", Record: []byte("{}"), CreatedAt: w.clock.Wall()},
		Challenge: account.Challenge{Hash: []byte(rand.Text()), ExpiresAt: w.clock.Wall().Add(time.Minute)}, Recovery: [][]byte{{1}}, Events: []audit.Event{w.event(audit.FactorAdded)},
	}))
}
