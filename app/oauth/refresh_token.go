package oauth

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"time"
)

// The refresh token on the wire, design.md section 3: key id 1 B, token id 16 B, epoch 1 B, generation 4 B, issued at 4 B
// (Unix seconds), secret 32 B, MAC 16 B; spelled in base62 behind rgr1_ with a checksum.
const (
	tokenIDSize       = 16
	secretSize        = 32
	tokenMACSize      = 16
	refreshTokenSize  = 1 + tokenIDSize + 1 + 4 + 4 + secretSize + tokenMACSize
	refreshMACedBytes = refreshTokenSize - tokenMACSize
)

// refreshToken is one generation of a refresh token, as its holder has it.
type refreshToken struct {
	id         [tokenIDSize]byte
	epoch      uint8
	generation uint32
	issuedAt   time.Time // whole seconds
	secret     [secretSize]byte
}

// spell gives the token as it travels, under the newest token key.
func (t *refreshToken) spell(k tokenKey) string {
	b := make([]byte, 0, refreshTokenSize)
	b = append(b, k.number)
	b = append(b, t.id[:]...)
	b = append(b, t.epoch)
	b = binary.BigEndian.AppendUint32(b, t.generation)
	b = binary.BigEndian.AppendUint32(b, uint32(t.issuedAt.Unix()))
	b = append(b, t.secret[:]...)
	return spell(refreshTokenPrefix, append(b, k.mac(b)...))
}

// parseRefreshToken reads a token that this server issued. Anything else, a token with one bit changed included, is an
// error, found without any look into the store. One value has one spelling: width, alphabet, checksum and MAC fix it.
func parseRefreshToken(s string, keys func(number uint8) (tokenKey, bool)) (*refreshToken, error) {
	b, err := unspell(refreshTokenPrefix, s, refreshTokenSize)
	if err != nil {
		return nil, err
	}
	k, ok := keys(b[0])
	if !ok || subtle.ConstantTimeCompare(k.mac(b[:refreshMACedBytes]), b[refreshMACedBytes:]) != 1 {
		return nil, errSpelling
	}
	var t refreshToken
	rest := b[1:]
	copy(t.id[:], rest)
	rest = rest[tokenIDSize:]
	t.epoch = rest[0]
	t.generation = binary.BigEndian.Uint32(rest[1:])
	t.issuedAt = time.Unix(int64(binary.BigEndian.Uint32(rest[5:])), 0).UTC()
	copy(t.secret[:], rest[9:])
	return &t, nil
}

// hash is what the store keeps of a generation.
func (t *refreshToken) hash() []byte {
	h := sha256.New()
	h.Write([]byte("rt-store"))
	h.Write(t.secret[:])
	return h.Sum(nil)
}

// successor derives the next generation. The same inputs give the same token, so a replay inside the window can be
// answered with it, while nothing that is stored leads to it once the window key is gone. The epoch is that in which it is issued.
func (t *refreshToken) successor(epoch uint8, nonce, deriveKey, windowKey []byte, issuedAt time.Time) *refreshToken {
	next := &refreshToken{id: t.id, epoch: epoch, generation: t.generation + 1, issuedAt: issuedAt.Truncate(time.Second)}
	ikm := make([]byte, 0, secretSize+len(deriveKey)+len(windowKey))
	ikm = append(append(append(ikm, t.secret[:]...), deriveKey...), windowKey...)
	info := append([]byte("rt-next"), next.id[:]...)
	info = append(info, next.epoch)
	info = binary.BigEndian.AppendUint32(info, next.generation)
	secret, err := hkdf.Key(sha256.New, ikm, nonce, string(info), secretSize)
	if err != nil {
		panic("oauth.successor: " + err.Error()) // unreachable: 32 bytes are within HKDF's bound
	}
	copy(next.secret[:], secret)
	return next
}

// tokenKey is the key under which refresh tokens bear their MAC.
type tokenKey struct {
	number uint8
	key    []byte
}

// mac covers the prefix and all that stands before it, truncated to 128 bits.
func (k tokenKey) mac(body []byte) []byte {
	h := hmac.New(sha256.New, k.key)
	h.Write([]byte(refreshTokenPrefix))
	h.Write(body)
	return h.Sum(nil)[:tokenMACSize]
}
