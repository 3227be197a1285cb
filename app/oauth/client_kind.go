package oauth

import (
	"slices"
	"strings"
)

// Kind is what sort of application a client is. It decides how a new one is registered and is not kept: what a client is
// later follows from its registration.
type Kind string

// The kinds, in the order in which people are offered them.
const (
	KindWebServer  Kind = "web_server"  // keeps a secret on its server
	KindSinglePage Kind = "single_page" // runs in the browser
	KindNative     Kind = "native"      // runs on a person's device
	KindMCP        Kind = "mcp"         // a native one whose processes share a stored token
	KindDevice     Kind = "device"      // a television, a console, a program without a browser beside it
	KindMachine    Kind = "machine"     // acts for itself
)

// Kinds gives every kind.
func Kinds() []Kind {
	return []Kind{KindWebServer, KindSinglePage, KindNative, KindMCP, KindDevice, KindMachine}
}

// NewClient gives a registration that suits the kind, without name, redirect URIs and scope. Its policy begins with the given
// one. Processes of native clients share their refresh token, so they get the forbearance of [PresetMultiProcess]. An unknown
// kind gives false.
func (k Kind) NewClient(policy Policy) (*Client, bool) {
	if !slices.Contains(Kinds(), k) {
		return nil, false
	}
	c := &Client{AuthMethod: AuthBasic, GrantTypes: []string{GrantAuthorizationCode, GrantRefreshToken}, Policy: policy}
	switch k {
	case KindMachine:
		c.GrantTypes = []string{GrantClientCredentials}
	case KindSinglePage:
		c.AuthMethod = AuthNone
	case KindDevice:
		c.AuthMethod, c.GrantTypes = AuthNone, []string{GrantDeviceCode, GrantRefreshToken}
	case KindNative, KindMCP:
		shared, _ := PolicyOf(PresetMultiProcess)
		c.AuthMethod, c.Policy.Preset, c.Policy.Grace, c.Policy.StaleGenerations = AuthNone, shared.Preset, shared.Grace, shared.StaleGenerations
	}
	if c.Public() {
		c.Policy.RotationOff = false
	}
	return c, true
}

// DefaultScope is what a new client of the kind may ask for. A machine has no person to tell about.
func (k Kind) DefaultScope() Scope {
	if k == KindMachine {
		return Scope{}
	}
	return slices.Clone(DefaultScope)
}

// Kind tells what a client seems to be. An MCP client is a native one. A client that may use no grant type, as an API's, is none.
func (c *Client) Kind() Kind {
	private := func(u string) bool { return !strings.HasPrefix(u, "https://") }
	switch {
	case c.Allows(GrantAuthorizationCode) && !c.Public():
		return KindWebServer
	case c.Allows(GrantAuthorizationCode) && (c.Policy.Preset == PresetMultiProcess || slices.ContainsFunc(c.RedirectURIs, private)):
		return KindNative
	case c.Allows(GrantAuthorizationCode):
		return KindSinglePage
	case c.Allows(GrantDeviceCode):
		return KindDevice
	case c.Allows(GrantClientCredentials), c.Allows(GrantTokenExchange):
		return KindMachine
	}
	return ""
}
