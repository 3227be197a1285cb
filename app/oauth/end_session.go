package oauth

import (
	"context"
	"net/url"
	"slices"

	"regrant/app/audit"
)

// Logout is what is to be done about an application's request to sign a person out.
type Logout struct {
	Client    *Client // that asks, where the request says so; nil: nobody knows
	Ask       bool    // nothing happens until the person says so
	Return    string  // where the browser goes once they are signed out, with the state; "": it stays here
	Refused   error   // why it does not go where it was asked to go, an [*Error]; nil: it does, or was not asked to
	UILocales string  // languages that the pages may speak, see [Parameters]
}

// logoutParameters may occur once each, OpenID Connect RP-Initiated Logout §2.
var logoutParameters = []string{"id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"}

// LogoutParameters keeps of a form or query what a logout request is made of.
func LogoutParameters(q url.Values) url.Values {
	kept := url.Values{}
	for _, name := range logoutParameters {
		if len(q[name]) > 0 {
			kept[name] = q[name]
		}
	}
	return kept
}

// Logout reads a logout request, OpenID Connect RP-Initiated Logout §2; it ends nothing itself. who is nil when nobody is signed in.
//
// The person is asked unless the request proves, by an ID token of this very session, that it comes from an application that they
// are signed in to: else any page could sign people out. The browser goes on to an address only if the application has registered it,
// character by character, and whose request it is stands in the ID token, or is what the person says yes to. What is wrong with a
// request keeps nobody signed in: they are asked, told so, and stay here.
func (s *Server) Logout(ctx context.Context, q url.Values, who *SignedIn, by audit.Origin) (*Logout, error) {
	for _, name := range logoutParameters {
		if _, err := single(q, name); err != nil {
			return nil, err
		}
	}
	if len(q.Get("state")) > maxStateSize {
		return nil, refuse(InvalidRequest, "The state is longer than 8 KiB.")
	}
	l := &Logout{Ask: true, UILocales: ReadUILocales(q.Get("ui_locales"))}
	raw := q.Get("id_token_hint")
	hint, proven := s.readLogoutHint(raw)
	id := q.Get("client_id")
	if id == "" && proven {
		id = hint.Audience
	}
	var client *Client
	if id != "" {
		var err error
		if client, err = s.liveClient(ctx, id); err != nil && isFault(AsError(err)) {
			return nil, err
		}
		l.Refused = err
	}
	switch {
	case l.Refused != nil:
		client = nil
	case raw != "" && !proven:
		l.Refused = because(RuleLogoutHint, refuse(InvalidRequest, "The id_token_hint is not an ID token that one of the keys of this server has signed."))
	case proven && hint.Audience != id:
		l.Refused = because(RuleLogoutHint, refuse(InvalidRequest, "The id_token_hint was issued to another application than the one that client_id names."))
	default:
		l.Client = client
		l.Return, l.Refused = client.afterLogout(q)
		l.Ask = l.Refused != nil || !proven || who != nil && !hint.of(who)
	}
	l.Refused = s.remember(PathEndSession, client, by, l.Refused)
	return l, nil
}

// readLogoutHint reads an ID token that this server issued; its expiry does not matter, and a key that signs no more is as good as
// long as it is published.
func (s *Server) readLogoutHint(raw string) (*idToken, bool) {
	var hint idToken
	ok := raw != "" && s.readJWT(raw, idTokenType, &hint) && hint.Issuer == s.issuer && hint.Subject != "" && hint.Audience != ""
	return &hint, ok
}

// of says whether an ID token was issued in the session of who is signed in.
func (t *idToken) of(who *SignedIn) bool {
	return t.Subject == who.PersonID && t.SessionID != "" && t.SessionID == who.SessionID
}

// afterLogout gives the address that a logout request wants the browser to go to, with the state, if this client has registered it:
// OpenID Connect RP-Initiated Logout §3. A nil client has none.
func (c *Client) afterLogout(q url.Values) (string, error) {
	wanted := q.Get("post_logout_redirect_uri")
	switch {
	case wanted == "":
		return "", nil
	case c == nil:
		return "", &Error{Code: InvalidRequest, Err: ErrRedirectURI, Description: "A post_logout_redirect_uri needs an id_token_hint or a client_id."}
	case !slices.Contains(c.PostLogoutRedirectURIs, wanted):
		return "", because(RuleLogoutRedirectURI, &Error{
			Code: InvalidRequest, Err: ErrRedirectURI, Description: "The post_logout_redirect_uri is not one that the application has registered.",
			Detail: "client_id=" + c.ID + " post_logout_redirect_uri at " + printableOrigin(wanted),
		})
	}
	response := newResponse(&Parameters{RedirectURI: wanted}, "state", q.Get("state"))
	return response.Location(), nil
}
