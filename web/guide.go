package web

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"regrant/app/oauth"
	"regrant/web/view"
)

// guides tell how to connect an application, with its real values. The secret is a placeholder: nobody can show it again.
func (s *Server) guides(t *view.Text, c *oauth.Client) []view.Guide {
	values := s.guideValues(c)
	guide := func(id, title, lead string, parts ...view.GuidePart) view.Guide {
		for i := range parts {
			parts[i].ID = id + "-" + string(rune('1'+i))
			parts[i].Code = strings.TrimSpace(values.Replace(parts[i].Code))
		}
		return view.Guide{ID: id, Title: title, Lead: lead, Parts: parts}
	}
	part := func(text, code string) view.GuidePart { return view.GuidePart{Text: text, Code: code} }
	if c.AuthMethod == oauth.AuthPrivateKeyJWT { // a library makes the assertions, no line of a shell does
		code := jsServer
		switch {
		case !getsPeople(c):
			code = jsMachine
		case !c.Allows(oauth.GrantAuthorizationCode):
			code = jsDevice
		}
		return []view.Guide{guide("javascript", "JavaScript", t.T("admin.guide.key_lead"), part("npm install openid-client", code))}
	}
	if !getsPeople(c) {
		if !c.Allows(oauth.GrantClientCredentials) {
			return nil
		}
		return []view.Guide{
			guide("curl", "curl", t.T("admin.guide.machine_lead"), part("", curlMachine)),
			guide("go", "Go", t.T("admin.guide.go_machine_lead"), part("", goMachine)),
			guide("javascript", "JavaScript", t.T("admin.guide.javascript_lead"), part("npm install openid-client", jsMachine)),
			guide("python", "Python", t.T("admin.guide.python_lead"), part("pip install authlib requests", pythonMachine)),
		}
	}
	device := []view.GuidePart{part(t.T("admin.guide.device_begin"), curlDevice), part(t.T("admin.guide.device_poll"), curlDevicePoll)}
	if !c.Allows(oauth.GrantAuthorizationCode) {
		return []view.Guide{
			guide("curl", "curl", t.T("admin.guide.device_lead"), device...),
			guide("javascript", "JavaScript", t.T("admin.guide.device_javascript_lead"), part("npm install openid-client", jsDevice)),
		}
	}
	curl := []view.GuidePart{part(t.T("admin.guide.curl_begin"), curlBegin), part(t.T("admin.guide.curl_code"), curlCode)}
	if c.Allows(oauth.GrantRefreshToken) {
		curl = append(curl, part(t.T("admin.guide.curl_refresh"), curlRefresh))
	}
	byHand := guide("curl", "curl", t.T("admin.guide.curl_lead"), curl...)
	var first []view.Guide
	if command := demoCommand(s.cfg.Issuer, c); command != "" {
		first = append(first, guide("demo", "regrant demo", t.T("demo.guide"), part("", command)))
	}
	if c.Allows(oauth.GrantDeviceCode) {
		first = append(first, guide("device", t.T("admin.guide.device"), t.T("admin.guide.device_lead"), device...))
	}
	switch c.Kind() {
	case oauth.KindSinglePage:
		return append(first, guide("javascript", "JavaScript", t.T("admin.guide.browser_lead"), part("npm install oidc-client-ts", jsBrowser)), byHand)
	case oauth.KindNative:
		return append(first,
			guide("go", "Go", t.T("admin.guide.go_native_lead"), part("", goNative)),
			guide("javascript", "JavaScript", t.T("admin.guide.javascript_lead"), part("npm install openid-client", jsServer)),
			guide("python", "Python", t.T("admin.guide.python_lead"), part("pip install authlib requests", pythonCode)),
			byHand,
		)
	}
	return append(first,
		byHand,
		guide("go", "Go", t.T("admin.guide.go_lead"), part("", goServer)),
		guide("javascript", "JavaScript", t.T("admin.guide.javascript_lead"), part("npm install openid-client", jsServer)),
		guide("python", "Python", t.T("admin.guide.python_lead"), part("pip install authlib requests", pythonCode)),
		guide("oauth2-proxy", "oauth2-proxy", t.T("admin.guide.oauth2_proxy_lead"), part("", oauth2Proxy)),
		guide("grafana", "Grafana", t.T("admin.guide.grafana_lead"), part("", grafana)),
	)
}

