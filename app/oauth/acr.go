package oauth

import (
	"slices"
	"strings"
)

// The authentication context classes that this server knows, OpenID Connect Core §2. Whoever has shown two factors has shown one.
const (
	ACRSingleFactor = "urn:regrant:acr:1fa"
	ACRTwoFactors   = "urn:regrant:acr:2fa"
)

const maxACRValues = 20 // more are not looked at

func readACRValues(raw string) []string {
	values := strings.Fields(raw)
	return values[:min(len(values), maxACRValues)]
}

// meetsACR says whether a session of class acr is what one of the values asks for.
func meetsACR(values []string, acr string) bool {
	return slices.Contains(values, acr) || acr == ACRTwoFactors && slices.Contains(values, ACRSingleFactor)
}

// needsSecondFactor says whether another factor has to be shown in a session of class acr: the client needs two, or the request
// asks for them and the owner has two. What is asked for voluntarily is no reason to refuse (OpenID Connect Core §5.5.1.1), nor to
// make somebody add a factor; with prompt=none nothing can be shown.
func (r *AuthorizationRequest) needsSecondFactor(c *Client, o *Owner, acr string) bool {
	if acr == ACRTwoFactors {
		return false
	}
	asked := func(values []string) bool { return !meetsACR(values, acr) && slices.Contains(values, ACRTwoFactors) }
	return c.SecondFactor || o.SecondFactor && (asked(r.EssentialACR) || asked(r.ACRValues) && !r.PromptNone)
}

// toldACR is the class that the client is told: that of the session, or the lower one that it called essential.
func (r *AuthorizationRequest) toldACR(acr string) string {
	if len(r.EssentialACR) > 0 && !slices.Contains(r.EssentialACR, acr) && meetsACR(r.EssentialACR, acr) {
		return ACRSingleFactor
	}
	return acr
}
