package web

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"regrant/app/oauth"
	"regrant/web/view"
)

// adminClients are the pages of the applications.
func (s *Server) adminClients(area *adminArea) {
	area.page("/admin/clients", s.showClients)
	area.danger("/admin/clients/new", s.showNewClient, s.createClient)
	area.page("/admin/clients/{id}", s.ofClient(s.showClient))
	area.readable("/admin/clients/{id}/settings", s.ofClient(s.showClientSettings), s.ofClient(s.changeClient))
	area.page("/admin/clients/{id}/policy", s.ofClient(s.showClientPolicy))
	area.danger("/admin/clients/{id}/policy/preview", s.ofClient(s.previewClientPolicy), s.ofClient(s.changeClientPolicy))
	area.page("/admin/clients/{id}/credentials", s.ofClient(s.showClientCredentials))
	area.danger("/admin/clients/{id}/rotate", s.ofClient(s.confirmRotation), s.ofClient(s.rotateSecret))
	area.danger("/admin/clients/{id}/end-old-secret", s.ofClient(s.confirmEndOldSecret), s.ofClient(s.endOldSecret))
	area.page("/admin/clients/{id}/connect", s.ofClient(s.showClientConnect))
	area.page("/admin/clients/{id}/push", s.ofClient(s.showClientPush))
	area.danger("/admin/clients/{id}/push/change", s.ofClient(s.showChangePush), s.ofClient(s.changePush))
	area.danger("/admin/clients/{id}/push/secret", s.ofClient(s.confirmPushSecret), s.ofClient(s.newPushSecret))
	area.act("/admin/clients/{id}/push/test", s.ofClient(s.testPush))
	area.danger("/admin/clients/{id}/disable", s.ofClient(s.confirmDisableClient), s.ofClient(s.disableClient))
	area.act("/admin/clients/{id}/deliveries/retry", s.ofClient(s.retryDeliveries))
	area.act("/admin/clients/{id}/deliveries/discard", s.ofClient(s.discardDeliveries))
	area.danger("/admin/clients/{id}/enable", s.ofClient(s.showClientAgain), s.ofClient(s.enableClient))
	area.danger("/admin/clients/{id}/delete", s.ofClient(s.confirmDeleteClient), s.ofClient(s.deleteClient))
}

type clientHandler func(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client)

// ofClient reads the client that the path names. The client of an API has its page there.
func (s *Server) ofClient(h clientHandler) adminHandler {
	return func(w http.ResponseWriter, r *http.Request, a *admin) {
		id := clientOfSegment(r.PathValue("id"))
		c, err := s.store.Client(r.Context(), id)
		if errors.Is(err, oauth.ErrNotFound) {
			s.notFound(w, r)
			return
		}
		if err != nil {
			s.unavailable(w, r, "read client", err)
			return
		}
		apis, err := s.store.APIs(r.Context())
		if err != nil {
			s.unavailable(w, r, "read APIs", err)
			return
		}
		for _, api := range apis {
			if api.ClientID == id {
				s.redirect(w, s.base+"/admin/apis/"+url.PathEscape(id))
				return
			}
		}
		h(w, r, a, c)
	}
}

// clientPath is where a client's pages are, without the issuer's path.
func clientPath(id string) string { return "/admin/clients/" + clientSegment(id) }

// addressMark begins the segment of a client that is known by an address.
const addressMark = "~"

// clientSegment is a client's id as one segment of a path. An address has slashes, which proxies take for their own however they are
// encoded.
func clientSegment(id string) string {
	if !strings.Contains(id, "://") {
		return url.PathEscape(id)
	}
	return addressMark + base64.RawURLEncoding.EncodeToString([]byte(id))
}

// clientOfSegment gives the id back.
func clientOfSegment(segment string) string {
	if encoded, marked := strings.CutPrefix(segment, addressMark); marked {
		if id, err := base64.RawURLEncoding.DecodeString(encoded); err == nil && strings.Contains(string(id), "://") {
			return string(id)
		}
	}
	return segment
}

