package web

import (
	"errors"
	"net/http"

	"regrant/app/oauth"
	"regrant/web/view"
)

func (s *Server) confirmDisableClient(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	frame := s.clientFrame(w, r, a, c, "admin.clients.disable.act")
	t := frame.Text
	question := view.Confirm{
		Title: t.T("admin.clients.disable.title", "Name", c.Name), Lead: t.T("admin.clients.disable.lead"),
		Action: clientPath(c.ID) + "/disable", Submit: t.T("admin.clients.disable.submit"), Cancel: clientPath(c.ID) + "/settings", FormToken: frame.FormToken, Danger: true,
	}
	if getsPeople(c) {
		use, err := s.store.ClientUse(r.Context(), c.ID, maxClientUse+1)
		if err != nil {
			s.unavailable(w, r, "read use of client", err)
			return
		}
		question.Consequences = append(question.Consequences,
			t.T("admin.clients.disable.sign_in"), t.N("admin.clients.disable.grants", use.Grants, "Shown", boundedCount(t, use.Grants, maxClientUse)))
	}
	question.Consequences = append(question.Consequences, t.T("admin.clients.disable.token"), accessTokensLive(t, c), t.T("admin.clients.disable.back"))
	s.showPage(w, r, http.StatusOK, false, view.AdminClientConfirm{AdminFrame: frame, Confirm: question})
}

// accessTokensLive says for how long an API that checks access tokens by itself goes on accepting them.
func accessTokensLive(t *view.Text, c *oauth.Client) string {
	if c.Policy.AccessTokenFormat == oauth.FormatOpaque {
		return t.T("admin.clients.access_tokens.opaque")
	}
	return t.T("admin.clients.access_tokens.jwt", "Lifetime", t.Duration(c.Policy.AccessTokenLifetime))
}

func (s *Server) disableClient(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	s.setClientDisabled(w, r, a, c, true, "done.client_disabled")
}

// showClientAgain leads back to the button after a fresh proof.
func (s *Server) showClientAgain(w http.ResponseWriter, _ *http.Request, _ *admin, c *oauth.Client) {
	s.redirect(w, s.base+clientPath(c.ID))
}

func (s *Server) enableClient(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	s.setClientDisabled(w, r, a, c, false, "done.client_enabled")
}

func (s *Server) setClientDisabled(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client, disabled bool, done string) {
	switch _, err := oauth.SetClientDisabled(r.Context(), s.store, c.ID, disabled, s.now(), s.byAdmin(r, a)); {
	case errors.Is(err, oauth.ErrNotFound):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "change client", err)
	default:
		s.done(w, r, clientPath(c.ID), done)
	}
}

func (s *Server) confirmDeleteClient(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	frame := s.clientFrame(w, r, a, c, "admin.clients.delete.act")
	t := frame.Text
	question := view.Confirm{
		Title: t.T("admin.clients.delete.title", "Name", c.Name), Lead: t.T("admin.clients.delete.lead"),
		Action: clientPath(c.ID) + "/delete", Submit: t.T("admin.clients.delete.submit"), Cancel: clientPath(c.ID) + "/settings", FormToken: frame.FormToken, Danger: true,
	}
	if getsPeople(c) {
		use, err := s.store.ClientUse(r.Context(), c.ID, maxClientUse+1)
		if err != nil {
			s.unavailable(w, r, "read use of client", err)
			return
		}
		question.Consequences = append(question.Consequences, t.N("admin.clients.delete.grants", use.Grants, "Shown", boundedCount(t, use.Grants, maxClientUse)),
			t.N("admin.clients.delete.consents", use.Consents, "Shown", boundedCount(t, use.Consents, maxClientUse)))
	}
	question.Consequences = append(question.Consequences, t.T("admin.clients.delete.token"), accessTokensLive(t, c), t.T("admin.clients.delete.log"))
	s.showPage(w, r, http.StatusOK, false, view.AdminClientConfirm{AdminFrame: frame, Confirm: question})
}

func (s *Server) deleteClient(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	switch err := oauth.RemoveClient(r.Context(), s.store, c.ID, s.now(), s.byAdmin(r, a)); {
	case errors.Is(err, oauth.ErrNotFound):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "delete client", err)
	default:
		s.done(w, r, "/admin/clients", "done.client_deleted")
	}
}
