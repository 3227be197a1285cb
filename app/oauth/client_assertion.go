package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"regrant/app/audit"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// AssertionType is the client_assertion_type of a JWT, RFC 7523 §2.2.
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Bounds of an assertion. It is made for one request, so it needs no more life than that.
const (
	MaxAssertionLife = 5 * time.Minute // from now to exp
	assertionSkew    = time.Minute     // by which the clock of a client may be off
	assertionKept    = 5 * time.Minute // beyond exp and skew, so that nothing that is forgotten can come again
	maxAssertionID   = 256             // characters of jti
)

// The algorithms of assertions. What is symmetric, or none, proves nothing: RFC 8725 §3.2.
const (
	AlgPS256 = "PS256"
	AlgEdDSA = "EdDSA"
)

// AssertionAlgs gives the algorithms in which a client may sign assertions.
func AssertionAlgs() []string { return []string{AlgES256, AlgRS256, AlgPS256, AlgEdDSA} }

// assertionTypes are what the header typ may say, if it says something; the second is that of a profile to come.
var assertionTypes = []string{"JWT", "client-authentication+jwt"}

// assertion is a JWT by which a client says who it is, RFC 7523 §3. Nothing of it is proven until its signature is.
type assertion struct {
	signed *jwt.JSONWebToken
	header jose.Header

	Issuer    string           `json:"iss"`
	Subject   string           `json:"sub"`
	Audience  any              `json:"aud"` // one text; a list is refused
	Expiry    *jwt.NumericDate `json:"exp"`
	NotBefore *jwt.NumericDate `json:"nbf"`
	IssuedAt  *jwt.NumericDate `json:"iat"`
	ID        string           `json:"jti"`
}

// AssertedClient gives the client that an assertion says it is of, RFC 7521 §4.2; nothing is proven by that. "" where it does not say.
func AssertedClient(raw string) string {
	a, why := readAssertion(raw, AssertionAlgs())
	if why != "" {
		return ""
	}
	return a.Subject
}

// readAssertion takes an assertion apart, or says why it is none.
func readAssertion(raw string, algorithms []string) (*assertion, string) {
	if len(raw) > maxJWTSize || !isCompact(raw) {
		return nil, "client_assertion is not a signed JWT"
	}
	allowed := make([]jose.SignatureAlgorithm, len(algorithms))
	for i, name := range algorithms {
		allowed[i] = jose.SignatureAlgorithm(name)
	}
	signed, err := jwt.ParseSigned(raw, allowed)
	if err != nil || len(signed.Headers) != 1 {
		return nil, "client_assertion is not a JWT that is signed with " + strings.Join(algorithms, " or ")
	}
	a := &assertion{signed: signed, header: signed.Headers[0]}
	if _, critical := a.header.ExtraHeaders["crit"]; critical { // none is understood, RFC 7515 §4.1.11
		return nil, "the header has crit"
	}
	if typ, said := a.header.ExtraHeaders[jose.HeaderType]; said {
		name, _ := typ.(string)
		if !slices.ContainsFunc(assertionTypes, func(known string) bool { return strings.EqualFold(known, name) }) {
			return nil, "typ is not JWT"
		}
	}
	if err := signed.UnsafeClaimsWithoutVerification(a); err != nil {
		return nil, "the claims cannot be read"
	}
	return a, ""
}

// wrong says what in the claims does not hold, or "". The audience is this server alone, by its name: an assertion that was made
// for another server, or for many, would let that one in here (CVE-2025-27370).
func (a *assertion) wrong(client *Client, issuer string, now Instant) string {
	seconds, skew := now.Deadline.Unix(), int64(assertionSkew/time.Second)
	switch audience, single := a.Audience.(string); {
	case a.Issuer != client.ID || a.Subject != client.ID:
		return "iss and sub must both be the client_id"
	case !single:
		return "aud must be one text, " + issuer
	case audience != issuer:
		return "aud is " + printable(audience) + ", must be " + issuer
	case a.Expiry == nil:
		return "exp is missing"
	case int64(*a.Expiry) > now.Wall.Add(MaxAssertionLife).Unix():
		return "exp is more than 5 minutes ahead"
	case int64(*a.Expiry) <= seconds-skew:
		return "it has expired"
	case a.IssuedAt != nil && int64(*a.IssuedAt) > now.Wall.Unix()+skew:
		return "iat is in the future"
	case a.NotBefore != nil && int64(*a.NotBefore) > now.Wall.Unix()+skew:
		return "nbf is in the future"
	case a.ID == "" || len(a.ID) > maxAssertionID:
		return fmt.Sprintf("jti must have 1 to %d characters", maxAssertionID)
	}
	return ""
}

