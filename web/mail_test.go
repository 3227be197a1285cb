package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/mail"
	"regrant/app/settings"
	"regrant/db"
	"regrant/web"
)

// mailbox is where all mails of a site arrive.
type mailbox struct {
	*site
	post *mail.Post

	mu      sync.Mutex
	letters []mail.Letter
	refuse  error
}

// Send implements mail.Sender.
func (m *mailbox) Send(_ context.Context, l mail.Letter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuse == nil {
		m.letters = append(m.letters, l)
	}
	return m.refuse
}

// newMailSite is a site that can send mails.
func newMailSite(t testing.TB, options ...siteOptions) *mailbox {
	t.Helper()
	m := &mailbox{}
	var o siteOptions
	if len(options) > 0 {
		o = options[0]
	}
	o.config = func(c *web.Config) {
		store := c.Store.(*db.DB)
		hasher, err := account.NewHasher(account.HasherOptions{Cost: account.Cost{Memory: 64, Iterations: 1, Lanes: 1}})
		if err != nil {
			t.Fatal(err)
		}
		people := account.New(store, hasher, account.Options{Now: c.Now})
		m.post = mail.New(mail.Options{
			Store: store, Sealer: people.Sealer(), People: people, Links: account.NewLinks(people, store, c.Issuer), Sender: m, Now: c.Now,
			Alarm: func(msg string, args ...any) { c.Log.Warn(msg, args...) },
		})
		c.Mail, c.MailServer = m.post, "smtp.test:587"
	}
	m.site = newSite(t, o)
	return m
}

// deliver sends what waits and gives it, by address.
func (m *mailbox) deliver() map[string]mail.Letter {
	m.t.Helper()
	if err := errors.Join(m.post.Follow(context.Background()), m.post.Send(context.Background(), m.server)); err != nil {
		m.t.Fatal(err)
	}
	byAddress := map[string]mail.Letter{}
	for _, l := range m.letters {
		if _, twice := byAddress[l.To]; twice {
			m.t.Errorf("%s gets more than one mail: %q", l.To, l.Subject)
		}
		byAddress[l.To] = l
	}
	m.letters = nil
	return byAddress
}

var linkInMail = regexp.MustCompile(`(?m)^https://\S+$`)

// link gives the only link of a mail.
func (m *mailbox) link(l mail.Letter) string {
	m.t.Helper()
	links := linkInMail.FindAllString(l.Text, -1)
	if len(links) != 1 || !strings.HasPrefix(links[0], m.issuer+"/") || !strings.Contains(l.HTML, strings.ReplaceAll(links[0], "&", "&amp;")) {
		m.t.Fatalf("links %q in %q to %s", links, l.Text, l.To)
	}
	return links[0]
}

// allowSignUp turns self-registration on.
func (s *site) allowSignUp(domains ...string) {
	s.t.Helper()
	now, err := s.db.SiteSettings(context.Background())
	if err == nil {
		now.SignUp = settings.SignUp{On: true, Domains: domains}
		_, err = settings.Save(context.Background(), s.db, now, settings.LogoChange{}, s.clock.Wall(), by)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(600 * time.Millisecond) // as long as pages know the settings of before
}

func TestWithoutAMailServerNothingIsOfferedThatNeedsOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.allowSignUp()
	root, alice := s.admin(t), &adminBrowser{s.browser()}
	if a := alice.get("/login"); strings.Contains(a.body, "/forgot") || strings.Contains(a.body, "/signup") {
		t.Error("the sign-in offers what cannot work")
	}
	for _, path := range []string{"/forgot", "/forgot/sent", "/signup", "/signup/sent", "/signup/rgl1_ABCDEFGHIJKLMNOPQRSTUVWXYZ"} {
		if a := alice.get(path); a.status != http.StatusNotFound {
			t.Errorf("GET %s: %d", path, a.status)
		}
	}
	token := url.Values{"form_token": {hiddenValue(alice.get("/login").body, "form_token")}, "email": {"alice@example.com"}}
	for _, path := range []string{"/forgot", "/signup", "/signup/rgl1_ABCDEFGHIJKLMNOPQRSTUVWXYZ"} {
		if a := alice.form(s.issuer+path, token, sameOrigin); a.status != http.StatusNotFound {
			t.Errorf("POST %s: %d", path, a.status)
		}
	}
	alice.signIn("U1")
	if a := alice.get("/account/email"); a.status != http.StatusOK || !strings.Contains(a.body, "admin can change it") || strings.Contains(a.body, `name="email"`) {
		t.Errorf("/account/email: %d", a.status)
	}
	if a := root.post("/admin/settings/test-mail", nil); a.status != http.StatusNotFound {
		t.Errorf("a test mail: %d", a.status)
	}
	if a := root.get("/admin/settings"); !strings.Contains(a.body, "--smtp-addr") || strings.Contains(a.body, "test-mail") {
		t.Error("the settings do not say that there is no mail")
	}
	if a := root.post("/admin/people/invite", url.Values{"email": {"carl@example.com"}}); strings.Contains(a.body, "sent it to") {
		t.Error("an invitation claims to be sent")
	}
}

