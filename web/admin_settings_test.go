package web_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/settings"
	"regrant/db"
	"regrant/web"
)

// upload posts a form with a file as browsers do. Fields that are not named have the values of the page.
func (b *adminBrowser) upload(path string, fields url.Values, file []byte) answer {
	b.t.Helper()
	return b.send(b.uploadRequest(path, b.formValues(path, fields), file))
}

// formValues gives what the form of a page holds, changed by fields.
func (b *adminBrowser) formValues(path string, fields url.Values) url.Values {
	b.t.Helper()
	form := url.Values{}
	inside := b.formOf(b.get(path), b.issuer+path)
	for _, m := range anyInput.FindAllStringSubmatch(inside, -1) {
		attributes := map[string]string{}
		for _, a := range anyAttribute.FindAllStringSubmatch(m[1], -1) {
			attributes[a[1]] = a[3]
		}
		_, checked := attributes["checked"]
		if t := attributes["type"]; t == "file" || (t == "radio" || t == "checkbox") && !checked {
			continue
		}
		form.Add(attributes["name"], attributes["value"])
	}
	for _, m := range anyTextArea.FindAllStringSubmatch(inside, -1) {
		form.Add(m[1], m[2])
	}
	for k, v := range fields {
		form[k] = v
	}
	return form
}

var (
	anyInput     = regexp.MustCompile(`<input ([^>]*)>`)
	anyAttribute = regexp.MustCompile(`([a-z-]+)(="([^"]*)")?`)
	anyTextArea  = regexp.MustCompile(`(?s)<textarea[^>]* name="([^"]+)"[^>]*>(.*?)</textarea>`)
)

func (b *adminBrowser) uploadRequest(path string, form url.Values, file []byte) *http.Request {
	b.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, values := range form {
		for _, v := range values {
			_ = w.WriteField(name, v)
		}
	}
	part, _ := w.CreateFormFile("logo", "logo.png")
	_, _ = part.Write(file)
	w.Close()
	r, err := http.NewRequest("POST", b.issuer+path, &body)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

func logoFile(t testing.TB, shade uint8) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, 48, 24))
	for i := range m.Pix {
		m.Pix[i] = shade
	}
	m.Set(3, 3, color.NRGBA{200, 10, 10, 255})
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var (
	logoAddress   = regexp.MustCompile(`/brand/logo\.[0-9a-f]{16}\.png`)
	accentAddress = regexp.MustCompile(`/brand/accent\.[0-9a-f]{12}\.css`)
)

