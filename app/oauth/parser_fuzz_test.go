package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzRedirectURI: what may be registered matches itself, cannot be confused by a parser, and answers stay at its host.
func FuzzRedirectURI(f *testing.F) {
	for _, registered := range []string{"https://app.test/cb", "https://app.test/cb?x=1", "http://127.0.0.1/cb", "http://[::1]:80/cb", "http://localhost", "com.example.app:/cb"} {
		for _, requested := range []string{registered, registered + "/", registered + "#", registered + "?code=x", "http://127.0.0.1:1/cb", "http://127.0.0.1:1@evil.test/cb", "https://app.test@evil.test/cb", `https://app.test\@evil`, "javascript:alert(1)", "https://APP.test/cb", "https://app.test/..;/cb", ""} {
			f.Add(registered, requested)
		}
	}
	for _, requested := range []string{ // bugs of others, by their numbers in requirements.md part 3
		"https://app.test/cb/..;/admin", "https://app.test/cb/%2e%2e/x", "https://app.test/..%3B/cb", // 41
		"https://app.test/cb?code=stolen", "https://app.test/cb#state=x", "https://app.test/cb?iss=https://evil.test", // 42
		"https://APP.TEST/cb", "https://app.test/CB", "https://app.te\u017ft/cb", "http://localhost.evil.test/cb", "http://127.0.0.1.evil.test/cb", // 44
		"https://app.test@evil.test/cb", "https://evil.test:80@app.test/cb", // 45
		"https://appXtest/cb", "https://app.test.evil.test/cb", "https://app.test/cbx", // 50
		"javascript:alert(1)//app.test/cb", "data:text/html,x", "com.example.app:/cb%0d%0aSet-Cookie:x", // 51
	} {
		f.Add("https://app.test/cb", requested)
		f.Add(requested, requested)
	}
	f.Fuzz(func(t *testing.T, registered, requested string) {
		if ValidateRedirectURI(registered) != nil {
			return
		}
		if !matchRedirectURI(registered, registered) {
			t.Fatalf("%q does not match itself", registered)
		}
		own, err := url.Parse(registered)
		if err != nil || own.Fragment != "" || own.User != nil || strings.ContainsAny(registered, " \\\"<>\r\n\t#") {
			t.Fatalf("%q may be registered", registered)
		}
		if own.Scheme != "https" && !strings.Contains(own.Scheme, ".") && !(own.Scheme == "http" && isLoopback(own.Hostname())) {
			t.Fatalf("%q may be registered", registered)
		}
		if !matchRedirectURI(registered, requested) {
			return
		}
		got, err := url.Parse(requested)
		if err != nil || got.Scheme != own.Scheme || got.Hostname() != own.Hostname() || got.EscapedPath() != own.EscapedPath() || got.RawQuery != own.RawQuery || got.Fragment != "" || got.User != nil {
			t.Fatalf("%q matches %q", requested, registered)
		}
		if requested != registered && (own.Scheme != "http" || !isLoopback(own.Hostname())) {
			t.Fatalf("%q matches %q", requested, registered)
		}
		location, err := url.Parse(newResponse(&Parameters{RedirectURI: requested}, "code", "c&d", "state", "s=#", "iss", "https://as.test").Location())
		if err != nil || location.Host != got.Host || location.Query().Get("code") != "c&d" || location.Query().Get("state") != "s=#" {
			t.Fatalf("the answer for %q goes to %v", requested, location)
		}
		for _, name := range []string{"code", "state", "iss"} {
			if len(location.Query()[name]) != 1 {
				t.Fatalf("the answer for %q has %s %d times", requested, name, len(location.Query()[name]))
			}
		}
	})
}

