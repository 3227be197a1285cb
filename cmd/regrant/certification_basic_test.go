package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/text/language"
)

// configModules are those of Config OP.
var configModules = []module{{"oidcc-discovery-endpoint-verification", func(p *party) {
	m := p.metadata
	if m["issuer"] != p.issuer {
		p.t.Errorf("issuer %v", m["issuer"])
	}
	for name, value := range m {
		if address, _ := value.(string); strings.HasSuffix(name, "_endpoint") || name == "jwks_uri" {
			if at, err := url.Parse(address); err != nil || at.Scheme != "https" || at.Host == "" || at.Fragment != "" {
				p.t.Errorf("%s: %v", name, value)
			}
		}
	}
	for member, values := range map[string][]string{
		"response_types_supported": {"code"}, "subject_types_supported": {"public"}, "id_token_signing_alg_values_supported": {"RS256"},
		"grant_types_supported": {"authorization_code", "refresh_token"}, "scopes_supported": {"openid"}, "claims_supported": {"sub"},
		"response_modes_supported": {"query", "form_post"}, "code_challenge_methods_supported": {"S256"}, "token_endpoint_auth_methods_supported": {"client_secret_basic", "client_secret_post", "private_key_jwt"},
	} {
		for _, value := range values {
			if !p.supports(member, value) {
				p.t.Errorf("%s: %v", member, m[member])
			}
		}
	}
	for _, member := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"} {
		if m[member] == nil {
			p.t.Errorf("no %s", member)
		}
	}
	if m["request_uri_parameter_supported"] != false { // whose absence says true
		p.t.Errorf("request_uri_parameter_supported: %v", m["request_uri_parameter_supported"])
	}
	locales, _ := m["ui_locales_supported"].([]any)
	for _, locale := range locales {
		if tag, err := language.Parse(locale.(string)); err != nil || tag.String() != locale {
			p.t.Errorf("ui_locales_supported: %v", locale)
		}
	}
	seen := map[string]bool{}
	keys, _ := p.document(p.t, strings.TrimPrefix(m["jwks_uri"].(string), p.issuer))["keys"].([]any)
	for _, key := range keys {
		key := key.(map[string]any)
		id, _ := key["kid"].(string)
		if id == "" || seen[id] || key["use"] != "sig" || key["alg"] == nil {
			p.t.Errorf("key: %v", key)
		}
		seen[id] = true
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if key[private] != nil {
				p.t.Errorf("a key has %s", private)
			}
		}
	}
	if len(keys) == 0 {
		p.t.Error("no keys")
	}
}}}

