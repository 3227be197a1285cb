package web_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/web/outbound"
)

// notesID is the address that the client of most of these tests is known by.
const notesID = "https://notes.test/oauth/client.json"

// papers are documents of clients where the server reads them.
type papers struct {
	mu    sync.Mutex
	at    map[string]func() (*oauth.Document, error)
	reads []string
}

func newPapers() *papers { return &papers{at: map[string]func() (*oauth.Document, error){}} }

func (p *papers) fetch(_ context.Context, address string) (*oauth.Document, error) {
	p.mu.Lock()
	p.reads = append(p.reads, address)
	give := p.at[address]
	p.mu.Unlock()
	if give == nil {
		return nil, fmt.Errorf("%w: it answers with status 404", oauth.ErrDocument)
	}
	return give()
}

// lay puts a document at an address, which its server says may be believed for an hour.
func (p *papers) lay(address, body string) { p.layFor(address, body, time.Hour) }

// layShort puts one at notesID that is believed for as short as can be.
func (p *papers) layShort(body string) { p.layFor(notesID, body, 0) }

func (p *papers) layFor(address, body string, fresh time.Duration) {
	p.give(address, func() (*oauth.Document, error) { return &oauth.Document{Body: []byte(body), Fresh: fresh}, nil })
}

func (p *papers) give(address string, give func() (*oauth.Document, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at[address] = give
}

func (p *papers) want(t testing.TB, reads int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.reads) != reads {
		t.Fatalf("documents were read %d times, want %d: %s", len(p.reads), reads, p.reads)
	}
}

