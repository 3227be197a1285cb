package db_test

import (
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// unspent fails the test unless a redemption has changed nothing.
func (w *world) unspent(r *oauth.Redemption) {
	w.Helper()
	if code, err := w.Code(w.Context(), r.CodeHash); err == nil && code.SpentAt != nil {
		w.Fatal("the code is spent")
	}
	_, err := w.Grant(w.Context(), r.Grant.ID)
	w.want(err, oauth.ErrNotFound)
	same(w.T, w.events(audit.GrantCreated), 0)
}

var redemptionRules = map[string]func(*world){
	"spends the code and stores grant and refresh token": func(w *world) {
		o, c := w.person(), w.client()
		code := w.code(o, c)
		r := w.redemption(code, o, c)

		w.ok(w.RedeemCode(w.Context(), r))

		want := *r.Refresh
		want.GrantState = oauth.GrantState{Grant: r.Grant, Owner: *o, ClientVersion: c.Version}
		same(w.T, must(w.RefreshState(w.Context(), r.Refresh.TokenID)), &want)
		same(w.T, must(w.Grant(w.Context(), r.Grant.ID)), &want.GrantState)
		spent := must(w.Code(w.Context(), code.Hash))
		same(w.T, []any{*spent.SpentAt, spent.GrantID}, []any{w.now, r.Grant.ID})
		same(w.T, w.events(audit.GrantCreated), 1)
	},
	"without a refresh token there is a grant alone": func(w *world) {
		o, c := w.person(), w.client()
		r := w.redemption(w.code(o, c), o, c)
		r.Refresh = nil

		w.ok(w.RedeemCode(w.Context(), r))

		states := must(w.Grants(w.Context(), oauth.GrantFilter{ID: r.Grant.ID}))
		same(w.T, states, []oauth.RefreshState{{GrantState: oauth.GrantState{Grant: r.Grant, Owner: *o, ClientVersion: c.Version}}})
	},
	"a second time it is spent, and the first grant stays": func(w *world) {
		o, c := w.person(), w.client()
		code := w.code(o, c)
		first, second := w.redemption(code, o, c), w.redemption(code, o, c)
		w.ok(w.RedeemCode(w.Context(), first))

		w.want(w.RedeemCode(w.Context(), second), oauth.ErrSpent)

		must(w.Grant(w.Context(), first.Grant.ID))
		_, err := w.Grant(w.Context(), second.Grant.ID)
		w.want(err, oauth.ErrNotFound)
		same(w.T, must(w.Code(w.Context(), code.Hash)).GrantID, first.Grant.ID)
		same(w.T, w.events(audit.GrantCreated), 1)
	},
	"of many with one code one wins": func(w *world) {
		o, c := w.person(), w.client()
		code := w.code(o, c)

		won := w.race(func(int) error { return w.RedeemCode(w.Context(), w.redemption(code, o, c)) }, oauth.ErrSpent)

		rows := w.read("SELECT (SELECT COUNT(*) FROM grants) + (SELECT COUNT(*) FROM refresh_tokens)")
		same(w.T, []int{won, rows, w.events(audit.GrantCreated)}, []int{1, 2, 1})
	},
	"a person who changed meanwhile conflicts, and the code can be redeemed by who looks again": func(w *world) {
		o, c := w.person(), w.client()
		r := w.redemption(w.code(o, c), o, c)
		p := must(w.PersonByID(w.Context(), o.ID))
		p.Name = "Bea"
		w.ok(w.UpdateProfile(w.Context(), p, w.event(audit.PersonUpdated)))

		w.want(w.RedeemCode(w.Context(), r), oauth.ErrConflict)

		w.unspent(r)
		r.OwnerVersion = must(w.Owner(w.Context(), o.ID)).Version
		w.ok(w.RedeemCode(w.Context(), r))
	},
	"a client that changed meanwhile conflicts": func(w *world) {
		o, c := w.person(), w.client()
		r := w.redemption(w.code(o, c), o, c)
		w.ok(w.UpdateClient(w.Context(), c, w.event(audit.ClientUpdated)))

		w.want(w.RedeemCode(w.Context(), r), oauth.ErrConflict)

		w.unspent(r)
		r.ClientVersion = c.Version
		w.ok(w.RedeemCode(w.Context(), r))
	},
	"a code from before a revocation is dead, whatever versions come with it": func(w *world) {
		for _, revoke := range []func(o *oauth.Owner, c *oauth.Client) error{
			func(o *oauth.Owner, _ *oauth.Client) error {
				_, err := w.RevokeGrantsOf(w.Context(), o.ID, "", oauth.RevokedAdmin, w.now.Add(-time.Hour), w.event(audit.GrantRevoked))
				return err
			},
			func(_ *oauth.Owner, c *oauth.Client) error {
				_, err := w.RevokeGrantsOf(w.Context(), "", c.ID, oauth.RevokedAdmin, w.now.Add(-time.Hour), w.event(audit.GrantRevoked))
				return err
			},
			func(o *oauth.Owner, _ *oauth.Client) error {
				return w.DisablePerson(w.Context(), o.ID, w.event(audit.PersonDisabled))
			},
			func(o *oauth.Owner, _ *oauth.Client) error {
				return w.DeletePerson(w.Context(), o.ID, w.event(audit.PersonDeleted))
			},
			func(_ *oauth.Owner, c *oauth.Client) error {
				return w.DeleteClient(w.Context(), c.ID, w.event(audit.ClientDeleted))
			},
		} {
			o, c := w.person(), w.client()
			r := w.redemption(w.code(o, c), o, c)
			w.ok(revoke(o, c))

			for version := range int64(4) {
				r.OwnerVersion, r.ClientVersion = o.Version+version, c.Version
				w.want(w.RedeemCode(w.Context(), r), oauth.ErrConflict)
				r.OwnerVersion, r.ClientVersion = o.Version, c.Version+version
				w.want(w.RedeemCode(w.Context(), r), oauth.ErrConflict)
			}
			w.unspent(r)
		}
	},
	"a clock that went back since a revocation makes no grant dead at birth": func(w *world) {
		for _, revoke := range []func(o *oauth.Owner, c *oauth.Client) (int, error){
			func(o *oauth.Owner, _ *oauth.Client) (int, error) {
				return w.RevokeGrantsOf(w.Context(), o.ID, "", oauth.RevokedAdmin, w.now, w.event(audit.GrantRevoked))
			},
			func(_ *oauth.Owner, c *oauth.Client) (int, error) {
				return w.RevokeGrantsOf(w.Context(), "", c.ID, oauth.RevokedAdmin, w.now, w.event(audit.GrantRevoked))
			},
		} {
			w.now = start
			o, c := w.person(), w.client()
			must(revoke(o, c))
			o, c = must(w.Owner(w.Context(), o.ID)), must(w.Client(w.Context(), c.ID))
			w.now = start.Add(time.Microsecond) // the code, from before the step
			code := w.code(o, c)
			w.now = start.Add(-time.Hour)

			r := w.redemption(code, o, c)
			w.ok(w.RedeemCode(w.Context(), r))

			state := must(w.RefreshState(w.Context(), r.Refresh.TokenID))
			w.alive(state)
			same(w.T, state.CreatedAt, start.Add(time.Microsecond))
		}
	},
	"beyond the most grants of a pair the ones that were idle the longest are evicted": func(w *world) {
		o, c := w.person(), w.client()
		var grants []*oauth.RefreshState
		for range 4 {
			grants = append(grants, w.grant(o, c))
			w.now = w.now.Add(time.Minute)
		}
		stranger, otherClient := w.grant(w.person(), c), w.grant(o, w.client())
		w.now = w.now.Add(time.Minute)
		w.ok(w.RotateRefreshToken(w.Context(), w.rotation(grants[0]))) // the oldest is not idle
		r := w.redemption(w.code(o, c), o, c)
		r.MaxGrants = 3

		w.ok(w.RedeemCode(w.Context(), r))

		w.dead(grants[1])
		w.dead(grants[2])
		for _, s := range []*oauth.RefreshState{grants[0], grants[3], stranger, otherClient, must(w.RefreshState(w.Context(), r.Refresh.TokenID))} {
			w.alive(s)
		}
		g := must(w.Grant(w.Context(), grants[1].ID))
		same(w.T, []any{g.RevokedReason, *g.RevokedAt}, []any{oauth.RevokedEvicted, w.now})
		same(w.T, w.events(audit.GrantEvicted), 2)
	},
	"what has ended does not count among the most": func(w *world) {
		o, c := w.person(), w.client()
		expired, idle, revoked := w.redemption(w.code(o, c), o, c), w.redemption(w.code(o, c), o, c), w.grant(o, c)
		expired.Grant.EndsAt = w.now.Add(time.Minute)
		idle.Refresh.IdleDeadline = w.now.Add(time.Minute)
		w.ok(w.RedeemCode(w.Context(), expired))
		w.ok(w.RedeemCode(w.Context(), idle))
		must(w.RevokeGrant(w.Context(), revoked.ID, oauth.RevokedPerson, w.now, w.event(audit.GrantRevoked)))
		living := w.grant(o, c)
		w.now = w.now.Add(time.Hour)
		r := w.redemption(w.code(o, c), o, c)
		r.MaxGrants = 2

		w.ok(w.RedeemCode(w.Context(), r))

		w.alive(living)
		same(w.T, w.events(audit.GrantEvicted), 0)
	},
	"what a revocation of everything ended does not count, though no row knows of it yet": func(w *world) {
		o, c := w.person(), w.client()
		w.grant(o, c)
		w.revokeAll(o.ID, "", w.now)
		o, w.now = must(w.Owner(w.Context(), o.ID)), w.now.Add(time.Second)
		r := w.redemption(w.code(o, c), o, c)
		r.MaxGrants = 1

		w.ok(w.RedeemCode(w.Context(), r))

		same(w.T, w.events(audit.GrantEvicted), 0)
	},
	"the new grant is never evicted": func(w *world) {
		o, c := w.person(), w.client()
		w.now = start.Add(time.Hour)
		old := w.grant(o, c)
		w.now = start // by a clock that went back the new one was used before the old one
		r := w.redemption(w.code(o, c), o, c)
		r.MaxGrants = 1

		w.ok(w.RedeemCode(w.Context(), r))

		w.dead(old)
		w.alive(must(w.RefreshState(w.Context(), r.Refresh.TokenID)))
	},
}