func TestWEB_42_AForgottenPasswordIsSetAnewByMail(t *testing.T) {
	t.Parallel()
	m := newMailSite(t)
	b := m.browser()
	address, login := b.login(m.az("CB", nil))
	_ = address
	forgot := regexp.MustCompile(`href="(/forgot\?request=[^"]+)"`).FindStringSubmatch(login.body)
	if forgot == nil {
		t.Fatal("the sign-in does not lead to /forgot")
	}
	page := b.get(forgot[1])
	if a := b.submit(page, m.issuer+"/forgot", url.Values{"email": {"alice"}}); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `value="alice"`) {
		t.Errorf("what is no address: %d", a.status)
	}

	sent := b.submit(page, m.issuer+"/forgot", url.Values{"email": {" Alice@Example.com "}})

	if sent.status != http.StatusSeeOther || !strings.HasPrefix(sent.header.Get("Location"), "/forgot/sent?request=") {
		t.Fatalf("%d %s", sent.status, sent.header.Get("Location"))
	}
	if a := b.get(sent.header.Get("Location")); a.status != http.StatusOK || !strings.Contains(a.body, "on its way") {
		t.Errorf("%d", a.status)
	}
	letter := m.deliver()["alice@example.com"]
	link := m.link(letter)
	m.clock.jump(time.Second)
	a := b.submit(b.get(link), strings.Split(link, "?")[0], url.Values{"password": {otherPassword}})
	if a.status != http.StatusSeeOther || b.signedIn() {
		t.Fatalf("%d %s", a.status, a.body)
	}
	done := b.get(a.header.Get("Location"))
	again := regexp.MustCompile(`href="(/login\?request=[^"]+)"`).FindStringSubmatch(done.body)
	if again == nil {
		t.Fatalf("the application is forgotten: %s", done.body)
	}
	a = b.submit(b.get(again[1]), m.issuer+"/login", url.Values{"email": {"alice@example.com"}, "password": {otherPassword}})
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/consent?request=") {
		t.Errorf("%d %s", a.status, a.header.Get("Location"))
	}
	if over := b.get(link); over.status != http.StatusGone || !strings.Contains(over.body, "you get a new one by mail") {
		t.Errorf("the link once it is used: %d", over.status)
	}
	if l := m.deliver()["alice@example.com"]; l.Subject != "Your password was changed" {
		t.Errorf("the person is told %q", l.Subject)
	}
}

