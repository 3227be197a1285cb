package web

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"regrant/app/delivery"
	"regrant/app/oauth"
	"regrant/web/view"
)

// showClientPush says how an application learns that a grant of it has ended.
func (s *Server) showClientPush(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	s.writeClientPush(w, r, a, c, nil)
}

func (s *Server) writeClientPush(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client, sent *view.PushTest) {
	frame := s.clientFrame(w, r, a, c, "admin.clients.tab.push")
	t := frame.Text
	page := view.AdminClientPush{
		AdminFrame: frame, ClientHead: clientHead(t, c, "push"), CanTest: s.cfg.Send != nil, Sent: sent,
		Webhook: view.PushWay{
			Title: pushTitle(t, delivery.KindWebhook), Lead: t.T("admin.clients.push.webhook.lead"), Kind: string(delivery.KindWebhook), URL: c.WebhookURL,
		},
		SecurityEvent: view.PushWay{
			Title: pushTitle(t, delivery.KindSecurityEvent), Lead: t.T("admin.clients.push.security_event.lead"), Kind: string(delivery.KindSecurityEvent),
			URL: c.SecurityEventURL,
		},
	}
	if c.WebhookSecret != nil {
		page.Webhook.Facts = append(page.Webhook.Facts, view.ClientFact{Label: t.T("admin.clients.push.secret.made"), Value: t.DateTime(c.WebhookSecret.CreatedAt)})
	}
	if old := c.OldWebhookSecret; old.Living(s.now()) {
		page.Webhook.Facts = append(page.Webhook.Facts, view.ClientFact{Label: t.T("admin.clients.push.secret.old"), Value: t.DateTime(*old.EndsAt)})
	}
	header := t.T("admin.clients.push.header.none")
	if c.SecurityEventAuthorization != nil {
		header = t.T("admin.clients.push.header.sent")
	}
	page.SecurityEvent.Facts = []view.ClientFact{{Label: t.T("admin.clients.push.header.label"), Value: header}}
	s.showPage(w, r, http.StatusOK, false, page)
}

func pushTitle(t *view.Text, kind delivery.Kind) string {
	if kind == delivery.KindWebhook {
		return t.T("admin.clients.push.webhook.title")
	}
	return t.T("admin.clients.push.security_event.title")
}

// pushForm is how an application is to be told, as the form says it.
type pushForm struct {
	version                               int64
	webhook, securityEvent                string
	authorization                         string
	noAuthorization                       bool
	problem                               string
	webhookError, eventError, headerError string
}

func (s *Server) showChangePush(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	s.writeChangePush(w, r, a, c, http.StatusOK, pushForm{version: c.Version, webhook: c.WebhookURL, securityEvent: c.SecurityEventURL})
}

// changePush saves where an application is told, and shows the secret of a webhook that it did not have before.
func (s *Server) changePush(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	form, t := r.PostForm, s.frame(r).Text
	version, _ := strconv.ParseInt(form.Get("version"), 10, 64)
	f := pushForm{
		version: max(version, 1), webhook: strings.TrimSpace(form.Get("webhook_url")), securityEvent: strings.TrimSpace(form.Get("security_event_url")),
		authorization: strings.TrimSpace(form.Get("authorization")), noAuthorization: form.Get("no_authorization") == "on",
	}
	change := oauth.PushChange{Version: f.version, WebhookURL: &f.webhook, SecurityEventURL: &f.securityEvent}
	if f.authorization != "" || f.noAuthorization { // a field that is left empty changes nothing: nobody sees what is in it
		change.Authorization = &f.authorization
	}
	changed, secret, err := oauth.ChangePush(r.Context(), s.store, s.people.Sealer(), c.ID, change, s.now(), s.byAdmin(r, a))
	field, text := "", ""
	if err != nil {
		field, text = clientProblem(t, err)
	}
	switch {
	case err == nil && secret != "":
		s.writePushSecret(w, r, a, changed, secret, t.T("admin.clients.push.made.first"))
	case err == nil:
		s.done(w, r, clientPath(c.ID)+"/push", "done.client_push_changed")
	case errors.Is(err, oauth.ErrConflict):
		f.version, f.problem = c.Version, t.T("admin.clients.stale")
		s.writeChangePush(w, r, a, c, http.StatusConflict, f)
	case errors.Is(err, oauth.ErrNotFound):
		s.notFound(w, r)
	case field != "":
		switch field {
		case "webhook_url":
			f.webhookError = text
		case "security_event_url":
			f.eventError = text
		default:
			f.headerError = text
		}
		s.writeChangePush(w, r, a, c, http.StatusUnprocessableEntity, f)
	default:
		s.unavailable(w, r, "change how a client is told", err)
	}
}

