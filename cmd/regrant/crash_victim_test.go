package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/pquerna/otp/totp"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/db"
)

// victim is something that is to be ended, or used up, while the server is killed.
type victim struct {
	kind   string
	person account.Person
	tokens []crashToken // that are dead once it has happened
	once   string       // what is good once: a code, a link, a second factor
	access string       // an access token that is to die alone
	do     func(ctx context.Context) (done bool)
	// again uses once a second time; used: it was accepted; known: the server has said so or not. nil: nothing is good once.
	again func() (used, known bool)
	done  bool // it was answered, or was seen to have happened
}

type crashToken struct {
	client  *crashClient
	refresh string
}

// Victims of every kind. Some come with every kill; of those that cost a process or a password hash, one of each.
var (
	victimsAlways    = []string{"revoke", "access", "code"}
	victimsByCommand = []string{"user disable", "grant revoke", "user delete", "client revoke"}
	victimsByPage    = []string{"consent", "reset", "recovery", "totp"}
)

const victimPassword = "walnut-orchid-gravel-27"

// prepare makes victims, one of each kind.
func (c *crashSite) prepare(kinds ...string) []*victim {
	c.t.Helper()
	all := make([]*victim, len(kinds))
	var asks []crashAsk
	var of []int
	c.store(func(d *db.DB) {
		for i, kind := range kinds {
			all[i] = &victim{kind: kind, person: c.somebody(d)}
			grants := 1
			if strings.HasPrefix(kind, "user") || kind == "consent" {
				grants = 2
			}
			if kind == "recovery" || kind == "totp" || kind == "code" {
				grants = 0
			}
			for range grants {
				asks, of = append(asks, crashAsk{c.clients["standard"], all[i].person.ID}), append(of, i)
			}
		}
	})
	for n, token := range c.grants(asks...) {
		v := all[of[n]]
		v.tokens = append(v.tokens, crashToken{asks[n].client, token})
	}
	c.store(func(d *db.DB) {
		for _, v := range all {
			c.plan(d, v)
		}
	})
	return all
}

// somebody is a person with [victimPassword].
func (c *crashSite) somebody(d *db.DB) account.Person {
	c.t.Helper()
	id, at := rand.Text(), now()
	p := account.Person{ID: id, Email: strings.ToLower(id) + "@example.com", Role: account.RolePerson, EmailVerifiedAt: &at, PasswordHash: c.hash(), PasswordChangedAt: &at, CreatedAt: at}
	if err := d.CreatePerson(c.t.Context(), p, audit.Event{At: at, Kind: audit.PersonCreated, Origin: crashOrigin(), PersonID: id, Result: "ok"}); err != nil {
		c.t.Fatal(err)
	}
	return p
}

var victimHash struct {
	sync.Once
	value string
}

// hash is that of victimPassword: one for all of them, since each costs 30 ms.
func (c *crashSite) hash() string {
	victimHash.Do(func() {
		c.store(func(d *db.DB) {
			all, err := people(d)
			if err != nil {
				c.t.Fatal(err)
			}
			p, err := all.Create(c.t.Context(), account.NewPerson{Email: "hash@example.com", Password: victimPassword}, crashOrigin(), now())
			if err != nil {
				c.t.Fatal(err)
			}
			victimHash.value = p.PasswordHash
		})
	})
	return victimHash.value
}