// FuzzScope: a parsed scope is a set of tokens of RFC 6749 §3.3 and reads the same when written again.
func FuzzScope(f *testing.F) {
	for _, s := range []string{"", "openid", "openid  openid read", " a b ", `"x"`, `\`, "a\tb", "\x7f", "\u00fc", "https://api.test/read", "a\u00a0b", "openid offline_access", "admin\x00", "read,write", "read+write", strings.Repeat("a ", 5000), "!#$%&'()*+,-./:;<=>?@[]^_`{|}~"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		scope, err := ParseScope(s)
		if err != nil {
			if AsError(err).Code != InvalidScope {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		for i, token := range scope {
			if token == "" || strings.ContainsAny(token, " \t\r\n\"\\") || slices.Contains(scope[:i], token) {
				t.Fatalf("%q gives %q", s, scope)
			}
		}
		again, err := ParseScope(scope.String())
		if err != nil || !slices.Equal(again, scope) || !scope.Covers(again) || !scope.Equal(again) || len(scope.Intersect(again)) != len(scope) {
			t.Fatalf("%q gives %q, and that gives %q", s, scope, again)
		}
	})
}

// FuzzResource: a canonical resource indicator is absolute, has no fragment, and is its own canonical form.
func FuzzResource(f *testing.F) {
	for _, s := range []string{"https://api.test/", "HTTPS://API.test/Path?Q=A", "https://api.test", "http://[::1]:80/x", "https://user@api.test/", "https://api.test/#", "//api.test", "urn:x", "https://", "https:api.test", "https://api.test\\@evil", "https://\u212Aelvin.test/", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		canonical, err := canonicalResource(s)
		if err != nil {
			if AsError(err).Code != InvalidTarget || canonical != "" {
				t.Fatalf("%q: %q, %v", s, canonical, err)
			}
			return
		}
		u, err := url.Parse(canonical)
		if err != nil || !u.IsAbs() || u.Host == "" || u.Fragment != "" || u.User != nil || len(canonical) != len(s) || !strings.EqualFold(canonical, s) {
			t.Fatalf("%q gives %q", s, canonical)
		}
		if again, err := canonicalResource(canonical); err != nil || again != canonical {
			t.Fatalf("%q gives %q, and that gives %q, %v", s, canonical, again, err)
		}
	})
}

// FuzzRefreshToken: nothing but what this server spelled is a token, and one value has one spelling.
func FuzzRefreshToken(f *testing.F) {
	key := tokenKey{1, []byte("0123456789abcdef0123456789abcdef")}
	keys := func(number uint8) (tokenKey, bool) { return key, number == key.number }
	own := &refreshToken{epoch: 1, generation: 7, issuedAt: time.Unix(1_800_000_000, 0).UTC()}
	good := own.spell(key)
	other := (&refreshToken{generation: 8}).spell(tokenKey{2, key.key})
	for _, s := range []string{"", good, good[:len(good)-1], good + "0", strings.ToUpper(good), strings.Replace(good, "rgr1_", "rga1_", 1), "rgr1_", other, " " + good, strings.Repeat("z", len(good)), "rgr1_" + strings.Repeat("Z", len(good)-5)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		token, err := parseRefreshToken(s, keys)
		if err != nil {
			return
		}
		if again := token.spell(key); again != s {
			t.Fatalf("%q is accepted, and its one spelling is %q", s, again)
		}
		if s != good {
			t.Fatalf("%q is accepted without having been issued", s)
		}
	})
}

// FuzzSpelling: of any number of bytes there is one spelling, and what is read writes itself the same.
func FuzzSpelling(f *testing.F) {
	for _, b := range [][]byte{{0}, {0, 0, 1}, []byte("0123456789abcdef"), make([]byte, 74)} {
		f.Add(spell(accessTokenPrefix, b))
	}
	for _, s := range []string{"", "rga1_", "rga1_000000", "rga1_-1", "rga1_+0", "rga1_1_000000", "rga1_" + strings.Repeat("Z", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := unspellAny(accessTokenPrefix, s)
		if err != nil {
			return
		}
		if again := spell(accessTokenPrefix, b); again != s {
			t.Fatalf("%q and %q are the same", s, again)
		}
	})
}