func TestWEB_33_ForgotAnswersAlikeForKnownAndUnknownAddresses(t *testing.T) {
	t.Parallel()
	m := newMailSite(t)
	if err := m.people.Disable(context.Background(), m.person["U2"].ID, by, m.clock.Wall()); err != nil {
		t.Fatal(err)
	}
	m.allowSignUp()
	for _, path := range []string{"/forgot", "/signup"} {
		var first answer
		for i, email := range []string{"alice@example.com", "bob@example.com", "nobody@example.com"} {
			b := m.browser()
			for range 5 { // more than an address gets
				a := b.submit(b.get(path), m.issuer+path, url.Values{"email": {email}})
				a.header.Del("Date")
				a.header.Del("X-Request-Id")
				if i == 0 {
					first = a
				} else if a.status != first.status || a.body != first.body || fmt.Sprint(a.header) != fmt.Sprint(first.header) {
					t.Errorf("%s %s: %d %v", path, email, a.status, a.header)
				}
			}
		}
	}
	if err := m.post.Send(context.Background(), m.server); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, l := range m.letters {
		got[l.Subject+" to "+l.To]++
	}
	want := map[string]int{"Choose a new password to alice@example.com": 3, "You already have an account to alice@example.com": 3, "Confirm your email address to nobody@example.com": 3}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("sent %v", got)
	}
}

func TestGEN_05_MailsKnowOnlyTheConfiguredIssuer(t *testing.T) {
	t.Parallel()
	m := newMailSite(t)
	b := m.browser()
	fields := hidden(b.get("/forgot"), "form_token")
	fields.Set("email", "alice@example.com")
	r, err := http.NewRequest("POST", m.issuer+"/forgot", strings.NewReader(fields.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.test"
	for name, value := range map[string]string{"X-Forwarded-Host": "evil.test", "Forwarded": "host=evil.test", "Origin": m.issuer, "Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"} {
		r.Header.Set(name, value)
	}
	if a := b.send(r); a.status != http.StatusSeeOther || strings.Contains(a.header.Get("Location"), "evil") {
		t.Fatalf("%d %s", a.status, a.header.Get("Location"))
	}
	letter := m.deliver()["alice@example.com"]
	if strings.Contains(fmt.Sprint(letter), "evil") || !strings.HasPrefix(m.link(letter), m.issuer+"/reset/rgl1_") {
		t.Errorf("got %+v", letter)
	}
}

func TestWhatAnAdminHandsOverIsSentAsWell(t *testing.T) {
	t.Parallel()
	m := newMailSite(t)
	root := m.admin(t)
	page := root.post("/admin/people/invite", url.Values{"email": {"carl@example.com"}, "role": {"person"}})
	shown := linkOn(t, page)
	if !strings.Contains(page.body, "sent it to carl@example.com") {
		t.Error("the page does not say that it is sent")
	}
	if got := m.link(m.deliver()["carl@example.com"]); got != shown {
		t.Errorf("sent %s, shown %s", got, shown)
	}
	shown = linkOn(t, root.post("/admin/people/"+m.person["U1"].ID+"/reset-link", nil))
	letter := m.deliver()["alice@example.com"]
	if got := m.link(letter); got != shown || !strings.Contains(letter.Text, "An admin of Regrant") {
		t.Errorf("sent %s, shown %s: %s", got, shown, letter.Text)
	}
}

func TestPeopleSignUpAndArriveAtTheApplication(t *testing.T) {
	t.Parallel()
	m := newMailSite(t)
	root, b, elsewhere := m.admin(t), m.browser(), m.browser()
	if a := b.get("/signup"); a.status != http.StatusNotFound {
		t.Fatalf("it is on by default: %d", a.status)
	}
	if a := root.upload("/admin/settings", url.Values{"signup": {"on"}, "signup_domains": {"Acme.example, "}}, nil); a.status != http.StatusSeeOther {
		t.Fatalf("it cannot be turned on: %d %s", a.status, a.body)
	}
	_, login := b.login(m.az("CB", nil))
	offer := regexp.MustCompile(`href="(/signup\?request=[^"]+)"`).FindStringSubmatch(login.body)
	if offer == nil {
		t.Fatal("the sign-in does not offer it")
	}
	page := b.get(offer[1])
	if !strings.Contains(page.body, "Client CB") || !strings.Contains(page.body, "acme.example") {
		t.Error("the page does not say for what and for whom")
	}
	if a := b.submit(page, m.issuer+"/signup", url.Values{"email": {"dora@evil-acme.example"}}); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "cannot sign up here") {
		t.Errorf("another domain: %d", a.status)
	}
	if a := b.submit(page, m.issuer+"/signup", url.Values{"email": {"dora@acme.example"}}); a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, a.body)
	}
	link := m.link(m.deliver()["dora@acme.example"])
	if a := elsewhere.get(link); a.status != http.StatusOK || strings.Contains(a.header.Get("Location"), "consent") {
		t.Errorf("in another browser: %d", a.status)
	}
	if _, err := m.people.Find(context.Background(), "dora@acme.example"); !errors.Is(err, account.ErrNotFound) {
		t.Fatal("looking at the link makes an account")
	}
	action := strings.Split(link, "?")[0]
	if a := b.submit(b.get(link), action, url.Values{"name": {"Dora"}, "password": {"short"}}); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `value="Dora"`) {
		t.Errorf("%d", a.status)
	}

	a := b.submit(b.get(link), action, url.Values{"name": {"Dora"}, "password": {otherPassword}, "email": {"root@acme.example"}, "role": {"admin"}})

	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/consent?request=") {
		t.Fatalf("%d %s", a.status, a.header.Get("Location"))
	}
	m.clock.jump(time.Second)
	consent := b.get(a.header.Get("Location"))
	back, err := url.Parse(b.submit(consent, m.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": ticked(consent.body)}).header.Get("Location"))
	if err != nil || m.redeem("CB", back).status != http.StatusOK {
		t.Errorf("%v %v", back, err)
	}
	p, err := m.people.Find(context.Background(), "dora@acme.example")
	if err != nil || p.EmailVerifiedAt == nil || p.Role != account.RolePerson || p.Name != "Dora" {
		t.Errorf("%+v %v", p, err)
	}
	for _, again := range []answer{elsewhere.get(link), elsewhere.submit(elsewhere.get("/login"), action, url.Values{"password": {otherPassword}})} {
		if again.status != http.StatusGone {
			t.Errorf("a used link: %d", again.status)
		}
	}
}

func TestAFaultAtTheSignUpIsNoVerdictAboutTheApplicationThatWaits(t *testing.T) {
	t.Parallel()
	m := newMailSite(t)
	m.allowSignUp()
	b := m.browser()
	_, login := b.login(m.az("CB", nil))
	offer := regexp.MustCompile(`href="(/signup\?request=[^"]+)"`).FindStringSubmatch(login.body)
	if offer == nil {
		t.Fatal("the sign-in does not offer it")
	}
	m.exec("ALTER TABLE authorization_requests RENAME TO away")
	if a := b.get(offer[1]); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("the store is away: %d", a.status)
	}
	m.exec("ALTER TABLE away RENAME TO authorization_requests")
	if a := b.get(offer[1]); a.status != http.StatusOK || !strings.Contains(a.body, "Client CB") {
		t.Errorf("it is back: %d", a.status)
	}
	if a := m.browser().get(offer[1]); a.status != http.StatusOK || strings.Contains(a.body, "Client CB") {
		t.Errorf("another browser: %d", a.status)
	}
}

