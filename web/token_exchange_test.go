package web_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

const (
	exchangeGrant   = "urn:ietf:params:oauth:grant-type:token-exchange"
	accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
	backResource    = "https://back.test/"
)

// services makes a second service, BACK, that shares a scope with the first, and lets the first pass people's requests on to it.
func (s *site) services() {
	s.t.Helper()
	s.addAPI("BACK", backResource, "read", "list")
	s.exchanges("RS", backResource)
}

// exchanges lets the client of an API exchange tokens for these resources.
func (s *site) exchanges(api string, resources ...string) {
	s.t.Helper()
	s.change(s.secret[api+".id"], func(c *oauth.Client) {
		c.GrantTypes, c.ExchangeAudiences, c.Scope = []string{oauth.GrantTokenExchange}, resources, oauth.Scope{"read", "write", "list"}
	})
}

// front gives an access token for the first service, of U1 by the application TR.
func (s *site) front(scope string) answer {
	s.t.Helper()
	b := s.alice()
	a := s.exchange("TR", mustURL(s.t, b.get(s.az("TR", url.Values{"scope": {scope}, "resource": {apiResource}})).header.Get("Location")), nil)
	wantOK(s.t, a)
	return a
}

// swap exchanges a token as a service does, changed by set.
func (s *site) swap(as, token string, set url.Values) answer {
	s.t.Helper()
	return s.post("/token", as, changed(url.Values{
		"grant_type": {exchangeGrant}, "subject_token": {token}, "subject_token_type": {accessTokenType}, "resource": {backResource},
	}, set))
}

