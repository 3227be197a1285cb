package oauth

import (
	"fmt"
	"slices"
	"strings"
)

// DocumentRules are what an admin decides about clients that are known by the address of a document: Client ID Metadata Document §6.9.
type DocumentRules struct {
	On    bool
	Allow []string // domains, each with what is below it, in lower case; none: all
	Deny  []string // ... that are refused, also where Allow has them
	Total int      // how many clients may be kept at once
}

// MaxDocumentDomains bounds each of the lists of [DocumentRules].
const MaxDocumentDomains = 100

// validate refuses rules that pass a bound, naming the setting before a colon.
func (r DocumentRules) validate() error {
	bad := func(format string, args ...any) error {
		return refuse(InvalidRequest, fmt.Sprintf(format, args...))
	}
	if r.Total < 1 || r.Total > MaxRegisteredClients {
		return bad("documents_total: must be from 1 to %d", MaxRegisteredClients)
	}
	for _, list := range []struct {
		name    string
		domains []string
	}{{"documents_allow", r.Allow}, {"documents_deny", r.Deny}} {
		if len(list.domains) > MaxDocumentDomains {
			return bad("%s: at most %d domains", list.name, MaxDocumentDomains)
		}
		for _, d := range list.domains {
			if !isHostname(d) {
				return bad("%s: %s is not a domain such as example.com", list.name, printable(d))
			}
		}
	}
	return nil
}

// may says whether the rules let a host introduce clients.
func (r DocumentRules) may(host string) bool {
	below := func(domain string) bool { return host == domain || strings.HasSuffix(host, "."+domain) }
	return !slices.ContainsFunc(r.Deny, below) && (len(r.Allow) == 0 || slices.ContainsFunc(r.Allow, below))
}

// isHostname says whether s is a name of DNS, or an address of IPv4, as every reader spells it.
func isHostname(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}
