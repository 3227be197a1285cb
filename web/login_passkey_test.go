package web_test

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/db"
)

// passkeys gives the passkeys of the site, apart from its pages.
func (s *site) passkeys() *account.Passkeys { return account.NewPasskeys(s.people, s.db, s.issuer) }

// enrol gives a person the next passkey of an authenticator.
func (s *site) enrol(a *authenticator, person string) account.Passkey {
	s.t.Helper()
	ctx, id := context.Background(), s.person[person].ID
	c, err := s.passkeys().Enrolment(ctx, id, "test", s.clock.Wall())
	if err != nil {
		s.t.Fatal(err)
	}
	k, _, err := s.passkeys().Add(ctx, id, "test", "Test key", account.PasskeyAnswer{State: c.State, Credential: a.make(c.Options)}, by, s.clock.Wall())
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

var passkeyOptions = regexp.MustCompile(`<passkey-button options="([^"]*)"`)

// optionsOf gives what a page asks the browser's passkeys.
func (s *site) optionsOf(page answer) string {
	s.t.Helper()
	m := passkeyOptions.FindStringSubmatch(page.body)
	if m == nil {
		s.t.Fatalf("the page asks for no passkey: %s", page.body)
	}
	return html.UnescapeString(m[1])
}

// showPasskey answers a page's question on the sign-in page.
func (b *browser) showPasskey(page answer, credential string) answer {
	b.t.Helper()
	form := answer{body: b.formOf(page, "/login")}
	return b.submit(form, b.issuer+"/login/passkey", url.Values{"credential": {credential}})
}

// lastEvents gives the kinds of the last events of a person, the newest first.
func (s *site) lastEvents(person string, n int) []audit.Event {
	s.t.Helper()
	events, err := s.db.Events(context.Background(), db.EventFilter{PersonID: s.person[person].ID}, n)
	if err != nil {
		s.t.Fatal(err)
	}
	return events
}

func TestWEB_39_APasskeySignsInWithoutAPassword(t *testing.T) {
	for name, c := range map[string]struct {
		synced bool
		amr    string
	}{"bound to its device": {false, "hwk mfa"}, "synced": {true, "swk mfa"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			a := s.authenticator()
			a.synced = c.synced
			k := s.enrol(a, "U1")
			b := s.browser()
			page := b.get(b.get(s.az("CB", nil)).header.Get("Location"))

			in := b.showPasskey(page, a.show(s.optionsOf(page)))

			if in.status != http.StatusSeeOther || !strings.Contains(in.header.Get("Location"), "/consent?") {
				t.Fatalf("%d to %s: %s", in.status, in.header.Get("Location"), in.body)
			}
			if consent := b.get(in.header.Get("Location")); !strings.Contains(consent.body, s.person["U1"].Name) {
				t.Error("the consent page is not the person's")
			}
			sessions, err := s.people.Sessions(context.Background(), s.person["U1"].ID, s.clock.Wall())
			if err != nil || len(sessions) != 1 || strings.Join(sessions[0].AMR, " ") != c.amr || sessions[0].ACR != account.ACRTwoFactors {
				t.Errorf("OI-08: %+v %v", sessions, err)
			}
			if e := s.lastEvents("U1", 1)[0]; e.Kind != audit.SignInSucceeded || !strings.Contains(e.Detail, "amr="+`"`+c.amr+`"`) {
				t.Errorf("the log says %+v", e)
			}
			stored, err := s.passkeys().Find(context.Background(), s.person["U1"].ID, k.ID)
			if err != nil || stored.Synced != c.synced || stored.BackedUp != c.synced || stored.LastUsedAt == nil {
				t.Errorf("%+v %v", stored, err)
			}
		})
	}
}