// plan says how a victim ends.
func (c *crashSite) plan(d *db.DB, v *victim) {
	c.t.Helper()
	client := c.clients["standard"]
	all, err := people(d)
	if err != nil {
		c.t.Fatal(err)
	}
	switch v.kind {
	case "revoke": // RFC 7009
		v.do = func(context.Context) bool {
			return c.post(client, "/revoke", url.Values{"token": {v.tokens[0].refresh}}).ok()
		}
	case "access": // its jti is all that is kept of it
		a := c.refresh(client, v.tokens[0].refresh)
		if !a.ok() || a.access == "" {
			c.t.Fatalf("refresh: %+v", a)
		}
		v.access, v.tokens[0].refresh = a.access, a.refresh
		v.do = func(context.Context) bool { return c.post(client, "/revoke", url.Values{"token": {v.access}}).ok() }
	case "grant revoke":
		v.do = c.command("grant", "revoke", "--user", v.person.Email)
	case "client revoke":
		v.do = c.command("grant", "revoke", "--user", v.person.Email, "--client", client.id)
	case "user disable", "user delete":
		v.do = c.command("user", strings.TrimPrefix(v.kind, "user "), v.person.Email)
	case "consent":
		browser := c.browser()
		if err := browser.signIn(v.person.Email, victimPassword); err != nil {
			c.t.Fatal(err)
		}
		v.do = func(context.Context) bool {
			response, err := browser.try(c.server.issuer+"/account/apps/"+client.id+"/end", "/end", nil)
			return answered(response, err) && response.StatusCode == http.StatusOK
		}
	case "code":
		v.once = c.codes(d, crashAsk{client, v.person.ID})[0]
		use := func() (used, known bool) {
			a := c.redeem(client, v.once)
			if a.ok() {
				v.tokens = append(v.tokens, crashToken{client, a.refresh})
			}
			return a.ok(), a.ok() || a.refused()
		}
		v.do, v.again = func(context.Context) bool { used, _ := use(); return used }, use
	case "reset":
		_, address, err := account.NewLinks(all, d, c.server.issuer).ResetLink(c.t.Context(), v.person.ID, crashOrigin(), now())
		if err != nil {
			c.t.Fatal(err)
		}
		use := func() (used, known bool) {
			response, err := c.browser().try(address, "/reset/", url.Values{"password": {"gravel-walnut-" + rand.Text()}})
			if missing, ok := err.(*formMissing); ok {
				return false, missing.status == http.StatusGone
			}
			done := answered(response, err) && response.StatusCode == http.StatusOK
			return done, done
		}
		v.do, v.again = func(context.Context) bool { used, _ := use(); return used }, use
	case "recovery", "totp":
		code := c.enrol(all, v)
		use := func() (used, known bool) { return c.browser().signInWith(v.person.Email, victimPassword, code) }
		v.do, v.again = func(context.Context) bool { used, _ := use(); return used }, use
	}
}

// command gives an act at the command line, which can be killed, too.
func (c *crashSite) command(args ...string) func(context.Context) bool {
	return func(ctx context.Context) bool {
		cmd := exec.CommandContext(ctx, "regrant", append(args, "--db", c.server.db)...)
		cmd.Dir = filepath.Dir(c.server.db)
		out, err := cmd.CombinedOutput()
		if err != nil && ctx.Err() == nil {
			c.t.Errorf("regrant %s: %v %s", strings.Join(args, " "), err, out)
		}
		return err == nil
	}
}

// enrol gives a person an authenticator app and recovery codes, and gives one of them that was not used yet.
func (c *crashSite) enrol(all *account.People, v *victim) string {
	c.t.Helper()
	browser, at := []byte("browser"), now()
	app, err := all.NewTOTP(v.person, browser, "Regrant", at)
	if err != nil {
		c.t.Fatal(err)
	}
	code := func(step int) string {
		text, err := totp.GenerateCode(app.Secret, at.Add(time.Duration(step)*30*time.Second))
		if err != nil {
			c.t.Fatal(err)
		}
		return text
	}
	_, recovery, err := all.EnrolTOTP(c.t.Context(), account.Session{PersonID: v.person.ID, AuthTime: at, CreatedAt: at}, browser, app.Sealed, code(0), crashOrigin(), at)
	if err != nil {
		c.t.Fatal(err)
	}
	if v.kind == "recovery" {
		return recovery[0]
	}
	return code(1) // that of now is used up
}

func (c *crashSite) browser() *crashBrowser {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	// Everybody comes from somewhere else: guesses are counted by address, too.
	from := fmt.Sprintf("10.%d.%d.%d", mathrand.IntN(256), mathrand.IntN(256), mathrand.IntN(256))
	return &crashBrowser{formBrowser{c.t, &http.Client{Jar: jar, Timeout: time.Minute, Transport: forwarded{c.http.Transport, from}}}, c}
}

// forwarded is a proxy that says for whom it asks.
type forwarded struct {
	http.RoundTripper
	address string
}

func (f forwarded) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", f.address)
	return f.RoundTripper.RoundTrip(r)
}

// crashBrowser is a browser whose server may die.
type crashBrowser struct {
	formBrowser
	site *crashSite
}

func (b *crashBrowser) signIn(email, password string) error {
	response, err := b.try(b.site.server.issuer+"/login", "/login", url.Values{"email": {email}, "password": {password}})
	if err == nil && !(answered(response, nil) && response.StatusCode == http.StatusOK) {
		err = fmt.Errorf("sign in: %s", response.Status)
	}
	return err
}