func (s *Server) writeChangePush(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client, status int, f pushForm) {
	frame := s.clientFrame(w, r, a, c, "admin.clients.tab.push")
	t := frame.Text
	page := view.AdminClientPushChange{
		AdminFrame: frame, ClientHead: clientHead(t, c, "push"), Version: strconv.FormatInt(f.version, 10), Problem: f.problem,
		Webhook: view.Field{
			Name: "webhook_url", Label: t.T("admin.clients.push.webhook.title"), Help: t.T("admin.clients.push.webhook.help"), Value: f.webhook,
			Placeholder: "https://app.example.com/hooks/regrant", Error: f.webhookError, Autocomplete: "off",
		},
		SecurityEvent: view.Field{
			Name: "security_event_url", Label: t.T("admin.clients.push.security_event.title"), Help: t.T("admin.clients.push.security_event.help"), Value: f.securityEvent,
			Placeholder: "https://app.example.com/events", Error: f.eventError, Autocomplete: "off",
		},
		Authorization: view.Field{
			Name: "authorization", Label: t.T("admin.clients.push.header.label"), Help: t.T("admin.clients.push.header.help"), // what was entered is not shown again
			Placeholder: "Bearer …", Error: f.headerError, Autocomplete: "off",
		},
		HasHeader: c.SecurityEventAuthorization != nil, NoHeaderOn: f.noAuthorization,
	}
	if page.HasHeader {
		page.Authorization.Help = t.T("admin.clients.push.header.help_set")
	}
	focusFirst(&page.Webhook, &page.SecurityEvent, &page.Authorization)
	s.showPage(w, r, status, false, page)
}

func (s *Server) writePushSecret(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client, secret, lead string) {
	frame := s.clientFrame(w, r, a, c, "admin.clients.tab.push")
	s.showPage(w, r, http.StatusOK, false, view.AdminClientPushMade{AdminFrame: frame, ClientHead: clientHead(frame.Text, c, "push"), Secret: secret, Lead: lead})
}

func (s *Server) confirmPushSecret(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	s.writeConfirmPushSecret(w, r, a, c, http.StatusOK, "24h", "", "")
}

// newPushSecret makes another secret for a webhook and shows it in its answer, as [Server.rotateSecret] does.
func (s *Server) newPushSecret(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	form, t := r.PostForm, s.frame(r).Text
	chosen := form.Get("overlap")
	i := slices.IndexFunc(overlaps, func(o overlap) bool { return o.value == chosen })
	if i < 0 {
		s.writeConfirmPushSecret(w, r, a, c, http.StatusUnprocessableEntity, chosen, "", t.T("admin.clients.error.overlap"))
		return
	}
	version, _ := strconv.ParseInt(form.Get("version"), 10, 64)
	change := oauth.PushChange{NewSecret: true, Overlap: overlaps[i].long, Version: max(version, 1)}
	changed, secret, err := oauth.ChangePush(r.Context(), s.store, s.people.Sealer(), c.ID, change, s.now(), s.byAdmin(r, a))
	switch {
	case err == nil && changed.OldWebhookSecret.Living(s.now()):
		s.writePushSecret(w, r, a, changed, secret, t.T("admin.clients.push.made.overlap", "Until", t.DateTime(*changed.OldWebhookSecret.EndsAt)))
	case err == nil:
		s.writePushSecret(w, r, a, changed, secret, t.T("admin.clients.push.made.at_once"))
	case errors.Is(err, oauth.ErrConflict):
		s.writeConfirmPushSecret(w, r, a, c, http.StatusConflict, chosen, t.T("admin.clients.stale"), "")
	case errors.Is(err, oauth.ErrNotFound):
		s.notFound(w, r)
	case oauth.AsError(err).Code == oauth.InvalidClientMetadata: // it has no webhook any more
		s.redirect(w, s.base+clientPath(c.ID)+"/push")
	default:
		s.unavailable(w, r, "make a webhook secret", err)
	}
}

