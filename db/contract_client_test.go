package db_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"regrant/app/audit"
	"regrant/app/oauth"
)

func same(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("want -, got +:\n%s", diff)
	}
}

var clientRules = map[string]func(*world){
	"every member comes back as it was written": func(w *world) {
		full, plain := fullClient("full"), &oauth.Client{ID: "plain", Name: "Plain", AuthMethod: oauth.AuthNone, CreatedAt: start, UpdatedAt: start}
		full.DisabledAt = &start
		full.Policy.ScopesOnRefresh = oauth.Scope{} // nothing survives, which is not nil: everything

		w.ok(w.CreateClient(w.Context(), full, w.event(audit.ClientCreated)))
		w.ok(w.CreateClient(w.Context(), plain, w.event(audit.ClientCreated)))

		same(w.T, must(w.Client(w.Context(), "full")), full)
		same(w.T, must(w.Client(w.Context(), "plain")), plain)
		if full.Version != 1 || w.events(audit.ClientCreated) != 2 {
			w.Fatalf("version %d, %d events", full.Version, w.events(audit.ClientCreated))
		}
	},
	"they are listed by name": func(w *world) {
		for i, name := range []string{"b", "c", "a"} {
			c := fullClient(fmt.Sprint(i))
			c.Name = name
			w.ok(w.CreateClient(w.Context(), c, w.event(audit.ClientCreated)))
		}

		var names string
		for _, c := range must(w.Clients(w.Context())) {
			names += c.Name
		}

		same(w.T, names, "abc")
	},
	"of many uses of an assertion one wins, until it is forgotten": func(w *world) {
		ends := w.now.Add(time.Minute)

		won := w.race(func(int) error { return w.UseAssertion(w.Context(), []byte("one"), ends) }, oauth.ErrSpent)

		same(w.T, won, 1)
		w.ok(w.UseAssertion(w.Context(), []byte("two"), ends))
		must(w.Sweep(w.Context(), ends.Add(-time.Microsecond), 10))
		w.want(w.UseAssertion(w.Context(), []byte("one"), ends), oauth.ErrSpent)
		same(w.T, must(w.Sweep(w.Context(), ends, 10)), 2)
		w.ok(w.UseAssertion(w.Context(), []byte("one"), ends))
	},
	"an unknown id is not found": func(w *world) {
		_, err := w.Client(w.Context(), "x")
		w.want(err, oauth.ErrNotFound)
		w.want(w.DeleteClient(w.Context(), "x", w.event(audit.ClientDeleted)), oauth.ErrNotFound)
		w.want(w.UpdateClient(w.Context(), fullClient("x"), w.event(audit.ClientUpdated)), oauth.ErrConflict)
	},
	"a taken id exists, and nothing changes": func(w *world) {
		c := w.client()
		other := &oauth.Client{ID: c.ID, Name: "Other"}

		w.want(w.CreateClient(w.Context(), other, w.event(audit.ClientCreated)), oauth.ErrExists)

		same(w.T, must(w.Client(w.Context(), c.ID)), c)
		same(w.T, w.events(audit.ClientCreated), 1)
	},
	"a change raises the version": func(w *world) {
		c := w.client()
		c.Name, c.Trusted, c.OldSecret, c.Policy.ScopesOnRefresh, c.UpdatedAt = "New", false, nil, nil, start.Add(time.Hour)

		w.ok(w.UpdateClient(w.Context(), c, w.event(audit.ClientUpdated)))

		same(w.T, c.Version, int64(2))
		same(w.T, must(w.Client(w.Context(), c.ID)), c)
		same(w.T, w.events(audit.ClientUpdated), 1)
	},
	"of two changes from one version the second conflicts": func(w *world) {
		first, second := w.client(), (*oauth.Client)(nil)
		second = must(w.Client(w.Context(), first.ID))
		first.Name, second.Name = "First", "Second"
		w.ok(w.UpdateClient(w.Context(), first, w.event(audit.ClientUpdated)))

		w.want(w.UpdateClient(w.Context(), second, w.event(audit.ClientUpdated)), oauth.ErrConflict)

		same(w.T, must(w.Client(w.Context(), first.ID)), first)
		same(w.T, w.events(audit.ClientUpdated), 1)
	},
	"of many changes from one version one wins": func(w *world) {
		c := w.client()

		won := w.race(func(int) error {
			mine := *c
			return w.UpdateClient(w.Context(), &mine, w.event(audit.ClientUpdated))
		}, oauth.ErrConflict)

		same(w.T, []int{won, w.events(audit.ClientUpdated)}, []int{1, 1})
	},
	"a change that revokes ends the grants, and no later change brings them back": func(w *world) {
		c := w.client()
		s := w.grant(w.person(), c)
		revoked := w.now.Add(-time.Hour) // by a clock that went back since the grant was made
		c.GrantsRevokedBefore = &revoked

		w.ok(w.UpdateClient(w.Context(), c, w.event(audit.ClientUpdated)))

		w.dead(s)
		c = must(w.Client(w.Context(), c.ID))
		c.GrantsRevokedBefore = nil
		w.ok(w.UpdateClient(w.Context(), c, w.event(audit.ClientUpdated)))
		w.dead(s)
	},
	"deleting one takes codes, consents and grants with it": func(w *world) {
		o, c := w.person(), w.client()
		s, code := w.grant(o, c), w.newCode(o, c)
		w.ok(w.IssueCode(w.Context(), "", code, &oauth.Consent{PersonID: o.ID, ClientID: c.ID, GivenAt: w.now}, nil))

		w.ok(w.DeleteClient(w.Context(), c.ID, w.event(audit.ClientDeleted)))

		w.dead(s)
		_, err := w.Code(w.Context(), code.Hash)
		w.want(err, oauth.ErrNotFound)
		_, err = w.Consent(w.Context(), o.ID, c.ID)
		w.want(err, oauth.ErrNotFound)
		state := must(w.Grant(w.Context(), s.ID))
		same(w.T, []any{state.ClientDisabled, state.Owner.ID, state.Owner.Disabled}, []any{true, o.ID, false})
		w.want(w.DeleteClient(w.Context(), c.ID, w.event(audit.ClientDeleted)), oauth.ErrNotFound)
		same(w.T, w.events(audit.ClientDeleted), 1)
	},
	"a new one with the id of a deleted one has none of its grants": func(w *world) {
		o, c := w.person(), w.client()
		old := w.grant(o, c)
		w.ok(w.DeleteClient(w.Context(), c.ID, w.event(audit.ClientDeleted)))
		w.now = w.now.Add(-time.Hour) // the worst clock

		again := fullClient(c.ID)
		w.ok(w.CreateClient(w.Context(), again, w.event(audit.ClientCreated)))

		w.dead(old)
		w.now = start.Add(time.Hour)
		fresh := w.grant(o, must(w.Client(w.Context(), c.ID)))
		w.alive(fresh)
		w.sweep(w.now)
		w.dead(old)
		w.alive(fresh)
	},
}

