package main

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
)

const signedOutURI = "https://rp.example/signed-out"

// logoutModules are those of RP-Initiated Logout OP.
var logoutModules = []module{
	{"oidcc-rp-initiated-logout-discovery-endpoint-verification", func(p *party) {
		if p.metadata["end_session_endpoint"] != p.issuer+"/end_session" {
			p.t.Errorf("end_session_endpoint: %v", p.metadata["end_session_endpoint"])
		}
	}},
	{"oidcc-rp-initiated-logout", func(p *party) {
		got := p.freshSignIn()
		p.returned(p.logOut(url.Values{"id_token_hint": {got.id}, "post_logout_redirect_uri": {signedOutURI}, "state": {"s 1&x=/"}}), "s 1&x=/")
		p.isSignedOut()
	}},
	{"oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", func(p *party) {
		got := p.freshSignIn()
		p.stayed(p.logOut(url.Values{"id_token_hint": {got.id}, "post_logout_redirect_uri": {"https://rp.example/elsewhere"}, "state": {"s"}}), http.StatusBadRequest)
	}},
	{"oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", func(p *party) {
		got := p.freshSignIn()
		p.stayed(p.logOut(url.Values{"id_token_hint": {got.id}, "post_logout_redirect_uri": {signedOutURI + "?foo=bar"}, "state": {"s"}}), http.StatusBadRequest)
	}},
	{"oidcc-rp-initiated-logout-modified-id-token-hint", func(p *party) { // to alg none
		got := p.freshSignIn()
		parts := strings.Split(got.id, ".")
		hint := unsignedHeader + "." + parts[1] + "."
		p.stayed(p.logOut(url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {signedOutURI}, "state": {"s"}}), http.StatusBadRequest)
	}},
	{"oidcc-rp-initiated-logout-bad-id-token-hint", func(p *party) { // all its claims, signed by somebody else
		got := p.freshSignIn()
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: newKey(p.t)}, nil)
		if err != nil {
			p.t.Fatal(err)
		}
		hint, err := jwt.Signed(signer).Claims(got.claims).Serialize()
		if err != nil {
			p.t.Fatal(err)
		}
		p.stayed(p.logOut(url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {signedOutURI}, "state": {"s"}}), http.StatusBadRequest)
	}},
	{"oidcc-rp-initiated-logout-no-id-token-hint", func(p *party) {
		p.freshSignIn()
		p.stayed(p.logOut(url.Values{"post_logout_redirect_uri": {signedOutURI}, "state": {"s"}}), http.StatusBadRequest)
	}},
	{"oidcc-rp-initiated-logout-no-params", func(p *party) { p.agreesToSignOut(url.Values{}) }},
	{"oidcc-rp-initiated-logout-no-post-logout-redirect-uri", func(p *party) {
		got := p.freshSignIn()
		p.stayed(p.logOut(url.Values{"id_token_hint": {got.id}, "state": {"s"}}), http.StatusOK)
		p.isSignedOut()
	}},
	{"oidcc-rp-initiated-logout-no-state", func(p *party) {
		got := p.freshSignIn()
		p.returned(p.logOut(url.Values{"id_token_hint": {got.id}, "post_logout_redirect_uri": {signedOutURI}}), "")
		p.isSignedOut()
	}},
	{"oidcc-rp-initiated-logout-only-state", func(p *party) { p.agreesToSignOut(url.Values{"state": {"s"}}) }},
}

// backchannelModules are those of Back-Channel Logout OP.
var backchannelModules = []module{
	{"oidcc-backchannel-logout-discovery-endpoint-verification", func(p *party) {
		for _, member := range []string{"backchannel_logout_supported", "backchannel_logout_session_supported"} {
			if p.metadata[member] != true {
				p.t.Errorf("%s: %v", member, p.metadata[member])
			}
		}
	}},
	{"oidcc-backchannel-rp-initiated-logout", func(p *party) {
		got := p.freshSignIn()
		p.returned(p.logOut(url.Values{"id_token_hint": {got.id}, "post_logout_redirect_uri": {signedOutURI}, "state": {"s"}}), "s")
		select {
		case form := <-p.told:
			p.checkLogoutToken(form, got)
			for deadline := time.Now().Add(10 * time.Second); scraped(p.t, p.ops).value("delivery_attempts_total result=taken") != 1; time.Sleep(20 * time.Millisecond) {
				if time.Now().After(deadline) {
					p.t.Fatal("the metrics do not count it")
				}
			}
		case <-time.After(10 * time.Second):
			p.t.Fatal("nobody told the client")
		}
		p.isSignedOut()
	}},
}

