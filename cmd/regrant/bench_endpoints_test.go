package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"sync"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

// BenchmarkEndpoints measures what else programs ask for, with 64 at a time: introspection of both forms of access token, the
// redemption of codes, userinfo, revocation, and refresh tokens that nobody issued. Refreshes of the same minute stand beside them.
//
//	go test -run '^$' -bench Endpoints -benchtime 1x -timeout 1h ./cmd/regrant
func BenchmarkEndpoints(b *testing.B) {
	long := benchSeconds(b)
	site := seedBenchSite(b, benchClients, oauth.Scope{"openid", "profile"})
	site.serve(b)
	opaque := seedBenchSite(b, benchClients, oauth.Scope{"profile"})
	opaque.change(b, func(c *oauth.Client) { c.Policy.AccessTokenFormat = oauth.FormatOpaque })
	opaque.serve(b)
	plain := seedBenchSite(b, benchClients, oauth.Scope{"profile"})
	plain.serve(b)

	r := &benchReport{Title: "endpoints, 64 clients"}
	r.add(b, "refresh", plain.drive(b, benchClients, long, plain.refreshes()).figures())
	for name, s := range map[string]*benchSite{"introspection of a JWT": plain, "introspection of an opaque token": opaque} {
		tokens := s.accessTokens(b)
		r.add(b, name, s.drive(b, benchClients, long, func(i int, c *wire) error {
			status, err := c.call("POST", "/introspect", s.basic, "token="+tokens[i])
			return wantAnswer(c, status, 200, `"active":true`, err)
		}).figures())
	}
	tokens := site.accessTokens(b)
	r.add(b, "userinfo", site.drive(b, benchClients, long, func(i int, c *wire) error {
		status, err := c.call("GET", "/userinfo", "Authorization: Bearer "+tokens[i]+"\r\n", "")
		return wantAnswer(c, status, 200, `"sub"`, err)
	}).figures())
	garbage := oauthGarbage(site.tokens[0])
	r.add(b, "garbage refresh token", site.drive(b, benchClients, long, func(_ int, c *wire) error {
		status, err := c.call("POST", "/token", site.basic, garbage)
		return wantAnswer(c, status, 400, `"invalid_grant"`, err)
	}).figures())

	// Codes live a minute and redeem once, so there is a number of them rather than a time.
	codes := plain.codes(b, 5000)
	refreshTokens := make([]string, len(codes))
	r.add(b, "code redemption", plain.exhaust(b, benchClients, len(codes), func(k int, c *wire) error {
		status, err := c.call("POST", "/token", plain.basic, "grant_type=authorization_code&code="+codes[k]+"&code_verifier="+benchVerifier)
		refreshTokens[k] = c.member("refresh_token")
		return wantAnswer(c, status, 200, `"access_token"`, err)
	}).figures())
	r.add(b, "revocation", plain.exhaust(b, benchClients, len(codes), func(k int, c *wire) error {
		status, err := c.call("POST", "/revoke", plain.basic, "token="+refreshTokens[k])
		return wantAnswer(c, status, 200, "", err)
	}).figures())
	r.print(b, "req/s", "p50-ms", "p95-ms", "p99-ms", "cpu-s/1000")
}

func wantAnswer(c *wire, status, want int, holds string, err error) error {
	if err != nil {
		return err
	}
	if status != want || !bytes.Contains(c.body, []byte(holds)) {
		return fmt.Errorf("answered with %d: %s", status, c.body)
	}
	return nil
}

// oauthGarbage is a request with a token of the right form that nobody issued.
func oauthGarbage(token string) string {
	forged := []byte(token)
	for i := len("rgr1_"); i < len(forged)-6; i++ {
		forged[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[int(forged[i])%36]
	}
	return "grant_type=refresh_token&refresh_token=" + string(forged)
}

// accessTokens are one of each chain.
func (s *benchSite) accessTokens(b testing.TB) []string {
	b.Helper()
	c, err := newWire(s.address)
	if err != nil {
		b.Fatal(err)
	}
	defer c.conn.Close()
	tokens := make([]string, len(s.tokens))
	refresh := s.refreshes()
	for i := range tokens {
		if err := refresh(i, c); err != nil {
			b.Fatal(err)
		}
		tokens[i] = c.member("access_token")
	}
	return tokens
}

// change changes the client, on whose database no server runs yet.
func (s *benchSite) change(b testing.TB, how func(*oauth.Client)) {
	b.Helper()
	store, err := db.Open(context.Background(), s.file, db.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	by := audit.Origin{Actor: audit.ByCommand, ActorID: "bench"}
	if _, err := oauth.ChangeClient(context.Background(), store, benchClient, func(c *oauth.Client) error { how(c); return nil }, time.Now().UTC(), by); err != nil {
		b.Fatal(err)
	}
}

const benchVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk-bench"

// codes issues codes beside the server, each to somebody else: a client has few grants a person.
func (s *benchSite) codes(b testing.TB, n int) []string {
	b.Helper()
	ctx, now := context.Background(), time.Now().UTC()
	store, err := db.Open(ctx, s.file, db.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	challenge := sha256.Sum256([]byte(benchVerifier))
	codes := make([]string, n)
	var all sync.WaitGroup
	for worker := range 32 {
		all.Go(func() {
			for i := worker; i < n; i += 32 {
				id := "person-" + rand.Text()
				p := account.Person{ID: id, Email: id + "@example.com", Name: id, Role: account.RolePerson, CreatedAt: now}
				if err := store.CreatePerson(ctx, p, audit.Event{At: now, Kind: audit.PersonCreated}); err != nil {
					b.Error(err)
					return
				}
				codes[i] = rand.Text()
				hash := sha256.Sum256([]byte(codes[i]))
				err := store.IssueCode(ctx, "", &oauth.AuthorizationCode{
					Hash: hash[:], ClientID: benchClient, PersonID: id, SessionID: "bench", RedirectURI: "https://app.example/callback", Scope: s.scope,
					CodeChallenge: base64.RawURLEncoding.EncodeToString(challenge[:]), Authentication: oauth.Authentication{AuthTime: now},
					CreatedAt: now, ExpiresAt: time.Now().Add(time.Minute),
				}, nil, nil)
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return codes
}
