package main

import (
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// checkExposure refuses to speak plain HTTP where others than a trusted proxy can listen in (GEN-01).
func (s *serveSettings) checkExposure(addr string) error {
	switch {
	case s.certificate != nil || isLoopback(addr):
		return nil
	case len(s.proxies) == 0:
		return usage("listen: %s can be reached from other machines, where nothing may travel in the clear; "+
			"give tls-cert and tls-key, or trusted-proxy for the proxy that does TLS", addr)
	case !slices.ContainsFunc(s.proxies, elsewhere):
		return usage("listen: %s can be reached from other machines, but every trusted-proxy is on this one; "+
			"listen on 127.0.0.1, or give tls-cert and tls-key", addr)
	}
	return nil
}

// elsewhere says whether a network has addresses of other machines.
func elsewhere(n netip.Prefix) bool {
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	if n.Addr().Is6() {
		loopback = netip.MustParsePrefix("::1/128")
	}
	return n.Bits() < loopback.Bits() || !loopback.Contains(n.Addr())
}

// guard lets only this machine and the trusted proxies talk to a socket that speaks plain HTTP and that others can reach.
func (s *serveSettings) guard(l net.Listener, log *slog.Logger) net.Listener {
	if s.certificate != nil || l.Addr().Network() == "unix" || isLoopback(l.Addr().String()) {
		return l
	}
	return &guarded{Listener: l, proxies: s.proxies, log: log}
}

// guarded is a listener that hangs up on everybody but loopback and the proxies, before a byte is read.
type guarded struct {
	net.Listener
	proxies []netip.Prefix
	log     *slog.Logger
	warned  sync.Once
}

// Accept gives the next connection that is allowed.
func (g *guarded) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil || g.allows(c.RemoteAddr()) {
			return c, err
		}
		c.Close()
		g.warned.Do(func() { // once, or whoever connects fills the log
			g.log.Warn("hung up on somebody who is no trusted-proxy: without TLS nobody else may connect", "addr", c.RemoteAddr().String())
		})
	}
}

func (g *guarded) allows(peer net.Addr) bool {
	at, err := netip.ParseAddrPort(peer.String())
	if err != nil {
		return false
	}
	addr := at.Addr().Unmap().WithZone("")
	return addr.IsLoopback() || slices.ContainsFunc(g.proxies, func(n netip.Prefix) bool { return n.Contains(addr) })
}
