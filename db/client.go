package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

// Client implements [oauth.Store].
func (d *DB) Client(ctx context.Context, id string) (*oauth.Client, error) {
	var c *oauth.Client
	err := d.readRow(ctx, "read client", func(q *queries.Queries) error {
		row, err := q.Client(ctx, id)
		if c = client(row); err == nil && c.Restricted {
			c.Groups, err = groupsOfClient(ctx, q, id)
		}
		return err
	})
	return orNotFound(c, err)
}

// Clients implements [oauth.Store].
func (d *DB) Clients(ctx context.Context) ([]oauth.Client, error) {
	var clients []oauth.Client
	err := d.read(ctx, "read clients", func(q *queries.Queries) error {
		rows, err := q.Clients(ctx)
		clients = make([]oauth.Client, len(rows))
		for i, row := range rows {
			clients[i] = *client(row)
		}
		if err != nil {
			return err
		}
		return addGroups(ctx, q, clients)
	})
	return clients, err
}

// CreateClient implements [oauth.Store]. It gives the client version 1. When a client of this id was deleted a short while ago,
// none of its grants comes back to life: those that are left are older than the grants_revoked_before that it begins with.
func (d *DB) CreateClient(ctx context.Context, c *oauth.Client, event audit.Event) error {
	err := d.write(ctx, "create client", func(tx *Tx) error {
		if err := tx.insertClient(ctx, c); err != nil {
			return err
		}
		return tx.audit(ctx, event)
	})
	if err == nil {
		c.Version = 1
	}
	return err
}

func (tx *Tx) insertClient(ctx context.Context, c *oauth.Client) error {
	last, err := tx.LastOfClient(ctx, c.ID)
	if err != nil {
		return err
	}
	row := clientRow(c, queries.Client{})
	row.Version = 1
	if c.Unverified() {
		row.SeenAt = &row.CreatedAt
	}
	if last > 0 && (row.GrantsRevokedBefore == nil || *row.GrantsRevokedBefore < last) {
		row.GrantsRevokedBefore = &last
	}
	n, err := tx.InsertClient(ctx, queries.InsertClientParams(row))
	if err := oneRow(n, err, oauth.ErrExists); err != nil {
		return err
	}
	return tx.putGroups(ctx, c)
}

// UpdateClient implements [oauth.Store]. On success c.Version is the new one. A GrantsRevokedBefore that is later than the stored
// one ends the client's grants as [DB.RevokeGrantsOf] does; it is never lowered. Of two callers with the same version one wins.
func (d *DB) UpdateClient(ctx context.Context, c *oauth.Client, event audit.Event) error {
	err := d.write(ctx, "update client", func(tx *Tx) error {
		old, err := tx.Client(ctx, c.ID)
		if errors.Is(err, sql.ErrNoRows) || err == nil && old.Version != c.Version {
			return oauth.ErrConflict
		}
		if err != nil {
			return err
		}
		row := clientRow(c, old)
		if before := row.GrantsRevokedBefore; before == nil || old.GrantsRevokedBefore != nil && *old.GrantsRevokedBefore >= *before {
			row.GrantsRevokedBefore = old.GrantsRevokedBefore
		} else {
			last, err := tx.LastOfClient(ctx, c.ID)
			if err != nil {
				return err
			}
			covers := max(*before, last)
			row.GrantsRevokedBefore = &covers
			reason := oauth.RevokedAdmin
			if event.Actor == audit.ByClient { // its document says that it authenticates no more
				reason = oauth.RevokedClient
			}
			if err := tx.tellOfClient(ctx, c.ID, covers, reason, *c.GrantsRevokedBefore); err != nil {
				return err
			}
			if err := tx.revokeLater(ctx, "", c.ID, covers, reason, *c.GrantsRevokedBefore); err != nil {
				return err
			}
		}
		n, err := tx.UpdateClient(ctx, queries.UpdateClientParams(row))
		if err := oneRow(n, err, oauth.ErrConflict); err != nil {
			return err
		}
		if err := tx.putGroups(ctx, c); err != nil {
			return err
		}
		if err := tx.redirectNews(ctx, old, c); err != nil {
			return err
		}
		if c.Restricted && c.Policy.OnAccessLost == oauth.AccessLostRevokes {
			if err := tx.accessMayBeLost(ctx, c.ID, event.At); err != nil {
				return err
			}
		}
		return tx.audit(ctx, event)
	})
	if err == nil {
		c.Version++
	}
	return err
}