// clientFrame is the frame of a page of one client. page is the key of the page's name; "" for the overview.
func (s *Server) clientFrame(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client, page string) view.AdminFrame {
	crumbs := []view.Crumb{{Label: c.Name}}
	if page != "" {
		crumbs = []view.Crumb{{Label: c.Name, URL: clientPath(c.ID)}, {Label: s.frame(r).Text.T(page)}}
	}
	return s.adminFrame(w, r, a, "clients", crumbs...)
}

func clientHead(t *view.Text, c *oauth.Client, tab string) view.ClientHead {
	return view.ClientHead{
		ID: c.ID, Name: c.Name, Path: clientPath(c.ID), Kind: kindName(t, c), Disabled: c.DisabledAt != nil, Trusted: c.Trusted, Unverified: c.Unverified(), Tab: tab,
	}
}

// kindName says what sort of application a client is.
func kindName(t *view.Text, c *oauth.Client) string {
	switch c.Kind() {
	case oauth.KindWebServer:
		return t.T("admin.clients.kind.web_server.short")
	case oauth.KindSinglePage:
		return t.T("admin.clients.kind.single_page.short")
	case oauth.KindNative:
		return t.T("admin.clients.kind.native.short")
	case oauth.KindDevice:
		return t.T("admin.clients.kind.device.short")
	case oauth.KindMachine:
		return t.T("admin.clients.kind.machine.label")
	}
	return t.T("admin.clients.kind.none")
}

// presetName names a policy by the preset that it began with, and says whether something else was set since.
func presetName(t *view.Text, p oauth.Policy) string {
	preset, _ := oauth.PolicyOf(p.Preset)
	if policyText(preset) != policyText(p) {
		return t.T("admin.clients.preset.adjusted", "Preset", presetLabel(t, p.Preset))
	}
	return presetLabel(t, p.Preset)
}

func presetLabel(t *view.Text, p oauth.Preset) string {
	switch p {
	case oauth.PresetStrict:
		return t.T("admin.clients.preset.strict.label")
	case oauth.PresetMultiProcess:
		return t.T("admin.clients.preset.multi_process.label")
	}
	return t.T("admin.clients.preset.standard.label")
}

// maxClientUse bounds what is counted of one client.
const maxClientUse = 10_000

// boundedCount says a number that was counted up to max, where one more says that there are more.
func boundedCount(t *view.Text, n, max int) string {
	if n > max {
		return t.Number(max) + "+"
	}
	return t.Number(n)
}

// getsPeople says whether people sign in to a client.
func getsPeople(c *oauth.Client) bool { return c.ServesPeople() }

// clientProblem says what the engine found wrong with a registration: the field of the form, and a sentence. A fault of the
// store gives no field.
func clientProblem(t *view.Text, err error) (field, text string) {
	e := oauth.AsError(err)
	if e.Code != oauth.InvalidClientMetadata && e.Code != oauth.InvalidRedirectURI {
		return "", ""
	}
	member, why, found := strings.Cut(e.Description, ": ")
	if !found {
		return "name", sentence(e.Description)
	}
	switch member {
	case "client_name":
		return "name", t.T("admin.clients.error.name")
	case "redirect_uri":
		return "redirect_uris", strings.TrimSuffix(why, ".") + "." // it goes on after the number of its line
	case "redirect_uris", "post_logout_redirect_uris":
		return member, sentence(why)
	case "post_logout_redirect_uri":
		return "post_logout_redirect_uris", strings.TrimSuffix(why, ".") + "."
	case "grant_types":
		return "grant_type", sentence(why)
	case "token_endpoint_auth_method":
		return "auth_method", sentence(why)
	case "backchannel_logout_uri":
		return member, sentence(why)
	case "jwks", "jwks_uri":
		return "keys", sentence(why)
	case "token_endpoint_auth_signing_alg":
		return "auth_method", sentence(why)
	case "no-pkce":
		return "pkce", t.T("admin.clients.error.pkce")
	case "no-rotation":
		return "rotation", t.T("admin.clients.error.rotation")
	case "policy":
		return "preset", sentence(why)
	case "trusted":
		return member, sentence(why)
	case "scope", "overlap", "client_id":
		return member, sentence(why)
	}
	return strings.ReplaceAll(member, "-", "_"), sentence(why)
}

// sentence makes one of a clause.
func sentence(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, ")") && strings.Contains(s, ". ") {
		return s
	}
	return s + "."
}