// requirementsTX proves token exchange, RFC 8693.
func requirementsTX(t *testing.T) {
	alone(t, "TX-01 a service gets a token of the same person for the next service, in either format, that lives no longer", func(t *testing.T, s *site) {
		s.services()
		for _, format := range []oauth.Format{oauth.FormatJWT, oauth.FormatOpaque} {
			for _, client := range []string{"TR", s.secret["RS.id"]} {
				s.change(client, func(c *oauth.Client) { c.Policy.AccessTokenFormat = format })
			}
			tokens := s.front("openid read write offline_access")
			first := tokens.text(t, "access_token")
			s.pass(4 * time.Minute)
			a := s.swap("RS", first, nil)
			wantOK(t, a)

			for member, want := range map[string]any{"issued_token_type": accessTokenType, "token_type": "Bearer", "scope": "read", "expires_in": 360.0, "refresh_token": nil, "id_token": nil} {
				if got := a.json(t, member); got != want {
					t.Errorf("%s: %s is %v, want %v", format, member, got, want)
				}
			}
			token := a.text(t, "access_token")
			was, is := s.post("/introspect", "RS", url.Values{"token": {first}}), s.post("/introspect", "BACK", url.Values{"token": {token}})
			for _, member := range []string{"sub", "exp", "grant_id", "auth_time", "acr", "iss"} {
				if was.json(t, member) == nil || is.json(t, member) != was.json(t, member) {
					t.Errorf("%s: %s was %v and is %v", format, member, was.json(t, member), is.json(t, member))
				}
			}
			act, _ := is.json(t, "act").(map[string]any)
			if is.json(t, "active") != true || is.json(t, "client_id") != s.secret["RS.id"] || act["sub"] != s.secret["RS.id"] || len(act) != 1 || is.json(t, "aud") != backResource {
				t.Errorf("%s: introspected as %s", format, is.body)
			}
			if format == oauth.FormatJWT {
				claims := s.verified(token)
				if got := audience(claims); !slices.Equal(got, []string{backResource}) || claims["act"].(map[string]any)["sub"] != s.secret["RS.id"] {
					t.Errorf("the token says %v", claims)
				}
			}
			s.wantInactive("RS2", "an exchanged token", token)
			s.wantInactive("TR", "an exchanged token", token)
			if a := s.userinfo(token); a.status == http.StatusOK {
				t.Errorf("%s: userinfo for a service: %s", format, a.body)
			}
			if !s.active("RS", first) {
				t.Error("the subject token was used up")
			}
			s.pass(6*time.Minute + time.Second)
			s.wantInactive("BACK", "an exchanged token whose subject token has expired", token)
		}
		s.flush()
		events := s.events("U1", audit.TokenExchanged)
		if len(events) != 2 || events[0].ClientID != s.secret["RS.id"] || events[0].GrantID == "" || !strings.Contains(events[0].Detail, "of=TR") || !strings.Contains(events[0].Detail, "resource="+backResource) {
			t.Errorf("the log says %+v", events)
		}
	})

	alone(t, "TX-01 what is no living token of a person that came to the client rightly is not exchanged", func(t *testing.T, s *site) {
		s.services()
		expired := s.front("read")
		s.pass(9 * time.Minute)
		revoked, ended, live := s.front("read"), s.front("read"), s.front("openid read offline_access")
		token := live.text(t, "access_token")
		s.pass(time.Minute)
		s.revoked("TR", url.Values{"token": {revoked.text(t, "access_token")}})
		s.revoked("TR", url.Values{"token": {ended.text(t, "refresh_token")}})
		machine := s.post("/token", "CB", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}, "resource": {apiResource}})
		foreign := s.exchange("TR", mustURL(t, s.alice().get(s.az("TR", url.Values{"scope": {"list"}, "resource": {"https://other.test/v1"}})).header.Get("Location")), nil)
		payload := strings.Split(token, ".")
		for what, subject := range map[string]string{
			"expired": expired.text(t, "access_token"), "revoked by itself": revoked.text(t, "access_token"), "of an ended grant": ended.text(t, "access_token"),
			"of a client": machine.text(t, "access_token"), "for another API": foreign.text(t, "access_token"), "a refresh token": live.text(t, "refresh_token"), "an ID token": live.text(t, "id_token"),
			"garbage": "x", "opaque garbage": "rga1_x", "cut": token[:len(token)-2], "unsigned": payload[0] + "." + payload[1] + ".", "with another head": "e30." + payload[1] + "." + payload[2],
		} {
			a := s.swap("RS", subject, nil)
			if wantError(t, a, "invalid_request"); a.text(t, "error_description") != "The subject_token is invalid, expired or revoked, or this client may not exchange it." {
				t.Errorf("%s: %s", what, a.body)
			}
		}
		for what, set := range map[string]url.Values{
			"no subject": {"subject_token": nil}, "empty subject": {"subject_token": {""}}, "no type": {"subject_token_type": nil},
			"ID token type": {"subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}}, "JWT type": {"subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}},
			"refresh token wanted": {"requested_token_type": {"urn:ietf:params:oauth:token-type:refresh_token"}}, "ID token wanted": {"requested_token_type": {"urn:ietf:params:oauth:token-type:id_token"}},
			"actor without type": {"actor_token": {token}}, "type without actor": {"actor_token_type": {accessTokenType}}, "other actor type": {"actor_token": {token}, "actor_token_type": {"urn:ietf:params:oauth:token-type:jwt"}},
			"twice": {"subject_token": {token, token}},
		} {
			if a := s.swap("RS", token, set); a.text(t, "error") != "invalid_request" {
				t.Errorf("%s: %s", what, a.body)
			}
		}
		for _, set := range []url.Values{
			{"resource": nil}, {"resource": {"https://unknown.test/"}}, {"resource": {apiResource}}, {"resource": {"https://other.test/v1"}}, {"resource": {"back"}}, {"resource": nil, "audience": {"unknown"}},
			{"resource": {backResource, apiResource}}, {"audience": {apiResource}},
		} {
			wantError(t, s.swap("RS", token, set), "invalid_target")
		}
		wantError(t, s.postBody("/token?subject_token="+token, "client_id=x"), "invalid_request")
		wantOK(t, s.swap("RS", token, url.Values{"requested_token_type": {accessTokenType}}))
		wantOK(t, s.swap("RS", token, url.Values{"resource": nil, "audience": {"HTTPS://back.test/"}}))
		if refusal := s.refusalOf(s.swap("RS", foreign.text(t, "access_token"), nil)); refusal.Rule != oauth.RuleExchangeSubject || refusal.ClientID != s.secret["RS.id"] || refusal.PersonID != s.person["U1"].ID {
			t.Errorf("an admin reads %+v", refusal)
		}
	})

	alone(t, "TX-02 only whom an admin lets exchange does, for what they named, with no more scope", func(t *testing.T, s *site) {
		s.services()
		token := s.front("openid read write").text(t, "access_token")
		for _, client := range []string{"TR", "CB", "PN", "BACK"} {
			wantError(t, s.swap(client, token, nil), "unauthorized_client")
		}
		wantUnauthorized(t, s.postBody("/token", "grant_type="+url.QueryEscape(exchangeGrant)+"&subject_token="+token, "Authorization", basic(s.secret["RS.id"], "wrong")))
		for scope, want := range map[string]string{"": "read", "read": "read", "write": "", "list": "", "read list": "", "openid": "", "openid read": "", "unknown": ""} {
			a := s.swap("RS", token, url.Values{"scope": {scope}})
			if want == "" {
				wantError(t, a, "invalid_scope")
			} else if wantOK(t, a); a.text(t, "scope") != want {
				t.Errorf("scope %q gave %q", scope, a.text(t, "scope"))
			}
		}
		wantError(t, s.swap("RS", token, url.Values{"scope": {`"`}}), "invalid_scope")
		wantError(t, s.swap("RS", s.front("write").text(t, "access_token"), nil), "invalid_scope")
		// A client of its own, which an admin names the API for whose tokens it may exchange.
		s.register("GATEWAY", oauth.Client{AuthMethod: oauth.AuthBasic, GrantTypes: []string{oauth.GrantTokenExchange}, Scope: oauth.Scope{"read"}, ExchangeAudiences: []string{"HTTPS://BACK.test/"}})
		wantError(t, s.swap("GATEWAY", token, nil), "invalid_request")
		s.change("GATEWAY", func(c *oauth.Client) { c.ExchangeSubjects = []string{apiResource} })
		wantOK(t, s.swap("GATEWAY", token, nil))
		s.change("GATEWAY", func(c *oauth.Client) { c.Scope = oauth.Scope{"list"} })
		wantError(t, s.swap("GATEWAY", token, nil), "invalid_scope")
		// What the application may have now bounds it, too.
		s.change("TR", func(c *oauth.Client) { c.Scope = oauth.Scope{"openid", "write"} })
		wantError(t, s.swap("RS", token, nil), "invalid_scope")
		for what, c := range map[string]oauth.Client{
			"public":      {AuthMethod: oauth.AuthNone, GrantTypes: []string{oauth.GrantTokenExchange}, ExchangeAudiences: []string{backResource}},
			"for nothing": {AuthMethod: oauth.AuthBasic, GrantTypes: []string{oauth.GrantTokenExchange}},
			"for no API":  {AuthMethod: oauth.AuthBasic, GrantTypes: []string{oauth.GrantTokenExchange}, ExchangeAudiences: []string{"https://unknown.test/"}},
			"of no API":   {AuthMethod: oauth.AuthBasic, GrantTypes: []string{oauth.GrantTokenExchange}, ExchangeAudiences: []string{backResource}, ExchangeSubjects: []string{"x"}},
		} {
			c.Name = what
			if _, err := oauth.RegisterClient(t.Context(), s.db, &c, s.clock.Wall(), by); oauth.AsError(err).Code != oauth.InvalidClientMetadata {
				t.Errorf("a client %s is registered: %v", what, err)
			}
		}
	})

	alone(t, "TX-02 person, application and service are asked what the other grant types ask, and all of it ends what was exchanged", func(t *testing.T, s *site) {
		s.services()
		rs, staff := s.secret["RS.id"], s.group("Staff", "", "U2")
		off := func(c *oauth.Client) { now := s.clock.Wall(); c.DisabledAt = &now }
		on := func(c *oauth.Client) { c.DisabledAt, c.Restricted, c.Groups, c.SecondFactor = nil, false, nil, false }
		for _, row := range []struct {
			what, code string
			ends, back func()
			still      bool // what was exchanged before stays
		}{
			{"the service is disabled", "unauthorized_client", func() { s.change(rs, off) }, func() { s.change(rs, on) }, false},
			{"the application is disabled", "invalid_request", func() { s.change("TR", off) }, func() { s.change("TR", on) }, false},
			{"the application is for others", "invalid_request", func() { s.limit("TR", staff) }, func() { s.change("TR", on) }, false},
			{"the service is for others", "invalid_request", func() { s.limit(rs, staff) }, func() { s.change(rs, on) }, false},
			{"the service needs two factors", "invalid_request", func() { s.change(rs, func(c *oauth.Client) { c.SecondFactor = true }) }, func() { s.change(rs, on) }, true},
			{"the service may not exchange", "unauthorized_client", func() { s.change(rs, func(c *oauth.Client) { c.GrantTypes = nil }) }, func() { s.exchanges("RS", backResource) }, true},
		} {
			tokens := s.front("read")
			token := tokens.text(t, "access_token")
			exchanged := s.swap("RS", token, nil).text(t, "access_token")
			if !s.active("BACK", exchanged) {
				t.Fatalf("before %s", row.what)
			}
			row.ends()
			wantError(t, s.swap("RS", token, nil), row.code)
			if got := s.active("BACK", exchanged); got != row.still {
				t.Errorf("%s: what was exchanged is active: %v", row.what, got)
			}
			row.back()
			if !s.active("BACK", exchanged) {
				t.Errorf("after %s: not active again", row.what)
			}
			wantOK(t, s.swap("RS", token, nil))
		}
		for what, end := range map[string]func(tokens answer){
			"the grant is revoked": func(tokens answer) { s.revoked("TR", url.Values{"token": {tokens.text(t, "refresh_token")}}) },
			"the person is disabled": func(answer) {
				if err := s.people.Disable(t.Context(), s.person["U1"].ID, by, s.clock.Wall()); err != nil {
					t.Fatal(err)
				}
			},
		} {
			tokens := s.front("read")
			exchanged := s.swap("RS", tokens.text(t, "access_token"), nil).text(t, "access_token")
			if !s.active("BACK", exchanged) {
				t.Fatalf("before %s", what)
			}
			end(tokens)
			s.wantInactive("BACK", "exchanged, "+what, exchanged)
			wantError(t, s.swap("RS", tokens.text(t, "access_token"), nil), "invalid_request")
			if what == "the person is disabled" {
				if err := s.people.Enable(t.Context(), s.person["U1"].ID, by, s.clock.Wall()); err != nil {
					t.Fatal(err)
				}
				s.wantInactive("BACK", "exchanged, and the person is enabled again", exchanged)
			}
		}
		own := s.swap("RS", s.front("read").text(t, "access_token"), nil).text(t, "access_token")
		s.revoked("RS", url.Values{"token": {own}})
		s.wantInactive("BACK", "revoked by the service", own)
	})

	alone(t, "TX-02 who acted stays in the token, however it is passed on, and the chain is bounded", func(t *testing.T, s *site) {
		s.services()
		s.exchanges("BACK", apiResource)
		token := s.front("read").text(t, "access_token")
		var chain []string
		for i := range 4 { // to and fro
			as, to := "RS", backResource
			if i%2 == 1 {
				as, to = "BACK", apiResource
			}
			a := s.swap(as, token, url.Values{"resource": {to}})
			wantOK(t, a)
			token, chain = a.text(t, "access_token"), append([]string{s.secret[as+".id"]}, chain...)
			var got []string
			for act, ok := s.verified(token)["act"].(map[string]any); ok; act, ok = act["act"].(map[string]any) {
				got = append(got, act["sub"].(string))
			}
			if !slices.Equal(got, chain) {
				t.Errorf("exchange %d: the chain is %v, want %v", i, got, chain)
			}
		}
		wantError(t, s.swap("RS", token, nil), "invalid_request")
		s.change(s.secret["BACK.id"], func(c *oauth.Client) { now := s.clock.Wall(); c.DisabledAt = &now })
		s.wantInactive("RS", "a token of a chain whose member is disabled", token)
	})

	alone(t, "TX-02 an actor is a living client whose token came to the service rightly", func(t *testing.T, s *site) {
		s.services()
		machine := func(client, resource, scope string) string {
			return s.post("/token", client, url.Values{"grant_type": {"client_credentials"}, "scope": {scope}, "resource": {resource}}).text(t, "access_token")
		}
		expired := machine("CB", apiResource, "read")
		s.pass(4 * time.Minute)
		old := machine("CB", apiResource, "read")
		s.pass(6 * time.Minute)
		token := s.front("read").text(t, "access_token")
		acting := func(actor string) answer {
			return s.swap("RS", token, url.Values{"actor_token": {actor}, "actor_token_type": {accessTokenType}})
		}
		a := acting(old)
		wantOK(t, a)
		exchanged := a.text(t, "access_token")
		claims := s.verified(exchanged)
		if act := claims["act"].(map[string]any); act["sub"] != "CB" || claims["client_id"] != s.secret["RS.id"] || a.json(t, "expires_in") != 240.0 {
			t.Errorf("acting by another: %v %s", claims, a.body)
		}
		gone := machine("CB", apiResource, "read")
		s.revoked("CB", url.Values{"token": {gone}})
		for what, actor := range map[string]string{"of a person": token, "for another API": machine("CB", "https://other.test/v1", "list"), "revoked": gone, "expired": expired, "garbage": "x", "an exchanged one": exchanged} {
			if a := acting(actor); a.text(t, "error") != "invalid_request" || !strings.Contains(a.body, "actor_token") {
				t.Errorf("%s: %s", what, a.body)
			}
		}
		s.change("CB", func(c *oauth.Client) { now := s.clock.Wall(); c.DisabledAt = &now })
		s.wantInactive("BACK", "of an actor that was disabled", exchanged)
		wantError(t, acting(old), "invalid_request")
	})

	alone(t, "TX-02 a token that is bound to a key is exchanged by who proves that key alone", func(t *testing.T, s *site) {
		s.services()
		s.change("TR", func(c *oauth.Client) {
			c.GrantTypes, c.ExchangeAudiences = append(c.GrantTypes, oauth.GrantTokenExchange), []string{backResource}
		})
		h, thief := s.holder(), s.holder()
		callback := mustURL(t, s.alice().get(s.az("TR", url.Values{"scope": {"read"}, "resource": {apiResource}})).header.Get("Location"))
		bound := h.send("/token", "TR", url.Values{"grant_type": {"authorization_code"}, "code": callback.Query()["code"], "redirect_uri": {"https://trusted.test/cb"}, "code_verifier": {verifier}})
		wantOK(t, bound)
		form := url.Values{"grant_type": {exchangeGrant}, "subject_token": {bound.text(t, "access_token")}, "subject_token_type": {accessTokenType}, "resource": {backResource}}
		wantError(t, s.post("/token", "TR", form), "invalid_request")
		wantError(t, s.post("/token", "RS", form), "invalid_request")
		wantError(t, thief.send("/token", "TR", form), "invalid_request")
		a := h.send("/token", "TR", form)
		wantOK(t, a)
		cnf, _ := s.verified(a.text(t, "access_token"))["cnf"].(map[string]any)
		if a.text(t, "token_type") != "DPoP" || cnf["jkt"] != h.jkt() {
			t.Errorf("what came of a bound token: %s", a.body)
		}
		a = thief.send("/token", "RS", changed(maps.Clone(form), url.Values{"subject_token": {s.front("read").text(t, "access_token")}}))
		if wantOK(t, a); a.text(t, "token_type") != "DPoP" {
			t.Errorf("a service that proves a key gets %s", a.body)
		}
	})

	t.Run("TX-02 GEN-00 whatever call of the store fails, nobody hears a verdict", func(t *testing.T) {
		t.Parallel()
		s, f := faultySite(t)
		s.services()
		token := s.front("read").text(t, "access_token")
		f.set(0, nil, false)
		wantOK(t, s.swap("RS", token, nil))
		calls, _ := f.seen()
		for k, method := range calls {
			f.set(k+1, machineErrors[k%len(machineErrors)], false)
			if a := s.swap("RS", token, nil); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
				t.Errorf("%s fails: %d %s", method, a.status, a.body)
			}
		}
		f.set(0, nil, false)
		if wantOK(t, s.swap("RS", token, nil)); len(calls) < 4 {
			t.Errorf("only %v were asked", calls)
		}
	})
}

