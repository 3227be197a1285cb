package web_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"regrant/app/oauth"
)

// holder is an application that proves a key with each request, RFC 9449.
type holder struct {
	*site
	key   *ecdsa.PrivateKey
	nonce string
}

func (s *site) holder() *holder {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	return &holder{site: s, key: key, nonce: s.engine.DPoPNonce()}
}

func b64JSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func (h *holder) jwk() jose.JSONWebKey { return jose.JSONWebKey{Key: h.key.Public()} }

// jkt is the thumbprint of the key, by the one way of writing it that RFC 7638 §3 has.
func (h *holder) jkt() string {
	var m map[string]string
	b, err := h.jwk().MarshalJSON()
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + m["x"] + `","y":"` + m["y"] + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// sign signs any header and claims by hand, as no library would.
func (h *holder) sign(header, claims map[string]any) string {
	h.t.Helper()
	signed := b64JSON(header) + "." + b64JSON(claims)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, h.key, sum[:])
	if err != nil {
		h.t.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// claims are those of a proof for a request; set changes them, nil removes one.
func (h *holder) claims(method, path string, set map[string]any) map[string]any {
	c := map[string]any{"jti": rand.Text(), "htm": method, "htu": h.issuer + path, "iat": h.clock.Wall().Unix(), "nonce": h.nonce}
	maps.Copy(c, set)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func (h *holder) proof(method, path string, set map[string]any) string {
	h.t.Helper()
	return h.sign(map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": h.jwk()}, h.claims(method, path, set))
}

// proven sends a form with these proofs.
func (s *site) proven(path, client string, form url.Values, proofs ...string) answer {
	s.t.Helper()
	r := s.request(path, client, form)
	for _, p := range proofs {
		r.Header.Add("DPoP", p)
	}
	return s.do(r)
}

// send sends a form with a good proof.
func (h *holder) send(path, client string, form url.Values) answer {
	h.t.Helper()
	return h.proven(path, client, form, h.proof("POST", path, nil))
}

func redemption(callback *url.URL, set url.Values) url.Values {
	redirect := *callback
	redirect.RawQuery = ""
	return changed(url.Values{"grant_type": {"authorization_code"}, "code": {callback.Query().Get("code")}, "redirect_uri": {redirect.String()}, "code_verifier": {verifier}}, set)
}

// grantOf makes a grant whose tokens are bound to the key.
func (h *holder) grantOf(client string) answer {
	h.t.Helper()
	a := h.send("/token", client, redemption(h.code(client, nil), nil))
	wantOK(h.t, a)
	return a
}

func refreshForm(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
}

// userinfoBy asks for the userinfo with an Authorization header and proofs.
func (s *site) userinfoBy(authorization string, proofs ...string) answer {
	s.t.Helper()
	headers := []string{"Authorization", authorization}
	for _, p := range proofs {
		headers = append(headers, "DPoP", p)
	}
	return s.fetch("GET", s.issuer+"/userinfo", headers...)
}

func ath(token string) map[string]any {
	sum := sha256.Sum256([]byte(token))
	return map[string]any{"ath": base64.RawURLEncoding.EncodeToString(sum[:])}
}

// badProofs are proofs that are refused wherever they come; good is one of each that is not.
func (h *holder) badProofs(method, path string, more map[string]any) (bad map[string][]string, good map[string]string) {
	header := func(set map[string]any) map[string]any {
		m := map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": h.jwk()}
		maps.Copy(m, set)
		maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
		return m
	}
	with := func(set map[string]any) map[string]any {
		all := maps.Clone(more)
		if all == nil {
			all = map[string]any{}
		}
		maps.Copy(all, set)
		return h.claims(method, path, all)
	}
	now := h.clock.Wall().Unix()
	valid := func() string { return h.sign(header(nil), with(nil)) }
	other := h.in(h.t).holder()
	symmetric := map[string]any{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}
	hs, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: make([]byte, 32)}, (&jose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", symmetric))
	if err != nil {
		h.t.Fatal(err)
	}
	claims, _ := json.Marshal(with(nil))
	hmac, err := hs.Sign(claims)
	if err != nil {
		h.t.Fatal(err)
	}
	symmetricProof, err := hmac.CompactSerialize()
	if err != nil {
		h.t.Fatal(err)
	}
	parts := strings.Split(valid(), ".")
	bad = map[string][]string{
		"two proofs": {valid(), valid()}, "no JWT": {"x"}, "an empty field": {""}, "two parts": {parts[0] + "." + parts[1]}, "padding": {valid() + "="}, "nothing signed": {parts[0] + "." + parts[1] + "."},
		"alg none": {b64JSON(header(map[string]any{"alg": "none"})) + "." + parts[1] + "."}, "symmetric": {symmetricProof},
		"typ JWT": {h.sign(header(map[string]any{"typ": "JWT"}), with(nil))}, "no typ": {h.sign(header(map[string]any{"typ": nil}), with(nil))},
		"no jwk": {h.sign(header(map[string]any{"jwk": nil}), with(nil))}, "kid in place of jwk": {h.sign(header(map[string]any{"jwk": nil, "kid": "1"}), with(nil))},
		"a private jwk": {h.sign(header(map[string]any{"jwk": jose.JSONWebKey{Key: h.key}}), with(nil))}, "another jwk": {h.sign(header(map[string]any{"jwk": other.jwk()}), with(nil))},
		"alg of another curve": {h.sign(header(map[string]any{"alg": "ES384"}), with(nil))}, "critical": {h.sign(header(map[string]any{"crit": []string{"x"}, "x": 1}), with(nil))},
		"a changed claim": {parts[0] + "." + b64JSON(with(map[string]any{"jti": "changed"})) + "." + parts[2]},
		"no jti":          {h.sign(header(nil), with(map[string]any{"jti": nil}))}, "no htm": {h.sign(header(nil), with(map[string]any{"htm": nil}))}, "no htu": {h.sign(header(nil), with(map[string]any{"htu": nil}))}, "no iat": {h.sign(header(nil), with(map[string]any{"iat": nil}))},
		"jti a number": {h.sign(header(nil), with(map[string]any{"jti": 7}))}, "iat a text": {h.sign(header(nil), with(map[string]any{"iat": "now"}))},
		"another htm": {h.sign(header(nil), with(map[string]any{"htm": "PUT"}))}, "htm in lower case": {h.sign(header(nil), with(map[string]any{"htm": strings.ToLower(method)}))},
		"another path": {h.sign(header(nil), with(map[string]any{"htu": h.issuer + path + "/x"}))}, "the issuer": {h.sign(header(nil), with(map[string]any{"htu": h.issuer}))}, "another host": {h.sign(header(nil), with(map[string]any{"htu": "https://evil.test" + path}))},
		"http": {h.sign(header(nil), with(map[string]any{"htu": strings.Replace(h.issuer, "https", "http", 1) + path}))}, "another port": {h.sign(header(nil), with(map[string]any{"htu": strings.Replace(h.issuer, "as.test", "as.test:8443", 1) + path}))}, "a path alone": {h.sign(header(nil), with(map[string]any{"htu": path}))},
		"an hour old": {h.sign(header(nil), with(map[string]any{"iat": now - 3600}))}, "an hour ahead": {h.sign(header(nil), with(map[string]any{"iat": now + 3600}))}, "a minute old": {h.sign(header(nil), with(map[string]any{"iat": now - 62}))}, "a minute ahead": {h.sign(header(nil), with(map[string]any{"iat": now + 62}))},
		"no time at all": {h.sign(header(nil), with(map[string]any{"iat": 1e300}))}, "too long": {h.sign(header(nil), with(map[string]any{"x": strings.Repeat("x", 9000)}))},
	}
	good = map[string]string{
		"plain": valid(), "10 s old": h.sign(header(nil), with(map[string]any{"iat": now - 10})), "10 s ahead": h.sign(header(nil), with(map[string]any{"iat": now + 10})),
		"query and fragment": h.sign(header(nil), with(map[string]any{"htu": h.issuer + path + "?a=b#c"})), "case of scheme and host": h.sign(header(nil), with(map[string]any{"htu": strings.Replace(h.issuer, "https://as.test", "HTTPS://AS.test", 1) + path})),
		"default port": h.sign(header(nil), with(map[string]any{"htu": strings.Replace(h.issuer, "as.test", "as.test:443", 1) + path})),
		"more claims":  h.sign(header(nil), with(map[string]any{"exp": now - 100, "nbf": now + 100, "iss": "x", "extra": true})), "more header": h.sign(header(map[string]any{"extra": 1, "kid": "1"}), with(nil)), "case of typ": h.sign(header(map[string]any{"typ": "DPoP+JWT"}), with(nil)),
	}
	return bad, good
}

func requirementsDP(t *testing.T) {
	all := newSites(t)

	all.rule(t, "DP-01 a proof that is not right in every point is refused, and nothing is used up", func(t *testing.T, s *site) {
		h := s.holder()
		token := h.grantOf("PN").text(t, "refresh_token")
		bad, good := h.badProofs("POST", "/token", nil)
		for name, proofs := range bad {
			a := s.proven("/token", "PN", refreshForm(token), proofs...)
			if a.status != http.StatusBadRequest || a.text(t, "error") != "invalid_dpop_proof" {
				t.Errorf("%s: %d %s", name, a.status, a.body)
				continue
			}
			wantError(t, a, "invalid_dpop_proof")
		}
		wantError(t, s.proven("/par", "PN", s.pushForm("PN", nil), bad["another htm"]...), "invalid_dpop_proof")
		for name, proof := range good {
			a := s.proven("/token", "PN", refreshForm(token), proof)
			if a.status != http.StatusOK {
				t.Fatalf("%s: %d %s", name, a.status, a.body)
			}
			token = a.text(t, "refresh_token")
		}
	})

	all.rule(t, "DP-01 META-09 META-12 the algorithms in the document are those that are accepted", func(t *testing.T, s *site) {
		listed := list(s.document(), "dpop_signing_alg_values_supported")
		_, edwards, _ := ed25519.GenerateKey(rand.Reader)
		numbers, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		curve := func(c elliptic.Curve) crypto.Signer { k, _ := ecdsa.GenerateKey(c, rand.Reader); return k }
		for alg, key := range map[jose.SignatureAlgorithm]crypto.Signer{
			jose.ES256: curve(elliptic.P256()), jose.ES384: curve(elliptic.P384()), jose.ES512: curve(elliptic.P521()), jose.EdDSA: edwards,
			jose.RS256: numbers, jose.RS384: numbers, jose.RS512: numbers, jose.PS256: numbers, jose.PS384: numbers, jose.PS512: numbers,
		} {
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
			if err != nil {
				t.Fatal(alg, err)
			}
			claims, _ := json.Marshal(s.holder().claims("POST", "/token", nil))
			signed, err := signer.Sign(claims)
			if err != nil {
				t.Fatal(alg, err)
			}
			proof, _ := signed.CompactSerialize()
			a := s.proven("/token", "CB", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}, proof)
			if works := a.status == http.StatusOK; works != slices.Contains(listed, string(alg)) {
				t.Errorf("%s: listed %v, works %v: %s", alg, !works, works, a.body)
			}
		}
		if len(listed) < 3 {
			t.Errorf("listed: %v", listed)
		}
	})

	all.rule(t, "DP-02 with a proof the access token is bound to its key, in either form", func(t *testing.T, s *site) {
		s.register("OPAQUE", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://app.test/cb"}, Policy: opaquePolicy()})
		for _, client := range []string{"CB", "PN", "OPAQUE"} {
			h, set := s.holder(), url.Values(nil)
			if client == "OPAQUE" {
				set = url.Values{"client_id": {client}, "redirect_uri": {"https://app.test/cb"}}
			}
			base := client
			if client == "OPAQUE" {
				base = "CB"
			}
			a := h.send("/token", client, redemption(s.code(base, set), nil))
			wantOK(t, a)
			if got := a.text(t, "token_type"); got != "DPoP" {
				t.Errorf("%s: token_type %q", client, got)
			}
			info := s.post("/introspect", "RS", url.Values{"token": {a.text(t, "access_token")}})
			cnf, _ := info.json(t, "cnf").(map[string]any)
			if info.text(t, "token_type") != "DPoP" || cnf["jkt"] != h.jkt() {
				t.Errorf("%s: %s, want jkt %s", client, info.body, h.jkt())
			}
			if client != "OPAQUE" {
				if cnf, _ := s.verified(a.text(t, "access_token"))["cnf"].(map[string]any); cnf["jkt"] != h.jkt() || len(cnf) != 1 {
					t.Errorf("%s: cnf %v", client, cnf)
				}
			}
		}
		machine := s.holder().send("/token", "CB", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}})
		if wantOK(t, machine); machine.text(t, "token_type") != "DPoP" {
			t.Errorf("client_credentials: %s", machine.body)
		}
		plain := s.tokens("CB", nil)
		if plain.text(t, "token_type") != "Bearer" || s.verified(plain.text(t, "access_token"))["cnf"] != nil {
			t.Errorf("without a proof: %s", plain.body)
		}
	})

	alone(t, "DP-03 T48 who has a public client's refresh token but not its key can do nothing with it", func(t *testing.T, s *site) {
		h, thief := s.holder(), s.holder()
		first := h.grantOf("PN")
		old := first.text(t, "refresh_token")
		second := h.send("/token", "PN", refreshForm(old))
		wantOK(t, second)
		current := second.text(t, "refresh_token")

		for range 3 {
			for _, token := range []string{old, current} {
				wantError(t, s.post("/token", "PN", refreshForm(token)), "invalid_dpop_proof")
				wantError(t, thief.send("/token", "PN", refreshForm(token)), "invalid_grant")
			}
			s.pass(20 * time.Second) // beyond the window, where a second use would end the grant
		}

		third := h.send("/token", "PN", refreshForm(current))
		if wantOK(t, third); third.text(t, "token_type") != "DPoP" || !s.active("RS", second.text(t, "access_token")) {
			t.Errorf("the grant has suffered: %s", third.body)
		}
		// The key alone does not excuse two holders.
		wantError(t, h.send("/token", "PN", refreshForm(old)), "invalid_grant")
		wantError(t, h.send("/token", "PN", refreshForm(third.text(t, "refresh_token"))), "invalid_grant")
	})

	all.rule(t, "DP-03 a retry with the key converges on one successor", func(t *testing.T, s *site) {
		h := s.holder()
		token := h.grantOf("PN").text(t, "refresh_token")
		a, b := h.send("/token", "PN", refreshForm(token)), h.send("/token", "PN", refreshForm(token))
		wantOK(t, a)
		wantOK(t, b)
		if a.text(t, "refresh_token") != b.text(t, "refresh_token") || b.text(t, "token_type") != "DPoP" {
			t.Errorf("%s\n%s", a.body, b.body)
		}
	})

	all.rule(t, "DP-04 a client that authenticates may change its key", func(t *testing.T, s *site) {
		token := s.holder().grantOf("CB").text(t, "refresh_token")
		for range 3 {
			h := s.holder()
			a := h.send("/token", "CB", refreshForm(token))
			wantOK(t, a)
			if cnf, _ := s.verified(a.text(t, "access_token"))["cnf"].(map[string]any); cnf["jkt"] != h.jkt() {
				t.Errorf("cnf %v", cnf)
			}
			token = a.text(t, "refresh_token")
		}
	})

	alone(t, "DP-05 a nonce is asked for, given, rotated, and costs no token", func(t *testing.T, s *site) {
		h := s.holder()
		token := h.grantOf("PN").text(t, "refresh_token")
		for _, nonce := range []any{nil, "", "made-up"} {
			a := s.proven("/token", "PN", refreshForm(token), h.proof("POST", "/token", map[string]any{"nonce": nonce}))
			wantError(t, a, "use_dpop_nonce")
			if got := a.header.Get("DPoP-Nonce"); got != s.engine.DPoPNonce() || got == "" {
				t.Fatalf("DPoP-Nonce %q", got)
			}
			h.nonce = a.header.Get("DPoP-Nonce")
		}
		first := h.nonce
		seen := map[string]bool{first: true}
		for range 4 {
			s.clock.jump(4 * time.Minute)
			a := h.send("/token", "PN", refreshForm(token))
			wantOK(t, a)
			token = a.text(t, "refresh_token")
			if h.nonce = a.header.Get("DPoP-Nonce"); h.nonce == "" {
				t.Fatal("success brings no nonce")
			}
			seen[h.nonce] = true
		}
		if len(seen) < 3 {
			t.Errorf("%d nonces in 16 minutes", len(seen))
		}
		wantError(t, s.proven("/token", "PN", refreshForm(token), h.proof("POST", "/token", map[string]any{"nonce": first})), "use_dpop_nonce")
		before := s.engine.DPoPNonce()
		s.clock.jump(5 * time.Minute)
		if s.engine.DPoPNonce() == before {
			t.Fatal("the nonce does not rotate")
		}
		a := s.proven("/token", "PN", refreshForm(token), h.proof("POST", "/token", map[string]any{"nonce": before}))
		wantOK(t, a) // the one before is accepted
		for path, a := range map[string]answer{
			"/par":      s.proven("/par", "PN", s.pushForm("PN", nil), h.proof("POST", "/par", map[string]any{"nonce": nil})),
			"/userinfo": s.userinfoBy("DPoP "+a.text(t, "access_token"), h.proof("GET", "/userinfo", changedClaims(ath(a.text(t, "access_token")), "nonce", nil))),
		} {
			if a.header.Get("DPoP-Nonce") != s.engine.DPoPNonce() || a.header.Get("Cache-Control") != "no-store" || a.text(t, "error") != "use_dpop_nonce" {
				t.Errorf("%s: %v %s", path, a.header, a.body)
			}
		}
	})

	all.rule(t, "DP-06 a proof is good once, however many bring it at once", func(t *testing.T, s *site) {
		h := s.holder()
		const many = 20
		proof := h.proof("POST", "/token", nil)
		var wg sync.WaitGroup
		answers := make([]answer, many)
		for i := range many {
			wg.Go(func() {
				answers[i] = s.proven("/token", "CB", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}, proof)
			})
		}
		wg.Wait()
		accepted := 0
		for _, a := range answers {
			if a.status == http.StatusOK {
				accepted++
			} else {
				wantError(t, a, "invalid_dpop_proof")
			}
		}
		if accepted != 1 {
			t.Errorf("%d accepted", accepted)
		}
		// The same jti of another key, and of the same key elsewhere, is another proof.
		wantOK(t, s.proven("/token", "CB", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}, s.holder().proof("POST", "/token", map[string]any{"jti": "same"})))
		wantOK(t, s.proven("/token", "CB", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}, h.proof("POST", "/token", map[string]any{"jti": "same"})))
		if a := s.proven("/par", "CB", s.pushForm("CB", nil), h.proof("POST", "/par", map[string]any{"jti": "same"})); a.status != http.StatusCreated {
			t.Errorf("elsewhere: %d %s", a.status, a.body)
		}
	})

	alone(t, "DP-06 a proof from before a restart is not good after it", func(t *testing.T, s *site) {
		h := s.holder()
		used, unused := h.proof("POST", "/token", map[string]any{"iat": s.clock.Wall().Unix() + 50}), h.proof("POST", "/token", map[string]any{"iat": s.clock.Wall().Unix() + 50})
		form := url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}
		wantOK(t, s.proven("/token", "CB", form, used))
		s.clock.step(-time.Hour) // a wall clock that goes back brings no proof back
		s.clock.step(time.Hour)
		wantError(t, s.proven("/token", "CB", form, used), "invalid_dpop_proof")

		s.stop()
		s.start(nil)

		wantError(t, s.proven("/token", "CB", form, used), "use_dpop_nonce")
		wantError(t, s.proven("/token", "CB", form, unused), "use_dpop_nonce")
		h.nonce = s.engine.DPoPNonce()
		wantOK(t, h.send("/token", "CB", form))
	})

	all.rule(t, "DP-07 at the userinfo endpoint a bound token needs its proof, and a bearer token has none", func(t *testing.T, s *site) {
		h := s.holder()
		bound, bearer := h.grantOf("PN").text(t, "access_token"), s.tokens("PN", nil).text(t, "access_token")

		a := s.userinfoBy("DPoP "+bound, h.proof("GET", "/userinfo", ath(bound)))
		if wantOK(t, a); a.text(t, "sub") != s.person["U1"].ID {
			t.Errorf("%s", a.body)
		}
		wantOK(t, s.userinfoBy("dpop "+bound, h.proof("GET", "/userinfo", ath(bound))))
		refused := func(name, code string, a answer) {
			t.Helper()
			challenge := a.header.Get("WWW-Authenticate")
			if a.status != http.StatusUnauthorized || !strings.Contains(challenge, `error="`+code+`"`) || !strings.HasPrefix(challenge, "DPoP ") {
				t.Errorf("%s: %d %q %s", name, a.status, challenge, a.body)
			}
		}
		bad, good := h.badProofs("GET", "/userinfo", ath(bound))
		for name, proofs := range bad {
			refused(name, "invalid_dpop_proof", s.userinfoBy("DPoP "+bound, proofs...))
		}
		for name, proof := range good {
			if a := s.userinfoBy("DPoP "+bound, proof); a.status != http.StatusOK {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		refused("no proof", "invalid_dpop_proof", s.userinfoBy("DPoP "+bound))
		refused("no ath", "invalid_dpop_proof", s.userinfoBy("DPoP "+bound, h.proof("GET", "/userinfo", nil)))
		refused("ath of another token", "invalid_dpop_proof", s.userinfoBy("DPoP "+bound, h.proof("GET", "/userinfo", ath(bearer))))
		thief := s.holder()
		refused("another key", "invalid_token", s.userinfoBy("DPoP "+bound, thief.proof("GET", "/userinfo", ath(bound))))
		refused("a bearer token as DPoP", "invalid_token", s.userinfoBy("DPoP "+bearer, h.proof("GET", "/userinfo", ath(bearer))))
		refused("a bound token as Bearer", "invalid_token", s.userinfoBy("Bearer "+bound))
		refused("a bound token as Bearer, with a proof", "invalid_token", s.userinfoBy("Bearer "+bound, h.proof("GET", "/userinfo", ath(bound))))
		refused("a bound token in the body", "invalid_token", s.postBody("/userinfo", "access_token="+url.QueryEscape(bound)))
		none := s.fetch("GET", s.issuer+"/userinfo")
		if all := none.header.Values("WWW-Authenticate"); len(all) != 2 || !strings.HasPrefix(all[1], `DPoP algs="`) || strings.Contains(strings.Join(all, ""), "error") {
			t.Errorf("without credentials: %q", all)
		}
	})

	all.rule(t, "DP-08 dpop_jkt and a proof at the endpoint for pushed requests bind the code", func(t *testing.T, s *site) {
		h, thief := s.holder(), s.holder()
		pushedBy := func(set url.Values) string {
			a := h.send("/par", "PN", s.pushForm("PN", set))
			if a.status != http.StatusCreated {
				t.Fatalf("push: %d %s", a.status, a.body)
			}
			return s.bring("PN", a.text(t, "request_uri"))
		}
		for name, address := range map[string]string{
			"in the address": s.az("PN", url.Values{"dpop_jkt": {h.jkt()}}), "pushed": s.pushed("PN", url.Values{"dpop_jkt": {h.jkt()}}),
			"by a proof": pushedBy(nil), "by both": pushedBy(url.Values{"dpop_jkt": {h.jkt()}}),
		} {
			form := redemption(s.browser().walk(address, "U1"), nil)
			for range 6 { // more often than a code may be tried
				wantError(t, thief.send("/token", "PN", form), "invalid_grant")
			}
			wantError(t, s.post("/token", "PN", form), "invalid_dpop_proof")
			if a := h.send("/token", "PN", form); a.status != http.StatusOK {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		wantError(t, h.send("/par", "PN", s.pushForm("PN", url.Values{"dpop_jkt": {thief.jkt()}})), "invalid_request")
		for _, jkt := range []string{"x", h.jkt() + "A", h.jkt()[:42], strings.Repeat("+", 43)} {
			address := s.az("PN", url.Values{"dpop_jkt": {jkt}})
			wantRedirectError(t, s, address, s.alice().get(address), "invalid_request")
		}
	})

	all.rule(t, "DP-09 a client that is registered for DPoP gets no token without a proof", func(t *testing.T, s *site) {
		s.register("BOUND", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://app.test/cb"}, DPoPRequired: true, GrantTypes: []string{"authorization_code", "refresh_token", "client_credentials"}})
		set := url.Values{"client_id": {"BOUND"}, "redirect_uri": {"https://app.test/cb"}}
		h := s.holder()
		form := redemption(s.code("CB", set), nil)
		wantError(t, s.post("/token", "BOUND", form), "invalid_dpop_proof")
		a := h.send("/token", "BOUND", form)
		wantOK(t, a)
		wantError(t, s.post("/token", "BOUND", refreshForm(a.text(t, "refresh_token"))), "invalid_dpop_proof")
		wantOK(t, h.send("/token", "BOUND", refreshForm(a.text(t, "refresh_token"))))
		wantError(t, s.post("/token", "BOUND", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}), "invalid_dpop_proof")

		// Living sign-ins follow when it is turned on.
		s.register("LATER", oauth.Client{AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://app.test/cb"}})
		set.Set("client_id", "LATER")
		free := s.exchange("LATER", s.code("CB", set), nil).text(t, "refresh_token")
		s.change("LATER", func(c *oauth.Client) { c.DPoPRequired = true })
		wantError(t, s.post("/token", "LATER", refreshForm(free)), "invalid_dpop_proof")
		wantOK(t, h.send("/token", "LATER", refreshForm(free)))
	})

	all.rule(t, "DP-10 a grant that was bound once is never free again", func(t *testing.T, s *site) {
		for _, client := range []string{"PN", "CB"} {
			h := s.holder()
			free := s.tokens(client, nil).text(t, "refresh_token")
			a := s.post("/token", client, refreshForm(free))
			wantOK(t, a) // nothing is bound
			b := h.send("/token", client, refreshForm(a.text(t, "refresh_token")))
			if wantOK(t, b); b.text(t, "token_type") != "DPoP" {
				t.Fatalf("%s: %s", client, b.body)
			}
			token := b.text(t, "refresh_token")
			wantError(t, s.post("/token", client, refreshForm(token)), "invalid_dpop_proof")
			c := h.send("/token", client, refreshForm(token))
			wantOK(t, c)
			wantError(t, s.post("/token", client, refreshForm(c.text(t, "refresh_token"))), "invalid_dpop_proof")
			if client == "PN" {
				wantError(t, s.holder().send("/token", client, refreshForm(c.text(t, "refresh_token"))), "invalid_grant")
			}
		}
	})

	alone(t, "DP-10 RT-09 a thief who binds a copied bearer token to a key of their own is found out all the same", func(t *testing.T, s *site) {
		copied := s.tokens("PN", nil).text(t, "refresh_token")
		thief := s.holder()
		stolen := thief.send("/token", "PN", refreshForm(copied))
		wantOK(t, stolen)

		wantError(t, s.post("/token", "PN", refreshForm(copied)), "invalid_dpop_proof") // inside the window nothing is proven yet
		s.pass(11 * time.Second)
		wantError(t, s.post("/token", "PN", refreshForm(copied)), "invalid_grant")

		wantError(t, thief.send("/token", "PN", refreshForm(stolen.text(t, "refresh_token"))), "invalid_grant")
		if s.active("RS", stolen.text(t, "access_token")) {
			t.Error("the thief's access token is active")
		}
	})

	all.rule(t, "DP-03 DP-10 a public client whose tokens are bound need not rotate them", func(t *testing.T, s *site) {
		policy, _ := oauth.PolicyOf(oauth.PresetStandard)
		policy.RotationOff = true
		c := oauth.Client{ID: "FREE", Name: "Free", AuthMethod: oauth.AuthNone, RedirectURIs: []string{"http://127.0.0.1/cb"}, Policy: policy}
		if _, err := oauth.RegisterClient(t.Context(), s.db, &c, s.clock.Wall(), by); err == nil {
			t.Fatal("a public client without bound tokens may keep one refresh token")
		}
		s.register("STEADY", oauth.Client{AuthMethod: oauth.AuthNone, RedirectURIs: []string{"http://127.0.0.1/cb"}, DPoPRequired: true})
		h := s.holder()
		before := h.proven("/token", "", changed(redemption(s.code("PN", url.Values{"client_id": {"STEADY"}}), nil), url.Values{"client_id": {"STEADY"}}), h.proof("POST", "/token", nil))
		wantOK(t, before)
		s.change("STEADY", func(c *oauth.Client) { c.Policy.RotationOff = true })
		as := func(token string) url.Values {
			return changed(refreshForm(token), url.Values{"client_id": {"STEADY"}})
		}
		token := before.text(t, "refresh_token")
		for range 3 {
			a := h.send("/token", "", as(token))
			if wantOK(t, a); a.text(t, "refresh_token") != token || a.text(t, "token_type") != "DPoP" {
				t.Errorf("%s", a.body)
			}
		}
		wantError(t, s.holder().send("/token", "", as(token)), "invalid_grant")
		wantError(t, s.post("/token", "", as(token)), "invalid_dpop_proof")
		wantOK(t, h.send("/token", "", as(token)))
	})

	all.rule(t, "DP-10 a token that does not rotate is bound by the first proof, and two keys do not share it", func(t *testing.T, s *site) {
		s.register("LOOSE", oauth.Client{AuthMethod: oauth.AuthNone, RedirectURIs: []string{"http://127.0.0.1/cb"}})
		as := func(form url.Values) url.Values { return changed(form, url.Values{"client_id": {"LOOSE"}}) }
		free := s.post("/token", "", as(redemption(s.code("PN", url.Values{"client_id": {"LOOSE"}}), nil)))
		wantOK(t, free)
		s.change("LOOSE", func(c *oauth.Client) { c.DPoPRequired, c.Policy.RotationOff = true, true })
		token := free.text(t, "refresh_token")
		const many = 8
		holders, answers := make([]*holder, many), make([]answer, many)
		var wg sync.WaitGroup
		for i := range many {
			holders[i] = s.holder()
			wg.Go(func() { answers[i] = holders[i].send("/token", "", as(refreshForm(token))) })
		}
		wg.Wait()
		won := 0
		for i, a := range answers {
			again := holders[i].send("/token", "", as(refreshForm(token)))
			if (a.status == http.StatusOK) != (again.status == http.StatusOK) {
				t.Errorf("%d, then %d", a.status, again.status)
			}
			if a.status == http.StatusOK {
				won++
			}
		}
		if won != 1 {
			t.Errorf("%d keys hold the token", won)
		}
	})

	alone(t, "DP-03 an admin sees to which key a grant is bound, and why a request was refused", func(t *testing.T, s *site) {
		h := s.holder()
		a := h.grantOf("PN")
		wantError(t, s.holder().send("/token", "PN", refreshForm(a.text(t, "refresh_token"))), "invalid_grant")
		if err := s.engine.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		id := s.verified(a.text(t, "access_token"))["grant_id"].(string)
		page := s.admin(t).get("/admin/grants/" + id)
		if !strings.Contains(page.body, h.jkt()) || !strings.Contains(page.body, "Bound to another key") {
			t.Errorf("the page of the grant does not say so: %d", page.status)
		}
	})
}

func changedClaims(claims map[string]any, name string, value any) map[string]any {
	claims[name] = value
	return claims
}

func opaquePolicy() oauth.Policy {
	p, _ := oauth.PolicyOf(oauth.PresetStandard)
	p.AccessTokenFormat = oauth.FormatOpaque
	return p
}
