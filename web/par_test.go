package web_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"regrant/app/oauth"
)

// pushForm is the baseline of [site.az] as a form to push, changed by set.
func (s *site) pushForm(client string, set url.Values) url.Values {
	s.t.Helper()
	u, err := url.Parse(s.az(client, set))
	if err != nil {
		s.t.Fatal(err)
	}
	q := u.Query()
	if set["client_id"] == nil {
		q.Del("client_id")
	}
	return q
}

// push pushes an authorization request of client, changed by set.
func (s *site) push(client string, set url.Values) answer {
	s.t.Helper()
	return s.post("/par", client, s.pushForm(client, set))
}

// pushed pushes one and gives the address to which the browser is sent with it.
func (s *site) pushed(client string, set url.Values) string {
	s.t.Helper()
	a := s.push(client, set)
	if a.status != http.StatusCreated {
		s.t.Fatalf("push: %d %s", a.status, a.body)
	}
	return s.bring(client, a.text(s.t, "request_uri"))
}

func (s *site) bring(client, requestURI string) string {
	return s.issuer + "/authorize?" + url.Values{"client_id": {client}, "request_uri": {requestURI}}.Encode()
}

// wantPushed wants the whole way with a pushed request to end in tokens.
func wantPushed(t testing.TB, s *site, client string, callback *url.URL) {
	t.Helper()
	if callback.Query().Get("code") == "" {
		t.Fatalf("no code: %s", callback)
	}
	wantOK(t, s.exchange(client, callback, nil))
}

