package db_test

import (
	"fmt"
	"sync"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// changesOfState are all that may happen between reading a refresh token and writing it.
func (w *world) changesOfState() map[string]func(*oauth.RefreshState) error {
	ctx := w.Context()
	return map[string]func(*oauth.RefreshState) error{
		"rotated": func(s *oauth.RefreshState) error { return w.RotateRefreshToken(ctx, w.rotation(s)) },
		"revoked": func(s *oauth.RefreshState) error {
			_, err := w.RevokeGrant(ctx, s.ID, oauth.RevokedPerson, w.now, w.event(audit.GrantRevoked))
			return err
		},
		"reused": func(s *oauth.RefreshState) error {
			return w.RevokeReused(ctx, s, oauth.ReuseTheft, w.now, w.event(audit.GrantReuse))
		},
		"consent withdrawn": func(s *oauth.RefreshState) error {
			return w.WithdrawConsent(ctx, s.PersonID, s.ClientID, w.now, w.event(audit.ConsentWithdrawn))
		},
		"person revoked": func(s *oauth.RefreshState) error {
			_, err := w.RevokeGrantsOf(ctx, s.PersonID, "", oauth.RevokedAdmin, w.now, w.event(audit.GrantRevoked))
			return err
		},
		"client revoked": func(s *oauth.RefreshState) error {
			_, err := w.RevokeGrantsOf(ctx, "", s.ClientID, oauth.RevokedAdmin, w.now, w.event(audit.GrantRevoked))
			return err
		},
		"person disabled": func(s *oauth.RefreshState) error {
			return w.DisablePerson(ctx, s.PersonID, w.event(audit.PersonDisabled))
		},
		"person deleted": func(s *oauth.RefreshState) error {
			return w.DeletePerson(ctx, s.PersonID, w.event(audit.PersonDeleted))
		},
		"client deleted": func(s *oauth.RefreshState) error {
			return w.DeleteClient(ctx, s.ClientID, w.event(audit.ClientDeleted))
		},
		"client updated": func(s *oauth.RefreshState) error {
			return w.UpdateClient(ctx, must(w.Client(ctx, s.ClientID)), w.event(audit.ClientUpdated))
		},
		"person renamed": func(s *oauth.RefreshState) error {
			return w.UpdateProfile(ctx, must(w.PersonByID(ctx, s.PersonID)), w.event(audit.PersonUpdated))
		},
	}
}

var rotationRules = map[string]func(*world){
	"a token is bound to a key once, and a rotation without one leaves it bound": func(w *world) {
		s := w.grant(w.person(), w.client())
		r := w.rotation(s)
		r.Thumbprint = "key 1"
		w.ok(w.RotateRefreshToken(w.Context(), r))
		s = must(w.RefreshState(w.Context(), s.TokenID))
		same(w.T, []string{s.Thumbprint, must(w.Grants(w.Context(), oauth.GrantFilter{ID: s.ID}))[0].Thumbprint, w.RecentRefreshState(s.TokenID).Thumbprint}, []string{"key 1", "key 1", "key 1"})
		same(w.T, []uint32{s.BoundGeneration, w.RecentRefreshState(s.TokenID).BoundGeneration}, []uint32{1, 1})

		r = w.rotation(s)
		r.Thumbprint = "key 2"
		w.want(w.RotateRefreshToken(w.Context(), r), oauth.ErrConflict)
		w.want(w.TouchRefreshToken(w.Context(), r), oauth.ErrConflict)
		w.ok(w.RotateRefreshToken(w.Context(), w.rotation(s)))
		s = must(w.RefreshState(w.Context(), s.TokenID))
		w.ok(w.TouchRefreshToken(w.Context(), w.rotation(s)))

		same(w.T, must(w.RefreshState(w.Context(), s.TokenID)).Thumbprint, "key 1")
	},
	"of many keys for a token that does not rotate one binds it": func(w *world) {
		s := w.grant(w.person(), w.client())
		won := w.race(func(i int) error {
			r := w.rotation(s)
			r.Thumbprint = fmt.Sprint("key ", i)
			return w.TouchRefreshToken(w.Context(), r)
		}, oauth.ErrConflict)
		same(w.T, won, 1)
	},
	"the next generation comes back as it was written": func(w *world) {
		s := w.grant(w.person(), w.client())
		w.now = w.now.Add(time.Hour)
		r := w.rotation(s)

		w.ok(w.RotateRefreshToken(w.Context(), r))

		want := *s
		want.Generation, want.CurrentHash, want.PreviousHash, want.Nonce = 1, r.CurrentHash, s.CurrentHash, r.Nonce
		want.WindowKeyID, want.WindowEnd, want.RotatedAt, want.LastUsedAt = 7, 1_000_000, w.now, w.now
		want.IdleDeadline, want.LastIP, want.LastUserAgent, want.Ring = r.IdleDeadline, r.IP, r.UserAgent, r.Ring
		same(w.T, must(w.RefreshState(w.Context(), s.TokenID)), &want)
	},
	"an unknown token is not found": func(w *world) {
		_, err := w.RefreshState(w.Context(), [16]byte{1})
		w.want(err, oauth.ErrNotFound)
		w.want(w.RotateRefreshToken(w.Context(), w.rotation(&oauth.RefreshState{TokenID: [16]byte{1}})), oauth.ErrConflict)
	},
	"of many with one generation one wins": func(w *world) {
		s := w.grant(w.person(), w.client())

		won := w.race(func(i int) error {
			r := w.rotation(s)
			r.CurrentHash = fmt.Append(nil, i)
			return w.RotateRefreshToken(w.Context(), r)
		}, oauth.ErrConflict)

		same(w.T, []int{won, int(must(w.RefreshState(w.Context(), s.TokenID)).Generation)}, []int{1, 1})
	},
	"of many who read again after each miss all win in turn": func(w *world) {
		s := w.grant(w.person(), w.client())

		w.race(func(int) error {
			for {
				err := w.RotateRefreshToken(w.Context(), w.rotation(must(w.RefreshState(w.Context(), s.TokenID))))
				if err != oauth.ErrConflict {
					return err
				}
			}
		}, nil)

		same(w.T, must(w.RefreshState(w.Context(), s.TokenID)).Generation, uint32(racers))
	},
	"another generation, epoch or version than the stored one conflicts": func(w *world) {
		s := w.grant(w.person(), w.client())
		for i, differ := range []func(*oauth.RefreshState){
			func(r *oauth.RefreshState) { r.Generation++ },
			func(r *oauth.RefreshState) { r.Epoch++ },
			func(r *oauth.RefreshState) { r.Version++ },
			func(r *oauth.RefreshState) { r.Owner.Version++ },
			func(r *oauth.RefreshState) { r.ClientVersion++ },
		} {
			other := *s
			differ(&other)
			for _, err := range []error{w.RotateRefreshToken(w.Context(), w.rotation(&other)), w.TouchRefreshToken(w.Context(), w.rotation(&other))} {
				if err != oauth.ErrConflict {
					w.Fatalf("%d: got %v", i, err)
				}
			}
		}
		same(w.T, must(w.RefreshState(w.Context(), s.TokenID)), s)
	},
	"whatever changed since it was read conflicts, and nothing is written": func(w *world) {
		for name, change := range w.changesOfState() {
			s := w.grant(w.person(), w.client())
			if err := change(s); err != nil {
				w.Fatalf("%s: %v", name, err)
			}
			before := must(w.RefreshState(w.Context(), s.TokenID))

			for _, write := range []func(*oauth.Rotation) error{
				func(r *oauth.Rotation) error { return w.RotateRefreshToken(w.Context(), r) },
				func(r *oauth.Rotation) error { return w.TouchRefreshToken(w.Context(), r) },
			} {
				if err := write(w.rotation(s)); err != oauth.ErrConflict {
					w.Fatalf("%s: got %v", name, err)
				}
			}

			same(w.T, must(w.RefreshState(w.Context(), s.TokenID)), before)
		}
	},
	"no version that is read makes a dead grant rotate": func(w *world) {
		for name, change := range w.changesOfState() {
			if name == "rotated" || name == "client updated" || name == "person renamed" {
				continue
			}
			s := w.grant(w.person(), w.client())
			w.ok(change(s))
			w.dead(s)
		}
	},
	"a disabled person stays dead after being enabled again": func(w *world) {
		o := w.person()
		s := w.grant(o, w.client())
		w.ok(w.DisablePerson(w.Context(), o.ID, w.event(audit.PersonDisabled)))
		w.ok(w.EnablePerson(w.Context(), o.ID, w.event(audit.PersonEnabled)))
		w.dead(s)
	},
	"T39 after a rotation and a revocation at once the grant is dead": func(w *world) {
		o, c := w.person(), w.client()
		for range 50 {
			s := w.grant(o, c)
			var both sync.WaitGroup
			both.Go(func() { _ = w.RotateRefreshToken(w.Context(), w.rotation(s)) })
			both.Go(func() {
				must(w.RevokeGrant(w.Context(), s.ID, oauth.RevokedPerson, w.now, w.event(audit.GrantRevoked)))
			})
			both.Wait()
			w.dead(s)
		}
	},
	"a touch renews the deadline and keeps the generation": func(w *world) {
		s := w.grant(w.person(), w.client())
		w.now = w.now.Add(time.Hour)
		r := w.rotation(s)
		r.CurrentHash = nil

		w.ok(w.TouchRefreshToken(w.Context(), r))
		w.ok(w.TouchRefreshToken(w.Context(), r))

		want := *s
		want.IdleDeadline, want.LastUsedAt, want.LastIP, want.LastUserAgent, want.Ring = r.IdleDeadline, w.now, r.IP, r.UserAgent, r.Ring
		same(w.T, must(w.RefreshState(w.Context(), s.TokenID)), &want)
	},
	"T53 a rotation skips what a restored backup does not know, once": func(w *world) {
		s := w.grant(w.person(), w.client())
		r := w.rotation(s)
		r.Epoch, r.Skipped = s.Epoch+1, 4

		w.ok(w.RotateRefreshToken(w.Context(), r))
		w.want(w.RotateRefreshToken(w.Context(), r), oauth.ErrConflict)

		if now := must(w.RefreshState(w.Context(), s.TokenID)); now.Generation != s.Generation+5 || now.Epoch != s.Epoch+1 {
			w.Errorf("generation %d, epoch %d", now.Generation, now.Epoch)
		}
	},
	"T53 so does a touch": func(w *world) {
		s := w.grant(w.person(), w.client())
		r := w.rotation(s)
		r.Epoch, r.Skipped = s.Epoch+1, 4

		w.ok(w.TouchRefreshToken(w.Context(), r))
		w.want(w.TouchRefreshToken(w.Context(), r), oauth.ErrConflict)

		if now := must(w.RefreshState(w.Context(), s.TokenID)); now.Generation != s.Generation+4 || now.Epoch != s.Epoch+1 || string(now.CurrentHash) != string(r.CurrentHash) {
			w.Errorf("%+v", now)
		}
	},
}

func (w *world) reuse(s *oauth.RefreshState) error {
	return w.RevokeReused(w.Context(), s, oauth.ReuseTheft, w.now, w.event(audit.GrantReuse))
}

var reuseRules = map[string]func(*world){
	"it revokes for ever, with its class": func(w *world) {
		s := w.grant(w.person(), w.client())

		w.ok(w.reuse(s))

		w.dead(s)
		g := must(w.Grant(w.Context(), s.ID))
		same(w.T, []any{g.RevokedReason, g.ReuseClass, *g.RevokedAt, g.Version}, []any{oauth.RevokedReuse, oauth.ReuseTheft, w.now, s.Version + 1})
		same(w.T, w.events(audit.GrantReuse), 1)
	},
	"a verdict on another generation or epoch conflicts": func(w *world) {
		s := w.grant(w.person(), w.client())
		other := *s
		other.Epoch++
		w.want(w.reuse(&other), oauth.ErrConflict)
		w.ok(w.RotateRefreshToken(w.Context(), w.rotation(s)))
		w.want(w.reuse(s), oauth.ErrConflict)
		w.alive(s)
		same(w.T, w.events(audit.GrantReuse), 0)
	},
	"T11 T13 on what has ended already it does nothing": func(w *world) {
		for name, change := range w.changesOfState() {
			if name == "rotated" || name == "client updated" || name == "person renamed" || name == "reused" {
				continue
			}
			s := w.grant(w.person(), w.client())
			w.ok(change(s))
			before := must(w.Grant(w.Context(), s.ID))

			w.ok(w.reuse(s))
			w.ok(w.reuse(must(w.RefreshState(w.Context(), s.TokenID))))

			same(w.T, must(w.Grant(w.Context(), s.ID)), before)
		}
		same(w.T, w.events(audit.GrantReuse), 0)
	},
	"of many verdicts at once one revokes and records, and all are content": func(w *world) {
		s := w.grant(w.person(), w.client())
		won := w.race(func(int) error { return w.reuse(s) }, nil)
		w.dead(s)
		same(w.T, []int{won, w.events(audit.GrantReuse)}, []int{racers, 1})
	},
	"an unknown grant conflicts": func(w *world) {
		w.want(w.reuse(&oauth.RefreshState{TokenID: [16]byte{1}}), oauth.ErrConflict)
	},
}