// FuzzPKCE: a challenge that is accepted can be met by exactly the verifier that it was made of, and nothing that is no challenge is
// accepted (PK-02, PK-03, PK-05; 33 to 36 in requirements.md part 3).
func FuzzPKCE(f *testing.F) {
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636 appendix B
	for _, c := range []string{challenge, challenge[:42], challenge + "=", challenge[:42] + "N", challenge[:42] + "\n", strings.Repeat("A", 42) + "\n", "\r" + strings.Repeat("A", 42), "+" + challenge[1:], verifier, ""} {
		for _, v := range []string{verifier, challenge, verifier + "A", verifier[:42], verifier + "=", strings.Repeat("~", 128), strings.Repeat("a", 129), ""} {
			f.Add(c, "S256", v)
			f.Add(c, "plain", v)
			f.Add(c, "", v)
		}
	}
	f.Fuzz(func(t *testing.T, challenge, method, verifier string) {
		matches := verifierMatches(challenge, verifier)
		if matches && challenge == verifier && challenge != "" {
			t.Fatalf("%q is its own verifier", challenge)
		}
		if matches && challenge == "" != (verifier == "") {
			t.Fatalf("%q goes with %q: a downgrade", verifier, challenge)
		}
		if matches && verifier != "" {
			sum := sha256.Sum256([]byte(verifier))
			if base64.RawURLEncoding.EncodeToString(sum[:]) != challenge || len(verifier) < 43 || len(verifier) > 128 || strings.ContainsFunc(verifier, func(r rune) bool { return r > '~' || !isUnreserved(byte(r)) }) {
				t.Fatalf("%q goes with %q", verifier, challenge)
			}
		}
		for _, waived := range []bool{false, true} {
			err := checkChallenge(challenge, method, waived)
			if none := challenge == "" && method == ""; none && (err == nil) != waived {
				t.Fatalf("no challenge, waived %v: %v", waived, err)
			} else if none || err != nil {
				continue
			}
			raw, err := base64.RawURLEncoding.DecodeString(challenge)
			if method != "S256" || err != nil || len(raw) != sha256.Size || base64.RawURLEncoding.EncodeToString(raw) != challenge {
				t.Fatalf("the challenge %q by %q is accepted", challenge, method)
			}
		}
	})
}

// FuzzJWT: of three parts in any combination, only what this server signed for that purpose is accepted (IN-06; 53, 64 and 65 in
// requirements.md part 3).
func FuzzJWT(f *testing.F) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	keys, err := firstKeys(now)
	if err != nil {
		f.Fatal(err)
	}
	ring, err := newKeyRing(keys)
	if err != nil {
		f.Fatal(err)
	}
	s := &Server{issuer: "https://as.test"}
	s.ring.Store(ring)
	client := &Client{ID: "CB"}
	client.Policy, _ = PolicyOf(PresetStandard)
	grant := &Grant{ID: "g", PersonID: "p", ClientID: "CB", Authentication: Authentication{AuthTime: now}}
	access, _, err := s.mint(client, grant, target{audience: []string{"https://api.test/"}, scope: Scope{"openid"}, format: FormatJWT}, now)
	if err != nil {
		f.Fatal(err)
	}
	var hints []string
	for _, alg := range []string{AlgES256, AlgRS256} {
		client.Policy.IDTokenAlg = alg
		hint, err := s.mintIDToken(client, grant, personClaims{}, "n", access, now)
		if err != nil {
			f.Fatal(err)
		}
		if _, err := s.readIDTokenHint(hint); err != nil {
			f.Fatalf("its own hint by %s is refused: %v", alg, err)
		}
		hints = append(hints, hint)
	}
	b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	kid := ring.jwks.Keys[0].KeyID
	for _, token := range append([]string{access}, hints...) {
		p := strings.Split(token, ".")
		f.Add(p[0], p[1], p[2])
		for _, header := range []string{
			`{"alg":"none","typ":"at+jwt"}`, `{"alg":"HS256","typ":"at+jwt","kid":"` + kid + `"}`, `{"alg":"ES256","typ":"at+jwt","kid":"../../dev/null"}`,
			`{"alg":"ES256","typ":"at+jwt","kid":"` + kid + `","crit":["b64"],"b64":false}`, `{"alg":"ES256","typ":"at+jwt","kid":"` + kid + `","zip":"DEF"}`,
			`{"alg":"ES256","typ":"at+jwt","jku":"https://evil.test/","kid":"` + kid + `"}`, `{"alg":"ES256","typ":"JWT","kid":"` + kid + `"}`, `{"alg":"ES256","alg":"none","kid":"` + kid + `"}`,
		} {
			f.Add(b64(header), p[1], p[2])
			f.Add(b64(header), p[1], "")
		}
		f.Add(p[0], b64(`{"iss":"https://as.test","sub":"p","aud":"x","exp":9999999999,"iat":1,"jti":"x","client_id":"CB"}`), p[2])
		f.Add(p[0], p[1], p[2][:len(p[2])-1])
		for i := range p { // bits that the last character has and nobody needs
			const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
			spelt := slices.Clone(p)
			last := strings.IndexByte(alphabet, p[i][len(p[i])-1])
			spelt[i] = p[i][:len(p[i])-1] + alphabet[last^1:last^1+1]
			f.Add(spelt[0], spelt[1], spelt[2])
		}
		f.Add(p[0], p[1], p[2]+"=")
		f.Add(p[0]+"=", p[1], p[2])
		f.Add(p[0], p[1]+"\n", p[2])
		f.Add(p[0], p[1]+"."+p[1], p[2])
	}
	f.Fuzz(func(t *testing.T, header, payload, signature string) {
		token := header + "." + payload + "." + signature
		if claims, ok := s.readAccessToken(token, now); (ok || claims != nil) && token != access {
			t.Fatalf("%q is accepted as an access token", token)
		}
		if s.isIDToken(token) && !slices.Contains(hints, token) {
			t.Fatalf("%q is accepted as an ID token", token)
		}
		if _, err := s.readIDTokenHint(token); err == nil && !slices.Contains(hints, token) {
			t.Fatalf("%q is accepted as a hint", token)
		}
	})
}

