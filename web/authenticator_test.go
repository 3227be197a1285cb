package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// authenticator makes and shows passkeys in software: a browser at an origin with the device that holds the keys. Tests change
// what it claims.
type authenticator struct {
	t         testing.TB
	origin    string
	rpID      string
	verifies  bool   // sets the flag UV
	synced    bool   // sets the flags BE and BS
	count     uint32 // the counter that it shows; 0: it does not count
	made      []*madePasskey
	otherUser string // user handle to claim in place of the true one
}

// madePasskey is one key on it.
type madePasskey struct {
	id   []byte
	user []byte
	key  *ecdsa.PrivateKey
}

func (s *site) authenticator() *authenticator {
	return &authenticator{t: s.t, origin: s.issuer, rpID: "as.test", verifies: true}
}

var b64 = base64.RawURLEncoding

// make answers creation options with a new passkey and attestation "none" (WebAuthn §6.5, §8.7).
func (a *authenticator) make(options string) string {
	a.t.Helper()
	var o struct {
		Challenge string
		User      struct{ ID string }
	}
	a.read(options, &o)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	user, err := b64.DecodeString(o.User.ID)
	if err != nil {
		a.t.Fatal(err)
	}
	k := &madePasskey{id: []byte(rand.Text()), user: user, key: key}
	a.made = append(a.made, k)
	point, err := key.PublicKey.Bytes()
	if err != nil {
		a.t.Fatal(err)
	}
	public := a.cbor(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	data := a.data(0x40)
	data = append(data, make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(k.id)))
	data = append(append(data, k.id...), public...)
	object := a.cbor(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	return a.credential(k, map[string]string{
		"clientDataJSON": b64.EncodeToString(a.clientData("webauthn.create", o.Challenge)), "attestationObject": b64.EncodeToString(object),
	})
}

// show answers request options with the last passkey.
func (a *authenticator) show(options string) string {
	a.t.Helper()
	var o struct{ Challenge string }
	a.read(options, &o)
	k := a.made[len(a.made)-1]
	client, data := a.clientData("webauthn.get", o.Challenge), a.data(0)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, k.key, digest[:])
	if err != nil {
		a.t.Fatal(err)
	}
	user := k.user
	if a.otherUser != "" {
		user = []byte(a.otherUser)
	}
	return a.credential(k, map[string]string{
		"clientDataJSON": b64.EncodeToString(client), "authenticatorData": b64.EncodeToString(data),
		"signature": b64.EncodeToString(signature), "userHandle": b64.EncodeToString(user),
	})
}

func (a *authenticator) clientData(what, challenge string) []byte {
	b, err := json.Marshal(map[string]any{"type": what, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

// data is the authenticator data up to the counter (WebAuthn §6.1).
func (a *authenticator) data(flags byte) []byte {
	flags |= 0x01
	if a.verifies {
		flags |= 0x04
	}
	if a.synced {
		flags |= 0x18
	}
	rp := sha256.Sum256([]byte(a.rpID))
	return binary.BigEndian.AppendUint32(append(rp[:], flags), a.count)
}

func (a *authenticator) credential(k *madePasskey, response map[string]string) string {
	id := b64.EncodeToString(k.id)
	b, err := json.Marshal(map[string]any{"id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	if err != nil {
		a.t.Fatal(err)
	}
	return string(b)
}

func (a *authenticator) cbor(v any) []byte {
	b, err := webauthncbor.Marshal(v)
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

func (a *authenticator) read(options string, into any) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(options), into); err != nil {
		a.t.Fatalf("options %q: %v", options, err)
	}
}
