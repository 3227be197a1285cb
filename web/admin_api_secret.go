package web

import (
	"errors"
	"net/http"
	"strconv"

	"regrant/app/oauth"
	"regrant/web/view"
)

// secretRows are the secrets of a client that live now.
func secretRows(c *oauth.Client, s *Server) []view.ClientSecretRow {
	var rows []view.ClientSecretRow
	if c.Secret != nil {
		rows = append(rows, view.ClientSecretRow{Hint: c.Secret.Hint, Created: c.Secret.CreatedAt})
	}
	if old := c.OldSecret; old.Living(s.now()) {
		rows = append(rows, view.ClientSecretRow{Hint: old.Hint, Created: old.CreatedAt, Ends: old.EndsAt})
	}
	return rows
}

// writeAPISecret shows a secret in the answer to the form itself, which no cache keeps.
func (s *Server) writeAPISecret(w http.ResponseWriter, r *http.Request, a *admin, api *oauth.API, secret, title string) {
	page := view.AdminAPISecret{
		AdminFrame: s.adminFrame(w, r, a, "apis", view.Crumb{Label: api.Name, URL: apiPath(api.ClientID)}, view.Crumb{Label: title}),
		Title:      title, Path: apiPath(api.ClientID), ClientID: api.ClientID, Secret: secret,
	}
	page.Guides = s.apiGuides(page.Text, api, secret)
	s.showPage(w, r, http.StatusOK, false, page)
}

func (s *Server) askRotateAPISecret(w http.ResponseWriter, r *http.Request, a *admin, api *oauth.API) {
	s.writeRotateAPISecret(w, r, a, http.StatusOK, api, "", "24h")
}

func (s *Server) writeRotateAPISecret(w http.ResponseWriter, r *http.Request, a *admin, status int, api *oauth.API, problem, overlap string) {
	client, err := s.store.Client(r.Context(), api.ClientID)
	if err != nil {
		s.unavailable(w, r, "read client", err)
		return
	}
	frame := s.adminFrame(w, r, a, "apis")
	t := frame.Text
	frame.Crumbs = []view.Crumb{{Label: api.Name, URL: apiPath(api.ClientID)}, {Label: t.T("admin.apis.rotate.crumb")}}
	page := view.AdminAPIConfirm{AdminFrame: frame, Problem: problem, Overlap: view.Field{Name: "overlap", Label: t.T("admin.apis.rotate.overlap")}, Confirm: view.Confirm{
		Title: t.T("admin.apis.rotate.title", "Name", api.Name), Lead: t.T("admin.apis.rotate.lead"),
		Consequences: []string{t.T("admin.apis.rotate.once"), t.T("admin.apis.rotate.tokens")},
		Action:       apiPath(api.ClientID) + "/rotate-secret", Submit: t.T("admin.apis.rotate.submit"), Cancel: apiPath(api.ClientID), FormToken: frame.FormToken, Danger: true,
		Hidden: map[string]string{"version": strconv.FormatInt(client.Version, 10)},
	}}
	for _, o := range overlaps {
		label := t.T("admin.apis.rotate.for", "Duration", t.Duration(o.long))
		if o.long == 0 {
			label = t.T("admin.apis.rotate.now")
		}
		page.Overlaps = append(page.Overlaps, view.Option{Value: o.value, Label: label, Selected: o.value == overlap})
	}
	s.showPage(w, r, status, false, page)
}

func (s *Server) rotateAPISecret(w http.ResponseWriter, r *http.Request, a *admin, api *oauth.API) {
	t := s.frame(r).Text
	version, _ := strconv.ParseInt(r.PostForm.Get("version"), 10, 64)
	overlap := r.PostForm.Get("overlap")
	i := 0
	for i < len(overlaps) && overlaps[i].value != overlap {
		i++
	}
	if i == len(overlaps) {
		s.writeRotateAPISecret(w, r, a, http.StatusUnprocessableEntity, api, t.T("admin.apis.rotate.choose"), "24h")
		return
	}
	rotation := oauth.SecretRotation{Overlap: overlaps[i].long, Version: max(version, 1)}
	_, secret, err := oauth.RotateClientSecret(r.Context(), s.store, api.ClientID, rotation, s.now(), s.byAdmin(r, a))
	switch {
	case errors.Is(err, oauth.ErrConflict):
		s.writeRotateAPISecret(w, r, a, http.StatusConflict, api, t.T("admin.apis.rotate.meanwhile"), overlap)
	case errors.Is(err, oauth.ErrNotFound):
		s.notFound(w, r)
	case err != nil:
		s.unavailable(w, r, "rotate secret", err)
	default:
		s.writeAPISecret(w, r, a, api, secret, t.T("admin.apis.rotated", "Name", api.Name))
	}
}
