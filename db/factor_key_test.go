package db

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"regrant/app/account"
)

func TestWhatIsSealedOpensForItsPurposeOnly(t *testing.T) {
	d := openTest(t, Options{})
	sealer := account.NewSealer(d, time.Now)
	if _, err := d.FactorKey(context.Background()); !errors.Is(err, account.ErrNoFactorKey) {
		t.Fatalf("the key is made before it is needed: %v", err)
	}

	sealed, err := sealer.Seal("totp:ann", []byte("a secret of twenty b"))
	if err != nil {
		t.Fatal(err)
	}

	if bytes.Contains(sealed, []byte("secret")) {
		t.Error("the text lies in what was sealed")
	}
	if plain, err := account.NewSealer(d, time.Now).Open("totp:ann", sealed); err != nil || string(plain) != "a secret of twenty b" {
		t.Errorf("after a restart: %q %v", plain, err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, try := range map[string]struct {
		purpose string
		sealed  []byte
	}{
		"of another person": {"totp:bob", sealed}, "of no purpose": {"", sealed}, "changed": {"totp:ann", changed},
		"cut": {"totp:ann", sealed[:10]}, "empty": {"totp:ann", nil}, "of another version": {"totp:ann", append([]byte{2}, sealed[1:]...)},
	} {
		if _, err := sealer.Open(try.purpose, try.sealed); !errors.Is(err, account.ErrUnsealable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if again, err := sealer.Seal("totp:ann", []byte("a secret of twenty b")); err != nil || bytes.Equal(again, sealed) {
		t.Errorf("the same text gives the same seal: %v", err)
	}
}

func TestOfManyFactorKeysMadeAtOnceOneCounts(t *testing.T) {
	d := openTest(t, Options{})
	var mu sync.Mutex
	var all sync.WaitGroup
	var sealed [][]byte
	for range 20 {
		all.Go(func() {
			s, err := account.NewSealer(d, time.Now).Seal("p", []byte("x"))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			sealed = append(sealed, s)
		})
	}
	all.Wait()

	one := account.NewSealer(d, time.Now)
	for _, s := range sealed {
		if plain, err := one.Open("p", s); err != nil || string(plain) != "x" {
			t.Errorf("%q %v", plain, err)
		}
	}
	keys, err := d.Keys(context.Background())
	if err != nil || len(keys) != 1 {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}
