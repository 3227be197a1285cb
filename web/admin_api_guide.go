package web

import (
	"fmt"

	"regrant/app/oauth"
	"regrant/web/view"
)

// apiGuides tell how the API checks an access token, with its real values.
func (s *Server) apiGuides(t *view.Text, api *oauth.API, secret string) []view.Guide {
	guides := []view.Guide{{ID: "introspect", Title: t.T("admin.apis.guide.introspect"), Lead: t.T("admin.apis.guide.introspect_lead"), Parts: []view.GuidePart{
		{ID: "introspect-1", Text: t.T("admin.apis.guide.introspect_curl"), Code: fmt.Sprintf("curl -s %s \\\n  -u '%s:%s' \\\n  -d token=\"$ACCESS_TOKEN\"", s.cfg.Issuer+oauth.PathIntrospect, api.ClientID, secret)},
		{ID: "introspect-2", Text: t.T("admin.apis.guide.introspect_answer"), Code: fmt.Sprintf("{\n  \"active\": true,\n  \"aud\": \"%s\",\n  \"scope\": \"%s\",\n  …\n}", api.Resource, api.Scope)},
	}}}
	if api.AccessTokenFormat == oauth.FormatOpaque {
		return guides
	}
	return append(guides, view.Guide{ID: "jwt", Title: t.T("admin.apis.guide.jwt"), Lead: t.T("admin.apis.guide.jwt_lead"), Parts: []view.GuidePart{
		{ID: "jwt-1", Text: t.T("admin.apis.guide.jwt_values"), Code: fmt.Sprintf("iss  %s\naud  %s\ntyp  at+jwt\nalg  ES256\nJWKS %s", s.cfg.Issuer, api.Resource, s.cfg.Issuer+oauth.PathJWKS)},
		{ID: "jwt-2", Text: t.T("admin.apis.guide.jwt_javascript"), Code: fmt.Sprintf(`import { createRemoteJWKSet, jwtVerify } from "jose";

const keys = createRemoteJWKSet(new URL("%s"));
const { payload } = await jwtVerify(accessToken, keys, {
  issuer: "%s", audience: "%s", typ: "at+jwt", algorithms: ["ES256"],
});
const scopes = (payload.scope ?? "").split(" ");`, s.cfg.Issuer+oauth.PathJWKS, s.cfg.Issuer, api.Resource)},
		{ID: "jwt-3", Text: t.T("admin.apis.guide.refuse"), Code: "HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Bearer error=\"invalid_token\""},
	}})
}