func TestWEB_35_WhoSignsUpWhereTwoFactorsAreRequiredAddsOneFirst(t *testing.T) {
	t.Parallel()
	m := newMailSite(t)
	m.allowSignUp()
	m.setSecondFactor(settings.SecondFactorEveryone)
	b := m.browser()
	_, login := b.login(m.az("TR", nil))
	offer := regexp.MustCompile(`href="(/signup\?request=[^"]+)"`).FindStringSubmatch(login.body)
	if offer == nil {
		t.Fatal("the sign-in does not offer it")
	}
	b.submit(b.get(offer[1]), m.issuer+"/signup", url.Values{"email": {"dora@acme.example"}})
	link := m.link(m.deliver()["dora@acme.example"])

	in := b.submit(b.get(link), strings.Split(link, "?")[0], url.Values{"name": {"Dora"}, "password": {otherPassword}})

	page := b.wantStep(in, "/login/enrol")
	if !strings.Contains(page.body, "Client TR") {
		t.Errorf("AZ-19: the authorization is forgotten: %s", page.body)
	}
	if a := b.get("/account"); a.status != http.StatusSeeOther {
		t.Errorf("before a factor was added: %d", a.status)
	}
	_, codes := b.enrolStep(page)
	_, next, _ := strings.Cut(codes.body, `<a href="/login?request=`)
	next, _, _ = strings.Cut(next, `"`)
	if claims := m.claimsOf("TR", b.get("/login?request="+next)); claims["acr"] != account.ACRTwoFactors || methods(claims) != "pwd otp mfa" {
		t.Errorf("%v %v", claims["acr"], claims["amr"])
	}
}

