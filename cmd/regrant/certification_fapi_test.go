package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

// testFAPI is that plan with plain_fapi, private_key_jwt, dpop, openid_connect and unsigned requests. Its modules of other countries'
// profiles, of signed requests and of grant management do not belong to it.
func (s *certified) testFAPI(t *testing.T) {
	t.Parallel()
	first, second := s.registerFAPI(), s.registerFAPI()
	for name, run := range fapiModules {
		t.Run("fapi2-security-profile-final-"+name, func(t *testing.T) {
			t.Parallel()
			run(first.of(t), second.of(t))
		})
	}
}

var fapiModules = map[string]func(c, other *fapiClient){
	"discovery-end-point-verification": func(c, _ *fapiClient) {
		if c.metadata["issuer"] != c.issuer || c.metadata["authorization_response_iss_parameter_supported"] != true || c.metadata["pushed_authorization_request_endpoint"] == nil {
			c.t.Errorf("metadata: %v", c.metadata)
		}
		for member, values := range map[string][]string{
			"dpop_signing_alg_values_supported": {"ES256"}, "id_token_signing_alg_values_supported": {"ES256"}, "token_endpoint_auth_methods_supported": {"private_key_jwt"},
			"token_endpoint_auth_signing_alg_values_supported": {"ES256", "PS256"}, "code_challenge_methods_supported": {"S256"}, "response_types_supported": {"code"}, "grant_types_supported": {"authorization_code"},
		} {
			for _, value := range values {
				if !c.supports(member, value) {
					c.t.Errorf("%s: %v", member, c.metadata[member])
				}
			}
		}
	},
	"happy-flow": func(c, other *fapiClient) {
		c.signIn()
		other.signIn()
	},
	"user-rejects-authentication": func(c, _ *fapiClient) {
		q, uri := c.pushed(with("prompt", "consent"))
		c.decision = "deny"
		c.visit(q, uri).refused(c.party, "access_denied")
	},
	"ensure-authorization-request-without-state-success":      func(c, _ *fapiClient) { c.signIn(without("state")) },
	"ensure-authorization-request-without-nonce-success":      func(c, _ *fapiClient) { c.signIn(without("nonce")) },
	"ensure-authorization-request-with-64-char-nonce-success": func(c, _ *fapiClient) { c.signIn(with("nonce", strings.Repeat("abcdefgh", 8))) },
	"ensure-authorization-request-with-long-nonce":            func(c, _ *fapiClient) { c.signIn(with("nonce", strings.Repeat("abcdefgh", 48))) },
	"ensure-authorization-request-with-long-state":            func(c, _ *fapiClient) { c.signIn(with("state", strings.Repeat("abcdefgh", 48))) },
	"ensure-other-scope-order-succeeds":                       func(c, _ *fapiClient) { c.signIn(with("scope", "email openid")) },
	"test-claims-parameter-identity-claims": func(c, _ *fapiClient) {
		got := c.signIn(with("claims", `{"id_token":{"name":{"essential":true},"email":null},"userinfo":{"email":{"essential":true}}}`))
		if c.metadata["claims_parameter_supported"] == true && got.claims["name"] == nil {
			c.t.Errorf("the ID token has no name: %v", got.claims)
		}
	},
	"access-token-type-header-case-sensitivity": func(c, _ *fapiClient) {
		got := c.signIn()
		for _, scheme := range []string{"dpop", "DPOP", "dPoP"} {
			got.knows(c.party, c.useAs(scheme, got.access, c.proof(c.proofKey, http.MethodGet, "/userinfo", got.access)))
		}
	},

	"check-dpop-proof-nbf-exp": func(c, _ *fapiClient) {
		now := time.Now().Unix()
		c.proofLike(withClaim("nbf", now), withClaim("exp", now+300))
	},
	"ensure-dpop-proof-with-iat-10-seconds-before-succeeds": func(c, _ *fapiClient) { c.proofLike(withClaim("iat", time.Now().Unix()-10)) },
	"ensure-dpop-proof-with-iat-10-seconds-after-succeeds":  func(c, _ *fapiClient) { c.proofLike(withClaim("iat", time.Now().Unix()+10)) },
	"ensure-mismatched-dpop-jkt-fails": func(c, _ *fapiClient) {
		_, a := c.push(c.proof(c.proofKey, http.MethodPost, "/par", ""), with("dpop_jkt", thumbprint(c.t, newKey(c.t).Public())))
		a.refused(c.party, "invalid_request", "invalid_dpop_proof")
	},
	"ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt": func(c, _ *fapiClient) {
		q, a := c.push(c.proof(newKey(c.t), http.MethodPost, "/par", ""))
		c.ask(c.codeForm(c.visit(q, a.text("request_uri")).code(c.party))).refused(c.party, "invalid_grant", "invalid_dpop_proof")
	},
	"ensure-token-endpoint-fails-with-mismatched-dpop-jkt": func(c, _ *fapiClient) {
		q, a := c.push("", with("dpop_jkt", thumbprint(c.t, newKey(c.t).Public())))
		c.ask(c.codeForm(c.visit(q, a.text("request_uri")).code(c.party))).refused(c.party, "invalid_grant", "invalid_dpop_proof")
	},
	"ensure-dpop-proof-at-par-endpoint-binding-success": func(c, _ *fapiClient) {
		q, a := c.push(c.proof(c.proofKey, http.MethodPost, "/par", ""))
		c.finish(c.visit(q, a.text("request_uri")))
	},
	"ensure-dpop-auth-code-binding-success": func(c, _ *fapiClient) { c.signIn(with("dpop_jkt", thumbprint(c.t, c.proofKey.Public()))) },

	"ensure-different-nonce-inside-and-outside-request-object": func(c, _ *fapiClient) {
		q, uri := c.pushed()
		c.finish(c.visit(q, uri, with("nonce", "another")))
	},
	"ensure-different-state-inside-and-outside-request-object": func(c, _ *fapiClient) {
		q, uri := c.pushed()
		c.finish(c.visit(q, uri, with("state", "another")))
	},
	"state-only-outside-request-object-not-used": func(c, _ *fapiClient) {
		q, uri := c.pushed(without("state"))
		c.finish(c.visit(q, uri, with("state", "outside")))
	},
	"ensure-request-object-without-redirect-uri-fails": func(c, _ *fapiClient) {
		_, a := c.push("", without("redirect_uri"))
		a.refused(c.party, "invalid_request")
	},
	"ensure-redirect-uri-in-authorization-request": func(c, _ *fapiClient) {
		_, a := c.push("", without("redirect_uri"))
		a.refused(c.party, "invalid_request")
	},
	"ensure-registered-redirect-uri": func(c, _ *fapiClient) {
		_, a := c.push("", with("redirect_uri", "https://elsewhere.example/callback"))
		a.refused(c.party, "invalid_request")
	},
	"ensure-unsigned-authorization-request-without-using-par-fails": func(c, _ *fapiClient) {
		c.authorize(with("code_challenge", oauth2.S256ChallengeFromVerifier(c.verifier)), with("code_challenge_method", "S256")).refused(c.party, "invalid_request")
	},
	"ensure-response-type-code-idtoken-fails": func(c, _ *fapiClient) {
		_, a := c.push("", with("response_type", "code id_token"))
		a.refused(c.party, "unsupported_response_type", "invalid_request")
	},
	"ensure-response-type-token-fails": func(c, _ *fapiClient) {
		_, a := c.push("", with("response_type", "token"))
		a.refused(c.party, "unsupported_response_type", "invalid_request")
	},

	"ensure-client-id-in-token-endpoint": func(c, other *fapiClient) { // the other's name, signed by the first's key
		form := c.codeForm(c.agreed().code(c.party))
		body := other.assertionClaims()
		form.Set("client_id", other.id)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", c.sign(jose.ES256, c.key, map[jose.HeaderKey]any{"kid": "1"}, body))
		c.ask(form).refused(c.party, "invalid_client", "invalid_grant")
	},
	"ensure-holder-of-key-required": func(c, _ *fapiClient) {
		c.ask(c.codeForm(c.agreed().code(c.party)), "").refused(c.party, "invalid_request", "invalid_dpop_proof")
	},
	"ensure-authorization-code-is-bound-to-client": func(c, other *fapiClient) {
		other.ask(c.codeForm(c.agreed().code(c.party))).refused(other.party, "invalid_grant")
	},
	"attempt-reuse-authorization-code-after-one-second": func(c, _ *fapiClient) {
		got := c.signIn()
		time.Sleep(time.Second)
		c.ask(c.codeForm(got.values.Get("code"))).refused(c.party, "invalid_grant")
	},
	"attempt-to-use-expired-auth-code": func(c, _ *fapiClient) {
		code := c.agreed().code(c.party)
		c.after(61*time.Second, func(c *fapiClient) { c.ask(c.codeForm(code)).refused(c.party, "invalid_grant") })
	},

	"ensure-signed-client-assertion-with-rs256-fails": func(c, _ *fapiClient) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			c.t.Fatal(err)
		}
		c.refusedAs(c.sign(jose.RS256, key, map[jose.HeaderKey]any{"kid": "1"}, c.assertionClaims()))
	},
	"ensure-client-assertion-in-token-endpoint": func(c, _ *fapiClient) { c.refusedAs("") },
	"ensure-client-assertion-with-exp-is-5-minutes-in-past-fails": func(c, _ *fapiClient) {
		c.refusedAs(c.assertion(withClaim("exp", time.Now().Unix()-300), withClaim("iat", time.Now().Unix()-360), withClaim("nbf", time.Now().Unix()-360)))
	},
	"ensure-client-assertion-with-wrong-aud-fails": func(c, _ *fapiClient) { c.refusedAs(c.assertion(withClaim("aud", "https://elsewhere.example"))) },
	"ensure-client-assertion-with-no-sub-fails":    func(c, _ *fapiClient) { c.refusedAs(c.assertion(withoutClaim("sub"))) },

	"dpop-negative-tests": dpopNegativeTests,

	"refresh-token": func(c, other *fapiClient) {
		for _, client := range []*fapiClient{c, other} {
			got := client.signIn(with("scope", "openid offline_access"), with("prompt", "consent"))
			form := func() url.Values { return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.refresh}} }
			again := client.check(reply{request: url.Values{}}, client.ask(form()))
			if again.claims["sub"] != got.claims["sub"] || again.access == got.access {
				c.t.Errorf("%v, and then %v", got.claims, again.claims)
			}
			if again.refresh != "" && again.refresh != got.refresh {
				c.t.Error("the refresh token was rotated")
			}
			again.knows(client.party, client.use(again.access))
			client.ask(form(), "").refused(client.party, "invalid_request", "invalid_grant", "invalid_dpop_proof")
			if client == other {
				c.ask(form()).refused(c.party, "invalid_grant")
			}
		}
	},

	"par-ensure-reused-request-uri-prior-to-auth-completion-succeeds": func(c, _ *fapiClient) {
		q, uri := c.pushed()
		nobody := c.certified.browser(c.t, nil)
		response, err := nobody.Get(c.issuer + "/authorize?" + url.Values{"client_id": {c.id}, "request_uri": {uri}}.Encode())
		if got := c.read(response, err); got.status != http.StatusOK || got.location != "" {
			c.t.Fatalf("the first visit: %d %s", got.status, got.page)
		}
		c.finish(c.visit(q, uri))
	},
	"par-attempt-reuse-request_uri": func(c, _ *fapiClient) {
		q, uri := c.pushed()
		c.finish(c.visit(q, uri))
		c.visit(q, uri).stopped(c.party, "expired")
	},
	"par-attempt-to-use-expired-request_uri": func(c, _ *fapiClient) {
		q, a := c.push("")
		lifetime := time.Duration(a.body["expires_in"].(float64)+1) * time.Second
		c.after(lifetime, func(c *fapiClient) { c.visit(q, a.text("request_uri")).stopped(c.party, "expired") })
	},
	"par-ensure-jwt-client-assertion-with-iat-nbf-8-seconds-in-the-future-is-accepted": func(c, _ *fapiClient) {
		now := time.Now().Unix()
		if a := c.pushAs(c.assertion(withClaim("iat", now+8), withClaim("nbf", now+8))); a.status != http.StatusCreated {
			c.t.Errorf("%d %v", a.status, a.body)
		}
	},
	"par-ensure-jwt-client-assertion-with-iat-nbf-over-60-seconds-in-the-future-fails": func(c, _ *fapiClient) {
		now := time.Now().Unix()
		c.pushAs(c.assertion(withClaim("iat", now+65), withClaim("nbf", now+65), withClaim("exp", now+120))).refused(c.party, "invalid_client")
	},
	"par-ensure-request-uri-is-bound-to-client": func(c, other *fapiClient) {
		q, uri := c.pushed()
		c.visit(q, uri, with("client_id", other.id)).stopped(c.party, "expired")
	},
	"par-reject-request-uri-in-par-authorization-form-params": func(c, _ *fapiClient) {
		_, uri := c.pushed()
		_, a := c.push("", with("request_uri", uri))
		a.refused(c.party, "invalid_request")
	},
	"par-reject-invalid-http-verb": func(c, _ *fapiClient) {
		r := c.post("/par", c.prove(c.request()))
		r.Method = http.MethodPut
		if a := c.send(r); a.status != http.StatusMethodNotAllowed {
			c.t.Errorf("PUT: %d %v", a.status, a.body)
		}
	},
	"par-ensure-pkce-required": func(c, _ *fapiClient) {
		_, a := c.push("", without("code_challenge"), without("code_challenge_method"))
		a.refused(c.party, "invalid_request")
	},
	"par-ensure-pkce-code-verifier-required": func(c, _ *fapiClient) {
		form := c.codeForm(c.agreed().code(c.party))
		form.Del("code_verifier")
		c.ask(form).refused(c.party, "invalid_grant")
	},
	"par-incorrect-pkce-code-verifier-rejected": func(c, _ *fapiClient) {
		form := c.codeForm(c.agreed().code(c.party))
		form.Set("code_verifier", strings.Repeat("x", 43))
		c.ask(form).refused(c.party, "invalid_grant")
	},
	"par-ensure-plain-pkce-rejected": func(c, _ *fapiClient) {
		_, a := c.push("", with("code_challenge", c.verifier), with("code_challenge_method", "plain"))
		a.refused(c.party, "invalid_request")
	},
	"par-without-duplicate-parameters": func(c, _ *fapiClient) {
		q, uri := c.pushed()
		response, err := c.browser.Get(c.issuer + "/authorize?" + url.Values{"client_id": {c.id}, "request_uri": {uri}}.Encode())
		c.finish(c.agree(q, response, err))
	},
	"par-endpoint-as-array-audience-fails": func(c, _ *fapiClient) {
		c.pushAs(c.assertion(withClaim("aud", []string{c.issuer + "/par"}))).refused(c.party, "invalid_client")
	},
	"par-endpoint-as-audience-fails": func(c, _ *fapiClient) {
		c.pushAs(c.assertion(withClaim("aud", c.issuer+"/par"))).refused(c.party, "invalid_client")
	},
	"par-token-endpoint-as-audience-fails": func(c, _ *fapiClient) {
		c.pushAs(c.assertion(withClaim("aud", c.issuer+"/token"))).refused(c.party, "invalid_client")
	},
}

