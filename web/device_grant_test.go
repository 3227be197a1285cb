package web_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// devices registers clients for the device grant: a public one, a trusted one with a secret, and one that is for nobody.
func (s *site) devices() *site {
	s.t.Helper()
	types := []string{oauth.GrantDeviceCode, oauth.GrantRefreshToken}
	scope := oauth.Scope{"openid", "profile", "email", "offline_access", "read"}
	s.addClient("TV", oauth.Client{AuthMethod: oauth.AuthNone, GrantTypes: types, Scope: scope})
	s.addClient("TC", oauth.Client{AuthMethod: oauth.AuthBasic, GrantTypes: types, Scope: scope, Trusted: true})
	s.addClient("CLOSED", oauth.Client{AuthMethod: oauth.AuthBasic, GrantTypes: types, Scope: scope, Restricted: true})
	return s
}

// device asks for codes as TV, or as TC with its secret.
func (s *site) device(client, scope string) answer {
	s.t.Helper()
	a := s.devicePost("/device_authorization", client, url.Values{"scope": {scope}})
	wantOK(s.t, a)
	return a
}

func (s *site) devicePost(path, client string, form url.Values) answer {
	s.t.Helper()
	if client == "TV" {
		return s.post(path, "", merged(form, url.Values{"client_id": {"TV"}}))
	}
	return s.post(path, client, form)
}

func (s *site) poll(client, deviceCode string) answer {
	s.t.Helper()
	return s.devicePost("/token", client, url.Values{"grant_type": {deviceGrant}, "device_code": {deviceCode}})
}

// bring takes the user code to /device and signs in, up to the consent page.
func (b *browser) bring(userCode, person string) answer {
	b.t.Helper()
	a := b.submit(b.get(b.issuer+"/device"), b.issuer+"/device", url.Values{"user_code": {userCode}})
	for range 5 {
		if a.status != http.StatusSeeOther {
			return a
		}
		a = b.get(a.header.Get("Location"))
		if strings.Contains(a.body, `name="password"`) {
			a = b.submit(a, b.issuer+"/login", url.Values{"email": {b.person[person].Email}, "password": {password}})
		}
	}
	return a
}

func (b *browser) decide(consent answer, decision string) answer {
	b.t.Helper()
	return b.submit(consent, b.issuer+"/consent", url.Values{"decision": {decision}, "scope": ticked(consent.body)})
}

// allowed asks for codes as TV and lets a person allow all that it asks for.
func (s *site) allowed(person, scope string) (deviceCode string) {
	s.t.Helper()
	a, b := s.device("TV", scope), s.browser()
	if done := b.decide(b.bring(a.text(s.t, "user_code"), person), "allow"); done.header.Get("Location") != strings.TrimPrefix(s.issuer, "https://as.test")+"/device/allowed" {
		s.t.Fatalf("allow: %d %v %s", done.status, done.header, done.body)
	}
	return a.text(s.t, "device_code")
}