// basicModules are those of Basic OP and of Form Post OP.
var basicModules = []module{
	{"oidcc-server", func(p *party) {
		got := p.signIn()
		got.knows(p, p.userinfo(http.MethodGet, got.access))
	}},
	{"oidcc-response-type-missing", func(p *party) {
		p.authorize(without("response_type")).refused(p, "invalid_request", "unsupported_response_type")
	}},
	{"oidcc-idtoken-signature", func(p *party) { // that it is right is checked with each
		if h := p.signIn().header(p); h["alg"] != "RS256" || h["kid"] == nil {
			p.t.Errorf("header: %v", h)
		}
	}},
	{"oidcc-userinfo-get", func(p *party) {
		got := p.signIn()
		got.knows(p, p.userinfo(http.MethodGet, got.access))
	}},
	{"oidcc-userinfo-post-header", func(p *party) {
		got := p.signIn()
		got.knows(p, p.userinfo(http.MethodPost, got.access))
	}},
	{"oidcc-userinfo-post-body", func(p *party) {
		got := p.signIn()
		got.knows(p, p.send(p.post("/userinfo", url.Values{"access_token": {got.access}})))
	}},
	{"oidcc-ensure-request-without-nonce-succeeds-for-code-flow", func(p *party) { p.signIn(without("nonce")) }},
	{"oidcc-scope-profile", func(p *party) {
		got := p.signIn(with("scope", "openid profile"))
		got.knows(p, p.userinfo(http.MethodGet, got.access), "name")
	}},
	{"oidcc-scope-email", func(p *party) {
		got := p.signIn(with("scope", "openid email"))
		got.knows(p, p.userinfo(http.MethodGet, got.access), "email", "email_verified")
	}},
	{"oidcc-scope-address", func(p *party) { p.scopeIsListedOrLeftOut("address") }},
	{"oidcc-scope-phone", func(p *party) { p.scopeIsListedOrLeftOut("phone") }},
	{"oidcc-scope-all", func(p *party) {
		got := p.signIn(with("scope", "openid profile email")) // all that scopes_supported has of OpenID Connect's
		got.knows(p, p.userinfo(http.MethodGet, got.access), "name", "email", "email_verified")
	}},
	{"oidcc-ensure-other-scope-order-succeeds", func(p *party) {
		got := p.signIn(with("scope", "email openid"))
		got.knows(p, p.userinfo(http.MethodGet, got.access), "email")
	}},
	{"oidcc-display-page", func(p *party) { p.signIn(with("display", "page")) }},
	{"oidcc-display-popup", func(p *party) { p.signIn(with("display", "popup")) }},
	{"oidcc-prompt-login", func(p *party) {
		p.browser = p.certified.browser(p.t, nil)
		first := p.signIn()
		time.Sleep(time.Second)
		second := p.signIn(with("prompt", "login"))
		p.askedAgain(first, second)
	}},
	{"oidcc-prompt-none-not-logged-in", func(p *party) {
		p.browser = p.certified.browser(p.t, nil)
		p.authorize(with("prompt", "none")).refused(p, "login_required", "interaction_required")
	}},
	{"oidcc-prompt-none-logged-in", func(p *party) {
		first := p.signIn()
		p.samePersonSilently(first, p.signIn(with("prompt", "none")))
	}},
	{"oidcc-max-age-1", func(p *party) {
		p.browser = p.certified.browser(p.t, nil)
		first := p.signIn()
		time.Sleep(2 * time.Second)
		p.askedAgain(first, p.signIn(with("max_age", "1")))
	}},
	{"oidcc-max-age-10000", func(p *party) {
		first := p.signIn(with("max_age", "10000"))
		p.samePersonSilently(first, p.signIn(with("max_age", "10000")))
	}},
	{"oidcc-ensure-request-with-unknown-parameter-succeeds", func(p *party) { p.signIn(with("extra", "foobar")) }},
	{"oidcc-id-token-hint", func(p *party) {
		first := p.signIn()
		p.samePersonSilently(first, p.signIn(with("prompt", "none"), with("id_token_hint", first.id)))
	}},
	{"oidcc-login-hint", func(p *party) {
		p.browser = p.certified.browser(p.t, nil)
		p.signIn(with("login_hint", "alice@example.com"))
	}},
	{"oidcc-ui-locales", func(p *party) { p.signIn(with("ui_locales", "se")) }},
	{"oidcc-claims-locales", func(p *party) { p.signIn(with("claims_locales", "se")) }},
	{"oidcc-ensure-request-with-acr-values-succeeds", func(p *party) { p.signIn(with("acr_values", "1 2")) }},
	{"oidcc-codereuse", func(p *party) {
		got := p.signIn()
		p.redeem(got.values.Get("code")).refused(p, "invalid_grant")
	}},
	{"oidcc-codereuse-30seconds", func(p *party) {
		got := p.signIn()
		p.after(30*time.Second, func(p *party) {
			p.redeem(got.values.Get("code")).refused(p, "invalid_grant")
			if a := p.userinfo(http.MethodGet, got.access); a.status != http.StatusUnauthorized { // RFC 6749 §4.1.2
				p.t.Errorf("what the code gave still works: %d", a.status)
			}
		})
	}},
	{"oidcc-ensure-registered-redirect-uri", func(p *party) {
		p.authorize(with("redirect_uri", p.redirectURI+"x")).stopped(p, "redirect")
	}},
	{"oidcc-ensure-post-request-succeeds", func(p *party) {
		q := p.request()
		response, err := p.browser.PostForm(p.issuer+"/authorize", q)
		r := p.agree(q, response, err)
		p.check(r, p.redeem(r.code(p)))
	}},
	{"oidcc-server-client-secret-post", func(p *party) {
		flags := []string{"--no-pkce"}
		if p.mode != "" {
			flags = append(flags, "--form-post")
		}
		other := p.certified.register("client_secret_post", flags...)
		other.t, other.mode, other.browser = p.t, p.mode, p.browser
		other.signIn()
	}},
	{"oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported", func(p *party) {
		p.authorize(with("request_uri", "https://rp.example/request.jwt")).refused(p, "request_uri_not_supported")
	}},
	{"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported", func(p *party) {
		p.authorize(with("request", unsignedRequest(p.request()))).refused(p, "request_not_supported")
	}},
	{"oidcc-claims-essential", func(p *party) {
		got := p.signIn(with("claims", `{"userinfo":{"name":{"essential":true}}}`))
		a := p.userinfo(http.MethodGet, got.access)
		if p.metadata["claims_parameter_supported"] == true {
			got.knows(p, a, "name")
		} else {
			got.knows(p, a)
		}
	}},
	{"oidcc-ensure-request-object-with-redirect-uri", func(p *party) { // what it says elsewhere than in the object must not count
		p.authorize(with("request", unsignedRequest(p.request(with("redirect_uri", p.redirectURI+"x"))))).refused(p, "request_not_supported")
	}},
	{"oidcc-refresh-token", func(p *party) {
		got := p.signIn(with("scope", "openid offline_access"), with("prompt", "consent"))
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.refresh}}
		again := p.check(reply{request: url.Values{}}, p.token(form)) // §12.2: no nonce
		for _, claim := range []string{"iss", "sub", "aud", "auth_time"} {
			if fmt.Sprint(again.claims[claim]) != fmt.Sprint(got.claims[claim]) {
				p.t.Errorf("%s: %v, and then %v", claim, got.claims[claim], again.claims[claim])
			}
		}
		again.knows(p, p.userinfo(http.MethodGet, again.access))
		other := *p.second
		other.t = p.t
		other.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {again.refresh}}).refused(p, "invalid_grant")
	}},
	{"oidcc-ensure-request-with-valid-pkce-succeeds", func(p *party) {
		verifier := oauth2.GenerateVerifier()
		r := p.authorize(with("code_challenge", oauth2.S256ChallengeFromVerifier(verifier)), with("code_challenge_method", "S256"))
		form := url.Values{"grant_type": {"authorization_code"}, "code": {r.code(p)}, "redirect_uri": {p.redirectURI}, "code_verifier": {verifier}}
		p.check(r, p.token(form))
	}},
}