// proofLike goes through the flow with proofs of such claims.
func (c *fapiClient) proofLike(changes ...func(claims)) {
	c.t.Helper()
	r := c.agreed()
	got := c.check(r, c.ask(c.codeForm(r.code(c.party)), c.proof(c.proofKey, http.MethodPost, "/token", "", changes...)))
	got.knows(c.party, c.useAs("DPoP", got.access, c.proof(c.proofKey, http.MethodGet, "/userinfo", got.access, changes...)))
}

// refusedAs: with that assertion, and with none if it is empty, a good code gets nothing.
func (c *fapiClient) refusedAs(assertion string) {
	c.t.Helper()
	form := c.codeForm(c.agreed().code(c.party))
	form.Set("client_id", c.id)
	if assertion != "" {
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	}
	r := c.post("/token", form)
	r.Header.Set("DPoP", c.proof(c.proofKey, http.MethodPost, "/token", ""))
	c.send(r).refused(c.party, "invalid_client")
}

func (c *fapiClient) pushAs(assertion string) answer {
	c.t.Helper()
	_, a := c.push("", with("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), with("client_assertion", assertion))
	return a
}

// dpopNegativeTests: which proofs the userinfo endpoint takes, and which not, RFC 9449 §4.3.
func dpopNegativeTests(c, _ *fapiClient) {
	got := c.signIn()
	key := c.proofKey
	public := jose.JSONWebKey{Key: key.Public()}
	private := jose.JSONWebKey{Key: key}
	good := func(changes ...func(claims)) string {
		return c.proof(key, http.MethodGet, "/userinfo", got.access, changes...)
	}
	signed := func(header map[jose.HeaderKey]any) string {
		return c.sign(jose.ES256, key, header, c.proofClaims(http.MethodGet, "/userinfo", got.access))
	}
	once := good()
	for name, proofs := range map[string][]string{
		"upper case header":        {good()}, // Go writes it as Dpop in any case
		"htu with query, fragment": {good(withClaim("htu", c.issuer+"/userinfo?a=b#c"))},
		"htu without the query":    {good(withClaim("htu", c.issuer+"/userinfo"))},
		"htu to be normalized":     {good(withClaim("htu", strings.Replace(c.issuer, "https://localhost", "HTTPS://LOCALHOST", 1)+"/userinfo"))},
		"extra members":            {signed(map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": public, "extra": "x"})},
		"extra claims":             {good(withClaim("extra", "x"))},
		"the first use of a jti":   {once},
	} {
		if a := c.useAs("DPoP", got.access, proofs...); a.status != http.StatusOK {
			c.t.Errorf("%s: %d %v", name, a.status, a.body)
		}
	}
	parts := strings.Split(good(), ".")
	unsigned, err := json.Marshal(map[string]any{"alg": "none", "typ": "dpop+jwt", "jwk": public})
	if err != nil {
		c.t.Fatal(err)
	}
	noAlg, err := json.Marshal(map[string]any{"typ": "dpop+jwt", "jwk": public})
	if err != nil {
		c.t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	for name, proofs := range map[string][]string{
		"none":                    nil,
		"two":                     {good(), good()},
		"not a JWT":               {"x" + good()},
		"no typ":                  {signed(map[jose.HeaderKey]any{"jwk": public})},
		"no alg":                  {encode(noAlg) + "." + parts[1] + "." + parts[2]},
		"no jwk":                  {signed(map[jose.HeaderKey]any{"typ": "dpop+jwt"})},
		"no jti":                  {good(withoutClaim("jti"))},
		"no htm":                  {good(withoutClaim("htm"))},
		"no htu":                  {good(withoutClaim("htu"))},
		"no iat":                  {good(withoutClaim("iat"))},
		"no ath":                  {good(withoutClaim("ath"))},
		"another typ":             {signed(map[jose.HeaderKey]any{"typ": "JWT", "jwk": public})},
		"alg none":                {encode(unsigned) + "." + parts[1] + "."},
		"a signature of another":  {parts[0] + "." + parts[1] + "." + strings.Split(good(), ".")[2]},
		"a private key":           {signed(map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": private})},
		"another htm":             {good(withClaim("htm", "PUT"))},
		"another htu":             {good(withClaim("htu", c.issuer+"/token"))},
		"an hour in the future":   {good(withClaim("iat", time.Now().Unix()+3600))},
		"an hour in the past":     {good(withClaim("iat", time.Now().Unix()-3600))},
		"the second use of a jti": {once},
		"another ath":             {good(withClaim("ath", encode([]byte("something else"))))},
		"another key":             {c.proof(newKey(c.t), http.MethodGet, "/userinfo", got.access)},
	} {
		if a := c.useAs("DPoP", got.access, proofs...); a.status != http.StatusUnauthorized && a.status != http.StatusBadRequest {
			c.t.Errorf("%s: %d %v", name, a.status, a.body)
		}
	}
	if a := c.useAs("Bearer", got.access); a.status != http.StatusUnauthorized {
		c.t.Errorf("as a bearer token: %d", a.status)
	}
}

// thumbprint names a key, RFC 7638.
func thumbprint(t *testing.T, public any) string {
	t.Helper()
	key := jose.JSONWebKey{Key: public}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}
