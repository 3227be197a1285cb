package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"regrant/app/oauth"
	"regrant/web/view"
)

// showRevokeGrant says what dies with a grant, and asks.
func (s *Server) showRevokeGrant(w http.ResponseWriter, r *http.Request, a *admin) {
	g, ok := s.grantOf(w, r)
	if !ok {
		return
	}
	if g.Ended != "" {
		s.redirect(w, s.base+g.path)
		return
	}
	t := s.frame(r).Text
	var lines []string
	if g.HasRefreshToken() {
		lines = append(lines, t.T("admin.grant.revoke.refresh", "Generation", t.Number(int(g.State.Generation))))
	}
	if until := s.accessTokensUntil(g); until.After(s.now()) {
		lines = append(lines, t.T("admin.grant.revoke.access"),
			t.T("admin.grant.revoke.until", "Until", t.Here(until).Format(time.TimeOnly)+" "+t.Zone(until), "Left", t.Duration(until.Sub(s.now()))))
	} else {
		lines = append(lines, t.T("admin.grant.revoke.expired"))
	}
	lines = append(lines, t.T("admin.grant.revoke.others"), t.T("admin.grant.revoke.again"))
	frame := s.adminFrame(w, r, a, "grants", g.crumbs(t, t.T("admin.grant.revoke.link"))...)
	s.showPage(w, r, http.StatusOK, false, view.AdminGrantRevoke{AdminFrame: frame, Confirm: view.Confirm{
		Title: t.T("admin.grant.revoke.title", "Person", g.person.Label, "Client", g.app.Label), Lead: t.T("admin.grant.revoke.lead"), Consequences: lines,
		Action: g.path + "/revoke", Submit: t.T("admin.grant.revoke.submit"), Cancel: g.path, FormToken: frame.FormToken, Danger: true,
	}})
}

func (s *Server) revokeGrant(w http.ResponseWriter, r *http.Request, a *admin) {
	path := "/admin/grants/" + r.PathValue("id")
	switch err := s.oauth.EndGrant(r.Context(), r.PathValue("id"), s.byAdmin(r, a)); {
	case errors.Is(err, oauth.ErrNotFound):
		s.notFound(w, r)
	case errors.Is(err, oauth.ErrGrantEnded):
		s.done(w, r, path, "done.grant_ended_before")
	case err != nil:
		s.unavailable(w, r, "revoke a grant", err)
	default:
		s.done(w, r, path, "done.grant_revoked")
	}
}

// changeable gives a grant that can be changed; the page of one that cannot says why.
func (s *Server) changeable(w http.ResponseWriter, r *http.Request) (g *oneGrant, ok bool) {
	if g, ok = s.grantOf(w, r); !ok {
		return nil, false
	}
	if g.Ended != "" || !g.HasRefreshToken() {
		s.done(w, r, g.path, "done.grant_not_changeable")
		return nil, false
	}
	return g, true
}

func (s *Server) showGrantScope(w http.ResponseWriter, r *http.Request, a *admin) {
	if g, ok := s.changeable(w, r); ok {
		s.showPage(w, r, http.StatusOK, false, s.grantScopePage(w, r, a, g, g.State.Scope))
	}
}

// grantScopePage is the form that takes scopes from a grant, with those in keep ticked.
func (s *Server) grantScopePage(w http.ResponseWriter, r *http.Request, a *admin, g *oneGrant, keep oauth.Scope) view.AdminGrantScope {
	t := s.frame(r).Text
	p := view.AdminGrantScope{
		AdminFrame: s.adminFrame(w, r, a, "grants", g.crumbs(t, t.T("admin.grant.scope.link"))...), Path: g.path,
		Title: t.T("admin.grant.scope.title", "Person", g.person.Label, "Client", g.app.Label), Version: strconv.FormatInt(g.State.Version, 10),
		Notes: []string{t.T("admin.grant.scope.next"), t.T("admin.grant.scope.back")},
	}
	if until := s.accessTokensUntil(g); until.After(s.now()) {
		p.Notes = append(p.Notes, t.T("admin.grant.scope.until", "Left", t.Duration(until.Sub(s.now()))))
	}
	for _, name := range g.State.Scope {
		scope := view.GrantScope{Name: name, Kept: keep.Has(name)}
		switch name {
		case oauth.ScopeOpenID:
			scope.Warning = t.T("admin.grant.scope.openid")
		case oauth.ScopeOfflineAccess:
			scope.Warning = t.T("admin.grant.scope.offline_access")
		}
		if api := s.oauth.ScopeOwner(name); api != nil {
			scope.Title = api.Name
		}
		p.Scopes = append(p.Scopes, scope)
	}
	return p
}

