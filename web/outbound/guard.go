package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"
)

const maxURL = 2000 // characters

// checkURL refuses what no registered address should look like, before a name is resolved: what is not https, and what different
// readers understand as different hosts.
func checkURL(s string) error {
	bad := func(why string) error { return fmt.Errorf("%w: %s", ErrRefused, why) }
	if len(s) > maxURL {
		return bad("it is longer than 2000 characters")
	}
	for _, c := range []byte(s) {
		if c <= 0x20 || c >= 0x7f || c == '\\' {
			return bad("it has a character that a URL may not have")
		}
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return bad("it is not a URL")
	case u.Scheme != "https":
		return bad("it is not https")
	case u.User != nil:
		return bad("it holds a user name")
	case u.Hostname() == "" || strings.Contains(u.Host, "%"): // a zone of IPv6
		return bad("it has no host that can be called")
	case u.Port() == "" && strings.HasSuffix(u.Host, ":"):
		return bad("its port is empty")
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		if addr.Is4In6() {
			return bad("write an IPv4 address as such")
		}
		return nil
	}
	if !isHostname(u.Hostname()) {
		return bad("its host is neither a name nor an address in its usual form")
	}
	return nil
}

// isHostname says whether s is a name. One that ends in a number is an address in some reader's eyes: 2130706433, 0x7f.1, 127.1.
func isHostname(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 253 {
		return false
	}
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	last := strings.ToLower(labels[len(labels)-1])
	return strings.Trim(last, "0123456789") != "" && !strings.HasPrefix(last, "0x")
}

// dialer connects to addresses that pass.
type dialer struct {
	public *net.Dialer // through the filter
	named  *net.Dialer // for hosts that the operator named
	hosts  []string
}

func newDialer(o Options) *dialer {
	var v4, v6 []netip.Prefix
	for _, network := range o.Allow.Networks {
		if network.Addr().Is4() {
			v4 = append(v4, network)
		} else {
			v6 = append(v6, network)
		}
	}
	special := ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
	return &dialer{
		public: &net.Dialer{Resolver: o.Resolver, Control: func(network, address string, raw syscall.RawConn) error {
			return errors.Join(special.Safe(network, address, raw), checkPort(address))
		}},
		named: &net.Dialer{Resolver: o.Resolver, Control: func(_, address string, _ syscall.RawConn) error { return checkPort(address) }},
		hosts: o.Allow.Hosts,
	}
}

// dial resolves the host once and connects to one of its addresses. The filter sees the address that is connected to, not the name.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	with := d.public
	if slices.Contains(d.hosts, strings.ToLower(host)) {
		with = d.named
	}
	c, err := with.DialContext(ctx, network, address)
	if isRefusal(err) {
		return nil, fmt.Errorf("%w: %s does not lead to an address that may be called", ErrRefused, host)
	}
	return c, err
}

func isRefusal(err error) bool {
	return errors.Is(err, ssrf.ErrProhibitedIP) || errors.Is(err, ssrf.ErrProhibitedNetwork) || errors.Is(err, ssrf.ErrInvalidHostPort) ||
		errors.Is(err, errPort)
}

var errPort = errors.New("port of another service")

// checkPort leaves https and what nobody needs to be root for: mail, SSH and their like are not spoken to, not even in vain.
func checkPort(address string) error {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil || port != 443 && port < 1024 {
		return fmt.Errorf("%w: %s", errPort, text)
	}
	return nil
}
