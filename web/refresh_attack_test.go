package web_test

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"database/sql"
	"math/big"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// attackRules are the attacks of part 2.4.
func attackRules(rule ruleFunc) {
	rule("S1 an old token and a copy of the file lead to the live token only while the window is open", func(t *testing.T, _ *site) {
		s := newSite(t)
		f := s.rotated()
		key := s.windowKey()
		live, old := f.secretOf(1), f.secretOf(0)
		if !bytes.Equal(f.derive(old, key), live) {
			t.Fatal("this test does not know how successors are derived, so what follows proves nothing")
		}
		if inFile := copyOf(t, s); !bytes.Contains(inFile[""], key) && !bytes.Contains(inFile["-wal"], key) {
			t.Fatal("this test looks in the wrong place")
		}

		s.pass(12 * time.Second)

		for name, b := range copyOf(t, s) {
			if bytes.Contains(b, key) {
				t.Errorf("the window key is still in the file %q", name)
			}
			for i := 0; i+32 <= len(b); i++ { // whatever else stands in the file is no key either
				if i%512 == 0 && bytes.Equal(f.derive(old, b[i:i+32]), live) {
					t.Errorf("byte %d of %q leads to the live token", i, name)
				}
			}
		}
		for _, column := range s.blobs() {
			if bytes.Equal(f.derive(old, column), live) {
				t.Error("a stored value leads to the live token")
			}
		}
		wantOK(t, f.use(1))
	})
	rule("S2 the file alone holds no token", func(t *testing.T, _ *site) {
		s := newSite(t)
		f := s.rotated()
		g := s.rotated(strict)
		s.flush()
		for name, b := range copyOf(t, s) {
			for _, secret := range [][]byte{f.secretOf(0), f.secretOf(1), g.secretOf(0), g.secretOf(1), []byte(s.secret[f.client])} {
				if bytes.Contains(b, secret) {
					t.Errorf("a secret stands in %q", name)
				}
			}
			for _, token := range append(append(f.tokens, g.tokens...), f.access...) {
				if bytes.Contains(b, []byte(token)) {
					t.Errorf("a token stands in %q", name)
				}
			}
		}
		if strings.Contains(s.log.String(), f.tokens[0][5:40]) {
			t.Error("a token stands in the log")
		}
	})
	rule("S6 what is not genuine costs no look into the store", func(t *testing.T, _ *site) {
		counted := &countingStore{}
		s := newSite(t, siteOptions{store: func(store oauth.Store) oauth.Store { counted.Store = store; return counted }})
		f := s.rotated()
		counted.n.Store(0)
		for _, token := range []string{"garbage", f.tokens[1][:90], f.forged(1, false, func(b []byte) { b[40] ^= 1 }), f.forged(1, false, func(b []byte) { b[0] ^= 1 })} {
			wantError(t, f.present(f.client, token), "invalid_grant")
		}
		if n := counted.n.Load(); n != 0 {
			t.Errorf("%d looks", n)
		}
		wantOK(t, f.use(1))
		if counted.n.Load() == 0 {
			t.Error("nothing is counted")
		}
	})
	rule("S7 nobody kills a grant by guessing", func(t *testing.T, s *site) {
		f := s.rotated()
		wantOK(t, f.use(1))
		before := f.row()
		for i := range scaled(500) {
			wantError(t, f.present(f.client, f.forged(0, false, func(b []byte) { b[30+i%32] ^= byte(1 + i/32) })), "invalid_grant")
		}
		f.unchanged(before)
		f.alive()
	})
	rule("S8 the event names the generation that leaked", func(t *testing.T, s *site) {
		f := s.family()
		for range 5 {
			wantOK(t, f.use(f.current()))
		}
		wantError(t, f.use(3), "invalid_grant")
		if got := f.onlyEvent(audit.GrantReuse).Detail; !strings.Contains(got, "generation=3 of=5") {
			t.Error(got)
		}
	})
	rule("S10 the window ends after 60 s whatever a client asks for", func(t *testing.T, s *site) {
		f := s.rotated(func(c *oauth.Client) { c.Policy.Grace = oauth.MaxGrace })
		s.pass(59 * time.Second)
		wantOK(t, f.use(0))
		s.pass(time.Second)
		wantError(t, f.use(0), "invalid_grant")
		f.revoked(oauth.RevokedReuse)
	})
	rule("S11 a thief who rotates twice is found by the victim", func(t *testing.T, s *site) {
		f := s.family()
		wantOK(t, f.use(0)) // the thief
		wantOK(t, f.use(1)) // the thief again
		wantError(t, f.use(0), "invalid_grant")
		f.revoked(oauth.RevokedReuse)
	})
	rule("S12 the first use of the successor closes the window", func(t *testing.T, s *site) {
		f := s.rotated()
		wantOK(t, f.use(0))
		wantOK(t, f.use(1))
		wantError(t, f.use(0), "invalid_grant")
	})
	rule("S15 a token has one spelling", func(t *testing.T, s *site) {
		f := s.family()
		token := f.tokens[0]
		body := token[5 : len(token)-6]
		number, _ := new(big.Int).SetString(body, 62)
		larger := new(big.Int).Add(number, new(big.Int).Lsh(big.NewInt(1), 74*8)).Text(62) // the same bytes in a number that overflows
		for _, other := range []string{
			token + "\n", "\t" + token, token + "=", "RGR1_" + token[5:], "rgr1-" + token[5:], "rgr1_0" + token[5:], "rgr1_+" + token[6:],
			"rgr1_" + body[:3] + "_" + body[3:] + token[len(token)-6:], strings.Replace(token, "rgr1_", "rgr1_"+body[:1], 1), withChecksum("rgr1_" + larger),
			withChecksum("rgr1_0" + body), withChecksum("rgr1_" + body[1:]), withChecksum("rgr1_-" + body[1:]),
		} {
			wantError(t, f.present(f.client, other), "invalid_grant")
		}
		wantOK(t, f.use(0))
	})
}

