package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"regrant/app/audit"
)

// Bounds of initial access tokens.
const (
	MaxInitialTokens        = 200 // kept at once, those that are over too
	MaxInitialTokenUses     = 1_000
	MaxInitialTokenLifetime = 366 * 24 * time.Hour
)

// InitialToken lets clients register, RFC 7591 §3. The server keeps a hash of it.
type InitialToken struct {
	ID        string // for admins; says nothing of the token
	Hash      []byte // SHA-256
	Name      string // what it is for
	Hint      string // its last 4 characters
	Uses      int
	Used      int
	CreatedBy string // the admin's id
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Over says whether no client can register with it any more.
func (t *InitialToken) Over(now time.Time) bool { return t.Used >= t.Uses || !now.Before(t.ExpiresAt) }

// MakeInitialToken makes an initial access token for so many registrations and so long. It returns the token, which nobody sees again.
// Errors name the setting; [ErrTooMany] when there are [MaxInitialTokens].
func MakeInitialToken(ctx context.Context, store Store, name string, uses int, lifetime time.Duration, now time.Time, by audit.Origin) (*InitialToken, string, error) {
	bad := func(format string, args ...any) error {
		return refuse(InvalidRequest, fmt.Sprintf(format, args...))
	}
	switch {
	case !validName(name):
		return nil, "", bad("name: must be 1 to 200 characters that can be seen, on one line")
	case uses < 1 || uses > MaxInitialTokenUses:
		return nil, "", bad("uses: must be from 1 to %d", MaxInitialTokenUses)
	case lifetime < time.Minute || lifetime > MaxInitialTokenLifetime:
		return nil, "", bad("lifetime: must be from a minute to 366 days")
	}
	secret, hash := newSecret(initialTokenPrefix)
	t := &InitialToken{
		ID: strings.ToLower(rand.Text()), Hash: hash, Name: name, Hint: secret[len(secret)-4:], Uses: uses, CreatedBy: by.ActorID,
		CreatedAt: now, ExpiresAt: now.Add(lifetime),
	}
	event := audit.Event{At: now, Kind: audit.InitialTokenCreated, Origin: by, Result: "ok",
		Detail: audit.Details("token", t.ID, "name", name, "uses", strconv.Itoa(uses), "expires", t.ExpiresAt.Format(time.RFC3339))}
	if err := store.AddInitialToken(ctx, t, MaxInitialTokens, event); err != nil {
		return nil, "", err
	}
	return t, secret, nil
}

// EndInitialToken makes an initial access token useless, [ErrNotFound] if there is none. Clients that came with it stay.
func EndInitialToken(ctx context.Context, store Store, t *InitialToken, now time.Time, by audit.Origin) error {
	return store.RevokeInitialToken(ctx, t.ID, audit.Event{At: now, Kind: audit.InitialTokenRevoked, Origin: by, Result: "ok",
		Detail: audit.Details("token", t.ID, "name", t.Name, "used", strconv.Itoa(t.Used))})
}

// initialTokenRefused is the one answer to a token that lets nobody register.
func initialTokenRefused(why string) error {
	return refusef(InvalidToken, "The initial access token is unknown, expired, used up or revoked.", "initial access token: %s", why)
}

// initialToken gives the token that a registration came with, RFC 7591 §3.
func (s *Server) initialToken(ctx context.Context, secret string, now time.Time) (*InitialToken, error) {
	t, err := s.store.InitialToken(ctx, hashSecret(secret))
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, initialTokenRefused("unknown")
	case err != nil:
		return nil, fault("read initial access token", err)
	case t.Over(now):
		return nil, initialTokenRefused("over: " + t.ID)
	}
	return t, nil
}