// FuzzOpaqueAccessToken: neither form of an access token can be made up, and nothing crashes on the attempt.
func FuzzOpaqueAccessToken(f *testing.F) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	keys, err := firstKeys(now)
	if err != nil {
		f.Fatal(err)
	}
	ring, err := newKeyRing(keys)
	if err != nil {
		f.Fatal(err)
	}
	s := &Server{issuer: "https://as.test"}
	s.ring.Store(ring)
	client := &Client{ID: "CB"}
	client.Policy, _ = PolicyOf(PresetStandard)
	issued := map[string]bool{}
	for _, format := range []Format{FormatOpaque, FormatJWT} {
		token, _, err := s.mint(client, nil, target{audience: []string{"https://api.test/"}, scope: Scope{"read"}, format: format}, now)
		if err != nil {
			f.Fatal(err)
		}
		if _, ok := s.readAccessToken(token, now); !ok {
			f.Fatalf("its own %s token is refused", format)
		}
		issued[token] = true
		for _, seed := range []string{token, token[:len(token)-1], token + "0", strings.ToUpper(token), token[:20] + "x" + token[21:], strings.Replace(token, ".", "..", 1)} {
			f.Add(seed)
		}
	}
	for _, seed := range []string{"", "rga1_", "rga1_0", "a.b.c", "..", "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.e30.", strings.Repeat(".", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if _, ok := s.readAccessToken(token, now); ok && !issued[token] {
			t.Fatalf("%q is accepted", token)
		}
		_ = s.isIDToken(token)
		if _, err := s.readIDTokenHint(token); err == nil {
			t.Fatalf("%q is an ID token", token)
		}
	})
}

