package oauth

import (
	"context"
	"time"

	"regrant/app/audit"
)

// Bounds of how long an old secret lives on beside the new one.
const (
	SecretOverlap    = 24 * time.Hour // where nobody chose
	MaxSecretOverlap = 30 * 24 * time.Hour
)

// SecretRotation says how a client's secret is rotated.
type SecretRotation struct {
	Method  AuthMethod    // becomes the client's authentication method; empty: the one that it has
	Overlap time.Duration // for how long the old secret lives on; 0: it ends at once
	Leaked  bool          // the old secret ends at once, whatever Overlap says, and every grant of the client with it (T28)
	Version int64         // the client's version that somebody looked at when they decided; 0: whichever it is
}

// RotateClientSecret gives a client a new secret, which nobody sees again. The old one may live on for a while, so that every
// instance of the application can be changed in peace; one that was still living from the rotation before ends. A client that
// has another version than the rotation names is [ErrConflict].
func RotateClientSecret(ctx context.Context, store Store, id string, r SecretRotation, now time.Time, by audit.Origin) (*Client, string, error) {
	if r.Overlap < 0 || r.Overlap > MaxSecretOverlap {
		return nil, "", refuse(InvalidClientMetadata, "overlap: must be from 0 to 30 days")
	}
	for range maxRetries {
		c, err := store.Client(ctx, id)
		if err != nil {
			return nil, "", err
		}
		if r.Version != 0 && r.Version != c.Version {
			return nil, "", ErrConflict
		}
		before := *c
		if r.Method != "" {
			c.AuthMethod = r.Method
		}
		if c.HasSecret() {
			c.dropKeys()
		}
		if c.AuthMethod == AuthPrivateKeyJWT {
			return nil, "", refuse(InvalidClientMetadata, memberAuthMethod+"the client authenticates with keys of its own; name the method that it is to authenticate with, such as client_secret_basic")
		}
		if c.Public() {
			return nil, "", refuse(InvalidClientMetadata, memberAuthMethod+"a public client has no secret; name the method that it is to authenticate with, such as client_secret_basic")
		}
		c.OldSecret = nil
		if old := c.Secret; old != nil && r.Overlap > 0 && !r.Leaked {
			ends := now.Add(r.Overlap)
			c.OldSecret = &ClientSecret{Hash: old.Hash, Hint: old.Hint, CreatedAt: old.CreatedAt, EndsAt: &ends}
		}
		secret := c.newSecret(now)
		if r.Leaked {
			revoked := now
			if last := c.GrantsRevokedBefore; last != nil && !revoked.After(*last) {
				revoked = last.Add(time.Microsecond) // the clock went back; grants that were made since the last time have to end too
			}
			c.GrantsRevokedBefore = &revoked
		}
		c.UpdatedAt = now
		event := audit.Event{At: now, Kind: audit.ClientSecretRotated, Origin: by, ClientID: id, Result: "ok", Detail: audit.Change(before.secretFacts(), c.secretFacts())}
		if r.Leaked {
			event.Detail = "leaked=yes every grant of the client is revoked " + event.Detail
		}
		if err := c.Validate(); err != nil {
			return nil, "", err
		}
		switch err := store.UpdateClient(ctx, c, event); {
		case err == nil:
			return c, secret, nil
		case !isConflict(err):
			return nil, "", err
		}
	}
	return nil, "", ErrConflict
}

// EndOldSecret ends the secret that a rotation left living, now. Where none lives any more it is [ErrNotFound]. version is the
// client's when somebody decided, 0 for whichever it is; another one is [ErrConflict], since another secret may be the old one by then.
func EndOldSecret(ctx context.Context, store Store, id string, version int64, now time.Time, by audit.Origin) (*Client, error) {
	for range maxRetries {
		c, err := store.Client(ctx, id)
		if err != nil {
			return nil, err
		}
		if !c.OldSecret.Living(now) {
			return nil, ErrNotFound
		}
		if version != 0 && version != c.Version {
			return nil, ErrConflict
		}
		before := *c
		c.OldSecret, c.UpdatedAt = nil, now
		event := audit.Event{At: now, Kind: audit.ClientSecretEnded, Origin: by, ClientID: id, Result: "ok", Detail: audit.Change(before.secretFacts(), c.secretFacts())}
		switch err := store.UpdateClient(ctx, c, event); {
		case err == nil:
			return c, nil
		case !isConflict(err):
			return nil, err
		}
	}
	return nil, ErrConflict
}

// Living says whether the secret exists and has not ended.
func (s *ClientSecret) Living(now time.Time) bool {
	return s != nil && (s.EndsAt == nil || now.Before(*s.EndsAt))
}

// newSecret makes the client's secret and returns it for the only time.
func (c *Client) newSecret(now time.Time) string {
	secret, hash := newSecret(secretPrefix)
	c.Secret = &ClientSecret{Hash: hash, Hint: secret[len(secret)-4:], CreatedAt: now}
	return secret
}

// secretFacts says of a client's secrets what people may see.
func (c *Client) secretFacts() []string {
	hint, old, ends := "", "", ""
	if c.Secret != nil {
		hint = c.Secret.Hint
	}
	if c.OldSecret != nil {
		old = c.OldSecret.Hint
	}
	if c.OldSecret != nil && c.OldSecret.EndsAt != nil {
		ends = c.OldSecret.EndsAt.UTC().Format(time.RFC3339)
	}
	return []string{"auth_method", string(c.AuthMethod), "secret_hint", hint, "old_secret_hint", old, "old_secret_ends", ends}
}
