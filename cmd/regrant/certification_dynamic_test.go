package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

// dynamicPlan is Dynamic OP, whose clients register themselves and authenticate by private_key_jwt. Its modules of request_uri are left out:
// nothing is fetched from there. The suite uses no PKCE in it, which clients that registered themselves have to.
const dynamicPlan = "oidcc-dynamic-certification-test-plan"

// openRegistration lets anybody register, as an admin does on the page of settings.
func (s *certified) openRegistration() {
	s.t.Helper()
	s.letIn(func(r *oauth.RegistrationRules) { r.Mode, r.PerAddress = oauth.RegistrationOpen, 100 }, "registration_endpoint", s.issuer+"/register")
}

// letIn changes the rules for clients that no admin registers, and waits until the metadata has a member that says so.
func (s *certified) letIn(change func(*oauth.RegistrationRules), member string, value any) {
	s.t.Helper()
	d, err := db.Open(s.t.Context(), s.db, db.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer d.Close()
	settings, err := d.SiteSettings(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	change(&settings.Registration)
	event := audit.Event{At: time.Now(), Kind: audit.SettingsChanged, Origin: audit.Origin{Actor: audit.ByCommand}, Result: "ok"}
	if err := d.SaveSiteSettings(s.t.Context(), settings, nil, event); err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if s.metadata = s.document(s.t, "/.well-known/openid-configuration"); s.metadata[member] == value {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: %v", member, s.metadata[member])
		}
	}
}

// wanted is what the suite's clients say of themselves; a module changes it.
func (c *fapiClient) wanted(changes ...func(claims)) claims {
	c.t.Helper()
	m := claims{
		"client_name": "Certification", "redirect_uris": []string{c.redirectURI}, "response_types": []string{"code"}, "grant_types": []string{"authorization_code", "refresh_token"},
		"token_endpoint_auth_method": "private_key_jwt", "id_token_signed_response_alg": "RS256", "contacts": []string{"certification@rp.example"},
		"jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: c.key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}},
	}
	for _, change := range changes {
		change(m)
	}
	return m
}

// requestRegistration sends what a client says of itself.
func (c *fapiClient) requestRegistration(method, address, token string, m claims) answer {
	c.t.Helper()
	body, err := json.Marshal(m)
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := http.NewRequest(method, address, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return c.send(r)
}

// registers makes the client register itself, and checks the answer: OpenID Connect Registration §3.2.
func (c *fapiClient) registers(changes ...func(claims)) answer {
	c.t.Helper()
	m := c.wanted(changes...)
	a := c.requestRegistration(http.MethodPost, c.metadata["registration_endpoint"].(string), "", m)
	if a.status != http.StatusCreated || a.text("client_id") == "" || a.text("registration_access_token") == "" || !strings.HasPrefix(a.text("registration_client_uri"), c.issuer+"/") {
		c.t.Fatalf("not registered: %d %v", a.status, a.body)
	}
	c.id, c.secret = a.text("client_id"), ""
	if m["token_endpoint_auth_method"] != a.body["token_endpoint_auth_method"] {
		c.t.Errorf("token_endpoint_auth_method: %v", a.body["token_endpoint_auth_method"])
	}
	return a
}

func (c *fapiClient) withPKCE(changes ...change) []change {
	return append([]change{with("code_challenge", oauth2.S256ChallengeFromVerifier(c.verifier)), with("code_challenge_method", "S256")}, changes...)
}

// completes goes through the flow with the registration that the client has.
func (c *fapiClient) completes(changes ...change) tokens {
	c.t.Helper()
	r := c.authorize(c.withPKCE(changes...)...)
	return c.check(r, c.send(c.post("/token", c.prove(c.codeForm(r.code(c.party))))))
}

func (s *certified) testDynamic(t *testing.T) {
	t.Parallel()
	for name, run := range dynamicModules {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &party{certified: s, redirectURI: "https://rp.example/dynamic"}
			c := &fapiClient{party: p.of(t), key: newKey(t), verifier: oauth2.GenerateVerifier()}
			run(c)
		})
	}
}

