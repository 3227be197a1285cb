package main

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
)

// fapiClient is a client of the FAPI 2.0 Security Profile: it pushes its requests, signs its assertions, and proves that it holds the
// key of its tokens.
type fapiClient struct {
	*party
	key, proofKey *ecdsa.PrivateKey
	nonce         string // that the server wants in proofs
	verifier      string
	rotated       bool // the key for assertions is the client's second
}

// registerFAPI makes a client as an operator would for the profile.
func (s *certified) registerFAPI() *fapiClient {
	s.t.Helper()
	c := &fapiClient{key: newKey(s.t), proofKey: newKey(s.t), verifier: oauth2.GenerateVerifier()}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: c.key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		s.t.Fatal(err)
	}
	file := filepath.Join(s.t.TempDir(), "keys.json")
	if err := os.WriteFile(file, keys, 0o600); err != nil {
		s.t.Fatal(err)
	}
	c.party = s.registerAt("https://rp.example/fapi", "private_key_jwt", "--jwks", file, "--auth-signing-alg", "ES256", "--require-par", "--dpop", "--no-rotation", "--id-token-alg", "ES256")
	c.tokenType = "DPoP"
	return c
}

// of is the client in another test.
func (c *fapiClient) of(t *testing.T) *fapiClient {
	t.Helper()
	other := *c
	other.party = c.party.of(t)
	other.learnNonce()
	return &other
}

// after goes on with the module once so much time has passed.
func (c *fapiClient) after(d time.Duration, run func(*fapiClient)) {
	c.party.after(d, func(p *party) { run(c.of(p.t)) })
}

// claims are those of a JWT; a module changes them.
type claims = map[string]any

func withClaim(name string, value any) func(claims) { return func(c claims) { c[name] = value } }
func withoutClaim(name string) func(claims)         { return func(c claims) { delete(c, name) } }

// sign makes a JWT with a header of one's own.
func (c *fapiClient) sign(alg jose.SignatureAlgorithm, key any, header map[jose.HeaderKey]any, body claims) string {
	c.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, &jose.SignerOptions{ExtraHeaders: header})
	if err != nil {
		c.t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(body).Serialize()
	if err != nil {
		c.t.Fatal(err)
	}
	return token
}

// assertion is the client's proof of who it is, RFC 7523 §3.
func (c *fapiClient) assertion(changes ...func(claims)) string {
	c.t.Helper()
	return c.sign(jose.ES256, c.key, map[jose.HeaderKey]any{"kid": c.keyID()}, c.assertionClaims(changes...))
}

func (c *fapiClient) keyID() string {
	if c.rotated {
		return "2"
	}
	return "1"
}

func (c *fapiClient) assertionClaims(changes ...func(claims)) claims {
	now := time.Now().Unix()
	body := claims{"iss": c.id, "sub": c.id, "aud": c.issuer, "jti": rand.Text(), "iat": now, "nbf": now, "exp": now + 60}
	for _, change := range changes {
		change(body)
	}
	return body
}

// prove adds the client's assertion to a form that has none, and its name.
func (c *fapiClient) prove(form url.Values) url.Values {
	c.t.Helper()
	if form.Has("client_assertion") {
		return form
	}
	form.Set("client_id", c.id)
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", c.assertion())
	return form
}

