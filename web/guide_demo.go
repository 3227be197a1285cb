package web

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"regrant/app/oauth"
)

// demoAddress is where "regrant demo --server" listens when nobody says where.
const demoAddress = "127.0.0.1:8081"

// demoCommand is how to run the demo's application as this client, for trying its policy out; "" for a client that cannot be one:
// the demo comes back to /callback on the admin's own machine.
func demoCommand(issuer string, c *oauth.Client) string {
	for _, registered := range c.RedirectURIs {
		u, err := url.Parse(registered)
		if err != nil || u.Scheme != "http" || u.Path != "/callback" || u.RawQuery != "" || !loopbackHost(u.Hostname()) {
			continue
		}
		listen := u.Host
		if u.Port() == "" { // whose port is free: RFC 8252 section 7.3
			listen = net.JoinHostPort(u.Hostname(), "8081")
		}
		words := []string{"regrant demo --server " + shellQuoted(issuer), "--client-id " + shellQuoted(c.ID)}
		if c.AuthMethod == oauth.AuthPrivateKeyJWT {
			return "" // the demo has no key
		}
		if !c.Public() {
			words = append(words, "--client-secret-stdin")
		}
		if c.AuthMethod == oauth.AuthPost {
			words = append(words, "--auth-method "+string(oauth.AuthPost))
		}
		if !c.Scope.Equal(oauth.DefaultScope) {
			words = append(words, "--scope "+shellQuoted(c.Scope.String()))
		}
		if listen != demoAddress {
			words = append(words, "--listen "+shellQuoted(listen))
		}
		return strings.Join(words, " \\\n  ")
	}
	return ""
}

func loopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