func TestWEB_39_WhatIsNotTheRightPasskeyIsRefusedWithOneMessage(t *testing.T) {
	s := newSite(t)
	const says = "That passkey was not accepted"
	for name, attack := range map[string]func(a *authenticator, b *browser) answer{
		"another origin":  attacker(func(a *authenticator) { a.origin = "https://evil.test" }),
		"another rp id":   attacker(func(a *authenticator) { a.rpID = "evil.test" }),
		"nobody verified": attacker(func(a *authenticator) { a.verifies = false }),
		"another person's user handle": attacker(func(a *authenticator) {
			a.otherUser = s.person["U2"].ID
		}),
		"another key under the id of somebody's": attacker(func(a *authenticator) {
			stranger := s.authenticator()
			stranger.make(`{"challenge":"AAAA","user":{"id":"AAAA"}}`)
			a.made[0].key = stranger.made[0].key
		}),
		"nobody's passkey": attacker(func(a *authenticator) { a.made[0].id = []byte("nobody has registered this") }),
		"made for another device that now claims to sync": attacker(func(a *authenticator) { a.synced = true }),
		"an answer for another browser's question": func(a *authenticator, b *browser) answer {
			page, other := b.get("/login"), s.browser().get("/login")
			form := answer{body: strings.Replace(page.body, ceremonyOf(page), ceremonyOf(other), 1)}
			return b.showPasskey(form, a.show(s.optionsOf(other)))
		},
		"an answer to a question that it was not asked": func(a *authenticator, b *browser) answer {
			return b.showPasskey(b.get("/login"), a.show(s.optionsOf(b.get("/login"))))
		},
		"an answer to the question for a new passkey": func(a *authenticator, b *browser) answer {
			c, err := s.passkeys().Enrolment(context.Background(), s.person["U1"].ID, "test", s.clock.Wall())
			if err != nil {
				t.Fatal(err)
			}
			page := b.get("/login")
			form := answer{body: strings.Replace(page.body, ceremonyOf(page), c.State, 1)}
			return b.showPasskey(form, a.show(c.Options))
		},
		"an expired question": func(a *authenticator, b *browser) answer {
			page := b.get("/login")
			s.clock.jump(5 * time.Minute)
			return b.showPasskey(page, a.show(s.optionsOf(page)))
		},
		"no answer":      func(a *authenticator, b *browser) answer { return b.showPasskey(b.get("/login"), "") },
		"no JSON":        func(a *authenticator, b *browser) answer { return b.showPasskey(b.get("/login"), "{") },
		"JSON of others": func(a *authenticator, b *browser) answer { return b.showPasskey(b.get("/login"), `{"id":"AAAA"}`) },
		"a removed passkey": func(a *authenticator, b *browser) answer {
			page := b.get("/login")
			k := s.passkeyOf(a)
			err := s.passkeys().Remove(context.Background(), account.PasskeyRemoval{PersonID: k.PersonID, PasskeyID: k.ID}, by, s.clock.Wall())
			if err != nil {
				t.Fatal(err)
			}
			return b.showPasskey(page, a.show(s.optionsOf(page)))
		},
		"a replay": func(a *authenticator, b *browser) answer {
			page := b.get("/login")
			credential := a.show(s.optionsOf(page))
			if in := b.showPasskey(page, credential); in.status != http.StatusSeeOther {
				t.Fatalf("the first use: %d %s", in.status, in.body)
			}
			return b.showPasskey(page, credential)
		},
	} {
		a, b := s.authenticator(), s.browser()
		s.enrol(a, "U1")

		refused := attack(a, b)

		if refused.status != http.StatusUnprocessableEntity || !strings.Contains(refused.body, says) {
			t.Errorf("%s: %d %s", name, refused.status, refused.body)
		}
		if home := b.get("/account/security"); name != "a replay" && home.status != http.StatusSeeOther {
			t.Errorf("%s: somebody is signed in", name)
		}
		if name != "no answer" && !strings.Contains(refused.body, `<passkey-button options="`) {
			t.Errorf("%s: the page asks no new question", name)
		}
		s.clock.jump(time.Hour) // or the failures of this address would count together
	}
}

// attacker answers a fresh page after a change of the authenticator.
func attacker(change func(*authenticator)) func(*authenticator, *browser) answer {
	return func(a *authenticator, b *browser) answer {
		change(a)
		page := b.get("/login")
		return b.showPasskey(page, a.show(b.optionsOf(page)))
	}
}

var pageChallenge = regexp.MustCompile(`&#34;challenge&#34;:&#34;[^&]{43}&`)

var ceremonyField = regexp.MustCompile(`name="ceremony" value="([^"]+)"`)

func ceremonyOf(page answer) string { return ceremonyField.FindStringSubmatch(page.body)[1] }

