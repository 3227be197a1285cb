package web_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"hash/crc32"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

// refusalRules are the transitions that refuse and leave everything as it was.
func refusalRules(rule ruleFunc) {
	rule("T12 S16 a damaged token or one of an unknown grant revokes nothing and writes nothing", func(t *testing.T, s *site) {
		f := s.rotated()
		before := f.row()
		for _, forged := range []string{
			f.forged(1, false, func(b []byte) { b[40] ^= 1 }),                                           // another secret
			f.forged(0, false, func(b []byte) { b[40] ^= 1 }),                                           // ... of the previous one
			f.forged(1, false, func(b []byte) { binary.BigEndian.PutUint32(b[18:], 0) }),                // another generation
			f.forged(1, false, func(b []byte) { clear(b[1:17]) }),                                       // another token id
			f.forged(1, false, func(b []byte) { b[0] = 9 }),                                             // another key
			f.forged(1, false, func(b []byte) { b[len(b)-1] ^= 1 }),                                     // another MAC
			f.forged(1, false, func(b []byte) { copy(b[30:62], bytes.Repeat([]byte{7}, 32)); b[17]++ }), // another epoch
		} {
			wantError(t, f.present(f.client, forged), "invalid_grant")
		}
		f.unchanged(before)
		if got := f.days().Refusals; got != 0 {
			t.Errorf("%d refusals were counted", got)
		}
		f.alive()
	})
	rule("T12 a genuine token whose grant is gone is reported as an orphan", func(t *testing.T, s *site) {
		f, other := s.rotated(), s.rotated()
		f.sql(func(q *sql.DB) error {
			_, err := q.Exec("DELETE FROM refresh_tokens WHERE grant_id = ?", f.id)
			return err
		})
		wantError(t, f.use(1), "invalid_grant")
		s.flush()
		events, err := s.db.Events(context.Background(), db.EventFilter{Kind: audit.TokenOrphan, ClientID: f.client}, 10)
		if err != nil || len(events) != 1 {
			t.Error(len(events), err)
		}
		other.alive()
	})
	rule("a genuine token of the right generation with another secret is a fork", func(t *testing.T, s *site) {
		f := s.rotated()
		before := f.row()
		for generation := range 2 {
			wantError(t, f.present(f.client, f.forged(generation, true, func(b []byte) { b[40] ^= 1 })), "invalid_grant")
		}
		f.unchanged(before)
		f.onlyEvent(audit.TokenFork)
		f.alive()
	})
	rule("S14 a newer generation or another epoch is a restored backup, never reuse", func(t *testing.T, s *site) {
		f := s.rotated()
		before := f.row()
		for _, change := range []func(b []byte){
			func(b []byte) { binary.BigEndian.PutUint32(b[18:], 2) },
			func(b []byte) { binary.BigEndian.PutUint32(b[18:], 1<<32-1) },
			func(b []byte) { b[17]++ },
		} {
			wantError(t, f.present(f.client, f.forged(1, true, change)), "invalid_grant")
		}
		f.unchanged(before)
		f.onlyEvent(audit.TokenFuture)
		f.alive()
	})
	rule("T14 one second too late for the idle lifetime", func(t *testing.T, s *site) {
		f := s.rotated(func(c *oauth.Client) { c.Policy.Idle = time.Hour })
		s.pass(time.Hour + time.Second)
		for i := range 2 {
			wantError(t, f.use(i), "invalid_grant")
			if f.active(f.client, f.tokens[i]) {
				t.Error("active")
			}
		}
		if row := f.row(); row.RevokedAt != nil || row.Generation != 1 || len(f.events(audit.GrantReuse)) != 0 {
			t.Error("expiry counts as revocation")
		}
		if m := f.moments(); len(m) != 1 || !strings.Contains(m[0].detail, "idle") {
			t.Errorf("moments: %v", m)
		}
	})
	rule("T14 a moment before, it works", func(t *testing.T, s *site) {
		f := s.rotated(func(c *oauth.Client) { c.Policy.Idle = time.Hour })
		s.pass(time.Hour - time.Second)
		wantOK(t, f.use(1))
	})
	rule("T15 the absolute lifetime is over, although it was used a minute ago", func(t *testing.T, s *site) {
		f := s.family(func(c *oauth.Client) { c.Policy.Idle, c.Policy.Absolute = 10*time.Minute, 30*time.Minute })
		for range 3 {
			s.pass(9*time.Minute + 50*time.Second)
			wantOK(t, f.use(f.current()))
		}
		s.pass(30 * time.Second)
		for i := range f.tokens {
			wantError(t, f.use(i), "invalid_grant")
		}
		if f.row().RevokedAt != nil {
			t.Error("expiry counts as revocation")
		}
	})
	rule("T16 a deadline inside the window wins", func(t *testing.T, s *site) {
		absolute := s.family(func(c *oauth.Client) { c.Policy.Idle, c.Policy.Absolute = time.Hour, time.Hour })
		s.pass(time.Hour - 2*time.Second)
		wantOK(t, absolute.use(0))
		s.pass(time.Second)
		wantOK(t, absolute.use(0))
		s.pass(time.Second)
		wantError(t, absolute.use(0), "invalid_grant")
		idle := s.rotated(func(c *oauth.Client) { c.Policy.Idle = 5 * time.Second })
		s.pass(4 * time.Second)
		wantOK(t, idle.use(0))
		s.pass(time.Second)
		wantError(t, idle.use(0), "invalid_grant")
		for _, f := range []*family{absolute, idle} {
			if row := f.row(); row.RevokedAt != nil || row.Generation != 1 {
				t.Error("a deadline counts as reuse")
			}
		}
	})
	rule("T17 another client with its own credentials", func(t *testing.T, s *site) {
		f := s.rotated()
		wantOK(t, f.use(1))
		before := f.row()
		for _, token := range f.tokens { // not even reuse
			wantError(t, f.present("CX", token), "invalid_grant")
		}
		f.unchanged(before)
		f.alive()
		f.onlyEvent(audit.TokenMismatch)
	})
	rule("T18 the right client with a wrong secret or none", func(t *testing.T, s *site) {
		f := s.rotated()
		wantOK(t, f.use(1))
		before, secret := f.row(), s.secret[f.client]
		for _, wrong := range []string{"wrong", secret + "x", secret[:len(secret)-1]} {
			s.secret[f.client] = wrong
			for i := range f.tokens {
				wantUnauthorized(t, f.use(i))
			}
		}
		s.secret[f.client] = secret
		wantUnauthorized(t, s.post("/token", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {f.tokens[2]}, "client_id": {f.client}}))
		f.unchanged(before)
		f.alive()
	})
}

