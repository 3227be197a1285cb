package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"regrant/web/view"
)

// demoScope is what the application asks for at sign-in. It may ask for notes:write too, and doesn't.
const demoScope = "openid profile email offline_access " + scopeRead

// demoSignIn is a sign-in between its beginning and its end.
type demoSignIn struct {
	state, nonce, verifier string
	tape                   *demoTape
}

// signIn sends the browser to the server, RFC 6749 §4.1.1 with PKCE (RFC 7636).
func (d *demo) signIn(w http.ResponseWriter, v *demoVisitor) {
	p := &demoSignIn{state: rand.Text(), nonce: rand.Text(), verifier: rand.Text() + rand.Text(), tape: &demoTape{trace: newTrace()}}
	v.pending = p
	challenge := sha256.Sum256([]byte(p.verifier))
	query := url.Values{
		"client_id": {d.client.id}, "redirect_uri": {d.callback()}, "response_type": {"code"}, "scope": {d.client.scope}, "state": {p.state}, "nonce": {p.nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
		// offline_access asks for consent, OpenID Connect Core §11.
		"prompt": {"consent"},
	}
	if d.person.email != "" {
		query.Set("login_hint", d.person.email)
	}
	if v.fresh {
		query.Set("prompt", "login consent")
	}
	if d.elsewhere() {
		d.sends(p, query)
	} else {
		d.browsers.expect(p)
	}
	between := "?"
	if strings.Contains(d.at.authorize, "?") {
		between = "&" // RFC 6749 §3.1
	}
	seeOther(w, d.at.authorize+between+query.Encode())
}

// sends takes down that the browser is sent to a server whose door is out of sight.
func (d *demo) sends(p *demoSignIn, query url.Values) {
	path := "/"
	if u, err := url.Parse(d.at.authorize); err == nil {
		path = u.Path
	}
	p.tape.add(&demoArrow{
		From: view.DemoApp, To: view.DemoServer, Who: "demo.who.browser", Step: 1, Line: "GET " + path, Says: demoSays("demo.says.authorize", "Scope", d.client.scope),
		Message: &view.DemoMessage{Start: "GET " + path + " HTTP/1.1", Query: demoForm(query)},
	})
}

// returns takes down with what the browser comes back from there.
func (d *demo) returns(p *demoSignIn, query url.Values) {
	says, tone := demoSends(0, &url.URL{RawQuery: query.Encode()})
	if code := query.Get("error"); code != "" {
		says = demoSays("demo.says.to_app_error", "Error", code)
	}
	p.tape.add(&demoArrow{
		From: view.DemoServer, To: view.DemoApp, Answer: true, Who: "demo.who.browser", Tone: tone, Line: "GET /callback", Says: says,
		Message: &view.DemoMessage{Start: "GET /callback HTTP/1.1", Query: demoForm(query)},
	})
}

func (d *demo) callback() string { return d.app.url + "/callback" }

// finish takes the authorization response, RFC 6749 §4.1.2, and swaps the code for tokens.
func (d *demo) finish(ctx context.Context, q url.Values, v *demoVisitor) {
	p := v.pending
	if p == nil || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(p.state)) != 1 || q.Get("iss") != d.issuer {
		return // not an answer to what this browser has asked: RFC 6749 §10.12, RFC 9207 §2.4
	}
	v.pending = nil
	if d.elsewhere() {
		d.returns(p, q)
	} else {
		d.browsers.forget(p)
	}
	switch code := q.Get("error"); {
	case code == "access_denied":
		v.put(d.scene("demo.scene.denied.title", demoSays("demo.scene.denied.rule"), "warn", p.tape))
		return
	case code == "invalid_scope":
		v.put(d.scene("demo.scene.no_scope.title", demoSays("demo.scene.no_scope.rule", "Scope", d.client.scope), "bad", p.tape))
		return
	case code != "":
		v.put(d.scene("demo.scene.unwelcome.title", demoSays("demo.scene.unwelcome.rule", "Error", strings.TrimSpace(code+" "+q.Get("error_description"))), "bad", p.tape))
		return
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {d.callback()}, "code_verifier": {p.verifier}}
	says := demoSays("demo.says.code")
	if d.client.secret == "" {
		says = demoSays("demo.says.code_public")
	}
	var tokens *demoTokens
	var failed error
	answer := d.post(ctx, p.tape, d.at.token, form, demoLeg{
		Back: 2, Says: says,
		Reads: func(a *demoAnswer) (demoText, string) {
			if tokens, failed = d.first(a, p); failed != nil {
				tokens = nil
				if a.error() != "" {
					return demoRefusal(a), "bad"
				}
				return demoSays("demo.says.no_answer", "Error", failed.Error()), "bad"
			}
			return demoSays("demo.says.tokens", "Life", tokens.life), ""
		},
		Gives: func(*demoAnswer) *view.DemoToken {
			if tokens == nil {
				return nil
			}
			return demoToken(0, tokens.current())
		},
	})
	switch {
	case errors.Is(failed, errNoRefreshToken):
		v.put(d.scene("demo.scene.no_refresh.title", demoSays("demo.scene.no_refresh.rule"), "warn", p.tape))
		return
	case answer.Err != nil || tokens == nil:
		v.put(d.otherwise(v, p.tape, answer))
		return
	}
	if tokens.knows("openid") {
		d.whoIs(ctx, p.tape, tokens)
	}
	v.tokens, v.last, v.fresh = tokens, nil, false
	scene := d.scene("demo.scene.signed_in.title", demoSays("demo.scene.signed_in.rule"), "good", p.tape)
	if left := missing(d.client.scope, tokens.scope); left != "" {
		scene.rule = demoSays("demo.scene.signed_in_less.rule", "Scope", left)
	}
	v.put(scene)
}