// paper is the document of a native client at an address, changed by m.
func paper(address string, m members) string {
	all := members{
		"client_id": address, "client_name": "Notes", "redirect_uris": []string{"http://localhost/cb"}, "token_endpoint_auth_method": "none",
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
	}
	for name, value := range m {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// The paths of a client that is known by an address, among the pages of admins and of its people.
var (
	adminOfAddress = regexp.MustCompile(`/admin/clients/~[0-9A-Za-z_-]+`)
	appOfAddress   = regexp.MustCompile(`/account/apps/~[0-9A-Za-z_-]+`)
)

func withDocuments(r *oauth.RegistrationRules) { r.Documents.On = true }

// alonePapers is a rule about a site of its own, where clients may be known by their address, as the one of notesID is.
func alonePapers(t *testing.T, name string, check func(*testing.T, *site, *papers)) {
	t.Helper()
	p := newPapers()
	alone(t, name, func(t *testing.T, s *site) {
		s.rules(withDocuments)
		p.lay(notesID, paper(notesID, nil))
		check(t, s, p)
	}, siteOptions{engine: func(c *oauth.Config) { c.FetchDocument = p.fetch }})
}

// azOf is the address of an authorization request of a client that is known by an address.
func (s *site) azOf(id string, set url.Values) string {
	q := url.Values{"client_id": {id}, "redirect_uri": {"http://localhost:49152/cb"}, "scope": {"openid offline_access"}}
	maps.Copy(q, set)
	return s.az("", q)
}

// notesTokens signs U1 in to the client of notesID.
func (s *site) notesTokens() answer {
	s.t.Helper()
	return s.tokensOf(notesID)
}

// tokensOf signs U1 in to a native client.
func (s *site) tokensOf(id string) answer {
	s.t.Helper()
	callback := s.browser().walk(s.azOf(id, url.Values{"prompt": {"consent"}}), "U1")
	return s.post("/token", "", url.Values{
		"client_id": {id}, "grant_type": {"authorization_code"}, "code": callback.Query()["code"], "redirect_uri": {"http://localhost:49152/cb"}, "code_verifier": {verifier},
	})
}

func (s *site) notesRefresh(tokens answer) answer {
	s.t.Helper()
	return s.post("/token", "", url.Values{"client_id": {notesID}, "grant_type": {"refresh_token"}, "refresh_token": {tokens.text(s.t, "refresh_token")}})
}

// wantNoAddress is a page that says code, and nothing that leads on.
func wantNoAddress(t testing.TB, a answer, code string) {
	t.Helper()
	wantPage(t, a)
	if !strings.Contains(a.body, code) {
		t.Errorf("the page does not say %s: %s", code, a.body)
	}
}

func requirementsCI(t *testing.T) {
	documentOffRules(t)
	documentRules(t)
	documentReadingRules(t)
	documentChangeRules(t)
	documentPeopleRules(t)
	documentFaultRules(t)
}

func documentOffRules(t *testing.T) {
	for _, issuer := range issuers {
		p := newPapers()
		alone(t, "CI-10 META-12 it is off until an admin turns it on, and the metadata says which "+strings.TrimPrefix(issuer, "https://"), func(t *testing.T, s *site) {
			p.lay(notesID, paper(notesID, nil))
			if value, there := s.document()["client_id_metadata_document_supported"]; there {
				t.Errorf("the metadata says %v", value)
			}
			wantNoAddress(t, s.browser().get(s.azOf(notesID, nil)), "invalid_request")
			wantUnauthorized(t, s.post("/par", "", url.Values{"client_id": {notesID}}))
			p.want(t, 0)
			s.rules(withDocuments)
			if s.document()["client_id_metadata_document_supported"] != true || s.document()["registration_endpoint"] != nil {
				t.Errorf("%v", s.document())
			}
			tokens := s.notesTokens()
			wantOK(t, tokens)
			p.want(t, 1)

			s.rules(func(r *oauth.RegistrationRules) { r.Documents.On = false })
			wantNoAddress(t, s.browser().get(s.azOf(notesID, nil)), "invalid_request")
			wantUnauthorized(t, s.post("/par", "", url.Values{"client_id": {notesID}}))
			wantOK(t, s.notesRefresh(tokens)) // who is signed in stays so
			p.want(t, 1)
		}, siteOptions{issuer: issuer, engine: func(c *oauth.Config) { c.FetchDocument = p.fetch }})
	}

	alone(t, "CI-10 META-12 a server that calls nothing does not offer it", func(t *testing.T, s *site) {
		s.rules(withDocuments)
		if value, there := s.document()["client_id_metadata_document_supported"]; there {
			t.Errorf("the metadata says %v", value)
		}
		wantNoAddress(t, s.browser().get(s.azOf(notesID, nil)), "invalid_request")
	})

	alonePapers(t, "CI-10 an admin allows and denies domains, and nothing of this server itself is called", func(t *testing.T, s *site, p *papers) {
		begin := func(id string) int { return s.browser().get(s.azOf(id, nil)).status }
		for i, c := range []struct {
			allow, deny, id string
			want            int
		}{
			{"", "notes.test", notesID, 400}, {"", "test", notesID, 400}, {"other.test", "", notesID, 400}, {"notes.test", "notes.test", notesID, 400},
			{"", "", "https://as.test/client.json", 400}, {"", "", "https://as.test:8443/client.json", 400}, {"as.test", "", "https://as.test/client.json", 400},
			{"test", "other.test", notesID, 303}, {"", "test", notesID, 400},
		} {
			s.rules(func(r *oauth.RegistrationRules) {
				r.Documents.Allow, r.Documents.Deny = strings.Fields(c.allow), strings.Fields(c.deny)
			})
			p.lay(c.id, paper(c.id, nil))
			if got := begin(c.id); got != c.want {
				t.Errorf("%d: %+v: %d", i, c, got)
			}
		}
		p.want(t, 1)
	})
}

// fruitless are requests that cannot succeed whatever a document says.
var fruitless = []url.Values{
	{"redirect_uri": nil}, {"redirect_uri": {"http://evil.test/cb"}}, {"redirect_uri": {"javascript:alert(1)"}}, {"redirect_uri": {"http://localhost/cb", "http://localhost/cb"}},
	{"response_type": nil}, {"response_type": {"token"}}, {"response_type": {"code", "code"}}, {"code_challenge": nil}, {"code_challenge": {"short"}}, {"code_challenge_method": {"plain"}},
}

func documentRules(t *testing.T) {
	alonePapers(t, "CI-01 CI-07 nothing is called for what is no address, or cannot succeed", func(t *testing.T, s *site, p *papers) {
		b := s.browser()
		for _, id := range []string{
			"http://notes.test/client.json", "HTTPS://notes.test/client.json", "https://notes.test", "https://notes.test/", "https://notes.test/a/../client.json", "https://notes.test/%2e%2E/client.json", "https://notes.test/client.json#",
			"https://me@notes.test/client.json", "https://@notes.test/client.json", "https://Notes.test/client.json", "https://notes.test/cli ent", "https://notes.test\\client", "https://notes.test/\tclient", "https:///client",
			"https://notes.test./client.json", "ftp://notes.test/client.json", "https:notes.test/client.json", "notes", "https://notes.test/" + strings.Repeat("a", 500),
		} {
			wantNoAddress(t, b.get(s.azOf(id, nil)), "invalid_request")
			wantUnauthorized(t, s.post("/par", "", url.Values{"client_id": {id}, "response_type": {"code"}, "redirect_uri": {"http://localhost/cb"}, "code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"}}))
		}
		for _, set := range fruitless {
			wantNoAddress(t, b.get(s.azOf(notesID, set)), "invalid_request")
		}
		wantNoAddress(t, b.get(s.azOf("", url.Values{"client_id": {notesID, notesID}})), "invalid_request")
		wantUnauthorized(t, s.post("/token", "", url.Values{"client_id": {notesID}, "grant_type": {"refresh_token"}, "refresh_token": {"x"}}))
		wantUnauthorized(t, s.asserted("/token", notesID, testKeys()["ES256"], machineForm))
		s.post("/revoke", "", url.Values{"client_id": {notesID}, "token": {"x"}})
		s.fetch("GET", s.issuer+"/end_session?client_id="+url.QueryEscape(notesID))
		p.want(t, 0)
	})

	alonePapers(t, "CI-03 CI-06 MCP-07 RT-12 a client introduces itself, and its refreshes wait for nobody", func(t *testing.T, s *site, p *papers) {
		tokens := s.notesTokens()
		wantOK(t, tokens)
		c := s.stored(notesID)
		if c.Source != oauth.SourceDocument || !c.Unverified() || c.Trusted || c.Name != "Notes" || c.Policy.Preset != oauth.PresetMultiProcess || c.Policy.Grace != time.Minute || !c.Public() || c.DocumentHost() != "notes.test" {
			t.Errorf("%+v", c)
		}
		if aud := s.verified(tokens.text(t, "access_token"))["client_id"]; aud != notesID {
			t.Errorf("client_id %v", aud)
		}
		if e := lastEventOf(t, s, audit.ClientRegistered); e.ClientID != notesID || e.Actor != audit.ByClient || !strings.Contains(e.Detail, "source=document") {
			t.Errorf("%+v", e)
		}
		wantOK(t, s.userinfo(tokens.text(t, "access_token")))
		p.give(notesID, func() (*oauth.Document, error) { return nil, errors.New("no route to host") })
		s.clock.jump(20 * 24 * time.Hour) // its document is long out of date
		for range 3 {
			tokens = s.notesRefresh(tokens)
			wantOK(t, tokens)
		}
		p.want(t, 1)
	})

	alonePapers(t, "CI-04 PAR-01 a client proves by its key who it is, and pushes", func(t *testing.T, s *site, p *papers) {
		key, id := testKeys()["ES256"], "https://signing.test/client"
		var set map[string]any
		if err := json.Unmarshal([]byte(jwkSet(t, key)), &set); err != nil {
			t.Fatal(err)
		}
		p.lay(id, paper(id, members{"token_endpoint_auth_method": "private_key_jwt", "jwks": set, "redirect_uris": []string{"https://signing.test/cb"}}))
		wanted := url.Values{"redirect_uri": {"https://signing.test/cb"}, "response_type": {"code"}, "scope": {"openid"}, "code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"}, "state": {"s"}}
		for _, set := range fruitless {
			wantError(t, s.asserted("/par", id, key, changed(maps.Clone(wanted), set)), "invalid_request")
		}
		p.want(t, 0)
		wantUnauthorized(t, s.asserted("/par", id, newECKey(t, "stolen"), wanted))
		pushed := s.asserted("/par", id, key, wanted)
		if pushed.status != http.StatusCreated {
			t.Fatalf("%d %s", pushed.status, pushed.body)
		}
		callback := s.browser().walk(s.issuer+"/authorize?"+url.Values{"client_id": {id}, "request_uri": {pushed.text(t, "request_uri")}}.Encode(), "U1")
		redeem := url.Values{"grant_type": {"authorization_code"}, "code": callback.Query()["code"], "redirect_uri": {"https://signing.test/cb"}, "code_verifier": {verifier}}
		wantUnauthorized(t, s.post("/token", "", changed(maps.Clone(redeem), url.Values{"client_id": {id}})))
		wantOK(t, s.asserted("/token", id, key, redeem))
		p.want(t, 1)
	})

	alonePapers(t, "CI-06 only what stands in the document is a redirect URI, and a loopback one has any port", func(t *testing.T, s *site, p *papers) {
		p.lay(notesID, paper(notesID, members{"redirect_uris": []string{"http://127.0.0.1/cb", "https://notes.test/cb"}}))
		b := s.browser()
		for _, uri := range []string{"https://notes.test/cb/", "https://notes.test/cb?x=1", "https://evil.test/cb", "http://localhost/cb", "http://127.0.0.1:1/other", "https://notes.test:8443/cb"} {
			wantNoAddress(t, b.get(s.azOf(notesID, url.Values{"redirect_uri": {uri}})), "invalid_request")
		}
		for _, uri := range []string{"http://127.0.0.1:5/cb", "http://127.0.0.1/cb", "https://notes.test/cb"} {
			if a := b.get(s.azOf(notesID, url.Values{"redirect_uri": {uri}})); a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/login?") {
				t.Errorf("%s: %d %q", uri, a.status, a.header.Get("Location"))
			}
		}
		wantNoAddress(t, b.get(s.azOf(notesID, url.Values{"scope": {"nothing"}, "redirect_uri": {"https://evil.test/"}})), "invalid_request")
		p.want(t, 1)
	})
}

