package web_test

import (
	"maps"
	"math/bits"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// requirementsOmission proves that leaving parameters out of a good request never gives more than the request itself.
func requirementsOmission(t *testing.T) {
	alone(t, "TK-01 no parameter that is left out of a token request escalates it", func(t *testing.T, s *site) {
		b := s.alice()
		granted := strings.Fields("openid read")
		requests := map[string]func() (form url.Values, secret string){
			"authorization_code": func() (url.Values, string) {
				callback := mustURL(t, b.get(s.az("TR", url.Values{"resource": {apiResource}})).header.Get("Location"))
				return url.Values{"grant_type": {"authorization_code"}, "code": callback.Query()["code"], "redirect_uri": {"https://trusted.test/cb"}, "code_verifier": {verifier}, "resource": {apiResource}, "scope": {"read"}}, s.secret["TR"]
			},
			"refresh_token": func() (url.Values, string) {
				token := s.exchange("TR", mustURL(t, b.get(s.az("TR", url.Values{"resource": {apiResource}})).header.Get("Location")), nil).text(t, "refresh_token")
				return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "scope": {"read"}, "resource": {apiResource}}, s.secret["TR"]
			},
			"client_credentials": func() (url.Values, string) {
				return url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}, "resource": {apiResource}}, s.secret["CB"]
			},
		}
		for grantType, request := range requests {
			form, _ := request()
			names := append(slices.Sorted(maps.Keys(form)), "Authorization")
			for without := range 1 << len(names) {
				if testing.Short() && bits.OnesCount(uint(without)) > 2 {
					continue
				}
				form, secret := request()
				headers := []string{"Authorization", basic(map[bool]string{true: "CB", false: "TR"}[grantType == "client_credentials"], secret)}
				var left []string
				for i, name := range names {
					if without&(1<<i) == 0 {
						continue
					}
					left = append(left, name)
					form.Del(name)
					if name == "Authorization" {
						headers = nil
					}
				}
				a := s.postBody("/token", form.Encode(), headers...)
				needed := []string{"Authorization", "grant_type", "code", "code_verifier", "refresh_token"}
				if slices.ContainsFunc(left, func(name string) bool { return slices.Contains(needed, name) }) {
					if a.status == http.StatusOK {
						t.Errorf("%s without %v: %s", grantType, left, a.body)
					}
					continue
				}
				wantOK(t, a)
				claims := s.verified(a.text(t, "access_token"))
				allowed, subject := granted, s.person["U1"].ID
				if grantType == "client_credentials" {
					allowed, subject = strings.Fields("read write list"), "CB"
				}
				if claims["sub"] != subject || slices.ContainsFunc(strings.Fields(a.text(t, "scope")), func(scope string) bool { return !slices.Contains(allowed, scope) }) {
					t.Errorf("%s without %v: sub %v, scope %q", grantType, left, claims["sub"], a.text(t, "scope"))
				}
				if grantType != "client_credentials" && !slices.Contains(audience(claims), apiResource) {
					t.Errorf("%s without %v: audience %q", grantType, left, audience(claims))
				}
			}
		}
	})

	alone(t, "AZ-02 no parameter that is left out of an authorization request gives a code without proof", func(t *testing.T, s *site) {
		b := s.alice()
		request := mustURL(t, s.az("TR", url.Values{"prompt": {"none"}, "max_age": {"1000"}, "resource": {apiResource}}))
		names := slices.Sorted(maps.Keys(request.Query()))
		for without := range 1 << len(names) {
			if testing.Short() && bits.OnesCount(uint(without)) > 2 {
				continue
			}
			q := request.Query()
			for i, name := range names {
				if without&(1<<i) != 0 {
					q.Del(name)
				}
			}
			address := *request
			address.RawQuery = q.Encode()
			a := b.get(address.String())
			switch {
			case !q.Has("client_id"), !q.Has("redirect_uri") && strings.Contains(q.Get("scope"), "openid"):
				wantPage(t, a)
			case !q.Has("response_type"), !q.Has("code_challenge"), !q.Has("code_challenge_method"):
				wantRedirectError(t, s, address.String(), a, "invalid_request")
			default:
				code := wantCode(t, s, address.String(), a)
				form := url.Values{"grant_type": {"authorization_code"}, "code": {code}}
				wantError(t, s.post("/token", "TR", form), "invalid_grant")
			}
		}
	})
}
