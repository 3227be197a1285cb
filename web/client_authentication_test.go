package web_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"regrant/app/oauth"
	"regrant/web"
)

func requirementsCA(t *testing.T) {
	all := newSites(t)
	endpoints := []string{"/token", "/revoke", "/introspect"}
	both := func(b ...url.Values) string {
		body := url.Values{"grant_type": {"client_credentials"}, "token": {"x"}}
		for _, v := range b {
			changed(body, v)
		}
		return body.Encode()
	}

	all.rule(t, "CA-01 every failed authentication gets one and the same answer", func(t *testing.T, s *site) {
		for _, endpoint := range endpoints {
			want := s.postBody(endpoint, both(), "Authorization", basic("CB", "wrong"))
			wantUnauthorized(t, want)
			for name, a := range map[string]answer{
				"unknown by basic": s.postBody(endpoint, both(), "Authorization", basic("nope", "wrong")), "wrong by post": s.postBody(endpoint, both(url.Values{"client_id": {"CP"}, "client_secret": {"wrong"}})),
				"unknown by post": s.postBody(endpoint, both(url.Values{"client_id": {"nope"}, "client_secret": {"wrong"}})), "unknown without secret": s.postBody(endpoint, both(url.Values{"client_id": {"nope"}})), "nothing": s.postBody(endpoint, both()),
				"empty secret": s.postBody(endpoint, both(), "Authorization", basic("CB", "")), "empty secret by post": s.postBody(endpoint, both(url.Values{"client_id": {"CP"}, "client_secret": {""}})), "another client's": s.postBody(endpoint, both(), "Authorization", basic("CB", s.secret["CX"])),
				"cut": s.postBody(endpoint, both(), "Authorization", basic("CB", s.secret["CB"][:len(s.secret["CB"])-1])), "longer": s.postBody(endpoint, both(), "Authorization", basic("CB", s.secret["CB"]+"x")), "other case": s.postBody(endpoint, both(), "Authorization", basic("CB", strings.ToUpper(s.secret["CB"]))),
			} {
				wantUnauthorized(t, a)
				if a.body != want.body {
					t.Errorf("%s %s: %s, want %s", endpoint, name, a.body, want.body)
				}
			}
		}
		wantOK(t, s.post("/token", "CB", url.Values{"grant_type": {"client_credentials"}}))
	})

	all.rule(t, "CA-02 Basic is decoded strictly, and both halves are form-encoded", func(t *testing.T, s *site) {
		id := "a:b+c%41&=/?#~"
		s.register(id, oauth.Client{AuthMethod: oauth.AuthBasic, GrantTypes: []string{oauth.GrantClientCredentials}})
		try := func(header string) answer {
			return s.postBody("/token", "grant_type=client_credentials", "Authorization", header)
		}
		wantOK(t, try(basic(id, s.secret[id])))
		wantOK(t, try(strings.Replace(basic(id, s.secret[id]), "Basic", "bAsIc", 1)))
		encode := base64.StdEncoding.EncodeToString
		good := url.QueryEscape(id) + ":" + s.secret[id]
		for name, header := range map[string]string{
			"not form-encoded": "Basic " + encode([]byte(id+":"+s.secret[id])), "no colon": "Basic " + encode([]byte(url.QueryEscape(id))), "bad escape": "Basic " + encode([]byte("CB%zz:"+s.secret["CB"])), "not UTF-8": "Basic " + encode([]byte("CB%ff:"+s.secret["CB"])), "no id": "Basic " + encode([]byte(":"+s.secret["CB"])),
			"base64url": "Basic " + base64.URLEncoding.EncodeToString([]byte(good+"\xfb\xff")), "space inside": "Basic " + spaced(encode([]byte(good))), "space before": "Basic  " + encode([]byte(good)), "space after": "Basic " + encode([]byte(good)) + " x", "pad missing": "Basic " + strings.TrimRight(encode([]byte(padded(good))), "="),
			"pad too long": "Basic " + encode([]byte(good)) + "=", "junk after pad": "Basic " + encode([]byte(padded(good))) + "x", "comma": "Basic " + encode([]byte(good)) + ", Basic x", "bits left over": "Basic " + leftover(encode([]byte(padded(good)))), "tab": "Basic\t" + encode([]byte(good)),
		} {
			if a := try(header); a.status != http.StatusUnauthorized {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
	})

	all.rule(t, "CA-03 a client authenticates in one way", func(t *testing.T, s *site) {
		assertion := url.Values{"client_assertion": {"x.y.z"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
		for _, endpoint := range endpoints {
			header := []string{"Authorization", basic("CB", s.secret["CB"])}
			wantError(t, s.postBody(endpoint, both(url.Values{"client_secret": {s.secret["CB"]}}), header...), "invalid_request")
			wantError(t, s.postBody(endpoint, both(url.Values{"client_id": {"CB"}, "client_secret": {s.secret["CB"]}}), header...), "invalid_request")
			wantError(t, s.postBody(endpoint, both(assertion), header...), "invalid_request")
			wantError(t, s.postBody(endpoint, both(assertion, url.Values{"client_id": {"CP"}, "client_secret": {s.secret["CP"]}})), "invalid_request")
			wantError(t, s.postBody(endpoint, both(url.Values{"client_id": {"CX"}}), header...), "invalid_request")
			r := s.request(endpoint, "CB", url.Values{"grant_type": {"client_credentials"}, "token": {"x"}})
			r.Header.Add("Authorization", r.Header.Get("Authorization"))
			wantError(t, s.do(r), "invalid_request")
			if a := s.postBody(endpoint, both(url.Values{"client_id": {"CB"}}), header...); a.status != http.StatusOK { // the same twice is no contradiction
				t.Errorf("%s: %d %s", endpoint, a.status, a.body)
			}
		}
		wantUnauthorized(t, s.postBody("/token", both(assertion, url.Values{"client_id": {"CB"}})))
	})

	all.rule(t, "CA-04 only the registered method counts, and a confidential client always authenticates", func(t *testing.T, s *site) {
		token, codeOf := s.grant("CB", "read").text(t, "refresh_token"), s.code("CB", nil)
		requests := map[string]url.Values{
			"/token refresh": {"grant_type": {"refresh_token"}, "refresh_token": {token}}, "/token code": {"grant_type": {"authorization_code"}, "code": codeOf.Query()["code"], "code_verifier": {verifier}}, "/token client": {"grant_type": {"client_credentials"}},
			"/token device": {"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {"x"}}, "/revoke": {"token": {token}}, "/introspect": {"token": {token}},
		}
		for name, form := range requests {
			endpoint, _, _ := strings.Cut(name, " ")
			for _, proof := range []url.Values{{"client_id": {"CB"}}, {"client_id": {"CB"}, "client_secret": {s.secret["CB"]}}, {"client_id": {"CP"}}, {"client_id": {"TR"}}} {
				body := url.Values{}
				wantUnauthorized(t, s.postBody(endpoint, changed(changed(body, form), proof).Encode()))
			}
			wantUnauthorized(t, s.postBody(endpoint, form.Encode(), "Authorization", basic("CP", s.secret["CP"])))
			wantUnauthorized(t, s.postBody(endpoint, form.Encode(), "Authorization", "Bearer "+s.secret["CB"]))
		}
		wantOK(t, s.refresh("CB", token))
		wantOK(t, s.exchange("CB", codeOf, nil))
	})

	all.rule(t, "CA-05 a secret proves nothing for a public client", func(t *testing.T, s *site) {
		token := s.grant("PN", "openid read").text(t, "refresh_token")
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
		a := s.postBody("/token", changed(form, url.Values{"client_id": {"PN"}, "client_secret": {"made up"}}).Encode())
		wantOK(t, a)
		form.Set("refresh_token", a.text(t, "refresh_token"))
		wantOK(t, s.postBody("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}.Encode(), "Authorization", basic("PN", "made up")))
		wantUnauthorized(t, s.postBody("/introspect", url.Values{"client_id": {"PN"}, "client_secret": {"made up"}, "token": {a.text(t, "access_token")}}.Encode()))
		wantError(t, s.postBody("/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"PN"}, "client_secret": {"made up"}}.Encode()), "unauthorized_client")
		wantError(t, s.post("/token", "PW", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {form.Get("refresh_token")}}), "invalid_grant")
		wantOK(t, s.refresh("PN", form.Get("refresh_token")))
	})
	secretRules(t)
}

// padded makes a text whose base64 ends with padding.
func padded(s string) string {
	for len(s)%3 != 1 {
		s += "x"
	}
	return s
}

func spaced(s string) string { return s[:4] + " " + s[4:] }

// leftover changes the bits of the last character that no byte has.
func leftover(s string) string {
	trimmed := strings.TrimRight(s, "=")
	return trimmed[:len(trimmed)-1] + string(trimmed[len(trimmed)-1]+1) + s[len(trimmed):]
}

func secretRules(t *testing.T) {
	alone(t, "CA-06 the old secret lives for a day after a rotation, and no secret is stored", func(t *testing.T, s *site) {
		old := s.secret["CB"]
		_, fresh, err := oauth.RotateClientSecret(context.Background(), s.db, "CB", oauth.SecretRotation{Overlap: oauth.SecretOverlap}, s.clock.Wall(), by)
		if err != nil {
			t.Fatal(err)
		}
		use := func(secret string) answer {
			return s.postBody("/token", "grant_type=client_credentials", "Authorization", basic("CB", secret))
		}
		for _, secret := range []string{old, fresh} {
			if random, ok := strings.CutPrefix(secret, "rgs1_"); !ok || len(random) < 43 { // 256 bits
				t.Errorf("a secret has %d characters", len(secret))
			}
			wantOK(t, use(secret))
		}
		s.pass(25 * time.Hour)
		wantUnauthorized(t, use(old))
		wantOK(t, use(fresh))
		for _, suffix := range []string{"", "-wal"} {
			b, err := os.ReadFile(s.path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{old, fresh} {
				if bytes.Contains(b, []byte(secret)) || bytes.Contains(b, []byte(strings.TrimPrefix(secret, "rgs1_"))) {
					t.Errorf("a secret stands in the database%s", suffix)
				}
			}
		}
		if strings.Contains(s.log.String(), old) || strings.Contains(s.log.String(), fresh) {
			t.Error("a secret stands in the log")
		}
		_, last, err := oauth.RotateClientSecret(context.Background(), s.db, "CB", oauth.SecretRotation{Leaked: true}, s.clock.Wall(), by) // it leaked
		if err != nil {
			t.Fatal(err)
		}
		wantUnauthorized(t, use(fresh))
		wantOK(t, use(last))
	})

	proxy := siteOptions{config: func(c *web.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} }}
	alone(t, "CA-07 guesses at a secret are throttled, and the good client elsewhere is not", func(t *testing.T, s *site) {
		try := func(client, secret, from string) answer {
			return s.postBody("/token", "grant_type=client_credentials", "Authorization", basic(client, secret), "X-Forwarded-For", from)
		}
		tries, throttled := 1000, 0
		if testing.Short() {
			tries = 300
		}
		for range tries {
			if a := try("CB", "wrong", "203.0.113.1"); a.status == http.StatusTooManyRequests {
				throttled++
				if a.header.Get("Retry-After") == "" {
					t.Fatal("429 without Retry-After")
				}
				wantErrorStatus(t, a, http.StatusTooManyRequests, "temporarily_unavailable")
			} else {
				wantUnauthorized(t, a)
			}
		}
		if throttled < tries-130 { // two windows at most
			t.Errorf("%d of %d guesses were throttled", throttled, tries)
		}
		wantOK(t, try("CB", s.secret["CB"], "203.0.113.2"))
		wantUnauthorized(t, try("CX", "wrong", "203.0.113.1"))
	}, proxy)

	alone(t, "CA-08 client ids are case-sensitive and never look like a person", func(t *testing.T, s *site) {
		wantUnauthorized(t, s.postBody("/token", "grant_type=client_credentials", "Authorization", basic("cb", s.secret["CB"])))
		for _, id := range []string{s.person["U1"].ID, strings.ToUpper(s.person["U1"].ID), "https://app.test/client", "with space", "ümlaut", `quo"te`, `back\slash`, "", strings.Repeat("x", 101)} {
			c := oauth.Client{ID: id, Name: "Disguised", AuthMethod: oauth.AuthBasic, GrantTypes: []string{oauth.GrantClientCredentials}}
			var e *oauth.Error
			if _, err := oauth.RegisterClient(context.Background(), s.db, &c, s.clock.Wall(), by); id != "" && (!errors.As(err, &e) || e.Code != oauth.InvalidClientMetadata) {
				t.Errorf("%q was registered: %v", id, err)
			}
		}
		a := s.post("/token", "CB", url.Values{"grant_type": {"client_credentials"}})
		if claims := s.verified(a.text(t, "access_token")); claims["sub"] != "CB" || claims["client_id"] != "CB" || claims["grant_id"] != nil {
			t.Errorf("claims: %v", claims)
		}
		wantBearer(t, s.userinfo(a.text(t, "access_token")), http.StatusForbidden, "insufficient_scope")
	})
}