func documentReadingRules(t *testing.T) {
	alonePapers(t, "CI-03 CI-04 DCR-04 a document that says what it may not is a page, and is not kept", func(t *testing.T, s *site, p *papers) {
		b, reads := s.browser(), 0
		secret := map[string]any{"keys": []any{map[string]any{"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "x"}}}
		for name, body := range map[string]string{
			"no JSON": "<html>", "empty": "", "a list": "[]", "a text": `"x"`, "null": "null", "a number of members": "{}", "twice": `{"client_id":"x",` + paper(notesID, nil)[1:], "trailing": paper(notesID, nil) + "x",
			"no client_id": paper(notesID, members{"client_id": nil}), "another client_id": paper(notesID+"x", nil), "a port": paper("https://notes.test:443/oauth/client.json", nil), "case": paper("https://notes.test/oauth/Client.json", nil),
			"client_id is a list": paper(notesID, members{"client_id": []string{notesID}}), "a slash": paper(notesID+"/", nil),
			"secret": paper(notesID, members{"client_secret": "chosen"}), "null secret": paper(notesID, members{"client_secret": ""}), "its end": paper(notesID, members{"client_secret_expires_at": 0}),
			"basic": paper(notesID, members{"token_endpoint_auth_method": "client_secret_basic"}), "post": paper(notesID, members{"token_endpoint_auth_method": "client_secret_post"}), "jwt": paper(notesID, members{"token_endpoint_auth_method": "client_secret_jwt"}),
			"tls": paper(notesID, members{"token_endpoint_auth_method": "tls_client_auth"}), "no keys": paper(notesID, members{"token_endpoint_auth_method": "private_key_jwt"}),
			"symmetric keys": paper(notesID, members{"token_endpoint_auth_method": "private_key_jwt", "jwks": secret}), "such keys of a public client": paper(notesID, members{"jwks": secret}),
			"http keys": paper(notesID, members{"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://notes.test/keys"}), "http logo": paper(notesID, members{"logo_uri": "http://notes.test/logo.png"}),
			"odd terms": paper(notesID, members{"tos_uri": "javascript:alert(1)"}), "no redirect URI": paper(notesID, members{"redirect_uris": nil}), "an http one": paper(notesID, members{"redirect_uris": []string{"http://evil.test/cb"}}),
			"localhost of a site": paper(notesID, members{"application_type": "web"}), "no grant": paper(notesID, members{"grant_types": []string{"client_credentials"}}), "pairwise": paper(notesID, members{"subject_type": "pairwise"}),
			"no scope": paper(notesID, members{"scope": "admin"}), "a long name": paper(notesID, members{"client_name": strings.Repeat("n", 201)}), "an unseen name": paper(notesID, members{"client_name": "a\u202eb"}),
		} {
			p.lay(notesID, body)
			s.clock.jump(time.Minute)
			a := b.get(s.azOf(notesID, nil))
			reads++
			if a.status != http.StatusBadRequest || !strings.Contains(a.body, "invalid_client_metadata") || !strings.Contains(a.body, "cannot be looked up") {
				t.Errorf("%s: %d %s", name, a.status, a.body)
				continue
			}
			wantPage(t, a)
			p.want(t, reads)
		}
		if n, err := s.db.CountClients(t.Context(), oauth.SourceDocument, 10); err != nil || n != 0 {
			t.Errorf("%d clients are kept, %v", n, err)
		}
		p.lay(notesID, paper(notesID, members{"token_endpoint_auth_method": nil, "client_name": nil, "logo_uri": "https://notes.test/logo.svg", "sector_identifier_uri": "https://notes.test/sector", "x": map[string]any{"y": 1}}))
		wantOK(t, s.notesTokens()) // what is left out is none
		if c := s.stored(notesID); c.AuthMethod != oauth.AuthNone || c.Name != "localhost" {
			t.Errorf("%+v", c)
		}
	})

	t.Run("CI-02 CI-05 what is not an answer of 200 with a small document of JSON is a page, and no redirect is followed", func(t *testing.T) {
		t.Parallel()
		documentCorpus(t)
	})

	alonePapers(t, "CI-07 a document is believed as long as its server says, from five minutes to a day", func(t *testing.T, s *site, p *papers) {
		reads := 0
		for i, c := range []struct{ says, want time.Duration }{
			{-1, 5 * time.Minute}, {0, 5 * time.Minute}, {time.Minute, 5 * time.Minute}, {time.Hour, time.Hour}, {24 * time.Hour, 24 * time.Hour}, {365 * 24 * time.Hour, 24 * time.Hour},
		} {
			id := fmt.Sprintf("https://cached%d.test/c", i)
			begin := func() {
				t.Helper()
				if a := s.browser().get(s.azOf(id, nil)); a.status != http.StatusSeeOther {
					t.Fatalf("%d %s", a.status, a.body)
				}
				p.want(t, reads)
			}
			p.layFor(id, paper(id, nil), c.says)
			s.clock.jump(2 * time.Minute)
			reads++
			begin()
			s.clock.jump(c.want - time.Second)
			begin()
			s.clock.jump(time.Second)
			reads++
			begin()
		}
	})

	alonePapers(t, "CI-07 who want a document at the same time wait for one reading", func(t *testing.T, s *site, p *papers) {
		arrived, answer := make(chan struct{}), make(chan struct{})
		var first sync.Once
		p.give(notesID, func() (*oauth.Document, error) {
			first.Do(func() { close(arrived); <-answer })
			return &oauth.Document{Body: []byte(paper(notesID, nil)), Fresh: time.Hour}, nil
		})
		asked, err := url.Parse(s.azOf(notesID, nil))
		if err != nil {
			t.Fatal(err)
		}
		ask := func(ctx context.Context) error {
			_, err := s.engine.Authorize(ctx, asked.Query(), oauth.HashBrowser("x"), nil, audit.Origin{IP: "192.0.2.1"})
			return err
		}
		release := sync.OnceFunc(func() { close(answer) })
		defer release()
		var all sync.WaitGroup
		all.Go(func() {
			if err := ask(t.Context()); err != nil {
				t.Error(err)
			}
		})
		<-arrived
		for range 3 { // who gives up meanwhile has read nothing
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			if err := ask(ctx); oauth.AsError(err).Code != oauth.TemporarilyUnavailable {
				t.Errorf("answered although nothing was read: %v", err)
			}
			cancel()
		}
		all.Go(func() { // who waits on may come a moment before or after
			if err := ask(t.Context()); err != nil {
				t.Error(err)
			}
		})
		p.want(t, 1)
		release()
		all.Wait()
	})

	alonePapers(t, "CI-02 CI-07 what cannot be read is not remembered, and what was read does for a day", func(t *testing.T, s *site, p *papers) {
		down := func() (*oauth.Document, error) { return nil, errors.New("no route to host") }
		p.give(notesID, down)
		begin := func() answer { return s.browser().get(s.azOf(notesID, nil)) }
		for range 2 {
			a := begin()
			wantPageStatus(t, a, http.StatusServiceUnavailable)
			if !strings.Contains(a.body, "cannot be reached") || a.header.Get("Retry-After") == "" {
				t.Error(a.body)
			}
		}
		p.want(t, 2)
		p.layFor(notesID, paper(notesID, nil), 0)
		if a := begin(); a.status != http.StatusSeeOther {
			t.Fatalf("%d %s", a.status, a.body)
		}
		p.give(notesID, down)
		s.clock.jump(24*time.Hour - time.Second)
		if a := begin(); a.status != http.StatusSeeOther {
			t.Errorf("within a day: %d %s", a.status, a.body)
		}
		p.want(t, 4)
		s.clock.jump(time.Second)
		wantPageStatus(t, begin(), http.StatusServiceUnavailable)
		p.give(notesID, nil) // it is gone for good
		a := begin()
		wantNoAddress(t, a, "status 404")
		s.flush()
		if f := s.refusalOf(a); f == nil || f.Rule != oauth.RuleClientDocument || f.ClientID != notesID {
			t.Errorf("explained as %+v", f)
		}
		p.layFor(notesID, paper(notesID, nil), 0)
		if a := begin(); a.status != http.StatusSeeOther {
			t.Errorf("it is back: %d %s", a.status, a.body)
		}
	})

	alonePapers(t, "CI-07 WEB-65 one address brings few clients that are not known, and no host is read all the time", func(t *testing.T, s *site, p *papers) {
		try := func(i int, host string) answer {
			id := fmt.Sprintf("https://%s/%d", host, i)
			p.layFor(id, paper(id, nil), 0)
			return s.browser().get(s.azOf(id, nil))
		}
		for i := range 7 {
			a := try(i, fmt.Sprintf("host%d.test", i))
			if want := i < 5; want != (a.status == http.StatusSeeOther) || !want && (a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" || a.header.Get("Location") != "") {
				t.Fatalf("client %d: %d", i, a.status)
			}
		}
		p.want(t, 5)
		for i := range 5 { // those that are known go on
			if a := try(i, fmt.Sprintf("host%d.test", i)); a.status != http.StatusSeeOther {
				t.Errorf("%d", a.status)
			}
		}
		p.want(t, 5)
		s.clock.jump(time.Hour)
		for i := range 30 { // even while none of them can be read, in which one address has its share, too
			id := fmt.Sprintf("https://host%d.test/%d", i%5, i%5)
			p.give(id, func() (*oauth.Document, error) { return nil, errors.New("no route to host") })
			if a := s.browser().get(s.azOf(id, nil)); a.status != http.StatusSeeOther {
				t.Errorf("%d", a.status)
			}
		}
		p.want(t, 25)
	})

	alone(t, "CI-07 WEB-65 ten thousand addresses are neither called nor kept", func(t *testing.T, s *site) {
		s.rules(func(r *oauth.RegistrationRules) { r.Documents.On, r.Documents.Total = true, 20 })
		kept, refused := 0, 0
		asked, err := url.Parse(s.azOf("", nil))
		if err != nil {
			t.Fatal(err)
		}
		q := asked.Query()
		for i := range 10_000 {
			q.Set("client_id", fmt.Sprintf("https://host%d.test/c", i))
			from := audit.Origin{IP: netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}).String()}
			progress, err := s.engine.Authorize(t.Context(), q, oauth.HashBrowser("x"), nil, from)
			var e *oauth.Error
			switch {
			case err == nil && progress.Step == oauth.StepSignIn:
				kept++
			case errors.As(err, &e) && e.RetryAfter > 0:
				refused++
			default:
				t.Fatal(progress, err)
			}
		}
		n, err := s.db.CountClients(t.Context(), oauth.SourceDocument, 100)
		if err != nil || kept != 60 || refused != 9_940 || n != 20 {
			t.Errorf("%d were read, %d refused, %d are kept, %v", kept, refused, n, err)
		}
	}, siteOptions{engine: func(c *oauth.Config) {
		c.FetchDocument = func(_ context.Context, address string) (*oauth.Document, error) {
			return &oauth.Document{Body: []byte(paper(address, nil))}, nil
		}
	}})
}

// documentCorpus reads documents by the real client, from a real server.
func documentCorpus(t *testing.T) {
	var calls atomic.Int32
	var host *httptest.Server
	begun := make(chan struct{})
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(bytes.Repeat([]byte(" "), 1<<20))
	z.Close()
	host = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		id := host.URL + r.URL.Path
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/moved", "/found":
			http.Redirect(w, r, "/good", map[string]int{"/moved": 301, "/found": 302}[r.URL.Path])
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
		case "/created":
			w.WriteHeader(http.StatusCreated)
		case "/html":
			w.Header().Set("Content-Type", "text/html")
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb.Bytes())
			return
		case "/large":
			fmt.Fprint(w, paper(id, members{"padding": strings.Repeat("x", 6<<10)}))
			return
		case "/endless":
			w.Write([]byte(strings.Repeat(" ", 64<<10)))
			return
		case "/slow":
			w.(http.Flusher).Flush()
			close(begun)
			<-r.Context().Done()
			return
		}
		fmt.Fprint(w, paper(id, nil))
	}))
	defer host.Close()
	roots := x509.NewCertPool()
	roots.AddCert(host.Certificate())
	client := outbound.New(outbound.Options{Allow: outbound.Allowed{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}, Roots: roots})
	closed := outbound.New(outbound.Options{Roots: roots}) // as it is without --outbound-allow
	with := client
	s := newSite(t, siteOptions{engine: func(c *oauth.Config) {
		c.FetchDocument = func(ctx context.Context, address string) (*oauth.Document, error) {
			if strings.HasSuffix(address, "/slow") { // it never ends, so that time may as well be over now
				over, cancel := context.WithCancel(ctx)
				defer cancel()
				go func() { <-begun; cancel() }()
				ctx = over
			}
			document, err := with.Document(ctx, address, oauth.MaxDocument)
			switch {
			case errors.Is(err, outbound.ErrRefused), errors.Is(err, outbound.ErrTooLarge), errors.Is(err, outbound.ErrNoDocument):
				return nil, fmt.Errorf("%w: %w", oauth.ErrDocument, err)
			case err != nil:
				return nil, err
			}
			return &oauth.Document{Body: document.Body, Fresh: document.Fresh}, nil
		}
	}})
	s.rules(withDocuments)
	b := s.browser()
	for path, want := range map[string]int{
		"/moved": 400, "/found": 400, "/missing": 400, "/created": 400, "/html": 400, "/gzip": 400, "/large": 400, "/endless": 400, "/slow": 503, "/good": 303,
	} {
		s.clock.jump(time.Minute)
		before := calls.Load()
		a := b.get(s.azOf(host.URL+path, nil))
		if a.status != want || calls.Load() != before+1 {
			t.Errorf("%s: %d, %d calls: %s", path, a.status, calls.Load()-before, a.body)
		}
		if location := a.header.Get("Location"); want != 303 && location != "" || want == 303 && !strings.HasPrefix(location, "/login?") {
			t.Errorf("%s: Location %q", path, location)
		}
	}
	with = closed
	before := calls.Load()
	for _, id := range []string{host.URL + "/new", "https://localhost/c", "https://169.254.169.254/latest", "https://[::1]/c", "https://10.0.0.1/c", "https://2130706433/c", "https://0x7f.1/c"} {
		s.clock.jump(time.Minute)
		if a := b.get(s.azOf(id, nil)); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
			t.Errorf("%s: %d %s", id, a.status, a.body)
		}
	}
	if calls.Load() != before {
		t.Error("where only this machine reaches was called")
	}
}