func TestSignUpIsNotTurnedOnWithoutMails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.admin(t)
	a := root.upload("/admin/settings", url.Values{"signup": {"on"}}, nil)
	if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "no mail server is set up") {
		t.Errorf("%d", a.status)
	}
	if now, err := s.db.SiteSettings(context.Background()); err != nil || now.SignUp.On {
		t.Errorf("%+v %v", now.SignUp, err)
	}
}

func TestWEB_34_AnAddressIsChangedByItsPersonFromItsMailbox(t *testing.T) {
	t.Parallel()
	m := newMailSite(t)
	alice, bob := &adminBrowser{m.browser()}, &adminBrowser{m.browser()}
	alice.signIn("U1")
	bob.signIn("U2")
	m.clock.jump(account.FreshFor)
	if a := alice.get("/account/email"); a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Location"), "confirm?return=") {
		t.Fatalf("no proof is asked for: %d", a.status)
	}
	alice.signIn("U1")
	page := alice.get("/account/email")
	for email, words := range map[string]string{"alice@example.com": "already", "nowhere": "address"} {
		if a := alice.submit(page, m.issuer+"/account/email", url.Values{"email": {email}}); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, words) {
			t.Errorf("%s: %d", email, a.status)
		}
	}
	var answers []string
	for _, email := range []string{"alice@new.example", "bob@example.com"} {
		a := alice.submit(page, m.issuer+"/account/email", url.Values{"email": {email}})
		answers = append(answers, fmt.Sprint(a.status, a.header.Get("Location"), a.body))
	}
	if answers[0] != answers[1] || !strings.HasPrefix(answers[0], "303/account/email") {
		t.Errorf("a taken address is told from a free one: %q", answers)
	}
	letters := m.deliver()
	if l := letters["bob@example.com"]; l.Subject != "This address is in use already" || linkInMail.MatchString(l.Text) {
		t.Errorf("got %+v", l)
	}
	link := m.link(letters["alice@new.example"])
	if a := alice.get("/account/email?opened=link"); !strings.Contains(a.body, "Open the link in the mail again") {
		t.Error("nobody is told to open the link again")
	}
	if a := bob.get(strings.TrimPrefix(link, m.issuer)); a.status != http.StatusGone {
		t.Errorf("somebody else: %d", a.status)
	}
	// WEB-46: the token stands in no query, which proxies write down.
	if a := m.browser().get(link); a.status != http.StatusSeeOther || a.header.Get("Location") != "/login?return=%2Faccount%2Femail%3Fopened%3Dlink" {
		t.Errorf("a stranger: %d %s", a.status, a.header.Get("Location"))
	}
	shown := alice.get(strings.TrimPrefix(link, m.issuer))
	if shown.status != http.StatusOK || !strings.Contains(shown.body, "alice@new.example") {
		t.Fatalf("%d", shown.status)
	}

	a := alice.submit(shown, link, nil)

	if a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, a.body)
	}
	letters = m.deliver()
	if letters["alice@example.com"].Subject != "The address of your account was changed" || letters["alice@new.example"].Subject != "This is the address of your account now" {
		t.Errorf("told %v", letters)
	}
	if p, err := m.people.Find(context.Background(), "alice@new.example"); err != nil || p.EmailVerifiedAt == nil || p.ID != m.person["U1"].ID {
		t.Errorf("%+v %v", p, err)
	}
	if a := alice.submit(shown, link, nil); a.status != http.StatusGone {
		t.Errorf("a second time: %d", a.status)
	}
}

