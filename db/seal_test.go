package db

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"regrant/app/audit"
	"regrant/app/oauth"
)

var sealTime = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func masterKey(seed byte) *MasterKey {
	random := make([]byte, MasterKeySize)
	for i := range random {
		random[i] = seed ^ byte(i*37)
	}
	k, err := NewMasterKey(random)
	if err != nil {
		panic(err)
	}
	return k
}

func sealEvent(kind audit.Kind) audit.Event {
	return audit.Event{At: sealTime, Kind: kind, Origin: audit.Origin{Actor: audit.ByCommand}, Result: "ok"}
}

func aTokenKey(id string, number uint8) oauth.Key {
	return oauth.Key{ID: id, Use: oauth.KeyToken, Algorithm: "HS256", Number: number, Material: []byte("material of " + id), CreatedAt: sealTime.Add(time.Hour), ActiveAt: sealTime.Add(time.Hour)}
}

// addEveryKey fills a database with a key of each kind, and window keys 1 and 2.
func addEveryKey(t testing.TB, d *DB) {
	t.Helper()
	var keys []oauth.Key
	for i, of := range []struct {
		use oauth.KeyUse
		alg string
	}{{oauth.KeySigning, "ES256"}, {oauth.KeySigning, "RS256"}, {oauth.KeyToken, "HS256"}, {oauth.KeyDerive, "HKDF-SHA256"}, {oauth.KeyAccess, "A256GCM"}} {
		at := sealTime.Add(time.Duration(i) * time.Second)
		k, err := oauth.NewKey(of.use, of.alg, 1, at, at)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	if err := d.AddKeys(t.Context(), keys, nil); err != nil {
		t.Fatal(err)
	}
	factor := bytes.Repeat([]byte("factor key, 16 B"), 2)
	if _, err := d.AddFactorKey(t.Context(), "FACTOR", factor, audit.Event{At: sealTime.Add(time.Minute), Kind: audit.KeyCreated}); err != nil {
		t.Fatal(err)
	}
	for id := range int64(2) {
		if err := d.AddWindowKey(t.Context(), windowKey(id+1)); err != nil {
			t.Fatal(err)
		}
	}
}

// everyKey is all that there is to seal, as the engine gets it.
type everyKey struct {
	Keys    []oauth.Key
	Windows []oauth.WindowKey
	Factor  []byte
}

func allKeys(t testing.TB, d *DB) everyKey {
	t.Helper()
	keys, err := d.Keys(t.Context())
	windows, err2 := d.WindowKeys(t.Context())
	factor, err3 := d.FactorKey(t.Context())
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	return everyKey{keys, windows, factor}
}

// secretBytes are all runs of bytes of which each alone gives a key away.
func (e everyKey) secretBytes(t testing.TB) map[string][]byte {
	t.Helper()
	found := map[string][]byte{"factor": e.Factor}
	for _, w := range e.Windows {
		found["window"+string(rune('0'+w.ID))] = w.Key
	}
	for _, k := range e.Keys {
		name := string(k.Use) + " " + k.Algorithm + " " + k.ID
		found[name] = k.Material
		if k.Use != oauth.KeySigning {
			continue
		}
		private, err := x509.ParsePKCS8PrivateKey(k.Material)
		if err != nil {
			t.Fatal(err)
		}
		found[name+" header"] = k.Material[:24] // version, algorithm and curve
		switch private := private.(type) {
		case *ecdsa.PrivateKey:
			d, err := private.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			found[name+" D"] = d
		case *rsa.PrivateKey:
			found[name+" D"], found[name+" P"], found[name+" Q"] = private.D.Bytes(), private.Primes[0].Bytes(), private.Primes[1].Bytes()
			found[name+" dP"], found[name+" dQ"] = private.Precomputed.Dp.Bytes(), private.Precomputed.Dq.Bytes()
		}
	}
	return found
}

// inTheFiles counts which of them lie in the files.
func inTheFiles(t testing.TB, d *DB, secrets map[string][]byte) (found []string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		b, err := os.ReadFile(d.Path() + suffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for name, secret := range secrets {
			if bytes.Contains(b, secret) {
				found = append(found, suffix+" "+name)
			}
		}
	}
	return found
}

// S2, T42.
func TestSealedFilesHoldNoByteOfAKeyAndUnsealedOnesAllOfThem(t *testing.T) {
	path, master := filepath.Join(t.TempDir(), "regrant.db"), masterKey(1)
	d := openPath(t, path, Options{})
	addEveryKey(t, d)
	// Keys that ended, and rows around them that came and went, leave their traces in the pages.
	ends := sealTime.Add(time.Hour)
	for n := range 20 {
		k := aTokenKey("old "+string(rune('a'+n)), uint8(n+2))
		k.EndsAt = &ends
		if err := d.AddKeys(t.Context(), []oauth.Key{k}, nil); err != nil {
			t.Fatal(err)
		}
	}
	plain := allKeys(t, d)
	secrets := plain.secretBytes(t)
	if found := inTheFiles(t, d, secrets); len(found) < len(secrets) {
		t.Fatalf("the search finds %d of %d keys that are there", len(found), len(secrets))
	}
	if _, err := d.Sweep(t.Context(), ends.Add(time.Hour), 100); err != nil {
		t.Fatal(err)
	}
	kept := allKeys(t, d)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	d = openPath(t, path, Options{MasterKey: master})
	changed, err := d.SealKeys(t.Context(), master, sealEvent(audit.KeysSealed))

	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	if found := inTheFiles(t, d, secrets); len(found) > 0 {
		t.Errorf("%d secrets are still in the files: %q", len(found), found)
	}
	if diff := cmp.Diff(kept, allKeys(t, d)); diff != "" {
		t.Errorf("sealing has changed the keys: %s", diff)
	}
	if seal, err := d.KeySeal(t.Context()); err != nil || seal.SealedAt == nil || !seal.SealedAt.Equal(sealTime) || !seal.Held {
		t.Errorf("%+v %v", seal, err)
	}
	if stored, err := d.StoredKeys(t.Context()); err != nil || len(stored) != len(kept.Keys) || stored[0].SealedAt == nil || stored[0].Material != nil {
		t.Errorf("%+v %v", stored, err)
	}
	if changed, err := d.SealKeys(t.Context(), master, sealEvent(audit.KeysSealed)); changed || err != nil {
		t.Errorf("sealed twice: %t %v", changed, err)
	}

	// What comes later is sealed as it is written.
	later := aTokenKey("later", 99)
	later.Material = bytes.Repeat([]byte("later: "), 5)[:32]
	if err := errors.Join(d.AddKeys(t.Context(), []oauth.Key{later}, nil), d.AddWindowKey(t.Context(), windowKey(7))); err != nil {
		t.Fatal(err)
	}
	if found := inTheFiles(t, d, map[string][]byte{"key": later.Material, "window": windowKey(7).Key}); len(found) > 0 {
		t.Errorf("new keys were not sealed: %q", found)
	}
	if got := allKeys(t, d); len(got.Keys) != len(kept.Keys)+1 || len(got.Windows) != 3 || !bytes.Equal(got.Windows[2].Key, windowKey(7).Key) {
		t.Errorf("%+v", got)
	}

	if changed, err := d.SealKeys(t.Context(), nil, sealEvent(audit.KeysUnsealed)); err != nil || !changed {
		t.Fatal(changed, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openPath(t, path, Options{}) // the master key is not needed any more
	if got := allKeys(t, d); len(got.Keys) != len(kept.Keys)+1 || !bytes.Equal(got.Factor, kept.Factor) {
		t.Errorf("after unsealing: %+v", got)
	}
	if _, err := d.VerifyAudit(t.Context()); err != nil {
		t.Error(err)
	}
}

// F8.
func TestTheMasterKeyIsAskedForAndChecked(t *testing.T) {
	ctx := t.Context()
	path, right, wrong := filepath.Join(t.TempDir(), "regrant.db"), masterKey(1), masterKey(2)
	d := openPath(t, path, Options{Server: true, MasterKey: right}) // new: sealed from the first key on
	addEveryKey(t, d)
	if found := inTheFiles(t, d, allKeys(t, d).secretBytes(t)); len(found) > 0 {
		t.Errorf("the first keys were not sealed: %q", found)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		o    Options
		want error
	}{
		"a server with it":           {Options{Server: true, MasterKey: right}, nil},
		"a server without":           {Options{Server: true}, ErrSealed},
		"a server with another":      {Options{Server: true, MasterKey: wrong}, ErrWrongMasterKey},
		"a command with it":          {Options{MasterKey: right}, nil},
		"a command without":          {Options{}, nil},
		"a command with another one": {Options{MasterKey: wrong}, ErrWrongMasterKey},
	} {
		d, err := Open(ctx, path, c.o)
		if !errors.Is(err, c.want) || errors.Is(err, ErrFault) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err == nil {
			d.Close()
		}
	}

	d = openPath(t, path, Options{})
	_, err := d.Keys(ctx)
	_, err2 := d.WindowKeys(ctx)
	_, err3 := d.FactorKey(ctx)
	err4 := d.AddKeys(ctx, []oauth.Key{aTokenKey("x", 9)}, nil)
	err5 := d.AddWindowKey(ctx, windowKey(9))
	for i, err := range []error{err, err2, err3, err4, err5} {
		if !errors.Is(err, ErrFault) || !errors.Is(err, ErrSealed) {
			t.Errorf("%d: without the master key: %v", i, err)
		}
	}
	if _, err := d.SealKeys(ctx, nil, sealEvent(audit.KeysUnsealed)); !errors.Is(err, ErrSealed) {
		t.Errorf("unsealed without the master key: %v", err)
	}
	if _, err := d.SealKeys(ctx, wrong, sealEvent(audit.KeysSealed)); !errors.Is(err, ErrSealed) {
		t.Errorf("sealed anew without the master key: %v", err)
	}
}

func TestAServerThatHasTheMasterKeyGoesOnWhileItsKeysAreSealedAndUnsealed(t *testing.T) {
	path, master := filepath.Join(t.TempDir(), "regrant.db"), masterKey(1)
	openAndFill(t, path)
	server := openPath(t, path, Options{Server: true, MasterKey: master})
	command := openPath(t, path, Options{MasterKey: master})
	plain := allKeys(t, server)
	for round := range int64(3) {
		if changed, err := command.SealKeys(t.Context(), master, sealEvent(audit.KeysSealed)); err != nil || !changed {
			t.Fatal(changed, err)
		}
		id := 10 + 2*round
		if err := server.AddWindowKey(t.Context(), windowKey(id)); err != nil {
			t.Fatal(err)
		}
		inFilesAre(t, server, "sealed", map[int64]bool{1: false, 2: false, id: false})
		if changed, err := command.SealKeys(t.Context(), nil, sealEvent(audit.KeysUnsealed)); err != nil || !changed {
			t.Fatal(changed, err)
		}
		if err := server.AddWindowKey(t.Context(), windowKey(id+1)); err != nil {
			t.Fatal(err)
		}
		inFilesAre(t, server, "unsealed", map[int64]bool{1: true, 2: true, id: true, id + 1: true})
		if diff := cmp.Diff(plain.Keys, allKeys(t, server).Keys); diff != "" {
			t.Fatal(diff)
		}
	}
}

func openAndFill(t testing.TB, path string) {
	t.Helper()
	d := openPath(t, path, Options{})
	addEveryKey(t, d)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestKeysAreNotSealedUnderAServerThatCouldNotOpenThem(t *testing.T) {
	path, first, second := filepath.Join(t.TempDir(), "regrant.db"), masterKey(1), masterKey(2)
	openAndFill(t, path)
	for name, held := range map[string]*MasterKey{"none": nil, "another": second} {
		server := openPath(t, path, Options{Server: true, MasterKey: held})
		command := openPath(t, path, Options{MasterKey: first})
		before := allKeys(t, server)

		changed, err := command.SealKeys(t.Context(), first, sealEvent(audit.KeysSealed))

		if !errors.Is(err, ErrServerLacksKey) || changed {
			t.Errorf("a server with %s: %t %v", name, changed, err)
		}
		if diff := cmp.Diff(before, allKeys(t, server)); diff != "" {
			t.Error(diff)
		}
		if err := errors.Join(server.Close(), command.Close()); err != nil {
			t.Fatal(err)
		}
	}

	// What the last server was given says nothing about the one that runs now.
	server := openPath(t, path, Options{Server: true, MasterKey: first})
	server.Close()
	server = openPath(t, path, Options{Server: true})
	command := openPath(t, path, Options{MasterKey: first})
	if _, err := command.SealKeys(t.Context(), first, sealEvent(audit.KeysSealed)); !errors.Is(err, ErrServerLacksKey) {
		t.Error(err)
	}
	server.Close()
	if _, err := command.SealKeys(t.Context(), first, sealEvent(audit.KeysSealed)); err != nil {
		t.Errorf("when the server is gone: %v", err)
	}
}

func TestAnotherMasterKeyTakesOver(t *testing.T) {
	path, old, next := filepath.Join(t.TempDir(), "regrant.db"), masterKey(1), masterKey(2)
	openAndFill(t, path)
	d := openPath(t, path, Options{MasterKey: old})
	if _, err := d.SealKeys(t.Context(), old, sealEvent(audit.KeysSealed)); err != nil {
		t.Fatal(err)
	}
	plain := allKeys(t, d)

	if changed, err := d.SealKeys(t.Context(), next, sealEvent(audit.KeysSealed)); err != nil || !changed {
		t.Fatal(changed, err)
	}

	d.Close()
	if _, err := Open(t.Context(), path, Options{MasterKey: old}); !errors.Is(err, ErrWrongMasterKey) {
		t.Errorf("the old one: %v", err)
	}
	if diff := cmp.Diff(plain, allKeys(t, openPath(t, path, Options{Server: true, MasterKey: next}))); diff != "" {
		t.Error(diff)
	}
}

// F7: damage is told from a wrong master key, is a fault, and stops sealing before anything has changed.
func TestSealedKeysThatWereChangedOrMovedAreAFault(t *testing.T) {
	master := masterKey(1)
	sealed := openPath(t, filepath.Join(t.TempDir(), "regrant.db"), Options{MasterKey: master})
	addEveryKey(t, sealed)
	file := fileOf(t, sealed)
	for name, statement := range map[string]string{
		"a byte more":      "UPDATE keys SET material = CAST(material || X'00' AS BLOB) WHERE use = 'token'",
		"an older format":  "UPDATE keys SET material = zeroblob(60) WHERE use = 'derive'",
		"empty":            "UPDATE keys SET material = X'' WHERE use = 'access'",
		"moved":            "UPDATE keys SET material = (SELECT material FROM keys WHERE use = 'derive') WHERE use = 'token'",
		"another number":   "UPDATE keys SET number = 7 WHERE use = 'token'",
		"another use":      "UPDATE keys SET use = 'token', algorithm = 'HS256', number = 3 WHERE use = 'derive'",
		"of another table": "UPDATE keys SET material = (SELECT key FROM window_keys WHERE id = 1) WHERE use = 'token'",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "regrant.db")
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
			d := openPath(t, path, Options{MasterKey: master})
			allKeys(t, d)
			raw(t, d, statement)
			before := fileOf(t, d)

			_, err := d.Keys(t.Context())

			if !errors.Is(err, ErrFault) || errors.Is(err, ErrWrongMasterKey) {
				t.Errorf("%v", err)
			}
			if _, err := d.SealKeys(t.Context(), nil, sealEvent(audit.KeysUnsealed)); !errors.Is(err, ErrFault) {
				t.Errorf("unsealed all the same: %v", err)
			}
			if !bytes.Equal(before, fileOf(t, d)) {
				t.Error("unsealing has changed something")
			}
		})
	}
}

// raw runs a statement as somebody would who damages the file.
func raw(t testing.TB, d *DB, statement string) {
	t.Helper()
	if err := d.alone(t.Context(), "damage", func(s *session) error { return s.exec(statement) }); err != nil {
		t.Fatal(err)
	}
}

// fileOf gives the database without its WAL.
func fileOf(t testing.TB, d *DB) []byte {
	t.Helper()
	if err := d.Checkpoint(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(d.Path())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// F1: killed at any moment, all keys are sealed or none is, and none is lost.
func TestF1_AProcessThatIsKilledWhileItSealsLeavesAllKeysSealedOrNone(t *testing.T) {
	kills := 15
	switch {
	case os.Getenv("REGRANT_FAULTS") == "full":
		kills = 300
	case testing.Short():
		kills = 4
	}
	path, master := filepath.Join(t.TempDir(), "regrant.db"), masterKey(1)
	openAndFill(t, path)
	d := openPath(t, path, Options{MasterKey: master})
	want := allKeys(t, d)
	d.Close()
	states := map[bool]int{}
	for range kills {
		sealer := child(t, "seal", path)
		out, err := sealer.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := sealer.Start(); err != nil {
			t.Fatal(err)
		}
		// It says when it begins; then it is killed in one of its transactions or between two.
		if _, err := out.Read(make([]byte, 64)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond)
		if err := sealer.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = sealer.Wait()

		d := openPath(t, path, Options{Server: true, MasterKey: master})
		stored, err := d.StoredKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seal, err := d.KeySeal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		states[seal.SealedAt != nil]++
		for _, k := range stored {
			if (k.SealedAt != nil) != (seal.SealedAt != nil) {
				t.Fatal("some keys are sealed and some are not")
			}
		}
		if diff := cmp.Diff(want, allKeys(t, d)); diff != "" {
			t.Fatal(diff)
		}
		if wrong, err := d.CheckIntegrity(t.Context()); err != nil || len(wrong) > 0 {
			t.Fatal(wrong, err)
		}
		if _, err := d.VerifyAudit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("after %d kills sealed %d times, unsealed %d times", kills, states[true], states[false])
}

func BenchmarkSealAWindowKey(b *testing.B) {
	master := masterKey(1)
	key := windowKey(1).Key
	for b.Loop() {
		master.seal(key, windowKeyPlace(1))
	}
}
