package web_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"testing"
	"time"

	"regrant/app/oauth"
)

// requirementsMCP proves what the Model Context Protocol's authorization asks of an authorization server.
func requirementsMCP(t *testing.T) {
	all := newSites(t)
	multiProcess := func(s *site) {
		policy, _ := oauth.PolicyOf(oauth.PresetMultiProcess)
		s.register("MCP", oauth.Client{AuthMethod: oauth.AuthNone, RedirectURIs: []string{"http://127.0.0.1/callback", "http://localhost/callback"}, Policy: policy})
	}
	for _, s := range all {
		multiProcess(s)
	}
	token := func(s *site, form url.Values) answer {
		s.t.Helper()
		return s.postBody("/token", changed(form, url.Values{"client_id": {"MCP"}}).Encode())
	}
	begin := func(s *site, set url.Values) answer {
		s.t.Helper()
		set = changed(url.Values{"client_id": {"MCP"}, "redirect_uri": {"http://localhost:33418/callback"}, "nonce": nil, "resource": {apiResource}, "scope": {"read offline_access"}, "prompt": {"consent"}}, set)
		callback := s.code("PN", set)
		return token(s, url.Values{"grant_type": {"authorization_code"}, "code": callback.Query()["code"], "redirect_uri": set["redirect_uri"], "code_verifier": {verifier}, "resource": {apiResource}, "scope": {"read offline_access"}})
	}

	all.rule(t, "MCP-02 refresh tokens of public clients rotate, always", func(t *testing.T, s *site) {
		first := begin(s, nil)
		wantOK(t, first)
		second := token(s, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.text(t, "refresh_token")}})
		wantOK(t, second)
		if first.text(t, "refresh_token") == second.text(t, "refresh_token") {
			t.Error("it did not rotate")
		}
		var e *oauth.Error
		_, err := oauth.ChangeClient(context.Background(), s.db, "PN", func(c *oauth.Client) error { c.Policy.RotationOff = true; return nil }, s.clock.Wall(), by)
		if !errors.As(err, &e) || e.Code != oauth.InvalidClientMetadata {
			t.Errorf("rotation of a public client can be switched off: %v", err)
		}
	})

	all.rule(t, "MCP-03 MCP-05 MCP-06 a client with a loopback redirect names its resource and offline_access everywhere", func(t *testing.T, s *site) {
		for _, redirectURI := range []string{"http://localhost:33418/callback", "http://127.0.0.1:50000/callback"} {
			first := begin(s, url.Values{"redirect_uri": {redirectURI}})
			wantOK(t, first)
			second := token(s, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.text(t, "refresh_token")}, "resource": {apiResource}, "scope": {"offline_access read"}})
			wantOK(t, second)
			for _, a := range []answer{first, second} {
				if aud := audience(s.verified(a.text(t, "access_token"))); !slices.Equal(aud, []string{apiResource}) || a.text(t, "refresh_token") == "" {
					t.Errorf("audience %q: %s", aud, a.body)
				}
			}
		}
		if !slices.Contains(list(s.document(), "scopes_supported"), "offline_access") {
			t.Error("offline_access is not listed")
		}
	})

	all.rule(t, "MCP-04 responses name the issuer, and the metadata says so", func(t *testing.T, s *site) {
		if s.document()["authorization_response_iss_parameter_supported"] != true {
			t.Error("the metadata does not say so")
		}
		if got := s.code("PN", nil).Query().Get("iss"); got != s.issuer {
			t.Errorf("iss is %q", got)
		}
	})

	all.rule(t, "MCP-08 a browser-based client can discover, redeem and refresh", func(t *testing.T, s *site) {
		const origin = "https://spa.test"
		for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
			a := s.fetch("OPTIONS", s.issuer+path, "Origin", origin, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "mcp-protocol-version")
			if a.status != http.StatusNoContent || a.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: %d %v", path, a.status, a.header)
			}
		}
		callback := s.code("PW", nil)
		form := url.Values{"client_id": {"PW"}, "grant_type": {"authorization_code"}, "code": callback.Query()["code"], "redirect_uri": {"https://spa.test/cb"}, "code_verifier": {verifier}}
		for range 2 {
			a := s.postBody("/token", form.Encode(), "Origin", origin)
			wantOK(t, a)
			if a.header.Get("Access-Control-Allow-Origin") != origin {
				t.Errorf("%v", a.header)
			}
			form = url.Values{"client_id": {"PW"}, "grant_type": {"refresh_token"}, "refresh_token": {a.text(t, "refresh_token")}}
		}
		if a := s.postBody("/token", form.Encode()+"x", "Origin", origin); a.status != http.StatusBadRequest || a.header.Get("Access-Control-Allow-Origin") != origin {
			t.Errorf("an error cannot be read: %d %v", a.status, a.header) // errors must be readable too
		}
	})

	alone(t, "MCP-09 processes that share a stored token stay signed in, and dead tokens cost no writes", func(t *testing.T, s *site) {
		multiProcess(s)
		first := begin(s, nil)
		wantOK(t, first)
		refresh := func(a answer) answer {
			return token(s, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.text(t, "refresh_token")}})
		}
		successor := ""
		for range 5 { // the same token five times in a second
			a := refresh(first)
			wantOK(t, a)
			if successor == "" {
				successor = a.text(t, "refresh_token")
			}
			if a.text(t, "refresh_token") != successor {
				t.Fatal("two successors")
			}
		}
		second := refresh(first)
		s.pass(7*time.Minute + 45*time.Second)
		third := refresh(second)
		wantOK(t, third)
		wantError(t, refresh(first), "invalid_grant") // a sixth time, much later: refused, and nothing is revoked
		fourth := refresh(third)
		wantOK(t, fourth)

		s.postBody("/revoke", url.Values{"client_id": {"MCP"}, "token": {fourth.text(t, "refresh_token")}}.Encode())
		wantError(t, refresh(fourth), "invalid_grant")
		before := written(t, s)
		for i := range 189 {
			wantError(t, refresh([]answer{first, second, third, fourth}[i%4]), "invalid_grant")
		}
		if after := written(t, s); after != before {
			t.Error("dead tokens were written about")
		}
		wantOK(t, refresh(begin(s, nil)))
		if written(t, s) == before {
			t.Error("the measure sees no writes at all")
		}
	})

	alone(t, "MCP-09 eight processes that share one stored token are signed in after an hour, until a thief comes", func(t *testing.T, s *site) {
		multiProcess(s)
		stored := begin(s, nil).text(t, "refresh_token") // in their file
		history := []string{stored}                      // of the file
		refresh := func(rt string) answer {
			return token(s, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {rt}})
		}
		save := func(rt string) {
			if rt != stored {
				stored, history = rt, append(history, rt)
			}
		}
		random := rand.New(rand.NewPCG(8, 60))
		known := [8]int{} // the generation that each process read last
		stale, lost, refused := 0, 0, 0
		const step = 15 * time.Second
		for range time.Hour / step {
			s.pass(step)
			process := &known[random.IntN(len(known))]
			if newest := len(history) - 1; random.IntN(2) == 0 || newest-*process > 8 { // it reads the file, or still has what it read within the preset's bounds
				*process = newest
			}
			rt := history[*process]
			if rt != stored {
				stale++
			}
			a := refresh(rt)
			if a.status == http.StatusOK && random.IntN(5) == 0 { // the response is lost, and asked for again within the grace
				lost++
				s.pass(time.Duration(random.IntN(5)) * time.Second)
				again := refresh(rt)
				wantOK(t, again)
				if again.text(t, "refresh_token") != a.text(t, "refresh_token") {
					t.Fatal("two successors")
				}
			}
			if a.status != http.StatusOK { // too late: it reads the file, and goes on with what the others have
				wantError(t, a, "invalid_grant")
				refused++
				a = refresh(stored)
			}
			wantOK(t, a)
			save(a.text(t, "refresh_token"))
			*process = len(history) - 1
		}
		if len(history) < 150 || stale < 40 || lost < 20 || refused < 10 {
			t.Errorf("%d rotations, %d stale, %d lost, %d refused: this proves little", len(history), stale, lost, refused)
		}
		s.pass(2 * time.Minute)                                         // nothing is within the grace any more
		wantError(t, refresh(history[len(history)-4]), "invalid_grant") // a thief with what an honest process might have, too: refused
		a := refresh(stored)
		wantOK(t, a)
		save(a.text(t, "refresh_token"))
		wantError(t, refresh(history[len(history)-50]), "invalid_grant") // one with what nobody has any more: caught
		wantError(t, refresh(stored), "invalid_grant")
	})
}

// written tells the state of the write-ahead log, which every commit changes.
func written(t testing.TB, s *site) string {
	t.Helper()
	info, err := os.Stat(s.path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime().String()
}
