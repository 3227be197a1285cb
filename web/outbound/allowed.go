package outbound

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// Allowed is what an operator opens besides the public internet. The zero value opens nothing.
type Allowed struct {
	Networks []netip.Prefix // whatever address in them
	Hosts    []string       // these names, lower case, whatever address they resolve to
}

// ParseAllowed reads addresses, networks and host names as an operator writes them. The error says what is wrong with which.
func ParseAllowed(texts []string) (Allowed, error) {
	var a Allowed
	for _, text := range texts {
		if network, ok, err := parseNetwork(text); err != nil {
			return Allowed{}, err
		} else if ok {
			a.Networks = append(a.Networks, network)
			continue
		}
		host := strings.ToLower(text)
		if ascii, err := idna.Lookup.ToASCII(host); err != nil || ascii != host || !isHostname(host) {
			return Allowed{}, fmt.Errorf("%q is neither an address, nor a network such as 10.0.0.0/8, nor the name of a host", text)
		}
		a.Hosts = append(a.Hosts, host)
	}
	return a, nil
}

// parseNetwork says whether text is meant as an address or a network.
func parseNetwork(text string) (_ netip.Prefix, is bool, _ error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), true, nil
	}
	network, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, false, nil
	case network.Bits() == 0:
		return netip.Prefix{}, true, fmt.Errorf("%s is every address, and whoever names one could then reach this machine", text)
	case network.Addr().Is4In6():
		return netip.Prefix{}, true, fmt.Errorf("write %s as a network of IPv4", text)
	}
	return network.Masked(), true, nil
}
