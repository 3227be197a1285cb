package web_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"regrant/app/oauth"
)

// wantInactive wants exactly {"active":false}: RFC 7662 §2.2.
func (s *site) wantInactive(asker, what, token string) {
	s.t.Helper()
	a := s.post("/introspect", asker, url.Values{"token": {token}})
	wantOK(s.t, a)
	if a.body != `{"active":false}` {
		s.t.Errorf("%s asked by %s: %s", what, asker, a.body)
	}
}

func requirementsIN(t *testing.T) {
	all := newSites(t)

	all.rule(t, "IN-01 only who authenticates may ask", func(t *testing.T, s *site) {
		token := s.grant("PN", "read").text(t, "access_token")
		form := url.Values{"token": {token}}.Encode()
		wantUnauthorized(t, s.postBody("/introspect", form))
		wantUnauthorized(t, s.postBody("/introspect", form+"&client_id=PN"))
		wantUnauthorized(t, s.postBody("/introspect", form, "Authorization", basic(s.secret["RS.id"], "wrong")))
		wantUnauthorized(t, s.postBody("/introspect", form, "Authorization", "Bearer "+token))
		wantUnauthorized(t, s.post("/introspect", "", nil))
		if !s.active("RS", token) {
			t.Error("the token is not active")
		}
	})

	all.rule(t, "IN-02 asking is a POST with a token", func(t *testing.T, s *site) {
		if a := s.fetch("GET", s.issuer+"/introspect?token=x"); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "POST" {
			t.Errorf("GET: %d", a.status)
		}
		wantError(t, s.post("/introspect", "RS", nil), "invalid_request")
		wantError(t, s.post("/introspect", "RS", url.Values{"token": {""}}), "invalid_request")
	})

	alone(t, "IN-03 whatever is not active is just that", func(t *testing.T, s *site) {
		expired := s.grant("CB", "openid read")
		s.pass(11 * time.Minute)
		revoked, live := s.grant("CB", "openid read"), s.grant("CB", "openid read")
		s.revoked("CB", url.Values{"token": {revoked.text(t, "refresh_token")}})
		rotated := s.grant("CB", "read")
		wantOK(t, s.refresh("CB", rotated.text(t, "refresh_token")))
		for _, asker := range []string{"RS", "CB", "CX"} {
			for what, token := range map[string]string{
				"garbage": "garbage", "opaque garbage": "rga1_garbage", "refresh garbage": "rgr1_garbage", "expired": expired.text(t, "access_token"), "revoked": revoked.text(t, "access_token"), "revoked refresh token": revoked.text(t, "refresh_token"),
				"ID token": live.text(t, "id_token"), "code": s.code("CB", nil).Query().Get("code"), "secret": s.secret["CB"], "cut": live.text(t, "access_token")[:100], "too long": strings.Repeat("a.", 10_000), "older generation": rotated.text(t, "refresh_token"), "\u00e9": "\u00e9", "with a space": live.text(t, "access_token") + " ",
			} {
				s.wantInactive(asker, what, token)
			}
		}
		token := live.text(t, "access_token")
		if !s.active("RS", token) {
			t.Fatal("not active")
		}
		s.clock.step(-time.Hour)
		s.wantInactive("RS", "not yet valid", token)
	})

	all.rule(t, "IN-04 who is not meant sees nothing", func(t *testing.T, s *site) {
		read, list, own := s.grant("CB", "openid read"), s.grant("CB", "openid list"), s.grant("CB", "openid")
		for _, c := range []struct {
			asker string
			token answer
			want  bool
		}{{"RS", read, true}, {"RS2", read, false}, {"RS", list, false}, {"RS2", list, true}, {"RS", own, false}, {"CB", read, true}, {"CB", own, true}, {"CX", read, false}, {"CP", own, false}} {
			if got := s.active(c.asker, c.token.text(t, "access_token")); got != c.want {
				t.Errorf("%s asks about %q: %v, want %v", c.asker, c.token.text(t, "scope"), got, c.want)
			}
			if !c.want {
				s.wantInactive(c.asker, c.token.text(t, "scope"), c.token.text(t, "access_token"))
			}
		}
	})

	all.rule(t, "IN-05 an active token is told whole, and a refresh token to its client alone", func(t *testing.T, s *site) {
		for _, format := range []oauth.Format{oauth.FormatJWT, oauth.FormatOpaque} {
			policy, _ := oauth.PolicyOf(oauth.PresetStandard)
			policy.AccessTokenFormat = format
			id := "IN05-" + string(format)
			s.register(id, oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://in.test/cb"}, Policy: policy})
			tokens := s.exchange(id, s.code("CB", url.Values{"client_id": {id}, "redirect_uri": {"https://in.test/cb"}}), nil)
			wantOK(t, tokens)
			a := s.post("/introspect", "RS", url.Values{"token": {tokens.text(t, "access_token")}})
			wantOK(t, a)
			var m map[string]any
			if err := json.Unmarshal([]byte(a.body), &m); err != nil {
				t.Fatal(err)
			}
			now := float64(s.clock.Wall().Unix())
			for member, want := range map[string]any{"active": true, "scope": "openid read", "client_id": id, "sub": s.person["U1"].ID, "iss": s.issuer, "token_type": "Bearer", "iat": now, "exp": now + 600} {
				if m[member] != want {
					t.Errorf("%s: %s is %v, want %v", format, member, m[member], want)
				}
			}
			if aud := audience(m); len(aud) != 2 || aud[0] != "https://api.test/" || aud[1] != s.issuer || m["jti"] == "" || m["jti"] == nil {
				t.Errorf("%s: %v", format, m)
			}
			refresh := s.post("/introspect", id, url.Values{"token": {tokens.text(t, "refresh_token")}})
			if refresh.text(t, "client_id") != id || refresh.text(t, "scope") != "openid read" || refresh.text(t, "token_type") == "Bearer" {
				t.Errorf("refresh token: %s", refresh.body)
			}
			for _, asker := range []string{"RS", "RS2", "CX"} {
				s.wantInactive(asker, "refresh token", tokens.text(t, "refresh_token"))
			}
		}
	})

	all.rule(t, "IN-06 a forged token is inactive, even with everything of a real one", func(t *testing.T, s *site) {
		token := s.grant("CB", "openid read").text(t, "access_token")
		for what, forged := range forgeries(t, s, token) {
			for _, asker := range []string{"RS", "CB"} {
				s.wantInactive(asker, what, forged)
			}
			wantBearer(t, s.userinfo(forged), http.StatusUnauthorized, "invalid_token")
			s.revoked("CB", url.Values{"token": {forged}})
		}
		if !s.active("RS", token) {
			t.Error("revoking a forgery revoked the token")
		}
	})

	alone(t, "IN-07 with person or client disabled, access tokens are inactive at once", func(t *testing.T, s *site) {
		ctx := context.Background()
		mine, machine, other := s.grant("CB", "openid read"), s.post("/token", "CB", url.Values{"grant_type": {"client_credentials"}}), s.grant("CX", "openid read")
		s.change("CB", func(c *oauth.Client) { now := s.clock.Wall(); c.DisabledAt = &now })
		s.wantInactive("RS", "of a disabled client", mine.text(t, "access_token"))
		s.wantInactive("RS", "of a disabled machine", machine.text(t, "access_token"))
		if !s.active("RS", other.text(t, "access_token")) {
			t.Error("another client's token is inactive")
		}
		if err := s.people.Disable(ctx, s.person["U1"].ID, by, s.clock.Wall()); err != nil {
			t.Fatal(err)
		}
		s.wantInactive("RS", "of a disabled person", other.text(t, "access_token"))
		wantBearer(t, s.userinfo(other.text(t, "access_token")), http.StatusUnauthorized, "invalid_token")
		if err := s.people.Enable(ctx, s.person["U1"].ID, by, s.clock.Wall()); err != nil {
			t.Fatal(err)
		}
		s.wantInactive("RS", "of a person enabled again", other.text(t, "access_token"))
	})

	all.rule(t, "IN-08 unknown and foreign tokens get the same answer", func(t *testing.T, s *site) {
		tokens := s.grant("CB", "openid read")
		for _, token := range []string{tokens.text(t, "access_token"), tokens.text(t, "refresh_token"), "unknown"} {
			s.wantInactive("CX", "foreign", token)
		}
	})

	all.rule(t, "IN-09 META-09 who asks for a signed answer gets the same one, signed", func(t *testing.T, s *site) {
		tokens := s.grant("CB", "openid read")
		asked := func(token, accept string) answer {
			return s.postBody("/introspect", url.Values{"token": {token}}.Encode(), "Authorization", basic(s.secret["RS.id"], s.secret["RS"]), "Accept", accept)
		}
		for what, token := range map[string]string{"active": tokens.text(t, "access_token"), "inactive": "unknown", "foreign": tokens.text(t, "refresh_token")} {
			a := asked(token, "application/token-introspection+jwt")
			if got := a.header.Get("Content-Type"); a.status != http.StatusOK || got != "application/token-introspection+jwt" || a.header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%s: %d, Content-Type %q, Cache-Control %q", what, a.status, got, a.header.Get("Cache-Control"))
			}
			if head := jwtPart(t, a.body, 0); head["typ"] != "token-introspection+jwt" || !slices.Contains(list(s.document(), "introspection_signing_alg_values_supported"), head["alg"].(string)) {
				t.Errorf("%s: header %v", what, head)
			}
			var plain map[string]any
			if err := json.Unmarshal([]byte(asked(token, "application/json").body), &plain); err != nil {
				t.Fatal(err)
			}
			want := map[string]any{"iss": s.issuer, "aud": s.secret["RS.id"], "iat": float64(s.clock.Wall().Unix()), "token_introspection": plain}
			if got := s.verified(a.body); !reflect.DeepEqual(got, want) {
				t.Errorf("%s:\n%v, want\n%v", what, got, want)
			}
			// It is no token itself.
			wantBearer(t, s.userinfo(a.body), http.StatusUnauthorized, "invalid_token")
			s.wantInactive("RS", "an answer", a.body)
		}
		for accept, signed := range map[string]bool{
			"": false, "*/*": false, "application/*": false, "application/json": false, "application/jwt": false, "application/token-introspection+jwt;q=0": false,
			"application/json, application/token-introspection+jwt;q=0.5": false, "text/html, application/token-introspection+jwt ; q=0.5": true,
			"APPLICATION/Token-Introspection+JWT": true, "application/json;q=0.9,application/token-introspection+jwt": true, ";;,,": false,
		} {
			a := asked(tokens.text(t, "access_token"), accept)
			if got := a.header.Get("Content-Type") != "application/json"; a.status != http.StatusOK || got != signed {
				t.Errorf("Accept %q: %s", accept, a.header.Get("Content-Type"))
			}
		}
		unknown := s.postBody("/introspect", "token=x", "Accept", "application/token-introspection+jwt")
		wantUnauthorized(t, unknown)
		if got := unknown.header.Get("Content-Type"); got != "application/json" {
			t.Errorf("an error is %s", got)
		}
		for _, algorithm := range list(s.document(), "introspection_signing_alg_values_supported") {
			s.change(s.secret["RS.id"], func(c *oauth.Client) { c.Policy.IDTokenAlg = algorithm })
			if got := jwtPart(t, asked("x", "application/token-introspection+jwt").body, 0)["alg"]; got != algorithm {
				t.Errorf("signed with %v, want %s", got, algorithm)
			}
		}
	})
}

