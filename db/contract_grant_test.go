package db_test

import (
	"slices"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

var grantRules = map[string]func(*world){
	"an unknown one is not found": func(w *world) {
		_, err := w.Grant(w.Context(), "x")
		w.want(err, oauth.ErrNotFound)
		_, err = w.RevokeGrant(w.Context(), "x", oauth.RevokedAdmin, w.now, w.event(audit.GrantRevoked))
		w.want(err, oauth.ErrNotFound)
		same(w.T, w.events(audit.GrantRevoked), 0)
	},
	"an owner comes as they are, and not when deleted": func(w *world) {
		o := w.person()
		same(w.T, o, &oauth.Owner{ID: o.ID, Name: "Ann", Email: o.ID + "@example.com", Version: 1})
		w.ok(w.DisablePerson(w.Context(), o.ID, w.event(audit.PersonDisabled)))
		same(w.T, must(w.Owner(w.Context(), o.ID)).Disabled, true)
		w.ok(w.DeletePerson(w.Context(), o.ID, w.event(audit.PersonDeleted)))
		_, err := w.Owner(w.Context(), o.ID)
		w.want(err, oauth.ErrNotFound)
	},
	"they are listed by person, client, both and id, newest first": func(w *world) {
		ann, bob, one, two := w.person(), w.person(), w.client(), w.client()
		var all []oauth.RefreshState
		for _, pair := range []struct {
			o *oauth.Owner
			c *oauth.Client
		}{{ann, one}, {bob, one}, {ann, two}, {ann, one}} {
			w.now = w.now.Add(time.Second)
			all = append(all, *w.grant(pair.o, pair.c))
		}
		list := func(f oauth.GrantFilter) []oauth.RefreshState { return must(w.Grants(w.Context(), f)) }

		same(w.T, list(oauth.GrantFilter{}), []oauth.RefreshState{all[3], all[2], all[1], all[0]})
		same(w.T, list(oauth.GrantFilter{PersonID: ann.ID}), []oauth.RefreshState{all[3], all[2], all[0]})
		same(w.T, list(oauth.GrantFilter{ClientID: one.ID}), []oauth.RefreshState{all[3], all[1], all[0]})
		same(w.T, list(oauth.GrantFilter{PersonID: ann.ID, ClientID: one.ID}), []oauth.RefreshState{all[3], all[0]})
		same(w.T, list(oauth.GrantFilter{ID: all[1].ID}), []oauth.RefreshState{all[1]})
		same(w.T, len(list(oauth.GrantFilter{ID: all[1].ID, PersonID: ann.ID})), 0)
		same(w.T, len(list(oauth.GrantFilter{ID: "x"})), 0)
		for _, f := range []oauth.GrantFilter{{Limit: 2}, {Limit: 2, PersonID: ann.ID}, {Limit: 2, ClientID: one.ID}} {
			same(w.T, len(list(f)), 2)
		}
	},
	"a deleted person or client leaves grants that can be read and are dead": func(w *world) {
		o, c := w.person(), w.client()
		first, second := w.grant(o, c), w.grant(w.person(), w.client())
		w.ok(w.DeletePerson(w.Context(), o.ID, w.event(audit.PersonDeleted)))
		w.ok(w.DeleteClient(w.Context(), second.ClientID, w.event(audit.ClientDeleted)))

		for _, s := range []*oauth.RefreshState{first, second} {
			w.dead(s)
			same(w.T, len(must(w.Grants(w.Context(), oauth.GrantFilter{ID: s.ID}))), 1)
		}
		g := must(w.Grant(w.Context(), first.ID))
		same(w.T, []any{g.Owner.Disabled, g.Owner.Email}, []any{true, ""})
	},
	"one is revoked once, and the first reason stays": func(w *world) {
		s, other := w.grant(w.person(), w.client()), w.grant(w.person(), w.client())

		first := must(w.RevokeGrant(w.Context(), s.ID, oauth.RevokedPerson, w.now, w.event(audit.GrantRevoked)))
		second := must(w.RevokeGrant(w.Context(), s.ID, oauth.RevokedAdmin, w.now.Add(time.Hour), w.event(audit.GrantRevoked)))

		same(w.T, []bool{first, second}, []bool{true, false})
		g := must(w.Grant(w.Context(), s.ID))
		same(w.T, []any{g.RevokedReason, *g.RevokedAt, g.Version}, []any{oauth.RevokedPerson, w.now, s.Version + 1})
		w.dead(s)
		w.alive(other)
		same(w.T, w.events(audit.GrantRevoked), 1)
	},
	"what has ended with its person or client is not revoked again, alone or by the pair": func(w *world) {
		for name, change := range w.changesOfState() {
			if name != "person revoked" && name != "client revoked" && name != "person disabled" && name != "person deleted" && name != "client deleted" {
				continue
			}
			s := w.grant(w.person(), w.client())
			w.ok(change(s))
			before := must(w.Grant(w.Context(), s.ID))

			alive := must(w.RevokeGrant(w.Context(), s.ID, oauth.RevokedPerson, w.now, w.event(audit.SessionEnded)))
			n := must(w.RevokeGrantsOf(w.Context(), s.PersonID, s.ClientID, oauth.RevokedPerson, w.now, w.event(audit.GrantRevoked)))

			same(w.T, []any{alive, n, must(w.Grant(w.Context(), s.ID))}, []any{false, 0, before})
		}
		same(w.T, w.events(audit.SessionEnded), 0)
	},
	"of many who revoke one, one does": func(w *world) {
		s := w.grant(w.person(), w.client())
		alive := make([]bool, racers)

		w.race(func(i int) (err error) {
			alive[i], err = w.RevokeGrant(w.Context(), s.ID, oauth.RevokedPerson, w.now, w.event(audit.GrantRevoked))
			return err
		}, nil)

		alive = slices.DeleteFunc(alive, func(a bool) bool { return !a })
		same(w.T, []int{len(alive), w.events(audit.GrantRevoked)}, []int{1, 1})
	},
}

// revokeAll revokes and gives the count.
func (w *world) revokeAll(personID, clientID string, at time.Time) int {
	w.Helper()
	return must(w.RevokeGrantsOf(w.Context(), personID, clientID, oauth.RevokedAdmin, at, w.event(audit.GrantRevoked)))
}

var revocationRules = map[string]func(*world){
	"of a person, of a client, of the pair: all of it and nothing else": func(w *world) {
		for _, of := range []string{"person", "client", "pair"} {
			ann, bob, one, two := w.person(), w.person(), w.client(), w.client()
			annOne, annTwo, bobOne := w.grant(ann, one), w.grant(ann, two), w.grant(bob, one)
			again, gone := w.grant(ann, one), w.grant(ann, one)
			must(w.RevokeGrant(w.Context(), gone.ID, oauth.RevokedPerson, w.now, w.event(audit.SessionEnded)))
			personID, clientID := ann.ID, one.ID
			living, counted := []*oauth.RefreshState{annTwo, bobOne}, 2
			switch of {
			case "person":
				clientID, living, counted = "", []*oauth.RefreshState{bobOne}, 3
			case "client":
				personID, living, counted = "", []*oauth.RefreshState{annTwo}, 3
			}

			same(w.T, w.revokeAll(personID, clientID, w.now), counted)

			w.dead(annOne)
			w.dead(again)
			for _, s := range living {
				w.alive(s)
			}
			same(w.T, w.revokeAll(personID, clientID, w.now), 0)
			same(w.T, must(w.Grant(w.Context(), gone.ID)).RevokedReason, oauth.RevokedPerson)
		}
		same(w.T, w.events(audit.GrantRevoked), 6)
	},
	"a clock that went back revokes what it does not know yet": func(w *world) {
		o, c := w.person(), w.client()
		first, second := w.grant(o, w.client()), w.grant(w.person(), c)
		same(w.T, w.revokeAll(o.ID, "", w.now.Add(-time.Hour)), 1)
		same(w.T, w.revokeAll("", c.ID, w.now.Add(-time.Hour)), 1)
		w.dead(first)
		w.dead(second)
	},
	"it is never taken back by an earlier one": func(w *world) {
		o, c := w.person(), w.client()
		w.revokeAll(o.ID, "", w.now)
		w.revokeAll("", c.ID, w.now)

		w.revokeAll(o.ID, "", w.now.Add(-time.Hour))
		w.revokeAll("", c.ID, w.now.Add(-time.Hour))

		same(w.T, *must(w.Owner(w.Context(), o.ID)).GrantsRevokedBefore, w.now)
		same(w.T, *must(w.Client(w.Context(), c.ID)).GrantsRevokedBefore, w.now)
	},
	"what comes after it lives": func(w *world) {
		o, c := w.person(), w.client()
		old := w.grant(o, c)
		w.revokeAll(o.ID, "", w.now)
		w.revokeAll("", c.ID, w.now)
		w.now = w.now.Add(time.Second)

		fresh := w.grant(must(w.Owner(w.Context(), o.ID)), must(w.Client(w.Context(), c.ID)))

		w.dead(old)
		w.alive(fresh)
	},
	"codes of the pair go": func(w *world) {
		o, c := w.person(), w.client()
		code, other := w.code(o, c), w.code(o, w.client())
		same(w.T, w.revokeAll(o.ID, c.ID, w.now), 0)
		_, err := w.Code(w.Context(), code.Hash)
		w.want(err, oauth.ErrNotFound)
		must(w.Code(w.Context(), other.Hash))
	},
	"an unknown person or client is not found": func(w *world) {
		for _, id := range [][2]string{{"x", ""}, {"", "x"}} {
			_, err := w.RevokeGrantsOf(w.Context(), id[0], id[1], oauth.RevokedAdmin, w.now, w.event(audit.GrantRevoked))
			w.want(err, oauth.ErrNotFound)
		}
		same(w.T, w.events(audit.GrantRevoked), 0)
	},
	"its rows follow in batches, each with the first reason": func(w *world) {
		ann, c := w.person(), w.client()
		var grants []*oauth.RefreshState
		for range 5 {
			grants = append(grants, w.grant(ann, c), w.grant(w.person(), c))
		}
		must(w.RevokeGrantsOf(w.Context(), ann.ID, "", oauth.RevokedPassword, w.now, w.event(audit.GrantRevoked)))
		same(w.T, w.revokeAll("", c.ID, w.now.Add(time.Second)), 10)
		same(w.T, w.read("SELECT COUNT(*) FROM grants WHERE revoked_at IS NOT NULL"), 0)

		same(w.T, must(w.Sweep(w.Context(), w.now, 3)), 3)
		w.sweep(w.now)

		for i, s := range grants {
			g := must(w.Grant(w.Context(), s.ID))
			want := []any{oauth.RevokedPassword, w.now}
			if i%2 == 1 {
				want = []any{oauth.RevokedAdmin, w.now.Add(time.Second)}
			}
			same(w.T, []any{g.RevokedReason, *g.RevokedAt}, want)
		}
		same(w.T, w.read("SELECT COUNT(*) FROM revocations"), 0)
	},
}