func documentChangeRules(t *testing.T) {
	// until leaves the time in which the document of notesID is believed.
	until := func(s *site) { s.clock.jump(5 * time.Minute) }

	alonePapers(t, "CI-09 who calls itself or leads elsewhere is allowed anew, and the log says so", func(t *testing.T, s *site, p *papers) {
		p.layShort(paper(notesID, nil))
		tokens := s.notesTokens()
		wantOK(t, tokens)
		b := s.browser()
		b.signIn("U1")
		consent := b.get(b.get(s.azOf(notesID, nil)).header.Get("Location"))
		if !strings.Contains(consent.body, "Notes") {
			t.Fatal(consent.body)
		}
		p.layShort(paper(notesID, members{"client_name": "Your Bank"}))
		until(s)
		if a := s.browser().get(s.azOf(notesID, nil)); a.status != http.StatusSeeOther {
			t.Fatal(a.status)
		}
		again := b.decide(consent, "allow") // the page was about somebody of another name
		if again.status != http.StatusUnprocessableEntity || !strings.Contains(again.body, "Your Bank") {
			t.Fatalf("%d %s", again.status, again.body)
		}
		if e := lastEventOf(t, s, audit.ClientUpdated); e.ClientID != notesID || e.Actor != audit.ByClient || !strings.Contains(e.Detail, "Your Bank") {
			t.Errorf("%+v", e)
		}
		p.layShort(paper(notesID, members{"client_name": "Your Bank", "redirect_uris": []string{"http://127.0.0.1/cb"}}))
		until(s)
		s.browser().get(s.azOf(notesID, url.Values{"redirect_uri": {"http://127.0.0.1/cb"}}))
		gone := b.decide(again, "allow")
		if gone.status != http.StatusBadRequest || gone.header.Get("Location") != "" {
			t.Errorf("it does not lead there any more: %d %q", gone.status, gone.header.Get("Location"))
		}
		wantOK(t, s.notesRefresh(tokens))
		if s.stored(notesID).Version != 3 {
			t.Errorf("version %d", s.stored(notesID).Version)
		}
		until(s)
		s.browser().get(s.azOf(notesID, url.Values{"redirect_uri": {"http://127.0.0.1/cb"}}))
		if c := s.stored(notesID); c.Version != 3 || !c.ReadAt.Equal(s.clock.Wall()) { // the same again is no change
			t.Errorf("version %d, read at %v", c.Version, c.ReadAt)
		}
	})

	alonePapers(t, "CI-09 other keys are told to the operator, and without any the grants end", func(t *testing.T, s *site, p *papers) {
		keys := map[string]testKey{"old": testKeys()["ES256"], "new": newECKey(t, "new")}
		signed := func(name string) string {
			var set map[string]any
			if err := json.Unmarshal([]byte(jwkSet(t, keys[name])), &set); err != nil {
				t.Fatal(err)
			}
			return paper(notesID, members{"token_endpoint_auth_method": "private_key_jwt", "jwks": set})
		}
		p.layShort(signed("old"))
		callback := s.browser().walk(s.azOf(notesID, url.Values{"prompt": {"consent"}}), "U1")
		tokens := s.asserted("/token", notesID, keys["old"], url.Values{"grant_type": {"authorization_code"}, "code": callback.Query()["code"], "redirect_uri": {"http://localhost:49152/cb"}, "code_verifier": {verifier}})
		wantOK(t, tokens)
		refresh := func(k testKey) answer {
			return s.asserted("/token", notesID, k, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.text(t, "refresh_token")}})
		}
		p.layShort(signed("new"))
		until(s)
		s.browser().get(s.azOf(notesID, nil))
		wantUnauthorized(t, refresh(keys["old"]))
		tokens = refresh(keys["new"])
		wantOK(t, tokens)
		if !strings.Contains(s.log.String(), "other keys than before") {
			t.Error("the operator was told nothing")
		}
		if e := lastEventOf(t, s, audit.ClientUpdated); !strings.Contains(e.Detail, "jwks") {
			t.Errorf("%+v", e)
		}
		p.layShort(paper(notesID, nil))
		until(s)
		if a := s.browser().get(s.azOf(notesID, nil)); a.status != http.StatusSeeOther {
			t.Fatalf("%d %s", a.status, a.body)
		}
		wantError(t, s.notesRefresh(tokens), "invalid_grant")
		wantOK(t, s.notesTokens())
	})

	alonePapers(t, "CI-09 CI-10 what an admin takes away stays away, and who is disabled is not read", func(t *testing.T, s *site, p *papers) {
		p.layShort(paper(notesID, nil))
		wantOK(t, s.notesTokens())
		s.change(notesID, func(c *oauth.Client) { c.Scope, c.SecondFactor = oauth.Scope{"openid"}, true })
		until(s)
		s.browser().get(s.azOf(notesID, nil))
		if c := s.stored(notesID); c.Scope.String() != "openid" || !c.SecondFactor {
			t.Errorf("%+v", c)
		}
		p.want(t, 2)
		s.change(notesID, func(c *oauth.Client) { now := s.clock.Wall(); c.DisabledAt = &now })
		s.clock.jump(60 * 24 * time.Hour)
		if err := s.engine.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantNoAddress(t, s.browser().get(s.azOf(notesID, nil)), "invalid_request")
		p.want(t, 2)
		if s.stored(notesID).DisabledAt == nil {
			t.Error("it came back")
		}
	})

	alonePapers(t, "CI-07 WEB-65 who is not used goes, and comes back by itself", func(t *testing.T, s *site, p *papers) {
		s.rules(func(r *oauth.RegistrationRules) { r.Unused = 24 * time.Hour })
		s.browser().get(s.azOf(notesID, nil))
		s.stored(notesID)
		s.clock.jump(24 * time.Hour)
		if err := s.engine.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.db.Client(t.Context(), notesID); !errors.Is(err, oauth.ErrNotFound) {
			t.Fatal(err)
		}
		if e := lastEventOf(t, s, audit.ClientExpired); e.ClientID != notesID {
			t.Errorf("%+v", e)
		}
		wantOK(t, s.notesTokens())
		p.want(t, 2)
	})
}

