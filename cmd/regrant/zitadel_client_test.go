package main

import (
	"errors"
	"testing"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	zoidc "github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"
)

// TestZitadelsRelyingPartyStaysSignedIn is the relying party of github.com/zitadel/oidc.
func TestZitadelsRelyingPartyStaysSignedIn(t *testing.T) {
	t.Parallel()
	s := newCertified(t)
	p := s.register("client_secret_basic")
	p.t, p.browser = t, s.browser(t, nil)
	ctx := t.Context()
	party, err := rp.NewRelyingPartyOIDC(ctx, s.issuer, p.id, p.secret, p.redirectURI, []string{"openid", "profile", "email", "offline_access"},
		rp.WithHTTPClient(insecure), rp.WithSigningAlgsFromDiscovery(), rp.WithAuthStyle(oauth2.AuthStyleInHeader))
	if err != nil {
		t.Fatal(err)
	}
	verifier := oauth2.GenerateVerifier()
	address := rp.AuthURL("some-state", party, rp.WithCodeChallenge(oauth2.S256ChallengeFromVerifier(verifier)), rp.AuthURLOpt(rp.WithPromptURLParam("consent")))
	response, err := p.browser.Get(address)
	r := p.agree(map[string][]string{"state": {"some-state"}}, response, err)

	tokens, err := rp.CodeExchange[*zoidc.IDTokenClaims](ctx, r.code(p), party, rp.WithCodeVerifier(verifier))
	if err != nil {
		t.Fatal(err)
	}
	subject, seen := tokens.IDTokenClaims.Subject, map[string]bool{tokens.AccessToken: true}
	for range 10 {
		next, err := rp.RefreshTokens[*zoidc.IDTokenClaims](ctx, party, tokens.RefreshToken, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if next.IDTokenClaims.Subject != subject {
			t.Fatalf("sub %q, and then %q", subject, next.IDTokenClaims.Subject)
		}
		seen[next.AccessToken] = true
		tokens = next
	}
	person, err := rp.Userinfo[*zoidc.UserInfo](ctx, tokens.AccessToken, tokens.TokenType, subject, party)
	if err != nil || person.Email != "alice@example.com" || !bool(person.EmailVerified) || len(seen) != 11 {
		t.Errorf("%v %+v, %d access tokens", err, person, len(seen))
	}

	leave, err := rp.EndSession(ctx, party, tokens.IDToken, signedOutURI, "bye", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err = p.browser.Get(leave.String())
	p.returned(p.read(response, err), "bye")
	p.isSignedOut()
	if err := rp.RevokeToken(ctx, party, tokens.RefreshToken, "refresh_token"); err != nil {
		t.Errorf("revocation: %v", err)
	}
	_, err = rp.RefreshTokens[*zoidc.IDTokenClaims](ctx, party, tokens.RefreshToken, "", "")
	var refused *oauth2.RetrieveError
	var said *zoidc.Error
	if !(errors.As(err, &refused) && refused.ErrorCode == "invalid_grant") && !(errors.As(err, &said) && said.ErrorType == zoidc.InvalidGrant) {
		t.Errorf("a refresh after the revocation: %v", err)
	}
}
