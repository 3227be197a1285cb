package main

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
)

const certifiedScope = "openid profile email offline_access"

// party is a relying party with the browser of one person, as the foundation's suite plays both.
type party struct {
	*certified
	t           *testing.T
	second      *party // another client, where a module needs one
	id, secret  string
	method      string // how the client authenticates
	mode        string // response_mode
	redirectURI string
	browser     *http.Client
	told        chan url.Values // what came to its backchannel_logout_uri
	tokenType   string          // of its access tokens; "": Bearer
	decision    string          // of the person who is asked for consent; "": allow
}

// register makes a client whose redirect URI has a query, as the suite's second client has.
func (s *certified) register(method string, flags ...string) *party {
	s.t.Helper()
	return s.registerAt("https://rp.example/callback?id="+rand.Text(), method, flags...)
}

func (s *certified) registerAt(redirectURI, method string, flags ...string) *party {
	s.t.Helper()
	p := &party{certified: s, method: method, redirectURI: redirectURI}
	if !slices.Contains(flags, "--scope") {
		flags = append(flags, "--scope", certifiedScope)
	}
	p.id, p.secret = s.client(p.redirectURI, append(flags, "--auth-method", method, "--access-token-lifetime", "5m", "--post-logout-redirect-uri", signedOutURI)...)
	return p
}

// change is what a module does to a request that would be right.
type change func(url.Values)

func with(name, value string) change { return func(v url.Values) { v.Set(name, value) } }
func without(name string) change     { return func(v url.Values) { v.Del(name) } }

// request is an authorization request, OpenID Connect Core §3.1.2.1.
func (p *party) request(changes ...change) url.Values {
	q := url.Values{
		"client_id": {p.id}, "redirect_uri": {p.redirectURI}, "response_type": {"code"}, "scope": {"openid"}, "state": {rand.Text()}, "nonce": {rand.Text()},
	}
	if p.mode != "" {
		q.Set("response_mode", p.mode)
	}
	for _, change := range changes {
		change(q)
	}
	return q
}

// reply is how an authorization request ended.
type reply struct {
	request url.Values
	values  url.Values // what came to the redirect URI; nil where nothing did
	page    string     // the page that the person is left with otherwise
	status  int        // of that page
	signIns int        // how often the person had to sign in
}

// authorize sends the browser to the server and does there what a person does who agrees, until the browser leaves.
func (p *party) authorize(changes ...change) reply {
	p.t.Helper()
	q := p.request(changes...)
	response, err := p.browser.Get(p.issuer + "/authorize?" + q.Encode())
	return p.agree(q, response, err)
}

func (p *party) agree(q url.Values, response *http.Response, err error) reply {
	p.t.Helper()
	r := reply{request: q}
	for range 10 {
		if err != nil {
			p.t.Fatal(err)
		}
		body, err2 := io.ReadAll(response.Body)
		response.Body.Close()
		if err2 != nil {
			p.t.Fatal(err2)
		}
		r.page, r.status = string(body), response.StatusCode
		if location := response.Header.Get("Location"); location != "" {
			r.values = p.arrived(location)
			return r
		}
		if form := formStart.FindStringSubmatch(r.page); form != nil && html.UnescapeString(form[1]) == p.redirectURI {
			r.values = url.Values{}
			for _, field := range hiddenField.FindAllStringSubmatch(form[2], -1) {
				r.values.Add(field[1], html.UnescapeString(field[2]))
			}
			return r
		}
		if r.status != http.StatusOK {
			return r
		}
		if strings.HasSuffix(response.Request.URL.Path, "/login") {
			r.signIns++
		}
		response, err = fillAndDecide(p.browser, response.Request.URL, r.page, "alice@example.com", realPassword, cmp.Or(p.decision, "allow"))
	}
	p.t.Fatal("no end of pages")
	return r
}

// arrived gives the parameters with which the browser comes to the redirect URI, which has a query of its own.
func (p *party) arrived(location string) url.Values {
	p.t.Helper()
	at, err := url.Parse(location)
	if err != nil {
		p.t.Fatal(err)
	}
	registered, err := url.Parse(p.redirectURI)
	if err != nil {
		p.t.Fatal(err)
	}
	values := at.Query()
	for name := range registered.Query() {
		if values.Get(name) != registered.Query().Get(name) {
			p.t.Errorf("the redirect URI lost its %s: %s", name, location)
		}
		values.Del(name)
	}
	if at.Scheme+at.Host+at.Path != registered.Scheme+registered.Host+registered.Path || at.Fragment != "" {
		p.t.Fatalf("the browser was sent to %s", location)
	}
	return values
}

// code checks a reply that says yes, and gives its code.
func (r reply) code(p *party) string {
	p.t.Helper()
	if r.values == nil {
		p.t.Fatalf("no reply, but %d: %s", r.status, r.page)
	}
	if r.values.Get("error") != "" || r.values.Get("code") == "" {
		p.t.Fatalf("no code: %v", r.values)
	}
	r.check(p, "code")
	return r.values.Get("code")
}

// refused checks a reply that says no with one of these errors.
func (r reply) refused(p *party, codes ...string) {
	p.t.Helper()
	if r.values == nil {
		p.t.Fatalf("no reply, but %d: %s", r.status, r.page)
	}
	said := r.values.Get("error")
	for _, code := range codes {
		if said == code {
			r.check(p, "error", "error_description", "error_uri")
			return
		}
	}
	p.t.Fatalf("not one of %v: %v", codes, r.values)
}

