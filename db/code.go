package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// IssueCode implements [oauth.Store]. Of any number of callers with one request one wins; the others get [oauth.ErrSpent]. A
// client or person that was deleted meanwhile is [oauth.ErrConflict], and nothing is stored then.
func (d *DB) IssueCode(ctx context.Context, requestID string, code *oauth.AuthorizationCode, consent *oauth.Consent, event *audit.Event) error {
	return d.write(ctx, "issue code", func(tx *Tx) error {
		if requestID != "" {
			n, err := tx.DeleteAuthorizationRequest(ctx, requestID)
			if err := oneRow(n, err, oauth.ErrSpent); err != nil {
				return err
			}
		}
		if err := tx.spendPushed(ctx, code.Pushed, code.CreatedAt); err != nil {
			return err
		}
		// A sign-out takes the codes of its session along; one that is issued just after it must not survive.
		if session, err := tx.SessionByID(ctx, code.SessionID); err == nil && session.EndedAt != nil {
			return oauth.ErrConflict
		} else if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		sessionID := code.SessionID
		if code.Device {
			n, err := tx.AllowDevice(ctx, microsOrNull(&code.CreatedAt), code.Hash)
			if err := oneRow(n, err, oauth.ErrSpent); err != nil {
				return err
			}
			sessionID = "" // a device does not sign out with the browser that allowed it
		}
		createdAt, err := tx.youngerThanRevocations(ctx, code)
		if err != nil {
			return err
		}
		n, err := tx.InsertCode(ctx, queries.InsertCodeParams{
			Hash: code.Hash, ClientID: code.ClientID, PersonID: code.PersonID, SessionID: sessionID, RedirectURI: code.RedirectURI,
			Scope: code.Scope.String(), Resources: strings.Join(code.Resources, " "), Nonce: code.Nonce, CodeChallenge: code.CodeChallenge,
			AuthTime: micros(code.AuthTime), ACR: code.ACR, AMR: strings.Join(code.AMR, " "), IP: code.IP, UserAgent: code.UserAgent, DPOPKey: orNull(code.DPoPKey), Claims: claimsText(code.Claims),
			CreatedAt: createdAt, ExpiresAt: micros(code.ExpiresAt),
		})
		if err := oneRow(n, err, oauth.ErrConflict); err != nil {
			return err
		}
		if consent != nil {
			err := tx.PutConsent(ctx, queries.PutConsentParams{
				PersonID: consent.PersonID, ClientID: consent.ClientID, Scope: consent.Scope.String(),
				Resources: strings.Join(consent.Resources, " "), Claims: orNull(strings.Join(consent.Claims, " ")), GivenAt: micros(consent.GivenAt),
			})
			if err != nil {
				return err
			}
		}
		if event == nil {
			return nil
		}
		return tx.audit(ctx, *event)
	})
}

// youngerThanRevocations gives the instant of a code that is issued now. It is after every revocation that came before, or a
// clock that went back would keep the person out until it has caught up.
func (tx *Tx) youngerThanRevocations(ctx context.Context, code *oauth.AuthorizationCode) (int64, error) {
	floors, err := tx.GrantFloor(ctx, code.PersonID, code.ClientID)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, oauth.ErrConflict // person or client was deleted
	}
	return max(micros(code.CreatedAt), max(floors.Person, floors.Client)+1), err
}

// Code implements [oauth.Store].
func (d *DB) Code(ctx context.Context, hash []byte) (*oauth.AuthorizationCode, error) {
	var c *oauth.AuthorizationCode
	err := d.read(ctx, "read code", func(q *queries.Queries) error {
		r, err := q.Code(ctx, hash)
		c = &oauth.AuthorizationCode{
			Hash: r.Hash, ClientID: r.ClientID, PersonID: r.PersonID, SessionID: r.SessionID, RedirectURI: r.RedirectURI,
			Scope: words(r.Scope), Resources: words(r.Resources), Nonce: r.Nonce, CodeChallenge: r.CodeChallenge,
			Authentication: oauth.Authentication{AuthTime: instant(r.AuthTime), ACR: r.ACR, AMR: words(r.AMR)},
			IP:             r.IP, UserAgent: r.UserAgent, CreatedAt: instant(r.CreatedAt), ExpiresAt: instant(r.ExpiresAt),
			Tries: int(r.Tries), SpentAt: instantOrNil(r.SpentAt), DPoPKey: orEmpty(r.DPOPKey), Claims: claimsOf(r.Claims), GrantID: orEmpty(r.GrantID),
		}
		return err
	})
	return orNotFound(c, err)
}

