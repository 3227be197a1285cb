package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"regrant/app/account"
	"regrant/app/oauth"
)

// group makes a group with these people of the fixtures.
func (s *site) group(name, claim string, members ...string) string {
	s.t.Helper()
	g, err := account.NewGroups(s.db).Create(context.Background(), account.Group{Name: name, Claim: claim}, by, s.clock.Wall())
	if err != nil {
		s.t.Fatal(err)
	}
	s.join(g.ID, members...)
	return g.ID
}

func (s *site) join(group string, members ...string) {
	s.t.Helper()
	for _, m := range members {
		if _, err := account.NewGroups(s.db).Add(context.Background(), group, []string{s.person[m].ID}, by, s.clock.Wall()); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *site) part(group, member string) {
	s.t.Helper()
	if _, err := account.NewGroups(s.db).Remove(context.Background(), group, []string{s.person[member].ID}, by, s.clock.Wall()); err != nil {
		s.t.Fatal(err)
	}
}

// limit lets only members of groups use a client.
func (s *site) limit(client string, groups ...string) {
	s.t.Helper()
	s.change(client, func(c *oauth.Client) {
		c.Restricted, c.Groups = true, nil
		for _, id := range groups {
			c.Groups = append(c.Groups, oauth.Group{ID: id})
		}
	})
}

func TestWhoIsInNoGroupOfAClientGetsAPageAndNoCode(t *testing.T) { // T34
	s := newSite(t)
	s.limit("CB", s.group("Staff", "", "U2"))
	b := s.browser()
	page := b.get(b.get(s.az("CB", nil)).header.Get("Location"))

	a := b.submit(page, s.issuer+"/login", url.Values{"email": {"alice@example.com"}, "password": {password}})
	page = b.get(a.header.Get("Location"))

	if page.status != http.StatusForbidden || !strings.Contains(page.body, "not for your account") || !strings.Contains(page.body, "Alice Archer") ||
		!strings.Contains(page.body, "Ask an admin") || strings.Contains(page.body, `name="password"`) {
		t.Errorf("%d %s", page.status, page.body)
	}
	b.get(a.header.Get("Location"))
	if n := s.refusals(); n != 1 {
		t.Errorf("one refusal is written down %d times", n)
	}
	if a := b.submit(page, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": {"openid"}}); strings.Contains(a.header.Get("Location"), "code=") {
		t.Errorf("the consent form gave a code: %s", a.header.Get("Location"))
	}
	if a := b.get(s.az("CB", url.Values{"prompt": {"none"}})); !strings.Contains(a.header.Get("Location"), "error=access_denied") {
		t.Errorf("prompt=none: %s", a.header.Get("Location"))
	}

	another := b.submit(page, s.issuer+"/login/continue", url.Values{"decision": {"switch"}})
	form := b.get(another.header.Get("Location"))
	a = b.submit(form, s.issuer+"/login", url.Values{"email": {"bob@example.com"}, "password": {password}})
	if consent := b.get(a.header.Get("Location")); consent.status != http.StatusOK || !strings.Contains(consent.body, `value="allow"`) {
		t.Errorf("another account: %d %s", consent.status, consent.body)
	}
}

func TestWhoMayNotUseAnApplicationCanGoBackToIt(t *testing.T) { // T34
	s := newSite(t)
	s.limit("TR", s.group("Staff", ""))
	b := s.browser()
	b.signIn("U1")
	page := b.get(b.get(s.az("TR", nil)).header.Get("Location"))

	a := b.submit(page, s.issuer+"/login/continue", url.Values{"decision": {"back"}})

	if !strings.Contains(a.header.Get("Location"), "error=access_denied") || !strings.HasPrefix(a.header.Get("Location"), "https://trusted.test/cb?") {
		t.Errorf("%d %s", a.status, a.header.Get("Location"))
	}
}

func TestLostAccessIsTakenFromEveryTokenUntilItReturns(t *testing.T) { // T34
	s := newSite(t)
	group := s.group("Staff", "", "U1")
	s.limit("CB", group)
	tokens := s.grant("CB", "openid read")
	access, refresh := tokens.text(t, "access_token"), tokens.text(t, "refresh_token")

	s.part(group, "U1")

	if s.active("RS", access) || s.active("CB", refresh) {
		t.Error("a token is active")
	}
	if a := s.userinfo(access); a.status != http.StatusUnauthorized || !strings.Contains(a.header.Get("WWW-Authenticate"), "invalid_token") {
		t.Errorf("userinfo: %d", a.status)
	}
	wantError(t, s.refresh("CB", refresh), "invalid_grant")

	s.join(group, "U1")

	if a := s.refresh("CB", refresh); a.status != http.StatusOK || !s.active("RS", access) || s.userinfo(access).status != http.StatusOK {
		t.Errorf("it does not work again: %d %s", a.status, a.body)
	}
}

func TestTheScopeGroupsGivesTheClaim(t *testing.T) {
	s := newSite(t)
	staff := s.group("Staff", "staff", "U1")
	s.group("Board", "board", "U1")
	s.group("Lunch", "", "U1")
	claim := func(tokens answer) (idToken, accessToken, userInfo []string) {
		t.Helper()
		return list(jwtPart(t, tokens.text(t, "id_token"), 1), "groups"), list(jwtPart(t, tokens.text(t, "access_token"), 1), "groups"),
			list(s.told(tokens), "groups")
	}

	tokens := s.tokens("CB", url.Values{"scope": {"openid groups read"}})
	for name, got := range claims(claim(tokens)) {
		if !slices.Equal(got, []string{"board", "staff"}) {
			t.Errorf("%s: %q", name, got)
		}
	}

	s.part(staff, "U1")
	if err := account.NewGroups(s.db).SetRoleClaims(context.Background(), map[account.Role]string{account.RolePerson: "everyone"}, by, s.clock.Wall()); err != nil {
		t.Fatal(err)
	}
	for name, got := range claims(claim(s.refresh("CB", tokens.text(t, "refresh_token")))) {
		if !slices.Equal(got, []string{"board", "everyone"}) {
			t.Errorf("%s after a refresh: %q", name, got)
		}
	}

	without := s.tokens("CB", url.Values{"scope": {"openid read"}})
	for name, got := range claims(claim(without)) {
		if got != nil {
			t.Errorf("%s tells of groups that nobody asked for: %q", name, got)
		}
	}
}

// told is what userinfo tells.
func (s *site) told(tokens answer) map[string]any {
	s.t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(s.userinfo(tokens.text(s.t, "access_token")).body), &m); err != nil {
		s.t.Fatal(err)
	}
	return m
}

func claims(idToken, accessToken, userInfo []string) map[string][]string {
	return map[string][]string{"ID token": idToken, "access token": accessToken, "userinfo": userInfo}
}

func TestWhoIsInNoGroupHasAnEmptyClaim(t *testing.T) {
	s := newSite(t)

	tokens := s.tokens("CB", url.Values{"scope": {"openid groups"}})

	for name, claims := range map[string]map[string]any{"ID token": jwtPart(t, tokens.text(t, "id_token"), 1), "userinfo": s.told(tokens)} {
		if got, ok := claims["groups"].([]any); !ok || len(got) != 0 {
			t.Errorf("%s: %v", name, claims["groups"])
		}
	}
}
