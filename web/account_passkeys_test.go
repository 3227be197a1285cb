package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
)

const passkeysPath = "/account/security/passkeys"

// addPasskey adds a passkey by the pages of the account.
func (b *browser) addPasskey(a *authenticator, name string) answer {
	b.t.Helper()
	page := b.get(passkeysPath + "/new")
	return b.submit(page, passkeysPath+"/new", url.Values{"name": {name}, "credential": {a.make(b.optionsOf(page))}})
}

// onlyPasskey gives the one passkey of a person.
func (s *site) onlyPasskey(person string) account.Passkey {
	s.t.Helper()
	list, err := s.passkeys().List(context.Background(), s.person[person].ID)
	if err != nil || len(list) != 1 {
		s.t.Fatalf("%d passkeys, %v", len(list), err)
	}
	return list[0]
}

func TestWEB_39_APasskeyIsAddedNamedUsedAndRemoved(t *testing.T) {
	s := newSite(t)
	a, b := s.authenticator(), s.browser()
	b.signIn("U1")
	if page := b.get("/account/security"); !strings.Contains(page.body, passkeysPath+"/new") {
		t.Errorf("nothing leads to a first passkey: %s", page.body)
	}

	added := b.addPasskey(a, "  Laptop ")

	if added.status != http.StatusOK || len(recoveryCodes(added)) != account.RecoveryCodes || !strings.Contains(added.body, `href="/account/security"`) {
		t.Fatalf("%d %s", added.status, added.body)
	}
	k := s.onlyPasskey("U1")
	page := b.get("/account/security")
	for _, says := range []string{"Laptop", "On one device only", "not used yet", k.ID + "/remove"} {
		if !strings.Contains(page.body, says) {
			t.Errorf("the list lacks %q", says)
		}
	}
	if e := s.lastEvents("U1", 2)[1]; e.Kind != audit.FactorAdded || !strings.Contains(e.Detail, "passkey="+k.ID) || e.ActorID != s.person["U1"].ID {
		t.Errorf("the log says %+v", e)
	}

	renamed := b.submit(b.get(passkeysPath+"/"+k.ID), passkeysPath+"/"+k.ID, url.Values{"name": {"<b>Büro</b>"}})
	if renamed.status != http.StatusSeeOther || s.onlyPasskey("U1").Name != "<b>Büro</b>" {
		t.Errorf("renamed: %d %s", renamed.status, s.onlyPasskey("U1").Name)
	}
	if e := s.lastEvents("U1", 1)[0]; e.Kind != audit.FactorRenamed || e.Detail != "factor=passkey passkey="+k.ID {
		t.Errorf("T23: the log says of another name %+v", e)
	}
	if page := b.get("/account/security"); !strings.Contains(page.body, "&lt;b&gt;Büro") {
		t.Error("WEB-12: the name is not shown as text")
	}

	other := s.browser()
	login := other.get("/login")
	if in := other.showPasskey(login, a.show(s.optionsOf(login))); in.status != http.StatusSeeOther {
		t.Fatalf("signing in with it: %d %s", in.status, in.body)
	}
	ask := other.get(passkeysPath + "/" + k.ID + "/remove")
	if !strings.Contains(ask.body, "Every other browser and all applications are signed out.") || strings.Contains(ask.body, "checkbox") {
		t.Errorf("T25: the page does not say what ends, or asks whether: %s", ask.body)
	}
	removed := other.submit(ask, passkeysPath+"/"+k.ID+"/remove", url.Values{})
	if removed.status != http.StatusSeeOther {
		t.Fatalf("removed: %d %s", removed.status, removed.body)
	}
	sessions, err := s.people.Sessions(context.Background(), s.person["U1"].ID, s.clock.Wall())
	if err != nil || len(sessions) != 1 {
		t.Errorf("T25: %d sessions, %v", len(sessions), err)
	}
	if here, there := other.get("/account/security"), b.get("/account/security"); here.status != http.StatusOK || there.status == http.StatusOK {
		t.Errorf("the session in which it was removed: %d, the other: %d", here.status, there.status)
	}
	if e := s.lastEvents("U1", 1)[0]; e.Kind != audit.FactorRemoved || !strings.Contains(e.Detail, "passkey="+k.ID) {
		t.Errorf("the log says %+v", e)
	}
	for _, e := range s.lastEvents("U1", 20) {
		if strings.Contains(e.Detail, "Laptop") || strings.Contains(e.Detail, "Büro") {
			t.Errorf("T23: the log keeps what the person called it: %+v", e)
		}
	}
	login = other.get("/login?switch=1")
	if in := other.showPasskey(login, a.show(s.optionsOf(login))); in.status != http.StatusUnprocessableEntity {
		t.Errorf("a removed passkey signs in: %d", in.status)
	}
}

