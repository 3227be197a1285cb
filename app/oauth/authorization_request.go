package oauth

import (
	"crypto/rand"
	"encoding/base64"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	// authorizationRequestLifetime is how long a person may take to sign in and consent.
	authorizationRequestLifetime = time.Hour
	maxPendingRequests           = 10_000
	maxStateSize                 = 8 << 10              // bytes
	maxMaxAge                    = 10 * 365 * 24 * 3600 // seconds; no session is older
)

// AuthorizationRequest is a request that was found valid and waits for the person: RFC 6749 §4.1.1. It is kept on the
// server and bound to the browser that brought it, so no step trusts what a form sends back.
type AuthorizationRequest struct {
	ID          string // the handle in the addresses of the pages
	BrowserHash []byte // SHA-256 of the browser's cookie
	ClientID    string
	Address     string // of the browser, IPv6 by /64: nobody may fill the table for all
	Parameters
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Parameters are what the request asks for, checked and reduced to what it may have.
type Parameters struct {
	RedirectURI     string
	ResponseMode    ResponseMode // "": query
	State           string       // verbatim
	Scope           Scope
	ScopeAsked      bool // false: the scope parameter was absent
	Resources       []string
	Nonce           string
	CodeChallenge   string
	DPoPKey         string // dpop_jkt: the code is for the holder of this key alone
	PromptNone      bool
	PromptLogin     bool
	PromptConsent   bool
	PromptSelect    bool
	MaxAge          *int           // seconds
	EssentialACR    []string       // one of them must be met; nil: any will do
	ACRValues       []string       // asked for voluntarily
	LoginHint       string         // what the sign-in form starts with
	UILocales       string         // languages that the pages may speak, the most wanted first, separated by spaces
	HintedPersonID  string         // the subject of id_token_hint
	Subjects        []string       // the claims parameter wants the person to be one of them; nil: anybody
	Claims          Claims         // asked for one by one
	AccountSelected bool           // the person has answered prompt=select_account
	Pushed          []byte         // the hash of the pushed request that it came as; nil: it came by itself
	Device          *DeviceRequest // nil: the answer goes to a redirect URI
	AuthTimeBefore  time.Time      // of the session that the request found; zero: nobody was signed in
}

// single gives a parameter that may occur once: RFC 6749 §3.1.
func single(q url.Values, name string) (string, error) {
	if len(q[name]) > 1 {
		return "", refuse(InvalidRequest, "The parameter "+name+" occurs more than once.")
	}
	return q.Get(name), nil
}

// provenClient is the first and second step of every authorization request, and their order is what keeps this server
// from being an open redirector: the client, then its redirect URI, and only then anything that may redirect.
func provenClient(q url.Values, find func(id string) (*Client, error)) (*Client, string, error) {
	id, err := single(q, "client_id")
	if err != nil {
		return nil, "", err
	}
	if id == "" {
		return nil, "", &Error{Code: InvalidRequest, Err: ErrUnknownClient, Description: "The client_id is missing."}
	}
	client, err := find(id)
	if err != nil {
		return nil, "", err
	}
	requested, err := single(q, "redirect_uri")
	if err != nil {
		return nil, "", ofClient(client, err)
	}
	redirectURI, err := client.redirectURI(requested, slices.Contains(strings.Fields(q.Get("scope")), "openid"))
	if err != nil {
		return nil, "", ofClient(client, err)
	}
	return client, redirectURI, nil
}

// readParameters checks everything else, in the order in which the errors matter. Its errors may be redirected.
func (s *Server) readParameters(q url.Values, client *Client, redirectURI string, now time.Time) (*Parameters, error) {
	p := &Parameters{RedirectURI: redirectURI}
	modes := q["response_mode"]
	mode, knownMode := client.responseMode(q.Get("response_mode"), redirectURI)
	if knownMode && len(modes) < 2 {
		p.ResponseMode = mode // errors travel as the client asks, too
	}
	if len(q["state"]) > 1 {
		return p, refuse(InvalidRequest, "The parameter state occurs more than once.")
	}
	if p.State = q.Get("state"); len(p.State) > maxStateSize {
		return p, refuse(InvalidRequest, "The state is longer than 8 KiB.")
	}
	for name, values := range q {
		if len(values) > 1 && name != "resource" && name != "audience" {
			return p, refuse(InvalidRequest, "The parameter "+printable(name)+" occurs more than once.")
		}
	}
	if q.Get("request") != "" {
		return p, refuse(RequestNotSupported, "Request objects are not supported.")
	}
	if q.Get("request_uri") != "" {
		return p, refuse(RequestURINotSupported, "The request_uri is not supported.")
	}
	if q.Get("registration") != "" {
		return p, refuse(RegistrationNotSupported, "The registration parameter is not supported.")
	}
	switch q.Get("response_type") {
	case "code":
	case "":
		return p, refuse(InvalidRequest, "The response_type is missing.")
	default:
		return p, refuse(UnsupportedResponseType, "The only response_type is code.")
	}
	if !knownMode {
		return p, refuse(InvalidRequest, "The client may not use this response_mode.")
	}
	if !client.Allows(GrantAuthorizationCode) {
		return p, refuse(UnauthorizedClient, "The client may not use the authorization code grant.")
	}
	p.CodeChallenge = q.Get("code_challenge")
	if err := checkChallenge(p.CodeChallenge, q.Get("code_challenge_method"), client.PKCEWaived); err != nil {
		return p, err
	}
	if p.DPoPKey = q.Get("dpop_jkt"); p.DPoPKey != "" && !validThumbprint(p.DPoPKey) {
		return p, refuse(InvalidRequest, "The dpop_jkt is not a thumbprint by SHA-256.")
	}
	if p.Nonce = q.Get("nonce"); len(p.Nonce) > 1000 {
		return p, refuse(InvalidRequest, "The nonce is longer than 1000 characters.")
	}
	if err := p.readPrompt(q); err != nil {
		return p, err
	}
	if err := p.readScope(s.registry(), q, client); err != nil {
		return p, err
	}
	p.reduceClaims(client)
	if p.LoginHint = q.Get("login_hint"); len(p.LoginHint) > 300 {
		p.LoginHint = ""
	}
	p.UILocales = ReadUILocales(q.Get("ui_locales"))
	if hint := q.Get("id_token_hint"); hint != "" {
		subject, err := s.readIDTokenHint(hint)
		if err != nil {
			return p, err
		}
		p.HintedPersonID = subject
	}
	return p, nil
}

const maxUILocales = 10

var localeTag = regexp.MustCompile(`^[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8}){0,4}$`)

// ReadUILocales keeps what may be language tags (BCP 47). The rest is no error: OpenID Connect Core §3.1.2.1.
func ReadUILocales(s string) string {
	tags := slices.DeleteFunc(strings.Fields(s), func(tag string) bool { return !localeTag.MatchString(tag) })
	return strings.Join(tags[:min(len(tags), maxUILocales)], " ")
}

// readPrompt reads prompt and max_age, OpenID Connect Core §3.1.2.1.
func (p *Parameters) readPrompt(q url.Values) error {
	prompts := strings.Fields(q.Get("prompt"))
	for _, prompt := range prompts {
		switch prompt {
		case "none":
			p.PromptNone = true
		case "login":
			p.PromptLogin = true
		case "consent":
			p.PromptConsent = true
		case "select_account":
			p.PromptSelect = true
		default:
			return refuse(InvalidRequest, "The prompt is unknown.")
		}
	}
	if p.PromptNone && len(prompts) > 1 {
		return refuse(InvalidRequest, "The prompt none excludes every other.")
	}
	if maxAge := q.Get("max_age"); maxAge != "" {
		seconds, err := strconv.Atoi(maxAge)
		if err != nil || seconds < 0 {
			return refuse(InvalidRequest, "The max_age is not a number of seconds.")
		}
		seconds = min(seconds, maxMaxAge)
		p.MaxAge = &seconds
	}
	p.ACRValues = readACRValues(q.Get("acr_values"))
	if claims := q.Get("claims"); claims != "" {
		return p.readClaims(claims)
	}
	return nil
}

// readScope reduces scope and resource to what client and server know: RFC 6749 §3.3, RFC 8707 §2.
func (p *Parameters) readScope(r *registry, q url.Values, client *Client) error {
	resources, err := r.resolve(nonEmpty(q["resource"]))
	if err != nil {
		return err
	}
	p.Resources = resources
	asked, err := ParseScope(q.Get("scope"))
	if err != nil {
		return err
	}
	p.ScopeAsked = len(asked) > 0
	if !p.ScopeAsked {
		// RFC 6749 §3.3 asks for a default: what the client registered, without what only OpenID Connect gives a meaning to.
		asked = client.Scope.Without(standardScopes...)
	}
	p.Scope = asked.Intersect(client.Scope).Intersect(r.known())
	if len(resources) > 0 {
		p.Scope = p.Scope.filter(func(token string) bool {
			return standardScopes.Has(token) || slices.ContainsFunc(resources, func(res string) bool {
				api, err := r.find(res)
				return err == nil && api.Scope.Has(token)
			})
		})
	}
	if len(p.Scope) == 0 {
		return scopeRefused(RuleScopeNone, "None of the scopes asked for is known and allowed for this client.")
	}
	return nil
}

// readIDTokenHint gives the subject of an ID token that this server issued; its expiry does not matter (OpenID Connect
// Core §3.1.2.1).
func (s *Server) readIDTokenHint(hint string) (subject string, err error) {
	invalid := refuse(InvalidRequest, "The id_token_hint is not an ID token of this server.")
	var claims jwt.Claims
	if !s.readJWT(hint, idTokenType, &claims) || claims.Issuer != s.issuer || claims.Subject == "" {
		return "", invalid
	}
	return claims.Subject, nil
}

func newAuthorizationRequest(client *Client, p *Parameters, browserHash []byte, ip string, now time.Time) *AuthorizationRequest {
	return &AuthorizationRequest{
		ID: rand.Text(), BrowserHash: browserHash, ClientID: client.ID, Address: addressGroup(ip), Parameters: *p,
		CreatedAt: now, ExpiresAt: now.Add(authorizationRequestLifetime),
	}
}

// addressGroup gives what one party holds of addresses: one of IPv4, a /64 of IPv6.
func addressGroup(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil || addr.Is4() {
		return ip
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return ip // unreachable: 64 bits are within an IPv6 address
	}
	return prefix.String()
}

// nonEmpty drops parameters without value, which RFC 6749 §3.1 treats as omitted.
func nonEmpty(values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
}

// printable keeps a name from outside within the characters of error_description, RFC 6749 §5.2.
func printable(s string) string {
	if len(s) > 50 {
		s = s[:50]
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, s)
}

// Domain of the browser cookie's hash, so that it is never mistaken for the hash of anything else.
const browserHashPrefix = "regrant-browser:"

// HashBrowser gives what an authorization request keeps of the browser's cookie.
func HashBrowser(cookie string) []byte { return hashSecret(browserHashPrefix + cookie) }

func encodeB64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