// narrowGrant takes the scopes that were unticked. What was typed stays when it cannot be done.
func (s *Server) narrowGrant(w http.ResponseWriter, r *http.Request, a *admin) {
	g, ok := s.changeable(w, r)
	if !ok {
		return
	}
	keep := oauth.Scope(r.PostForm["scope"])
	version, _ := strconv.ParseInt(r.PostForm.Get("version"), 10, 64) // what is no number is no version that was ever shown
	err := s.oauth.NarrowGrant(r.Context(), s.store, g.State.ID, version, keep, s.byAdmin(r, a))
	p := s.grantScopePage(w, r, a, g, keep)
	switch {
	case err == nil:
		s.done(w, r, g.path, "done.grant_narrowed")
		return
	case errors.Is(err, oauth.ErrScopeNothing):
		p.Error = p.Text.T("admin.grant.scope.nothing")
	case errors.Is(err, oauth.ErrScopeSame):
		p.Error = p.Text.T("admin.grant.scope.same")
	case errors.Is(err, oauth.ErrScopeWider):
		p.Error = p.Text.T("admin.grant.scope.wider")
	case errors.Is(err, oauth.ErrConflict):
		p.Error = p.Text.T("admin.grant.changed_meanwhile")
	default:
		s.grantNotChanged(w, r, g, err)
		return
	}
	s.showPage(w, r, http.StatusUnprocessableEntity, false, p)
}

// grantNotChanged answers what no form can mend.
func (s *Server) grantNotChanged(w http.ResponseWriter, r *http.Request, g *oneGrant, err error) {
	switch {
	case errors.Is(err, oauth.ErrNotFound):
		s.notFound(w, r)
	case errors.Is(err, oauth.ErrGrantEnded), errors.Is(err, oauth.ErrNoRefresh):
		s.done(w, r, g.path, "done.grant_not_changeable")
	default:
		s.unavailable(w, r, "change a grant", err)
	}
}

// endFormats are how browsers write a field of type datetime-local; without one, people type the first. It means UTC.
var endFormats = []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05"}

func (s *Server) showGrantEnd(w http.ResponseWriter, r *http.Request, a *admin) {
	if g, ok := s.changeable(w, r); ok {
		s.showPage(w, r, http.StatusOK, false, s.grantEndPage(w, r, a, g, g.State.EndsAt.UTC().Format(endFormats[0])))
	}
}

func (s *Server) grantEndPage(w http.ResponseWriter, r *http.Request, a *admin, g *oneGrant, value string) view.AdminGrantEnd {
	t := s.frame(r).Text
	return view.AdminGrantEnd{
		AdminFrame: s.adminFrame(w, r, a, "grants", g.crumbs(t, t.T("admin.grant.end.link"))...), Path: g.path,
		Title: t.T("admin.grant.end.title", "Person", g.person.Label, "Client", g.app.Label), Version: strconv.FormatInt(g.State.Version, 10),
		Ends: g.State.EndsAt, Latest: oauth.LatestEnd(&g.State.Grant), Value: value,
		Notes: []string{t.T("admin.grant.end.what"), t.T("admin.grant.end.idle", "Idle", t.DateTime(g.State.IdleDeadline)), t.T("admin.grant.end.now")},
	}
}

// changeGrantEnd moves the end. What was typed stays when it cannot be done.
func (s *Server) changeGrantEnd(w http.ResponseWriter, r *http.Request, a *admin) {
	g, ok := s.changeable(w, r)
	if !ok {
		return
	}
	p := s.grantEndPage(w, r, a, g, r.PostForm.Get("end"))
	end, ok := readEnd(p.Value)
	if p.Value == g.State.EndsAt.UTC().Format(endFormats[0]) {
		end = g.State.EndsAt // the field has no seconds
	}
	if !ok {
		p.Error = p.Text.T("admin.grant.end.malformed")
		s.showPage(w, r, http.StatusUnprocessableEntity, false, p)
		return
	}
	version, _ := strconv.ParseInt(r.PostForm.Get("version"), 10, 64)
	err := s.oauth.ChangeGrantEnd(r.Context(), s.store, g.State.ID, version, end, s.byAdmin(r, a))
	switch {
	case err == nil:
		s.done(w, r, g.path, "done.grant_end_changed")
		return
	case errors.Is(err, oauth.ErrEndPast):
		p.Error = p.Text.T("admin.grant.end.past")
	case errors.Is(err, oauth.ErrEndTooFar):
		p.Error = p.Text.T("admin.grant.end.too_far")
	case errors.Is(err, oauth.ErrEndSame):
		p.Error = p.Text.T("admin.grant.end.same")
	case errors.Is(err, oauth.ErrConflict):
		p.Error = p.Text.T("admin.grant.changed_meanwhile")
	default:
		s.grantNotChanged(w, r, g, err)
		return
	}
	s.showPage(w, r, http.StatusUnprocessableEntity, false, p)
}

func readEnd(value string) (time.Time, bool) {
	i := slices.IndexFunc(endFormats, func(f string) bool { _, err := time.Parse(f, value); return err == nil })
	if i < 0 {
		return time.Time{}, false
	}
	end, _ := time.Parse(endFormats[i], value) // it has just been parsed
	return end, true
}
