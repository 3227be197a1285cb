package web_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

func masterKey(t testing.TB, seed byte) *db.MasterKey {
	t.Helper()
	key, err := db.NewMasterKey(bytes.Repeat([]byte{seed, 3, 141, 59}, db.MasterKeySize/4))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// thief has a copy of the files, and what any client has: tokens of its own.
type thief struct {
	t      *testing.T
	path   string   // of the copy
	files  [][]byte // the same, as bytes
	old    []byte   // an older refresh token, unspelled
	live   []byte   // its successor, which the thief does not have, for the test to compare with
	opaque []byte   // an opaque access token, unspelled
}

// steal copies the files of a site at work.
func steal(t *testing.T, s *site, f *family, opaque string) *thief {
	t.Helper()
	own := &thief{t: t, path: filepath.Join(t.TempDir(), "stolen.db"), old: unspelled(f.tokens[0], 74), live: unspelled(f.tokens[1], 74)}
	body := opaque[len("rga1_") : len(opaque)-6]
	own.opaque = unspelled(opaque, len(body)*2977/4000) // log2(62)/8
	for suffix, b := range copyOf(t, s) {
		own.files = append(own.files, b)
		if len(b) > 0 {
			if err := os.WriteFile(own.path+suffix, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return own
}

// unspelled reads the base62 between prefix and checksum.
func unspelled(token string, size int) []byte {
	number, _ := new(big.Int).SetString(token[5:len(token)-6], 62)
	return number.FillBytes(make([]byte, size))
}

// signs finds private keys by their form: PKCS #8, wherever in the files.
func (own *thief) signs() (found bool) {
	for _, file := range own.files {
		for at := range file {
			if rest := file[at:]; len(rest) > 300 && rest[0] == 0x30 && (rest[1] == 0x81 || rest[1] == 0x82) {
				size := 3 + int(rest[2])
				if rest[1] == 0x82 {
					size = 4 + int(rest[2])<<8 + int(rest[3])
				}
				if size <= len(rest) {
					_, err := x509.ParsePKCS8PrivateKey(rest[:size])
					found = found || err == nil
				}
			}
		}
	}
	return found
}

// any tries every 32 bytes that stand anywhere in the files and may be random: of 32 random bytes more than 20 are different.
func (own *thief) any(works func(key []byte) bool) bool {
	for _, file := range own.files {
		var counts [256]int
		different := 0
		for at, c := range file {
			if counts[c]++; counts[c] == 1 {
				different++
			}
			if at >= 32 {
				if out := file[at-32]; counts[out] == 1 {
					counts[out], different = 0, different-1
				} else {
					counts[out]--
				}
			}
			if at >= 31 && different > 20 && works(file[at-31:at+1]) {
				return true
			}
		}
	}
	return false
}

// forgesRefreshTokens finds the key of the MAC that its own token bears.
func (own *thief) forgesRefreshTokens() bool {
	return own.any(func(key []byte) bool {
		h := hmac.New(sha256.New, key)
		h.Write([]byte("rgr1_"))
		h.Write(own.old[:58])
		return bytes.Equal(h.Sum(nil)[:16], own.old[58:])
	})
}

// opensAccessTokens finds the key of an opaque access token.
func (own *thief) opensAccessTokens() bool {
	return own.any(func(key []byte) bool {
		block, err := aes.NewCipher(key)
		if err != nil {
			own.t.Fatal(err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			own.t.Fatal(err)
		}
		_, err = aead.Open(nil, own.opaque[1:13], own.opaque[13:], []byte("rga1_"))
		return err == nil
	})
}

// derivesSuccessors computes the live token from the one before, with what the tables hold, while its window is open.
func (own *thief) derivesSuccessors() bool {
	q, err := sql.Open("sqlite", "file:"+own.path)
	if err != nil {
		own.t.Fatal(err)
	}
	defer q.Close()
	var derive, window, nonce []byte
	err = q.QueryRow(`SELECT k.material, w.key, r.nonce FROM keys k, window_keys w, refresh_tokens r WHERE k.use = 'derive' AND r.token_id = ? AND w.id = r.window_key_id`,
		own.old[1:17]).Scan(&derive, &window, &nonce)
	if err != nil {
		own.t.Fatal(err)
	}
	ikm := bytes.Join([][]byte{own.old[26:58], derive, window}, nil)
	info := slices.Concat([]byte("rt-next"), own.live[1:17], own.live[17:18], own.live[18:22])
	secret, err := hkdf.Key(sha256.New, ikm, nonce, string(info), 32)
	if err != nil {
		own.t.Fatal(err)
	}
	return bytes.Equal(secret, own.live[26:58])
}

// S1, S2: what a copy of the database yields, sealed and not. The same searches run on both, so that none of them is blind.
func TestACopyOfASealedDatabaseYieldsNoSigningKeyNoTokenKeyAndNoDeriveKey(t *testing.T) {
	master := masterKey(t, 7)
	s := newSite(t)
	s.stop()
	s.master = master
	s.start(nil) // with the master key, on keys that are not sealed yet
	f := s.rotated()
	s.change("CB", func(c *oauth.Client) { c.Policy.AccessTokenFormat = oauth.FormatOpaque })
	opaque := s.grant("CB", "openid read").text(t, "access_token")

	open := steal(t, s, f, opaque)
	if signs, forges, opens, derives := open.signs(), open.forgesRefreshTokens(), open.opensAccessTokens(), open.derivesSuccessors(); !signs || !forges || !opens || !derives {
		t.Fatalf("the searches are blind: signing keys %t, token key %t, access key %t, derive key %t", signs, forges, opens, derives)
	}
	e := audit.Event{At: s.clock.Wall(), Kind: audit.KeysSealed, Origin: by, Result: "ok"}
	if changed, err := s.db.SealKeys(context.Background(), master, e); err != nil || !changed {
		t.Fatal(changed, err)
	}

	sealed := steal(t, s, f, opaque)

	if sealed.signs() {
		t.Error("it holds a private key")
	}
	if sealed.forgesRefreshTokens() {
		t.Error("it holds the token key")
	}
	if sealed.opensAccessTokens() {
		t.Error("it holds the access key")
	}
	if sealed.derivesSuccessors() {
		t.Error("it holds the derive key and the window key")
	}
	for name, c := range map[string]struct {
		key  *db.MasterKey
		want error
	}{"without the master key": {nil, db.ErrSealed}, "with another": {masterKey(t, 8), db.ErrWrongMasterKey}} {
		if d, err := db.Open(t.Context(), sealed.path, db.Options{Server: true, MasterKey: c.key}); !errors.Is(err, c.want) {
			t.Errorf("a server starts on the copy %s: %v", name, err)
			if err == nil {
				d.Close()
			}
		}
	}

	// Nobody who is honest has noticed.
	wantOK(t, f.use(0))
	wantOK(t, f.use(1))
	if len(f.tokens) != 3 {
		t.Errorf("%d generations", len(f.tokens)-1)
	}
	s.restart(time.Second)
	wantOK(t, f.use(1))
	wantOK(t, f.use(2))
	f.alive()
	// What is made from now on is sealed too.
	s.pass(time.Minute + 5*time.Second)
	g := s.rotated()
	if later := steal(t, s, g, opaque); later.derivesSuccessors() {
		t.Error("a window key that was made later is not sealed")
	}
}

func TestThePageOfKeysSaysWhetherTheyAreSealed(t *testing.T) {
	says := func(s *site, want string) {
		t.Helper()
		adm := s.admin(t)
		for _, path := range []string{"/admin/keys", "/admin/settings"} {
			page := adm.get(path)
			if page.status != 200 || !strings.Contains(page.body, want) {
				t.Errorf("%s does not say %q: %d", path, want, page.status)
			}
		}
		if page := adm.get("/admin/keys"); !strings.Contains(page.body, `href="/docs/keys"`) {
			t.Error("it does not lead to the guide")
		}
	}
	s := newSite(t)
	says(s, "lie in the database file as they are")
	s.stop()
	s.master = masterKey(t, 7)
	s.start(nil)
	says(s, "the keys in the database are not sealed with it yet")
	s = newSite(t, siteOptions{master: masterKey(t, 7)})
	says(s, "sealed since")
	if strings.Contains(s.admin(t).get("/admin/keys").body, "regrant key seal") {
		t.Error("it asks for what is done")
	}
}
