package web_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// What a client does with this server, by hand.

// ask sends an authorization request from a browser that was never here.
func (s *site) ask(client string, set url.Values) (address string, a answer) {
	s.t.Helper()
	address = s.az(client, set)
	return address, s.browser().get(address)
}

// alice is a browser in which U1 is signed in.
func (s *site) alice() *browser {
	s.t.Helper()
	b := s.browser()
	b.signIn("U1")
	return b
}

// code gets an authorization code by the whole way through the pages, and gives the authorization response.
func (s *site) code(client string, set url.Values) *url.URL {
	s.t.Helper()
	address := s.az(client, set)
	callback := s.browser().walk(address, "U1")
	wantResponse(s.t, s, address, callback.String())
	if callback.Query().Get("code") == "" {
		s.t.Fatalf("no code: %s", callback)
	}
	return callback
}

// exchange redeems the code of an authorization response of client, with a request changed by set, as as.
func (s *site) exchange(as string, callback *url.URL, set url.Values) answer {
	s.t.Helper()
	redirect := *callback
	redirect.RawQuery = ""
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {callback.Query().Get("code")}, "redirect_uri": {redirect.String()}, "code_verifier": {verifier},
	}
	return s.post("/token", as, changed(form, set))
}

// changed gives form with the members of set; nil removes one.
func changed(form, set url.Values) url.Values {
	for name, values := range set {
		form[name] = values
		if values == nil {
			delete(form, name)
		}
	}
	return form
}

// tokens makes a grant of U1 with the authorization request changed by set.
func (s *site) tokens(client string, set url.Values) answer {
	s.t.Helper()
	a := s.exchange(client, s.code(client, set), nil)
	wantOK(s.t, a)
	return a
}

// postBody posts a body as it is, without client authentication, with headers in pairs.
func (s *site) postBody(path, body string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequest("POST", s.issuer+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	return s.do(r)
}

// fetch gets an address with headers in pairs.
func (s *site) fetch(method, address string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return s.do(r)
}

// raw sends bytes that no client library would send.
func (s *site) raw(request string) answer {
	s.t.Helper()
	transport := s.http.Transport.(*http.Transport)
	plain, err := transport.DialContext(context.Background(), "tcp", "")
	if err != nil {
		s.t.Fatal(err)
	}
	config := transport.TLSClientConfig.Clone()
	config.NextProtos = nil
	conn := tls.Client(plain, config)
	defer conn.Close()
	if _, err := conn.Write([]byte(request)); err != nil {
		s.t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// basic is the value of an Authorization header, RFC 6749 §2.3.1.
func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

func (s *site) userinfo(token string) answer {
	s.t.Helper()
	return s.fetch("GET", s.issuer+"/userinfo", "Authorization", "Bearer "+token)
}

// jwtPart decodes the header (0) or the claims (1) of a JWT, without any trust.
func jwtPart(t testing.TB, token string, part int) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %q", token)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[part])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// verified gives the claims of a JWT whose signature the published keys verify.
func (s *site) verified(token string) map[string]any {
	s.t.Helper()
	claims, err := s.verify(token)
	if err != nil {
		s.t.Fatal(err)
	}
	return claims
}

func (s *site) verify(token string) (map[string]any, error) {
	s.t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		return nil, err
	}
	claims := map[string]any{}
	return claims, parsed.Claims(s.jwks(), &claims)
}

func (s *site) jwks() *jose.JSONWebKeySet {
	s.t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(s.fetch("GET", s.issuer+"/.well-known/jwks.json").body), &set); err != nil {
		s.t.Fatal(err)
	}
	return &set
}

// audience gives aud as a list.
func audience(claims map[string]any) []string {
	switch aud := claims["aud"].(type) {
	case string:
		return []string{aud}
	case []any:
		var list []string
		for _, v := range aud {
			list = append(list, v.(string))
		}
		return list
	}
	return nil
}

// leftHalf is the value of at_hash: OpenID Connect Core §3.1.3.6.
func leftHalf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