func documentPeopleRules(t *testing.T) {
	alonePapers(t, "CI-08 CI-11 people see whose application asks and where the answer goes, are asked every time, and no picture is shown", func(t *testing.T, s *site, p *papers) {
		p.lay(notesID, paper(notesID, members{"client_name": "Notes <img src=x onerror=alert(1)>", "logo_uri": "https://notes.test/logo.svg", "client_uri": "https://about.test/"}))
		b := s.browser()
		b.signIn("U1")
		for range 2 {
			consent := b.get(b.get(s.azOf(notesID, url.Values{"prompt": {"consent"}})).header.Get("Location"))
			for _, want := range []string{"Not verified", "notes.test", "localhost:49152", "claim to be the application of", "Notes &lt;img", "https://about.test/"} {
				if !strings.Contains(consent.body, want) {
					t.Errorf("the page lacks %q: %s", want, consent.body)
				}
			}
			if strings.Contains(consent.body, "<img src=x") || strings.Contains(consent.body, "logo.svg") {
				t.Error("it shows what the document wants to be shown")
			}
			if a := b.decide(consent, "allow"); !strings.HasPrefix(a.header.Get("Location"), "http://localhost:49152/cb?code=") {
				t.Fatalf("%d %q", a.status, a.header.Get("Location"))
			}
		}
		silent := b.get(s.azOf(notesID, url.Values{"prompt": {"none"}}))
		if !strings.Contains(silent.header.Get("Location"), "error=consent_required") {
			t.Errorf("%d %q", silent.status, silent.header.Get("Location"))
		}
		web := "https://site.test/c"
		p.lay(web, paper(web, members{"redirect_uris": []string{"https://site.test/cb", "http://localhost/cb"}}))
		consent := b.get(b.get(s.azOf(web, url.Values{"redirect_uri": {"https://site.test/cb"}})).header.Get("Location"))
		if strings.Contains(consent.body, "claim to be the application of") {
			t.Error(consent.body)
		}
	})

	alonePapers(t, "AZ-17 a client that nobody has looked at is no way to send somebody elsewhere at once", func(t *testing.T, s *site, _ *papers) {
		s.rules(openRegistration)
		dynamic := s.enrolled(nil).text(t, "client_id")
		b, alice := s.browser(), s.alice()
		for _, id := range []string{notesID, dynamic} {
			wantOK(t, s.tokensOf(id))
			for code, set := range map[string]url.Values{
				"invalid_scope": {"scope": {"bad"}}, "unsupported_response_type": {"response_type": {"token"}}, "invalid_request": {"max_age": {"soon"}}, "request_not_supported": {"request": {"x"}},
			} {
				for _, who := range []*browser{b, alice} {
					wantNoAddress(t, who.get(s.azOf(id, set)), code)
				}
			}
			silent := s.azOf(id, url.Values{"prompt": {"none"}})
			wantNoAddress(t, b.get(silent), "login_required")
			wantRedirectError(t, s, silent, alice.get(silent), "consent_required") // she is signed in, so it is to be answered (OpenID Connect Core 3.1.2.1)
			wantNoAddress(t, alice.get(s.azOf(id, url.Values{"prompt": {"none"}, "scope": {"bad"}})), "invalid_scope")
		}
		ofAdmin := s.az("CB", url.Values{"scope": {"bad"}})
		wantRedirectError(t, s, ofAdmin, b.get(ofAdmin), "invalid_scope")
	})

	alonePapers(t, "CI-08 admins and the person find it on pages of its own, whose paths have no slash of its address", func(t *testing.T, s *site, p *papers) {
		wantOK(t, s.notesTokens())
		adm := s.admin(t)
		list := adm.get("/admin/clients?source=document")
		path := adminOfAddress.FindString(list.body)
		if path == "" || strings.Contains(path, "%2F") || !strings.Contains(list.body, notesID) || strings.Contains(list.body, "Client CB") {
			t.Fatalf("%q %s", path, list.body)
		}
		page := adm.get(path)
		for _, want := range []string{notesID, "Not verified", "Its own document", "Document read", "disable it, or deny its domain"} {
			if !strings.Contains(page.body, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		for _, tab := range []string{"/settings", "/policy", "/credentials", "/connect"} {
			if a := adm.get(path + tab); a.status != http.StatusOK || tab == "/settings" && !strings.Contains(a.body, "read from its document") {
				t.Errorf("%s: %d", tab, a.status)
			}
		}
		b := s.browser()
		b.signIn("U1")
		account := b.get(s.issuer + "/account")
		own := appOfAddress.FindString(account.body)
		if own == "" || !strings.Contains(account.body, "notes.test") || !strings.Contains(account.body, "known by its own address") {
			t.Fatalf("%q %s", own, account.body)
		}
		if a := b.get(s.issuer + own); a.status != http.StatusOK {
			t.Errorf("%d", a.status)
		}
		if a := adm.post(path+"/disable", nil); a.status != http.StatusSeeOther || s.stored(notesID).DisabledAt == nil {
			t.Errorf("%d", a.status)
		}
		wantNoAddress(t, s.browser().get(s.azOf(notesID, nil)), "invalid_request")
	})
}

func documentFaultRules(t *testing.T) {
	t.Run("CI-02 GEN-00 whatever call of the store fails, nobody hears a verdict, and nothing is half done", func(t *testing.T) {
		t.Parallel()
		p, f := newPapers(), &faults{}
		s := newSite(t, siteOptions{store: func(store oauth.Store) oauth.Store { return faultyStore{store, f} }, engine: func(c *oauth.Config) { c.FetchDocument = p.fetch }})
		s.rules(withDocuments)
		session := func(i, at int, err error) (calls []string) {
			id := fmt.Sprintf("https://host%d.test/c", i)
			f.set(at, err, false)
			for step, name := range []string{"First", "First", "Second"} { // it is added, read again, and changed
				s.clock.jump(6 * time.Minute)
				p.layFor(id, paper(id, members{"client_name": name}), 0)
				_, before := f.seen()
				a := s.browser().get(s.azOf(id, nil))
				if _, fired := f.seen(); before == "" && fired != "" {
					if a.status != http.StatusServiceUnavailable || a.header.Get("Location") != "" {
						t.Errorf("step %d, %s: a fault is told as %d %q", step, fired, a.status, a.header.Get("Location"))
					}
					a = s.browser().get(s.azOf(id, nil))
				}
				if a.status != http.StatusSeeOther {
					t.Fatalf("step %d: %d %s", step, a.status, a.body)
				}
			}
			calls, _ = f.seen()
			f.set(0, nil, false)
			if c := s.stored(id); c.Name != "Second" || c.Version != 2 {
				t.Errorf("%+v", c)
			}
			return calls
		}
		calls := session(0, 0, nil)
		for _, method := range []string{"KeepDocumentClient", "NoteDocument", "UpdateClient"} {
			if !slices.Contains(calls, method) {
				t.Errorf("it does without %s: %s", method, calls)
			}
		}
		for k := range calls {
			session(k+1, k+1, machineErrors[k%len(machineErrors)])
		}
	})
}
