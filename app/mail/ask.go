package mail

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

// How many mails may be asked for in an hour. Each is counted whether it is sent or not, since nobody can say yet; but those of
// all together are counted where they are sent, so that nobody uses them up by asking about addresses that nobody has.
const (
	maxPerAddress = 3 // of one kind, in half an hour: no longer than the links live that a stranger has caused
	maxPerNetwork = 30
	maxPerSite    = 120  // of the many networks that one IPv6 site has
	maxPerPerson  = 10   // who is signed in
	maxOfAll      = 600  // of one kind
	maxWaiting    = 1000 // of theirs in the outbox
)

// Asked is what somebody asks for.
type Asked struct {
	Message
	Network string // where they come from: an IPv4 address, or an IPv6 network
}

// lifetime is how long it makes sense to answer.
func (k Kind) lifetime() time.Duration {
	if k == AskedReset {
		return 30 * time.Minute // whoever has waited longer has asked again
	}
	return 24 * time.Hour
}

// Ask puts what somebody asks for into the outbox, at the cost of one write whether the address is known or not.
// [ErrAddressFull], [ErrTooMany], [ErrNoRoom].
func (p *Post) Ask(ctx context.Context, a Asked) error {
	a.ExpiresAt = p.now().Add(a.Kind.lifetime())
	q, err := p.prepare(a.Message)
	if err != nil {
		return err
	}
	// The address itself would be one that somebody typed, about anybody, in a table of its own.
	sum := sha256.Sum256([]byte("mail\n" + a.To))
	half := "/" + strconv.Itoa(q.CreatedAt.Minute()/30) // of the hour
	address := Allowance{string(a.Kind) + "/" + hex.EncodeToString(sum[:16]) + half, maxPerAddress}
	others := []Allowance{{"network/" + a.Network, maxPerNetwork}}
	if a.PersonID != "" { // strangers leave them theirs
		others = []Allowance{{"person/" + a.PersonID, maxPerPerson}}
	} else if site := siteOf(a.IP); site != "" {
		others = append(others, Allowance{"site/" + site, maxPerSite})
	}
	if err := p.store.AskMail(ctx, q, address, others, maxWaiting); err != nil {
		return fmt.Errorf("ask for a mail: %w", err)
	}
	p.hurry()
	return nil
}

// siteOf is the IPv6 network that one site is given, of which it makes networks of its own; empty for what is no such address.
func siteOf(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil || !addr.Unmap().Is6() {
		return ""
	}
	prefix, err := addr.WithZone("").Prefix(48)
	if err != nil {
		return "" // unreachable: 48 bits fit
	}
	return prefix.String()
}

// allow counts a mail that was asked for and that somebody is to get; [ErrTooMany].
func (p *Post) allow(ctx context.Context, kind Kind) error {
	return p.store.AllowMail(ctx, Allowance{"sent/" + string(kind), maxOfAll}, p.now())
}
