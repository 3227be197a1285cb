package db

import (
	"context"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// RegistrationTerms implements [oauth.Store].
func (d *DB) RegistrationTerms(ctx context.Context) (oauth.RegistrationTerms, error) {
	s, err := d.SiteSettings(ctx)
	return oauth.RegistrationTerms{RegistrationRules: s.Registration, Policy: s.Policy}, err
}

// RegisterItself implements [oauth.Store]. The client gets version 1.
func (d *DB) RegisterItself(ctx context.Context, r *oauth.SelfRegistration) error {
	err := d.write(ctx, "register client", func(tx *Tx) error {
		at := micros(r.Client.CreatedAt)
		if r.TokenHash != nil {
			n, err := tx.UseInitialToken(ctx, r.TokenHash, at)
			if err := oneRow(n, err, oauth.ErrSpent); err != nil {
				return err
			}
		}
		lately, err := tx.CountRegistrationsOf(ctx, queries.CountRegistrationsOfParams{Holder: r.Holder, After: micros(r.Since), Lim: int32(r.Bound.Holder)})
		if err != nil {
			return err
		}
		if r.Holder != "" && lately >= int64(r.Bound.Holder) {
			return oauth.ErrTooMany
		}
		all, err := tx.CountClientsOfSource(ctx, r.Client.Source.String(), int32(r.Bound.All))
		if err != nil {
			return err
		}
		if all >= int64(r.Bound.All) {
			return oauth.ErrFull
		}
		if err := tx.insertClient(ctx, r.Client); err != nil {
			return err
		}
		if r.Holder != "" {
			if err := tx.InsertRegistration(ctx, queries.InsertRegistrationParams{ClientID: r.Client.ID, Holder: r.Holder, At: at}); err != nil {
				return err
			}
		}
		return tx.audit(ctx, r.Event)
	})
	if err == nil {
		r.Client.Version = 1
	}
	return err
}

// InitialToken implements [oauth.Store].
func (d *DB) InitialToken(ctx context.Context, hash []byte) (*oauth.InitialToken, error) {
	var t *oauth.InitialToken
	err := d.read(ctx, "read initial access token", func(q *queries.Queries) error {
		row, err := q.InitialTokenByHash(ctx, hash)
		t = initialToken(row)
		return err
	})
	return orNotFound(t, err)
}

// InitialTokens implements [oauth.Store].
func (d *DB) InitialTokens(ctx context.Context) ([]oauth.InitialToken, error) {
	var tokens []oauth.InitialToken
	err := d.read(ctx, "read initial access tokens", func(q *queries.Queries) error {
		rows, err := q.InitialTokens(ctx, oauth.MaxInitialTokens)
		tokens = make([]oauth.InitialToken, len(rows))
		for i, row := range rows {
			tokens[i] = *initialToken(row)
		}
		return err
	})
	return tokens, err
}

func initialToken(r queries.InitialAccessToken) *oauth.InitialToken {
	return &oauth.InitialToken{
		ID: r.ID, Hash: r.Hash, Name: r.Name, Hint: r.Hint, Uses: int(r.Uses), Used: int(r.Used), CreatedBy: r.CreatedBy,
		CreatedAt: instant(r.CreatedAt), ExpiresAt: instant(r.ExpiresAt),
	}
}

// AddInitialToken implements [oauth.Store].
func (d *DB) AddInitialToken(ctx context.Context, t *oauth.InitialToken, max int, event audit.Event) error {
	return d.write(ctx, "add initial access token", func(tx *Tx) error {
		n, err := tx.SizeInitialTokens(ctx)
		if err != nil {
			return err
		}
		if n >= int64(max) {
			return oauth.ErrTooMany
		}
		err = tx.InsertInitialToken(ctx, queries.InsertInitialTokenParams{
			ID: t.ID, Hash: t.Hash, Name: t.Name, Hint: t.Hint, Uses: int64(t.Uses), Used: int64(t.Used), CreatedBy: t.CreatedBy,
			CreatedAt: micros(t.CreatedAt), ExpiresAt: micros(t.ExpiresAt),
		})
		if err != nil {
			return err
		}
		return tx.audit(ctx, event)
	})
}

// RevokeInitialToken implements [oauth.Store]. Of any number of callers one wins.
func (d *DB) RevokeInitialToken(ctx context.Context, id string, event audit.Event) error {
	return d.write(ctx, "revoke initial access token", func(tx *Tx) error {
		n, err := tx.DeleteInitialToken(ctx, id)
		if err := oneRow(n, err, oauth.ErrNotFound); err != nil {
			return err
		}
		return tx.audit(ctx, event)
	})
}

// evictionLook is how many clients are looked at for one that may make way.
const evictionLook = 50

// KeepDocumentClient implements [oauth.Store]. The client gets version 1.
func (d *DB) KeepDocumentClient(ctx context.Context, k *oauth.DocumentClient) error {
	full := false
	err := d.write(ctx, "keep client", func(tx *Tx) error {
		full = false
		all, err := tx.CountClientsOfSource(ctx, oauth.SourceDocument.String(), int32(k.Total))
		if err != nil {
			return err
		}
		if all >= int64(k.Total) {
			if full, err = tx.evictDocumentClient(ctx, k); err != nil || full {
				return err
			}
		}
		if err := tx.insertClient(ctx, k.Client); err != nil {
			return err
		}
		return tx.audit(ctx, k.Event)
	})
	switch {
	case err != nil:
		return err
	case full: // what was seen on the way stays noted
		return oauth.ErrFull
	}
	k.Client.Version = 1
	return nil
}

// evictDocumentClient makes room for one. Those that are in use go to the end of the queue, so that they are not looked at again soon.
func (tx *Tx) evictDocumentClient(ctx context.Context, k *oauth.DocumentClient) (full bool, err error) {
	now := k.Client.CreatedAt
	rows, err := tx.ClientsNotSeen(ctx, queries.ClientsNotSeenParams{Source: oauth.SourceDocument.String(), Before: microsOrNull(&now), Lim: evictionLook})
	if err != nil {
		return false, err
	}
	for _, row := range rows {
		open, err := tx.OpenGrantsOfClient(ctx, row.ID, 1)
		if err != nil {
			return false, err
		}
		if open == 0 {
			if err := tx.deleteClient(ctx, row.ID, now); err != nil {
				return false, err
			}
			return false, tx.audit(ctx, k.Evicted(row.ID, row.Name))
		}
		if err := tx.SeeClient(ctx, microsOrNull(&now), row.ID); err != nil {
			return false, err
		}
	}
	return true, nil
}

// NoteDocument implements [oauth.Store].
func (d *DB) NoteDocument(ctx context.Context, id string, readAt, freshUntil time.Time) error {
	return d.write(ctx, "note the reading of a document", func(tx *Tx) error {
		return tx.NoteDocument(ctx, queries.NoteDocumentParams{ReadAt: microsOrNull(&readAt), FreshUntil: microsOrNull(&freshUntil), ID: id})
	})
}

// CountClients implements [oauth.Store].
func (d *DB) CountClients(ctx context.Context, source oauth.ClientSource, max int) (int, error) {
	var n int64
	err := d.read(ctx, "count clients", func(q *queries.Queries) (err error) {
		n, err = q.CountClientsOfSource(ctx, source.String(), int32(max))
		return err
	})
	return int(n), err
}

func (d *DB) sweepUnusedClients(ctx context.Context, now time.Time, batch int) (n int, err error) {
	err = d.write(ctx, "sweep unused clients", func(tx *Tx) (err error) {
		n, err = tx.sweepUnusedClients(ctx, now, int32(batch))
		return err
	})
	return n, err
}

// sweepUnusedClients removes clients that nobody vouches for and that nobody has used for as long as the rules say. Use is an open
// grant, a refresh, or a sign-in; what the row itself does not know of it yet is noted.
func (tx *Tx) sweepUnusedClients(ctx context.Context, now time.Time, lim int32) (n int, err error) {
	site, err := siteSettings(ctx, tx.Queries)
	if err != nil {
		return 0, err
	}
	before := now.Add(-site.Registration.Unused)
	for _, source := range []oauth.ClientSource{oauth.SourceDynamic, oauth.SourceDocument} {
		rows, err := tx.ClientsNotSeen(ctx, queries.ClientsNotSeenParams{Source: source.String(), Before: microsOrNull(&before), Lim: lim})
		if err != nil {
			return n, err
		}
		for _, row := range rows {
			if err := tx.sweepUnusedClient(ctx, row, before, now); err != nil {
				return n, err
			}
		}
		n += len(rows)
	}
	return n, nil
}

func (tx *Tx) sweepUnusedClient(ctx context.Context, row queries.ClientsNotSeenRow, before, now time.Time) error {
	seen, err := tx.clientSeen(ctx, row.ID, now)
	if err != nil {
		return err
	}
	if seen.After(before) {
		return tx.SeeClient(ctx, microsOrNull(&seen), row.ID)
	}
	if err := tx.deleteClient(ctx, row.ID, now); err != nil {
		return err
	}
	return tx.audit(ctx, audit.Event{
		At: now, Kind: audit.ClientExpired, Origin: audit.Origin{Actor: audit.ByServer}, ClientID: row.ID, Result: "ok",
		Detail: audit.Details("name", row.Name, "unused_since", instant(*row.SeenAt).Format(time.RFC3339)),
	})
}

// clientSeen is the last use of a client that is not in its row: zero for none.
func (tx *Tx) clientSeen(ctx context.Context, id string, now time.Time) (time.Time, error) {
	open, err := tx.OpenGrantsOfClient(ctx, id, 1)
	if err != nil {
		return time.Time{}, err
	}
	if open > 0 {
		return now, nil
	}
	day, err := tx.LastDayOfClient(ctx, id)
	if err != nil || day == 0 {
		return time.Time{}, err
	}
	if end := time.Unix((day+1)*86400, 0).UTC(); end.Before(now) {
		return end, nil
	}
	return now, nil
}