// guideValues puts a client's values in the place of their names. What a registration may hold has no quotation mark and no backslash,
// so it stands between the double quotes of every language; the shell gets single quotes.
func (s *Server) guideValues(c *oauth.Client) *strings.Replacer {
	redirect := ""
	if len(c.RedirectURIs) > 0 {
		redirect = c.RedirectURIs[0]
	}
	path := "/"
	if u, err := url.Parse(redirect); err == nil && u.Path != "" {
		if path = u.Path; u.Port() == "" && u.Scheme == "http" { // a loopback address, whose port is free: RFC 8252 section 7.3
			u.Host += ":8976"
			redirect = u.String()
		}
	}
	scope := c.Scope
	if !getsPeople(c) {
		scope = scope.Without(oauth.StandardScopes()...)
	}
	query := url.Values{"response_type": {"code"}, "client_id": {c.ID}, "redirect_uri": {redirect}, "code_challenge_method": {"S256"}}
	if len(scope) > 0 {
		query.Set("scope", scope.String())
	}
	secret, curlAuth, method := `, "`+view.SecretPlaceholder+`"`, `-u "$CLIENT:$CLIENT_SECRET"`, "ClientSecretBasic"
	style, python := "oauth2.AuthStyleInHeader", "client_secret_basic"
	switch c.AuthMethod {
	case oauth.AuthPost:
		curlAuth, method = `--data-urlencode "client_id=$CLIENT" --data-urlencode "client_secret=$CLIENT_SECRET"`, "ClientSecretPost"
		style, python = "oauth2.AuthStyleInParams", "client_secret_post"
	case oauth.AuthNone:
		secret, curlAuth = "", `--data-urlencode "client_id=$CLIENT"`
		style, python = "oauth2.AuthStyleInParams", "none"
	}
	client := c.ID
	if c.AuthMethod == oauth.AuthBasic {
		client = url.QueryEscape(c.ID) // RFC 6749 section 2.3.1
	}
	jsAuth, shSecret := "client.None()", ""
	if c.AuthMethod == oauth.AuthPrivateKeyJWT {
		jsAuth = jsKey
	} else if !c.Public() {
		jsAuth, shSecret = "client."+method+`("`+view.SecretPlaceholder+`")`, "CLIENT_SECRET="+view.SecretPlaceholder+"\n"
	}
	grafanaStyle := "InHeader"
	if c.AuthMethod == oauth.AuthPost {
		grafanaStyle = "InParams"
	}
	insecure := ""
	if strings.HasPrefix(s.cfg.Issuer, "http://") {
		insecure = ", {\n  execute: [client.allowInsecureRequests], // http is for trying out on one machine\n}"
	}
	goScopes := ""
	if len(scope) > 0 {
		goScopes = `"` + strings.Join(scope, `", "`) + `"`
	}
	return strings.NewReplacer(
		"{ISSUER}", s.cfg.Issuer, "{HOST}", hostOf(s.cfg.Issuer), "{CLIENT_ID}", c.ID, "{REDIRECT_URI}", redirect, "{REDIRECT_PATH}", path, "{SCOPE}", scope.String(),
		"{SH_ISSUER}", shellQuoted(s.cfg.Issuer), "{SH_CLIENT}", shellQuoted(client), "{SH_REDIRECT_URI}", shellQuoted(redirect),
		"{SH_AUTHORIZE}", shellQuoted(s.cfg.Issuer+oauth.PathAuthorize+"?"+query.Encode()), "{SH_SCOPE}", shellQuoted(scope.String()),
		"{SH_SECRET}", shSecret, "{CURL_AUTH}", curlAuth,
		"{GO_SCOPES}", goScopes, "{GO_STYLE}", style,
		"{JS_AUTH}", jsAuth, "{JS_INSECURE}", insecure, "{PY_SECRET}", secret, "{PY_METHOD}", python,
		"{GRAFANA_STYLE}", grafanaStyle, "{COOKIE_REFRESH}", cookieRefresh(c.Policy.AccessTokenLifetime),
		"{SECRET}", view.SecretPlaceholder, "{TOKEN}", s.cfg.Issuer+oauth.PathToken, "{AUTHORIZE}", s.cfg.Issuer+oauth.PathAuthorize, "{USERINFO}", s.cfg.Issuer+oauth.PathUserInfo,
	)
}

// cookieRefresh is when oauth2-proxy renews its tokens: while the access token still lives.
func cookieRefresh(lifetime time.Duration) string {
	if early := lifetime - time.Minute; early >= time.Minute {
		return strconv.Itoa(int(early/time.Minute)) + "m"
	}
	return strconv.Itoa(max(int(lifetime/(2*time.Second)), 1)) + "s"
}

// shellQuoted makes one word of s for a POSIX shell.
func shellQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
