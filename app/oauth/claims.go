package oauth

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/go-jose/go-jose/v4/json" // unlike the library's, it refuses an object that names a member twice
)

const maxClaimsSize = 4 << 10 // bytes

// Claims are the claims about a person that an authorization request asks for one by one, OpenID Connect Core §5.5, by their names.
// Those that no scope of this server tells are not in it.
type Claims struct {
	UserInfo map[string]ClaimWish `json:"userinfo,omitempty"`
	IDToken  map[string]ClaimWish `json:"id_token,omitempty"`
}

// ClaimWish is how a claim is asked for, OpenID Connect Core §5.5.1.
type ClaimWish struct {
	Essential bool     `json:"essential,omitempty"` // the client says that it does not go on well without; no more than that
	Values    []string `json:"values,omitempty"`    // one of them is wanted and no other value is told; nil: any
}

// claimScope gives the scope that tells a claim about a person, OpenID Connect Core §5.4; "" for a claim that none tells.
func claimScope(claim string) string {
	switch claim {
	case "name":
		return ScopeProfile
	case "email", "email_verified":
		return ScopeEmail
	case "groups":
		return ScopeGroups
	}
	return ""
}

// Names gives the claims that are asked for, sorted.
func (c Claims) Names() []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(c.UserInfo)), maps.Keys(c.IDToken))
	slices.Sort(names)
	return slices.Compact(names)
}

// Essential says whether the client calls a claim essential.
func (c Claims) Essential(claim string) bool {
	return c.UserInfo[claim].Essential || c.IDToken[claim].Essential
}

// beyond names the claims whose scope is not asked for. Those of the others are allowed, or not, as their scope is.
func (c Claims) beyond(scope Scope) []string {
	return slices.DeleteFunc(c.Names(), func(claim string) bool { return scope.Has(claimScope(claim)) })
}

// filter gives the claims that are kept.
func (c Claims) filter(keep func(claim string) bool) Claims {
	kept := func(wishes map[string]ClaimWish) map[string]ClaimWish {
		var left map[string]ClaimWish
		for claim, wish := range wishes {
			if keep(claim) {
				if left == nil {
					left = map[string]ClaimWish{}
				}
				left[claim] = wish
			}
		}
		return left
	}
	return Claims{kept(c.UserInfo), kept(c.IDToken)}
}

// readClaims reads the claims parameter. Two wishes are not about what is told of the person but about who that is, and must not
// be ignored: an acr that is essential is met (OpenID Connect Core §5.5.1.1), and the sub is one of those that are named (OpenID
// Connect Core §3.1.2.2), or the authorization fails. An acr that is voluntary is as acr_values. auth_time and amr are in every
// ID token.
func (p *Parameters) readClaims(raw string) error {
	malformed := refuse(InvalidRequest, "The claims parameter is malformed.")
	if len(raw) > maxClaimsSize {
		return refuse(InvalidRequest, "The claims parameter is longer than 4 KiB.")
	}
	var asked map[string]json.RawMessage
	if err := json.Unmarshal([]byte(raw), &asked); err != nil || asked == nil {
		return malformed
	}
	var userInfo, idToken map[string]json.RawMessage
	for member, into := range map[string]*map[string]json.RawMessage{"userinfo": &userInfo, "id_token": &idToken} {
		if body, there := asked[member]; there && json.Unmarshal(body, into) != nil {
			return malformed
		}
	}
	acr, err := readWish(idToken["acr"])
	if err != nil {
		return malformed
	}
	if acr.Essential {
		p.EssentialACR = acr.Values
	} else {
		p.ACRValues = append(p.ACRValues, acr.Values...)
	}
	sub, err := readWish(idToken["sub"])
	if err != nil {
		return malformed
	}
	p.Subjects = sub.Values
	if p.Claims.UserInfo, err = readWishes(userInfo); err != nil {
		return malformed
	}
	if p.Claims.IDToken, err = readWishes(idToken); err != nil {
		return malformed
	}
	return nil
}