func (s *Server) writeConfirmPushSecret(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client, status int, chosen, problem, wrong string) {
	if c.WebhookURL == "" {
		s.redirect(w, s.base+clientPath(c.ID)+"/push")
		return
	}
	frame := s.clientFrame(w, r, a, c, "admin.clients.push.secret.crumb")
	t := frame.Text
	page := view.AdminClientPushSecret{
		AdminFrame: frame, Problem: problem, Error: wrong,
		Confirm: view.Confirm{
			Title: t.T("admin.clients.push.secret.title", "Name", c.Name), Lead: t.T("admin.clients.push.secret.lead"), Action: clientPath(c.ID) + "/push/secret",
			Submit: t.T("admin.clients.push.secret.submit"), Cancel: clientPath(c.ID) + "/push", FormToken: frame.FormToken,
			Hidden: map[string]string{"version": strconv.FormatInt(c.Version, 10)},
		},
	}
	for _, o := range overlaps {
		option := view.Option{Value: o.value, Label: t.Duration(o.long), Selected: o.value == chosen}
		if o.long == 0 {
			option.Label, option.Help = t.T("admin.clients.rotate.at_once"), t.T("admin.clients.push.secret.at_once_help")
		}
		page.Overlaps = append(page.Overlaps, option)
	}
	s.showPage(w, r, status, false, page)
}

// testPush sends a message that tells of nothing, waits for the answer and shows both. It is not tried again.
func (s *Server) testPush(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	d := &delivery.Delivery{ID: "test-" + rand.Text(), Kind: delivery.Kind(r.PostForm.Get("kind")), ClientID: c.ID, CreatedAt: s.now()}
	switch d.Kind {
	case delivery.KindWebhook:
		d.URL = c.WebhookURL
	case delivery.KindSecurityEvent:
		d.URL = c.SecurityEventURL
	}
	if d.URL == "" || s.cfg.Send == nil {
		s.redirect(w, s.base+clientPath(c.ID)+"/push")
		return
	}
	var err error
	if d.Body, err = json.Marshal(oauth.EndedGrants{Test: true, At: d.CreatedAt}); err != nil {
		s.unavailable(w, r, "make a test", err) // unreachable: a flag and a time
		return
	}
	m, err := s.makeDelivery(r.Context(), d)
	if errors.Is(err, oauth.ErrNotFound) {
		s.notFound(w, r)
		return
	}
	if err != nil {
		s.unavailable(w, r, "make a test", err)
		return
	}
	t := s.frame(r).Text
	sent := &view.PushTest{
		Title: t.T("admin.clients.push.test.title", "Way", pushTitle(t, d.Kind)), At: d.CreatedAt, Taken: true, URL: d.URL,
		Headers: []string{"Content-Type: " + m.ContentType}, Body: string(m.Body),
	}
	for name, value := range m.Header {
		if name == "Authorization" {
			value = "…"
		}
		sent.Headers = append(sent.Headers, name+": "+value)
	}
	slices.Sort(sent.Headers)
	if why := s.cfg.Send(r.Context(), d.URL, m); why != nil {
		sent.Taken, sent.Problem = false, why.Error()
	}
	s.writeClientPush(w, r, a, c, sent)
}
