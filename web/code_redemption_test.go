package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"
)

// codeRules prove what one code is good for: once, for its client, with its verifier, from its redirect URI, for a minute.
func codeRules(t *testing.T, all sites) {
	alone(t, "TK-04 each condition alone refuses a code", func(t *testing.T, s *site) {
		for bits := range 1 << 5 {
			foreign, expired, used, wrongVerifier, wrongRedirect := bits&1 > 0, bits&2 > 0, bits&4 > 0, bits&8 > 0, bits&16 > 0
			callback := s.code("CB", nil)
			if used {
				wantOK(t, s.exchange("CB", callback, nil))
			}
			if expired {
				s.pass(61 * time.Second)
			}
			as, set := "CB", url.Values{}
			if foreign {
				as = "CX"
			}
			if wrongVerifier {
				set.Set("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk-wrong-verifier")
			}
			if wrongRedirect {
				set.Set("redirect_uri", "https://foreign.test/cb")
			}
			a := s.exchange(as, callback, set)
			if bits == 0 {
				wantOK(t, a)
				continue
			}
			if a.status == http.StatusOK {
				t.Errorf("accepted: foreign %v, expired %v, used %v, wrong verifier %v, wrong redirect %v", foreign, expired, used, wrongVerifier, wrongRedirect)
				continue
			}
			wantError(t, a, "invalid_grant")
		}
	})

	for _, after := range []time.Duration{time.Second, 30 * time.Second, 10 * time.Minute} {
		alone(t, fmt.Sprintf("TK-05 a second valid redemption after %s ends what the first one gave", after), func(t *testing.T, s *site) {
			for _, client := range []string{"CB", "PN"} {
				other := s.grant(client, "openid read")
				callback := s.code(client, nil)
				first := s.exchange(client, callback, nil)
				wantOK(t, first)
				second := s.refresh(client, first.text(t, "refresh_token"))
				wantOK(t, second)
				s.pass(after)
				wantError(t, s.exchange(client, callback, nil), "invalid_grant")
				for _, a := range []answer{first, second} {
					if s.active("RS", a.text(t, "access_token")) {
						t.Errorf("%s: an access token survived", client)
					}
					wantError(t, s.refresh(client, a.text(t, "refresh_token")), "invalid_grant")
				}
				wantBearer(t, s.userinfo(second.text(t, "access_token")), http.StatusUnauthorized, "invalid_token")
				wantOK(t, s.refresh(client, other.text(t, "refresh_token")))
			}
		})
	}

	all.rule(t, "TK-06 a replay that proves nothing ends nothing", func(t *testing.T, s *site) {
		callback := s.code("CB", nil)
		first := s.exchange("CB", callback, nil)
		wantOK(t, first)
		wantError(t, s.exchange("CB", callback, url.Values{"code_verifier": {"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk-wrong-verifier"}}), "invalid_grant")
		wantError(t, s.exchange("CB", callback, url.Values{"code_verifier": nil}), "invalid_grant")
		wantError(t, s.exchange("CB", callback, url.Values{"redirect_uri": {"https://evil.test/cb"}}), "invalid_grant")
		wantError(t, s.exchange("CX", callback, nil), "invalid_grant")
		wantUnauthorized(t, s.postBody("/token", url.Values{"grant_type": {"authorization_code"}, "code": {callback.Query().Get("code")}, "code_verifier": {verifier}, "client_id": {"CB"}}.Encode()))
		wantUnauthorized(t, s.postBody("/token", url.Values{"grant_type": {"authorization_code"}, "code": {callback.Query().Get("code")}, "code_verifier": {verifier}}.Encode(), "Authorization", basic("CB", "wrong")))
		if !s.active("RS", first.text(t, "access_token")) {
			t.Error("the access token is dead")
		}
		wantOK(t, s.refresh("CB", first.text(t, "refresh_token")))
	})

	alone(t, "TK-07 of simultaneous redemptions exactly one succeeds", func(t *testing.T, s *site) {
		rounds, ways := 100, 20
		if testing.Short() {
			rounds, ways = 10, 8
		}
		b := s.alice()
		for range rounds {
			callback, err := url.Parse(b.get(s.az("TR", nil)).header.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			answers := make([]answer, ways)
			var group sync.WaitGroup
			for i := range ways {
				group.Go(func() { answers[i] = s.exchange("TR", callback, nil) })
			}
			group.Wait()
			won := 0
			for _, a := range answers {
				if a.status == http.StatusOK {
					won++
					// The others were replays, which end what the winner got.
					wantError(t, s.refresh("TR", a.text(t, "refresh_token")), "invalid_grant")
					continue
				}
				wantError(t, a, "invalid_grant")
			}
			if won != 1 {
				t.Fatalf("%d of %d redemptions succeeded", won, ways)
			}
		}
	})
}
