package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
)

// saveProfile posts the profile with these fields changed.
func (b *adminBrowser) saveProfile(fields url.Values) answer {
	b.t.Helper()
	return b.submit(b.get("/account/profile"), b.issuer+"/account/profile", fields)
}

// chosenOption gives the value of the option that is selected in a list of the page.
func chosenOption(body, name string) string {
	_, list, _ := strings.Cut(body, `name="`+name+`"`)
	list, _, _ = strings.Cut(list, "</select>")
	if m := regexp.MustCompile(`<option value="([^"]*)" selected`).FindStringSubmatch(list); m != nil {
		return m[1]
	}
	return "nothing"
}

func TestPeopleChangeWhatTheyAreCalledAndHowPagesSpeak(t *testing.T) {
	s := newSite(t)
	alice := s.as("U1")
	form := url.Values{"name": {" Alice Ampère "}, "language": {"en"}, "time_zone": {"Europe/Berlin"}}

	a := alice.saveProfile(form)

	if a.status != 303 || a.header.Get("Location") != "/account/profile" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	page := alice.follow(a)
	if !strings.Contains(page.body, "Your profile is saved") || !strings.Contains(page.body, `value="Alice Ampère"`) ||
		chosenOption(page.body, "language") != "en" || chosenOption(page.body, "time_zone") != "Europe/Berlin" {
		t.Errorf("%s", page.body)
	}
	person, err := s.people.Find(t.Context(), s.person["U1"].ID)
	if err != nil || person.Name != "Alice Ampère" || person.Language != "en" || person.TimeZone != "Europe/Berlin" || person.Email != "alice@example.com" {
		t.Errorf("%+v %v", person, err)
	}
	events := s.events("U1", audit.PersonUpdated)
	if len(events) != 1 || !strings.Contains(events[0].Detail, "name,language,time_zone") || strings.Contains(events[0].Detail, "Amp") {
		t.Errorf("%+v", events)
	}
	if a := alice.saveProfile(form); a.status != 303 || len(s.events("U1", audit.PersonUpdated)) != 1 {
		t.Errorf("the same once more is written: %d", a.status)
	}
}

func TestAProfileThatIsNoneIsRefusedAndKept(t *testing.T) {
	s := newSite(t)
	alice := s.as("U1")
	for name, c := range map[string]struct {
		form url.Values
		says string
	}{
		"a name with a line break": {url.Values{"name": {"Alice\u202e"}, "time_zone": {"Europe/Paris"}}, "name-error"},
		"a language of nobody":     {url.Values{"name": {"Typed"}, "language": {"no such one"}}, "language-error"},
		"a zone of nobody":         {url.Values{"name": {"Typed"}, "time_zone": {"Mars/Phobos"}}, "time_zone-error"},
		"the zone of the server":   {url.Values{"name": {"Typed"}, "time_zone": {"Local"}}, "time_zone-error"},
		"a path":                   {url.Values{"name": {"Typed"}, "time_zone": {"../../etc/passwd"}}, "time_zone-error"},
		"of another version":       {url.Values{"name": {"Typed"}, "version": {"99"}}, "Typed"},
		"of no version":            {url.Values{"name": {"Typed"}, "version": {"x"}}, "Typed"},
	} {
		if a := alice.saveProfile(c.form); a.status != 422 || !strings.Contains(a.body, c.says) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := alice.saveProfile(url.Values{"name": {"Alice\u202e"}, "time_zone": {"Europe/Paris"}}); chosenOption(a.body, "time_zone") != "Europe/Paris" {
		t.Error("what was chosen is lost")
	}
	if person, err := s.people.Find(t.Context(), s.person["U1"].ID); err != nil || person.Name != "Alice Archer" || person.TimeZone != "" {
		t.Errorf("%+v %v", person, err)
	}
}

func TestTimesAreToldInTheChosenZone(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)
	pages := []string{"/account/activity", "/admin/people/" + s.person["U1"].ID, "/admin/audit"}
	local := regexp.MustCompile(`<time [^>]*data-local="date-time">[^<]* UTC</time>`)
	for _, page := range pages {
		if a := root.get(page); !local.MatchString(a.body) {
			t.Errorf("%s: times are not left to the browser", page)
		}
	}

	if a := root.saveProfile(url.Values{"time_zone": {"Asia/Kolkata"}}); a.status != 303 {
		t.Fatalf("%d %s", a.status, a.body)
	}

	told := regexp.MustCompile(`<time datetime="[^"]*Z">[^<]* IST</time>`)
	for _, page := range pages {
		if a := root.get(page); strings.Contains(a.body, "data-local") || !told.MatchString(a.body) {
			t.Errorf("%s is not in the zone", page)
		}
	}
	alice := s.as("U1")
	if a := alice.get("/account/activity"); !local.MatchString(a.body) {
		t.Error("somebody else is told times in that zone")
	}
}

