package web

import (
	"errors"
	"net/http"

	"regrant/app/oauth"
	"regrant/web/view"
)

// deviceAuthorization is the device authorization endpoint, RFC 8628 §3.1.
func (s *Server) deviceAuthorization(w http.ResponseWriter, r *http.Request) {
	form, bad := readForm(w, r)
	if bad != nil {
		s.writeOAuthErrorStatus(w, r, bad.status, oauth.AsError(bad.err))
		return
	}
	credentials, err := clientCredentials(r, form)
	var response *oauth.DeviceResponse
	if err == nil {
		err = s.guarded(credentials, r, func() (err error) {
			response, err = s.oauth.AuthorizeDevice(r.Context(), credentials, form, originOf(r))
			return err
		})
	}
	if err != nil {
		s.writeOAuthError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, response)
}

// showDevice asks for the code that a device shows. An address that holds the code fills it in and does nothing else (RFC 8628 §5.4).
func (s *Server) showDevice(w http.ResponseWriter, r *http.Request) {
	s.showPage(w, r, http.StatusOK, false, s.devicePage(w, r, r.URL.Query().Get("user_code")))
}

// maxUserCodeTyped bounds what of a code is shown again, bytes.
const maxUserCodeTyped = 40

func (s *Server) devicePage(w http.ResponseWriter, r *http.Request, typed string) view.Device {
	if len(typed) > maxUserCodeTyped {
		typed = ""
	}
	return view.Device{Frame: s.frame(r), UserCode: typed, FormToken: s.formToken(w, r)}
}

// enterDevice takes the code. What follows are the steps of any authorization: sign-in and consent.
func (s *Server) enterDevice(w http.ResponseWriter, r *http.Request) {
	typed := r.PostForm.Get("user_code")
	who, ok := s.signedIn(w, r)
	if !ok {
		return
	}
	progress, err := s.oauth.BeginDevice(r.Context(), typed, oauth.HashBrowser(s.browser(w, r)), who, originOf(r))
	if err == nil {
		s.goOn(w, r, progress, nil)
		return
	}
	e, page, status := oauth.AsError(err), s.devicePage(w, r, typed), http.StatusUnprocessableEntity
	switch {
	case e.Code == oauth.TemporarilyUnavailable && e.RetryAfter > 0:
		status, page.Error = http.StatusTooManyRequests, page.Text.T("device.error.wait", "Wait", page.Text.Duration(e.RetryAfter))
		w.Header().Set("Retry-After", retryAfter(e.RetryAfter))
	case !errors.Is(err, oauth.ErrUserCode):
		s.writePageError(w, r, err)
		return
	case !oauth.LooksLikeUserCode(typed):
		page.Error = page.Text.T("device.error.malformed")
	default:
		page.Error = page.Text.T("device.error.unknown")
	}
	s.logError(r, status, e)
	s.showPage(w, r, status, false, page)
}

// deviceDone sends the browser to the page that says what became of the device.
func (s *Server) deviceDone(w http.ResponseWriter, p *oauth.Progress) {
	result := "denied"
	if len(p.Scope) > 0 {
		result = "allowed"
	}
	s.redirect(w, s.base+oauth.PathDevice+"/"+result)
}

func (s *Server) showDeviceAllowed(w http.ResponseWriter, r *http.Request) {
	s.showPage(w, r, http.StatusOK, false, view.DeviceDone{Frame: s.frame(r), Allowed: true})
}

func (s *Server) showDeviceDenied(w http.ResponseWriter, r *http.Request) {
	s.showPage(w, r, http.StatusOK, false, view.DeviceDone{Frame: s.frame(r)})
}

// deviceAsked is what the consent page says of a device, nil where there is none.
func deviceAsked(t *view.Text, p *oauth.Progress) *view.DeviceAsked {
	d := p.Request.Device
	if d == nil {
		return nil
	}
	return &view.DeviceAsked{UserCode: oauth.SpellUserCode(d.UserCode), Program: deviceName(t, d.UserAgent), Address: d.IP}
}