// readWishes keeps of the members those that this server can tell.
func readWishes(members map[string]json.RawMessage) (map[string]ClaimWish, error) {
	wishes := map[string]ClaimWish{}
	for claim, body := range members {
		if claimScope(claim) == "" {
			continue // OpenID Connect Core §5.5.1: what is not understood is ignored
		}
		wish, err := readWish(body)
		if err != nil {
			return nil, err
		}
		wishes[claim] = wish
	}
	return wishes, nil
}

// readWish reads how one claim is asked for; an absent one, or null, is asked for without more.
func readWish(body json.RawMessage) (ClaimWish, error) {
	var wish struct {
		Essential bool  `json:"essential"`
		Value     any   `json:"value"`
		Values    []any `json:"values"`
	}
	if body == nil {
		return ClaimWish{}, nil
	}
	if err := json.Unmarshal(body, &wish); err != nil {
		return ClaimWish{}, err
	}
	if wish.Value != nil {
		wish.Values = append(wish.Values, wish.Value)
	}
	read := ClaimWish{Essential: wish.Essential}
	for _, value := range wish.Values {
		switch v := value.(type) {
		case string:
			read.Values = append(read.Values, v)
		case bool:
			read.Values = append(read.Values, strconv.FormatBool(v))
		default:
			return ClaimWish{}, errors.New("no claim has a value of this kind")
		}
	}
	return read, nil
}

// reduceClaims drops what the client may not ask for: a claim is told to nobody who may not have its scope, and without openid
// there is nothing to tell it in.
func (p *Parameters) reduceClaims(c *Client) {
	p.Claims = p.Claims.filter(func(claim string) bool { return p.Scope.Has(ScopeOpenID) && c.Scope.Has(claimScope(claim)) })
}

// claimsNow is what is left of the claims of a grant for a token of that scope under what the client may have now. A claim that was
// allowed as a part of its scope goes with it.
func (c *Client) claimsNow(g *Grant, scope Scope, refreshed bool) Claims {
	return g.Claims.filter(func(claim string) bool {
		told := claimScope(claim)
		switch {
		case !c.Scope.Has(told), refreshed && c.Policy.ScopesOnRefresh != nil && !c.Policy.ScopesOnRefresh.Has(told):
			return false
		case g.Scope.Has(told):
			return scope.Has(told)
		}
		return true
	})
}

// personClaims are what is told of a person, OpenID Connect Core §5.1.
type personClaims struct {
	Name          string   `json:"name,omitempty"`
	Email         string   `json:"email,omitempty"`
	EmailVerified *bool    `json:"email_verified,omitempty"`
	Groups        []string `json:"groups,omitzero"` // nil: not asked for
}

// tell gives what a scope tells of a person, and of what was asked for by itself what has a value that is wanted.
func (s *Server) tell(ctx context.Context, o *Owner, scope Scope, wishes map[string]ClaimWish) (personClaims, error) {
	var told personClaims
	wants := func(claim, value string) bool {
		wish, asked := wishes[claim]
		return scope.Has(claimScope(claim)) || asked && (wish.Values == nil || slices.Contains(wish.Values, value))
	}
	if wants("name", o.Name) {
		told.Name = o.Name
	}
	if wants("email", o.Email) {
		told.Email = o.Email
	}
	if wants("email_verified", strconv.FormatBool(o.EmailVerified)) {
		verified := o.EmailVerified
		told.EmailVerified = &verified
	}
	wish, asked := wishes["groups"]
	if !asked || scope.Has(ScopeGroups) {
		groups, err := s.groupsClaim(ctx, o.ID, scope)
		told.Groups = groups
		return told, err
	}
	groups, err := s.groupsClaim(ctx, o.ID, Scope{ScopeGroups})
	if wish.Values != nil { // of a list those that are wanted
		groups = slices.DeleteFunc(groups, func(group string) bool { return !slices.Contains(wish.Values, group) })
	}
	told.Groups = groups
	return told, err
}

// tellClient gives what the ID token that a target belongs to says of the person: the groups, as its scope asks, and what was asked
// for to stand there.
func (s *Server) tellClient(ctx context.Context, o *Owner, t *target, wishes map[string]ClaimWish) (err error) {
	if t.told, err = s.tell(ctx, o, t.scope.Intersect(Scope{ScopeGroups}), wishes); err == nil && t.scope.Has(ScopeGroups) {
		t.groups = t.told.Groups
	}
	return err
}
