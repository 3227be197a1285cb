package web_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"regrant/app/oauth"
)

// testKey is a key of an application, in the form in which it is registered and in that in which it signs.
type testKey struct {
	public jose.JSONWebKey
	key    any
	alg    jose.SignatureAlgorithm
}

var testKeys = sync.OnceValue(func() map[string]testKey {
	keys := map[string]testKey{}
	add := func(alg jose.SignatureAlgorithm, key crypto.Signer) {
		keys[string(alg)] = testKey{jose.JSONWebKey{Key: key.Public(), KeyID: "key " + string(alg), Use: "sig"}, key, alg}
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	add(jose.ES256, ec)
	add(jose.RS256, rs)
	add(jose.PS256, rs)
	add(jose.EdDSA, ed)
	return keys
})

func newECKey(t testing.TB, kid string) testKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return testKey{jose.JSONWebKey{Key: key.Public(), KeyID: kid, Use: "sig"}, key, jose.ES256}
}

// keyFor gives a key that signs with an algorithm; what is symmetric signs with the text of a public key.
func keyFor(t testing.TB, alg string) testKey {
	t.Helper()
	if k, known := testKeys()[alg]; known {
		return k
	}
	k := testKeys()["ES256"]
	switch {
	case strings.HasPrefix(alg, "ES"):
		key, err := ecdsa.GenerateKey(map[string]elliptic.Curve{"ES384": elliptic.P384(), "ES512": elliptic.P521()}[alg], rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		k = testKey{public: jose.JSONWebKey{Key: key.Public(), KeyID: alg}, key: key}
	case strings.HasPrefix(alg, "RS"), strings.HasPrefix(alg, "PS"):
		k = testKeys()["RS256"]
	case strings.HasPrefix(alg, "HS"):
		text, err := k.public.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		k.key = text
	}
	k.alg = jose.SignatureAlgorithm(alg)
	return k
}

// unsigned makes a JWT that says that it needs no signature.
func unsigned(t testing.TB, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "."
}

func jwkSet(t testing.TB, keys ...testKey) string {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, k.public)
	}
	b, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// claims of an assertion that is good now.
func (s *site) assertionClaims(client string) map[string]any {
	now := s.clock.Wall().Unix()
	return map[string]any{"iss": client, "sub": client, "aud": s.issuer, "jti": rand.Text(), "iat": now, "exp": now + 60}
}

// sign makes a JWT of claims, whatever they hold.
func sign(t testing.TB, k testKey, claims any, header ...any) string {
	t.Helper()
	o := (&jose.SignerOptions{}).WithHeader("kid", k.public.KeyID)
	for i := 0; i < len(header); i += 2 {
		o = o.WithHeader(jose.HeaderKey(header[i].(string)), header[i+1])
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.alg, Key: k.key}, o)
	if err != nil {
		t.Fatal(err)
	}
	payload, ok := claims.(string)
	if !ok {
		b, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		payload = string(b)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// proven is form with an assertion.
func proven(assertion string, form url.Values) string {
	body := maps.Clone(form)
	body.Set("client_assertion", assertion)
	body.Set("client_assertion_type", oauth.AssertionType)
	return body.Encode()
}

// asserted sends a form as a client that signs with a key.
func (s *site) asserted(path, client string, k testKey, form url.Values) answer {
	s.t.Helper()
	return s.postBody(path, proven(sign(s.t, k, s.assertionClaims(client)), form))
}

var machineForm = url.Values{"grant_type": {"client_credentials"}}

func signingClient(t testing.TB, keys ...testKey) oauth.Client {
	return oauth.Client{
		AuthMethod: oauth.AuthPrivateKeyJWT, JWKS: jwkSet(t, keys...), RedirectURIs: []string{"https://signing.test/cb"}, Scope: oauth.Scope{"openid", "read", "offline_access"},
		GrantTypes: []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken, oauth.GrantClientCredentials},
	}
}

