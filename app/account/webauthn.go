package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// This file is the only one that knows the WebAuthn library, whose API changes between its versions.

// relyingParty is this server as authenticators see it: the host and the origin of its issuer, whatever a request says.
type relyingParty struct{ lib *webauthn.WebAuthn }

// newRelyingParty returns the relying party of an issuer, or an error where browsers know none: at an IP address
// (WebAuthn §5.1.2, effective domain).
func newRelyingParty(issuer string) (*relyingParty, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("relying party: %w", err)
	}
	origin := u.Scheme + "://" + u.Host
	if port := map[string]string{"https": ":443", "http": ":80"}[u.Scheme]; port != "" {
		origin = strings.TrimSuffix(origin, port)
	}
	lib, err := webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: u.Hostname(), RPOrigins: []string{origin}, AttestationPreference: protocol.PreferNoAttestation,
		// Password managers report extensions that nobody asked for. None means anything here.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("relying party: %w", err)
	}
	return &relyingParty{lib}, nil
}

// askToMake gives what a browser must know to make a passkey for a person beside those they have, and what must be known
// when it comes back with one.
func (r *relyingParty) askToMake(p Person, have []Passkey, within time.Duration) (options, state []byte, err error) {
	who, err := newWebauthnUser(p, have)
	if err != nil {
		return nil, nil, err
	}
	ask, session, err := r.lib.BeginRegistration(who,
		webauthn.WithResidentKeyRequirement(protocol.ResidentKeyRequirementRequired),
		webauthn.WithExclusions(webauthn.Credentials(who.credentials).CredentialDescriptors()),
		func(o *protocol.PublicKeyCredentialCreationOptions) error {
			o.AuthenticatorSelection.UserVerification = protocol.VerificationPreferred
			o.Timeout = int(within.Milliseconds())
			return nil
		})
	if err != nil {
		return nil, nil, fmt.Errorf("ask for a new passkey: %w", err)
	}
	return both(ask.Response, session)
}

// made reads the passkey that a browser has made for p; [ErrPasskeyRefused].
func (r *relyingParty) made(p Person, state []byte, response string) (Passkey, error) {
	var session webauthn.SessionData
	if err := json.Unmarshal(state, &session); err != nil {
		return Passkey{}, fmt.Errorf("read a ceremony: %w", err)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(response))
	if err != nil {
		return Passkey{}, refusedPasskey(err)
	}
	credential, err := r.lib.CreateCredential(webauthnUser{person: p}, session, parsed)
	if err != nil {
		return Passkey{}, refusedPasskey(err)
	}
	record, err := json.Marshal(credential)
	if err != nil {
		return Passkey{}, fmt.Errorf("write a passkey: %w", err)
	}
	return Passkey{
		CredentialID: credential.ID, Record: record, SignCount: credential.Authenticator.SignCount,
		Synced: credential.Flags.BackupEligible, BackedUp: credential.Flags.BackupState,
	}, nil
}

// askToShow gives what a browser must know to show a passkey: any that it has when allowed is nil, else one of these, which
// are all p's.
func (r *relyingParty) askToShow(p Person, allowed []Passkey, verified bool, within time.Duration) (options, state []byte, err error) {
	with := func(o *protocol.PublicKeyCredentialRequestOptions) error {
		o.UserVerification, o.Timeout = protocol.VerificationPreferred, int(within.Milliseconds())
		if verified {
			o.UserVerification = protocol.VerificationRequired
		}
		return nil
	}
	var ask *protocol.CredentialAssertion
	var session *webauthn.SessionData
	if allowed == nil {
		ask, session, err = r.lib.BeginDiscoverableLogin(with)
	} else {
		var who webauthnUser
		if who, err = newWebauthnUser(p, allowed); err != nil {
			return nil, nil, err
		}
		ask, session, err = r.lib.BeginLogin(who, with)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	return both(ask.Response, session)
}

// shownPasskey is an answer to askToShow that has not been checked.
type shownPasskey struct {
	parsed *protocol.ParsedCredentialAssertionData
}

// readShown reads such an answer; [ErrPasskeyRefused].
func readShown(response string) (shownPasskey, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(response))
	if err != nil {
		return shownPasskey{}, refusedPasskey(err)
	}
	return shownPasskey{parsed}, nil
}

