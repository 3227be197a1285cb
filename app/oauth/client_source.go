package oauth

import (
	"encoding/json"
	"net/url"
	"slices"
)

// ClientSource says who made a client's registration.
type ClientSource string

// The sources.
const (
	SourceAdmin   ClientSource = ""        // an admin, on a page or by a command
	SourceDynamic ClientSource = "dynamic" // the client itself, RFC 7591

	// SourceDocument is a document at the address that is the client's client_id, Client ID Metadata Document §4.
	SourceDocument ClientSource = "document"
)

// String is the source's name: "admin" for an admin.
func (s ClientSource) String() string {
	if s == SourceAdmin {
		return "admin"
	}
	return string(s)
}

// Unverified says whether nobody here vouches for the client: what it is called and where it leads is its own word. People are told so
// and asked each time, and it is never trusted.
func (c *Client) Unverified() bool { return c.Source != SourceAdmin }

// Destinations gives where the client's redirect URIs lead: hosts with their ports, or the scheme of an app's own; each once.
func (c *Client) Destinations() []string {
	var all []string
	for _, raw := range c.RedirectURIs {
		u, err := url.Parse(raw)
		if err != nil {
			continue // unreachable: it was validated
		}
		place := u.Host
		if place == "" {
			place = u.Scheme + ":"
		}
		if !slices.Contains(all, place) {
			all = append(all, place)
		}
	}
	return all
}

// About is what a client that nobody vouches for says of itself, RFC 7591 §2. It is for people to read; nothing of it is called.
type About struct {
	ApplicationType string   `json:"application_type,omitempty"` // web or native, OpenID Connect Registration §2
	ClientURI       string   `json:"client_uri,omitempty"`
	LogoURI         string   `json:"logo_uri,omitempty"`
	PolicyURI       string   `json:"policy_uri,omitempty"`
	TermsURI        string   `json:"tos_uri,omitempty"`
	Contacts        []string `json:"contacts,omitempty"`
	SoftwareID      string   `json:"software_id,omitempty"`
	SoftwareVersion string   `json:"software_version,omitempty"`
}

// String gives it as JSON, "" for nothing: as it is stored, and as the audit log says it.
func (a About) String() string {
	b, err := json.Marshal(a)
	if err != nil {
		panic("oauth.About: " + err.Error()) // unreachable: texts only
	}
	if string(b) == "{}" {
		return ""
	}
	return string(b)
}