// forged is the token of a generation with its bytes changed; with a new MAC if genuine, as only who has the keys can make.
func (f *family) forged(generation int, genuine bool, change func([]byte)) string {
	f.t.Helper()
	const prefix, size, mac = "rgr1_", 74, 16
	body := strings.TrimPrefix(f.tokens[generation], prefix)
	number, ok := new(big.Int).SetString(body[:len(body)-6], 62)
	if !ok {
		f.t.Fatal("not base62")
	}
	b := number.FillBytes(make([]byte, size))
	change(b)
	if genuine {
		keys, err := f.db.Keys(context.Background())
		if err != nil {
			f.t.Fatal(err)
		}
		for _, k := range keys {
			if k.Use == oauth.KeyToken && k.Number == b[0] {
				h := hmac.New(sha256.New, k.Material)
				h.Write([]byte(prefix))
				h.Write(b[:size-mac])
				copy(b[size-mac:], h.Sum(nil))
			}
		}
	}
	return withChecksum(prefix + pad(new(big.Int).SetBytes(b), len(body)-6))
}

func withChecksum(token string) string {
	return token + pad(big.NewInt(int64(crc32.ChecksumIEEE([]byte(token)))), 6)
}

func pad(n *big.Int, width int) string {
	return strings.Repeat("0", width-len(n.Text(62))) + n.Text(62)
}