func (s shownPasskey) credentialID() []byte { return s.parsed.RawID }

// shown checks that k, which is p's, has answered the ceremony of that state, and says what it told of itself;
// [ErrPasskeyRefused].
func (r *relyingParty) shown(p Person, k Passkey, state []byte, answer shownPasskey) (use PasskeyUse, verified bool, err error) {
	var session webauthn.SessionData
	if err := json.Unmarshal(state, &session); err != nil {
		return use, false, fmt.Errorf("read a ceremony: %w", err)
	}
	who, err := newWebauthnUser(p, []Passkey{k})
	if err != nil {
		return use, false, err
	}
	// The library wants a user with all that were allowed. They are in the sealed state, and k is the one that counts.
	if len(session.AllowedCredentialIDs) > 0 {
		session.AllowedCredentialIDs = onlyThis(session.AllowedCredentialIDs, k.CredentialID)
		_, err = r.lib.ValidateLogin(who, session, answer.parsed)
	} else {
		_, _, err = r.lib.ValidatePasskeyLogin(func(_, _ []byte) (webauthn.User, error) { return who, nil }, session, answer.parsed)
	}
	if err != nil {
		return use, false, refusedPasskey(err)
	}
	data := answer.parsed.Response.AuthenticatorData
	use = PasskeyUse{PasskeyID: k.ID, PersonID: p.ID, SignCount: data.Counter, BackedUp: data.Flags.HasBackupState()}
	return use, data.Flags.HasUserVerified(), nil
}

// onlyThis gives id if it is among those, else one that no credential has.
func onlyThis(ids [][]byte, id []byte) [][]byte {
	for _, allowed := range ids {
		if string(allowed) == string(id) {
			return [][]byte{id}
		}
	}
	return [][]byte{{}}
}

func both(options any, session *webauthn.SessionData) ([]byte, []byte, error) {
	o, err := json.Marshal(options)
	if err != nil {
		return nil, nil, fmt.Errorf("write a ceremony: %w", err)
	}
	s, err := json.Marshal(session)
	if err != nil {
		return nil, nil, fmt.Errorf("write a ceremony: %w", err)
	}
	return o, s, nil
}

// refusedPasskey says why an answer was refused, for the operator. The library's details hold nothing of the challenge.
func refusedPasskey(err error) error {
	var e *protocol.Error
	if errors.As(err, &e) {
		return fmt.Errorf("%w: %s", ErrPasskeyRefused, e.Details)
	}
	return fmt.Errorf("%w: malformed", ErrPasskeyRefused)
}

// webauthnUser is a person with some of their passkeys, for the library. The user handle is the person's id, a random UUID that
// says nothing of who it is.
type webauthnUser struct {
	person      Person
	credentials []webauthn.Credential
}

func newWebauthnUser(p Person, passkeys []Passkey) (webauthnUser, error) {
	u := webauthnUser{person: p}
	for _, k := range passkeys {
		var c webauthn.Credential
		if err := json.Unmarshal(k.Record, &c); err != nil {
			return u, fmt.Errorf("read passkey %s: %w", k.ID, err)
		}
		c.Authenticator.SignCount, c.Flags.BackupState = k.SignCount, k.BackedUp
		u.credentials = append(u.credentials, c)
	}
	return u, nil
}

func (u webauthnUser) WebAuthnID() []byte                         { return []byte(u.person.ID) }
func (u webauthnUser) WebAuthnName() string                       { return u.person.Email }
func (u webauthnUser) WebAuthnCredentials() []webauthn.Credential { return u.credentials }

func (u webauthnUser) WebAuthnDisplayName() string {
	if u.person.Name != "" {
		return u.person.Name
	}
	return u.person.Email
}