// scopeIsListedOrLeftOut: where the metadata lists the scope it works, and where not the answer says that it was left out, RFC 6749 §3.3.
func (p *party) scopeIsListedOrLeftOut(scope string) {
	p.t.Helper()
	r := p.authorize(with("scope", "openid "+scope))
	a := p.redeem(r.code(p))
	got := p.check(r, a)
	if p.supports("scopes_supported", scope) {
		got.knows(p, p.userinfo(http.MethodGet, got.access), scope)
	} else if a.text("scope") != "openid" {
		p.t.Errorf("scope %q", a.text("scope"))
	}
}

// askedAgain checks that somebody who was signed in had to sign in for the second.
func (p *party) askedAgain(first, second tokens) {
	p.t.Helper()
	if second.signIns == 0 || second.signedInAt(p) <= first.signedInAt(p) {
		p.t.Errorf("%d sign-ins; at %v, and then at %v", second.signIns, first.claims["auth_time"], second.claims["auth_time"])
	}
	if second.claims["sub"] != first.claims["sub"] {
		p.t.Error("another sub")
	}
}

// samePersonSilently checks that nobody was asked for anything for the second.
func (p *party) samePersonSilently(first, second tokens) {
	p.t.Helper()
	if second.signIns != 0 || second.signedInAt(p) != first.signedInAt(p) || second.claims["sub"] != first.claims["sub"] {
		p.t.Errorf("%d sign-ins; %v, and then %v", second.signIns, first.claims, second.claims)
	}
}

// header is that of the ID token.
func (got tokens) header(p *party) (h map[string]any) {
	p.t.Helper()
	part, _, _ := strings.Cut(got.id, ".")
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err == nil {
		err = json.Unmarshal(b, &h)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return h
}

// unsignedHeader is that of a JWT of alg none.
var unsignedHeader = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))

// unsignedRequest is a request object that nobody signed, OpenID Connect Core §6.1.
func unsignedRequest(q url.Values) string {
	claims := map[string]string{}
	for name := range q {
		claims[name] = q.Get(name)
	}
	b, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return unsignedHeader + "." + base64.RawURLEncoding.EncodeToString(b) + "."
}