// secretOf is the random part of a token.
func (f *family) secretOf(generation int) []byte {
	f.t.Helper()
	var secret []byte
	f.forged(generation, false, func(b []byte) { secret = bytes.Clone(b[26:58]) })
	return secret
}

// derive is what who has an old secret, a copy of the file and a guess at the window key can compute: design.md, section 3.
func (f *family) derive(secret, windowKey []byte) []byte {
	f.t.Helper()
	row := f.row()
	var deriveKey []byte
	keys, err := f.db.Keys(context.Background())
	if err != nil {
		f.t.Fatal(err)
	}
	for _, k := range keys {
		if k.Use == oauth.KeyDerive {
			deriveKey = k.Material
		}
	}
	ikm := bytes.Join([][]byte{secret, deriveKey, windowKey}, nil)
	info := append([]byte("rt-next"), row.TokenID[:]...)
	info = append(info, row.Epoch, 0, 0, 0, byte(row.Generation))
	next, err := hkdf.Key(sha256.New, ikm, row.Nonce, string(info), 32)
	if err != nil {
		f.t.Fatal(err)
	}
	return next
}

// windowKey is the one that stands in the file now.
func (s *site) windowKey() []byte {
	s.t.Helper()
	keys, err := s.db.WindowKeys(context.Background())
	if err != nil || len(keys) != 1 {
		s.t.Fatal(len(keys), err)
	}
	return keys[0].Key
}

// blobs gives every value of 16 to 64 bytes that the file holds, whatever it is for.
func (s *site) blobs() (values [][]byte) {
	s.t.Helper()
	s.sql(func(q *sql.DB) error {
		rows, err := q.Query(`SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND c.type = 'BLOB'`)
		if err != nil {
			return err
		}
		var columns [][2]string
		for rows.Next() {
			var c [2]string
			if err := rows.Scan(&c[0], &c[1]); err != nil {
				return err
			}
			columns = append(columns, c)
		}
		if len(columns) < 5 {
			s.t.Errorf("only %d columns", len(columns))
		}
		for _, c := range columns {
			found, err := q.Query(`SELECT "` + c[1] + `" FROM "` + c[0] + `" WHERE length("` + c[1] + `") BETWEEN 16 AND 64`)
			if err != nil {
				return err
			}
			for found.Next() {
				var b []byte
				if err := found.Scan(&b); err != nil {
					return err
				}
				values = append(values, b)
			}
			if err := found.Err(); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	return values
}

// countingStore counts the looks at what tokens lead to. Who the client is has to be looked up first in any case.
type countingStore struct {
	oauth.Store
	n atomic.Int64
}

func (c *countingStore) RefreshState(ctx context.Context, id [16]byte) (*oauth.RefreshState, error) {
	c.n.Add(1)
	return c.Store.RefreshState(ctx, id)
}

func (c *countingStore) RotateRefreshToken(ctx context.Context, r *oauth.Rotation) error {
	c.n.Add(1)
	return c.Store.RotateRefreshToken(ctx, r)
}

func (c *countingStore) Grant(ctx context.Context, id string) (*oauth.GrantState, error) {
	c.n.Add(1)
	return c.Store.Grant(ctx, id)
}