// signedBy says whether one of the keys made the signature. What the header says of keys (jku, x5u, jwk, x5c) is not looked at,
// only by which name it calls one.
func (a *assertion) signedBy(keys []jose.JSONWebKey) bool {
	return slices.ContainsFunc(keys, func(k jose.JSONWebKey) bool {
		if a.header.KeyID != "" && k.KeyID != a.header.KeyID || !signsWith(&k, a.header.Algorithm) {
			return false
		}
		var claims json.RawMessage
		return a.signed.Claims(k.Key, &claims) == nil
	})
}

// authenticateAssertion is [Server.AuthenticateClient] by an assertion, RFC 7523 §3. It is used up, whatever becomes of the request.
func (s *Server) authenticateAssertion(ctx context.Context, credentials ClientCredentials, by audit.Origin) (*Client, error) {
	client, a, err := s.proveAssertion(ctx, credentials, by)
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256([]byte(client.ID + "\x00" + a.ID))
	err = s.store.UseAssertion(ctx, id[:], a.Expiry.Time().Add(assertionSkew+assertionKept))
	if errors.Is(err, ErrSpent) {
		return nil, s.refuseCredentials(client, credentials, RuleAssertionUsed, "jti was used before", by)
	}
	return client, fault("use a client assertion", err)
}

// proveAssertion gives the client that an assertion proves. Whether it was used before is another question.
func (s *Server) proveAssertion(ctx context.Context, credentials ClientCredentials, by audit.Origin) (*Client, *assertion, error) {
	client, err := s.store.Client(ctx, credentials.ClientID)
	if errors.Is(err, ErrNotFound) {
		return nil, nil, s.refuseCredentials(nil, credentials, "", "unknown client", by)
	}
	if err != nil {
		return nil, nil, fault("read client", err)
	}
	refused := func(rule Rule, why string) (*Client, *assertion, error) {
		return nil, nil, s.refuseCredentials(client, credentials, rule, why, by)
	}
	if client.AuthMethod != AuthPrivateKeyJWT {
		return refused(RuleWrongMethod, wrongMethod(client, credentials))
	}
	if credentials.AssertionType != AssertionType {
		return refused(RuleAssertion, "client_assertion_type is not "+AssertionType)
	}
	a, why := readAssertion(credentials.Assertion, client.assertionAlgs())
	if why == "" {
		why = a.wrong(client, s.issuer, s.clock.Now())
	}
	if why != "" {
		return refused(RuleAssertion, why)
	}
	keys, renew, err := s.clientKeys(ctx, client)
	if err == nil && !a.signedBy(keys) && renew != nil {
		keys, err = renew()
	}
	switch {
	case errors.Is(err, ErrDocument):
		return refused(RuleClientKeys, "its jwks_uri gives no keys: "+err.Error())
	case err != nil:
		return nil, nil, &Error{
			Code: TemporarilyUnavailable, Description: "The jwks_uri of the client cannot be read at the moment. Nothing has changed; try again.",
			Detail: "client_id=" + client.ID, Err: err,
		}
	case !a.signedBy(keys):
		return refused(RuleAssertionKey, fmt.Sprintf("no registered key made the signature (alg %s, kid %q)", a.header.Algorithm, printable(a.header.KeyID)))
	}
	return client, a, nil
}

// assertionAlgs are the algorithms that the client may sign with.
func (c *Client) assertionAlgs() []string {
	if c.AuthSigningAlg != "" {
		return []string{c.AuthSigningAlg}
	}
	return AssertionAlgs()
}
