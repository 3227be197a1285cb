package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"regrant/app/account"
	"regrant/app/mail"
	"regrant/web/view"
)

// testMailTime is how long an admin waits for the mail server: less than a request may take.
const testMailTime = 15 * time.Second

// sendLink puts a link that an admin has made into the outbox as well, and says so for the page that shows it. A mail that cannot
// be put there takes nothing away: the page shows the link in any case, for the only time. Without mails it says nothing.
func (s *Server) sendLink(r *http.Request, t *view.Text, kind mail.Kind, link account.Link, address, to string) (lead string) {
	if !s.cfg.Mail.Open() {
		return ""
	}
	m := mail.Message{Kind: kind, PersonID: link.PersonID, To: link.Email, Language: languagesOf(r), Link: address, LinkEnds: link.ExpiresAt, ByAdmin: true}
	if err := s.cfg.Mail.Queue(r.Context(), m); err != nil {
		s.log.Error("request failed", "request_id", requestOf(r).id, "doing", "queue a mail", "err", err.Error())
		return t.T("admin.mail.not_sent")
	}
	if kind == mail.Invitation {
		return t.T("admin.mail.invited", "Email", to)
	}
	return t.T("admin.mail.reset_sent", "Email", to)
}

// sendTestMail sends a mail to the admin's own address at once, and shows what the mail server says.
func (s *Server) sendTestMail(w http.ResponseWriter, r *http.Request, a *admin) {
	if !s.mailing(w, r) {
		return
	}
	t := s.frame(r).Text
	letter, err := s.WriteLetter(r.Context(), mail.Message{ID: requestOf(r).id, Kind: mail.Test, Language: languagesOf(r)}, mail.Reader{Person: a.Person, Address: a.Email})
	if err != nil {
		s.unavailable(w, r, "write a mail", err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), testMailTime)
	defer cancel()
	if err = s.cfg.Mail.SendNow(ctx, letter); err == nil {
		s.done(w, r, "/admin/settings", "done.mail_sent")
		return
	}
	s.log.Warn("mail is not sent", "request_id", requestOf(r).id, "err", err.Error())
	now, fault := s.store.SiteSettings(r.Context())
	if fault != nil {
		s.unavailable(w, r, "read the settings", fault)
		return
	}
	f := settingsForm{Settings: now, policy: policyForm{policyValues(now.Policy), nil}, problem: t.T("admin.mail.failed", "Reason", err.Error())}
	if errors.Is(err, mail.ErrBusy) {
		f.problem = t.T("admin.mail.busy")
	}
	s.writeSettings(w, r, a, http.StatusBadGateway, f)
}