func requirementsDV(t *testing.T) {
	all := newSites(t)
	for _, s := range all {
		s.devices()
	}

	all.rule(t, "DV-01 the answer is complete, and clients authenticate as at the token endpoint", func(t *testing.T, s *site) {
		for _, client := range []string{"TV", "TC"} {
			a := s.device(client, "openid read")
			code := a.text(t, "user_code")
			if !regexp.MustCompile(`^[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}$`).MatchString(code) || !strings.HasPrefix(a.text(t, "device_code"), "rgd1_") {
				t.Errorf("codes: %s", a.body)
			}
			if a.text(t, "verification_uri") != s.issuer+"/device" || a.text(t, "verification_uri_complete") != s.issuer+"/device?user_code="+code {
				t.Errorf("addresses: %s", a.body)
			}
			if a.json(t, "expires_in") != 900.0 || a.json(t, "interval") != 5.0 || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("times: %s %v", a.body, a.header)
			}
		}
		wantErrorStatus(t, s.post("/device_authorization", "", url.Values{"client_id": {"TC"}}), http.StatusUnauthorized, "invalid_client")
		wantErrorStatus(t, s.post("/device_authorization", "", url.Values{"client_id": {"nope"}}), http.StatusUnauthorized, "invalid_client")
		wantError(t, s.post("/device_authorization", "CB", url.Values{"scope": {"openid"}}), "unauthorized_client")
		wantError(t, s.devicePost("/device_authorization", "TV", url.Values{"scope": {"nope"}}), "invalid_scope")
		wantError(t, s.devicePost("/device_authorization", "TV", url.Values{"resource": {"https://nope.test"}}), "invalid_target")
		wantErrorStatus(t, s.post("/token", "", url.Values{"client_id": {"TC"}, "grant_type": {deviceGrant}, "device_code": {s.device("TC", "openid").text(t, "device_code")}}), http.StatusUnauthorized, "invalid_client")
		wantError(t, s.post("/token", "CB", url.Values{"grant_type": {deviceGrant}, "device_code": {"x"}}), "unauthorized_client")
	})

	all.rule(t, "DV-01 a parameter comes once and in the body, and a garbled code is no code", func(t *testing.T, s *site) {
		code := s.device("TV", "openid").text(t, "device_code")
		wantError(t, s.devicePost("/device_authorization", "TV", url.Values{"scope": {"openid", "openid"}}), "invalid_request")
		wantError(t, s.devicePost("/device_authorization?scope=openid", "TV", nil), "invalid_request")
		wantError(t, s.devicePost("/token", "TV", url.Values{"grant_type": {deviceGrant}, "device_code": {code, code}}), "invalid_request")
		wantError(t, s.devicePost("/token?device_code="+code, "TV", url.Values{"grant_type": {deviceGrant}}), "invalid_request")
		wantError(t, s.devicePost("/token", "TV", url.Values{"grant_type": {deviceGrant}}), "invalid_request")
		wantError(t, s.devicePost("/token", "TV", url.Values{"grant_type": {"authorization_code"}, "code": {code}}), "unauthorized_client")
		for _, garbled := range []string{"rgd1_", code[:len(code)-1], code + "0", " " + code, strings.ToUpper(code)} {
			wantError(t, s.poll("TV", garbled), "invalid_grant")
		}
		wantError(t, s.poll("TV", code), "authorization_pending")
	})

	alone(t, "DV-02 polls wait, slow down for good, hear of a refusal and of the end", func(t *testing.T, s *site) {
		s.devices()
		a := s.device("TV", "openid")
		code := a.text(t, "device_code")
		wantError(t, s.poll("TV", code), "authorization_pending")
		s.clock.step(5 * time.Second)
		wantError(t, s.poll("TV", code), "authorization_pending")
		s.clock.step(4 * time.Second)
		wantError(t, s.poll("TV", code), "slow_down")
		s.clock.step(6 * time.Second) // 10 s from now on
		wantError(t, s.poll("TV", code), "slow_down")
		s.clock.step(15 * time.Second)
		wantError(t, s.poll("TV", code), "authorization_pending")

		b := s.browser()
		if done := b.decide(b.bring(a.text(t, "user_code"), "U1"), "deny"); !strings.HasSuffix(done.header.Get("Location"), "/device/denied") {
			t.Fatalf("deny: %d %v", done.status, done.header)
		}
		wantError(t, s.poll("TV", code), "access_denied")
		wantError(t, s.poll("TV", code), "access_denied")

		late, tooLate := s.device("TV", "openid"), s.device("TV", "openid")
		consent := b.bring(tooLate.text(t, "user_code"), "U1")
		s.clock.step(15*time.Minute + time.Second)
		wantError(t, s.poll("TV", late.text(t, "device_code")), "expired_token")
		if page := s.browser().bring(late.text(t, "user_code"), "U1"); page.status != http.StatusUnprocessableEntity {
			t.Errorf("an expired code in the browser: %d", page.status)
		}
		if page := b.decide(consent, "allow"); page.status != http.StatusBadRequest {
			t.Errorf("allowed what nobody waits for: %d %v", page.status, page.header)
		}
		wantError(t, s.poll("TV", tooLate.text(t, "device_code")), "expired_token")
	})

	all.rule(t, "DV-03 DV-04 what was allowed is given once, to its client, with the scope that was shown", func(t *testing.T, s *site) {
		a, b := s.device("TV", "openid read email nope"), s.browser()
		code := a.text(t, "device_code")
		consent := b.bring(strings.ToLower(strings.ReplaceAll(a.text(t, "user_code"), "-", " ")), "U1")
		if got := ticked(consent.body); len(got) != 3 {
			t.Fatalf("asked for %v: %s", got, consent.body)
		}
		done := b.submit(consent, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": {"openid", "read", "write", "list"}})
		if !strings.HasSuffix(done.header.Get("Location"), "/device/allowed") {
			t.Fatalf("allow: %d %v %s", done.status, done.header, done.body)
		}
		foreign := s.poll("TC", code)
		wantError(t, foreign, "invalid_grant")
		if strings.Contains(foreign.body, "read") {
			t.Errorf("a foreign client learns the scope: %s", foreign.body)
		}
		wantError(t, s.post("/token", "CB", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"https://app.test/cb"}}), "invalid_grant")

		requests, answers := make([]*http.Request, 20), make(chan answer, 20)
		for i := range requests {
			requests[i] = s.request("/token", "", url.Values{"client_id": {"TV"}, "grant_type": {deviceGrant}, "device_code": {code}, "scope": {"openid read email offline_access write"}})
		}
		var wg sync.WaitGroup
		for _, r := range requests {
			wg.Go(func() {
				if a, err := s.try(r); err == nil {
					answers <- a
				}
			})
		}
		wg.Wait()
		close(answers)
		var tokens answer
		won := 0
		for a := range answers {
			if a.status == http.StatusOK {
				won, tokens = won+1, a
			} else {
				wantError(t, a, "invalid_grant")
			}
		}
		if won != 1 || tokens.text(t, "scope") != "openid read" {
			t.Fatalf("%d answers of 20 gave tokens: %s", won, tokens.body)
		}
		wantError(t, s.poll("TV", code), "invalid_grant")
		if !s.active("RS", tokens.text(t, "access_token")) {
			t.Error("a second poll ended the grant")
		}
		again := s.post("/token", "", url.Values{"client_id": {"TV"}, "grant_type": {"refresh_token"}, "refresh_token": {tokens.text(t, "refresh_token")}})
		wantOK(t, again)

		// The device is not signed out with the browser that allowed it.
		b.submit(b.get(s.issuer+"/logout"), s.issuer+"/logout", nil)
		wantOK(t, s.post("/token", "", url.Values{"client_id": {"TV"}, "grant_type": {"refresh_token"}, "refresh_token": {again.text(t, "refresh_token")}}))
		if page := b.decide(consent, "allow"); page.status != http.StatusBadRequest {
			t.Errorf("the same answer again: %d %v", page.status, page.header)
		}
	})

	all.rule(t, "DV-03 T10 T31 the device's refresh token is as any other", func(t *testing.T, s *site) {
		refresh := func(token string) answer {
			return s.post("/token", "", url.Values{"client_id": {"TV"}, "grant_type": {"refresh_token"}, "refresh_token": {token}})
		}
		first := s.poll("TV", s.allowed("U1", "openid read"))
		wantOK(t, first)
		other := s.poll("TV", s.allowed("U1", "openid read"))
		wantOK(t, other)
		second := refresh(first.text(t, "refresh_token"))
		wantOK(t, second)
		wantOK(t, refresh(second.text(t, "refresh_token")))

		wantError(t, refresh(first.text(t, "refresh_token")), "invalid_grant") // T8

		wantError(t, refresh(second.text(t, "refresh_token")), "invalid_grant")
		if s.active("RS", second.text(t, "access_token")) || !s.active("RS", other.text(t, "access_token")) {
			t.Error("reuse did not end that sign-in, and that alone")
		}
	})

	alone(t, "DV-05 guesses are throttled by address, whatever the browser", func(t *testing.T, s *site) {
		s.devices()
		a, b := s.device("TV", "openid"), s.browser()
		form := b.get(s.issuer + "/device")
		for i := range 20 {
			if i%5 == 0 { // another browser is no other guesser
				b = s.browser()
				form = b.get(s.issuer + "/device")
			}
			want := http.StatusUnprocessableEntity
			if i >= 5 {
				want = http.StatusTooManyRequests
			}
			page := b.submit(form, s.issuer+"/device", url.Values{"user_code": {"BBBB-BBBB"}})
			if page.status != want || (page.header.Get("Retry-After") != "") != (i >= 5) {
				t.Fatalf("guess %d: %d %v", i, page.status, page.header)
			}
			if slip := b.submit(form, s.issuer+"/device", url.Values{"user_code": {"BBBB-BBB0"}}); slip.status != http.StatusUnprocessableEntity {
				t.Fatalf("a slip: %d", slip.status)
			}
		}
		if page := s.browser().bring(a.text(t, "user_code"), "U1"); page.status != http.StatusTooManyRequests {
			t.Errorf("the right code after that tells itself: %d", page.status)
		}
		s.clock.step(time.Minute)
		for range 8 { // the right one costs nothing
			if page := s.browser().bring(a.text(t, "user_code"), "U1"); page.status != http.StatusOK {
				t.Fatalf("after a minute: %d %s", page.status, page.body)
			}
		}
	})

	all.rule(t, "DV-06 DV-08 an address with the code fills it in, and only a form of ours decides", func(t *testing.T, s *site) {
		a, b := s.device("TC", "openid read"), s.browser()
		b.signIn("U1")
		page := b.get(a.text(t, "verification_uri_complete"))
		if page.status != http.StatusOK || !strings.Contains(page.body, `value="`+a.text(t, "user_code")+`"`) {
			t.Fatalf("complete: %d %s", page.status, page.body)
		}
		for _, page := range []answer{page, b.bring(a.text(t, "user_code"), "U1")} {
			if !strings.Contains(page.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || page.header.Get("X-Frame-Options") != "DENY" {
				t.Errorf("may be framed: %v", page.header)
			}
		}
		consent := b.bring(a.text(t, "user_code"), "U1") // trusted, and asked all the same
		for _, shown := range []string{a.text(t, "user_code"), "Client TC", "127.0.0.1", "Alice Archer", "Go-http-client"} {
			if !strings.Contains(consent.body, shown) {
				t.Errorf("the page does not show %q: %s", shown, consent.body)
			}
		}
		r, _ := http.NewRequest("POST", s.issuer+"/device", strings.NewReader(url.Values{"user_code": {a.text(t, "user_code")}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		if got := b.send(r); got.status != http.StatusForbidden {
			t.Errorf("a form of another site: %d", got.status)
		}
		other := s.browser()
		other.signIn("U2")
		if got := other.decide(consent, "allow"); got.status == http.StatusSeeOther && strings.Contains(got.header.Get("Location"), "allowed") {
			t.Error("another browser allowed it")
		}
		wantError(t, s.poll("TC", a.text(t, "device_code")), "authorization_pending")
		b.decide(consent, "allow")
		tokens := s.poll("TC", a.text(t, "device_code"))
		wantOK(t, tokens)
		if page := b.get(s.issuer + "/account"); !strings.Contains(page.body, "Client TC") || !strings.Contains(page.body, "Go-http-client") {
			t.Errorf("the account's page of apps: %s", page.body)
		}
		again := s.device("TC", "openid read") // nor is what was allowed once an answer for the next device
		if page := b.bring(again.text(t, "user_code"), "U1"); !strings.Contains(page.body, again.text(t, "user_code")) {
			t.Errorf("not asked again: %d %s", page.status, page.body)
		}
	})

	all.rule(t, "DV-07 a client that is not for the person stays closed", func(t *testing.T, s *site) {
		a, b := s.device("CLOSED", "openid"), s.browser()
		page := b.bring(a.text(t, "user_code"), "U1")
		if page.status != http.StatusForbidden {
			t.Fatalf("%d %s", page.status, page.body)
		}
		wantError(t, s.poll("CLOSED", a.text(t, "device_code")), "authorization_pending")
		b.submit(page, s.issuer+"/login/continue", url.Values{"decision": {"back"}})
		wantError(t, s.poll("CLOSED", a.text(t, "device_code")), "access_denied")

		s.change("CLOSED", func(c *oauth.Client) { c.Restricted = false })
		a = s.device("CLOSED", "openid")
		b.decide(b.bring(a.text(t, "user_code"), "U1"), "allow")
		s.change("CLOSED", func(c *oauth.Client) { c.Restricted = true }) // between the answer and the poll
		wantError(t, s.poll("CLOSED", a.text(t, "device_code")), "access_denied")
	})

	alone(t, "DV-03 T21 T27 who ends between the answer and the poll gets nothing", func(t *testing.T, s *site) {
		s.devices()
		disabled, gone := s.allowed("U2", "openid"), s.allowed("U1", "openid")
		if err := s.people.Disable(context.Background(), s.person["U2"].ID, by, s.clock.Wall()); err != nil {
			t.Fatal(err)
		}
		wantError(t, s.poll("TV", disabled), "invalid_grant")
		waits := s.device("TV", "openid")
		if err := s.db.DeleteClient(context.Background(), "TV", audit.Event{At: s.clock.Wall(), Kind: audit.ClientDeleted, Origin: by, ClientID: "TV"}); err != nil {
			t.Fatal(err)
		}
		wantErrorStatus(t, s.poll("TV", gone), http.StatusUnauthorized, "invalid_client")
		if page := s.browser().bring(waits.text(t, "user_code"), "U1"); page.status != http.StatusUnprocessableEntity {
			t.Errorf("the code of a client that is gone: %d", page.status)
		}
	})

	alone(t, "DV-05 WEB-65 whoever lets too many devices wait is told so, and nobody else is", func(t *testing.T, s *site) {
		s.devices()
		for range 300 {
			s.device("TV", "openid")
		}
		a := s.devicePost("/device_authorization", "TV", url.Values{"scope": {"openid"}})
		wantErrorStatus(t, a, http.StatusTooManyRequests, "temporarily_unavailable")
		if a.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		s.device("TC", "openid")
		s.clock.step(15*time.Minute + time.Second)
		s.device("TV", "openid")
	})

	t.Run("DV-02 T44 what was allowed outlives the server", func(t *testing.T) {
		t.Parallel()
		s := newSite(t).devices()
		code, waits := s.allowed("U1", "openid read"), s.device("TV", "openid").text(t, "device_code")
		copied := copyOf(t, s) // as it is on the disk at this moment
		s.stop()
		putBack(t, s, copied)
		s.start(nil)
		wantError(t, s.poll("TV", waits), "authorization_pending")
		tokens := s.poll("TV", code)
		wantOK(t, tokens)
		copied = copyOf(t, s)
		s.stop()
		putBack(t, s, copied)
		s.start(nil)
		wantError(t, s.poll("TV", code), "invalid_grant")
		wantOK(t, s.post("/token", "", url.Values{"client_id": {"TV"}, "grant_type": {"refresh_token"}, "refresh_token": {tokens.text(t, "refresh_token")}}))
	})

	t.Run("DV-02 GEN-00 whatever call of the store fails, nobody hears a verdict, and the next try goes on", func(t *testing.T) {
		t.Parallel()
		s, f := faultySite(t)
		s.devices()
		b := s.browser()
		b.signIn("U1")
		calls := s.deviceSession(f, b, 0, nil)
		own := []string{"SaveDeviceAuthorization", "DeviceAuthorizationOf", "DeviceAuthorization", "PollDevice", "DenyDevice", "IssueCode", "Code", "RedeemCode"}
		for _, method := range own {
			if !slices.Contains(calls, method) {
				t.Errorf("the session does without %s: %s", method, calls)
			}
		}
		for k, method := range calls {
			if slices.Contains(own, method) { // the others fail in the session of a browser
				s.deviceSession(f, b, k+1, machineErrors[k%len(machineErrors)])
			}
		}
	})
}

// deviceSession lets two devices ask, one be refused and one be allowed, while one call of the store fails. It gives the calls.
func (s *site) deviceSession(f *faults, b *browser, at int, err error) (calls []string) {
	s.t.Helper()
	step := func(name string, do func() answer, done func(answer) bool) answer {
		s.t.Helper()
		_, before := f.seen()
		a := do()
		if _, fired := f.seen(); before == "" && fired != "" && !done(a) {
			if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
				s.t.Errorf("%s, %s: a fault is told as %d %v %s", name, fired, a.status, a.header, a.body)
			}
			a = do()
		}
		if !done(a) {
			s.t.Fatalf("%s: %d %v %s", name, a.status, a.header, a.body)
		}
		return a
	}
	ok := func(a answer) bool { return a.status == http.StatusOK }
	leads := func(to string) func(answer) bool {
		return func(a answer) bool {
			return a.status == http.StatusSeeOther && strings.HasPrefix(a.header.Get("Location"), to)
		}
	}
	f.set(at, err, false)
	for _, decision := range []string{"deny", "allow"} {
		a := step("ask", func() answer { return s.devicePost("/device_authorization", "TV", url.Values{"scope": {"openid"}}) }, ok)
		poll := func() answer { return s.poll("TV", a.text(s.t, "device_code")) }
		step("poll", poll, func(a answer) bool {
			return a.status == http.StatusBadRequest && a.text(s.t, "error") == "authorization_pending"
		})
		form := step("page", func() answer { return b.get(s.issuer + "/device") }, ok)
		entered := step("enter", func() answer {
			return b.submit(form, s.issuer+"/device", url.Values{"user_code": {a.text(s.t, "user_code")}})
		}, leads("/consent"))
		consent := step("consent", func() answer { return b.get(entered.header.Get("Location")) }, ok)
		step(decision, func() answer { return b.decide(consent, decision) }, leads("/device/"+map[string]string{"deny": "denied", "allow": "allowed"}[decision]))
		if decision == "deny" {
			step("poll after deny", poll, func(a answer) bool {
				return a.status == http.StatusBadRequest && a.text(s.t, "error") == "access_denied"
			})
			continue
		}
		step("poll after allow", poll, ok)
	}
	calls, _ = f.seen()
	f.set(0, nil, false)
	return calls
}
