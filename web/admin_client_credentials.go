package web

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"regrant/app/oauth"
	"regrant/web/view"
)

type overlap struct {
	value string
	long  time.Duration
}

// overlaps are for how long an old secret may live on, by the value of the form's field.
var overlaps = []overlap{{"1h", time.Hour}, {"24h", oauth.SecretOverlap}, {"7d", 7 * day}, {"30d", oauth.MaxSecretOverlap}, {"0", 0}}

func (s *Server) showClientCredentials(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	frame := s.clientFrame(w, r, a, c, "admin.clients.tab.credentials")
	page := view.AdminClientCredentials{
		AdminFrame: frame, ClientHead: clientHead(frame.Text, c, "credentials"), Public: c.Public(), Method: string(c.AuthMethod), Now: s.now(),
	}
	page.Secrets, page.KeysAt, page.Signing = secretRows(c, s), c.JWKSURI, c.AuthMethod == oauth.AuthPrivateKeyJWT
	for _, k := range c.Keys() {
		page.Keys = append(page.Keys, view.ClientKeyRow{ID: k.ID, Type: k.Type, Thumbprint: k.Thumbprint})
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

// rotationForm is how a secret is to be rotated, as the form says it.
type rotationForm struct {
	method  oauth.AuthMethod
	overlap string
	leaked  bool
	problem string
	error   string
}

func (s *Server) confirmRotation(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	s.writeRotation(w, r, a, c, http.StatusOK, rotationForm{method: oauth.AuthBasic, overlap: "24h"})
}

// rotateSecret makes a secret and shows it in its answer, which no cache keeps and which is not asked for again: a form that is sent
// twice meets another version of the client.
func (s *Server) rotateSecret(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	form, t := r.PostForm, s.frame(r).Text
	f := rotationForm{method: oauth.AuthMethod(form.Get("method")), overlap: form.Get("overlap"), leaked: form.Get("leaked") == "on"}
	version, _ := strconv.ParseInt(form.Get("version"), 10, 64)
	rotation := oauth.SecretRotation{Leaked: f.leaked, Version: max(version, 1)}
	if !c.HasSecret() {
		rotation.Method = f.method
	}
	known := !c.HasSecret()
	for _, o := range overlaps {
		if o.value == f.overlap {
			rotation.Overlap, known = o.long, true
		}
	}
	if !known && !f.leaked {
		f.error = t.T("admin.clients.error.overlap")
		s.writeRotation(w, r, a, c, http.StatusUnprocessableEntity, f)
		return
	}
	changed, secret, err := oauth.RotateClientSecret(r.Context(), s.store, c.ID, rotation, s.now(), s.byAdmin(r, a))
	field, text := "", ""
	if err != nil {
		field, text = clientProblem(t, err)
	}
	switch {
	case err == nil:
		s.writeSecret(w, r, a, c, changed, secret, f.leaked)
	case errors.Is(err, oauth.ErrConflict):
		f.problem = t.T("admin.clients.rotate.stale")
		s.writeRotation(w, r, a, c, http.StatusConflict, f)
	case errors.Is(err, oauth.ErrNotFound):
		s.notFound(w, r)
	case field != "":
		f.error = text
		s.writeRotation(w, r, a, c, http.StatusUnprocessableEntity, f)
	default:
		s.unavailable(w, r, "rotate secret", err)
	}
}

func (s *Server) writeSecret(w http.ResponseWriter, r *http.Request, a *admin, before, c *oauth.Client, secret string, leaked bool) {
	frame := s.clientFrame(w, r, a, c, "admin.clients.tab.credentials")
	t := frame.Text
	page := view.AdminClientSecret{AdminFrame: frame, ClientHead: clientHead(t, c, "credentials"), Secret: secret, BackURL: clientPath(c.ID) + "/credentials"}
	switch {
	case leaked:
		page.Lead = t.T("admin.clients.secret.leaked")
	case !before.HasSecret():
		page.Lead = t.T("admin.clients.secret.first")
	case c.OldSecret.Living(s.now()):
		page.Lead = t.T("admin.clients.secret.overlap", "Until", t.DateTime(*c.OldSecret.EndsAt))
	default:
		page.Lead = t.T("admin.clients.secret.at_once")
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

func (s *Server) writeRotation(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client, status int, f rotationForm) {
	frame := s.clientFrame(w, r, a, c, "admin.clients.rotate.crumb")
	t := frame.Text
	page := view.AdminClientRotate{
		AdminFrame: frame, Problem: f.problem, Error: f.error, Leaked: f.leaked,
		Confirm: view.Confirm{
			Title: t.T("admin.clients.rotate.title", "Name", c.Name), Lead: t.T("admin.clients.rotate.lead"), Action: clientPath(c.ID) + "/rotate",
			Submit: t.T("admin.clients.rotate.submit"), Cancel: clientPath(c.ID) + "/credentials", FormToken: frame.FormToken,
			Hidden: map[string]string{"version": strconv.FormatInt(c.Version, 10)},
		},
	}
	if !c.HasSecret() {
		page.Confirm.Title, page.Confirm.Lead = t.T("admin.clients.confidential.title", "Name", c.Name), t.T("admin.clients.confidential.lead")
		if !c.Public() {
			page.Confirm.Lead = t.T("admin.clients.confidential.lead_keys")
		}
		page.Confirm.Submit, page.Confirm.Cancel = t.T("admin.clients.confidential.submit"), clientPath(c.ID)+"/credentials"
		page.Methods = secretMethods(t, f.method)
		s.showPage(w, r, status, false, page)
		return
	}
	use, err := s.store.ClientUse(r.Context(), c.ID, maxClientUse+1)
	if err != nil {
		s.unavailable(w, r, "read use of client", err)
		return
	}
	if old := c.OldSecret; old.Living(s.now()) {
		page.Confirm.Consequences = append(page.Confirm.Consequences, t.T("admin.clients.rotate.third", "Hint", "…"+old.Hint))
	}
	page.Confirm.Consequences = append(page.Confirm.Consequences, t.T("admin.clients.rotate.stay"))
	page.LeakHelp = t.N("admin.clients.rotate.leaked_help", use.Grants, "Shown", boundedCount(t, use.Grants, maxClientUse))
	for _, o := range overlaps {
		option := view.Option{Value: o.value, Label: t.Duration(o.long), Selected: o.value == f.overlap}
		if o.long == 0 {
			option.Label, option.Help = t.T("admin.clients.rotate.at_once"), t.T("admin.clients.rotate.at_once_help")
		}
		page.Overlaps = append(page.Overlaps, option)
	}
	s.showPage(w, r, status, false, page)
}

func (s *Server) confirmEndOldSecret(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	if !c.OldSecret.Living(s.now()) {
		s.redirect(w, s.base+clientPath(c.ID)+"/credentials")
		return
	}
	frame := s.clientFrame(w, r, a, c, "admin.clients.end_old.crumb")
	t := frame.Text
	s.showPage(w, r, http.StatusOK, false, view.AdminClientConfirm{AdminFrame: frame, Confirm: view.Confirm{
		Title: t.T("admin.clients.end_old.title", "Name", c.Name), Lead: t.T("admin.clients.end_old.lead", "Hint", "…"+c.OldSecret.Hint, "Until", t.DateTime(*c.OldSecret.EndsAt)),
		Consequences: []string{t.T("admin.clients.end_old.instances"), t.T("admin.clients.end_old.stay")}, Action: clientPath(c.ID) + "/end-old-secret",
		Submit: t.T("admin.clients.end_old.submit"), Cancel: clientPath(c.ID) + "/credentials", FormToken: frame.FormToken, Danger: true,
		Hidden: map[string]string{"version": strconv.FormatInt(c.Version, 10)},
	}})
}

func (s *Server) endOldSecret(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	version, _ := strconv.ParseInt(r.PostForm.Get("version"), 10, 64)
	switch _, err := oauth.EndOldSecret(r.Context(), s.store, c.ID, max(version, 1), s.now(), s.byAdmin(r, a)); {
	case err == nil || errors.Is(err, oauth.ErrNotFound): // what was wanted is so
		s.done(w, r, clientPath(c.ID)+"/credentials", "done.old_secret_ended")
	case errors.Is(err, oauth.ErrConflict):
		s.confirmEndOldSecret(w, r, a, c) // it asks about the one that is the old one now
	default:
		s.unavailable(w, r, "end old secret", err)
	}
}