func requirementsPAR(t *testing.T) {
	all := newSites(t)

	all.rule(t, "PAR-01 a pushed request is answered with a request_uri that leads to a code", func(t *testing.T, s *site) {
		for _, client := range []string{"CB", "CP", "PN", "PW"} {
			a := s.push(client, nil)
			if a.status != http.StatusCreated || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" {
				t.Fatalf("%s: %d %v %s", client, a.status, a.header, a.body)
			}
			seconds, _ := a.json(t, "expires_in").(float64)
			reference, found := strings.CutPrefix(a.text(t, "request_uri"), "urn:ietf:params:oauth:request_uri:")
			if !found || len(reference) < 43 || seconds < 5 || seconds > 90 {
				t.Errorf("%s: %s", client, a.body)
			}
			wantPushed(t, s, client, s.browser().walk(s.bring(client, a.text(t, "request_uri")), "U1"))
		}
	})

	all.rule(t, "PAR-01 the client authenticates as at the token endpoint", func(t *testing.T, s *site) {
		form := s.pushForm("CB", url.Values{"client_id": {"CB"}})
		wantUnauthorized(t, s.postBody("/par", form.Encode()))
		wantUnauthorized(t, s.postBody("/par", form.Encode(), "Authorization", basic("CB", "wrong")))
		inBody := changed(s.pushForm("CB", url.Values{"client_id": {"CB"}}), url.Values{"client_secret": {s.secret["CB"]}})
		wantUnauthorized(t, s.postBody("/par", inBody.Encode()))
		wantUnauthorized(t, s.postBody("/par", changed(form, url.Values{"client_id": {"nobody"}}).Encode()))
		wantError(t, s.post("/par", "CB", s.pushForm("CB", url.Values{"client_id": {"CX"}})), "invalid_request")
		wantError(t, s.push("OFF", nil), "unauthorized_client")
		query := s.pushForm("CB", nil).Encode()
		wantError(t, s.postBody("/par?"+query, "", "Authorization", basic("CB", s.secret["CB"])), "invalid_request")
	})

	all.rule(t, "PAR-02 what is no push is refused, and so is what is too large", func(t *testing.T, s *site) {
		wantError(t, s.push("CB", url.Values{"request_uri": {"urn:ietf:params:oauth:request_uri:x"}}), "invalid_request")
		wantError(t, s.push("CB", url.Values{"request_uri": {"https://x.test/r"}}), "invalid_request")
		wantError(t, s.push("CB", url.Values{"request": {"e30.e30."}}), "request_not_supported")
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if a := s.fetch(method, s.issuer+"/par"); a.status != http.StatusMethodNotAllowed || !strings.Contains(a.header.Get("Allow"), "POST") {
				t.Errorf("%s: %d, Allow %q", method, a.status, a.header.Get("Allow"))
			}
		}
		wantErrorStatus(t, s.push("CB", url.Values{"x": {strings.Repeat("x", 64<<10)}}), http.StatusRequestEntityTooLarge, "invalid_request")
		wantError(t, s.post("/par", "CB", changed(s.pushForm("CB", nil), url.Values{"state": {"a", "b"}})), "invalid_request")
	})

	alone(t, "PAR-02 WEB-65 whoever pushes too many is told to wait, and nobody else is", func(t *testing.T, s *site) {
		form := s.pushForm("PN", nil)
		for i := range 300 {
			if a := s.post("/par", "PN", form); a.status != http.StatusCreated {
				t.Fatalf("push %d: %d %s", i, a.status, a.body)
			}
		}
		a := s.post("/par", "PN", form)
		wantErrorStatus(t, a, http.StatusTooManyRequests, "temporarily_unavailable")
		if a.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		wantPushed(t, s, "CB", s.browser().walk(s.pushed("CB", nil), "U1"))

		s.clock.jump(91 * time.Second)
		if err := s.engine.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		wantPushed(t, s, "PN", s.browser().walk(s.pushed("PN", nil), "U1"))
	})

	all.rule(t, "PAR-03 all that the authorization endpoint refuses is refused here", func(t *testing.T, s *site) {
		for code, sets := range map[string][]url.Values{
			"invalid_request": {
				{"redirect_uri": {"https://evil.test/cb"}}, {"code_challenge": nil, "code_challenge_method": nil}, {"code_challenge_method": {"plain"}}, {"code_challenge": {"short"}},
				{"response_type": nil}, {"prompt": {"none login"}}, {"max_age": {"-1"}}, {"response_mode": {"fragment"}}, {"state": {strings.Repeat("x", 9<<10)}}, {"id_token_hint": {"x"}},
			},
			"unsupported_response_type": {{"response_type": {"token"}}},
			"invalid_scope":             {{"scope": {`"`}}, {"scope": {"nope"}}},
			"invalid_target":            {{"resource": {"https://unknown.test/"}}},
		} {
			for _, set := range sets {
				a := s.push("CB", set)
				if a.status != http.StatusBadRequest {
					t.Fatalf("%v: %d %s", set, a.status, a.body)
				}
				wantError(t, a, code)
			}
		}
		wantError(t, s.push("PW", url.Values{"redirect_uri": nil}), "invalid_request") // it has two
	})

	all.rule(t, "PAR-03 what changed since the push counts", func(t *testing.T, s *site) {
		s.register("MOVES", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://old.test/cb"}, Scope: oauth.Scope{"openid", "read"}})
		address := s.pushed("MOVES", url.Values{"redirect_uri": {"https://old.test/cb"}})
		s.change("MOVES", func(c *oauth.Client) { c.RedirectURIs = []string{"https://new.test/cb"} })
		wantPage(t, s.browser().get(address))
	})

	all.rule(t, "PAR-04 a request_uri is its client's alone", func(t *testing.T, s *site) {
		a := s.push("CB", nil)
		uri := a.text(t, "request_uri")
		for _, address := range []string{s.bring("CX", uri), s.bring("nobody", uri), s.bring("OFF", uri), s.issuer + "/authorize?request_uri=" + url.QueryEscape(uri), s.bring("CB", uri+"x"), s.bring("CB", uri[:len(uri)-1]), s.bring("CB", uri) + "&client_id=CX"} {
			wantPage(t, s.alice().get(address))
		}
		wantPushed(t, s, "CB", s.browser().walk(s.bring("CB", uri), "U1"))
	})

	all.rule(t, "PAR-05 a reload and a sign-in in between spend nothing, and a completed request is over", func(t *testing.T, s *site) {
		address, b := s.pushed("CB", nil), s.browser()
		for range 3 {
			wantSignIn(t, s, b.get(address))
		}
		wantSignIn(t, s, s.browser().get(address)) // on another device, before it is completed
		wantPushed(t, s, "CB", b.walk(address, "U1"))
		wantPage(t, b.get(address))
		wantPage(t, s.alice().get(address))

		// A refusal completes it too.
		address = s.pushed("CB", url.Values{"prompt": {"consent"}})
		b = s.alice()
		asked := b.get(address)
		wantConsent(t, s, asked)
		denied := b.submit(b.get(asked.header.Get("Location")), s.issuer+"/consent", url.Values{"decision": {"deny"}})
		if !strings.Contains(denied.header.Get("Location"), "error=access_denied") {
			t.Fatalf("deny: %d %s", denied.status, denied.header.Get("Location"))
		}
		wantPage(t, b.get(address))
	})

	all.rule(t, "PAR-05 of two tabs that complete one request one gets a code", func(t *testing.T, s *site) {
		b := s.alice()
		address := s.pushed("CB", url.Values{"prompt": {"consent"}})
		const tabs = 6
		pages := make([]answer, tabs)
		for i := range pages {
			pages[i] = b.get(b.get(address).header.Get("Location"))
		}
		var wg sync.WaitGroup
		answers := make([]answer, tabs)
		for i, page := range pages {
			wg.Go(func() {
				answers[i] = b.submit(page, s.issuer+"/consent", url.Values{"decision": {"allow"}, "scope": ticked(page.body)})
			})
		}
		wg.Wait()
		codes := 0
		for _, a := range answers {
			if strings.Contains(a.header.Get("Location"), "code=") {
				codes++
			} else {
				wantPage(t, a)
			}
		}
		if codes != 1 {
			t.Errorf("%d codes", codes)
		}
	})

	alone(t, "PAR-05 a request that is not brought in time is over, and one that was brought is not", func(t *testing.T, s *site) {
		late, brought := s.pushed("CB", nil), s.pushed("CB", nil)
		b := s.browser()
		wantSignIn(t, s, b.get(brought))
		s.clock.jump(89 * time.Second)
		wantSignIn(t, s, s.browser().get(late))
		s.clock.jump(2 * time.Second)
		wantPage(t, s.browser().get(late))
		wantPage(t, s.browser().get(brought)) // another browser
		wantPushed(t, s, "CB", b.walk(brought, "U1"))
	})

	all.rule(t, "PAR-06 what stands beside the request_uri does not count", func(t *testing.T, s *site) {
		address := s.pushed("CB", url.Values{"scope": {"openid"}, "state": {"pushed"}, "prompt": {"consent"}})
		beside := "&scope=openid+write&state=evil&redirect_uri=https%3A%2F%2Fevil.test%2Fcb&prompt=none&response_type=token&request=x&nonce=a&nonce=b"
		wantConsent(t, s, s.alice().get(address+beside))
		callback := s.browser().walk(address+beside, "U1")
		if callback.Query().Get("state") != "pushed" || callback.Host != "app.test" {
			t.Errorf("sent to %s", callback)
		}
		tokens := s.exchange("CB", callback, nil)
		if wantOK(t, tokens); tokens.text(t, "scope") != "openid" {
			t.Errorf("scope %q", tokens.text(t, "scope"))
		}
	})

	all.rule(t, "PAR-07 a client that has to push must", func(t *testing.T, s *site) {
		s.register("MUST", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://must.test/cb"}, Scope: oauth.Scope{"openid", "read"}, PARRequired: true})
		set := url.Values{"client_id": {"MUST"}, "redirect_uri": {"https://must.test/cb"}}
		address := s.az("CB", set)
		wantRedirectError(t, s, address, s.alice().get(address), "invalid_request")
		wantPushed(t, s, "MUST", s.browser().walk(s.pushed("MUST", set), "U1"))
	})

	alone(t, "PAR-07 META-09 a server that takes pushed requests only says so, and does", func(t *testing.T, s *site) {
		if s.document()["require_pushed_authorization_requests"] != true {
			t.Error("the document does not say so")
		}
		address, a := s.ask("CB", nil)
		wantRedirectError(t, s, address, a, "invalid_request")
		wantPage(t, s.browser().get(s.az("CB", url.Values{"redirect_uri": {"https://evil.test/"}})))
		wantPushed(t, s, "CB", s.browser().walk(s.pushed("CB", nil), "U1"))
	}, siteOptions{engine: func(c *oauth.Config) { c.PARRequired = true }})

	t.Run("GEN-00 a fault of the store is no verdict on a pushed request", func(t *testing.T) {
		var broken atomic.Bool
		s := newSite(t, siteOptions{store: func(store oauth.Store) oauth.Store { return pushFails{store, &broken} }})
		uri := s.push("CB", nil).text(t, "request_uri")

		broken.Store(true)
		wantErrorStatus(t, s.push("CB", nil), http.StatusServiceUnavailable, "temporarily_unavailable")
		wantPageStatus(t, s.browser().get(s.bring("CB", uri)), http.StatusServiceUnavailable)
		broken.Store(false)

		wantPushed(t, s, "CB", s.browser().walk(s.bring("CB", uri), "U1"))
	})

	alone(t, "PAR-04 what is stored does not lead to a request_uri", func(t *testing.T, s *site) {
		uri := s.push("CB", nil).text(t, "request_uri")
		reference := uri[strings.LastIndexByte(uri, ':')+1:]
		for _, suffix := range []string{"", "-wal"} {
			b, err := os.ReadFile(s.path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(b, []byte(reference)) {
				t.Errorf("the reference stands in the database%s", suffix)
			}
		}
		if strings.Contains(s.log.String(), reference) {
			t.Error("the log holds the reference")
		}
		wantPushed(t, s, "CB", s.browser().walk(s.bring("CB", uri), "U1"))
	})
}

// pushFails keeps no pushed request, and finds none, while it is broken.
type pushFails struct {
	oauth.Store
	broken *atomic.Bool
}

func (f pushFails) PushRequest(ctx context.Context, r *oauth.PushedRequest, bound oauth.WaitingBound) error {
	if f.broken.Load() {
		return errors.New("the disk is full")
	}
	return f.Store.PushRequest(ctx, r, bound)
}

func (f pushFails) PushedRequest(ctx context.Context, hash []byte) (*oauth.PushedRequest, error) {
	if f.broken.Load() {
		return nil, errors.New("the disk cannot be read")
	}
	return f.Store.PushedRequest(ctx, hash)
}