func requirementsPJ(t *testing.T) {
	all := newSites(t)
	keys := testKeys()
	es256 := keys["ES256"]

	all.rule(t, "PJ-01 a client proves itself by a signature, at every endpoint and in every algorithm", func(t *testing.T, s *site) {
		s.register("PJ", signingClient(t, es256, keys["RS256"], keys["EdDSA"]))
		for alg, k := range keys {
			if alg == "PS256" {
				k.public.KeyID = keys["RS256"].public.KeyID // one RSA key signs both ways
			}
			wantOK(t, s.asserted("/token", "PJ", k, machineForm))
		}
		a := s.asserted("/token", "PJ", es256, machineForm)
		token := url.Values{"token": {a.text(t, "access_token")}}
		if a := s.asserted("/introspect", "PJ", es256, token); a.status != http.StatusOK || a.json(t, "active") != true {
			t.Errorf("introspection: %d %s", a.status, a.body)
		}
		if a := s.asserted("/revoke", "PJ", es256, token); a.status != http.StatusOK {
			t.Errorf("revocation: %d %s", a.status, a.body)
		}
		if a := s.asserted("/introspect", "PJ", es256, token); a.json(t, "active") != false {
			t.Errorf("after its revocation: %s", a.body)
		}
		wantOK(t, s.postBody("/token", proven(sign(t, es256, s.assertionClaims("PJ")), changed(url.Values{"client_id": {"PJ"}}, machineForm))))
		for _, typ := range []string{"JWT", "jwt", "client-authentication+jwt"} {
			wantOK(t, s.postBody("/token", proven(sign(t, es256, s.assertionClaims("PJ"), "typ", typ), machineForm)))
		}
		noKid := es256
		noKid.public.KeyID = ""
		raw := sign(t, noKid, s.assertionClaims("PJ"))
		wantOK(t, s.postBody("/token", proven(raw, machineForm)))
	})

	all.rule(t, "PJ-01 the refresh flow works with assertions, and each request needs a new one", func(t *testing.T, s *site) {
		s.register("PJ-FLOW", signingClient(t, es256))
		callback := s.code("PJ-FLOW", url.Values{"redirect_uri": {"https://signing.test/cb"}, "scope": {"openid read offline_access"}})
		a := s.asserted("/token", "PJ-FLOW", es256, url.Values{
			"grant_type": {"authorization_code"}, "code": callback.Query()["code"], "redirect_uri": {"https://signing.test/cb"}, "code_verifier": {verifier},
		})
		wantOK(t, a)
		for range 3 {
			refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.text(t, "refresh_token")}}
			wantUnauthorized(t, s.postBody("/token", changed(url.Values{"client_id": {"PJ-FLOW"}}, refresh).Encode()))
			a = s.asserted("/token", "PJ-FLOW", es256, refresh)
			wantOK(t, a)
		}
	})

	all.rule(t, "PJ-01 each claim that does not hold is refused, and explained to admins alone", func(t *testing.T, s *site) {
		s.register("PJ-CLAIMS", signingClient(t, es256))
		now := s.clock.Wall().Unix()
		want := s.postBody("/token", machineForm.Encode(), "Authorization", basic("CB", "wrong"))
		type change map[string]any
		for name, c := range map[string]struct {
			claims change
			detail string
		}{
			"iss of another":            {change{"iss": "CB"}, "iss and sub"},
			"sub of another":            {change{"sub": "CB"}, ""},
			"no iss":                    {change{"iss": nil}, "iss and sub"},
			"aud is the token endpoint": {change{"aud": s.issuer + "/token"}, "aud"},
			"aud is another server":     {change{"aud": "https://other.test"}, "aud"},
			"aud with a slash":          {change{"aud": s.issuer + "/"}, "aud"},
			"aud is a list":             {change{"aud": []string{s.issuer}}, "aud must be one text"},
			"aud is two":                {change{"aud": []string{s.issuer, s.issuer + "/token"}}, "aud must be one text"},
			"no aud":                    {change{"aud": nil}, "aud must be one text"},
			"no exp":                    {change{"exp": nil}, "exp is missing"},
			"exp too far":               {change{"exp": now + 301}, "exp is more than 5 minutes"},
			"exp very far":              {change{"exp": 9e18}, ""},
			"expired":                   {change{"exp": now - 60}, "expired"},
			"iat ahead":                 {change{"iat": now + 61}, "iat is in the future"},
			"nbf ahead":                 {change{"nbf": now + 61}, "nbf is in the future"},
			"no jti":                    {change{"jti": nil}, "jti"},
			"jti too long":              {change{"jti": strings.Repeat("x", 257)}, "jti"},
			"jti is a number":           {change{"jti": 5}, "claims cannot be read"},
			"exp is a text":             {change{"exp": "soon"}, "claims cannot be read"},
		} {
			claims := s.assertionClaims("PJ-CLAIMS")
			for member, value := range c.claims {
				if claims[member] = value; value == nil {
					delete(claims, member)
				}
			}
			a := s.postBody("/token", proven(sign(t, es256, claims), changed(url.Values{"client_id": {"PJ-CLAIMS"}}, machineForm)))
			if a.status != http.StatusUnauthorized || a.body != want.body {
				t.Errorf("%s: %d %s", name, a.status, a.body)
				continue
			}
			s.flush()
			if f := s.refusalOf(a); f != nil && !strings.Contains(f.Detail, c.detail) {
				t.Errorf("%s: explained as %s %q", name, f.Rule, f.Detail)
			}
		}
		for name, claims := range map[string]change{
			"clock behind": {"iat": now + 60, "nbf": now + 60}, "just expired": {"exp": now - 59}, "five minutes": {"exp": now + 300}, "no iat": {"iat": nil}, "old iat": {"iat": now - 3600},
		} {
			body := s.assertionClaims("PJ-CLAIMS")
			for member, value := range claims {
				if body[member] = value; value == nil {
					delete(body, member)
				}
			}
			if a := s.postBody("/token", proven(sign(t, es256, body), machineForm)); a.status != http.StatusOK {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
	})

	all.rule(t, "PJ-01 what is no assertion of this client is refused", func(t *testing.T, s *site) {
		s.register("PJ-ODD", signingClient(t, es256))
		good := func() map[string]any { return s.assertionClaims("PJ-ODD") }
		twice := `{"iss":"PJ-ODD","sub":"PJ-ODD","aud":"https://other.test","aud":"` + s.issuer + `","jti":"t","exp":` + fmt.Sprint(s.clock.Wall().Unix()+60) + `}`
		raw := sign(t, es256, good())
		head, rest, _ := strings.Cut(raw, ".")
		for name, assertion := range map[string]string{
			"empty parts": "..", "text": "x.y.z", "cut": raw[:len(raw)-2], "other payload": head + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"PJ-ODD"}`)) + "." + rest[strings.Index(rest, ".")+1:],
			"padding": raw + "=", "four parts": raw + ".x", "json": `{"payload":"x"}`, "typ of an access token": sign(t, es256, good(), "typ", "at+jwt"), "typ of an ID token": sign(t, es256, good(), "typ", "dpop+jwt"),
			"crit": sign(t, es256, good(), "crit", []string{"b64"}), "claims twice": sign(t, es256, twice), "claims are a list": sign(t, es256, "[]"), "long": raw + strings.Repeat("A", 9<<10),
		} {
			a := s.postBody("/token", proven(assertion, changed(url.Values{"client_id": {"PJ-ODD"}}, machineForm)))
			if a.status != http.StatusUnauthorized {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		for name, form := range map[string]url.Values{
			"other type":     {"client_assertion": {sign(t, es256, good())}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}, "client_id": {"PJ-ODD"}},
			"no type":        {"client_assertion": {sign(t, es256, good())}, "client_id": {"PJ-ODD"}},
			"type alone":     {"client_assertion_type": {oauth.AssertionType}, "client_id": {"PJ-ODD"}},
			"another client": {"client_assertion": {sign(t, es256, good())}, "client_assertion_type": {oauth.AssertionType}, "client_id": {"CB"}},
			"a public one":   {"client_assertion": {sign(t, es256, s.assertionClaims("PN"))}, "client_assertion_type": {oauth.AssertionType}, "client_id": {"PN"}},
			"an unknown one": {"client_assertion": {sign(t, es256, s.assertionClaims("nobody"))}, "client_assertion_type": {oauth.AssertionType}},
			"id alone":       {"client_id": {"PJ-ODD"}},
			"a secret":       {"client_id": {"PJ-ODD"}, "client_secret": {"x"}},
		} {
			if a := s.postBody("/token", changed(form, machineForm).Encode()); a.status != http.StatusUnauthorized {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		wantUnauthorized(t, s.postBody("/token", machineForm.Encode(), "Authorization", basic("PJ-ODD", "")))
		wantError(t, s.postBody("/token", proven(raw, machineForm), "Authorization", basic("CB", s.secret["CB"])), "invalid_request")
		wantError(t, s.postBody("/token?client_assertion="+raw, machineForm.Encode()), "invalid_request")
		wantOK(t, s.postBody("/token", proven(raw, machineForm))) // none of these used it up
	})

	all.rule(t, "PJ-02 an assertion works once, whichever endpoint it went to", func(t *testing.T, s *site) {
		s.register("PJ-ONCE", signingClient(t, es256))
		s.register("PJ-OTHER", signingClient(t, es256))
		for _, first := range []string{"/token", "/introspect", "/revoke"} {
			form := changed(url.Values{"token": {"x"}}, machineForm)
			claims := s.assertionClaims("PJ-ONCE")
			raw := sign(t, es256, claims)
			if a := s.postBody(first, proven(raw, form)); a.status != http.StatusOK {
				t.Fatalf("%s: %d %s", first, a.status, a.body)
			}
			for _, second := range []string{"/token", "/introspect", "/revoke"} {
				wantUnauthorized(t, s.postBody(second, proven(raw, form)))
			}
			claims["exp"] = claims["exp"].(int64) + 1
			a := s.postBody("/token", proven(sign(t, es256, claims), form)) // it is the jti that counts, not the text
			wantUnauthorized(t, a)
			s.flush()
			if f := s.refusalOf(a); f == nil || f.Rule != oauth.RuleAssertionUsed {
				t.Errorf("explained as %+v", f)
			}
			claims["iss"], claims["sub"] = "PJ-OTHER", "PJ-OTHER" // ... of this client
			wantOK(t, s.postBody("/token", proven(sign(t, es256, claims), form)))
		}
	})

	alone(t, "PJ-02 of many parallel uses one is let in", func(t *testing.T, s *site) {
		s.register("PJ-RACE", signingClient(t, es256))
		for range 10 {
			body := proven(sign(t, es256, s.assertionClaims("PJ-RACE")), machineForm)
			var in atomic.Int32
			var calls sync.WaitGroup
			for range 8 {
				calls.Go(func() {
					if a := s.postBody("/token", body); a.status == http.StatusOK {
						in.Add(1)
					}
				})
			}
			calls.Wait()
			if in.Load() != 1 {
				t.Fatalf("%d were let in", in.Load())
			}
		}
	})

	alone(t, "PJ-02 a restart forgets no assertion, and what cannot come again is forgotten", func(t *testing.T, s *site) {
		s.register("PJ-KILL", signingClient(t, es256))
		claims := s.assertionClaims("PJ-KILL")
		claims["exp"] = s.clock.Wall().Unix() + 300
		body := proven(sign(t, es256, claims), machineForm)
		wantOK(t, s.postBody("/token", body))
		s.restart(time.Minute)
		wantUnauthorized(t, s.postBody("/token", body))
		s.pass(299 * time.Second) // it is expired, and within the skew
		s.sweep()
		wantUnauthorized(t, s.postBody("/token", body))
		s.pass(time.Hour)
		if n := s.sweep(); n == 0 {
			t.Error("nothing was swept")
		}
		wantUnauthorized(t, s.postBody("/token", body))
	})

	t.Run("PJ-02 an assertion is good for the whole of its request, however often that is decided", func(t *testing.T) {
		s, f := faultySite(t)
		s.register("PJ-AGAIN", signingClient(t, es256))
		callback := s.code("PJ-AGAIN", url.Values{"redirect_uri": {"https://signing.test/cb"}, "scope": {"openid read offline_access"}})
		a := s.asserted("/token", "PJ-AGAIN", es256, url.Values{
			"grant_type": {"authorization_code"}, "code": callback.Query()["code"], "redirect_uri": {"https://signing.test/cb"}, "code_verifier": {verifier},
		})
		refresh := func() answer {
			return s.asserted("/token", "PJ-AGAIN", es256, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.text(t, "refresh_token")}})
		}
		wantOK(t, a)
		a = refresh()
		f.set(0, nil, false)
		a = refresh()
		wantOK(t, a)
		calls, _ := f.seen()
		used, rotated := slices.Index(calls, "UseAssertion")+1, slices.Index(calls, "RotateRefreshToken")+1

		f.set(rotated, oauth.ErrConflict, false)
		a = refresh()
		wantOK(t, a)
		if calls, fired := f.seen(); fired != "RotateRefreshToken" || slices.Index(calls[rotated:], "RotateRefreshToken") < 0 {
			t.Errorf("not decided anew: %s", calls)
		}
		f.set(used, errors.New("disk"), false)
		wantUnavailable(t, refresh())
		if _, fired := f.seen(); fired != "UseAssertion" {
			t.Errorf("%q failed", fired)
		}
		f.set(0, nil, false)
		s.change("PJ-AGAIN", func(c *oauth.Client) { disabled := s.clock.Wall(); c.DisabledAt = &disabled })
		wantErrorStatus(t, refresh(), http.StatusBadRequest, "unauthorized_client")
		wantErrorStatus(t, s.asserted("/token", "PJ-AGAIN", es256, machineForm), http.StatusBadRequest, "unauthorized_client")
	})

	all.rule(t, "PJ-03 keys come from the registration alone", func(t *testing.T, s *site) {
		s.register("PJ-KEYS", signingClient(t, es256))
		own := newECKey(t, es256.public.KeyID)
		for name, header := range map[string][]any{
			"its own": nil, "jwk": {"jwk", own.public}, "jku": {"jku", "https://evil.test/jwks.json"}, "x5u": {"x5u", "https://evil.test/cert.pem"}, "x5c": {"x5c", []string{"MIIB"}},
		} {
			a := s.postBody("/token", proven(sign(t, own, s.assertionClaims("PJ-KEYS"), header...), machineForm))
			if a.status != http.StatusUnauthorized {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		a := s.postBody("/token", proven(sign(t, newECKey(t, "stranger"), s.assertionClaims("PJ-KEYS")), machineForm))
		wantUnauthorized(t, a)
		s.flush()
		if f := s.refusalOf(a); f.Rule != oauth.RuleAssertionKey || !strings.Contains(f.Detail, "stranger") {
			t.Errorf("explained as %+v", f)
		}
		other := es256
		other.public.KeyID = "another name"
		wantUnauthorized(t, s.postBody("/token", proven(sign(t, other, s.assertionClaims("PJ-KEYS")), machineForm)))
		wantOK(t, s.postBody("/token", proven(sign(t, es256, s.assertionClaims("PJ-KEYS"), "jku", "https://evil.test/jwks.json"), machineForm)))
	})

	all.rule(t, "PJ-04 none and symmetric algorithms are refused, and so is what the client may not sign with", func(t *testing.T, s *site) {
		c := signingClient(t, es256, keys["RS256"])
		c.AuthSigningAlg = "ES256"
		s.register("PJ-ALG", c)
		payload, err := json.Marshal(s.assertionClaims("PJ-ALG"))
		if err != nil {
			t.Fatal(err)
		}
		none := func(alg string) string {
			encode := base64.RawURLEncoding.EncodeToString
			return encode([]byte(`{"alg":"`+alg+`"}`)) + "." + encode(payload) + "."
		}
		public, err := es256.public.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		symmetric := func(alg jose.SignatureAlgorithm) string {
			return sign(t, testKey{es256.public, append(public, make([]byte, 64)...), alg}, s.assertionClaims("PJ-ALG"))
		}
		for name, assertion := range map[string]string{
			"none": none("none"), "None": none("None"), "no alg": none(""), "ES256 without a signature": none("ES256"), "HS256": symmetric(jose.HS256), "HS512": symmetric(jose.HS512),
			"RS256": sign(t, keys["RS256"], s.assertionClaims("PJ-ALG")), "PS256": sign(t, keys["PS256"], s.assertionClaims("PJ-ALG")),
		} {
			if a := s.postBody("/token", proven(assertion, changed(url.Values{"client_id": {"PJ-ALG"}}, machineForm))); a.status != http.StatusUnauthorized {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		wantOK(t, s.asserted("/token", "PJ-ALG", es256, machineForm))
	})
	keyAddressRules(t)
}

// keyHost is where an application keeps its keys.
type keyHost struct {
	mu    sync.Mutex
	body  string
	err   error
	calls int
}

func (h *keyHost) fetch(_ context.Context, address string) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if address != "https://signing.test/jwks.json" {
		return nil, errors.New("called " + address)
	}
	h.calls++
	return []byte(h.body), h.err
}

func (h *keyHost) gives(body string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.body, h.err = body, err
}

func (h *keyHost) want(t *testing.T, calls int) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.calls != calls {
		t.Fatalf("the address was called %d times, want %d", h.calls, calls)
	}
}

func keyAddressRules(t *testing.T) {
	es256 := testKeys()["ES256"]
	withHost := func(t *testing.T, name string, check func(*testing.T, *site, *keyHost)) {
		h := &keyHost{body: jwkSet(t, es256)}
		alone(t, name, func(t *testing.T, s *site) {
			c := signingClient(t)
			c.JWKS, c.JWKSURI = "", "https://signing.test/jwks.json"
			s.register("PJ-URI", c)
			check(t, s, h)
		}, siteOptions{engine: func(c *oauth.Config) { c.Fetch = h.fetch }})
	}

	withHost(t, "PJ-03 a jwks_uri is read once, and again for a new key, once in a minute", func(t *testing.T, s *site, h *keyHost) {
		h.want(t, 0)
		for range 5 {
			wantOK(t, s.asserted("/token", "PJ-URI", es256, machineForm))
		}
		h.want(t, 1)
		next := newECKey(t, "next")
		h.gives(jwkSet(t, es256, next), nil)
		s.pass(time.Second)
		wantOK(t, s.asserted("/token", "PJ-URI", next, machineForm)) // published just after it was read
		h.want(t, 2)
		last := newECKey(t, "last")
		wantUnauthorized(t, s.asserted("/token", "PJ-URI", last, machineForm)) // it was asked for a key a moment ago
		h.want(t, 2)
		s.pass(time.Minute)
		h.gives(jwkSet(t, es256, next, last), nil)
		wantOK(t, s.asserted("/token", "PJ-URI", last, machineForm))
		h.want(t, 3)
		for range 20 {
			wantUnauthorized(t, s.asserted("/token", "PJ-URI", newECKey(t, "made up"), machineForm))
			s.pass(2 * time.Second)
		}
		h.want(t, 3)
		s.pass(21 * time.Second)
		wantUnauthorized(t, s.asserted("/token", "PJ-URI", newECKey(t, "made up"), machineForm))
		h.want(t, 4)
		h.gives(jwkSet(t, next), nil) // a key that was taken back is out within the quarter of an hour
		s.pass(15 * time.Minute)
		wantUnauthorized(t, s.asserted("/token", "PJ-URI", es256, machineForm))
		wantOK(t, s.asserted("/token", "PJ-URI", next, machineForm))
		h.want(t, 5)
	})

	withHost(t, "PJ-03 many requests at once make one call", func(t *testing.T, s *site, h *keyHost) {
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() {
				if a := s.asserted("/token", "PJ-URI", es256, machineForm); a.status != http.StatusOK {
					t.Errorf("%d %s", a.status, a.body)
				}
			})
		}
		calls.Wait()
		h.want(t, 1)
	})

	withHost(t, "PJ-03 a jwks_uri that cannot be read is 503, and known keys stay good meanwhile", func(t *testing.T, s *site, h *keyHost) {
		h.gives("", errors.New("no route to host"))
		claims := s.assertionClaims("PJ-URI")
		body := proven(sign(t, es256, claims), machineForm)
		wantErrorStatus(t, s.postBody("/token", body), http.StatusServiceUnavailable, "temporarily_unavailable")
		wantErrorStatus(t, s.postBody("/token", body), http.StatusServiceUnavailable, "temporarily_unavailable")
		h.want(t, 1)
		s.pass(6 * time.Second)
		h.gives(jwkSet(t, es256), nil)
		wantOK(t, s.postBody("/token", body)) // the same again: nothing was used up
		h.gives("", errors.New("no route to host"))
		for range 5 {
			s.pass(time.Hour)
			wantOK(t, s.asserted("/token", "PJ-URI", es256, machineForm))
		}
		s.pass(2 * time.Hour)
		wantErrorStatus(t, s.asserted("/token", "PJ-URI", es256, machineForm), http.StatusServiceUnavailable, "temporarily_unavailable")
	})

	withHost(t, "PJ-03 a jwks_uri that gives no keys is explained to admins", func(t *testing.T, s *site, h *keyHost) {
		secret := `{"keys":[{"kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0","kid":"x"}]}`
		private, err := (&jose.JSONWebKey{Key: es256.key, KeyID: es256.public.KeyID}).MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		for name, body := range map[string]string{
			"page": "<html>", "empty": "", "no keys": "{}", "list": "[]", "none": `{"keys":[]}`, "symmetric": secret, "private": `{"keys":[` + string(private) + `]}`, "odd": `{"keys":[5]}`,
			"many": `{"keys":[` + strings.TrimSuffix(strings.Repeat(`{"kty":"x"},`, 21), ",") + `]}`, "large": `{"keys":[]` + strings.Repeat(" ", 33<<10) + "}",
		} {
			h.gives(body, nil)
			s.pass(6 * time.Second)
			a := s.asserted("/token", "PJ-URI", es256, machineForm)
			wantUnauthorized(t, a)
			s.flush()
			if f := s.refusalOf(a); f == nil || f.Rule != oauth.RuleClientKeys {
				t.Errorf("%s: explained as %+v", name, f)
			}
		}
		h.gives("", fmt.Errorf("%w: it answers with status 404", oauth.ErrDocument))
		s.pass(6 * time.Second)
		wantUnauthorized(t, s.asserted("/token", "PJ-URI", es256, machineForm))
		h.gives(`{"keys":[{"kty":"future","kid":"f"},`+secret[9:len(secret)-2]+`,`+jwkSet(t, es256)[9:], nil) // keys for other purposes stand beside
		s.pass(6 * time.Second)
		wantOK(t, s.asserted("/token", "PJ-URI", es256, machineForm))
	})
}
