package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/app/settings"
	"regrant/web/outbound"
)

// rules sets the rules of registration, as the page for admins does.
func (s *site) rules(change func(*oauth.RegistrationRules)) {
	s.t.Helper()
	ctx := context.Background()
	now, err := s.db.SiteSettings(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	change(&now.Registration)
	if _, err := settings.Save(ctx, s.db, now, settings.LogoChange{}, s.clock.Wall(), by); err != nil {
		s.t.Fatal(err)
	}
	if err := s.engine.Reload(ctx); err != nil {
		s.t.Fatal(err)
	}
}

func openRegistration(r *oauth.RegistrationRules) {
	r.Mode, r.PerAddress, r.Total = oauth.RegistrationOpen, oauth.MaxRegistrationsPerAddress, oauth.MaxRegisteredClients
}

// initialToken makes an initial access token for so many registrations in an hour.
func (s *site) initialToken(uses int) string {
	s.t.Helper()
	_, secret, err := oauth.MakeInitialToken(context.Background(), s.db, "test", uses, time.Hour, s.clock.Wall(), by)
	if err != nil {
		s.t.Fatal(err)
	}
	return secret
}

// members are what a client says of itself.
type members map[string]any

// tell sends members to a path as JSON, with a bearer token where it is not "".
func (s *site) tell(method, path, token string, m members) answer {
	s.t.Helper()
	body := io.Reader(nil)
	if m != nil {
		b, err := json.Marshal(m)
		if err != nil {
			s.t.Fatal(err)
		}
		body = strings.NewReader(string(b))
	}
	r, err := http.NewRequest(method, s.issuer+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return s.do(r)
}

// enrolled registers a client and wants that to succeed: by the members of a native public client, changed by m.
func (s *site) enrolled(m members) answer {
	s.t.Helper()
	a := s.tell("POST", "/register", "", nativeClient(m))
	if a.status != http.StatusCreated {
		s.t.Fatalf("register: %d %s", a.status, a.body)
	}
	wantPrivateJSON(s.t, a)
	return a
}

func nativeClient(m members) members {
	all := members{
		"client_name": "Editor", "redirect_uris": []string{"http://localhost/cb"}, "token_endpoint_auth_method": "none",
		"grant_types": []string{"authorization_code", "refresh_token"}, "application_type": "native",
	}
	for name, value := range m {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return all
}

// stored gives a client as the database has it.
func (s *site) stored(id string) *oauth.Client {
	s.t.Helper()
	c, err := s.db.Client(context.Background(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// ofItself changes what a registered public client asks for, for [site.az].
func ofItself(a answer, t testing.TB, set url.Values) url.Values {
	q := url.Values{"client_id": {a.text(t, "client_id")}, "redirect_uri": {"http://localhost:49152/cb"}, "scope": {"openid"}}
	return changed(q, set)
}

// publicly makes a grant of U1 for a registered public client and gives the token response.
func (s *site) publicly(a answer) answer {
	s.t.Helper()
	callback := s.browser().walk(s.az("", ofItself(a, s.t, nil)), "U1")
	return s.post("/token", "", url.Values{
		"client_id": {a.text(s.t, "client_id")}, "grant_type": {"authorization_code"}, "code": {callback.Query().Get("code")}, "redirect_uri": {"http://localhost:49152/cb"}, "code_verifier": {verifier},
	})
}

func (s *site) publicRefresh(a, tokens answer) answer {
	s.t.Helper()
	return s.post("/token", "", url.Values{"client_id": {a.text(s.t, "client_id")}, "grant_type": {"refresh_token"}, "refresh_token": {tokens.text(s.t, "refresh_token")}})
}

func requirementsDCR(t *testing.T) {
	closed, all := newSites(t), newSites(t)
	for _, s := range all {
		s.rules(openRegistration)
	}
	registrationOffRules(t, closed)
	registrationRules(t, all)
	registrationPageRules(t, all)
	configurationRules(t, all)
	registrationFaultRules(t)
}

func registrationOffRules(t *testing.T, closed sites) {
	closed.rule(t, "DCR-01 it is off until an admin turns it on: nothing is there, and nothing is told of it", func(t *testing.T, s *site) {
		if value, listed := s.document()["registration_endpoint"]; listed {
			t.Errorf("the metadata lists %v", value)
		}
		for _, path := range []string{"/register", "/register/x"} {
			for _, method := range []string{"GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
				if a := s.tell(method, path, "rgi1_x", nativeClient(nil)); a.status != http.StatusNotFound || a.header.Get("Allow") != "" {
					t.Errorf("%s %s: %d, Allow %q", method, path, a.status, a.header.Get("Allow"))
				}
			}
		}
	})

	alone(t, "DCR-01 META-12 by initial access token: as often as it says, for as long as it says, and until it is revoked", func(t *testing.T, s *site) {
		s.rules(func(r *oauth.RegistrationRules) { r.Mode = oauth.RegistrationByToken })
		if got := s.document()["registration_endpoint"]; got != s.issuer+"/register" {
			t.Errorf("registration_endpoint is %v", got)
		}
		try := func(token string) answer { return s.tell("POST", "/register", token, nativeClient(nil)) }
		wantBearer(t, try(""), http.StatusUnauthorized, "")
		wantBearer(t, s.tell("POST", "/register", "", members{}), http.StatusUnauthorized, "") // whatever it says
		wantBearer(t, try("rgi1_unknown"), http.StatusUnauthorized, "invalid_token")
		twice := s.initialToken(2)
		for range 2 {
			if a := try(twice); a.status != http.StatusCreated {
				t.Fatalf("%d %s", a.status, a.body)
			}
		}
		wantBearer(t, try(twice), http.StatusUnauthorized, "invalid_token")
		wrong := s.initialToken(1)
		wantError(t, s.tell("POST", "/register", wrong, members{"redirect_uris": []string{}}), "invalid_redirect_uri") // uses nothing up
		s.clock.jump(time.Hour - time.Second)
		if a := try(wrong); a.status != http.StatusCreated {
			t.Errorf("in its last second: %d %s", a.status, a.body)
		}
		late := s.initialToken(1)
		s.clock.jump(time.Hour)
		wantBearer(t, try(late), http.StatusUnauthorized, "invalid_token")
		tokens, err := s.db.InitialTokens(t.Context())
		if err != nil || len(tokens) != 3 {
			t.Fatal(tokens, err)
		}
		gone := s.initialToken(1)
		tokens, _ = s.db.InitialTokens(t.Context())
		if err := oauth.EndInitialToken(t.Context(), s.db, &tokens[0], s.clock.Wall(), by); err != nil {
			t.Fatal(err)
		}
		wantBearer(t, try(gone), http.StatusUnauthorized, "invalid_token")
		if e := lastEventOf(t, s, audit.ClientRegistered); e.Actor != audit.ByClient || e.IP == "" || !strings.Contains(e.Detail, "initial_access_token=test") {
			t.Errorf("%+v", e)
		}
	})

	alone(t, "DCR-01 open: so many a day and address, and so many in all; a token lifts the first", func(t *testing.T, s *site) {
		s.rules(func(r *oauth.RegistrationRules) { r.Mode, r.PerAddress, r.Total = oauth.RegistrationOpen, 2, 4 })
		try := func(token string, status int) answer {
			t.Helper()
			a := s.tell("POST", "/register", token, nativeClient(nil))
			if a.status != status {
				t.Fatalf("%d, want %d: %s", a.status, status, a.body)
			}
			return a
		}
		first := try("", http.StatusCreated)
		// Who registers and leaves again has registered.
		if a := s.tell("DELETE", "/register/"+first.text(t, "client_id"), first.text(t, "registration_access_token"), nil); a.status != http.StatusNoContent {
			t.Fatal(a.status)
		}
		try("", http.StatusCreated)
		a := try("", http.StatusTooManyRequests)
		if wantErrorStatus(t, a, http.StatusTooManyRequests, "temporarily_unavailable"); a.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		token := s.initialToken(9)
		for range 3 {
			try(token, http.StatusCreated)
		}
		wantErrorStatus(t, try(token, http.StatusTooManyRequests), http.StatusTooManyRequests, "temporarily_unavailable") // there are four
		s.rules(func(r *oauth.RegistrationRules) { r.Total = 9 })
		s.clock.jump(24*time.Hour + time.Second)
		try("", http.StatusCreated)
	})

	alone(t, "DCR-01 who is not used goes, and who is used stays", func(t *testing.T, s *site) {
		s.rules(func(r *oauth.RegistrationRules) { openRegistration(r); r.Unused = 10 * 24 * time.Hour })
		unused, used, refreshed := s.enrolled(nil), s.enrolled(members{"grant_types": []string{"authorization_code"}}), s.enrolled(nil)
		tokens := s.publicly(refreshed)
		wantOK(t, tokens)
		there := func(a answer) bool {
			_, err := s.db.Client(t.Context(), a.text(t, "client_id"))
			return err == nil
		}
		sweep := func() {
			t.Helper()
			for range 3 {
				if err := s.engine.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.clock.jump(9 * 24 * time.Hour)
		wantOK(t, s.publicly(used)) // its grant ends in ten minutes
		tokens = s.publicRefresh(refreshed, tokens)
		wantOK(t, tokens)
		if sweep(); !there(unused) {
			t.Fatal("it went before its time")
		}
		s.clock.jump(24 * time.Hour)
		if sweep(); there(unused) || !there(used) || !there(refreshed) {
			t.Fatalf("unused %v, used %v, refreshed %v", there(unused), there(used), there(refreshed))
		}
		if e := lastEventOf(t, s, audit.ClientExpired); e.ClientID != unused.text(t, "client_id") || e.Actor != audit.ByServer || !strings.Contains(e.Detail, "Editor") {
			t.Errorf("%+v", e)
		}
		s.clock.jump(9 * 24 * time.Hour)
		if sweep(); there(used) || !there(refreshed) {
			t.Fatalf("ten days after its sign-in: used %v, refreshed %v", there(used), there(refreshed))
		}
		s.clock.jump(15 * 24 * time.Hour) // its grant is open for 30 days after the last use
		if sweep(); !there(refreshed) {
			t.Error("one whose sign-in is open went")
		}
		wantOK(t, s.publicRefresh(refreshed, tokens))
		s.rules(func(r *oauth.RegistrationRules) { r.Mode = oauth.RegistrationOff })
		s.clock.jump(60 * 24 * time.Hour)
		if sweep(); there(refreshed) {
			t.Error("nobody has used it for two months")
		}
		for _, id := range []string{"CB", "PN", "CX"} { // that an admin registered
			s.stored(id)
		}
	})
}

func registrationRules(t *testing.T, all sites) {
	all.rule(t, "DCR-02 the answer says all that was registered, and a secret that works", func(t *testing.T, s *site) {
		asked := members{
			"client_name": "Notes – für alle", "redirect_uris": []string{"https://notes.test/cb", "https://notes.test/cb2?x=1"}, "application_type": "web",
			"token_endpoint_auth_method": "client_secret_post", "grant_types": []string{"refresh_token", "authorization_code"}, "response_types": []string{"code"}, "scope": "openid email",
			"client_uri": "https://notes.test/", "logo_uri": "https://notes.test/logo.png", "policy_uri": "https://notes.test/privacy", "tos_uri": "https://notes.test/terms",
			"contacts": []string{"ops@notes.test"}, "software_id": "notes", "software_version": "1.2", "subject_type": "public", "id_token_signed_response_alg": "ES256",
			"post_logout_redirect_uris": []string{"https://notes.test/bye"}, "backchannel_logout_uri": "https://notes.test/out", "backchannel_logout_session_required": true,
			"dpop_bound_access_tokens": false, "require_pushed_authorization_requests": false, "initiate_login_uri": nil, "jwks": nil,
		}
		a := s.enrolled(asked)
		var got map[string]any
		if err := json.Unmarshal([]byte(a.body), &got); err != nil {
			t.Fatal(err)
		}
		asked["grant_types"] = []string{"authorization_code", "refresh_token"}
		for name, want := range asked {
			if fmt.Sprint(got[name]) != fmt.Sprint(want) {
				t.Errorf("%s is %v, want %v", name, got[name], want)
			}
		}
		id := a.text(t, "client_id")
		if expires, there := got["client_secret_expires_at"]; !there || expires != 0.0 {
			t.Errorf("client_secret_expires_at is %v", expires)
		}
		if issued, _ := got["client_id_issued_at"].(float64); int64(issued) != s.clock.Wall().Unix() {
			t.Errorf("client_id_issued_at is %v", got["client_id_issued_at"])
		}
		if got["registration_client_uri"] != s.issuer+"/register/"+id || strings.Contains(id, ":") {
			t.Errorf("%v", got["registration_client_uri"])
		}
		callback := s.browser().walk(s.az("", url.Values{"client_id": {id}, "redirect_uri": {"https://notes.test/cb"}, "scope": {"openid email"}}), "U1")
		wantOK(t, s.post("/token", "", url.Values{
			"client_id": {id}, "client_secret": {a.text(t, "client_secret")}, "grant_type": {"authorization_code"}, "code": {callback.Query().Get("code")}, "redirect_uri": {"https://notes.test/cb"}, "code_verifier": {verifier},
		}))
		c := s.stored(id)
		for _, secret := range []string{a.text(t, "client_secret"), a.text(t, "registration_access_token")} {
			if strings.Contains(string(c.RegistrationHash)+string(c.Secret.Hash), secret) || strings.Contains(s.log.String(), secret) {
				t.Error("a secret is kept as it is")
			}
		}
	})

	all.rule(t, "DCR-02 what a client leaves out has the defaults of RFC 7591, and a public client no secret", func(t *testing.T, s *site) {
		a := s.tell("POST", "/register", "", members{"redirect_uris": []string{"https://plain.test/cb"}})
		for member, want := range map[string]string{"token_endpoint_auth_method": "client_secret_basic", "client_name": "plain.test", "grant_types": "[authorization_code]", "response_types": "[code]", "id_token_signed_response_alg": "RS256"} {
			if got := fmt.Sprint(a.json(t, member)); got != want {
				t.Errorf("%s is %v, want %s", member, got, want)
			}
		}
		public := s.enrolled(nil)
		if public.json(t, "client_secret") != nil || public.json(t, "client_secret_expires_at") != nil {
			t.Error(public.body)
		}
	})

	all.rule(t, "DCR-03 redirect URIs that lead astray are refused by that name, and all else by the other", func(t *testing.T, s *site) {
		many := make([]string, 200)
		for i := range many {
			many[i] = fmt.Sprintf("https://many.test/%d", i)
		}
		for _, uris := range [][]string{
			{"javascript:alert(1)"}, {"http://evil"}, {"http://evil.test/cb"}, {"https://a.test/cb#f"}, {"https://*.a.test/cb"}, {"https://u:p@a.test/cb"}, {"data:text/html,x"}, {"app:/cb"},
			{"https://good.test/cb", "http://10.0.0.1/cb"}, {"https://a.test/cb?code=x"}, {"/cb"}, {""}, {}, many,
		} {
			wantError(t, s.tell("POST", "/register", "", members{"redirect_uris": uris, "application_type": "native"}), "invalid_redirect_uri")
		}
		wantError(t, s.tell("POST", "/register", "", members{}), "invalid_redirect_uri")
		wantError(t, s.tell("POST", "/register", "", nativeClient(members{"post_logout_redirect_uris": []string{"javascript:x"}})), "invalid_redirect_uri")
		for name, values := range map[string][]any{
			"redirect_uris": {"https://a.test/cb", []any{1}, map[string]any{}}, "token_endpoint_auth_method": {"client_secret_jwt", "tls_client_auth", 7, "private_key_jwt"},
			"grant_types": {[]string{"client_credentials"}, []string{"password"}, []string{}, "authorization_code"}, "response_types": {[]string{"token"}, []string{"id_token"}}, "scope": {`"`, []string{"openid"}, "nope"},
			"client_name": {strings.Repeat("x", 201), "a\nb", "a\u202eb", 7}, "application_type": {"desktop"}, "subject_type": {"pairwise"}, "id_token_signed_response_alg": {"none", "HS256", "ES512"},
			"contacts": {[]string{strings.Repeat("x", 300)}, slices.Repeat([]string{"a@b.test"}, 11)}, "software_id": {"a\nb"}, "dpop_bound_access_tokens": {"yes"},
			"client_uri": {"http://a.test/", "javascript:alert(1)", "https://u@a.test/", "https://a.test/#x", "/x"}, "logo_uri": {"http://a.test/x", "data:image/png;base64,x"}, "policy_uri": {"javascript:alert(1)"}, "tos_uri": {"file:///etc/passwd"},
			"jwks_uri": {"http://a.test/jwks", "https:///x"}, "sector_identifier_uri": {"http://a.test/sector"}, "backchannel_logout_uri": {"http://a.test/out"}, "initiate_login_uri": {"http://a.test/go"},
		} {
			for _, value := range values {
				wantError(t, s.tell("POST", "/register", "", nativeClient(members{name: value})), "invalid_client_metadata")
			}
		}
		for body, status := range map[string]int{
			"": 400, "[]": 400, "null": 400, "{": 400, `{"a":1}{}`: 400, `{"redirect_uris":["https://a.test/cb"],"redirect_uris":["https://b.test/cb"]}`: 400, "{\"client_name\":\"\xff\"}": 400, `{"a":"` + strings.Repeat("x", 64<<10) + `"}`: 413,
		} {
			wantErrorStatus(t, s.postBody("/register", body, "Content-Type", "application/json"), status, "invalid_client_metadata")
		}
		wantErrorStatus(t, s.postBody("/register", "redirect_uris=x"), http.StatusUnsupportedMediaType, "invalid_client_metadata")
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if a := s.tell(method, "/register", "", nil); a.status != http.StatusMethodNotAllowed || !strings.Contains(a.header.Get("Allow"), "POST") {
				t.Errorf("%s: %d", method, a.status)
			}
		}
	})

	all.rule(t, "DCR-03 what this server does not know is ignored, and null is as if it were not there", func(t *testing.T, s *site) {
		a := s.enrolled(members{"x_unknown": map[string]any{"a": []int{1}}, "software_statement": "a.b.c", "request_uris": []string{"https://a.test/r"}, "frontchannel_logout_uri": "https://a.test/f", "REDIRECT_URIS": []string{"https://evil.test/cb"}, "scope": json.RawMessage("null"), "trusted": true})
		for _, name := range []string{"x_unknown", "software_statement", "request_uris", "frontchannel_logout_uri", "trusted"} {
			if a.json(t, name) != nil {
				t.Errorf("%s is told: %s", name, a.body)
			}
		}
		if c := s.stored(a.text(t, "client_id")); !slices.Equal(c.RedirectURIs, []string{"http://localhost/cb"}) {
			t.Errorf("%v", c.RedirectURIs)
		}
	})

	all.rule(t, "DCR-04 a client gets no scope, grant or trust beyond the rules, whatever it says", func(t *testing.T, s *site) {
		a := s.enrolled(members{
			"scope": "openid read write offline_access", "grant_types": []string{"client_credentials", "urn:ietf:params:oauth:grant-type:device_code", "authorization_code", "refresh_token", "implicit"},
			"trusted": true, "pkce": false, "client_id": "CB", "client_secret": "chosen", "policy": "standard",
		})
		id := a.text(t, "client_id")
		c := s.stored(id)
		if a.text(t, "scope") != "openid offline_access" || c.Scope.String() != "openid offline_access" || !slices.Equal(c.GrantTypes, []string{"authorization_code", "refresh_token"}) {
			t.Errorf("%s: %v %v", a.text(t, "scope"), c.Scope, c.GrantTypes)
		}
		if c.Trusted || c.PKCEWaived || id == "CB" || !c.Unverified() || c.Policy.Preset != oauth.PresetMultiProcess || c.Policy.StaleGenerations == 0 || c.Policy.RotationOff {
			t.Errorf("%+v", c)
		}
		callback := s.browser().walk(s.az("", ofItself(a, t, url.Values{"scope": {"openid read"}})), "U1")
		tokens := s.post("/token", "", url.Values{
			"client_id": {id}, "grant_type": {"authorization_code"}, "code": {callback.Query().Get("code")}, "redirect_uri": {"http://localhost:49152/cb"}, "code_verifier": {verifier},
		})
		if tokens.text(t, "scope") != "openid" {
			t.Errorf("it asked for more and got %s", tokens.body)
		}
		_, err := oauth.ChangeClient(t.Context(), s.db, id, func(c *oauth.Client) error { c.Trusted = true; return nil }, s.clock.Wall(), by)
		if oauth.AsError(err).Code != oauth.InvalidClientMetadata {
			t.Errorf("an admin can trust it: %v", err)
		}
		wantError(t, s.tell("POST", "/register", "", nativeClient(members{"scope": "read write"})), "invalid_client_metadata")
	})

	alone(t, "DCR-04 an admin decides which scopes they may ask for", func(t *testing.T, s *site) {
		s.rules(func(r *oauth.RegistrationRules) { openRegistration(r); r.Scope = oauth.Scope{"openid", "read", "gone"} })
		if got := s.enrolled(nil).text(t, "scope"); got != "openid read" {
			t.Errorf("without a wish: %q", got)
		}
		if got := s.enrolled(members{"scope": "read email"}).text(t, "scope"); got != "read" {
			t.Errorf("%q", got)
		}
	})

	t.Run("DCR-04 addresses that a client names are called by nobody but with care", func(t *testing.T) {
		t.Parallel()
		inside := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Errorf("%s was called", r.URL) }))
		t.Cleanup(inside.Close)
		calls := outbound.New(outbound.Options{})
		var asked []string
		s := newSite(t, siteOptions{engine: func(c *oauth.Config) {
			c.Fetch = func(ctx context.Context, address string) ([]byte, error) {
				if asked = append(asked, address); address == "https://sector.test/list" {
					return []byte(`["https://a.test/cb", "https://b.test/cb"]`), nil
				}
				response, err := calls.Do(ctx, outbound.Request{URL: address})
				if err != nil {
					return nil, err
				}
				return response.Body, nil
			}
		}})
		s.rules(openRegistration)
		es256 := testKeys()["ES256"]
		a := s.enrolled(members{
			"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": inside.URL + "/jwks", "logo_uri": inside.URL + "/logo", "client_uri": inside.URL, "policy_uri": inside.URL, "tos_uri": inside.URL,
			"backchannel_logout_uri": inside.URL + "/out",
		})
		if len(asked) != 0 {
			t.Errorf("called: %s", asked)
		}
		raw := sign(t, es256, s.assertionClaims(a.text(t, "client_id")))
		if got := s.postBody("/token", proven(raw, url.Values{"grant_type": {"authorization_code"}, "code": {"x"}})); got.status == http.StatusOK || len(asked) != 1 {
			t.Errorf("%d, called: %s", got.status, asked)
		}
		sector := func(uri string, redirects ...string) answer {
			return s.tell("POST", "/register", "", members{"redirect_uris": redirects, "sector_identifier_uri": uri})
		}
		if got := sector("https://sector.test/list", "https://a.test/cb"); got.status != http.StatusCreated {
			t.Errorf("%d %s", got.status, got.body)
		}
		wantError(t, sector("https://sector.test/list", "https://a.test/cb", "https://c.test/cb"), "invalid_client_metadata")
		wantError(t, sector(inside.URL+"/list", "https://a.test/cb"), "invalid_client_metadata")
		for range 2 {
			sector(inside.URL+"/list", "https://a.test/cb")
		}
		wantErrorStatus(t, sector("https://sector.test/list", "https://a.test/cb"), http.StatusTooManyRequests, "temporarily_unavailable")
	})

	all.rule(t, "DCR-05 private and symmetric keys are refused, and so are keys in two places", func(t *testing.T, s *site) {
		const ec, private = `"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"`, `,"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"`
		set := func(keys ...string) json.RawMessage {
			return json.RawMessage(`{"keys":[{` + strings.Join(keys, "},{") + `}]}`)
		}
		for _, method := range []string{"private_key_jwt", "none", "client_secret_basic"} {
			for name, m := range map[string]members{
				"private": {"jwks": set(ec + private)}, "private beside": {"jwks": set(ec, ec+private)}, "symmetric": {"jwks": set(`"kty":"oct","k":"AAAA"`)}, "both": {"jwks": set(ec), "jwks_uri": "https://a.test/jwks"},
			} {
				m["token_endpoint_auth_method"] = method
				if a := s.tell("POST", "/register", "", nativeClient(m)); a.status != http.StatusBadRequest || a.text(t, "error") != "invalid_client_metadata" {
					t.Errorf("%s, %s: %d %s", method, name, a.status, a.body)
				}
			}
		}
		es256 := testKeys()["ES256"]
		a := s.enrolled(members{"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256", "jwks": json.RawMessage(jwkSet(t, es256))})
		raw := sign(t, es256, s.assertionClaims(a.text(t, "client_id")))
		wantError(t, s.postBody("/token", proven(raw, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}})), "invalid_grant") // past the authentication
		if a.json(t, "client_secret") != nil || a.json(t, "jwks") == nil {
			t.Error(a.body)
		}
		// Keys that a client of another method sends for other ends are left out.
		if a := s.enrolled(members{"jwks": set(ec)}); a.json(t, "jwks") != nil {
			t.Error(a.body)
		}
	})

	all.rule(t, "DCR-08 a web application is at an https site, a native one may be on the device, and who does not say is what its addresses say", func(t *testing.T, s *site) {
		for _, c := range []struct {
			kind string // of the application
			uri  string
			want string // the kind that is registered, or the error
		}{
			{"native", "http://localhost/cb", "native"}, {"native", "http://127.0.0.1:7777/cb", "native"}, {"native", "http://[::1]/cb", "native"}, {"native", "com.example.app:/cb", "native"}, {"native", "https://app.test/cb", "native"},
			{"web", "https://app.test/cb", "web"}, {"web", "http://localhost/cb", "invalid_redirect_uri"}, {"web", "https://localhost/cb", "invalid_redirect_uri"}, {"web", "https://127.0.0.1/cb", "invalid_redirect_uri"}, {"web", "com.example.app:/cb", "invalid_redirect_uri"},
			{"", "https://app.test/cb", "web"}, {"", "http://localhost:1/cb", "native"}, {"", "com.example.app:/cb", "native"},
		} {
			m := nativeClient(members{"application_type": nil, "redirect_uris": []string{c.uri}})
			if c.kind != "" {
				m["application_type"] = c.kind
			}
			a := s.tell("POST", "/register", "", m)
			if got := a.text(t, "application_type") + a.text(t, "error"); got != c.want {
				t.Errorf("%q at %s: %d %s, want %s", c.kind, c.uri, a.status, a.body, c.want)
			}
		}
	})
}

func registrationPageRules(t *testing.T, all sites) {
	all.rule(t, "DCR-06 whoever is asked learns that nobody has checked it, and where it leads; its words are no markup", func(t *testing.T, s *site) {
		const evil = `<img src=x onerror=alert(1)>`
		a := s.enrolled(members{
			"client_name": evil + `"'&`, "redirect_uris": []string{"https://claims.test:8443/cb"}, "token_endpoint_auth_method": "client_secret_post", "application_type": "web",
			"policy_uri": "https://claims.test/p?a=%22%3E%3Cscript%3E", "tos_uri": "https://terms.test/t", "client_uri": "https://home.test/'onclick=x", "contacts": []string{evil}, "software_id": evil,
		})
		id := a.text(t, "client_id")
		b, address := s.alice(), s.az("", url.Values{"client_id": {id}, "redirect_uri": {"https://claims.test:8443/cb"}, "scope": {"openid"}})
		for range 2 { // also when it was allowed before
			asked := b.get(address)
			wantConsent(t, s, asked)
			page := b.get(asked.header.Get("Location"))
			for _, want := range []string{"Not verified", "has checked this application", "<strong>claims.test:8443</strong>", "&lt;img src=x onerror=alert(1)&gt;", `href="https://terms.test/t"`, "noopener noreferrer"} {
				if !strings.Contains(page.body, want) {
					t.Errorf("the page lacks %q: %s", want, page.body)
				}
			}
			for _, never := range []string{"<img src=x", "<script>", `href="javascript`} {
				if strings.Contains(page.body, never) {
					t.Errorf("the page has %q", never)
				}
			}
			wantCode(t, s, address, b.decide(page, "allow"))
		}
		silent := s.az("", url.Values{"client_id": {id}, "redirect_uri": {"https://claims.test:8443/cb"}, "scope": {"openid"}, "prompt": {"none"}})
		wantRedirectError(t, s, silent, b.get(silent), "consent_required")

		adm := s.adminOnce()
		for _, path := range []string{"/admin/clients?source=dynamic&q=" + id, "/admin/clients/" + id, "/admin/clients/" + id + "/settings", "/admin/audit?client=" + id} {
			page := adm.get(path)
			if page.status != http.StatusOK || strings.Contains(page.body, "<img src=x") || !strings.Contains(page.body, "&lt;img src=x onerror=alert(1)&gt;") {
				t.Errorf("%s: %d", path, page.status)
			}
			if !strings.Contains(path, "audit") && !strings.Contains(page.body, "Not verified") {
				t.Errorf("%s does not say that it is not verified", path)
			}
		}
		if list := adm.get("/admin/clients?source=admin").body; strings.Contains(list, id) || !strings.Contains(list, "Client CB") {
			t.Error("the list of those that admins registered is another")
		}
		if list := adm.get("/admin/clients?source=dynamic").body; strings.Contains(list, "Client CB") {
			t.Error("the list of those that registered themselves has others")
		}
	})
}

// adminOnce signs the admin of a shared site in, whoever made them.
func (s *site) adminOnce() *adminBrowser {
	s.t.Helper()
	if p, err := s.people.Find(context.Background(), "root@example.com"); err == nil {
		s.person["ADM"] = p
	}
	return s.admin(s.t)
}

func configurationRules(t *testing.T, all sites) {
	// configure calls the configuration endpoint of the client in a.
	configure := func(s *site, method string, a answer, token string, m members) answer {
		s.t.Helper()
		return s.tell(method, strings.TrimPrefix(a.text(s.t, "registration_client_uri"), s.issuer), token, m)
	}
	own := func(a answer, t testing.TB) string { return a.text(t, "registration_access_token") }

	all.rule(t, "DCR-07 a registration access token opens its own client's registration, and no other", func(t *testing.T, s *site) {
		a, other := s.enrolled(nil), s.enrolled(nil)
		got := configure(s, "GET", a, own(a, t), nil)
		wantOK(t, got)
		if got.body != a.body {
			t.Errorf("%s\nwas registered as\n%s", got.body, a.body)
		}
		unknown := answer{body: strings.ReplaceAll(a.body, a.text(t, "client_id"), "nobody")}
		ofAdmin := answer{body: strings.ReplaceAll(a.body, a.text(t, "client_id"), "CB")}
		before := s.stored(a.text(t, "client_id"))
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			body := members(nil)
			if method == "PUT" {
				body = nativeClient(members{"client_id": a.text(t, "client_id"), "client_name": "Taken"})
			}
			for _, c := range []struct {
				of    answer
				token string
			}{{a, own(other, t)}, {a, own(a, t) + "x"}, {a, "rgm1_"}, {unknown, own(a, t)}, {ofAdmin, own(a, t)}, {ofAdmin, s.secret["CB"]}} {
				wantBearer(t, configure(s, method, c.of, c.token, body), http.StatusUnauthorized, "invalid_token")
			}
			wantBearer(t, configure(s, method, a, "", body), http.StatusUnauthorized, "")
		}
		if now := s.stored(before.ID); now.Version != before.Version {
			t.Error("it was changed")
		}
		if a := configure(s, "POST", a, own(a, t), members{}); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") == "" {
			t.Errorf("POST: %d", a.status)
		}
	})

	all.rule(t, "DCR-07 an update names its client, holds nothing that only the server says, and replaces all that the client may say", func(t *testing.T, s *site) {
		a := s.enrolled(members{"client_uri": "https://old.test/", "scope": "openid email"})
		id := a.text(t, "client_id")
		put := func(m members) answer {
			return configure(s, "PUT", a, own(a, t), nativeClient(m))
		}
		wantError(t, put(nil), "invalid_request")
		wantError(t, put(members{"client_id": "CB"}), "invalid_request")
		for _, name := range []string{"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"} {
			wantError(t, put(members{"client_id": id, name: "x"}), "invalid_request")
		}
		wantError(t, put(members{"client_id": id, "redirect_uris": []string{"http://evil.test/cb"}}), "invalid_redirect_uri")
		wantError(t, put(members{"client_id": id, "token_endpoint_auth_method": "client_secret_basic"}), "invalid_client_metadata")
		wantError(t, put(members{"client_id": id, "client_secret": "chosen"}), "invalid_client_metadata")
		if s.stored(id).Version != 1 {
			t.Fatal("what was refused changed something")
		}
		changedTo := put(members{"client_id": id, "client_name": "Editor 2", "redirect_uris": []string{"http://127.0.0.1/cb"}, "scope": "openid email profile read"})
		wantOK(t, changedTo)
		c := s.stored(id)
		if c.Name != "Editor 2" || !slices.Equal(c.RedirectURIs, []string{"http://127.0.0.1/cb"}) || c.About.ClientURI != "" || !c.Unverified() || c.Trusted {
			t.Errorf("%+v", c)
		}
		if c.Scope.String() != "openid email" { // no more than it had
			t.Errorf("scope %q", c.Scope)
		}
		if e := lastEventOf(t, s, audit.ClientUpdated); e.Actor != audit.ByClient || e.ActorID != id && e.ClientID == id {
			t.Errorf("%+v", e)
		}
		wantOK(t, configure(s, "GET", a, own(a, t), nil))
	})

	all.rule(t, "DCR-07 an update keeps the secret, and what an admin demands", func(t *testing.T, s *site) {
		a := s.enrolled(members{"token_endpoint_auth_method": "client_secret_basic"})
		id, secret := a.text(t, "client_id"), a.text(t, "client_secret")
		s.change(id, func(c *oauth.Client) {
			c.PARRequired, c.SecondFactor, c.Policy.Grace = true, true, time.Second
		})
		got := configure(s, "PUT", a, own(a, t), nativeClient(members{"client_id": id, "client_secret": secret, "token_endpoint_auth_method": "client_secret_basic"}))
		wantOK(t, got)
		if c := s.stored(id); !c.PARRequired || !c.SecondFactor || c.Policy.Grace != time.Second {
			t.Errorf("%+v", c)
		}
		if got.json(t, "client_secret") != nil || got.json(t, "client_secret_expires_at") != 0.0 {
			t.Error(got.body)
		}
		s.secret[id] = secret
		wantError(t, s.refresh(id, "x"), "invalid_grant") // past the authentication
	})

	all.rule(t, "DCR-07 an admin who disables a client ends its say, too", func(t *testing.T, s *site) {
		a := s.enrolled(nil)
		id := a.text(t, "client_id")
		s.change(id, func(c *oauth.Client) { now := s.clock.Wall(); c.DisabledAt = &now })
		for method, m := range map[string]members{"GET": nil, "DELETE": nil, "PUT": nativeClient(members{"client_id": id})} {
			wantErrorStatus(t, configure(s, method, a, own(a, t), m), http.StatusForbidden, "access_denied")
		}
		s.stored(id)
	})

	all.rule(t, "DCR-07 a client that deletes itself is gone, and its sign-ins with it", func(t *testing.T, s *site) {
		a := s.enrolled(nil)
		tokens := s.publicly(a)
		wantOK(t, tokens)
		wantOK(t, s.userinfo(tokens.text(t, "access_token")))
		gone := configure(s, "DELETE", a, own(a, t), nil)
		if gone.status != http.StatusNoContent || gone.body != "" || gone.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %q", gone.status, gone.body)
		}
		wantBearer(t, s.userinfo(tokens.text(t, "access_token")), http.StatusUnauthorized, "invalid_token")
		wantUnauthorized(t, s.publicRefresh(a, tokens))
		for _, method := range []string{"GET", "DELETE"} {
			wantBearer(t, configure(s, method, a, own(a, t), nil), http.StatusUnauthorized, "invalid_token")
		}
	})
}

