package oauth

// Rule names what a request did not keep to. The names are stable: they stand in stored refusals and have a text each.
type Rule string

// The rules. What has none of its own goes by its code, see [ruleOf].
const (
	RuleWrongSecret        Rule = "client.wrong_secret"
	RuleWrongMethod        Rule = "client.wrong_method"
	RuleAssertion          Rule = "client.assertion"
	RuleAssertionKey       Rule = "client.assertion_key"
	RuleAssertionUsed      Rule = "client.assertion_used"
	RuleClientKeys         Rule = "client.keys"
	RuleClientDocument     Rule = "client.document" // what stands at its client_id
	RuleClientDisabled     Rule = "client.disabled"
	RuleClientGrantType    Rule = "client.grant_type"
	RuleClientPublic       Rule = "client.public"
	RuleRequest            Rule = "request.invalid"
	RuleGrantType          Rule = "request.grant_type"
	RuleResponseType       Rule = "request.response_type"
	RuleUnsupported        Rule = "request.unsupported"
	RuleTokenType          Rule = "request.token_type"
	RuleRequestPushed      Rule = "request.pushed"     // its request_uri leads nowhere, or too many wait
	RuleRequestNotPushed   Rule = "request.not_pushed" // it has to be pushed and was not
	RuleProof              Rule = "dpop.proof"
	RuleProofMissing       Rule = "dpop.missing"
	RuleScope              Rule = "scope.invalid"
	RuleScopeWider         Rule = "scope.wider"
	RuleScopeNone          Rule = "scope.none_left"
	RuleResource           Rule = "resource.invalid"
	RuleRedirectURI        Rule = "redirect_uri.not_registered"
	RuleRedirectURIMissing Rule = "redirect_uri.missing"
	RulePKCE               Rule = "pkce.challenge"
	RuleSignInNeeded       Rule = "authorization.sign_in_needed"
	RuleConsentNeeded      Rule = "authorization.consent_needed"
	RuleAuthentication     Rule = "authorization.authentication"
	RuleDenied             Rule = "authorization.denied"
	RuleAccess             Rule = "authorization.no_access"

	RuleLogoutHint        Rule = "logout.hint"
	RuleLogoutRedirectURI Rule = "logout.redirect_uri"

	RuleCodeClient      Rule = "code.client_mismatch"
	RuleCodeKey         Rule = "code.key"
	RuleCodeRedirectURI Rule = "code.redirect_uri"
	RuleCodeVerifier    Rule = "code.verifier"
	RuleCodeTries       Rule = "code.too_many_tries"
	RuleCodeSpent       Rule = "code.spent"
	RuleCodeExpired     Rule = "code.expired"
	RuleCodePerson      Rule = "code.person"
	RuleCodeAccess      Rule = "code.no_access"

	RuleDeviceClient  Rule = "device_code.client_mismatch"
	RuleDeviceSpent   Rule = "device_code.spent"
	RuleDeviceExpired Rule = "device_code.expired"
	RuleDeviceTooMany Rule = "device_code.too_many"

	RuleExchangeSubject Rule = "exchange.subject_token"
	RuleExchangeActor   Rule = "exchange.actor_token"
	RuleExchangeTarget  Rule = "exchange.target"

	RuleTokenOrphan      Rule = "refresh_token.orphan"
	RuleTokenClient      Rule = "refresh_token.client_mismatch"
	RuleTokenKey         Rule = "refresh_token.key"
	RuleTokenRevoked     Rule = "refresh_token.revoked"
	RuleTokenPerson      Rule = "refresh_token.person_disabled"
	RuleTokenCovered     Rule = "refresh_token.revoked_with_all"
	RuleTokenAbsolute    Rule = "refresh_token.expired_absolute"
	RuleTokenIdle        Rule = "refresh_token.expired_idle"
	RuleTokenReuse       Rule = "refresh_token.reuse"
	RuleTokenReported    Rule = "refresh_token.reuse_reported"
	RuleTokenStale       Rule = "refresh_token.stale"
	RuleTokenFork        Rule = "refresh_token.fork"
	RuleTokenFuture      Rule = "refresh_token.after_restore"
	RuleTokenReplayed    Rule = "refresh_token.replayed_too_often"
	RuleTokenKeyLost     Rule = "refresh_token.successor_lost"
	RuleTokenLimit       Rule = "refresh_token.too_many"
	RuleTokenOfflineGone Rule = "refresh_token.offline_access_removed"
	RuleTokenAccess      Rule = "refresh_token.no_access"

	RuleAccessExpired  Rule = "access_token.expired"
	RuleAccessRevoked  Rule = "access_token.revoked"
	RuleAccessAudience Rule = "access_token.audience"
	RuleAccessKey      Rule = "access_token.key"
	RuleAccessScope    Rule = "access_token.scope"
	RuleAccessNoAccess Rule = "access_token.no_access"
)

// Rules gives every rule, in the order in which they are declared.
func Rules() []Rule {
	return []Rule{
		RuleWrongSecret, RuleWrongMethod, RuleAssertion, RuleAssertionKey, RuleAssertionUsed, RuleClientKeys, RuleClientDocument, RuleClientDisabled, RuleClientGrantType, RuleClientPublic, RuleRequest, RuleGrantType,
		RuleResponseType, RuleUnsupported, RuleTokenType, RuleRequestPushed, RuleRequestNotPushed, RuleProof, RuleProofMissing, RuleScope, RuleScopeWider, RuleScopeNone, RuleResource, RuleRedirectURI,
		RuleRedirectURIMissing, RulePKCE, RuleSignInNeeded, RuleConsentNeeded, RuleAuthentication, RuleDenied, RuleAccess, RuleLogoutHint, RuleLogoutRedirectURI,
		RuleCodeClient, RuleCodeKey, RuleCodeRedirectURI, RuleCodeVerifier, RuleCodeTries, RuleCodeSpent, RuleCodeExpired, RuleCodePerson, RuleCodeAccess,
		RuleDeviceClient, RuleDeviceSpent, RuleDeviceExpired, RuleDeviceTooMany,
		RuleExchangeSubject, RuleExchangeActor, RuleExchangeTarget,
		RuleTokenOrphan, RuleTokenClient, RuleTokenKey, RuleTokenRevoked, RuleTokenPerson, RuleTokenCovered, RuleTokenAbsolute, RuleTokenIdle,
		RuleTokenReuse, RuleTokenReported, RuleTokenStale, RuleTokenFork, RuleTokenFuture, RuleTokenReplayed, RuleTokenKeyLost,
		RuleTokenLimit, RuleTokenOfflineGone, RuleTokenAccess, RuleAccessExpired, RuleAccessRevoked, RuleAccessAudience, RuleAccessKey, RuleAccessScope,
		RuleAccessNoAccess,
	}
}

// ruleOf is the rule of an error that names none.
func ruleOf(code Code) Rule {
	switch code {
	case UnauthorizedClient:
		return RuleClientGrantType
	case UnsupportedGrantType:
		return RuleGrantType
	case UnsupportedResponseType:
		return RuleResponseType
	case UnsupportedTokenType:
		return RuleTokenType
	case RequestNotSupported, RequestURINotSupported, RegistrationNotSupported:
		return RuleUnsupported
	case InvalidScope:
		return RuleScope
	case InvalidTarget:
		return RuleResource
	case LoginRequired:
		return RuleSignInNeeded
	case ConsentRequired:
		return RuleConsentNeeded
	case UnmetAuthentication:
		return RuleAuthentication
	case AccessDenied:
		return RuleDenied
	}
	return RuleRequest
}