func TestAnAdminSeesWhetherMailsAreAccepted(t *testing.T) {
	t.Parallel()
	m := newMailSite(t)
	root := m.admin(t)
	if a := root.get("/admin/settings"); !strings.Contains(a.body, "smtp.test:587") {
		t.Error("the mail server is not named")
	}
	if a := root.follow(root.post("/admin/settings/test-mail", nil)); !strings.Contains(a.body, "has accepted the test mail") {
		t.Errorf("%d", a.status)
	}
	if len(m.letters) != 1 || !strings.HasPrefix(m.letters[0].Subject, "Test mail") || m.letters[0].To != "root@example.com" {
		t.Errorf("got %+v", m.letters)
	}
	m.refuse = errors.New("the server answers 535 5.7.8 authentication failed")
	if a := root.post("/admin/settings/test-mail", nil); a.status != http.StatusBadGateway || !strings.Contains(a.body, "535 5.7.8") {
		t.Errorf("%d", a.status)
	}
}

func TestASignInThatWasReportedIsToldToItsPerson(t *testing.T) {
	t.Parallel()
	m := newMailSite(t)
	alice, thief := m.as("U1"), m.as("U1")
	thief.allow("CB", offline)
	m.deliver()

	a := alice.post("/account/grants/"+m.grantsOfPerson("U1", "CB")[0]+"/report", nil)

	if a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, a.body)
	}
	letters := m.deliver()
	if l := letters["alice@example.com"]; len(letters) != 1 || l.Subject != "Client CB was signed out" {
		t.Errorf("got %+v", letters)
	}
}

func TestNothingInANameBeginsAnotherHeader(t *testing.T) {
	t.Parallel()
	m := newMailSite(t)
	m.rename("CB", "Evil\r\nBcc: all@example.com\r\n\r\n<b>x</b>")
	event := audit.Event{At: m.clock.Wall(), Kind: audit.GrantReuse, PersonID: m.person["U1"].ID, ClientID: "CB", Result: "revoked", Origin: audit.Origin{IP: "192.0.2.9"}}
	if err := m.db.Audit(context.Background(), event); err != nil {
		t.Fatal(err)
	}
	l := m.deliver()["alice@example.com"]
	if strings.ContainsAny(l.Subject+l.Name+l.To, "\r\n") || !strings.Contains(l.Subject, "Evil") || strings.Contains(l.HTML, "<b>") {
		t.Errorf("got %q", l.Subject)
	}
	if !strings.Contains(strings.ReplaceAll(l.Text, "\n", " "), "because an old key of it was used from 192.0.2.9") || !slices.Contains(strings.Split(l.Text, "\n"), "If that was you, just sign in again.") {
		t.Errorf("got %s", l.Text)
	}
}

func TestAMailIsInTheLanguageAndTheTimeOfItsReader(t *testing.T) {
	t.Parallel()
	m := newMailSite(t)
	m.exec("UPDATE people SET language = 'de', time_zone = 'Europe/Berlin' WHERE id = '" + m.person["U1"].ID + "'")
	for _, person := range []string{"U1", "U2"} {
		event := audit.Event{At: m.clock.Wall(), Kind: audit.SignInNewDevice, PersonID: m.person[person].ID, Result: "ok"}
		if err := m.db.Audit(context.Background(), event); err != nil {
			t.Fatal(err)
		}
	}
	letters := m.deliver()
	if l := letters["alice@example.com"]; l.Subject != "Neue Anmeldung an Ihrem Konto" || !strings.Contains(l.Text, m.clock.Wall().Add(time.Hour).Format("15:04")) {
		t.Errorf("got %s\n%s", l.Subject, l.Text)
	}
	if l := letters["bob@example.com"]; l.Subject != "New sign-in to your account" || !strings.Contains(l.Text, "UTC") {
		t.Errorf("got %s\n%s", l.Subject, l.Text)
	}
}