func TestAnAdminSaysWhoExchangesTokens(t *testing.T) { // TX-02
	s := newSite(t)
	adm := s.admin(t)
	page := adm.get("/admin/clients/CB/settings")
	with := func(set url.Values) url.Values {
		return changed(url.Values{"grant_type": append(s.client("CB").GrantTypes, oauth.GrantTokenExchange), "exchange_subject": {apiResource}, "exchange_audience": {"https://other.test/v1"}}, set)
	}

	none := adm.changeSettings("CB", page, with(url.Values{"exchange_audience": nil}))
	if none.status != http.StatusUnprocessableEntity || !strings.Contains(none.body, `id="exchange_audience-error"`) || !strings.Contains(none.body, "at least one API") {
		t.Errorf("without an API: %d %s", none.status, none.body)
	}
	if a := adm.changeSettings("CB", page, with(nil)); a.status != http.StatusSeeOther {
		t.Fatalf("saving: %d %s", a.status, a.body)
	}
	c := s.client("CB")
	if !c.Allows(oauth.GrantTokenExchange) || !slices.Equal(c.ExchangeSubjects, []string{apiResource}) || !slices.Equal(c.ExchangeAudiences, []string{"https://other.test/v1"}) {
		t.Errorf("saved %+v", c)
	}
	if body := adm.get("/admin/clients/CB/settings").body; strings.Count(body, ` checked aria-describedby="exchange_`) != 2 {
		t.Errorf("the page does not show what was saved: %s", body)
	}
	s.clock.step(6 * time.Minute)
	more := adm.changeSettings("CB", adm.get("/admin/clients/CB/settings"), with(url.Values{"exchange_audience": {"https://other.test/v1", apiResource}}))
	if more.status != http.StatusForbidden || len(s.client("CB").ExchangeAudiences) != 1 {
		t.Errorf("one more without a fresh proof: %d", more.status)
	}
}
