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
		"client_id": {demoClientID}, "redirect_uri": {d.callback()}, "response_type": {"code"}, "scope": {demoScope}, "state": {p.state}, "nonce": {p.nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
		// offline_access asks for consent, OpenID Connect Core §11.
		"prompt": {"consent"}, "login_hint": {d.person.email},
	}
	if v.fresh {
		query.Set("prompt", "login consent")
	}
	d.browsers.expect(p)
	seeOther(w, d.issuer+"/authorize?"+query.Encode())
}

func (d *demo) callback() string { return d.app.url + "/callback" }

// finish takes the authorization response, RFC 6749 §4.1.2, and swaps the code for tokens.
func (d *demo) finish(ctx context.Context, q url.Values, v *demoVisitor) {
	p := v.pending
	if p == nil || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(p.state)) != 1 || q.Get("iss") != d.issuer {
		return // not an answer to what this browser has asked: RFC 6749 §10.12, RFC 9207 §2.4
	}
	v.pending = nil
	d.browsers.forget(p)
	if q.Get("error") != "" {
		v.put(d.scene("demo.scene.denied.title", demoSays("demo.scene.denied.rule"), "warn", p.tape))
		return
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {d.callback()}, "code_verifier": {p.verifier}}
	var tokens *demoTokens
	answer := d.post(ctx, p.tape, "/token", form, d.secret, demoLeg{
		Back: 2, Says: demoSays("demo.says.code"),
		Reads: func(a *demoAnswer) (demoText, string) {
			var err error
			if tokens, err = d.first(a, p); err != nil {
				return demoSays("demo.says.no_answer", "Error", err.Error()), "bad"
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
	if answer.Err != nil || tokens == nil {
		v.put(d.surprise(p.tape))
		return
	}
	d.whoIs(ctx, p.tape, tokens)
	v.tokens, v.last, v.fresh = tokens, nil, false
	v.put(d.scene("demo.scene.signed_in.title", demoSays("demo.scene.signed_in.rule"), "good", p.tape))
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
	if id.Issuer != d.issuer || !slices.Contains(id.Audience, demoClientID) || id.Nonce != p.nonce || !d.clock.Wall().Before(time.Unix(id.Expiry, 0)) {
		return nil, errors.New("the ID token is not for this sign-in")
	}
	t := &demoTokens{subject: id.Subject, name: id.Subject}
	return t, d.hold(t, response)
}

// whoIs asks for the person's name at the userinfo endpoint, OpenID Connect Core §5.3. Who did not allow that is known by
// the subject identifier alone.
func (d *demo) whoIs(ctx context.Context, tape *demoTape, t *demoTokens) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.issuer+"/userinfo", nil)
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

// hold keeps the tokens of a response.
func (d *demo) hold(t *demoTokens, response *tokenResponse) error {
	_, claims, err := splitJWT(response.AccessToken)
	if err != nil {
		return err
	}
	var c struct {
		Grant  string `json:"grant_id"`
		Expiry int64  `json:"exp"`
	}
	if err := json.Unmarshal(claims, &c); err != nil {
		return err
	}
	t.grant, t.access = c.Grant, response.AccessToken
	t.expires, t.life = time.Unix(c.Expiry, 0), time.Duration(response.ExpiresIn)*time.Second
	if !slices.Contains(t.refresh, response.RefreshToken) {
		t.refresh = append(t.refresh, response.RefreshToken)
	}
	return nil
}

// readTokens reads a token response that is whole.
func readTokens(a *demoAnswer) (*tokenResponse, error) {
	if a.Err != nil {
		return nil, a.Err
	}
	var response tokenResponse
	if err := json.Unmarshal(a.Body, &response); a.Status != http.StatusOK || err != nil {
		return nil, fmt.Errorf("no tokens: %s", demoStatus(a.Status))
	}
	if !strings.EqualFold(response.TokenType, "Bearer") || response.AccessToken == "" || response.RefreshToken == "" {
		return nil, errors.New("a token is missing")
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
