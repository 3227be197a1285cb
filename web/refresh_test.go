package web_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// requirementsRT proves the refresh grant: its rows, every transition of part 2.3, and the attacks of part 2.4.
func requirementsRT(t *testing.T) {
	s := newSite(t)
	rule := func(name string, check func(t *testing.T, s *site)) {
		t.Helper()
		t.Run(name, func(t *testing.T) { check(t, s.in(t)) })
	}
	wireRules(rule)
	useRules(rule)
	refusalRules(rule)
	endRules(rule)
	keyRules(rule)
	attackRules(rule)
	clockRules(t)
	restartRules(t)
	faultRules(t)
	faultLogRules(t)
	raceRules(t)
}

type ruleFunc func(name string, check func(t *testing.T, s *site))

// wireRules are the rows RT of the checklist.
func wireRules(rule ruleFunc) {
	rule("RT-01 a refresh gives new tokens, and the old one is dead after grace", func(t *testing.T, s *site) {
		f := s.family()
		a := f.use(0)
		wantOK(t, a)
		if a.header.Get("Pragma") != "no-cache" {
			t.Error("no Pragma: no-cache")
		}
		if f.tokens[1] == f.tokens[0] || f.access[1] == f.access[0] || a.text(t, "token_type") != "Bearer" {
			t.Error("the tokens are not new")
		}
		f.alive()
		s.pass(11 * time.Second)
		wantError(t, f.use(0), "invalid_grant")
	})
	rule("RT-02 the client authenticates first, exactly as registered", func(t *testing.T, s *site) {
		f := s.family()
		before := f.row()
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {f.tokens[0]}}
		inBody := fieldsOf(form, url.Values{"client_id": {f.client}, "client_secret": {s.secret[f.client]}})
		wantUnauthorized(t, s.post("/token", "", inBody))
		wantUnauthorized(t, s.post("/token", "", fieldsOf(form, url.Values{"client_id": {f.client}})))
		wantUnauthorized(t, s.post("/token", "", fieldsOf(form, url.Values{"client_id": {"nobody"}, "refresh_token": {"garbage"}})))
		s.secret[f.client] += "x"
		wantUnauthorized(t, f.use(0))
		wantUnauthorized(t, f.present(f.client, "garbage"))
		s.secret[f.client] = strings.TrimSuffix(s.secret[f.client], "x")
		f.unchanged(before)
		wantOK(t, f.use(0))
	})
	rule("RT-03 another client's token is refused, kept and reported", func(t *testing.T, s *site) {
		f := s.rotated()
		before := f.row()
		for _, token := range f.tokens {
			wantError(t, f.present("CX", token), "invalid_grant")
		}
		f.unchanged(before)
		if e := f.onlyEvent(audit.TokenMismatch); e.ClientID != "CX" || e.ActorID != "CX" {
			t.Errorf("%+v", e)
		}
		f.alive()
		wantOK(t, f.use(1))
	})
	rule("RT-04 a narrower scope narrows the access token and never the refresh token", func(t *testing.T, s *site) {
		f := s.family()
		a := f.use(0, url.Values{"scope": {"read"}})
		wantOK(t, a)
		if got := a.text(t, "scope"); got != "read" {
			t.Errorf("scope is %q", got)
		}
		if got := s.introspect("RS", f.access[1])["scope"]; got != "read" {
			t.Errorf("the access token has %q", got)
		}
		if a.text(t, "id_token") != "" {
			t.Error("an ID token without openid")
		}
		if got := f.use(1).text(t, "scope"); got != "openid read write offline_access" {
			t.Errorf("without scope the next refresh gives %q", got)
		}
		if m := f.moments(); len(m) != 1 || m[0] != (moment{"narrowed", "read"}) {
			t.Errorf("moments: %v", m)
		}
	})
	rule("RT-05 a wider scope is refused and consumes nothing", func(t *testing.T, s *site) {
		f := s.family()
		before := f.row()
		for _, scope := range []string{"email", "read email", "openid read write offline_access list", "nonsense"} {
			wantError(t, f.use(0, url.Values{"scope": {scope}}), "invalid_scope")
		}
		f.unchanged(before)
		f.alive()
		wantOK(t, f.use(0))
	})
	rule("RT-06 scopes are a set", func(t *testing.T, s *site) {
		f := s.family()
		a := f.use(0, url.Values{"scope": {"write read write openid write"}})
		wantOK(t, a)
		if got := a.text(t, "scope"); got != "openid read write" && got != "write read openid" {
			t.Errorf("scope is %q", got)
		}
	})
	rule("RT-07 S16 nothing but the token itself is accepted", func(t *testing.T, s *site) {
		f := s.family()
		before := f.row()
		token := f.tokens[0]
		wrong := []string{"x", "rgr1_", token + "0", token + token, " " + token, token + " ", strings.ToUpper(token), strings.ToLower(token),
			strings.TrimPrefix(token, "rgr1_"), f.access[0], f.first.text(t, "id_token"), s.secret[f.client], "rgc1_" + token[5:], "rga1_" + token[5:]}
		for n := 1; n < len(token); n++ {
			wrong = append(wrong, token[:n])
		}
		for i := range len(token) {
			c := byte('0')
			if token[i] == c {
				c = '1'
			}
			wrong = append(wrong, token[:i]+string(c)+token[i+1:])
		}
		text := ""
		for _, w := range wrong {
			a := f.present(f.client, w)
			wantError(t, a, "invalid_grant")
			if text == "" {
				text = a.body
			}
			if a.body != text {
				t.Fatalf("%q is told apart: %s", w, a.body)
			}
		}
		f.unchanged(before)
		if m := f.moments(); len(m) != 0 {
			t.Errorf("moments: %v", m)
		}
		wantOK(t, f.use(0))
	})
	rule("RT-08 any error leaves the token usable", func(t *testing.T, s *site) {
		f := s.family()
		before := f.row()
		random := rand.New(rand.NewPCG(8, 8))
		errors := []func() answer{
			func() answer { return f.use(0, url.Values{"scope": {"email"}}) },
			func() answer { return f.use(0, url.Values{"scope": {"\x7f"}}) },
			func() answer { return f.use(0, url.Values{"resource": {"https://nowhere.test/"}}) },
			func() answer { return f.use(0, url.Values{"resource": {"not a URI"}}) },
			func() answer { return f.present("CX", f.tokens[0]) },
			func() answer { return f.use(0, url.Values{"grant_type": {"password"}}) },
			func() answer { return f.use(0, url.Values{"refresh_token": {f.tokens[0], f.tokens[0]}}) },
			func() answer { return f.use(0, url.Values{"refresh_token": {""}}) },
		}
		for range scaled(1000) {
			if a := errors[random.IntN(len(errors))](); a.status != http.StatusBadRequest {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
		}
		f.unchanged(before)
		f.alive()
		wantOK(t, f.use(0))
	})
	rule("RT-09 reuse after grace ends the grant and its access tokens", func(t *testing.T, s *site) {
		f := s.rotated()
		s.pass(11 * time.Second)
		wantError(t, f.use(0), "invalid_grant")
		wantError(t, f.use(1), "invalid_grant")
		f.revoked(oauth.RevokedReuse)
	})
	rule("RT-10 the one before the previous is never accepted, even inside the window", func(t *testing.T, s *site) {
		f := s.rotated()
		wantOK(t, f.use(1))
		wantError(t, f.use(0), "invalid_grant")
		f.revoked(oauth.RevokedReuse)
	})
	rule("RT-10 with multi-process it is refused, reported, and nothing ends", func(t *testing.T, s *site) {
		f := s.rotated(multiProcess)
		wantOK(t, f.use(1))
		before := f.row()
		wantError(t, f.use(0), "invalid_grant")
		f.unchanged(before)
		f.onlyEvent(audit.TokenReuseReport)
		f.alive()
		wantOK(t, f.use(2))
	})
	rule("RT-10 with multi-process eight generations are forgiven, nine are not", func(t *testing.T, s *site) {
		f := s.family(multiProcess)
		for range 9 {
			wantOK(t, f.use(f.current()))
		}
		wantError(t, f.use(1), "invalid_grant")
		f.alive()
		wantError(t, f.use(0), "invalid_grant")
		f.revoked(oauth.RevokedReuse)
	})
	rule("RT-11 the window is 10 s by default, none for strict, 60 s at the most", func(t *testing.T, s *site) {
		f := s.rotated()
		s.pass(9 * time.Second)
		wantOK(t, f.use(0))
		g := s.rotated(strict)
		wantError(t, g.use(0), "invalid_grant")
		g.revoked(oauth.RevokedReuse)
		p, _ := oauth.PolicyOf(oauth.PresetStandard)
		if p.Grace = 61 * time.Second; p.Validate(oauth.AuthBasic, false) == nil {
			t.Error("a window of 61 s is allowed")
		}
	})
	rule("RT-13 rotation renews the idle lifetime and never the absolute one", func(t *testing.T, s *site) {
		f := s.family(func(c *oauth.Client) { c.Policy.Idle, c.Policy.Absolute = 20*24*time.Hour, 50*24*time.Hour })
		ends := f.row().AbsoluteDeadline
		for range 3 {
			s.pass(15 * 24 * time.Hour)
			wantOK(t, f.use(f.current()))
			row := f.row()
			if !row.IdleDeadline.Equal(s.at(20*24*time.Hour)) || !row.AbsoluteDeadline.Equal(ends) {
				t.Fatalf("idle until %v, absolute %v", row.IdleDeadline, row.AbsoluteDeadline)
			}
		}
		idle := f.row().IdleDeadline
		s.pass(5 * time.Second)
		wantOK(t, f.use(f.current()-1))
		if !f.row().IdleDeadline.Equal(idle) {
			t.Error("a replay renewed the idle lifetime")
		}
		s.pass(5*24*time.Hour - 6*time.Second)
		wantOK(t, f.use(f.current()))
		s.pass(time.Second)
		for i := range f.tokens {
			wantError(t, f.use(i), "invalid_grant")
		}
	})
	rule("RT-13 without rotation the idle lifetime is written once an hour", func(t *testing.T, s *site) {
		f := s.family(noRotation)
		before := f.row()
		s.pass(59 * time.Minute)
		a := f.use(0)
		wantOK(t, a)
		if a.text(t, "refresh_token") != f.tokens[0] {
			t.Error("the token has rotated")
		}
		f.unchanged(before)
		s.pass(time.Minute)
		wantOK(t, f.use(0))
		if row := f.row(); !row.IdleDeadline.Equal(s.at(30*24*time.Hour)) || row.Generation != 0 {
			t.Errorf("idle until %v", row.IdleDeadline)
		}
		for range 7 {
			s.pass(29 * 24 * time.Hour)
			if s.clock.Wall().Before(before.AbsoluteDeadline) {
				wantOK(t, f.use(0))
			}
		}
		wantError(t, f.use(0), "invalid_grant")
	})
	rule("RT-14 the ID token of a refresh is the one of the sign-in, newly issued", func(t *testing.T, s *site) {
		f := s.family()
		s.pass(2 * time.Second)
		first, second := jwtPart(t, f.first.text(t, "id_token"), 1), jwtPart(t, f.use(0).text(t, "id_token"), 1)
		for _, name := range []string{"iss", "sub", "aud", "auth_time", "azp", "acr"} {
			if fmt.Sprint(first[name]) != fmt.Sprint(second[name]) {
				t.Errorf("%s was %v and is %v", name, first[name], second[name])
			}
		}
		if second["iat"].(float64) <= first["iat"].(float64) || second["nonce"] != nil && second["nonce"] != first["nonce"] {
			t.Errorf("iat %v, nonce %v", second["iat"], second["nonce"])
		}
		if got, want := second["at_hash"], leftHalf(f.access[1]); got != want {
			t.Errorf("at_hash is %v, want %s", got, want)
		}
	})
	rule("RT-15 what the client may ask for now decides", func(t *testing.T, s *site) {
		f := s.family()
		s.change(f.client, func(c *oauth.Client) { c.Policy.ScopesOnRefresh = oauth.Scope{"openid", "read"} })
		if got := f.use(0).text(t, "scope"); got != "openid read" {
			t.Errorf("scope is %q", got)
		}
		wantError(t, f.use(1, url.Values{"scope": {"write"}}), "invalid_scope")
	})
	rule("RT-16 a refresh token is opaque ASCII with a prefix, and nothing but a refresh token", func(t *testing.T, s *site) {
		f := s.family()
		token := f.tokens[0]
		if !strings.HasPrefix(token, "rgr1_") || len(token) > 255 || strings.Trim(token[5:], base62Digits) != "" {
			t.Errorf("%q", token)
		}
		r, _ := http.NewRequest("GET", s.issuer+"/userinfo", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		wantBearer(t, s.do(r), http.StatusUnauthorized, "invalid_token")
		form := url.Values{"grant_type": {"refresh_token"}}
		wantError(t, s.post("/token?refresh_token="+token, f.client, form), "invalid_request")
		wantOK(t, f.use(0))
	})
	rule("RT-18 generations are counted, not timed", func(t *testing.T, s *site) {
		for _, old := range []int{0, 1} {
			f := s.rotated()
			for range 2 {
				wantOK(t, f.use(f.current()))
			}
			wantError(t, f.use(old), "invalid_grant")
			f.revoked(oauth.RevokedReuse)
		}
	})
	rule("RT-20 a resource on refresh is one that was granted", func(t *testing.T, s *site) {
		f := s.family()
		before := f.row()
		wantError(t, f.use(0, url.Values{"resource": {"https://other.test/v1"}}), "invalid_target")
		f.unchanged(before)
		wantOK(t, f.use(0, url.Values{"resource": {"https://api.test/"}}))
	})
}

const base62Digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// scaled is how often something is done: a tenth with -short.
func scaled(n int) int {
	if testing.Short() {
		return max(n/10, 1)
	}
	return n
}