func TestTheLookOfTheOrganisationIsOnEveryPage(t *testing.T) {
	s := newSite(t, siteOptions{issuer: "https://as.test/t1"})
	adm := s.admin(t)

	saved := adm.upload("/admin/settings", url.Values{"name": {"Acme <b>Sign-in</b>"}, "accent": {"#C2410C"}}, logoFile(t, 90))

	page := adm.follow(saved)
	if page.status != 200 || !strings.Contains(page.body, "Saved. The settings are in force.") {
		t.Fatalf("%d %s", page.status, page.body)
	}
	logo, accent := logoAddress.FindString(page.body), accentAddress.FindString(page.body)
	if logo == "" || accent == "" {
		t.Fatalf("logo %q, accent %q", logo, accent)
	}
	visitor := &adminBrowser{s.browser()}
	alice := &adminBrowser{s.browser()}
	alice.signIn("U1")
	consent := alice.browser.get(s.az("CB", nil))
	for name, a := range map[string]answer{
		"sign-in": visitor.get("/login"), "home": visitor.get("/"), "error": visitor.get("/nowhere"), "docs": visitor.get("/docs/start"),
		"admin": adm.get("/admin/audit"), "consent": alice.follow(consent), "forbidden": alice.get("/admin"),
	} {
		if !strings.Contains(a.body, "Acme &lt;b&gt;Sign-in&lt;/b&gt;</title>") || !strings.Contains(a.body, `src="/t1`+logo+`"`) || !strings.Contains(a.body, `href="/t1`+accent+`"`) {
			t.Errorf("%s has another look: %s", name, a.body)
		}
		if strings.Contains(a.body, "<b>Sign-in") {
			t.Errorf("WEB-12 %s: the name became markup", name)
		}
	}

	picture := visitor.get(logo)
	if h := picture.header; picture.status != 200 || h.Get("Content-Type") != "image/png" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Cache-Control"), "immutable") {
		t.Errorf("%d %v", picture.status, picture.header)
	}
	if _, err := png.Decode(strings.NewReader(picture.body)); err != nil {
		t.Error(err)
	}
	sheet := visitor.get(accent)
	if sheet.status != 200 || !strings.HasPrefix(sheet.header.Get("Content-Type"), "text/css") || !strings.Contains(sheet.body, "--color-action: light-dark(#") {
		t.Errorf("%d %s", sheet.status, sheet.body)
	}
	for _, path := range []string{"/brand/logo.0000000000000000.png", "/brand/accent.000000000000.css", "/brand/", "/brand/logo.svg"} {
		if a := visitor.get(path); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}

	e := lastEventOf(t, s, audit.SettingsChanged)
	changes, _ := audit.Changes(e.Detail)
	if len(changes) != 3 || changes[0].After != "Acme <b>Sign-in</b>" || changes[1].After != "#c2410c" || e.ActorID != s.person["ADM"].ID || e.RequestID == "" {
		t.Errorf("%+v %+v", e, changes)
	}
	adm.follow(adm.upload("/admin/settings", url.Values{"remove_logo": {"on"}}, nil))
	if a := visitor.get("/login"); logoAddress.MatchString(a.body) {
		t.Error("the logo is still there")
	}
	if a := visitor.get(logo); a.status != 404 {
		t.Errorf("the removed logo is still served: %d", a.status)
	}
}

func lastEventOf(t *testing.T, s *site, kind audit.Kind) audit.Event {
	t.Helper()
	events, err := s.db.Events(context.Background(), db.EventFilter{Kind: kind}, 1)
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	return events[0]
}

func TestSettingsOfAnotherProcessAreInForceWithinASecond(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	if a := b.get("/login"); !strings.Contains(a.body, "Regrant</title>") {
		t.Fatal(a.body)
	}
	next := settings.Default()
	next.Name = "Elsewhere"
	if _, err := settings.Save(context.Background(), s.db, next, settings.LogoChange{}, s.clock.Wall(), by); err != nil {
		t.Fatal(err)
	}

	for until := time.Now().Add(time.Second); ; time.Sleep(20 * time.Millisecond) {
		if strings.Contains(b.get("/login").body, "Elsewhere</title>") {
			return
		}
		if time.Now().After(until) {
			t.Fatal("after a second the old name is still shown")
		}
	}
}

func TestWEB_15_NothingButAPNGBecomesTheLogo(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"SVG":     {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), "This is not a PNG"},
		"HTML":    {[]byte("<!doctype html><script>alert(1)</script>"), "This is not a PNG"},
		"JPEG":    {[]byte("\xff\xd8\xff\xe0\x00\x10JFIF"), "This is not a PNG"},
		"damaged": {logoFile(t, 1)[:60], "This PNG is damaged"},
		"large":   {append(logoFile(t, 1), make([]byte, settings.MaxLogoBytes)...), "too large: at most 256 KB"},
	} {
		t.Run(name, func(t *testing.T) {
			a := adm.upload("/admin/settings", url.Values{"name": {"Typed name"}, "invite_domains": {"typed.example"}}, c.file)

			if a.status != 422 || !strings.Contains(a.body, c.want) || !strings.Contains(a.body, `aria-describedby="logo-help logo-error"`) {
				t.Errorf("%d %s", a.status, a.body)
			}
			if !strings.Contains(a.body, `value="Typed name"`) || !strings.Contains(a.body, ">typed.example</textarea>") {
				t.Error("what was typed is lost")
			}
		})
	}
	huge := adm.upload("/admin/settings", nil, make([]byte, 1<<20))
	if huge.status != 413 {
		t.Errorf("a megabyte: %d", huge.status)
	}
	if now, err := s.db.SiteSettings(t.Context()); err != nil || now.Version != 0 {
		t.Errorf("%+v %v", now, err)
	}
}

