package web_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk-test-verifier"

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// az is the valid baseline of an authorization request, changed by set; a nil value removes a parameter.
func (s *site) az(client string, set url.Values) string {
	uri := map[string]string{"CB": "https://app.test/cb", "CP": "https://post.test/cb", "CX": "https://foreign.test/cb", "PN": "http://127.0.0.1:49152/cb", "PW": "https://spa.test/cb", "TR": "https://trusted.test/cb", "OFF": "https://off.test/cb"}[client]
	q := url.Values{
		"client_id": {client}, "redirect_uri": {uri}, "response_type": {"code"}, "scope": {"openid read"}, "state": {"st-" + rand.Text()[:8]},
		"nonce": {"n-0S6_WzA2Mj"}, "code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"},
	}
	for k, v := range set {
		q[k] = v
		if v == nil {
			delete(q, k)
		}
	}
	return s.issuer + "/authorize?" + q.Encode()
}

// walk goes through sign-in and consent, as person, until the browser leaves for the client, and gives that address.
func (b *browser) walk(address, person string) *url.URL {
	b.t.Helper()
	a := b.get(address)
	for range 10 {
		if a.status != http.StatusSeeOther {
			b.t.Fatalf("walk: %d %s", a.status, a.body)
		}
		location := a.header.Get("Location")
		if !strings.HasPrefix(b.absolute(location), b.issuer+"/login") && !strings.HasPrefix(b.absolute(location), b.issuer+"/consent") {
			u, err := url.Parse(location)
			if err != nil {
				b.t.Fatal(err)
			}
			return u
		}
		page := b.get(location)
		switch {
		case page.status != http.StatusOK:
			a = page
		case strings.Contains(page.body, `name="password"`):
			a = b.submit(page, b.issuer+"/login", url.Values{"email": {b.person[person].Email}, "password": {password}})
		default:
			a = b.submit(page, b.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": ticked(page.body), "claim": tickedClaims(page.body)})
		}
	}
	b.t.Fatal("walk: no end of pages")
	return nil
}

var scopeField, claimField = regexp.MustCompile(`name="scope" value="([^"]+)"`), regexp.MustCompile(`name="claim" value="([^"]+)"`)

func ticked(body string) []string { return valuesOf(scopeField, body) }

func tickedClaims(body string) []string { return valuesOf(claimField, body) }

func valuesOf(field *regexp.Regexp, body string) (values []string) {
	for _, m := range field.FindAllStringSubmatch(body, -1) {
		values = append(values, m[1])
	}
	return values
}

// redeem exchanges the code in an authorization response.
func (s *site) redeem(client string, callback *url.URL) answer {
	s.t.Helper()
	redirect := *callback
	redirect.RawQuery = ""
	return s.post("/token", client, url.Values{
		"grant_type": {"authorization_code"}, "code": {callback.Query().Get("code")}, "redirect_uri": {redirect.String()}, "code_verifier": {verifier},
	})
}

// grant makes a grant of U1 for client by the whole flow in a browser of its own and gives the first token response.
func (s *site) grant(client, scope string) answer {
	s.t.Helper()
	a := s.redeem(client, s.browser().walk(s.az(client, url.Values{"scope": {scope}}), "U1"))
	if a.status != http.StatusOK {
		s.t.Fatalf("redeem: %d %s", a.status, a.body)
	}
	return a
}

// refresh presents a refresh token.
func (s *site) refresh(client, token string) answer {
	s.t.Helper()
	return s.post("/token", client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// active says whether a token introspects as active: access tokens asked by RS, refresh tokens by their client.
func (s *site) active(asker, token string) bool {
	s.t.Helper()
	a := s.post("/introspect", asker, url.Values{"token": {token}})
	if a.status != http.StatusOK {
		s.t.Fatalf("introspect: %d %s", a.status, a.body)
	}
	active, _ := a.json(s.t, "active").(bool)
	return active
}
