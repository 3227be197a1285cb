package account

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"regrant/app/audit"
)

// ErrUnsealable says that something was not sealed here, for this purpose, or was changed since.
var ErrUnsealable = errors.New("account: this was not sealed here for this purpose")

// ErrNoFactorKey says that the factor key has not been made yet.
var ErrNoFactorKey = errors.New("account: there is no factor key yet")

// FactorKeyStore keeps the factor key: 32 random bytes that never leave the server.
type FactorKeyStore interface {
	// FactorKey gives the key; [ErrNoFactorKey].
	FactorKey(ctx context.Context) ([]byte, error)
	// AddFactorKey keeps key under that id, unless there is one, and gives the one that there is: of any number of callers one
	// wins, and all get its key.
	AddFactorKey(ctx context.Context, id string, key []byte, e audit.Event) ([]byte, error)
}

// Sealer seals with AES-256-GCM what must be read again and must not lie about as it is: the secrets of second factors,
// ceremonies that a form carries, mails that wait. The key is made when it is first needed. It is safe for concurrent use.
type Sealer struct {
	store FactorKeyStore
	now   func() time.Time // for the event of a new key
	mu    sync.Mutex
	aead  cipher.AEAD
}

// NewSealer returns a sealer with the key in store; now is when a new one is made. It reads nothing yet.
func NewSealer(store FactorKeyStore, now func() time.Time) *Sealer {
	return &Sealer{store: store, now: now}
}

// sealVersion is the first byte of all that is sealed, so that another key or algorithm can be told from this one.
const sealVersion = 1

// Seal returns plain sealed for a purpose, which names its kind and whose it is ("totp:" and a person's id, say): what was sealed
// for one person cannot be put into the row of another. The error is the store's.
func (s *Sealer) Seal(purpose string, plain []byte) ([]byte, error) {
	aead, err := s.cipher()
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, 1+aead.NonceSize(), 1+aead.NonceSize()+len(plain)+aead.Overhead())
	sealed[0] = sealVersion
	rand.Read(sealed[1:])
	return aead.Seal(sealed, sealed[1:], plain, []byte(purpose)), nil
}

// Open returns what was sealed for that purpose. [ErrUnsealable], or an error of the store.
func (s *Sealer) Open(purpose string, sealed []byte) ([]byte, error) {
	aead, err := s.cipher()
	if err != nil {
		return nil, err
	}
	head := 1 + aead.NonceSize()
	if len(sealed) < head || sealed[0] != sealVersion {
		return nil, ErrUnsealable
	}
	plain, err := aead.Open(nil, sealed[1:head], sealed[head:], []byte(purpose))
	if err != nil {
		return nil, ErrUnsealable
	}
	return plain, nil
}

// keyPatience is how long the key may be waited for, once in the life of a process.
const keyPatience = 10 * time.Second

func (s *Sealer) cipher() (cipher.AEAD, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.aead != nil {
		return s.aead, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), keyPatience)
	defer cancel()
	key, err := s.store.FactorKey(ctx)
	if errors.Is(err, ErrNoFactorKey) {
		key, err = s.makeKey(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("get the factor key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("get the factor key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err == nil {
		s.aead = aead
	}
	return aead, err
}

func (s *Sealer) makeKey(ctx context.Context) ([]byte, error) {
	id, key := rand.Text(), make([]byte, 32)
	rand.Read(key)
	e := audit.Event{
		At: s.now().UTC().Truncate(time.Microsecond), Kind: audit.KeyCreated, Origin: audit.Origin{Actor: audit.ByServer}, Result: "ok",
		Detail: audit.Details("kid", id, "use", "factor", "alg", "A256GCM"),
	}
	return s.store.AddFactorKey(ctx, id, key, e)
}