var dynamicModules = map[string]func(*fapiClient){
	"oidcc-idtoken-rs256": func(c *fapiClient) {
		c.registers()
		if alg := c.completes().header(c.party)["alg"]; alg != "RS256" {
			c.t.Errorf("alg %v", alg)
		}
	},
	"oidcc-idtoken-unsigned": func(c *fapiClient) { // not in id_token_signing_alg_values_supported, which the plan accepts
		if c.supports("id_token_signing_alg_values_supported", "none") {
			c.t.Error("none is supported")
		}
		c.notRegistered("invalid_client_metadata", withClaim("id_token_signed_response_alg", "none"))
	},
	"oidcc-ensure-redirect-uri-in-authorization-request": func(c *fapiClient) {
		c.registers()
		c.authorize(c.withPKCE(without("redirect_uri"))...).stopped(c.party, "redirect_uri")
	},
	"oidcc-redirect-uri-query-OK": func(c *fapiClient) {
		c.redirectURI += "?foo=bar"
		c.registers()
		c.completes()
	},
	"oidcc-redirect-uri-query-mismatch": func(c *fapiClient) {
		c.redirectURI += "?foo=bar"
		c.registers()
		c.authorize(c.withPKCE(with("redirect_uri", strings.Replace(c.redirectURI, "bar", "baz", 1)))...).stopped(c.party, "redirect_uri")
	},
	"oidcc-redirect-uri-query-added": func(c *fapiClient) {
		c.registers()
		c.authorize(c.withPKCE(with("redirect_uri", c.redirectURI+"?foo=bar"))...).stopped(c.party, "redirect_uri")
	},
	"oidcc-redirect-uri-regfrag": func(c *fapiClient) {
		c.notRegistered("invalid_redirect_uri", withClaim("redirect_uris", []string{c.redirectURI + "#foobar"}))
	},
	"oidcc-discovery-endpoint-verification": func(c *fapiClient) {
		for _, value := range []string{"authorization_code", "refresh_token"} {
			if !c.supports("grant_types_supported", value) {
				c.t.Errorf("grant_types_supported: %v", c.metadata["grant_types_supported"])
			}
		}
		configModules[0].run(c.party)
	},
	"oidcc-server": func(c *fapiClient) {
		c.registers()
		got := c.completes()
		got.knows(c.party, c.userinfo(http.MethodGet, got.access))
	},
	"oidcc-registration-logo-uri":   func(c *fapiClient) { c.isShown("logo_uri", "https://rp.example/logo.png", false) },
	"oidcc-registration-policy-uri": func(c *fapiClient) { c.isShown("policy_uri", "https://rp.example/policy", true) },
	"oidcc-registration-tos-uri":    func(c *fapiClient) { c.isShown("tos_uri", "https://rp.example/tos", true) },
	"oidcc-registration-jwks-uri": func(c *fapiClient) {
		keys := c.publish(func() any { return c.wanted()["jwks"] })
		c.registers(withoutClaim("jwks"), withClaim("jwks_uri", keys))
		c.completes()
	},
	"oidcc-registration-sector-uri": func(c *fapiClient) { // without pairwise the plan leaves it out; the document is looked at all the same
		sector := c.publish(func() any { return []string{c.redirectURI} })
		c.registers(withClaim("sector_identifier_uri", sector))
	},
	"oidcc-registration-sector-bad": func(c *fapiClient) {
		sector := c.publish(func() any { return []string{"https://rp.example/elsewhere"} })
		c.notRegistered("invalid_client_metadata", withClaim("sector_identifier_uri", sector))
	},
	"oidcc-server-rotate-keys": func(c *fapiClient) {
		c.registers()
		c.completes()
		before := len(c.document(c.t, "/.well-known/jwks.json")["keys"].([]any))
		c.regrant("", "key", "rotate")
		for deadline := time.Now().Add(10 * time.Second); len(c.document(c.t, "/.well-known/jwks.json")["keys"].([]any)) <= before; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				c.t.Fatal("no new key")
			}
		}
		c.completes()
	},
	"oidcc-refresh-token-rp-key-rotation": func(c *fapiClient) {
		keys := c.publish(func() any {
			return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: c.key.Public(), KeyID: c.keyID(), Algorithm: "ES256", Use: "sig"}}}
		})
		c.registers(withoutClaim("jwks"), withClaim("jwks_uri", keys))
		got := c.completes(with("scope", "openid offline_access"), with("prompt", "consent"))
		c.key, c.rotated = newKey(c.t), true
		a := c.send(c.post("/token", c.prove(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.refresh}})))
		c.check(reply{request: url.Values{}}, a)
	},
	"oidcc-refresh-token": func(c *fapiClient) {
		c.registers()
		got := c.completes(with("scope", "openid offline_access"), with("prompt", "consent"))
		a := c.send(c.post("/token", c.prove(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.refresh}})))
		again := c.check(reply{request: url.Values{}}, a)
		other := *c
		other.key = newKey(c.t)
		other.registers()
		other.send(other.post("/token", other.prove(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {again.refresh}}))).refused(c.party, "invalid_grant")
	},
	"oidcc-ensure-client-assertion-with-iss-aud-succeeds": func(c *fapiClient) {
		c.registers()
		r := c.authorize(c.withPKCE()...)
		form := c.codeForm(r.code(c.party))
		form.Set("client_id", c.id)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", c.assertion(withClaim("aud", c.issuer)))
		c.check(r, c.send(c.post("/token", form)))
	},
}

// notRegistered checks that the client gets no registration with these changes.
func (c *fapiClient) notRegistered(code string, changes ...func(claims)) {
	c.t.Helper()
	c.requestRegistration(http.MethodPost, c.metadata["registration_endpoint"].(string), "", c.wanted(changes...)).refused(c.party, code)
}

// isShown looks for an address that the client registered on the page where the person signs in or allows it.
func (c *fapiClient) isShown(member, address string, want bool) {
	c.t.Helper()
	a := c.registers(withClaim(member, address))
	if a.body[member] != address {
		c.t.Errorf("%s: %v", member, a.body[member])
	}
	response, err := c.browser.Get(c.issuer + "/authorize?" + c.request(c.withPKCE()...).Encode())
	if got := c.read(response, err); strings.Contains(got.page, address) != want || got.status != http.StatusOK {
		c.t.Errorf("%d, with %s: %v: %s", got.status, member, !want, got.page)
	}
}

// publish serves a document at an https address that the server may fetch.
func (c *fapiClient) publish(document func() any) (address string) {
	c.t.Helper()
	return c.serveTLS(c.t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(document())
	})) + "/document.json"
}
