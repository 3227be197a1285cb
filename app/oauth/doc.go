// Package oauth is the authorization server of RFC 6749: who may get which token, and when it ends. It is plain Go: HTTP
// is the business of package web, SQL of package db, which implements the [Store] that is declared here.
//
// # The story
//
// A [Client] sends a person's browser to [Server.Authorize]. The request is checked (authorization_request.go: the client,
// its redirect URI, and only then what may redirect; a client may have sent it ahead, pushed_request.go), kept, and bound to the browser, until the person has signed in and
// consented. [Server.Decide] ends it with a code (code.go).
//
// Everything else begins at [Server.Token] in token.go: the client authenticates (client_authentication.go; with a signature:
// client_assertion.go, client_key.go), and the grant type chooses the file. code_redemption.go turns a code into a [Grant]: what one person allowed one client at one sign-in on
// one device. Access tokens (access_token.go), ID tokens (id_token.go) and the one refresh token hang on it and die with it.
//
// The refresh token is what this package exists for. refresh_token.go says what it is, refresh.go what happens when one is
// presented: it moves to its next generation, or answers a repeated request with the same successor, or proves that two
// parties hold it, which ends the grant. window.go keeps the time in which a repetition is honest, clock.go the time that a
// crash or a wrong clock cannot move, behind.go what is counted and may be lost.
//
// A client may prove with each request that it holds a key (dpop.go, dpop_nonce.go); its tokens are bound to that key then, and a copy
// of them is worth nothing.
//
// [Server.Introspect], [Server.UserInfo] and [Server.Revoke] are what resource servers and clients ask about the tokens that they
// have. [Server.Logout] (end_session.go) reads an application's wish to sign a person out, and
// [Server.LogoutToken] (logout_token.go) tells applications that a session has ended; [Server.Webhook] (webhook.go) and
// [Server.SecurityEvent] (security_event.go) tell them that a grant has, where an admin lets them ([ChangePush] in push.go). [Metadata] says what this server can do.
//
// A reverse proxy may ask before each request of an application that knows nothing of OAuth who it comes from ([Server.ForwardSession],
// [Server.ForwardBearer] in forward_auth.go).
//
// Clients may register themselves ([Server.RegisterItself] in dynamic_registration.go; what they say of themselves: client_metadata.go) as far as
// an admin lets them (registration_rules.go, initial_access_token.go), and look after their registration (client_configuration.go). Or
// their client_id is the address of a document that says what they are (client_document.go): it is read when an authorization begins
// (client_introduction.go), and kept as a client, on which grants hang like on any other. Nobody vouches for either: [Client.Unverified].
//
// # Rules that hold everywhere
//
// What changes state is one method of the [Store] and one transaction, and every one-time thing is used up there, so that of
// any number of callers one wins. Tokens are signed before anything is written, and a refusal leaves what is stored as it
// was. An error of the store is never a verdict on a token: it becomes [TemporarilyUnavailable], and the same request
// works later. Code and Description of an [Error] travel, Detail and Err stay home.
//
// # Index
//
// Where a section of a specification is followed. A test keeps this list equal to what the comments cite.
//
//	Client ID Metadata Document §3       client_document.go
//	Client ID Metadata Document §4       client_introduction.go, client_source.go
//	Client ID Metadata Document §4.1     client_document.go
//	Client ID Metadata Document §4.4     client_document.go
//	Client ID Metadata Document §5       metadata.go
//	Client ID Metadata Document §6.6     client_document.go
//	Client ID Metadata Document §6.9     client_document_rules.go
//	OAuth 2.1 §10.2                      code_redemption.go
//	OpenID Connect Back-Channel Logout §2.1  id_token.go, metadata.go
//	OpenID Connect Back-Channel Logout §2.2  client.go
//	OpenID Connect Back-Channel Logout §2.4  access_token.go, logout_token.go
//	OpenID Connect Core §2               acr.go, grant.go, id_token.go
//	OpenID Connect Core §3.1.2.1         authorization.go, authorization_request.go, redirect_uri.go
//	OpenID Connect Core §3.1.2.2         claims.go
//	OpenID Connect Core §3.1.2.6         error.go
//	OpenID Connect Core §5.1             claims.go
//	OpenID Connect Core §5.3             userinfo.go
//	OpenID Connect Core §5.4             claims.go, scope.go, userinfo.go
//	OpenID Connect Core §5.5             claims.go
//	OpenID Connect Core §5.5.1           claims.go
//	OpenID Connect Core §5.5.1.1         acr.go, claims.go
//	OpenID Connect Core §9               client.go
//	OpenID Connect Core §11              authorization.go, scope.go
//	OpenID Connect Core §12.2            id_token.go
//	OpenID Connect Discovery §3          metadata.go
//	OpenID Connect RP-Initiated Logout §2  end_session.go
//	OpenID Connect RP-Initiated Logout §2.1  metadata.go
//	OpenID Connect RP-Initiated Logout §3  end_session.go
//	OpenID Connect RP-Initiated Logout §3.1  redirect_uri.go
//	OpenID Connect Registration §2       client_metadata.go, client_source.go
//	OpenID Connect Registration §5       client_metadata.go
//	RFC 3986 §6.2.2.1                    resource.go
//	RFC 4648 §3.5                        base64url.go
//	RFC 4648 §5                          base64url.go
//	RFC 6454 §6.2                        forward_auth.go, origin.go
//	RFC 6749 Appendix A.1                client.go
//	RFC 6749 §1.1                        resource.go, server.go
//	RFC 6749 §2                          client.go
//	RFC 6749 §2.1                        client.go
//	RFC 6749 §2.3                        client_authentication.go
//	RFC 6749 §3.1                        authorization_request.go, response.go
//	RFC 6749 §3.1.2                      redirect_uri.go
//	RFC 6749 §3.1.2.3                    redirect_uri.go
//	RFC 6749 §3.2                        token.go
//	RFC 6749 §3.3                        authorization_request.go, grant_change.go, scope.go
//	RFC 6749 §4.1.1                      authorization.go, authorization_request.go
//	RFC 6749 §4.1.2                      authorization.go, code.go, code_redemption.go, response.go
//	RFC 6749 §4.1.2.1                    error.go
//	RFC 6749 §4.1.3                      client.go, code_redemption.go, forward_auth.go
//	RFC 6749 §4.4                        access_token.go, client_credentials.go
//	RFC 6749 §5.1                        token.go
//	RFC 6749 §5.2                        authorization_request.go, client_metadata.go, error.go
//	RFC 6749 §6                          refresh.go
//	RFC 6750 §3.1                        error.go, userinfo.go
//	RFC 7009 §2.1                        revocation.go
//	RFC 7009 §2.2                        revocation.go
//	RFC 7009 §2.2.1                      error.go
//	RFC 7515 §4.1.11                     access_token.go, client_assertion.go
//	RFC 7515 §7.1                        access_token.go
//	RFC 7517 §4                          client_key.go
//	RFC 7517 §5                          client.go, client_key.go, metadata.go
//	RFC 7518 §3.3                        client_key.go
//	RFC 7519 §5.1                        access_token.go
//	RFC 7521 §4.2                        client_assertion.go
//	RFC 7523 §2.2                        client_assertion.go
//	RFC 7523 §3                          client_assertion.go
//	RFC 7591 §2                          client.go, client_document.go, client_key.go, client_metadata.go, client_source.go
//	RFC 7591 §3                          initial_access_token.go, metadata.go, registration_rules.go
//	RFC 7591 §3.1                        dynamic_registration.go
//	RFC 7591 §3.2.1                      dynamic_registration.go
//	RFC 7591 §3.2.2                      client.go, dynamic_registration.go
//	RFC 7592 §2.1                        client_configuration.go
//	RFC 7592 §2.2                        client_configuration.go
//	RFC 7592 §2.3                        client_configuration.go
//	RFC 7592 §3                          client.go, client_configuration.go, dynamic_registration.go
//	RFC 7636 §4.1                        pkce.go
//	RFC 7636 §4.2                        pkce.go
//	RFC 7636 §4.6                        forward_auth.go, pkce.go
//	RFC 7638 §3                          dpop.go
//	RFC 7662 §2.2                        introspection.go
//	RFC 8252 §7                          redirect_uri.go
//	RFC 8252 §7.3                        redirect_uri.go
//	RFC 8252 §8.4                        redirect_uri.go
//	RFC 8252 §8.5                        client_authentication.go
//	RFC 8252 §8.6                        consent.go
//	RFC 8414 §2                          metadata.go, server.go
//	RFC 8417 §2.2                        security_event.go
//	RFC 8417 §2.3                        access_token.go
//	RFC 8628 §3.1                        device_authorization.go
//	RFC 8628 §3.2                        device_authorization.go
//	RFC 8628 §3.3                        device_authorization.go
//	RFC 8628 §3.4                        client.go, device_code.go
//	RFC 8628 §3.5                        device_authorization.go, device_code.go, error.go
//	RFC 8628 §5.1                        device_authorization.go, device_guess.go
//	RFC 8628 §5.4                        device_authorization.go
//	RFC 8628 §6.1                        device_authorization.go
//	RFC 8693 §2                          token_exchange.go
//	RFC 8693 §2.1                        client.go, token_exchange.go
//	RFC 8693 §2.2.1                      token.go
//	RFC 8693 §2.2.2                      error.go, token_exchange.go
//	RFC 8693 §3                          token_exchange.go
//	RFC 8693 §4.1                        introspection.go, token_exchange.go
//	RFC 8707 §2                          authorization_request.go, error.go, resource.go
//	RFC 8707 §2.2                        resource.go
//	RFC 8725 §3.2                        client_assertion.go
//	RFC 8935 §2                          client.go
//	RFC 9068 §2.1                        access_token.go
//	RFC 9068 §2.2                        access_token.go
//	RFC 9068 §2.2.3.1                    access_token.go, groups_claim.go
//	RFC 9068 §3                          resource.go
//	RFC 9110 §5.5                        push.go
//	RFC 9126 §2                          pushed_request.go
//	RFC 9126 §2.1                        pushed_request.go
//	RFC 9126 §2.2                        pushed_request.go
//	RFC 9126 §4                          pushed_request.go
//	RFC 9126 §5                          pushed_request.go, server.go
//	RFC 9126 §6                          client.go, pushed_request.go
//	RFC 9207 §2                          error.go
//	RFC 9449 §4.2                        dpop.go
//	RFC 9449 §4.3                        dpop.go
//	RFC 9449 §5                          dpop.go, grant.go
//	RFC 9449 §5.2                        client.go, dpop.go
//	RFC 9449 §6.1                        dpop.go
//	RFC 9449 §7.1                        userinfo.go
//	RFC 9449 §7.2                        userinfo.go
//	RFC 9449 §8                          dpop.go, dpop_nonce.go
//	RFC 9449 §8.2                        dpop_nonce.go
//	RFC 9449 §10                         code.go, dpop.go
//	RFC 9449 §10.1                       pushed_request.go
//	RFC 9449 §11.1                       dpop.go, dpop_nonce.go
//	RFC 9449 §12.2                       error.go
//	RFC 9493 §3                          security_event.go
//	RFC 9493 §3.2                        security_event.go
//	RFC 9700 §2                          client.go
//	RFC 9700 §2.1.1                      client.go, pkce.go
//	RFC 9700 §2.6                        redirect_uri.go
//	RFC 9700 §4.1.3                      redirect_uri.go
//	RFC 9700 §4.8.2                      pkce.go
//	RFC 9700 §4.11.2                     authorization.go
//	RFC 9700 §4.14.2                     policy.go, refresh.go
//	RFC 9700 §4.15                       client.go
//	RFC 9701 §5                          access_token.go, introspection.go
package oauth
