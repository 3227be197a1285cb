package web

import (
	"errors"
	"net/http"
	"net/url"

	"regrant/app/oauth"
	"regrant/web/view"
)

// accountApps are the pages about the applications that somebody has signed in to.
func (s *Server) accountApps(own *accountArea) {
	own.page("/account", s.showApps)
	own.page("/account/apps/{client}", s.showApp)
	own.form("/account/apps/{client}/end", s.showEndApp, s.endApp)
	own.form("/account/grants/{grant}/end", s.showEndGrant, s.endOwnGrant)
	own.form("/account/grants/{grant}/report", s.showReportGrant, s.reportGrant)
}

// fewDevices is how many sign-ins of an application the list of all applications shows.
const fewDevices = 3

func appPath(id string) string { return "/account/apps/" + clientSegment(id) }

// showApps lists what the person has allowed, by application.
func (s *Server) showApps(w http.ResponseWriter, r *http.Request, me *self) {
	from := r.URL.Query().Get("from")
	apps, next, err := s.oauth.Apps(r.Context(), s.store, me.ID, from)
	if err != nil {
		s.unavailable(w, r, "list applications", err)
		return
	}
	page := view.AccountApps{AccountFrame: s.accountFrame(w, r, me, "apps"), Now: s.now()}
	for i := range apps {
		page.Apps = append(page.Apps, s.appCard(page.Text, &apps[i], fewDevices))
	}
	if from != "" {
		page.Pager.First = "/account"
	}
	if next != "" {
		page.Pager.Next = "/account?from=" + url.QueryEscape(next)
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

// appCard puts an application into words, with so many of its sign-ins.
func (s *Server) appCard(t *view.Text, app *oauth.App, devices int) view.App {
	card := view.App{
		Name: app.Client.Name, Path: appPath(app.Client.ID), Host: appHost(t, &app.Client), Unverified: app.Client.Unverified(), Document: app.Client.Source == oauth.SourceDocument, Off: app.Client.DisabledAt != nil, May: s.scopeGroups(t, app.Scope(), app.Claims()),
	}
	if app.Consent != nil {
		card.AllowedAt = &app.Consent.GivenAt
	}
	for i := range app.Grants {
		if i == devices {
			card.All = t.N("account.apps.show_all", len(app.Grants))
			if app.More != nil {
				card.All = t.T("account.apps.show_more")
			}
			break
		}
		card.Devices = append(card.Devices, appDevice(t, &app.Grants[i]))
	}
	return card
}

// appHost says where an application is, as people know it: the host that it is known by, or to which it sends them back, or their own device.
func appHost(t *view.Text, c *oauth.Client) string {
	if host := c.DocumentHost(); host != "" {
		return host
	}
	for _, uri := range c.RedirectURIs {
		if targetOf(uri) == view.TargetWeb {
			return hostOf(uri)
		}
	}
	return t.T("account.apps.native")
}

func appDevice(t *view.Text, g *oauth.RefreshState) view.AppDevice {
	d := view.AppDevice{
		Path: "/account/grants/" + g.ID, Device: deviceWords(t, g.UserAgent), IP: g.IP, SignedInAt: g.CreatedAt,
		EndsAt: g.ExpiresAt(), Unused: g.ExpiresAt().Before(g.EndsAt), WithSession: !g.Offline, Stays: g.HasToken(),
	}
	if g.HasToken() && g.Generation > 0 || g.LastUsedAt.After(g.CreatedAt) {
		d.UsedAt, d.UsedIP = &g.LastUsedAt, g.LastIP
	}
	return d
}

// showApp shows one application with all its sign-ins, a page at a time.
func (s *Server) showApp(w http.ResponseWriter, r *http.Request, me *self) {
	var q oauth.GrantQuery
	q.PersonID, q.ClientID = me.ID, clientOfSegment(r.PathValue("client"))
	if after := r.URL.Query().Get("after"); after != "" && q.ReadCursor(after) != nil {
		s.notFound(w, r)
		return
	}
	app, ok := s.ownApp(w, r, me, q.After)
	if !ok {
		return
	}
	f := s.accountFrame(w, r, me, "apps", view.Crumb{Label: app.Client.Name})
	page := view.AccountApp{AccountFrame: f, App: s.appCard(f.Text, app, oauth.GrantPageSize), Now: s.now()}
	if !q.After.IsZero() {
		page.Pager.First = page.App.Path
	}
	if app.More != nil {
		page.Pager.Next = page.App.Path + "?after=" + app.More.Text(q.Order())
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

// ownApp finds an application to which the person has allowed something. When there is none, it answers itself.
func (s *Server) ownApp(w http.ResponseWriter, r *http.Request, me *self, after oauth.GrantCursor) (*oauth.App, bool) {
	app, err := s.oauth.AppOf(r.Context(), s.store, me.ID, clientOfSegment(r.PathValue("client")), after)
	switch {
	case isNotFound(err):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "read application", err)
	}
	return app, err == nil
}

// showEndApp asks before an application loses all that it was allowed.
func (s *Server) showEndApp(w http.ResponseWriter, r *http.Request, me *self) {
	app, ok := s.ownApp(w, r, me, oauth.GrantCursor{})
	if !ok {
		return
	}
	f := s.accountFrame(w, r, me, "apps", view.Crumb{Label: app.Client.Name, URL: appPath(app.Client.ID)})
	t := f.Text
	f.Crumbs = append(f.Crumbs, view.Crumb{Label: t.T("account.apps.end_all")})
	c := view.Confirm{
		Title: t.T("account.apps.end_all_title", "App", app.Client.Name), Action: appPath(app.Client.ID) + "/end", Cancel: "/account",
		Submit: t.T("account.apps.end_all"), FormToken: f.FormToken, Danger: true,
	}
	switch n := len(app.Grants); {
	case app.More != nil:
		c.Consequences = append(c.Consequences, t.T("account.apps.end_all_many"))
	case n > 0:
		c.Consequences = append(c.Consequences, t.N("account.apps.end_all_devices", n))
	}
	c.Consequences = append(c.Consequences, t.T("account.apps.end_all_again"), t.T("account.apps.end_all_data"))
	s.showPage(w, r, http.StatusOK, false, view.AccountConfirm{AccountFrame: f, Confirm: c})
}

// endApp withdraws the consent, with all that hangs on it.
func (s *Server) endApp(w http.ResponseWriter, r *http.Request, me *self) {
	app, ok := s.ownApp(w, r, me, oauth.GrantCursor{})
	if !ok {
		return
	}
	if err := s.oauth.WithdrawOwnConsent(r.Context(), me.ID, app.Client.ID, s.bySelf(r, me)); err != nil {
		s.unavailable(w, r, "withdraw consent", err)
		return
	}
	s.done(w, r, "/account", "done.app_ended")
}

// ownGrant finds a living grant of the person. When there is none, it answers itself.
func (s *Server) ownGrant(w http.ResponseWriter, r *http.Request, me *self) (*oauth.RefreshState, *oauth.Client, bool) {
	g, client, err := s.oauth.OwnGrant(r.Context(), me.ID, r.PathValue("grant"))
	switch {
	case isNotFound(err):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "read grant", err)
	}
	return g, client, err == nil
}

// showEndGrant asks before one device is signed out of one application.
func (s *Server) showEndGrant(w http.ResponseWriter, r *http.Request, me *self) {
	g, client, ok := s.ownGrant(w, r, me)
	if !ok {
		return
	}
	f := s.accountFrame(w, r, me, "apps", view.Crumb{Label: client.Name, URL: appPath(client.ID)})
	t := f.Text
	f.Crumbs = append(f.Crumbs, view.Crumb{Label: t.T("account.apps.end")})
	s.showPage(w, r, http.StatusOK, false, view.AccountConfirm{AccountFrame: f, Confirm: view.Confirm{
		Title:        t.T("account.apps.end_title", "App", client.Name, "Device", deviceWords(t, g.UserAgent)),
		Consequences: []string{t.T("account.apps.end_this"), t.T("account.apps.end_others")},
		Action:       "/account/grants/" + g.ID + "/end", Cancel: "/account", Submit: t.T("account.apps.end"), FormToken: f.FormToken, Danger: true,
	}})
}

// endOwnGrant signs one device out of one application.
func (s *Server) endOwnGrant(w http.ResponseWriter, r *http.Request, me *self) {
	err := s.oauth.EndOwnGrant(r.Context(), me.ID, r.PathValue("grant"), s.bySelf(r, me))
	switch {
	case errors.Is(err, oauth.ErrNotFound):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "end grant", err)
	default:
		s.done(w, r, "/account", "done.device_ended")
	}
}

// showReportGrant says what happens when a sign-in was not the person's.
func (s *Server) showReportGrant(w http.ResponseWriter, r *http.Request, me *self) {
	g, client, ok := s.ownGrant(w, r, me)
	if !ok {
		return
	}
	f := s.accountFrame(w, r, me, "apps", view.Crumb{Label: client.Name, URL: appPath(client.ID)})
	t := f.Text
	f.Crumbs = append(f.Crumbs, view.Crumb{Label: t.T("account.apps.report")})
	s.showPage(w, r, http.StatusOK, false, view.AccountConfirm{AccountFrame: f, Confirm: view.Confirm{
		Title: t.T("account.apps.report_title", "App", client.Name, "Device", deviceWords(t, g.UserAgent)),
		Lead:  t.T("account.apps.report_lead"),
		Consequences: []string{
			t.T("account.apps.report_device"), t.T("account.apps.report_sessions"), t.T("account.apps.report_password"), t.T("account.apps.report_told"),
		},
		Action: "/account/grants/" + g.ID + "/report", Cancel: "/account", Submit: t.T("account.apps.report_submit"), FormToken: f.FormToken, Danger: true,
	}})
}

// reportGrant ends the grant as theft with all other sessions, and leads to another password.
func (s *Server) reportGrant(w http.ResponseWriter, r *http.Request, me *self) {
	err := s.oauth.ReportOwnGrant(r.Context(), s.store, me.ID, r.PathValue("grant"), me.Session.ID, s.bySelf(r, me))
	switch {
	case errors.Is(err, oauth.ErrNotFound):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "report grant", err)
	default:
		s.redirect(w, s.base+"/account/security/password?after=report")
	}
}
