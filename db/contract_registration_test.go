package db_test

import (
	"fmt"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

func initialToken(id string) *oauth.InitialToken {
	return &oauth.InitialToken{
		ID: id, Hash: []byte("hash " + id), Name: "For " + id, Hint: "abcd", Uses: 3, Used: 0, CreatedBy: "ann", CreatedAt: start, ExpiresAt: start.Add(time.Hour),
	}
}

// ownRegistration is that of a client that registers itself.
func ownRegistration(id string) *oauth.SelfRegistration {
	c := fullClient(id)
	c.Source, c.Trusted, c.RegistrationHash = oauth.SourceDynamic, false, []byte("registration "+id)
	c.About = oauth.About{ApplicationType: "web", ClientURI: "https://a.example/", Contacts: []string{"a@b.example"}}
	return &oauth.SelfRegistration{
		Client: c, Holder: "192.0.2.1", Bound: wide, Since: start.Add(-24 * time.Hour),
		Event: audit.Event{At: start, Kind: audit.ClientRegistered, ClientID: id, Result: "ok"},
	}
}

// documentClient is one that is known by an address.
func documentClient(id string, at time.Time) *oauth.DocumentClient {
	c := fullClient(id)
	read, fresh := at, at.Add(time.Hour)
	c.Source, c.Trusted, c.CreatedAt, c.ReadAt, c.FreshUntil = oauth.SourceDocument, false, at, &read, &fresh
	c.DisabledAt, c.Restricted, c.Groups = nil, false, nil
	return &oauth.DocumentClient{
		Client: c, Total: 100, Event: audit.Event{At: at, Kind: audit.ClientRegistered, ClientID: id, Result: "ok"},
		Evicted: func(id, _ string) audit.Event {
			return audit.Event{At: at, Kind: audit.ClientExpired, ClientID: id, Result: "ok"}
		},
	}
}

// thereAre gives which of the clients are there.
func (w *world) thereAre(ids ...string) (there []string) {
	w.T.Helper()
	for _, id := range ids {
		if _, err := w.Client(w.Context(), id); err == nil {
			there = append(there, id)
		}
	}
	return there
}

var registrationRules = map[string]func(*world){
	"a client that registered itself comes back as it was written, and was seen then": func(w *world) {
		r := ownRegistration("own")
		w.ok(w.RegisterItself(w.Context(), r))

		want := *r.Client
		want.SeenAt = &want.CreatedAt
		same(w.T, must(w.Client(w.Context(), "own")), &want)
		same(w.T, []int{must(w.CountClients(w.Context(), oauth.SourceDynamic, 10)), must(w.CountClients(w.Context(), oauth.SourceAdmin, 10))}, []int{1, 0})
		w.want(w.RegisterItself(w.Context(), r), oauth.ErrExists)
		same(w.T, w.events(audit.ClientRegistered), 1)
	},
	"a token gives as many registrations as it says, however many come at once": func(w *world) {
		w.ok(w.AddInitialToken(w.Context(), initialToken("t"), 10, w.event(audit.InitialTokenCreated)))

		won := w.race(func(i int) error {
			r := ownRegistration(fmt.Sprint(i))
			r.TokenHash, r.Holder = []byte("hash t"), ""
			return w.RegisterItself(w.Context(), r)
		}, oauth.ErrSpent)

		same(w.T, []int{won, must(w.InitialToken(w.Context(), []byte("hash t"))).Used, w.events(audit.ClientRegistered)}, []int{3, 3, 3})
	},
	"there is never more than room, however many come at once": func(w *world) {
		won := w.race(func(i int) error {
			r := ownRegistration(fmt.Sprint(i))
			r.Bound.All, r.Holder = 2, fmt.Sprint(i)
			return w.RegisterItself(w.Context(), r)
		}, oauth.ErrFull)

		same(w.T, []int{won, must(w.CountClients(w.Context(), oauth.SourceDynamic, 10))}, []int{2, 2})
	},
	"an address has its share, also of those that are gone, until it is forgotten": func(w *world) {
		one := func(id string, at time.Time) error {
			r := ownRegistration(id)
			r.Client.CreatedAt, r.Bound.Holder, r.Since = at, 2, at.Add(-24*time.Hour)
			return w.RegisterItself(w.Context(), r)
		}
		w.ok(one("a", start))
		w.ok(w.DeleteClient(w.Context(), "a", w.event(audit.ClientDeleted)))
		w.ok(one("b", start.Add(time.Hour)))
		w.want(one("c", start.Add(2*time.Hour)), oauth.ErrTooMany)
		same(w.T, must(w.CountClients(w.Context(), oauth.SourceDynamic, 10)), 1)
		w.ok(one("c", start.Add(24*time.Hour)))
		w.want(one("d", start.Add(24*time.Hour)), oauth.ErrTooMany)
		must(w.Sweep(w.Context(), start.Add(49*time.Hour), 10))
		same(w.T, w.read("SELECT COUNT(*) FROM client_registrations"), 1)
	},
	"what fails uses nothing up": func(w *world) {
		w.ok(w.AddInitialToken(w.Context(), initialToken("t"), 10, w.event(audit.InitialTokenCreated)))
		r := ownRegistration("own")
		r.TokenHash, r.Bound.All = []byte("hash t"), 0
		w.want(w.RegisterItself(w.Context(), r), oauth.ErrFull)
		r.Bound, r.TokenHash = wide, []byte("another")
		w.want(w.RegisterItself(w.Context(), r), oauth.ErrSpent)
		r.TokenHash, r.Client.CreatedAt = []byte("hash t"), start.Add(time.Hour)
		w.want(w.RegisterItself(w.Context(), r), oauth.ErrSpent) // it has expired

		same(w.T, must(w.InitialToken(w.Context(), []byte("hash t"))), initialToken("t"))
		same(w.T, []int{w.read("SELECT COUNT(*) FROM client_registrations"), w.events(audit.ClientRegistered)}, []int{0, 0})
	},
	"initial access tokens are bounded, listed from the newest, revoked once, and forgotten": func(w *world) {
		later := initialToken("later")
		later.CreatedAt = start.Add(time.Second)
		w.ok(w.AddInitialToken(w.Context(), initialToken("t"), 2, w.event(audit.InitialTokenCreated)))
		w.ok(w.AddInitialToken(w.Context(), later, 2, w.event(audit.InitialTokenCreated)))
		w.want(w.AddInitialToken(w.Context(), initialToken("more"), 2, w.event(audit.InitialTokenCreated)), oauth.ErrTooMany)
		same(w.T, must(w.InitialTokens(w.Context())), []oauth.InitialToken{*later, *initialToken("t")})

		won := w.race(func(int) error {
			return w.RevokeInitialToken(w.Context(), "later", w.event(audit.InitialTokenRevoked))
		}, oauth.ErrNotFound)

		same(w.T, []int{won, w.events(audit.InitialTokenRevoked)}, []int{1, 1})
		must(w.Sweep(w.Context(), start.Add(31*24*time.Hour), 10))
		same(w.T, w.read("SELECT COUNT(*) FROM initial_access_tokens"), 0)
	},
	"a client that is known by an address comes back as it was written, and notes when its document was read": func(w *world) {
		k := documentClient("https://a.example/c", start)
		w.ok(w.KeepDocumentClient(w.Context(), k))
		want := *k.Client
		want.SeenAt = &want.CreatedAt
		same(w.T, must(w.Client(w.Context(), want.ID)), &want)
		w.want(w.KeepDocumentClient(w.Context(), k), oauth.ErrExists)
		same(w.T, w.events(audit.ClientRegistered), 1)

		stale := must(w.Client(w.Context(), want.ID))
		read, fresh := start.Add(2*time.Hour), start.Add(3*time.Hour)
		w.ok(w.NoteDocument(w.Context(), want.ID, read, fresh))
		w.ok(w.UpdateClient(w.Context(), stale, w.event(audit.ClientUpdated))) // the version is still the one that was seen
		c := must(w.Client(w.Context(), want.ID))
		same(w.T, []time.Time{*c.ReadAt, *c.FreshUntil}, []time.Time{read, fresh})
		w.ok(w.RegisterItself(w.Context(), ownRegistration("own")))
		w.ok(w.NoteDocument(w.Context(), "own", read, fresh))
		w.ok(w.NoteDocument(w.Context(), "https://gone.example/c", read, fresh))
		same(w.T, must(w.Client(w.Context(), "own")).ReadAt, (*time.Time)(nil))
	},
	"of clients that are known by an address there is never more than room, and what has been unused for the longest makes way": func(w *world) {
		keep := func(id string, after time.Duration) error {
			k := documentClient("https://"+id+".example/c", start.Add(after))
			k.Total = 3
			return w.KeepDocumentClient(w.Context(), k)
		}
		all := []string{"https://a.example/c", "https://b.example/c", "https://c.example/c", "https://d.example/c", "https://e.example/c", "https://f.example/c"}
		for i, id := range []string{"a", "b", "c"} {
			w.ok(keep(id, time.Duration(i)*time.Second))
		}
		w.grant(w.person(), must(w.Client(w.Context(), all[0])))
		w.ok(keep("d", time.Minute)) // a is in use, so b goes
		same(w.T, w.thereAre(all...), []string{all[0], all[2], all[3]})
		off := must(w.Client(w.Context(), all[2]))
		at := start
		off.DisabledAt = &at
		w.ok(w.UpdateClient(w.Context(), off, w.event(audit.ClientDisabled)))
		w.ok(keep("e", 2*time.Minute)) // c stays, that it does not come back enabled
		same(w.T, w.thereAre(all...), []string{all[0], all[2], all[4]})
		last := must(w.Client(w.Context(), all[4]))
		last.Restricted = true
		w.ok(w.UpdateClient(w.Context(), last, w.event(audit.ClientUpdated)))
		w.want(keep("f", 3*time.Minute), oauth.ErrFull)
		same(w.T, w.thereAre(all...), []string{all[0], all[2], all[4]})
		same(w.T, []int{w.events(audit.ClientRegistered), w.events(audit.ClientExpired)}, []int{5, 2})
	},
	"however many clients introduce themselves at once, there is never more than room": func(w *world) {
		w.race(func(i int) error {
			k := documentClient(fmt.Sprintf("https://a.example/%d", i), start)
			k.Total = 2
			return w.KeepDocumentClient(w.Context(), k)
		}, oauth.ErrFull)
		same(w.T, must(w.CountClients(w.Context(), oauth.SourceDocument, 100)), 2)
	},
	"a client that is known by an address goes when it is unused, but not while an admin keeps it out": func(w *world) {
		for _, id := range []string{"https://a.example/c", "https://b.example/c"} {
			w.ok(w.KeepDocumentClient(w.Context(), documentClient(id, start)))
		}
		off := must(w.Client(w.Context(), "https://b.example/c"))
		at := start
		off.DisabledAt = &at
		w.ok(w.UpdateClient(w.Context(), off, w.event(audit.ClientDisabled)))
		must(w.Sweep(w.Context(), start.Add(30*24*time.Hour-time.Second), 10))
		same(w.T, must(w.CountClients(w.Context(), oauth.SourceDocument, 10)), 2)
		must(w.Sweep(w.Context(), start.Add(30*24*time.Hour), 10))
		same(w.T, w.thereAre("https://a.example/c", "https://b.example/c"), []string{"https://b.example/c"})
	},
	"a change does not touch when a client was seen": func(w *world) {
		w.ok(w.RegisterItself(w.Context(), ownRegistration("own")))
		c := must(w.Client(w.Context(), "own"))
		c.Name, c.SeenAt = "New", nil
		w.ok(w.UpdateClient(w.Context(), c, w.event(audit.ClientUpdated)))
		same(w.T, *must(w.Client(w.Context(), "own")).SeenAt, start)
	},
}