// DeleteClient implements [oauth.Store]. It is done at event.At. A grant without its client is dead, so the one deletion ends them
// all. The client of an API is [oauth.ErrConflict]: it goes with the API.
func (d *DB) DeleteClient(ctx context.Context, id string, event audit.Event) error {
	return d.write(ctx, "delete client", func(tx *Tx) error {
		if err := tx.deleteClient(ctx, id, event.At); err != nil {
			return err
		}
		return tx.audit(ctx, event)
	})
}

func (tx *Tx) deleteClient(ctx context.Context, id string, at time.Time) error {
	// Exactly its own grants and no younger one: a new client of the same id may follow.
	covers, err := tx.LastOfClient(ctx, id)
	if err != nil {
		return err
	}
	if err := tx.DeleteCodesOfClient(ctx, id); err != nil {
		return err
	}
	if err := tx.DeleteConsentsOfClient(ctx, id); err != nil {
		return err
	}
	if err := tx.DeleteDeliveriesOfClient(ctx, id); err != nil {
		return err
	}
	if err := tx.DeleteGroupsOfClient(ctx, id); err != nil {
		return err
	}
	if err := tx.DeleteAccessLoss(ctx, id); err != nil {
		return err
	}
	n, err := tx.Queries.DeleteClient(ctx, id)
	if isForeignKey(err) {
		return fmt.Errorf("client %s belongs to an API: %w", id, oauth.ErrConflict)
	}
	if err := oneRow(n, err, oauth.ErrNotFound); err != nil || covers == 0 {
		return err
	}
	return tx.revokeLater(ctx, "", id, covers, oauth.RevokedClientDeleted, at)
}

func client(r queries.Client) *oauth.Client {
	c := &oauth.Client{
		ID: r.ID, Name: r.Name, AuthMethod: oauth.AuthMethod(r.TokenEndpointAuthMethod), RedirectURIs: words(r.RedirectURIs),
		GrantTypes: words(r.GrantTypes), Scope: words(r.Scope), Trusted: r.TrustedAt != nil, PKCEWaived: r.PKCEWaivedAt != nil,
		RedirectURIRequired: r.RedirectURIRequiredAt != nil, FormPost: r.FormPostAt != nil, SecondFactor: r.SecondFactorAt != nil,
		Secret:    clientSecret(r.SecretHash, r.SecretHint, r.SecretCreatedAt, nil),
		OldSecret: clientSecret(r.OldSecretHash, r.OldSecretHint, r.OldSecretCreatedAt, r.OldSecretEndsAt),
		Policy: oauth.Policy{
			Preset: oauth.Preset(r.Preset), Refresh: oauth.RefreshIssue(r.Refresh), RotationOff: r.RotationOffAt != nil,
			Grace: duration(r.Grace), Idle: duration(r.IdleLifetime), Absolute: duration(r.AbsoluteLifetime),
			AccessTokenLifetime: duration(r.AccessTokenLifetime), AccessTokenFormat: oauth.Format(r.AccessTokenFormat),
			IDTokenAlg: r.IDTokenAlg, MaxGrants: int(r.MaxGrants), RefreshLimit: int(r.RefreshLimit),
			OnReuse: oauth.OnReuse(r.OnReuse), StaleGenerations: int(r.StaleGenerations),
			OnAccessLost: oauth.OnAccessLost(r.OnAccessLost),
		},
		Restricted: r.RestrictedAt != nil, PARRequired: r.PARRequiredAt != nil, DPoPRequired: r.DPOPRequiredAt != nil,
		DisabledAt: instantOrNil(r.DisabledAt), GrantsRevokedBefore: instantOrNil(r.GrantsRevokedBefore), Version: r.Version,
		CreatedAt: instant(r.CreatedAt), UpdatedAt: instant(r.UpdatedAt),
	}
	c.Source, c.About, c.RegistrationHash, c.SeenAt = clientSource(r.Source), about(r.About), r.RegistrationHash, instantOrNil(r.SeenAt)
	c.ReadAt, c.FreshUntil = instantOrNil(r.ReadAt), instantOrNil(r.FreshUntil)
	c.PostLogoutRedirectURIs = words(textOf(r.PostLogoutRedirectURIs))
	c.BackchannelLogoutURI, c.LogoutSessionRequired = textOf(r.BackchannelLogoutURI), r.LogoutSessionRequiredAt != nil
	c.WebhookURL, c.SecurityEventURL, c.SecurityEventAuthorization = textOf(r.WebhookURL), textOf(r.SecurityEventURL), r.SecurityEventAuthorization
	c.WebhookSecret = sealedSecret(r.WebhookSecret, r.WebhookSecretCreatedAt, nil)
	c.OldWebhookSecret = sealedSecret(r.OldWebhookSecret, r.OldWebhookSecretCreatedAt, r.OldWebhookSecretEndsAt)
	c.ExchangeSubjects, c.ExchangeAudiences = words(textOf(r.ExchangeSubjects)), words(textOf(r.ExchangeAudiences))
	c.JWKS, c.JWKSURI, c.AuthSigningAlg = textOf(r.JWKS), textOf(r.JWKSURI), textOf(r.AuthSigningAlg)
	if r.ScopesOnRefresh != nil {
		c.Policy.ScopesOnRefresh = append(oauth.Scope{}, words(*r.ScopesOnRefresh)...) // empty is not nil: no scope survives
	}
	return c
}

