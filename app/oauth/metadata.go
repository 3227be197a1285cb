package oauth

import (
	"net/url"

	"github.com/go-jose/go-jose/v4"
)

// Metadata is the document of RFC 8414 §2, OpenID Connect Discovery §3, OpenID Connect RP-Initiated Logout §2.1
// and OpenID Connect Back-Channel Logout §2.1. It says what defaults wrongly, and nothing
// that does not work.
type Metadata struct {
	Issuer                        string   `json:"issuer"`
	AuthorizationEndpoint         string   `json:"authorization_endpoint"`
	TokenEndpoint                 string   `json:"token_endpoint"`
	UserInfoEndpoint              string   `json:"userinfo_endpoint"`
	JWKSURI                       string   `json:"jwks_uri"`
	RevocationEndpoint            string   `json:"revocation_endpoint"`
	IntrospectionEndpoint         string   `json:"introspection_endpoint"`
	PAREndpoint                   string   `json:"pushed_authorization_request_endpoint"`
	DeviceAuthorizationEndpoint   string   `json:"device_authorization_endpoint"`
	EndSessionEndpoint            string   `json:"end_session_endpoint"`
	RegistrationEndpoint          string   `json:"registration_endpoint,omitempty"`                 // RFC 7591 §3
	ClientIDDocuments             bool     `json:"client_id_metadata_document_supported,omitempty"` // Client ID Metadata Document §5
	BackchannelLogout             bool     `json:"backchannel_logout_supported"`
	BackchannelLogoutSession      bool     `json:"backchannel_logout_session_supported"`
	ServiceDocumentation          string   `json:"service_documentation"`
	ScopesSupported               []string `json:"scopes_supported"`
	ResponseTypesSupported        []string `json:"response_types_supported"`
	ResponseModesSupported        []string `json:"response_modes_supported"`
	GrantTypesSupported           []string `json:"grant_types_supported"`
	SubjectTypesSupported         []string `json:"subject_types_supported"`
	IDTokenSigningAlgs            []string `json:"id_token_signing_alg_values_supported"`
	TokenEndpointAuthMethods      []string `json:"token_endpoint_auth_methods_supported"`
	TokenEndpointAuthAlgs         []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	RevocationAuthMethods         []string `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAuthAlgs            []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	IntrospectionAuthMethods      []string `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionAuthAlgs         []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	IntrospectionAlgs             []string `json:"introspection_signing_alg_values_supported"`
	CodeChallengeMethods          []string `json:"code_challenge_methods_supported"`
	ACRValuesSupported            []string `json:"acr_values_supported"`
	PromptValuesSupported         []string `json:"prompt_values_supported"`
	ClaimsSupported               []string `json:"claims_supported"`
	ClaimTypesSupported           []string `json:"claim_types_supported"`
	UILocalesSupported            []string `json:"ui_locales_supported"`
	ClaimsParameterSupported      bool     `json:"claims_parameter_supported"`
	RequestParameterSupported     bool     `json:"request_parameter_supported"`
	RequestURIParameterSupported  bool     `json:"request_uri_parameter_supported"`
	DPoPAlgorithms                []string `json:"dpop_signing_alg_values_supported"`
	PARRequired                   bool     `json:"require_pushed_authorization_requests"`
	AuthorizationResponseIssuerID bool     `json:"authorization_response_iss_parameter_supported"`
}

// The paths of the endpoints below the issuer, design.md section 7.
const (
	PathAuthorize           = "/authorize"
	PathPAR                 = "/par"
	PathToken               = "/token"
	PathRevoke              = "/revoke"
	PathIntrospect          = "/introspect"
	PathUserInfo            = "/userinfo"
	PathDeviceAuthorization = "/device_authorization"
	PathDevice              = "/device"
	PathEndSession          = "/end_session"
	PathRegister            = "/register"
	PathForwardAuth         = "/forward-auth"
	PathJWKS                = "/.well-known/jwks.json"
	PathOAuthMetadata       = "/.well-known/oauth-authorization-server"
	PathOIDCMetadata        = "/.well-known/openid-configuration"
)

// Metadata gives the document of this server.
func (s *Server) Metadata() *Metadata {
	confidential := []string{string(AuthBasic), string(AuthPost), string(AuthPrivateKeyJWT)}
	withPublic := append(confidential[:3:3], string(AuthNone))
	register := ""
	if s.RegistrationOffered() {
		register = s.issuer + PathRegister
	}
	return &Metadata{
		Issuer: s.issuer, RegistrationEndpoint: register, ClientIDDocuments: s.DocumentsOffered(),
		AuthorizationEndpoint: s.issuer + PathAuthorize, TokenEndpoint: s.issuer + PathToken, UserInfoEndpoint: s.issuer + PathUserInfo,
		JWKSURI: s.issuer + PathJWKS, RevocationEndpoint: s.issuer + PathRevoke, IntrospectionEndpoint: s.issuer + PathIntrospect, PAREndpoint: s.issuer + PathPAR, PARRequired: s.parRequired,
		DeviceAuthorizationEndpoint: s.issuer + PathDeviceAuthorization, EndSessionEndpoint: s.issuer + PathEndSession,
		BackchannelLogout: true, BackchannelLogoutSession: true,
		ServiceDocumentation:   s.issuer + "/docs",
		ScopesSupported:        s.registry().known(),
		ResponseTypesSupported: []string{"code"}, ResponseModesSupported: responseModes, GrantTypesSupported: grantTypes,
		SubjectTypesSupported: []string{"public"}, IDTokenSigningAlgs: []string{AlgRS256, AlgES256},
		TokenEndpointAuthMethods: withPublic, RevocationAuthMethods: withPublic, IntrospectionAuthMethods: confidential,
		TokenEndpointAuthAlgs: AssertionAlgs(), RevocationAuthAlgs: AssertionAlgs(), IntrospectionAuthAlgs: AssertionAlgs(), IntrospectionAlgs: []string{AlgRS256, AlgES256},
		DPoPAlgorithms:       DPoPAlgorithms(),
		CodeChallengeMethods: []string{"S256"}, ACRValuesSupported: []string{ACRSingleFactor, ACRTwoFactors}, PromptValuesSupported: []string{"none", "login", "consent", "select_account"},
		ClaimsSupported:     []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid", "name", "email", "email_verified", "groups"},
		ClaimTypesSupported: []string{"normal"}, UILocalesSupported: []string{"en", "de"},
		AuthorizationResponseIssuerID: true, ClaimsParameterSupported: true,
	}
}

// JWKS gives the public halves of the signing keys, RFC 7517 §5.
func (s *Server) JWKS() jose.JSONWebKeySet { return s.keys().jwks }

// ValidateIssuer refuses an issuer that RFC 8414 §2 does not allow: https, or http on loopback, without query, fragment or
// trailing slash.
func ValidateIssuer(issuer string) error {
	bad := func(why string) error { return refuse(InvalidRequest, "issuer: "+why) }
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Hostname() == "":
		return bad("must be a URL such as https://id.example.com")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return bad("must not have a query or fragment")
	case len(issuer) > 0 && issuer[len(issuer)-1] == '/':
		return bad("must not end with a slash")
	case u.String() != issuer:
		return bad("is spelled in an unusual way; write it as " + u.String())
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return bad("must be https; http is for localhost and loopback addresses only")
}