var apiRules = map[string]func(*world){
	"every member comes back as it was written, in order": func(w *world) {
		b := &oauth.API{Resource: "https://b.example", Name: "B", Scope: oauth.Scope{"read", "write"}, AccessTokenFormat: oauth.FormatJWT,
			ClientID: "cb", CreatedAt: start, UpdatedAt: start}
		a := &oauth.API{Resource: "https://a.example", Name: "A", ClientID: "ca", CreatedAt: start, UpdatedAt: start}
		w.ok(w.CreateAPI(w.Context(), b, fullClient("cb"), w.event(audit.APICreated)))
		w.ok(w.CreateAPI(w.Context(), a, fullClient("ca"), w.event(audit.APICreated)))

		same(w.T, must(w.APIs(w.Context())), []oauth.API{*a, *b})
		must(w.Client(w.Context(), "ca"))
		same(w.T, w.events(audit.APICreated), 2)
	},
	"where resource or client is taken neither is made": func(w *world) {
		a := &oauth.API{Resource: "https://a.example", Name: "A", ClientID: "ca", CreatedAt: start, UpdatedAt: start}
		w.ok(w.CreateAPI(w.Context(), a, fullClient("ca"), w.event(audit.APICreated)))

		w.want(w.CreateAPI(w.Context(), a, fullClient("other"), w.event(audit.APICreated)), oauth.ErrExists)
		w.want(w.CreateAPI(w.Context(), &oauth.API{Resource: "https://b.example"}, fullClient("ca"), w.event(audit.APICreated)), oauth.ErrExists)

		_, err := w.Client(w.Context(), "other")
		w.want(err, oauth.ErrNotFound)
		same(w.T, must(w.APIs(w.Context())), []oauth.API{*a})
		same(w.T, w.events(audit.APICreated), 1)
	},
	"a change keeps resource and client": func(w *world) {
		a := oauth.API{Resource: "https://a.example", Name: "A", ClientID: "ca", CreatedAt: start, UpdatedAt: start}
		w.ok(w.CreateAPI(w.Context(), &a, fullClient("ca"), w.event(audit.APICreated)))
		a.Name, a.Scope, a.AccessTokenFormat, a.UpdatedAt = "New", oauth.Scope{"x"}, oauth.FormatOpaque, start.Add(time.Hour)

		w.ok(w.UpdateAPI(w.Context(), &a, w.event(audit.APIUpdated)))

		same(w.T, must(w.APIs(w.Context())), []oauth.API{a})
		w.want(w.UpdateAPI(w.Context(), &oauth.API{Resource: "https://b.example"}, w.event(audit.APIUpdated)), oauth.ErrNotFound)
		same(w.T, w.events(audit.APIUpdated), 1)
	},
	"deleting one takes its client with it, which nobody can delete alone": func(w *world) {
		a := &oauth.API{Resource: "https://a.example", Name: "A", ClientID: "ca", CreatedAt: start, UpdatedAt: start}
		w.ok(w.CreateAPI(w.Context(), a, fullClient("ca"), w.event(audit.APICreated)))
		w.want(w.DeleteClient(w.Context(), "ca", w.event(audit.ClientDeleted)), oauth.ErrConflict)
		must(w.Client(w.Context(), "ca"))

		w.ok(w.DeleteAPI(w.Context(), a.Resource, w.event(audit.APIDeleted)))

		_, err := w.Client(w.Context(), "ca")
		w.want(err, oauth.ErrNotFound)
		w.want(w.DeleteAPI(w.Context(), a.Resource, w.event(audit.APIDeleted)), oauth.ErrNotFound)
		same(w.T, []int{len(must(w.APIs(w.Context()))), w.events(audit.APIDeleted), w.events(audit.ClientDeleted)}, []int{0, 1, 0})
	},
}