// proof shows that one holds the key, RFC 9449 §4.2; token is the access token that it comes with.
func (c *fapiClient) proof(key *ecdsa.PrivateKey, method, path, token string, changes ...func(claims)) string {
	c.t.Helper()
	public := jose.JSONWebKey{Key: key.Public()}
	return c.sign(jose.ES256, key, map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": public}, c.proofClaims(method, path, token, changes...))
}

func (c *fapiClient) proofClaims(method, path, token string, changes ...func(claims)) claims {
	body := claims{"jti": rand.Text(), "htm": method, "htu": c.issuer + path, "iat": time.Now().Unix()}
	if c.nonce != "" {
		body["nonce"] = c.nonce
	}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		body["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	for _, change := range changes {
		change(body)
	}
	return body
}

// learnNonce asks without a nonce and gets one, RFC 9449 §8.
func (c *fapiClient) learnNonce() {
	c.t.Helper()
	c.nonce = ""
	a := c.ask(c.codeForm("none"))
	if c.nonce = a.header.Get("DPoP-Nonce"); a.status != http.StatusBadRequest || a.text("error") != "use_dpop_nonce" || c.nonce == "" {
		c.t.Fatalf("no nonce: %d %v", a.status, a.body)
	}
}

// push sends an authorization request ahead, RFC 9126 §2.
func (c *fapiClient) push(proof string, changes ...change) (url.Values, answer) {
	c.t.Helper()
	q := c.request(append([]change{
		with("code_challenge", oauth2.S256ChallengeFromVerifier(c.verifier)), with("code_challenge_method", "S256"),
	}, changes...)...)
	form := url.Values{}
	for name, values := range q {
		form[name] = values
	}
	r := c.post("/par", c.prove(form))
	if proof != "" {
		r.Header.Set("DPoP", proof)
	}
	return q, c.send(r)
}

// pushed is a request that was taken.
func (c *fapiClient) pushed(changes ...change) (url.Values, string) {
	c.t.Helper()
	q, a := c.push("", changes...)
	if seconds, _ := a.body["expires_in"].(float64); a.status != http.StatusCreated || a.text("request_uri") == "" || seconds < 5 || seconds >= 600 {
		c.t.Fatalf("not taken: %d %v", a.status, a.body)
	}
	return q, a.text("request_uri")
}

// visit sends the browser to the server with a pushed request. The suite repeats its parameters, which must not matter.
func (c *fapiClient) visit(q url.Values, requestURI string, outside ...change) reply {
	c.t.Helper()
	repeated := url.Values{"client_id": {c.id}, "request_uri": {requestURI}}
	for name, values := range q {
		repeated[name] = values
	}
	for _, change := range outside {
		change(repeated)
	}
	response, err := c.browser.Get(c.issuer + "/authorize?" + repeated.Encode())
	return c.agree(q, response, err)
}

// agreed is the whole way to a code.
func (c *fapiClient) agreed(changes ...change) reply {
	c.t.Helper()
	q, uri := c.pushed(changes...)
	return c.visit(q, uri)
}

func (c *fapiClient) codeForm(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.redirectURI}, "code_verifier": {c.verifier}}
}

// ask is the token endpoint; without a proof of its own the client sends a good one.
func (c *fapiClient) ask(form url.Values, proofs ...string) answer {
	c.t.Helper()
	r := c.post("/token", c.prove(form))
	if proofs == nil {
		proofs = []string{c.proof(c.proofKey, http.MethodPost, "/token", "")}
	}
	for _, proof := range proofs {
		if proof != "" {
			r.Header.Add("DPoP", proof)
		}
	}
	return c.send(r)
}

// signIn is the whole flow, and a call with the token.
func (c *fapiClient) signIn(changes ...change) tokens {
	c.t.Helper()
	return c.finish(c.agreed(changes...))
}

func (c *fapiClient) finish(r reply) tokens {
	c.t.Helper()
	got := c.check(r, c.ask(c.codeForm(r.code(c.party))))
	if alg := got.header(c.party)["alg"]; alg != "ES256" {
		c.t.Errorf("the ID token is signed by %v", alg)
	}
	got.knows(c.party, c.use(got.access))
	return got
}

// use calls the userinfo endpoint, as a client does that holds the key.
func (c *fapiClient) use(token string) answer {
	c.t.Helper()
	return c.useAs("DPoP", token, c.proof(c.proofKey, http.MethodGet, "/userinfo", token))
}

func (c *fapiClient) useAs(scheme, token string, proofs ...string) answer {
	c.t.Helper()
	r, err := http.NewRequest(http.MethodGet, c.issuer+"/userinfo?a=b", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", scheme+" "+token)
	r.Header["Dpop"] = proofs
	return c.send(r)
}
