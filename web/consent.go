package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"regrant/app/oauth"
	"regrant/web/view"
)

// showConsent shows what a client asks for.
func (s *Server) showConsent(w http.ResponseWriter, r *http.Request) {
	p, _, ok := s.resume(w, r, r.URL.Query().Get("request"))
	if !ok {
		return
	}
	if p.Step != oauth.StepConsent {
		s.goOn(w, r, p, nil)
		return
	}
	s.showPage(w, r, http.StatusOK, true, s.consentPage(w, r, p))
}

func (s *Server) consentPage(w http.ResponseWriter, r *http.Request, p *oauth.Progress) view.Consent {
	page := view.Consent{
		Frame: s.frame(r), ClientName: p.Client.Name, RedirectTo: hostOf(p.Request.RedirectURI), Target: targetOf(p.Request.RedirectURI),
		Email: p.Owner.Email, Name: p.Owner.Name, Request: p.Request.ID, FormToken: s.consentToken(w, r, p),
		IdleLifetime: p.Client.Policy.Idle, Lifetime: p.Client.Policy.Absolute,
		WithSession: !p.Scope.Has(oauth.ScopeOfflineAccess),
	}
	if page.Device = deviceAsked(page.Text, p); page.Device != nil {
		page.WithSession = false
	}
	if p.Client.Unverified() {
		page.ClientHost, page.Unverified = page.RedirectTo, unverified(page.Text, p.Client.About)
		if host := p.Client.DocumentHost(); host != "" {
			page.ClientHost, page.Unverified.Document, page.Unverified.OnlyLoopback = host, true, p.Client.OnlyLoopback()
		}
	}
	page.Refresh = oauth.GetsRefreshToken(p.Client, p.Scope)
	page.Groups = s.scopeGroups(page.Text, p.Scope, p.Claims)
	for i := range page.Groups {
		for j, scope := range page.Groups[i].Scopes {
			page.Groups[i].Scopes[j].Needed = scope.Claim && p.Request.Claims.Essential(scope.Name)
		}
	}
	return page
}

// unverified says what a client says of itself, where nobody here vouches for it.
func unverified(t *view.Text, a oauth.About) *view.Unverified {
	u := &view.Unverified{}
	for _, page := range []view.OwnPage{
		{Label: t.T("consent.unverified.client"), URL: a.ClientURI}, {Label: t.T("consent.unverified.policy"), URL: a.PolicyURI}, {Label: t.T("consent.unverified.terms"), URL: a.TermsURI},
	} {
		if page.URL != "" {
			page.Host = hostOf(page.URL)
			u.Pages = append(u.Pages, page)
		}
	}
	return u
}

// consent takes the person's answer. The token of the form holds who was asked, by whom and for what, so the answer of one
// person, or to another question, is void.
func (s *Server) consent(w http.ResponseWriter, r *http.Request) {
	id := r.PostForm.Get("request")
	p, who, ok := s.resume(w, r, id)
	if !ok {
		return
	}
	if p.Step != oauth.StepConsent {
		s.goOn(w, r, p, nil)
		return
	}
	if !s.consentTokenValid(w, r, p) {
		page := s.consentPage(w, r, p)
		page.Error = page.Text.T(view.ConsentChanged)
		s.showPage(w, r, http.StatusUnprocessableEntity, true, page)
		return
	}
	var allowed *oauth.Allowed
	if r.PostForm.Get("decision") == "allow" {
		allowed = &oauth.Allowed{Scope: r.PostForm["scope"], Claims: r.PostForm["claim"]}
	}
	progress, err := s.oauth.Decide(r.Context(), id, oauth.HashBrowser(s.browser(w, r)), who, allowed, originOf(r))
	s.goOn(w, r, progress, err)
}

// consentSubject is what a consent form is bound to. Who nobody vouches for may call itself something else meanwhile, and lead elsewhere.
func consentSubject(p *oauth.Progress) string {
	subject := consentAsked(p)
	if c := p.Client; c.Unverified() {
		subject += "\n" + strings.Join(append([]string{c.Name, string(c.AuthMethod), c.JWKSURI, c.JWKS}, c.RedirectURIs...), "\n")
	}
	return subject
}

func consentAsked(p *oauth.Progress) string {
	return strings.Join([]string{"consent", p.Request.ID, p.Owner.ID, p.Client.ID, p.Scope.String(), strings.Join(p.Request.Resources, " "), strings.Join(p.Claims, " ")}, "\n")
}

// scopeGroups puts scopes into words, those of each API together, and with the server's own the claims that are told by themselves.
func (s *Server) scopeGroups(text *view.Text, scope oauth.Scope, claims []string) []view.ScopeGroup {
	own := view.ScopeGroup{}
	groups := []view.ScopeGroup{}
	for _, token := range scope.Without(oauth.ScopeOfflineAccess) {
		api := s.oauth.ScopeOwner(token)
		if api == nil {
			own.Scopes = append(own.Scopes, view.StandardScope(text, token))
			continue
		}
		i := slices.IndexFunc(groups, func(g view.ScopeGroup) bool { return g.API == api.Name })
		if i < 0 {
			host := api.Resource
			if u, err := url.Parse(api.Resource); err == nil {
				host = u.Host
			}
			groups = append(groups, view.ScopeGroup{API: api.Name, Host: host})
			i = len(groups) - 1
		}
		groups[i].Scopes = append(groups[i].Scopes, view.Scope{Name: token})
	}
	for _, claim := range claims {
		own.Scopes = append(own.Scopes, view.ClaimScope(text, claim))
	}
	if scope.Has(oauth.ScopeOfflineAccess) { // for how long comes last
		own.Scopes = append(own.Scopes, view.StandardScope(text, oauth.ScopeOfflineAccess))
	}
	if len(own.Scopes) == 0 {
		return groups
	}
	return append([]view.ScopeGroup{own}, groups...)
}

// targetOf says what kind of place a redirect URI is.
func targetOf(redirectURI string) view.Target {
	u, err := url.Parse(redirectURI)
	switch {
	case err == nil && u.Scheme == "https":
		return view.TargetWeb
	case err == nil && u.Scheme == "http":
		return view.TargetLoopback
	}
	return view.TargetApp
}
