package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Kind names what happened, as noun.verb.
type Kind string

// The kinds of security events.
const (
	SignInSucceeded   Kind = "sign_in.succeeded"
	SignInFailed      Kind = "sign_in.failed"
	SignInThrottled   Kind = "sign_in.throttled"
	SignInConfirmed   Kind = "sign_in.confirmed"
	SignInNewDevice   Kind = "sign_in.new_device"
	SignInSecondAsked Kind = "sign_in.second_factor_asked"
	SignedOut         Kind = "session.signed_out"
	SessionEnded      Kind = "session.ended"

	PersonCreated   Kind = "person.created"
	PersonUpdated   Kind = "person.updated"
	PersonDisabled  Kind = "person.disabled"
	PersonEnabled   Kind = "person.enabled"
	PersonDeleted   Kind = "person.deleted"
	PasswordChanged Kind = "person.password_changed"

	FactorAdded         Kind = "factor.added"
	FactorRemoved       Kind = "factor.removed"
	FactorRenamed       Kind = "factor.renamed"
	FactorReset         Kind = "factor.reset"
	RecoveryCodeUsed    Kind = "factor.recovery_code_used"
	RecoveryCodesMade   Kind = "factor.recovery_codes_made"
	FactorCopySuspected Kind = "factor.copy_suspected"

	PersonSignedUp   Kind = "person.signed_up"
	SignUpAsked      Kind = "person.sign_up_asked"
	ResetAsked       Kind = "person.reset_asked"
	EmailChangeAsked Kind = "person.email_change_asked"
	EmailChanged     Kind = "person.email_changed"
	MailFailed       Kind = "mail.failed"

	PersonRoleChanged    Kind = "person.role_changed"
	PasswordExpired      Kind = "person.password_expired"
	PasswordRenewalAsked Kind = "person.password_renewal_asked"
	ResetLinkCreated     Kind = "person.reset_link_created"
	InvitationCreated    Kind = "invitation.created"
	InvitationWithdrawn  Kind = "invitation.withdrawn"
	SetupLinkCreated     Kind = "server.setup_link_created"

	ClientCreated       Kind = "client.created"
	ClientRegistered    Kind = "client.registered" // by itself
	ClientExpired       Kind = "client.expired"    // nobody used it
	ClientUpdated       Kind = "client.updated"
	ClientDisabled      Kind = "client.disabled"
	ClientEnabled       Kind = "client.enabled"
	ClientDeleted       Kind = "client.deleted"
	ClientSecretRotated Kind = "client.secret_rotated"
	ClientSecretEnded   Kind = "client.secret_ended"
	ClientPushChanged   Kind = "client.push_changed" // where it is told of the end of its grants, or with which secret
	ClientAuthFailed    Kind = "client.authentication_failed"

	InitialTokenCreated Kind = "initial_access_token.created"
	InitialTokenRevoked Kind = "initial_access_token.revoked"

	APICreated Kind = "api.created"
	APIUpdated Kind = "api.updated"
	APIDeleted Kind = "api.deleted"

	ConsentGiven     Kind = "consent.given"
	ConsentDenied    Kind = "consent.denied"
	ConsentWithdrawn Kind = "consent.withdrawn"

	GrantCreated     Kind = "grant.created"
	GrantRevoked     Kind = "grant.revoked"
	GrantReported    Kind = "grant.reported" // "This wasn't me"
	GrantBulkRevoked Kind = "grant.bulk_revoked"
	GrantEvicted     Kind = "grant.evicted"
	GrantReuse       Kind = "grant.refresh_token_reused"
	GrantNarrowed    Kind = "grant.narrowed"
	GrantEndChanged  Kind = "grant.end_changed"
	CodeReplayed     Kind = "grant.code_replayed"
	TokenRevoked     Kind = "access_token.revoked"
	TokenExchanged   Kind = "access_token.exchanged" // the first of a while, by grant, client and API
	TokenMismatch    Kind = "refresh_token.client_mismatch"
	TokenOrphan      Kind = "refresh_token.orphan"
	TokenFork        Kind = "refresh_token.fork"
	TokenFuture      Kind = "refresh_token.after_restore"
	TokenReuseReport Kind = "refresh_token.reuse_reported"

	KeyCreated   Kind = "key.created"
	KeyRotated   Kind = "key.rotated"
	KeyDeleted   Kind = "key.deleted"
	KeysSealed   Kind = "key.sealed"
	KeysUnsealed Kind = "key.unsealed"
	ClockStepped Kind = "server.clock_stepped"
	ClockReset   Kind = "server.clock_reset"

	DatabaseRestored Kind = "server.database_restored" // from a backup; what was after it is lost

	DeliveryFailed    Kind = "delivery.failed" // given up
	DeliveryRetried   Kind = "delivery.retried"
	DeliveryDiscarded Kind = "delivery.discarded"

	GroupCreated       Kind = "group.created"
	GroupUpdated       Kind = "group.updated"
	GroupDeleted       Kind = "group.deleted"
	GroupMemberAdded   Kind = "group.member_added"
	GroupMemberRemoved Kind = "group.member_removed"
	GroupRolesChanged  Kind = "group.roles_changed" // what stands for roles in the claim groups

	SettingsChanged Kind = "settings.changed"
	LogChecked      Kind = "audit.checked"
)

