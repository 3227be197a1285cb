package web_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"regrant/app/oauth"
)

// requirementsClaims proves the claims parameter, OpenID Connect Core §5.5.
func requirementsClaims(t *testing.T) {
	all := newSites(t)
	asking := func(claims string) url.Values { return url.Values{"claims": {claims}, "scope": {"openid"}} }
	// of gives what an ID token says of the person.
	of := func(s *site, tokens answer) map[string]any {
		told := map[string]any{}
		for name, value := range s.verified(tokens.text(t, "id_token")) {
			if slices.Contains([]string{"name", "email", "email_verified", "groups"}, name) {
				told[name] = value
			}
		}
		return told
	}
	// about gives what userinfo says besides sub.
	about := func(s *site, tokens answer) map[string]any {
		told := s.told(tokens)
		delete(told, "sub")
		return told
	}
	wantTold := func(t *testing.T, where string, got map[string]any, want string) {
		t.Helper()
		names := slices.Sorted(maps.Keys(got))
		var pairs []string
		for _, name := range names {
			pairs = append(pairs, fmt.Sprint(name, "=", got[name]))
		}
		if told := strings.Join(pairs, " "); told != want {
			t.Errorf("%s tells %q, want %q", where, told, want)
		}
	}

	all.rule(t, "OI-12 a claims parameter that is malformed or too long is refused by redirect", func(t *testing.T, s *site) {
		for _, claims := range []string{
			"{", "x", "[]", `"x"`, "1", "null", `{"userinfo":1}`, `{"id_token":[]}`, `{} {}`, `{"userinfo":{"email":1}}`, `{"userinfo":{"email":{"essential":"yes"}}}`,
			`{"id_token":{"email":{"values":"a"}}}`, `{"id_token":{"email":{"value":{}}}}`, `{"id_token":{"acr":7}}`, `{"id_token":{"sub":{"value":7}}}`,
			`{"userinfo":{},"userinfo":{}}`, `{"userinfo":{"email":null,"email":null}}`, `{"userinfo":{"email":{"value":"a","value":"b"}}}`,
			`{"x":"` + strings.Repeat("x", 4<<10) + `"}`,
		} {
			address, a := s.ask("CB", asking(claims))
			wantRedirectError(t, s, address, a, "invalid_request")
		}
	})

	all.rule(t, "OI-12 claims come where they are asked for, essential or not, and nothing else does", func(t *testing.T, s *site) {
		b := s.alice()
		for _, row := range []struct{ scope, claims, idToken, userInfo string }{
			{"openid", `{}`, "", ""},
			{"openid", `{"userinfo":{"name":{"essential":true},"email":null,"phone_number":null,"name#de":null,"x":7},"y":{},"id_token":null}`, "", "email=alice@example.com name=Alice Archer"},
			{"openid", `{"id_token":{"email":{"essential":true},"email_verified":{},"auth_time":{"essential":true},"zoneinfo":null}}`, "email=alice@example.com email_verified=false", ""},
			{"openid", `{"id_token":{"name":null},"userinfo":{"groups":null}}`, "name=Alice Archer", "groups=[]"},
			{"openid groups", `{"id_token":{"name":null,"groups":{"value":"nobody"}}}`, "groups=[] name=Alice Archer", "groups=[]"},
			{"openid email", `{"id_token":{"email":null}}`, "email=alice@example.com", "email=alice@example.com email_verified=false"},
			{"read", `{"id_token":{"email":null},"userinfo":{"email":null}}`, "", ""},
		} {
			for _, client := range []string{"TR", "PN"} { // for whom nobody is asked, and for whom everybody is
				tokens := s.exchange(client, b.walk(s.az(client, url.Values{"claims": {row.claims}, "scope": {row.scope}}), "U1"), nil)
				wantOK(t, tokens)
				if row.scope == "read" {
					if tokens.json(t, "id_token") != nil || s.userinfo(tokens.text(t, "access_token")).status != http.StatusForbidden {
						t.Errorf("%s: claims without openid", client)
					}
					continue
				}
				if got := tokens.text(t, "scope"); got != row.scope {
					t.Errorf("%s %s: the scope became %q", client, row.claims, got)
				}
				wantTold(t, "the ID token for "+row.claims, of(s, tokens), row.idToken)
				wantTold(t, "userinfo for "+row.claims, about(s, tokens), row.userInfo)
				if s.verified(tokens.text(t, "id_token"))["auth_time"] == nil {
					t.Error("no auth_time")
				}
			}
		}
	})

	all.rule(t, "OI-12 a claim that is asked for with a value comes with that value or not at all", func(t *testing.T, s *site) {
		b := s.alice()
		for claims, want := range map[string]string{
			`{"userinfo":{"email":{"value":"alice@example.com"},"name":{"value":"Mallory"}}}`:        "email=alice@example.com",
			`{"userinfo":{"email":{"values":["eve@example.com","alice@example.com"]}}}`:              "email=alice@example.com",
			`{"userinfo":{"email":{"values":["eve@example.com"],"essential":true},"name":null}}`:     "name=Alice Archer",
			`{"userinfo":{"email_verified":{"value":true},"email":{"value":"Alice@example.com"}}}`:   "",
			`{"userinfo":{"email_verified":{"value":false},"name":{"value":null,"values":null}}}`:    "email_verified=false name=Alice Archer",
			`{"userinfo":{"name":{"value":"Mallory"}},"id_token":{"name":{"value":"Alice Archer"}}}`: "",
		} {
			tokens := s.exchange("TR", b.walk(s.az("TR", asking(claims)), "U1"), nil)
			wantTold(t, claims, about(s, tokens), want)
		}
		me := s.person["U1"].ID
		for claims, want := range map[string]string{
			`{"id_token":{"sub":{"value":"` + me + `"}}}`: "", `{"id_token":{"sub":{"values":["x","` + me + `"]}}}`: "", `{"id_token":{"sub":null},"userinfo":{"sub":{"value":"x"}}}`: "",
			`{"id_token":{"sub":{"value":"x"}}}`: "login_required", `{"id_token":{"sub":{"value":"` + s.person["U2"].ID + `"}}}`: "login_required",
		} {
			silent := changed(asking(claims), url.Values{"prompt": {"none"}})
			address := s.az("TR", silent)
			if want == "" {
				wantCode(t, s, address, b.get(address))
			} else {
				wantRedirectError(t, s, address, b.get(address), want)
				wantSignIn(t, s, b.get(s.az("TR", asking(claims)))) // somebody else may sign in
			}
			if strings.Contains(claims, `"id_token":{"sub":{`) { // a stranger does not learn who is signed in
				address = s.az("PW", silent)
				wantRedirectError(t, s, address, b.get(address), "login_required")
			}
		}
	})

	alone(t, "OI-12 a claim beyond the scope is told only if the person allowed it, and what they allowed is remembered", func(t *testing.T, s *site) {
		b := s.alice()
		claims := `{"userinfo":{"name":{"essential":true},"email":null},"id_token":{"email":null}}`
		address := s.az("CB", asking(claims))
		answered := func(address string, fields url.Values) answer {
			t.Helper()
			a := b.get(address)
			wantConsent(t, s, a)
			a = b.submit(b.get(a.header.Get("Location")), s.issuer+"/consent", changed(url.Values{"decision": {"allow"}}, fields))
			callback, err := url.Parse(a.header.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			tokens := s.exchange("CB", callback, nil)
			wantOK(t, tokens)
			return tokens
		}

		page := b.get(b.get(address).header.Get("Location")).body
		for _, want := range []string{`name="claim" value="name"`, `name="claim" value="email"`, "See your name", "The application says that it needs this.", "See your email address"} {
			if !strings.Contains(page, want) {
				t.Errorf("the consent page has no %q: %s", want, page)
			}
		}
		tokens := answered(address, url.Values{"claim": {"name"}})
		wantTold(t, "userinfo", about(s, tokens), "name=Alice Archer")
		wantTold(t, "the ID token", of(s, tokens), "")
		tokens = answered(address, url.Values{"claim": {"email", "groups", "email_verified"}}) // ticks that nobody offered count for nothing
		wantTold(t, "userinfo", about(s, tokens), "email=alice@example.com")
		wantTold(t, "the ID token", of(s, tokens), "email=alice@example.com")
		wantTold(t, "userinfo", about(s, answered(address, url.Values{"claim": {"name", "email"}})), "email=alice@example.com name=Alice Archer")

		again := b.get(address)
		wantCode(t, s, address, again)
		silent := s.az("CB", changed(asking(`{"id_token":{"name":null}}`), url.Values{"prompt": {"none"}}))
		wantCode(t, s, silent, b.get(silent))
		silent = s.az("CB", changed(asking(`{"userinfo":{"groups":null}}`), url.Values{"prompt": {"none"}}))
		wantRedirectError(t, s, silent, b.get(silent), "consent_required")
		// With the scope it stands and falls.
		address = s.az("CB", url.Values{"claims": {`{"id_token":{"email":null}}`}, "scope": {"openid email"}})
		wantTold(t, "the ID token of a scope that was unticked", of(s, answered(address, url.Values{"claim": {"email"}})), "")
		wantTold(t, "the ID token of a scope that was ticked", of(s, answered(address, url.Values{"scope": {"email"}})), "email=alice@example.com")
		apps := s.as("U1").get("/account/apps/CB").body
		if !strings.Contains(apps, "See your name") {
			t.Errorf("the account page does not say what was allowed: %s", apps)
		}
	})

	alone(t, "OI-12 what was asked for stays with the grant: at every refresh, at userinfo, by way of a pushed request", func(t *testing.T, s *site) {
		claims := `{"userinfo":{"email":{"essential":true}},"id_token":{"name":null,"email_verified":{"values":[false]}}}`
		b := s.browser()
		callback := b.walk(s.pushed("CB", changed(asking(claims), url.Values{"scope": {"openid read offline_access"}, "prompt": {"consent"}})), "U1")
		tokens := s.exchange("CB", callback, nil)
		wantOK(t, tokens)
		for range 3 {
			wantTold(t, "the ID token", of(s, tokens), "email_verified=false name=Alice Archer")
			wantTold(t, "userinfo", about(s, tokens), "email=alice@example.com")
			tokens = s.refresh("CB", tokens.text(t, "refresh_token"))
			wantOK(t, tokens)
		}
		if _, there := s.verified(tokens.text(t, "access_token"))["email"]; there {
			t.Error("an access token tells what was asked for elsewhere")
		}
		// The client may have less now.
		keep := oauth.Scope{"openid", "offline_access", "read", "profile"}
		s.change("CB", func(c *oauth.Client) { c.Policy.ScopesOnRefresh = keep })
		tokens = s.refresh("CB", tokens.text(t, "refresh_token"))
		wantTold(t, "the ID token", of(s, tokens), "name=Alice Archer")
		wantTold(t, "userinfo", about(s, tokens), "")
		s.change("CB", func(c *oauth.Client) {
			c.Policy.ScopesOnRefresh, c.Scope = nil, oauth.Scope{"openid", "offline_access", "read", "email"}
		})
		tokens = s.refresh("CB", tokens.text(t, "refresh_token"))
		wantTold(t, "the ID token", of(s, tokens), "email_verified=false")
		wantTold(t, "userinfo", about(s, tokens), "email=alice@example.com")
		// A client that may not have the scope cannot ask for what it tells.
		address := s.az("CB", asking(`{"userinfo":{"groups":null},"id_token":{"groups":null}}`))
		wantCode(t, s, address, b.get(address)) // nobody is asked for it
	})

	alone(t, "OI-12 of the groups that are asked for by name those come that the person is in", func(t *testing.T, s *site) {
		s.group("Staff", "staff", "U1")
		s.group("Operators", "ops", "U1")
		s.group("Others", "others", "U2")
		wantTold(t, "userinfo", about(s, s.tokens("TR", asking(`{"userinfo":{"groups":{"values":["staff","others"]}}}`))), "groups=[staff]")
		wantTold(t, "userinfo", about(s, s.tokens("TR", asking(`{"userinfo":{"groups":null}}`))), "groups=[ops staff]")
	})

	alone(t, "OI-12 a claim goes with its scope: where a refresh leaves it out, and where an admin takes it from the grant", func(t *testing.T, s *site) {
		tokens := s.tokens("CB", url.Values{"claims": {`{"id_token":{"email":null,"name":null}}`}, "scope": {"openid email read"}})
		narrow := s.post("/token", "CB", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.text(t, "refresh_token")}, "scope": {"openid read"}})
		wantOK(t, narrow)
		wantTold(t, "the ID token of a refresh without the scope", of(s, narrow), "name=Alice Archer")
		tokens = s.refresh("CB", narrow.text(t, "refresh_token"))
		wantTold(t, "the ID token of a whole refresh", of(s, tokens), "email=alice@example.com name=Alice Archer")
		grant := s.verified(tokens.text(t, "access_token"))["grant_id"].(string)
		state, err := s.db.Grant(t.Context(), grant)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.engine.NarrowGrant(t.Context(), s.db, grant, state.Version, oauth.Scope{"openid", "read"}, by); err != nil {
			t.Fatal(err)
		}
		tokens = s.refresh("CB", tokens.text(t, "refresh_token"))
		wantTold(t, "the ID token", of(s, tokens), "name=Alice Archer")
		if page := s.admin(t).get("/admin/grants/" + grant).body; !strings.Contains(page, "<dt>Claims asked for by name</dt><dd>name</dd>") {
			t.Errorf("the grant's page does not name its claims: %s", page)
		}
	})
}
