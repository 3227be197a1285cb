package web_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"regrant/app/oauth"
	"regrant/db"
	"regrant/web"
)

func TestAnAdminTriesWhatAPolicyDoes(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	token := s.grant("CB", "openid read").text(t, "refresh_token")
	before := strings.Count(s.log.String(), "\n")

	form := root.get("/admin/clients/CB/test")
	if form.status != http.StatusOK || strings.Contains(form.body, `class="panel scene"`) {
		t.Fatalf("%d %s", form.status, form.body)
	}
	page := root.post("/admin/clients/CB/test", nil)

	if page.status != http.StatusOK || strings.Count(page.body, `class="panel scene"`) != 10 {
		t.Fatalf("%d with %d scenes", page.status, strings.Count(page.body, `class="panel scene"`))
	}
	for _, want := range []string{
		"Refreshes at the same moment are fine", "can try again for 10 seconds", "ends the sign-in as soon as both parties have used it",
		"invalid_grant", "Stays signed in", "Must sign in again", "Audit log: ", "Possible theft", "Why refused: ",
	} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if regexp.MustCompile(`rg[rsac]1_[0-9A-Za-z]{20}`).MatchString(page.body) {
		t.Error("a token or a secret is shown")
	}
	// Nothing of it has reached the server's own data.
	if a := s.refresh("CB", token); a.status != http.StatusOK {
		t.Errorf("the real sign-in: %d %s", a.status, a.body)
	}
	grants, err := s.db.Grants(t.Context(), oauth.GrantFilter{ClientID: "CB"})
	if err != nil || len(grants) != 1 {
		t.Errorf("%d grants, %v", len(grants), err)
	}
	if c, err := s.db.Client(t.Context(), "CB"); err != nil || c.Version != 1 {
		t.Errorf("the client: %+v, %v", c, err)
	}
	if after := strings.Count(s.log.String(), "request refused"); after > before {
		t.Error("the rehearsal's refusals stand in the server's log")
	}
}

func TestTheSummaryOfARehearsalFollowsThePolicy(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	for name, tt := range map[string]struct {
		change func(*oauth.Client)
		want   []string
	}{
		"strict": {func(c *oauth.Client) { c.Policy, _ = oauth.PolicyOf(oauth.PresetStrict) },
			[]string{"Two refreshes at the same moment sign the person out", "no second chance"}},
		"no rotation": {func(c *oauth.Client) { c.Policy, _ = oauth.PolicyOf(oauth.PresetStandard); c.Policy.RotationOff = true },
			[]string{"A lost answer does no harm", "and nobody notices", "Somebody else has access too"}},
		"report": {func(c *oauth.Client) {
			c.Policy, _ = oauth.PolicyOf(oauth.PresetStandard)
			c.Policy.OnReuse = oauth.ReuseReports
		}, []string{"the sign-in lives on"}},
		"no refresh token": {func(c *oauth.Client) { c.GrantTypes = []string{oauth.GrantAuthorizationCode} }, []string{"there is nothing to test"}},
	} {
		s.change("CX", func(c *oauth.Client) {
			c.GrantTypes = []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken}
			tt.change(c)
		})
		page := root.post("/admin/clients/CX/test", nil)
		for _, want := range tt.want {
			if page.status != http.StatusOK || !strings.Contains(page.body, want) {
				t.Errorf("%s: %d, the page lacks %q", name, page.status, want)
			}
		}
	}
}

func TestOneRehearsalRunsAtATime(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := newSite(t, siteOptions{config: func(c *web.Config) {
		c.Rehearsal = func(ctx context.Context) (oauth.Store, func() error, error) {
			entered <- struct{}{}
			<-leave
			return db.OpenRehearsal(ctx)
		}
	}})
	first, second := s.admin(t), s.admin(t)
	done := make(chan answer)
	go func() { done <- first.post("/admin/clients/CB/test", nil) }()
	<-entered

	busy := second.post("/admin/clients/CB/test", nil)
	close(leave)
	played := <-done

	if busy.status != http.StatusConflict || !strings.Contains(busy.body, "Another test is running") {
		t.Errorf("%d %s", busy.status, busy.body)
	}
	if played.status != http.StatusOK || !strings.Contains(played.body, `class="panel scene"`) {
		t.Errorf("the first: %d", played.status)
	}
}

func TestNobodyButAnAdminRehearses(t *testing.T) {
	s := newSite(t)
	alice := &adminBrowser{s.browser()}
	alice.signIn("U1")
	if a := alice.post("/admin/clients/CB/test", nil); a.status != http.StatusForbidden {
		t.Errorf("a person: %d", a.status)
	}
	if a := s.admin(t).postForm("/admin/clients/CB/test", url.Values{"form_token": {"x"}}); a.status != http.StatusForbidden {
		t.Errorf("a foreign form: %d", a.status)
	}
	if a := s.admin(t).get("/admin/clients/nobody/test"); a.status != http.StatusNotFound {
		t.Errorf("no such client: %d", a.status)
	}
	if a := s.admin(t).post("/admin/clients/"+s.secret["RS.id"]+"/test", nil); a.status != http.StatusSeeOther {
		t.Errorf("an API's client: %d", a.status)
	}
}
