package oauth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"strings"
	"time"

	"regrant/app/audit"
)

// Sealer seals what must be read again and must not lie about as it is. A purpose names what it is and whose.
type Sealer interface {
	Seal(purpose string, plain []byte) ([]byte, error)
	Open(purpose string, sealed []byte) ([]byte, error)
}

// SealedSecret is a secret that this server has to read again.
type SealedSecret struct {
	Sealed    []byte
	CreatedAt time.Time
	EndsAt    *time.Time // nil: until it is rotated
}

// Living says whether the secret exists and has not ended.
func (s *SealedSecret) Living(now time.Time) bool {
	return s != nil && (s.EndsAt == nil || now.Before(*s.EndsAt))
}

// Webhook secrets as Standard Webhooks writes them: the key of the HMAC is what stands behind the prefix in base64.
const (
	webhookSecretPrefix = "whsec_"
	webhookSecretSize   = 32 // bytes
)

// maxAuthorization is how long the header for a receiver of security events may be, bytes.
const maxAuthorization = 4096

func webhookPurpose(clientID string) string       { return "webhook:" + clientID }
func securityEventPurpose(clientID string) string { return "security event:" + clientID }

// PushChange is how a client is to be told of the end of its grants from now on. Nil is what stays as it is.
type PushChange struct {
	WebhookURL       *string // "": no webhook, and its secrets go
	NewSecret        bool    // another webhook secret; the first one is made with the address
	Overlap          time.Duration
	SecurityEventURL *string // "": no security events, and their header goes
	Authorization    *string // the header Authorization for the receiver of security events; "": none
	Version          int64   // the client's version that somebody looked at when they decided; 0: whichever it is
}

// ChangePush changes how a client is told of the end of its grants. secret is the webhook secret that was made, which nobody sees
// again, or "". What waits for an address follows to the next one, and goes where there is none any more. A client that has another
// version than the change names is [ErrConflict].
func ChangePush(ctx context.Context, store Store, seal Sealer, id string, ch PushChange, now time.Time, by audit.Origin) (c *Client, secret string, err error) {
	if ch.Overlap < 0 || ch.Overlap > MaxSecretOverlap {
		return nil, "", refuse(InvalidClientMetadata, "overlap: must be from 0 to 30 days")
	}
	for range maxRetries {
		if c, err = store.Client(ctx, id); err != nil {
			return nil, "", err
		}
		if ch.Version != 0 && ch.Version != c.Version {
			return nil, "", ErrConflict
		}
		before := *c
		if secret, err = c.changePush(seal, ch, now); err != nil {
			return nil, "", err
		}
		if err := c.Validate(); err != nil {
			return nil, "", err
		}
		detail := audit.Change(before.pushFacts(), c.pushFacts())
		if ch.Authorization != nil && before.SecurityEventAuthorization != nil && c.SecurityEventAuthorization != nil {
			detail = strings.TrimSpace("security_event_authorization=replaced " + detail)
		}
		if detail == "" && secret == "" {
			return c, "", nil
		}
		c.UpdatedAt = now
		event := audit.Event{At: now, Kind: audit.ClientPushChanged, Origin: by, ClientID: id, Result: "ok", Detail: detail}
		switch err := store.UpdateClient(ctx, c, event); {
		case err == nil:
			return c, secret, nil
		case !isConflict(err):
			return nil, "", err
		}
	}
	return nil, "", ErrConflict
}

func (c *Client) changePush(seal Sealer, ch PushChange, now time.Time) (secret string, err error) {
	if ch.WebhookURL != nil {
		c.WebhookURL = *ch.WebhookURL
	}
	if ch.SecurityEventURL != nil {
		if ch.Authorization == nil && originOfURL(c.SecurityEventURL) != originOfURL(*ch.SecurityEventURL) {
			c.SecurityEventAuthorization = nil // it was for whoever was there
		}
		c.SecurityEventURL = *ch.SecurityEventURL
	}
	switch {
	case c.WebhookURL == "" && ch.NewSecret:
		return "", refuse(InvalidClientMetadata, "webhook_url: there is no webhook that a secret would be for")
	case c.WebhookURL == "":
		c.WebhookSecret, c.OldWebhookSecret = nil, nil
	case ch.NewSecret || c.WebhookSecret == nil:
		if secret, err = c.newWebhookSecret(seal, ch.Overlap, now); err != nil {
			return "", err
		}
	}
	switch {
	case c.SecurityEventURL == "" && ch.Authorization != nil && *ch.Authorization != "":
		return "", refuse(InvalidClientMetadata, "security_event_authorization: there is no receiver of security events that it would be for")
	case c.SecurityEventURL == "" || ch.Authorization != nil && *ch.Authorization == "":
		c.SecurityEventAuthorization = nil
	case ch.Authorization != nil:
		if !validAuthorization(*ch.Authorization) {
			return "", refuse(InvalidClientMetadata, "security_event_authorization: must be a header such as \"Bearer …\", up to 4096 visible ASCII characters and spaces between them")
		}
		c.SecurityEventAuthorization, err = seal.Seal(securityEventPurpose(c.ID), []byte(*ch.Authorization))
	}
	return secret, err
}

// originOfURL is scheme, host and port of an address; what is none has none.
func originOfURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// newWebhookSecret replaces the secret of the webhook; the old one signs beside it for a while.
func (c *Client) newWebhookSecret(seal Sealer, overlap time.Duration, now time.Time) (string, error) {
	key := make([]byte, webhookSecretSize)
	rand.Read(key)
	sealed, err := seal.Seal(webhookPurpose(c.ID), key)
	if err != nil {
		return "", err
	}
	c.OldWebhookSecret = nil
	if old := c.WebhookSecret; old != nil && overlap > 0 {
		ends := now.Add(overlap)
		c.OldWebhookSecret = &SealedSecret{Sealed: old.Sealed, CreatedAt: old.CreatedAt, EndsAt: &ends}
	}
	c.WebhookSecret = &SealedSecret{Sealed: sealed, CreatedAt: now}
	return webhookSecretPrefix + base64.StdEncoding.EncodeToString(key), nil
}

// validAuthorization keeps a header to one line, RFC 9110 §5.5.
func validAuthorization(s string) bool {
	bad := func(c rune) bool { return c < 0x20 || c > 0x7e }
	return len(s) <= maxAuthorization && s == strings.TrimSpace(s) && !strings.ContainsFunc(s, bad)
}

// validatePush refuses addresses that the server could not call, and a webhook that nothing would sign.
func (c *Client) validatePush() error {
	if c.WebhookURL != "" {
		if err := validateFetched("webhook_url", c.WebhookURL); err != nil {
			return err
		}
		if c.WebhookSecret == nil {
			return refuse(InvalidClientMetadata, "webhook_url: a webhook needs a secret")
		}
	}
	if c.SecurityEventURL == "" {
		return nil
	}
	return validateFetched("security_event_url", c.SecurityEventURL)
}

// pushFacts says of all that what people may see.
func (c *Client) pushFacts() []string {
	made, ends := "", ""
	if c.WebhookSecret != nil {
		made = c.WebhookSecret.CreatedAt.UTC().Format(time.RFC3339Nano)
	}
	if c.OldWebhookSecret != nil && c.OldWebhookSecret.EndsAt != nil {
		ends = c.OldWebhookSecret.EndsAt.UTC().Format(time.RFC3339)
	}
	return []string{"webhook_url", c.WebhookURL, "webhook_secret_created", made, "old_webhook_secret_ends", ends,
		"security_event_url", c.SecurityEventURL, "security_event_authorization", onOff(c.SecurityEventAuthorization != nil)}
}
