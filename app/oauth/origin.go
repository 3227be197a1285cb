package oauth

import (
	"context"
	"net/url"
	"slices"
	"strings"
)

// PublicOrigins gives the web origins of the redirect URIs of all public clients that are not disabled. Browsers may call
// the token endpoint from there. The origin of a loopback redirect URI is given without its port, which is free.
func (s *Server) PublicOrigins(ctx context.Context) ([]string, error) {
	clients, err := s.store.Clients(ctx)
	if err != nil {
		return nil, fault("read clients", err)
	}
	var origins []string
	for _, c := range clients {
		if !c.Public() || c.DisabledAt != nil {
			continue
		}
		for _, raw := range c.RedirectURIs {
			u, err := url.Parse(raw)
			if err != nil || u.Scheme != "https" && u.Scheme != "http" {
				continue
			}
			origin := u.Scheme + "://" + strings.TrimSuffix(u.Host, ":443") // as browsers write it, RFC 6454 §6.2
			if isLoopback(u.Hostname()) && u.Scheme == "http" {
				origin = "http://" + strings.TrimSuffix(u.Host, ":"+u.Port())
			}
			if !slices.Contains(origins, origin) {
				origins = append(origins, origin)
			}
		}
	}
	return origins, nil
}

// OriginAllowed says whether a browser's Origin header is one of origins, a loopback one with any port. The opaque origin
// null never is.
func OriginAllowed(origins []string, origin string) bool {
	if slices.Contains(origins, origin) {
		return true
	}
	host, rest, ok := loopbackParts(origin)
	return ok && rest == "" && slices.Contains(origins, "http://"+host)
}