func TestWEB_20_TheFormOfTheSettingsIsOurs(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	alice := &adminBrowser{s.browser()}
	alice.signIn("U1")
	good := adm.formValues("/admin/settings", url.Values{"name": {"Taken over"}})

	without, wrong, twice := url.Values{}, url.Values{}, url.Values{}
	for k, v := range good {
		without[k], wrong[k], twice[k] = v, v, v
	}
	delete(without, "form_token")
	wrong["form_token"] = []string{"x"}
	twice["form_token"] = []string{good.Get("form_token"), good.Get("form_token")}
	for name, form := range map[string]url.Values{"no token": without, "a wrong token": wrong, "two tokens": twice} {
		if a := adm.send(adm.uploadRequest("/admin/settings", form, logoFile(t, 7))); a.status != 403 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	foreign := adm.uploadRequest("/admin/settings", good, nil)
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	if a := adm.send(foreign); a.status != 403 {
		t.Errorf("cross-site: %d", a.status)
	}
	own := url.Values{"form_token": {hiddenValue(alice.get("/logout").body, "form_token")}, "name": {"Taken over"}}
	if a := alice.send(alice.uploadRequest("/admin/settings", own, nil)); a.status != 403 {
		t.Errorf("a person: %d", a.status)
	}
	other := adm.uploadRequest("/admin/settings", good, nil)
	other.Header.Set("Content-Type", "multipart/form-data")
	if a := adm.send(other); a.status != 415 {
		t.Errorf("no boundary: %d", a.status)
	}
	if now, err := s.db.SiteSettings(t.Context()); err != nil || now.Version != 0 {
		t.Errorf("%+v %v", now, err)
	}
}

func TestSettingsAreRefusedWithEverythingThatIsWrong(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)

	a := adm.upload("/admin/settings", url.Values{"accent": {"red"}, "invite_domains": {"ok.example\nnot a domain@"}, "grace": {"2m"}, "idle": {"soon"}}, nil)

	if a.status != 422 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, want := range []string{`id="accent-error"`, `id="invite_domains-error"`, `id="grace-error"`, `id="idle-error"`, `value="red"`, `value="2m"`, `value="soon"`} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}

	t.Run("who saves on top of somebody else's change is told and loses nothing", func(t *testing.T) {
		stale := adm.formValues("/admin/settings", url.Values{"name": {"Mine"}})
		adm.follow(adm.upload("/admin/settings", url.Values{"name": {"Theirs"}}, nil))

		a := adm.send(adm.uploadRequest("/admin/settings", stale, nil))

		if a.status != 409 || !strings.Contains(a.body, `value="Mine"`) || !strings.Contains(a.body, "Somebody else changed the settings") {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if now, _ := s.db.SiteSettings(t.Context()); now.Name != "Theirs" {
			t.Error(now.Name)
		}
	})

	t.Run("a preview saves nothing", func(t *testing.T) {
		before, _ := s.db.SiteSettings(t.Context())
		a := adm.upload("/admin/settings", url.Values{"name": {"Preview Inc"}, "accent": {"#0f766e"}, "action": {"preview"}}, nil)
		if a.status != 200 || !strings.Contains(a.body, ">Preview Inc</text>") || !strings.Contains(a.body, `fill="#0f766e"`) {
			t.Errorf("%d %s", a.status, a.body)
		}
		if now, _ := s.db.SiteSettings(t.Context()); now.Version != before.Version {
			t.Error("something was saved")
		}
	})
}

func TestThePageOfSettingsSaysWhatTheProcessWasTold(t *testing.T) {
	s := newSite(t, siteOptions{config: func(c *web.Config) {
		c.Version, c.DatabaseFile = "v1.2.3-test", "regrant.db"
		c.Environment = []web.Setting{{Name: "listen", Value: "127.0.0.1:8080", Source: "flag"}, {Name: "origin", Source: "default"}}
	}})
	a := s.admin(t).get("/admin/settings")
	for _, want := range []string{"https://as.test", "v1.2.3-test", "127.0.0.1:8080", "Flag", "Default", "Admins invite people", "Master key"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if a.status != 200 {
		t.Error(fmt.Sprint(a.status))
	}
}