// missing gives what of one list of scopes another lacks.
func missing(asked, got string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(asked), func(token string) bool { return slices.Contains(strings.Fields(got), token) }), " ")
}

// tokenResponse is the answer of RFC 6749 §5.1.
type tokenResponse struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
	Scope        string `json:"scope"`
}

// first reads the first tokens of a sign-in, and who it is from the ID token. That came from the server itself, so its
// signature need not be checked (OpenID Connect Core §3.1.3.7, 6); its claims must.
func (d *demo) first(a *demoAnswer, p *demoSignIn) (*demoTokens, error) {
	response, err := readTokens(a)
	if err != nil {
		return nil, err
	}
	t := &demoTokens{scope: cmp.Or(response.Scope, d.client.scope)}
	if !t.knows("openid") { // plain OAuth: nobody is named
		return t, d.hold(t, response)
	}
	var id struct {
		Issuer   string    `json:"iss"`
		Audience audiences `json:"aud"`
		Subject  string    `json:"sub"`
		Nonce    string    `json:"nonce"`
		Expiry   int64     `json:"exp"`
	}
	if _, claims, err := splitJWT(response.IDToken); err != nil || json.Unmarshal(claims, &id) != nil {
		return nil, errors.New("no readable ID token")
	}
	if id.Issuer != d.issuer || !slices.Contains(id.Audience, d.client.id) || id.Nonce != p.nonce || !d.clock.Wall().Before(time.Unix(id.Expiry, 0)) {
		return nil, errors.New("the ID token is not for this sign-in")
	}
	t.subject, t.name = id.Subject, id.Subject
	return t, d.hold(t, response)
}

// whoIs asks for the person's name at the userinfo endpoint, OpenID Connect Core §5.3. Who did not allow that is known by
// the subject identifier alone.
func (d *demo) whoIs(ctx context.Context, tape *demoTape, t *demoTokens) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.at.userinfo, nil)
	if err != nil {
		return
	}
	r.Header.Set("Authorization", "Bearer "+t.access)
	r.Header.Set("User-Agent", demoAgent)
	tape.send(d.http, r, nil, demoLeg{
		From: view.DemoApp, To: view.DemoServer, Says: demoSays("demo.says.userinfo"),
		Reads: func(a *demoAnswer) (demoText, string) {
			var info struct {
				Subject string `json:"sub"`
				Name    string `json:"name"`
				Email   string `json:"email"`
			}
			if a.Status != http.StatusOK || json.Unmarshal(a.Body, &info) != nil || info.Subject != t.subject {
				return demoSays("demo.says.unexpected"), ""
			}
			t.name = cmp.Or(info.Name, info.Email, info.Subject)
			return demoSays("demo.says.person", "Name", t.name), ""
		},
	})
}

// hold keeps the tokens of a response. An access token that is a JWT says more than the response does; an opaque one says nothing.
func (d *demo) hold(t *demoTokens, response *tokenResponse) error {
	c := struct {
		Grant  string `json:"grant_id"`
		Expiry int64  `json:"exp"`
	}{t.grant, d.clock.Wall().Unix() + int64(response.ExpiresIn)}
	if _, claims, err := splitJWT(response.AccessToken); err == nil && json.Unmarshal(claims, &c) != nil {
		return errors.New("the access token has no readable claims")
	}
	t.grant, t.access = c.Grant, response.AccessToken
	t.expires, t.life = time.Unix(c.Expiry, 0), time.Duration(response.ExpiresIn)*time.Second
	if !slices.Contains(t.refresh, response.RefreshToken) {
		t.refresh = append(t.refresh, response.RefreshToken)
	}
	return nil
}

var errNoRefreshToken = errors.New("there is no refresh token")

// readTokens reads a token response that is whole.
func readTokens(a *demoAnswer) (*tokenResponse, error) {
	if a.Err != nil {
		return nil, a.Err
	}
	var response tokenResponse
	if err := json.Unmarshal(a.Body, &response); a.Status != http.StatusOK || err != nil {
		return nil, fmt.Errorf("no tokens: %s", demoStatus(a.Status))
	}
	if !strings.EqualFold(response.TokenType, "Bearer") || response.AccessToken == "" {
		return nil, errors.New("a token is missing")
	}
	if response.RefreshToken == "" {
		return nil, errNoRefreshToken
	}
	return &response, nil
}

// splitJWT gives header and claims of a JWT as JSON, unverified: for its holder to look at.
func splitJWT(token string) (header, claims []byte, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, nil, errors.New("not a JWT")
	}
	if header, err = base64.RawURLEncoding.DecodeString(parts[0]); err != nil {
		return nil, nil, err
	}
	claims, err = base64.RawURLEncoding.DecodeString(parts[1])
	return header, claims, err
}

// demoToken is a refresh token as the diagram shows it.
func demoToken(generation int, token string) *view.DemoToken {
	return &view.DemoToken{Generation: generation, Tail: "…" + token[max(0, len(token)-6):]}
}

func seeOther(w http.ResponseWriter, address string) {
	w.Header().Set("Location", address)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}
