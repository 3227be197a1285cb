package oauth

import "encoding/json"

const maxClaimsSize = 4 << 10 // bytes

// readClaims reads the claims parameter, OpenID Connect Core §5.5. This server does not offer it (claims come by scope) and
// ignores it, but for one wish that must not be ignored: an acr that is essential is met, or the authorization fails
// (OpenID Connect Core §5.5.1.1). One that is voluntary is as acr_values.
func (p *Parameters) readClaims(raw string) error {
	malformed := refuse(InvalidRequest, "The claims parameter is malformed.")
	var asked map[string]json.RawMessage
	if len(raw) > maxClaimsSize {
		return malformed
	}
	if err := json.Unmarshal([]byte(raw), &asked); err != nil || asked == nil {
		return malformed
	}
	var userInfo, idToken map[string]json.RawMessage
	for member, into := range map[string]*map[string]json.RawMessage{"userinfo": &userInfo, "id_token": &idToken} {
		if body, there := asked[member]; there && json.Unmarshal(body, into) != nil {
			return malformed
		}
	}
	var acr struct {
		Essential bool     `json:"essential"`
		Value     string   `json:"value"`
		Values    []string `json:"values"`
	}
	if body, there := idToken["acr"]; there && json.Unmarshal(body, &acr) != nil {
		return malformed
	}
	if acr.Value != "" {
		acr.Values = append(acr.Values, acr.Value)
	}
	if acr.Essential {
		p.EssentialACR = acr.Values
	} else {
		p.ACRValues = append(p.ACRValues, acr.Values...)
	}
	return nil
}