// stopped checks that the person is left with a page that says why, and the client with nothing.
func (r reply) stopped(p *party, says string) {
	p.t.Helper()
	if r.values != nil {
		p.t.Fatalf("the client was told: %v", r.values)
	}
	if r.status < 400 || r.status > 499 || !strings.Contains(r.page, says) {
		p.t.Fatalf("%d, without %q: %s", r.status, says, r.page)
	}
}

// check looks for what each reply has, RFC 9207 §2 too, and for what none has.
func (r reply) check(p *party, allowed ...string) {
	p.t.Helper()
	if got, want := r.values["state"], r.request["state"]; len(got) != len(want) || len(want) == 1 && got[0] != want[0] {
		p.t.Errorf("state %q, not %q", got, want)
	}
	if got := r.values["iss"]; len(got) != 1 || got[0] != p.issuer {
		p.t.Errorf("iss %q", got)
	}
	known := " state iss " + strings.Join(allowed, " ") + " "
	for name := range r.values {
		if !strings.Contains(known, " "+name+" ") {
			p.t.Errorf("the reply has %s", name)
		}
	}
}

// answer is what an endpoint said.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

func (a answer) text(member string) string {
	s, _ := a.body[member].(string)
	return s
}

// refused checks an answer that says no with one of these errors.
func (a answer) refused(p *party, codes ...string) {
	p.t.Helper()
	for _, code := range codes {
		want := http.StatusBadRequest
		if code == "invalid_client" || code == "invalid_token" || code == "invalid_dpop_proof" && a.status == http.StatusUnauthorized {
			want = http.StatusUnauthorized
		}
		if a.text("error") == code && a.status == want {
			return
		}
	}
	p.t.Fatalf("not one of %v: %d %v", codes, a.status, a.body)
}

// send does a request and reads JSON.
func (p *party) send(r *http.Request) answer {
	p.t.Helper()
	response, err := insecure.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &a.body); err != nil {
			p.t.Fatalf("%s: %d %s", r.URL.Path, a.status, body)
		}
	}
	return a
}

func (p *party) post(path string, form url.Values) *http.Request {
	p.t.Helper()
	r, err := http.NewRequest(http.MethodPost, p.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// token asks the token endpoint, as the client.
func (p *party) token(form url.Values) answer {
	p.t.Helper()
	if p.method == "client_secret_post" {
		form.Set("client_id", p.id)
		form.Set("client_secret", p.secret)
	}
	r := p.post("/token", form)
	if p.method == "client_secret_basic" {
		r.SetBasicAuth(url.QueryEscape(p.id), url.QueryEscape(p.secret))
	}
	a := p.send(r)
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		p.t.Errorf("Cache-Control of the token endpoint: %q", got)
	}
	return a
}

func (p *party) redeem(code string) answer {
	p.t.Helper()
	return p.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {p.redirectURI}})
}

// tokens are those of a sign-in, with the claims of its ID token.
type tokens struct {
	reply
	access, refresh, id string
	claims              map[string]any
}

// signIn goes through the whole flow and checks all that each of the suite's modules checks.
func (p *party) signIn(changes ...change) tokens {
	p.t.Helper()
	r := p.authorize(changes...)
	return p.check(r, p.redeem(r.code(p)))
}

// check looks at a token response, OpenID Connect Core §3.1.3.3, and verifies its ID token.
func (p *party) check(r reply, a answer) tokens {
	p.t.Helper()
	if a.status != http.StatusOK || !strings.EqualFold(a.text("token_type"), cmp.Or(p.tokenType, "Bearer")) || a.text("access_token") == "" {
		p.t.Fatalf("no tokens: %d %v", a.status, a.body)
	}
	if seconds, ok := a.body["expires_in"].(float64); !ok || seconds < 1 {
		p.t.Errorf("expires_in: %v", a.body["expires_in"])
	}
	got := tokens{reply: r, access: a.text("access_token"), refresh: a.text("refresh_token"), id: a.text("id_token")}
	id, err := p.provider.Verifier(&oidc.Config{ClientID: p.id}).Verify(p.trusting(p.t.Context()), got.id)
	if err != nil {
		p.t.Fatalf("ID token: %v", err)
	}
	if err := id.Claims(&got.claims); err != nil {
		p.t.Fatal(err)
	}
	if want := r.request.Get("nonce"); id.Nonce != want {
		p.t.Errorf("nonce %q, not %q", id.Nonce, want)
	}
	if err := id.VerifyAccessToken(got.access); err != nil {
		p.t.Error(err)
	}
	if len(id.Subject) > 255 || len(id.Audience) != 1 {
		p.t.Errorf("sub %q, aud %q", id.Subject, id.Audience)
	}
	return got
}

// signedInAt is when the person signed in, seconds since 1970.
func (got tokens) signedInAt(p *party) float64 {
	p.t.Helper()
	at, ok := got.claims["auth_time"].(float64)
	if !ok {
		p.t.Fatalf("no auth_time: %v", got.claims)
	}
	return at
}

// userinfo asks for the claims with the access token in the header.
func (p *party) userinfo(method, token string) answer {
	p.t.Helper()
	r, err := http.NewRequest(method, p.issuer+"/userinfo", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return p.send(r)
}

// knows checks what userinfo told of the person of the ID token.
func (got tokens) knows(p *party, a answer, claims ...string) {
	p.t.Helper()
	if a.status != http.StatusOK || a.body["sub"] != got.claims["sub"] {
		p.t.Fatalf("userinfo: %d %v", a.status, a.body)
	}
	for _, claim := range claims {
		if a.body[claim] == nil {
			p.t.Errorf("userinfo has no %s: %v", claim, a.body)
		}
	}
}
