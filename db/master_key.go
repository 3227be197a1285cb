package db

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strconv"
)

var (
	// ErrSealed says that the keys in the database are sealed, and that there is no master key to open them.
	ErrSealed = errors.New("the keys are sealed with a master key, and none was given")

	// ErrWrongMasterKey says that the keys in the database are sealed with another master key than the one that was given.
	ErrWrongMasterKey = errors.New("the keys are sealed with another master key than the one that was given")

	// errUnopened is of a row that was changed or moved: the master key itself has been checked before.
	errUnopened = errors.New("it is damaged")
)

// MasterKeySize is the length of a master key, bytes.
const MasterKeySize = 32

// MasterKey seals the keys in a database (design.md section 4). It is stored nowhere in it. It is safe for concurrent use.
type MasterKey struct {
	aead  cipher.AEAD
	check []byte
}

// NewMasterKey takes [MasterKeySize] random bytes. The key that seals and the value that tells one master key from another are
// derived from them (HKDF-SHA-256), each for itself, so that the one says nothing about the other.
func NewMasterKey(random []byte) (*MasterKey, error) {
	if len(random) != MasterKeySize {
		return nil, fmt.Errorf("a master key has %d bytes, not %d", MasterKeySize, len(random))
	}
	sealing, err := hkdf.Key(sha256.New, random, nil, "regrant seal 1", 32)
	if err != nil {
		return nil, err
	}
	check, err := hkdf.Key(sha256.New, random, nil, "regrant seal 1 check", 16)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &MasterKey{aead, check}, err
}

// is says whether a stored check value is of this key. A nil key is none.
func (k *MasterKey) is(check []byte) bool {
	return k != nil && subtle.ConstantTimeCompare(k.check, check) == 1
}

// sealFormat is the first byte of a sealed key.
const sealFormat = 1

// seal gives format 1 B ‖ nonce 12 B ‖ AES-256-GCM of a key. Place is what row it is for: sealed for one, it opens in no other.
func (k *MasterKey) seal(plain []byte, place string) []byte {
	sealed := make([]byte, 1+k.aead.NonceSize(), 1+k.aead.NonceSize()+len(plain)+k.aead.Overhead())
	sealed[0] = sealFormat
	rand.Read(sealed[1:])
	return k.aead.Seal(sealed, sealed[1:], plain, []byte(place))
}

func (k *MasterKey) open(sealed []byte, place string) ([]byte, error) {
	head := 1 + k.aead.NonceSize()
	if len(sealed) < head || sealed[0] != sealFormat {
		return nil, errUnopened
	}
	plain, err := k.aead.Open(nil, sealed[1:head], sealed[head:], []byte(place))
	if err != nil {
		return nil, errUnopened
	}
	return plain, nil
}

// keyPlace and windowKeyPlace name rows. No part of one can hold the byte between them.
func keyPlace(id, use, algorithm string, number int64) string {
	return "keys\x00" + id + "\x00" + use + "\x00" + algorithm + "\x00" + strconv.FormatInt(number, 10)
}

func windowKeyPlace(id int64) string { return "window_keys\x00" + strconv.FormatInt(id, 10) }