func registrationFaultRules(t *testing.T) {
	t.Run("DCR-07 GEN-00 whatever call of the store fails, nobody hears a verdict, and nothing is half done", func(t *testing.T) {
		t.Parallel()
		s, f := faultySite(t)
		s.rules(openRegistration)
		calls := s.ownSession(f, 0, nil)
		for _, method := range []string{"InitialToken", "RegisterItself", "Client", "UpdateClient", "DeleteClient"} {
			if !slices.Contains(calls, method) {
				t.Errorf("the session does without %s: %s", method, calls)
			}
		}
		for k := range calls {
			s.ownSession(f, k+1, machineErrors[k%len(machineErrors)])
		}
		if n, err := s.db.CountClients(t.Context(), oauth.SourceDynamic, 100); err != nil || n != 0 {
			t.Errorf("%d clients are left, %v", n, err)
		}
	})
}

// ownSession lets a client register with a token, read, change and end its registration, while one call of the store fails. It gives
// the calls.
func (s *site) ownSession(f *faults, at int, err error) (calls []string) {
	s.t.Helper()
	token := s.initialToken(1)
	f.set(at, err, false)
	step := func(method, path, token string, m members, want int) answer {
		s.t.Helper()
		_, before := f.seen()
		a := s.tell(method, path, token, m)
		if _, fired := f.seen(); before == "" && fired != "" {
			if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
				s.t.Errorf("%s, %s: a fault is told as %d %s", method, fired, a.status, a.body)
			}
			a = s.tell(method, path, token, m)
		}
		if a.status != want {
			s.t.Fatalf("%s: %d %s", method, a.status, a.body)
		}
		return a
	}
	a := step("POST", "/register", token, nativeClient(nil), http.StatusCreated)
	path, own := "/register/"+a.text(s.t, "client_id"), a.text(s.t, "registration_access_token")
	step("GET", path, own, nil, http.StatusOK)
	step("PUT", path, own, nativeClient(members{"client_id": a.text(s.t, "client_id")}), http.StatusOK)
	step("DELETE", path, own, nil, http.StatusNoContent)
	calls, _ = f.seen()
	f.set(0, nil, false)
	return calls
}
