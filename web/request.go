package web

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/netip"
	"strings"

	"regrant/app/audit"
)

type contextKey int

const requestKey contextKey = iota

// request is what every handler may want to know of its request, found once.
type request struct {
	id      string
	addr    netip.Addr
	browser string // see Server.browser
	file    []byte // see readUpload
	reader  *reader
	locales string // of the authorization that the page is in, see inLocalesOf
	route   string // the pattern that its path fits, see routed
}

// identify gives each request its id and finds out whose it is.
func (s *Server) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := &request{id: rand.Text(), addr: clientAddr(r, s.cfg.TrustedProxies)}
		w.Header().Set("X-Request-Id", q.id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey, q)))
	})
}

func requestOf(r *http.Request) *request {
	if q, ok := r.Context().Value(requestKey).(*request); ok {
		return q
	}
	return &request{}
}

// originOf says from where a request comes, for audit events.
func originOf(r *http.Request) audit.Origin {
	q := requestOf(r)
	ip := ""
	if q.addr.IsValid() {
		ip = q.addr.String()
	}
	return audit.Origin{IP: ip, UserAgent: outside(r.UserAgent(), 200), RequestID: q.id}
}

// clientAddr is the address of the peer, or, when that is a trusted proxy, the last address in X-Forwarded-For that is
// not one. Nobody else can say where they come from. A peer on a Unix socket has no address; it is a proxy on this machine,
// and trusted where any proxy is.
func clientAddr(r *http.Request, trusted []netip.Prefix) netip.Addr {
	var addr netip.Addr
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		addr = peer.Addr().Unmap().WithZone("")
	}
	if addr.IsValid() && !isTrusted(addr, trusted) || len(trusted) == 0 {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return addr
		}
		if addr = hop.Unmap().WithZone(""); !isTrusted(addr, trusted) {
			break
		}
	}
	return addr
}

func isTrusted(addr netip.Addr, trusted []netip.Prefix) bool {
	for _, p := range trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// budgetKey groups addresses that one party holds: IPv6 by /64. Who comes over a Unix socket without a proxy's word of where
// from is one party.
func budgetKey(r *http.Request) string {
	addr := requestOf(r).addr
	if !addr.IsValid() {
		return "unix"
	}
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}