// clientRow keeps the instants of old for what was so before.
func clientRow(c *oauth.Client, old queries.Client) queries.Client {
	p := c.Policy
	row := queries.Client{
		ID: c.ID, Name: c.Name, TokenEndpointAuthMethod: string(c.AuthMethod), RedirectURIs: strings.Join(c.RedirectURIs, " "),
		GrantTypes: strings.Join(c.GrantTypes, " "), Scope: c.Scope.String(), TrustedAt: since(c.Trusted, old.TrustedAt, c.UpdatedAt),
		PKCEWaivedAt:          since(c.PKCEWaived, old.PKCEWaivedAt, c.UpdatedAt),
		RedirectURIRequiredAt: since(c.RedirectURIRequired, old.RedirectURIRequiredAt, c.UpdatedAt),
		Preset:                string(p.Preset), Refresh: string(p.Refresh), RotationOffAt: since(p.RotationOff, old.RotationOffAt, c.UpdatedAt),
		Grace: p.Grace.Microseconds(), IdleLifetime: p.Idle.Microseconds(), AbsoluteLifetime: p.Absolute.Microseconds(),
		AccessTokenLifetime: p.AccessTokenLifetime.Microseconds(), AccessTokenFormat: string(p.AccessTokenFormat),
		IDTokenAlg: p.IDTokenAlg, MaxGrants: int64(p.MaxGrants), RefreshLimit: int64(p.RefreshLimit),
		OnReuse: string(p.OnReuse), StaleGenerations: int64(p.StaleGenerations),
		RestrictedAt: since(c.Restricted, old.RestrictedAt, c.UpdatedAt), OnAccessLost: string(p.OnAccessLost),
		DisabledAt: microsOrNull(c.DisabledAt), GrantsRevokedBefore: microsOrNull(c.GrantsRevokedBefore), Version: c.Version,
		CreatedAt: micros(c.CreatedAt), UpdatedAt: micros(c.UpdatedAt),
		SecondFactorAt: since(c.SecondFactor, old.SecondFactorAt, c.UpdatedAt), PARRequiredAt: since(c.PARRequired, old.PARRequiredAt, c.UpdatedAt),
		DPOPRequiredAt: since(c.DPoPRequired, old.DPOPRequiredAt, c.UpdatedAt), FormPostAt: since(c.FormPost, old.FormPostAt, c.UpdatedAt),
	}
	row.Source, row.About, row.RegistrationHash, row.SeenAt = c.Source.String(), orNull(c.About.String()), c.RegistrationHash, old.SeenAt
	if row.ReadAt, row.FreshUntil = microsOrNull(c.ReadAt), microsOrNull(c.FreshUntil); old.ReadAt != nil && (row.ReadAt == nil || *row.ReadAt < *old.ReadAt) {
		row.ReadAt, row.FreshUntil = old.ReadAt, old.FreshUntil // it was read again while somebody changed what they had seen
	}
	row.PostLogoutRedirectURIs = orNull(strings.Join(c.PostLogoutRedirectURIs, " "))
	row.BackchannelLogoutURI, row.LogoutSessionRequiredAt = orNull(c.BackchannelLogoutURI), since(c.LogoutSessionRequired, old.LogoutSessionRequiredAt, c.UpdatedAt)
	row.WebhookURL, row.SecurityEventURL, row.SecurityEventAuthorization = orNull(c.WebhookURL), orNull(c.SecurityEventURL), c.SecurityEventAuthorization
	row.ExchangeSubjects, row.ExchangeAudiences = orNull(strings.Join(c.ExchangeSubjects, " ")), orNull(strings.Join(c.ExchangeAudiences, " "))
	row.JWKS, row.JWKSURI, row.AuthSigningAlg = orNull(c.JWKS), orNull(c.JWKSURI), orNull(c.AuthSigningAlg)
	if p.ScopesOnRefresh != nil {
		scope := p.ScopesOnRefresh.String()
		row.ScopesOnRefresh = &scope
	}
	if s := c.Secret; s != nil {
		row.SecretHash, row.SecretHint, row.SecretCreatedAt = s.Hash, &s.Hint, microsOrNull(&s.CreatedAt)
	}
	if s := c.WebhookSecret; s != nil {
		row.WebhookSecret, row.WebhookSecretCreatedAt = s.Sealed, microsOrNull(&s.CreatedAt)
	}
	if s := c.OldWebhookSecret; s != nil {
		row.OldWebhookSecret, row.OldWebhookSecretCreatedAt, row.OldWebhookSecretEndsAt = s.Sealed, microsOrNull(&s.CreatedAt), microsOrNull(s.EndsAt)
	}
	if s := c.OldSecret; s != nil {
		row.OldSecretHash, row.OldSecretHint, row.OldSecretCreatedAt = s.Hash, &s.Hint, microsOrNull(&s.CreatedAt)
		row.OldSecretEndsAt = microsOrNull(s.EndsAt)
	}
	return row
}