func TestWEB_34_AddingAndRemovingPasskeysNeedsAFreshProof(t *testing.T) {
	s := newSite(t)
	a, b := s.authenticator(), s.browser()
	k := s.enrol(a, "U1")
	login := b.get("/login")
	b.showPasskey(login, a.show(s.optionsOf(login)))
	page := b.get(passkeysPath + "/new")
	ask := answer{body: b.formOf(page, passkeysPath+"/new")}
	s.clock.jump(10 * time.Minute)

	for _, path := range []string{passkeysPath + "/new", passkeysPath + "/" + k.ID + "/remove"} {
		shown, taken := b.get(path), b.submit(ask, path, url.Values{"name": {"x"}, "credential": {a.make(s.optionsOf(page))}})
		for _, got := range []answer{shown, taken} {
			if got.status != http.StatusSeeOther || !strings.Contains(got.header.Get("Location"), "/confirm?return="+url.QueryEscape(path)) {
				t.Errorf("%s: %d to %s", path, got.status, got.header.Get("Location"))
			}
		}
	}
	if s.onlyPasskey("U1").ID != k.ID {
		t.Error("something was added or removed")
	}
}

func TestWEB_39_WhatABrowserMadeIsCheckedBeforeItIsAdded(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn("U1")
	other := s.browser()
	other.signIn("U2")
	for name, attack := range map[string]struct {
		change func(*authenticator)
		form   func(a *authenticator, page answer) url.Values
		says   string
	}{
		"another origin":        {change: func(a *authenticator) { a.origin = "https://evil.test" }, says: "was not added"},
		"another rp id":         {change: func(a *authenticator) { a.rpID = "evil.test" }, says: "was not added"},
		"no name":               {form: func(*authenticator, answer) url.Values { return url.Values{"name": {" "}} }, says: "Give the passkey a name"},
		"a name of 101 letters": {form: func(*authenticator, answer) url.Values { return url.Values{"name": {strings.Repeat("x", 101)}} }, says: "at most 100 characters"},
		"no answer":             {form: func(*authenticator, answer) url.Values { return url.Values{"credential": {""}} }, says: "was not added"},
		"another person's question": {form: func(a *authenticator, _ answer) url.Values {
			page := other.get(passkeysPath + "/new")
			return url.Values{"ceremony": {ceremonyOf(page)}, "credential": {a.make(s.optionsOf(page))}}
		}, says: "was not added"},
		"a question to sign in": {form: func(a *authenticator, page answer) url.Values {
			return url.Values{"ceremony": {ceremonyOf(s.browser().get("/login"))}}
		}, says: "was not added"},
	} {
		a := s.authenticator()
		if attack.change != nil {
			attack.change(a)
		}
		page := b.get(passkeysPath + "/new")
		form := url.Values{"name": {"Laptop"}, "credential": {a.make(s.optionsOf(page))}}
		if attack.form != nil {
			for field, values := range attack.form(a, page) {
				form[field] = values
			}
		}

		refused := b.submit(page, passkeysPath+"/new", form)

		if refused.status != http.StatusUnprocessableEntity || !strings.Contains(refused.body, attack.says) {
			t.Errorf("%s: %d %s", name, refused.status, refused.body)
		}
	}
	if list, err := s.passkeys().List(context.Background(), s.person["U1"].ID); err != nil || len(list) != 0 {
		t.Errorf("%d passkeys, %v", len(list), err)
	}

	a := s.authenticator()
	page := b.get(passkeysPath + "/new")
	form := url.Values{"name": {"Laptop"}, "credential": {a.make(s.optionsOf(page))}}
	if added := b.submit(page, passkeysPath+"/new", form); added.status != http.StatusOK {
		t.Errorf("the right one: %d %s", added.status, added.body)
	}
	s.onlyPasskey("U1")
}

func TestWEB_43_NobodySeesRenamesOrRemovesAnothersPasskey(t *testing.T) {
	s := newSite(t)
	k := s.enrol(s.authenticator(), "U1")
	b := s.browser()
	b.signIn("U2")
	own := answer{body: b.formOf(b.get(passkeysPath+"/new"), passkeysPath+"/new")}

	for _, path := range []string{passkeysPath + "/" + k.ID, passkeysPath + "/" + k.ID + "/remove"} {
		if a := b.get(path); a.status != http.StatusNotFound {
			t.Errorf("GET %s: %d", path, a.status)
		}
		if a := b.submit(own, path, url.Values{"name": {"Mine"}}); a.status != http.StatusNotFound {
			t.Errorf("POST %s: %d", path, a.status)
		}
	}
	if got := s.onlyPasskey("U1"); got.Name != k.Name {
		t.Errorf("it is called %s", got.Name)
	}
}

func TestTheLastPasskeyOfSomebodyWithoutAPasswordStays(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.authenticator(), s.browser()
	first := s.enrol(a, "U1")
	s.enrol(a, "U1")
	login := b.get("/login")
	b.showPasskey(login, a.show(s.optionsOf(login)))
	s.exec("UPDATE people SET password_hash = '' WHERE email = 'alice@example.com'")
	remove := func(k account.Passkey) answer {
		path := passkeysPath + "/" + k.ID + "/remove"
		return b.submit(b.get(path), path, url.Values{})
	}
	if one := remove(first); one.status != http.StatusSeeOther {
		t.Fatalf("one of two: %d %s", one.status, one.body)
	}

	last := remove(s.onlyPasskey("U1"))

	if last.status != http.StatusUnprocessableEntity || !strings.Contains(last.body, "your only way in") {
		t.Errorf("the last one: %d %s", last.status, last.body)
	}
	s.onlyPasskey("U1")
	login = b.get("/login?switch=1")
	if in := b.showPasskey(login, a.show(s.optionsOf(login))); in.status != http.StatusSeeOther {
		t.Errorf("it signs in no more: %d", in.status)
	}
}