// forgeries makes tokens out of a real one that this server did not sign.
func forgeries(t *testing.T, s *site, token string) map[string]string {
	t.Helper()
	parts := strings.Split(token, ".")
	header, claims := jwtPart(t, token, 0), jwtPart(t, token, 1)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(algorithm jose.SignatureAlgorithm, key any, headers map[jose.HeaderKey]any) string {
		options := (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", header["kid"])
		for name, value := range headers {
			options = options.WithHeader(name, value)
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
		if err != nil {
			t.Fatal(err)
		}
		forged, err := jwt.Signed(signer).Claims(claims).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return forged
	}
	encode := func(m map[string]any) string {
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	public, err := json.Marshal(s.jwks().Keys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	more := map[string]any{}
	for name, value := range claims {
		more[name] = value
	}
	more["scope"] = "openid read write"
	none := map[string]any{"alg": "none", "typ": "at+jwt", "kid": header["kid"]}
	return map[string]string{
		"own key":             sign(jose.ES256, key, nil),
		"own key named":       sign(jose.ES256, key, map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: &key.PublicKey}}),
		"own key elsewhere":   sign(jose.ES256, key, map[jose.HeaderKey]any{"jku": "https://evil.test/jwks.json"}),
		"the public key":      sign(jose.HS256, append(public, make([]byte, 32)...), nil),
		"none":                encode(none) + "." + parts[1] + ".",
		"none, signed":        encode(none) + "." + parts[1] + "." + parts[2],
		"no signature":        parts[0] + "." + parts[1] + ".",
		"other claims":        parts[0] + "." + encode(more) + "." + parts[2],
		"another type":        encode(map[string]any{"alg": "ES256", "typ": "JWT", "kid": header["kid"]}) + "." + parts[1] + "." + parts[2],
		"critical extension":  encode(map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": header["kid"], "crit": []string{"x"}, "x": 1}) + "." + parts[1] + "." + parts[2],
		"signature shortened": parts[0] + "." + parts[1] + "." + parts[2][:40],
		"zero signature":      parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)),
	}
}