func TestTheChosenLanguageGoesBeforeThatOfTheBrowser(t *testing.T) {
	s := newSite(t)
	alice := s.as("U1")
	s.exec("UPDATE people SET language = 'en' WHERE email = 'alice@example.com'")
	s.exec("UPDATE people SET language = 'tlh' WHERE email = 'bob@example.com'") // which a newer server had
	bob := s.as("U2")
	for path, b := range map[string]*adminBrowser{"/account": alice, "/account/nothing": alice, "/": alice, "/account/security": bob} {
		r, err := http.NewRequest("GET", s.issuer+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Language", "en-GB,en;q=0.9")
		if a := b.send(r); !strings.Contains(a.body, `<html lang="en"`) {
			t.Errorf("%s: %.200s", path, a.body)
		}
	}
}

func TestT23_PeopleDeleteTheirAccountForAProofAndItsAddress(t *testing.T) {
	s := newSite(t)
	alice, phone := s.as("U1"), s.as("U1")
	tokens := phone.allow("CB", offline)
	const address = "/account/profile/delete"
	s.clock.jump(account.FreshFor)
	for name, a := range map[string]answer{"GET": alice.get(address), "POST": alice.post(address, url.Values{"confirm": {"alice@example.com"}})} {
		if a.status != 303 || a.header.Get("Location") != "/confirm?return="+url.QueryEscape(address) {
			t.Errorf("WEB-40: %s without a proof: %d %s", name, a.status, a.header.Get("Location"))
		}
	}
	alice.submit(alice.get("/confirm?return="+url.QueryEscape(address)), s.issuer+"/confirm", url.Values{"password": {password}})
	if a := alice.get(address); a.status != 200 || !strings.Contains(a.body, "Delete the account alice@example.com?") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, typed := range []string{"", "yes", "bob@example.com"} {
		if a := alice.post(address, url.Values{"confirm": {typed}}); a.status != 422 || !strings.Contains(a.body, "confirm-error") {
			t.Errorf("%q: %d", typed, a.status)
		}
	}

	a := alice.post(address, url.Values{"confirm": {" Alice@Example.com"}})

	if a.status != 303 || a.header.Get("Location") != "/goodbye" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if page := alice.follow(a); page.status != 200 || !strings.Contains(page.body, "Your account is deleted") {
		t.Errorf("%d", page.status)
	}
	if cookie := alice.cookie("_session"); cookie != "" {
		t.Error("the cookie of the session is left")
	}
	if a := phone.get("/account"); a.status != 303 {
		t.Errorf("another browser: %d", a.status)
	}
	if a := s.refresh("CB", tokens.text(t, "refresh_token")); a.status != 400 || a.text(t, "error") != "invalid_grant" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if s.active("RS", tokens.text(t, "access_token")) {
		t.Error("an access token is active")
	}
	if a := alice.submit(alice.get("/login"), s.issuer+"/login", url.Values{"email": {"alice@example.com"}, "password": {password}}); a.status != 422 {
		t.Errorf("signed in again: %d", a.status)
	}
	if events := s.events("U1", audit.PersonDeleted); len(events) != 1 || events[0].Actor != audit.ByPerson {
		t.Errorf("%+v", events)
	}
}

func TestT23_TheLastAdminStays(t *testing.T) {
	s := newSite(t)
	root := s.admin(t)

	a := root.post("/account/profile/delete", url.Values{"confirm": {"root@example.com"}})

	if a.status != 422 || !strings.Contains(a.body, "You are the last admin") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := root.get("/account"); a.status != 200 {
		t.Errorf("%d", a.status)
	}
	s.addAdmin("ADM2", "second@example.com")
	s.clock.jump(time.Second)
	if a := root.post("/account/profile/delete", url.Values{"confirm": {"root@example.com"}}); a.header.Get("Location") != "/goodbye" {
		t.Errorf("%d", a.status)
	}
}