// claimsText gives claims as they are stored.
func claimsText(c oauth.Claims) *string {
	if len(c.UserInfo)+len(c.IDToken) == 0 {
		return nil
	}
	b, err := json.Marshal(c)
	if err != nil {
		panic("db.claimsText: " + err.Error()) // unreachable: maps of strings
	}
	s := string(b)
	return &s
}

// claimsOf reads them back. What cannot be read tells nothing.
func claimsOf(s *string) (c oauth.Claims) {
	if s != nil && json.Unmarshal([]byte(*s), &c) != nil {
		return oauth.Claims{}
	}
	return c
}

// CountCodeTry implements [oauth.Store]. Every call counts, however many come at once.
func (d *DB) CountCodeTry(ctx context.Context, hash []byte) error {
	return d.write(ctx, "count code try", func(tx *Tx) error {
		n, err := tx.CountCodeTry(ctx, hash)
		return oneRow(n, err, oauth.ErrNotFound)
	})
}

// maxEvicted bounds what one redemption evicts, for a client whose MaxGrants was lowered; the next redemption goes on.
const maxEvicted = 1000

// RedeemCode implements [oauth.Store]. A code that was removed, or whose person or client has changed or revoked it since they
// were read, is [oauth.ErrConflict]; nothing is changed then. The new grant is younger than every revocation that came
// before it, so a clock that went back does not make it dead at birth.
func (d *DB) RedeemCode(ctx context.Context, r *oauth.Redemption) error {
	return d.write(ctx, "redeem code", func(tx *Tx) error {
		if err := tx.spendCode(ctx, r); err != nil {
			return err
		}
		floors, err := tx.GrantFloor(ctx, r.Grant.PersonID, r.Grant.ClientID)
		if err != nil {
			return err
		}
		floor := max(floors.Person, floors.Client)
		if err := tx.insertGrant(ctx, &r.Grant, max(micros(r.At), floor+1)); err != nil {
			return err
		}
		if r.Refresh != nil {
			if err := tx.insertRefreshToken(ctx, r.Grant.ID, r.Refresh); err != nil {
				return err
			}
		}
		if err := tx.evict(ctx, r, floor); err != nil {
			return err
		}
		if r.SeesClient {
			if err := tx.SeeClient(ctx, microsOrNull(&r.At), r.Grant.ClientID); err != nil {
				return err
			}
		}
		return tx.audit(ctx, r.Event)
	})
}

func (tx *Tx) spendCode(ctx context.Context, r *oauth.Redemption) error {
	n, err := tx.SpendCode(ctx, queries.SpendCodeParams{
		Hash: r.CodeHash, At: microsOrNull(&r.At), GrantID: &r.Grant.ID, PersonVersion: r.OwnerVersion, ClientVersion: r.ClientVersion,
	})
	if err != nil || n == 1 {
		return err
	}
	row, err := tx.Code(ctx, r.CodeHash)
	switch {
	case err == nil && row.SpentAt != nil:
		return oauth.ErrSpent
	case err == nil, errors.Is(err, sql.ErrNoRows):
		return oauth.ErrConflict
	}
	return err
}

// evict ends the grants of the pair that were idle the longest, so that r.MaxGrants are left. The new one stays.
func (tx *Tx) evict(ctx context.Context, r *oauth.Redemption, floor int64) error {
	ids, err := tx.GrantsToEvict(ctx, queries.GrantsToEvictParams{
		PersonID: r.Grant.PersonID, ClientID: r.Grant.ClientID, NewID: r.Grant.ID, Floor: floor, Now: micros(r.At),
		Keep: int32(max(r.MaxGrants-1, 0)), Lim: maxEvicted,
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		ended, err := tx.EvictGrant(ctx, microsOrNull(&r.At), id)
		if err != nil {
			return err
		}
		if err := tx.tellOfGrants(ctx, ended); err != nil {
			return err
		}
		if err := tx.audit(ctx, r.Evicted(id)); err != nil {
			return err
		}
	}
	return nil
}