// signInWith signs in with a second factor. known: the server has said whether that was accepted.
func (b *crashBrowser) signInWith(email, password, code string) (used, known bool) {
	response, err := b.try(b.site.server.issuer+"/login", "/login", url.Values{"email": {email}, "password": {password}})
	if !answered(response, err) || !strings.HasSuffix(response.Request.URL.Path, "/login/second") {
		return false, false
	}
	response, err = b.try(response.Request.URL.String(), "/login/second", url.Values{"code": {code}})
	if !answered(response, err) {
		return false, false
	}
	return response.StatusCode == http.StatusOK && !strings.Contains(response.Request.URL.Path, "/login"),
		response.StatusCode < http.StatusInternalServerError
}

// answered reads an answer to its end, and says whether it came whole.
func answered(response *http.Response, err error) bool {
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil
}

// attack does to each victim what is planned, some time within that long. Commands are killed at the end, half of the time.
func (c *crashSite) attack(ctx context.Context, victims []*victim, within time.Duration) (wait func()) {
	var all sync.WaitGroup
	for _, v := range victims {
		c.victims = append(c.victims, v)
		delay := mathrand.N(within)
		ctx := ctx
		if mathrand.IntN(2) == 0 {
			ctx = context.Background()
		}
		all.Go(func() {
			time.Sleep(delay)
			c.log.write(v.person.ID, "intent", strings.ReplaceAll(v.kind, " ", "-"))
			if v.do(ctx) {
				c.log.write(v.person.ID, "ack", strings.ReplaceAll(v.kind, " ", "-"))
			}
		})
	}
	return all.Wait
}

// verify holds the server that has started again to what became of a victim. False: nothing came of the act, and nobody need look
// again.
func (c *crashSite) verify(v *victim) bool {
	if v.access != "" {
		return c.verifyAccess(v)
	}
	if v.again != nil {
		used, known := v.again()
		switch {
		case !known:
			return true // it is not the question here, and will be asked again
		case v.done:
			c.tally.check(onceIsOnce, !used, "%s: accepted twice", v.kind)
		case used:
			again, known := v.again()
			c.tally.check(onceIsOnce, known && !again, "%s: accepted twice", v.kind)
		}
		v.done, v.again = true, nil
	}
	alive := 0
	for _, token := range v.tokens {
		if c.active(token.client, token.refresh) {
			alive++
		}
	}
	switch {
	case v.done:
		c.tally.check(endsForEver, alive == 0, "%s: it was done, and %d of %d tokens live", v.kind, alive, len(v.tokens))
		if strings.HasPrefix(v.kind, "user") || v.kind == "reset" {
			c.tally.check(actsAreWhole, alive == 0, "%s: it was done, and %d of %d tokens live", v.kind, alive, len(v.tokens))
		}
	default:
		c.tally.check(actsAreWhole, alive == 0 || alive == len(v.tokens), "%s: half of it has happened", v.kind)
		if v.kind == "user disable" {
			c.tally.check(actsAreWhole, c.disabled(v) == (alive == 0), "%s: the person is disabled %v, and %d tokens live", v.kind, c.disabled(v), alive)
		}
		if v.done = alive == 0; !v.done {
			return false
		}
	}
	for _, token := range v.tokens {
		a := c.refresh(token.client, token.refresh)
		c.tally.check(endsForEver, a.refused(), "%s: it was done, and a token is answered with %+v", v.kind, a)
	}
	return true
}

// verifyAccess is verify for an access token that was revoked by itself: its grant goes on.
func (c *crashSite) verifyAccess(v *victim) bool {
	active := c.active(v.tokens[0].client, v.access)
	if v.done {
		c.tally.check(onceIsOnce, !active, "%s: its jti was revoked, and it is active", v.kind)
	}
	c.tally.check(actsAreWhole, c.active(v.tokens[0].client, v.tokens[0].refresh), "%s: an access token was revoked, and its grant has ended", v.kind)
	v.done = v.done || !active
	return v.done
}

func (c *crashSite) disabled(v *victim) (yes bool) {
	c.t.Helper()
	c.store(func(d *db.DB) {
		p, err := d.PersonByID(c.t.Context(), v.person.ID)
		if err != nil {
			c.t.Error(fmt.Errorf("read person: %w", err))
		}
		yes = p.DisabledAt != nil
	})
	return yes
}
