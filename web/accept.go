package web

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// introspectionJWT is the media type of a signed introspection response, RFC 9701 §4.
const introspectionJWT = "application/token-introspection+jwt"

// prefers says whether a request names media in its Accept header, and wants other no more than that: RFC 9110 §12.5.1. A pattern
// such as */* asks for nothing in particular.
func prefers(r *http.Request, media, other string) bool {
	wanted := func(media string) (quality float64) {
		for _, one := range strings.Split(strings.Join(r.Header["Accept"], ","), ",") {
			name, params, err := mime.ParseMediaType(one)
			if err != nil || name != media {
				continue
			}
			q := 1.0
			if text, given := params["q"]; given {
				if q, err = strconv.ParseFloat(text, 64); err != nil {
					continue
				}
			}
			quality = max(quality, q)
		}
		return quality
	}
	q := wanted(media)
	return q > 0 && q >= wanted(other)
}