// passkeyOf gives what is stored of the last passkey of an authenticator.
func (s *site) passkeyOf(a *authenticator) account.Passkey {
	s.t.Helper()
	k, err := s.db.PasskeyByCredential(context.Background(), a.made[len(a.made)-1].id)
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

func TestWEB_39_ADisabledPersonsPasskeyIsRefused(t *testing.T) {
	s := newSite(t)
	a, b := s.authenticator(), s.browser()
	s.enrol(a, "U1")
	if err := s.people.Disable(context.Background(), s.person["U1"].ID, by, s.clock.Wall()); err != nil {
		t.Fatal(err)
	}
	page := b.get("/login")

	refused := b.showPasskey(page, a.show(s.optionsOf(page)))

	if refused.status != http.StatusUnprocessableEntity || !strings.Contains(refused.body, "That passkey was not accepted") {
		t.Errorf("%d %s", refused.status, refused.body)
	}
}

func TestWEB_39_OfTwentyUsesOfOneAnswerOneSignsIn(t *testing.T) {
	s := newSite(t)
	a, b := s.authenticator(), s.browser()
	s.enrol(a, "U1")
	page := b.get("/login")
	credential := a.show(s.optionsOf(page))
	answered := account.PasskeyAnswer{State: ceremonyOf(page), Credential: credential}
	form := url.Values{"credential": {credential}, "ceremony": {answered.State}}
	for _, m := range regexp.MustCompile(`name="form_token" value="([^"]+)"`).FindAllStringSubmatch(page.body, 1) {
		form.Set("form_token", m[1])
	}

	var mu sync.Mutex
	var all sync.WaitGroup
	got, begin := map[int]int{}, make(chan struct{})
	for range 20 {
		all.Go(func() {
			<-begin
			r, _ := http.NewRequest("POST", s.issuer+"/login/passkey", strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			for _, c := range b.jar.Cookies(r.URL) {
				r.AddCookie(c)
			}
			one, err := s.try(r)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			got[one.status]++
		})
	}
	close(begin)
	all.Wait()

	if got[http.StatusSeeOther] != 1 || got[http.StatusSeeOther]+got[http.StatusUnprocessableEntity]+got[http.StatusTooManyRequests] != 20 {
		t.Errorf("answers by status: %v", got)
	}
	if sessions, err := s.people.Sessions(context.Background(), s.person["U1"].ID, s.clock.Wall()); err != nil || len(sessions) != 1 {
		t.Errorf("%d sessions, %v", len(sessions), err)
	}
}

func TestWEB_39_ACounterThatGoesBackIsWrittenDown(t *testing.T) {
	s := newSite(t)
	a, b := s.authenticator(), s.browser()
	a.count = 7
	s.enrol(a, "U1")
	use := func(count uint32) []audit.Event {
		a.count = count
		page := b.get("/login?switch=1")
		if in := b.showPasskey(page, a.show(s.optionsOf(page))); in.status != http.StatusSeeOther {
			t.Fatalf("%d %s", in.status, in.body)
		}
		return s.lastEvents("U1", 2)
	}

	if e := use(9); e[0].Kind != audit.SignInSucceeded || e[1].Kind == audit.FactorCopySuspected {
		t.Errorf("counting on: %v, %v", e[0].Kind, e[1].Kind)
	}
	for _, count := range []uint32{8, 9, 0} {
		if e := use(count); e[1].Kind != audit.FactorCopySuspected || !strings.Contains(e[1].Detail, "passkey="+s.passkeyOf(a).ID) {
			t.Errorf("after 9, %d: %+v", count, e[1])
		}
	}
	if k := s.passkeyOf(a); k.SignCount != 9 {
		t.Errorf("the counter that is kept: %d", k.SignCount)
	}
}

func TestWEB_33_TheSignInPageAsksEverybodyTheSame(t *testing.T) {
	s := newSite(t)
	s.enrol(s.authenticator(), "U1")
	challenge := regexp.MustCompile(`"challenge":"[^"]{43}"`)
	known, unknown := s.browser(), s.browser()
	known.signIn("U1")

	one := challenge.ReplaceAllString(s.optionsOf(known.get("/login?switch=1")), "")
	other := challenge.ReplaceAllString(s.optionsOf(unknown.get("/login")), "")

	if one != other || strings.Contains(one, "allowCredentials") || !strings.Contains(one, `"userVerification":"required"`) || !strings.Contains(one, `"rpId":"as.test"`) {
		t.Errorf("%s and %s", one, other)
	}
}

func TestWEB_36_RefusedPasskeysAreThrottledByAddressAndNeverLockThePerson(t *testing.T) {
	s := newSite(t)
	a, b := s.authenticator(), s.browser()
	s.enrol(a, "U1")
	var throttled answer
	for range 25 {
		if throttled = b.showPasskey(b.get("/login"), `{"id":"AAAA"}`); throttled.status == http.StatusTooManyRequests {
			break
		}
	}
	if throttled.status != http.StatusTooManyRequests || throttled.header.Get("Retry-After") == "" {
		t.Fatalf("25 failures: %d", throttled.status)
	}

	_, err := s.people.SignIn(context.Background(), account.Credentials{Email: s.person["U1"].Email, Password: password}, audit.Origin{IP: "198.51.100.9"}, s.clock.Wall())
	var unfinished *account.UnfinishedError
	if !errors.As(err, &unfinished) { // the password was looked at, and the passkey is asked for
		t.Errorf("the person at another address: %v", err)
	}
}

func TestAPasskeyOfSomebodyWhosePasswordHasExpiredLeadsToAnotherPassword(t *testing.T) {
	s := newSite(t)
	a, b := s.authenticator(), s.browser()
	s.enrol(a, "U1")
	if err := s.people.ExpirePassword(context.Background(), s.person["U1"].ID, by, s.clock.Wall()); err != nil {
		t.Fatal(err)
	}
	page := b.get("/login")

	renewal := b.showPasskey(page, a.show(s.optionsOf(page)))

	if renewal.status != http.StatusOK || !strings.Contains(renewal.body, `action="/login/password"`) {
		t.Fatalf("%d %s", renewal.status, renewal.body)
	}
	if sessions, err := s.people.Sessions(context.Background(), s.person["U1"].ID, s.clock.Wall()); err != nil || len(sessions) != 0 {
		t.Errorf("%d sessions before that, %v", len(sessions), err)
	}
}

func TestAtAnIPAddressNoPasskeysAreOffered(t *testing.T) {
	s := newSite(t, siteOptions{issuer: "https://192.0.2.1"})
	b := s.browser()
	page := b.get("/login")

	if page.status != http.StatusOK || strings.Contains(page.body, "<passkey-button") || !strings.Contains(page.body, `autocomplete="username"`) {
		t.Errorf("%d %s", page.status, page.body)
	}
	if a := b.showPasskey(page, `{"id":"AAAA"}`); a.status != http.StatusUnprocessableEntity {
		t.Errorf("an answer that nobody asked for: %d", a.status)
	}
}

func TestWEB_27_StayingSignedInIsAChoiceWithAPasskeyToo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.authenticator()
	s.enrol(a, "U1")
	for _, stay := range []bool{false, true} {
		b := s.browser()
		page := b.get("/login")
		form := b.formOf(page, "/login")
		if !strings.Contains(form, `name="stay"`) || !strings.Contains(form, `formaction="/login/passkey"`) {
			t.Fatalf("the choice is not in the form of the passkey: %s", form)
		}
		fields := func(page answer, credential string) url.Values {
			f := url.Values{"credential": {credential}, "ceremony": {ceremonyOf(page)}}
			if stay {
				f.Set("stay", "on")
			}
			return f
		}
		refused := b.submit(answer{body: form}, "/login/passkey", fields(page, `{"id":"AAAA"}`))
		if strings.Contains(refused.body, `name="stay" type="checkbox" checked`) != stay {
			t.Errorf("stay %v: a refusal forgets the choice: %s", stay, refused.body)
		}

		in := b.submit(answer{body: b.formOf(refused, "/login")}, "/login/passkey", fields(refused, a.show(s.optionsOf(refused))))

		cookie := b.cookieOf(in, "_session")
		if in.status != http.StatusSeeOther || cookie == nil || (cookie.MaxAge > 0) != stay {
			t.Fatalf("stay %v: %d %v", stay, in.status, cookie)
		}
		s.pass(25 * time.Hour)
		if home := b.get("/account"); (home.status == http.StatusOK) != stay {
			t.Errorf("stay %v: a day later: %d to %s", stay, home.status, home.header.Get("Location"))
		}
	}
}
