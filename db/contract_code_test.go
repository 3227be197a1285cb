package db_test

import (
	"fmt"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

func pendingRequest(id string, at time.Time) *oauth.AuthorizationRequest {
	maxAge := 300
	return &oauth.AuthorizationRequest{
		ID: id, BrowserHash: []byte("browser"), ClientID: "client",
		Parameters: oauth.Parameters{
			RedirectURI: "https://a.example/cb", State: "st\xff\x00 <ate>", Scope: oauth.Scope{"openid", "read"}, ScopeAsked: true,
			Resources: []string{"https://api.example"}, Nonce: "no\xfence", CodeChallenge: "challenge", PromptLogin: true, MaxAge: &maxAge,
			LoginHint: "ann\xf0@example.com", UILocales: "de-AT en", HintedPersonID: "p",
		},
		CreatedAt: at, ExpiresAt: at.Add(time.Hour),
	}
}

const pendingRows = "SELECT COUNT(*) FROM authorization_requests"

var requestRules = map[string]func(*world){
	"every member comes back as it was written, bytes that are no text too": func(w *world) {
		r := pendingRequest("r", start)
		w.ok(w.SaveAuthorizationRequest(w.Context(), r, 10))
		same(w.T, must(w.AuthorizationRequest(w.Context(), "r")), r)
		_, err := w.AuthorizationRequest(w.Context(), "x")
		w.want(err, oauth.ErrNotFound)
	},
	"its parameters change for the same browser only, and an id is saved once": func(w *world) {
		r := pendingRequest("r", start)
		w.ok(w.SaveAuthorizationRequest(w.Context(), r, 10))
		r.AccountSelected = true
		w.ok(w.ChangeAuthorizationRequest(w.Context(), r))

		other := pendingRequest("r", start)
		other.BrowserHash, other.State = []byte("other"), "stolen"
		w.want(w.SaveAuthorizationRequest(w.Context(), other, 10), oauth.ErrConflict)
		w.want(w.ChangeAuthorizationRequest(w.Context(), other), oauth.ErrSpent)

		same(w.T, must(w.AuthorizationRequest(w.Context(), "r")), r)
	},
	"one that has ended does not come back": func(w *world) {
		r := pendingRequest("r", start)
		w.ok(w.SaveAuthorizationRequest(w.Context(), r, 10))
		w.ok(w.EndAuthorizationRequest(w.Context(), r, w.event(audit.ConsentDenied)))

		w.want(w.ChangeAuthorizationRequest(w.Context(), r), oauth.ErrSpent)

		_, err := w.AuthorizationRequest(w.Context(), "r")
		w.want(err, oauth.ErrNotFound)
	},
	"there are never more than max, the newest among them": func(w *world) {
		const limit = 60
		for i := range 5 * limit {
			r := pendingRequest(fmt.Sprint(i), start.Add(time.Duration(i)*time.Second))
			w.ok(w.SaveAuthorizationRequest(w.Context(), r, limit))
			if i%7 == 0 {
				w.ok(w.EndAuthorizationRequest(w.Context(), r, w.event(audit.ConsentDenied)))
			} else {
				must(w.AuthorizationRequest(w.Context(), r.ID))
			}
			if n := w.read(pendingRows); n > limit {
				w.Fatalf("%d pending requests", n)
			}
		}
		if n := w.read(pendingRows); n < limit*8/10 {
			w.Fatalf("only %d pending requests are left", n)
		}
	},
	"a smaller max counts at once": func(w *world) {
		for i := range 20 {
			w.ok(w.SaveAuthorizationRequest(w.Context(), pendingRequest(fmt.Sprint(i), start), 100))
		}
		w.ok(w.SaveAuthorizationRequest(w.Context(), pendingRequest("last", start.Add(time.Second)), 5))
		same(w.T, w.read(pendingRows), 5)
		must(w.AuthorizationRequest(w.Context(), "last"))
	},
	"an address that has too many pushes out its own": func(w *world) {
		quiet := pendingRequest("quiet", start)
		quiet.Address = "192.0.2.1"
		w.ok(w.SaveAuthorizationRequest(w.Context(), quiet, 10_000))
		for i := range 400 {
			r := pendingRequest(fmt.Sprint(i), start.Add(time.Duration(i)*time.Second))
			r.Address = "198.51.100.7"
			w.ok(w.SaveAuthorizationRequest(w.Context(), r, 10_000))
		}

		same(w.T, w.read("SELECT COUNT(*) FROM authorization_requests WHERE address = '198.51.100.7'"), 300)
		must(w.AuthorizationRequest(w.Context(), "399"))
		same(w.T, must(w.AuthorizationRequest(w.Context(), "quiet")), quiet)
	},
	"of many who end one, one wins": func(w *world) {
		w.ok(w.SaveAuthorizationRequest(w.Context(), pendingRequest("r", start), 10))

		won := w.race(func(int) error {
			return w.EndAuthorizationRequest(w.Context(), pendingRequest("r", start), w.event(audit.ConsentDenied))
		}, oauth.ErrSpent)

		same(w.T, []int{won, w.events(audit.ConsentDenied)}, []int{1, 1})
	},
}

var codeRules = map[string]func(*world){
	"every member comes back as it was written": func(w *world) {
		code := w.code(w.person(), w.client())
		same(w.T, must(w.Code(w.Context(), code.Hash)), code)
		_, err := w.Code(w.Context(), []byte("x"))
		w.want(err, oauth.ErrNotFound)
	},
	"issuing one ends the request and remembers the consent": func(w *world) {
		o, c := w.person(), w.client()
		w.ok(w.SaveAuthorizationRequest(w.Context(), pendingRequest("r", start), 10))
		consent := &oauth.Consent{PersonID: o.ID, ClientID: c.ID, Scope: oauth.Scope{"read"}, Resources: []string{"https://a"}, GivenAt: start}
		event := w.event(audit.ConsentGiven)

		w.ok(w.IssueCode(w.Context(), "r", w.newCode(o, c), consent, &event))

		same(w.T, must(w.Consent(w.Context(), o.ID, c.ID)), consent)
		same(w.T, []int{w.read(pendingRows), w.events(audit.ConsentGiven)}, []int{0, 1})
	},
	"where the request ended before, nothing is stored": func(w *world) {
		o, c := w.person(), w.client()
		code, event := w.newCode(o, c), w.event(audit.ConsentGiven)

		w.want(w.IssueCode(w.Context(), "r", code, &oauth.Consent{PersonID: o.ID, ClientID: c.ID}, &event), oauth.ErrSpent)

		_, err := w.Code(w.Context(), code.Hash)
		w.want(err, oauth.ErrNotFound)
		_, err = w.Consent(w.Context(), o.ID, c.ID)
		w.want(err, oauth.ErrNotFound)
		same(w.T, w.events(audit.ConsentGiven), 0)
	},
	"of many for one request one is issued": func(w *world) {
		o, c := w.person(), w.client()
		w.ok(w.SaveAuthorizationRequest(w.Context(), pendingRequest("r", start), 10))
		event := w.event(audit.ConsentGiven)

		won := w.race(func(int) error { return w.IssueCode(w.Context(), "r", w.newCode(o, c), nil, &event) }, oauth.ErrSpent)

		same(w.T, []int{won, w.read("SELECT COUNT(*) FROM codes"), w.events(audit.ConsentGiven)}, []int{1, 1, 1})
	},
	"a deleted client or person gets none, and the request stays": func(w *world) {
		o, c := w.person(), w.client()
		gone, goneClient := w.person(), w.client()
		w.ok(w.DeletePerson(w.Context(), gone.ID, w.event(audit.PersonDeleted)))
		w.ok(w.DeleteClient(w.Context(), goneClient.ID, w.event(audit.ClientDeleted)))
		w.ok(w.SaveAuthorizationRequest(w.Context(), pendingRequest("r", start), 10))

		w.want(w.IssueCode(w.Context(), "r", w.newCode(gone, c), nil, nil), oauth.ErrConflict)
		w.want(w.IssueCode(w.Context(), "r", w.newCode(o, goneClient), nil, nil), oauth.ErrConflict)

		w.ok(w.IssueCode(w.Context(), "r", w.newCode(o, c), nil, nil))
	},
	"each try counts": func(w *world) {
		code := w.code(w.person(), w.client())
		w.race(func(int) error { return w.CountCodeTry(w.Context(), code.Hash) }, nil)
		same(w.T, must(w.Code(w.Context(), code.Hash)).Tries, racers)
		w.want(w.CountCodeTry(w.Context(), []byte("x")), oauth.ErrNotFound)
	},
}

var consentRules = map[string]func(*world){
	"a later consent replaces the one before": func(w *world) {
		o, c := w.person(), w.client()
		_, err := w.Consent(w.Context(), o.ID, c.ID)
		w.want(err, oauth.ErrNotFound)
		for _, scope := range []oauth.Scope{{"read", "write"}, {"read"}} {
			w.ok(w.IssueCode(w.Context(), "", w.newCode(o, c), &oauth.Consent{PersonID: o.ID, ClientID: c.ID, Scope: scope, GivenAt: start}, nil))
		}
		same(w.T, must(w.Consent(w.Context(), o.ID, c.ID)), &oauth.Consent{PersonID: o.ID, ClientID: c.ID, Scope: oauth.Scope{"read"}, GivenAt: start})
	},
	"withdrawing it takes codes and grants of the pair, and of nobody else": func(w *world) {
		o, c := w.person(), w.client()
		code, s := w.newCode(o, c), w.grant(o, c)
		w.ok(w.IssueCode(w.Context(), "", code, &oauth.Consent{PersonID: o.ID, ClientID: c.ID, GivenAt: start}, nil))
		otherPerson, otherClient := w.grant(w.person(), c), w.grant(o, w.client())

		for range 2 {
			w.ok(w.WithdrawConsent(w.Context(), o.ID, c.ID, w.now, w.event(audit.ConsentWithdrawn)))
		}

		w.dead(s)
		w.alive(otherPerson)
		w.alive(otherClient)
		_, err := w.Code(w.Context(), code.Hash)
		w.want(err, oauth.ErrNotFound)
		_, err = w.Consent(w.Context(), o.ID, c.ID)
		w.want(err, oauth.ErrNotFound)
		g := must(w.Grant(w.Context(), s.ID))
		same(w.T, g.RevokedReason, oauth.RevokedConsent)
		same(w.T, *g.RevokedAt, w.now)
		same(w.T, w.events(audit.ConsentWithdrawn), 1)
	},
}
