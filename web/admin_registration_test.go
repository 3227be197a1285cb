package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
)

var madeToken = regexp.MustCompile(`rgi1_[0-9A-Za-z]{30,}`)

func TestAdminsDecideWhoMayRegisterAndSeeTheirTokensOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	adm := s.admin(t)
	page := adm.get("/admin/registration")
	if page.status != http.StatusOK || strings.Contains(page.body, s.issuer+"/register") {
		t.Fatalf("%d %s", page.status, page.body)
	}
	rules := url.Values{
		"registration": {"token"}, "registration_per_address": {"7"}, "registration_total": {"70"}, "registration_unused": {"14"}, "scope": {"openid", "read"}, "documents_total": {"80"},
		"documents": {"on"}, "documents_allow": {"Notes.test, b.test\r\nnotes.test"}, "documents_deny": {""},
		"version": {hiddenValue(page.body, "version")},
	}

	// What is wrong is all named, and nothing is saved.
	for field, value := range map[string]string{"registration": "sometimes", "registration_per_address": "0", "registration_total": "10001", "registration_unused": "a month", "scope": "gone",
		"documents_total": "0", "documents_allow": "https://app.test/", "documents_deny": "app.test, a b_%"} {
		wrong := url.Values{}
		for k, v := range rules {
			wrong[k] = v
		}
		wrong[field] = []string{value}
		if a := adm.post("/admin/registration", wrong); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, field+"-error") {
			t.Errorf("%s=%s: %d", field, value, a.status)
		}
	}
	if s.engine.RegistrationOffered() {
		t.Fatal("it is on")
	}
	saved := adm.follow(adm.post("/admin/registration", rules))
	for _, want := range []string{"The rules are in force", s.issuer + "/register", `value="70"`, "0 of at most 70"} {
		if !strings.Contains(saved.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if a := adm.post("/admin/registration", rules); a.status != http.StatusConflict {
		t.Errorf("the form sent twice: %d", a.status)
	}
	if e := lastEventOf(t, s, audit.SettingsChanged); !strings.Contains(e.Detail, "registration=token") || !strings.Contains(e.Detail, "documents_allow=notes.test,b.test") || e.ActorID != s.person["ADM"].ID {
		t.Errorf("%+v", e)
	}

	if a := adm.post("/admin/registration/token", url.Values{"name": {" "}, "uses": {"1"}, "lifetime": {"7d"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a token without a name: %d", a.status)
	}
	for field, value := range map[string]string{"uses": "1001", "lifetime": "10y"} {
		form := url.Values{"name": {"x"}, "uses": {"1"}, "lifetime": {"7d"}}
		form.Set(field, value)
		if a := adm.post("/admin/registration/token", form); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s=%s: %d", field, value, a.status)
		}
	}
	made := adm.post("/admin/registration/token", url.Values{"name": {"The <b>team's editor"}, "uses": {"2"}, "lifetime": {"1h"}})
	secret := madeToken.FindString(made.body)
	if made.status != http.StatusOK || secret == "" || made.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", made.status, made.body)
	}
	a := s.tell("POST", "/register", secret, nativeClient(nil))
	if a.status != http.StatusCreated || a.text(t, "scope") != "openid read" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	list := adm.get("/admin/registration")
	if strings.Contains(list.body, secret) || !strings.Contains(list.body, "1 of 2") || !strings.Contains(list.body, "The &lt;b&gt;team") || !strings.Contains(list.body, "1 of at most 70") {
		t.Error(list.body)
	}
	tokens, err := s.db.InitialTokens(t.Context())
	if err != nil || len(tokens) != 1 || strings.Contains(string(tokens[0].Hash), secret) {
		t.Fatal(tokens, err)
	}
	if e := lastEventOf(t, s, audit.InitialTokenCreated); e.ActorID != s.person["ADM"].ID || strings.Contains(e.Detail, secret) {
		t.Errorf("%+v", e)
	}

	path := "/admin/registration/tokens/" + tokens[0].ID + "/revoke"
	if ask := adm.get(path); ask.status != http.StatusOK || !strings.Contains(ask.body, "The &lt;b&gt;team") {
		t.Errorf("%d %s", ask.status, ask.body)
	}
	if gone := adm.follow(adm.post(path, nil)); !strings.Contains(gone.body, "The token is gone") {
		t.Error(gone.body)
	}
	wantBearer(t, s.tell("POST", "/register", secret, nativeClient(nil)), http.StatusUnauthorized, "invalid_token")
	if again := adm.post(path, nil); again.status != http.StatusNotFound {
		t.Errorf("twice: %d", again.status)
	}
	lastEventOf(t, s, audit.InitialTokenRevoked)
	s.stored(a.text(t, "client_id"))

	// What gives power needs a fresh proof, and the form keeps what was typed.
	s.clock.jump(account.FreshFor + time.Second)
	rules.Set("registration", "open")
	rules.Set("version", hiddenValue(adm.get("/admin/registration").body, "version"))
	late := adm.post("/admin/registration", rules)
	if late.status != http.StatusForbidden || !strings.Contains(late.body, "/confirm?return=") || !strings.Contains(late.body, `value="open" checked`) {
		t.Errorf("%d %s", late.status, late.body)
	}
	now, err := s.db.SiteSettings(t.Context())
	if d := now.Registration.Documents; !d.On || !slices.Equal(d.Allow, []string{"notes.test", "b.test"}) || d.Deny != nil || d.Total != 80 {
		t.Errorf("%+v", d)
	}
	if err != nil || now.Registration.Mode != oauth.RegistrationByToken || now.Registration.Unused != 14*24*time.Hour {
		t.Errorf("%+v %v", now.Registration, err)
	}
}