// Actor says what kind of party caused an event.
type Actor string

// The kinds of parties.
const (
	ByPerson  Actor = "person"  // the person concerned, signed in or signing in
	ByAdmin   Actor = "admin"   // a person with the admin role, at somebody else's affairs
	ByClient  Actor = "client"  // an OAuth client at an endpoint
	ByCommand Actor = "command" // an operator at the command line
	ByServer  Actor = "server"  // the server itself: sweeper, eviction, restart
)

// Origin is who acts and from where. It is handed down with every act that changes something.
type Origin struct {
	Actor     Actor
	ActorID   string // person id, client id, or the operating system's user name
	IP        string // textual address, empty for the command line
	UserAgent string // as sent, see [Clean]
	RequestID string
}

// Event is one entry of the log.
type Event struct {
	Seq int64     // position in the log, from 1; set by the store
	At  time.Time // UTC, microseconds
	Kind
	Origin
	PersonID string // the person concerned, empty if none
	ClientID string
	GrantID  string
	Result   string // "ok", or the reason for which it was refused
	Detail   string // key=value pairs in plain words, for example "before=… after=…"
	Hash     []byte // 32 bytes; set by the store with [Event.Chain]
}

// ErrBroken says that the log was changed after it was written.
var ErrBroken = errors.New("audit: the chain of events is broken")

// Chain returns SHA-256 over the hash of the event before (empty for the first) and every field of e, each with its
// length before it, so that no two different events give the same bytes.
func (e Event) Chain(previous []byte) []byte {
	h := sha256.New()
	field := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	var num [16]byte
	binary.BigEndian.PutUint64(num[:8], uint64(e.Seq))
	binary.BigEndian.PutUint64(num[8:], uint64(e.At.UnixMicro()))
	field(previous)
	field(num[:])
	for _, s := range []string{
		string(e.Kind), string(e.Actor), e.ActorID, e.IP, e.UserAgent, e.RequestID,
		e.PersonID, e.ClientID, e.GrantID, e.Result, e.Detail,
	} {
		field([]byte(s))
	}
	return h.Sum(nil)
}

// Verify checks that events, in order, continue the chain from the hash of the event before the first of them (nil at
// the beginning of the log) and returns the last hash. It returns [ErrBroken] with the position where it breaks.
func Verify(previous []byte, events []Event) ([]byte, error) {
	for i, e := range events {
		if i > 0 && e.Seq != events[i-1].Seq+1 {
			return nil, &BrokenError{Seq: events[i-1].Seq + 1, Missing: true}
		}
		want := e.Chain(previous)
		if !slices.Equal(want, e.Hash) {
			return nil, &BrokenError{Seq: e.Seq}
		}
		previous = want
	}
	return previous, nil
}

// Clean makes text from outside fit for a log line, an event or a terminal: valid UTF-8 of at most max bytes, with
// control characters (CR, LF, escape sequences) and bidirectional overrides as their \u escapes.
func Clean(s string, max int) string {
	var b strings.Builder
	for _, r := range s {
		part := string(r)
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
			part = fmt.Sprintf(`\u%04x`, r)
		}
		if b.Len()+len(part) > max {
			break
		}
		b.WriteString(part)
	}
	return b.String()
}

// detailLimit is how long a value in Event.Detail may be, bytes.
const detailLimit = 500

// Details renders key and value pairs for Event.Detail: "before=a after=b". Values with spaces are quoted.
func Details(pairs ...string) string {
	if len(pairs)%2 != 0 {
		panic("audit.Details: odd number of arguments")
	}
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		v := Clean(pairs[i+1], detailLimit)
		if v == "" || strings.ContainsAny(v, " \"=") {
			v = fmt.Sprintf("%q", v)
		}
		b.WriteString(pairs[i] + "=" + v)
	}
	return b.String()
}