// FuzzAuthorizationRequest: whatever stands in a query, only a proven redirect URI is ever sent to.
func FuzzAuthorizationRequest(f *testing.F) {
	client := &Client{ID: "PW", AuthMethod: AuthNone, GrantTypes: grantTypes[:2], RedirectURIs: []string{"https://spa.test/cb", "http://127.0.0.1/cb"}, Scope: Scope{"openid", "read"}}
	s := &Server{issuer: "https://as.test"}
	s.apis.Store(&registry{apis: []API{{Resource: "https://api.test/", Scope: Scope{"read"}}}})
	s.ring.Store(&keyRing{})
	const good = "client_id=PW&redirect_uri=https://spa.test/cb&response_type=code&scope=openid&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
	for _, q := range []string{good, good + "&state=a&state=b", good + "&claims={}", good + `&claims={"id_token":{"acr":{"essential":true,"values":["x"]}}}`, good + "&max_age=-1", good + "&prompt=none+login", good + "&resource=https://api.test/", good + "&id_token_hint=x.y.z", "client_id=PW", "", "redirect_uri=javascript:alert(1)&client_id=PW", good + "&redirect_uri=https://evil.test"} {
		f.Add(q)
	}
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		find := func(id string) (*Client, error) {
			if id != client.ID {
				return nil, &Error{Code: InvalidRequest, Err: ErrUnknownClient}
			}
			return client, nil
		}
		_, redirectURI, err := provenClient(q, find)
		if err != nil {
			return
		}
		if !matchRedirectURI("https://spa.test/cb", redirectURI) && !matchRedirectURI("http://127.0.0.1/cb", redirectURI) {
			t.Fatalf("%q proves %q", query, redirectURI)
		}
		p, err := s.readParameters(q, client, redirectURI, now)
		if err != nil {
			if description := AsError(err).Description; strings.ContainsFunc(description, func(r rune) bool { return r < 0x20 || r > 0x7e || r == '"' || r == '\\' }) {
				t.Fatalf("%q: the description %q has a character that RFC 6749 forbids", query, description)
			}
			return
		}
		if p.CodeChallenge == "" || len(p.Scope) == 0 || !client.Scope.Covers(p.Scope) || p.RedirectURI != redirectURI || p.State != q.Get("state") {
			t.Fatalf("%q gives %+v", query, p)
		}
	})
}

// RT-07: whoever holds a token cannot make another one of it by changing, cutting or lengthening it (13 in requirements.md part 3).
func TestRT07NoChangedRefreshTokenIsOne(t *testing.T) {
	key := tokenKey{1, []byte("0123456789abcdef0123456789abcdef")}
	keys := func(number uint8) (tokenKey, bool) { return key, number == key.number }
	good := (&refreshToken{id: [16]byte{1, 2, 3}, epoch: 1, generation: 7, issuedAt: time.Unix(1_800_000_000, 0).UTC()}).spell(key)
	if _, err := parseRefreshToken(good, keys); err != nil {
		t.Fatal(err)
	}
	tried := 0
	refused := func(s string) {
		t.Helper()
		tried++
		if _, err := parseRefreshToken(s, keys); err == nil {
			t.Errorf("%q is accepted", s)
		}
	}

	for i := range good {
		for c := range 256 {
			if byte(c) != good[i] {
				refused(good[:i] + string([]byte{byte(c)}) + good[i+1:])
			}
		}
		refused(good[:i])
		refused(good[i+1:])
		refused(good[:i] + good[i+1:])
		refused(good[:i] + good[i:i+1] + good[i:])
	}
	b, err := unspell(refreshTokenPrefix, good, refreshTokenSize)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(b) * 8 { // with a checksum that is right
		b[bit/8] ^= 1 << (bit % 8)
		refused(spell(refreshTokenPrefix, b))
		b[bit/8] ^= 1 << (bit % 8)
	}

	if tried < 27_000 {
		t.Errorf("only %d were tried", tried)
	}
}

// FuzzUserCode: what is read of a user code is one of those that are made, and reads the same as people are shown it.
func FuzzUserCode(f *testing.F) {
	for _, s := range []string{"BCDF-GHJK", "bcdf ghjk", "BCDF\u2013GHJK", "B.C.D.F.G.H.J.K", "BCDFGHJ", "BCDFGHJKL", "BCDF-GHJ0", "\u017fBCDFGHJ", "\u212aBCDFGH", "\xffBCDFGHJK", strings.Repeat("-", 100), newUserCode()} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		code, ok := readUserCode(s)
		if ok != LooksLikeUserCode(s) {
			t.Fatalf("%q: %v", s, ok)
		}
		if !ok {
			return
		}
		if len(code) != userCodeSize || strings.Trim(code, userCodeLetters) != "" {
			t.Fatalf("%q gives %q", s, code)
		}
		if again, ok := readUserCode(strings.ToLower(SpellUserCode(code))); !ok || again != code {
			t.Fatalf("%q gives %q, and that gives %q", s, code, again)
		}
	})
}