func clientSource(s string) oauth.ClientSource {
	if s == oauth.SourceAdmin.String() {
		return oauth.SourceAdmin
	}
	return oauth.ClientSource(s)
}

// about reads what a client says of itself. It was written by this package; what it does not know yet is left out.
func about(text *string) (a oauth.About) {
	if text != nil {
		_ = json.Unmarshal([]byte(*text), &a)
	}
	return a
}

func clientSecret(hash []byte, hint *string, createdAt, endsAt *int64) *oauth.ClientSecret {
	if hash == nil {
		return nil
	}
	s := &oauth.ClientSecret{Hash: hash, EndsAt: instantOrNil(endsAt)}
	if hint != nil {
		s.Hint = *hint
	}
	if createdAt != nil {
		s.CreatedAt = instant(*createdAt)
	}
	return s
}

func sealedSecret(sealed []byte, createdAt, endsAt *int64) *oauth.SealedSecret {
	if sealed == nil {
		return nil
	}
	return &oauth.SealedSecret{Sealed: sealed, CreatedAt: instant(orZero(createdAt)), EndsAt: instantOrNil(endsAt)}
}

// since is how a flag is stored: the instant from which on it is set, which stays as long as it does.
func since(set bool, before *int64, now time.Time) *int64 {
	if !set || before != nil {
		if !set {
			return nil
		}
		return before
	}
	return microsOrNull(&now)
}

func duration(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

// words is the inverse of strings.Join with a space, for lists whose members hold none: scopes, URIs, methods.
func words(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, " ")
}

// orNotFound gives what was read, or [oauth.ErrNotFound] for no row.
func orNotFound[T any](found *T, err error) (*T, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return nil, oauth.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

// oneRow reads the outcome of a compare-and-swap: otherwise is what it means that no row was changed.
func oneRow(n int64, err, otherwise error) error {
	if err == nil && n == 0 {
		return otherwise
	}
	return err
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