func (p *party) freshSignIn() tokens {
	p.t.Helper()
	p.browser = p.certified.browser(p.t, nil)
	return p.signIn()
}

// shown is what the browser ended with.
type shown struct {
	status   int
	location string // where the server sends it, of somebody else
	page     string
}

// logOut sends the browser to the logout endpoint.
func (p *party) logOut(q url.Values) shown {
	p.t.Helper()
	response, err := p.browser.Get(p.issuer + "/end_session?" + q.Encode())
	return p.read(response, err)
}

func (p *party) read(response *http.Response, err error) shown {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return shown{response.StatusCode, response.Header.Get("Location"), string(body)}
}

// returned checks that the browser came to where the client wanted it after the logout.
func (p *party) returned(got shown, state string) {
	p.t.Helper()
	want := signedOutURI
	if state != "" {
		want += "?" + url.Values{"state": {state}}.Encode()
	}
	if got.location != want {
		p.t.Fatalf("%d %q, not %q: %s", got.status, got.location, want, got.page)
	}
}

// stayed checks that the browser did not leave.
func (p *party) stayed(got shown, status int) {
	p.t.Helper()
	if got.status != status || got.location != "" || !strings.Contains(got.page, "<h1") {
		p.t.Fatalf("%d %q: %s", got.status, got.location, got.page)
	}
}

// agreesToSignOut: the person is asked, says yes, and is signed out.
func (p *party) agreesToSignOut(q url.Values) {
	p.t.Helper()
	p.freshSignIn()
	asked := p.logOut(q)
	p.stayed(asked, http.StatusOK)
	p.signIn(with("prompt", "none")) // not signed out by the question

	for _, form := range formStart.FindAllStringSubmatch(asked.page, -1) {
		if html.UnescapeString(form[1]) != "/logout" {
			continue
		}
		fields := url.Values{}
		for _, hidden := range hiddenField.FindAllStringSubmatch(form[2], -1) {
			fields.Add(hidden[1], html.UnescapeString(hidden[2]))
		}
		response, err := p.browser.PostForm(p.issuer+"/logout", fields)
		p.stayed(p.read(response, err), http.StatusOK)
		p.isSignedOut()
		return
	}
	p.t.Fatalf("nobody is asked: %s", asked.page)
}

func (p *party) isSignedOut() {
	p.t.Helper()
	challenge := oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())
	p.authorize(with("prompt", "none"), with("code_challenge", challenge), with("code_challenge_method", "S256")).refused(p, "login_required")
}

// checkLogoutToken verifies what the client was posted, OpenID Connect Back-Channel Logout §2.4 to §2.6.
func (p *party) checkLogoutToken(form url.Values, got tokens) {
	p.t.Helper()
	if len(form) != 1 {
		p.t.Errorf("the form: %v", form)
	}
	var claims map[string]any
	p.verify(form.Get("logout_token"), &claims)
	events, _ := claims["events"].(map[string]any)
	event, ok := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
	now := float64(time.Now().Unix())
	iat, _ := claims["iat"].(float64)
	exp, _ := claims["exp"].(float64)
	if !ok || len(event) != 0 || claims["iss"] != p.issuer || claims["aud"] != p.id || claims["nonce"] != nil || claims["jti"] == nil || iat < now-60 || iat > now+60 || exp < now {
		p.t.Errorf("logout token: %v", claims)
	}
	if claims["sub"] != got.claims["sub"] || claims["sid"] != got.claims["sid"] || claims["sid"] == nil {
		p.t.Errorf("sub %v and sid %v, in the ID token %v and %v", claims["sub"], claims["sid"], got.claims["sub"], got.claims["sid"])
	}
}
