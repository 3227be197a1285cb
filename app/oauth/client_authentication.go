package oauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"regrant/app/audit"
)

// ClientCredentials are what a request says of its client: RFC 6749 §2.3.
type ClientCredentials struct {
	ClientID      string
	Secret        string
	Assertion     string
	AssertionType string
	Method        AuthMethod // how they came: the header, the body, an assertion, or an identifier alone
}

// dummySecret is compared for clients that do not exist, so that they cost the same.
var dummySecret = hashSecret("regrant-no-such-client")

// AuthenticateClient gives the client that the credentials prove: exactly by the method that it is registered for.
// Every failure is one and the same [InvalidClient]. A client that another process changed a moment ago may come as it was before;
// nobody is refused for that.
func (s *Server) AuthenticateClient(ctx context.Context, credentials ClientCredentials, by audit.Origin) (*Client, error) {
	if credentials.Method == AuthPrivateKeyJWT {
		return s.authenticateAssertion(ctx, credentials, by)
	}
	client, err := s.store.RecentClient(ctx, credentials.ClientID)
	switch {
	case errors.Is(err, ErrNotFound):
		return s.authenticate(nil, credentials, by)
	case err != nil:
		return nil, fault("read client", err)
	}
	if _, why := disproves(client, credentials, s.clock.Now()); why != "" {
		return s.authenticateNow(ctx, credentials, by)
	}
	return client, nil
}

// authenticateNow is [Server.AuthenticateClient] by what is stored at this moment.
func (s *Server) authenticateNow(ctx context.Context, credentials ClientCredentials, by audit.Origin) (*Client, error) {
	if credentials.Method == AuthPrivateKeyJWT {
		return s.authenticateAssertion(ctx, credentials, by)
	}
	client, err := s.store.Client(ctx, credentials.ClientID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fault("read client", err)
	}
	return s.authenticate(client, credentials, by)
}

// authenticateAgain is [Server.authenticateNow] for credentials that this request has been let in with before: what can be used once
// was used by itself.
func (s *Server) authenticateAgain(ctx context.Context, credentials ClientCredentials, by audit.Origin) (*Client, error) {
	if credentials.Method != AuthPrivateKeyJWT {
		return s.authenticateNow(ctx, credentials, by)
	}
	client, _, err := s.proveAssertion(ctx, credentials, by)
	return client, err
}

// disproves says why credentials are not those of a client, or "".
func disproves(client *Client, credentials ClientCredentials, now Instant) (Rule, string) {
	matches := secretMatches(client, credentials.Secret, now.Deadline)
	switch {
	case client == nil:
		return RuleWrongSecret, "unknown client"
	case client.Public():
		// A secret that a public client sends proves nothing and is ignored, RFC 8252 §8.5.
	case credentials.Method != client.AuthMethod:
		return RuleWrongMethod, wrongMethod(client, credentials)
	case !matches:
		return RuleWrongSecret, "wrong secret"
	}
	return "", ""
}

func wrongMethod(client *Client, credentials ClientCredentials) string {
	return "came with " + string(credentials.Method) + ", registered for " + string(client.AuthMethod)
}

// authenticate gives client if the credentials are its own; nil is one that does not exist.
func (s *Server) authenticate(client *Client, credentials ClientCredentials, by audit.Origin) (*Client, error) {
	rule, why := disproves(client, credentials, s.clock.Now())
	if why == "" {
		return client, nil
	}
	return nil, s.refuseCredentials(client, credentials, rule, why, by)
}

// refuseCredentials is the one answer to credentials that prove nothing; why is for those who look after the client. nil is a client that
// does not exist.
func (s *Server) refuseCredentials(client *Client, credentials ClientCredentials, rule Rule, why string, by audit.Origin) error {
	now := s.clock.Now()
	if client != nil && s.behind.firstFailure(client.ID, by.IP, now.Wall) {
		s.behind.event(audit.Event{At: now.Wall, Kind: audit.ClientAuthFailed, Origin: by, ClientID: client.ID, Result: why})
	}
	err := refusef(InvalidClient, "Client authentication failed.", "client_id=%q: %s", printable(credentials.ClientID), why)
	if client == nil {
		return err
	}
	return ofClient(client, because(rule, err))
}

// secretMatches compares in constant time with both secrets that may live at once.
func secretMatches(c *Client, secret string, now time.Time) bool {
	got := hashSecret(secret)
	current, old := dummySecret, dummySecret
	if c != nil && c.Secret != nil {
		current = c.Secret.Hash
	}
	if c != nil && c.OldSecret != nil && c.OldSecret.EndsAt != nil && now.Before(*c.OldSecret.EndsAt) {
		old = c.OldSecret.Hash
	}
	match := subtle.ConstantTimeCompare(got, current) | subtle.ConstantTimeCompare(got, old)
	return match == 1 && c != nil && c.Secret != nil
}
