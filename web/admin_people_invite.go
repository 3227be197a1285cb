package web

import (
	"net/http"
	"strings"

	"regrant/app/account"
	"regrant/app/mail"
	"regrant/web/view"
)

// showInvitePerson shows the form of an invitation, and those that nobody has accepted yet.
func (s *Server) showInvitePerson(w http.ResponseWriter, r *http.Request, a *admin) {
	if page, ok := s.invitePersonPage(w, r, a); ok {
		s.showPage(w, r, http.StatusOK, false, page)
	}
}

// invitePersonPage is the page with what was typed. When the store cannot say what it shows, it answers itself.
func (s *Server) invitePersonPage(w http.ResponseWriter, r *http.Request, a *admin) (view.AdminInvite, bool) {
	now := s.now()
	waiting, err := s.links.Invitations(r.Context(), now, maxInvitations)
	if err != nil {
		s.unavailable(w, r, "list invitations", err)
		return view.AdminInvite{}, false
	}
	rules, ok := s.invitationRules(w, r)
	if !ok {
		return view.AdminInvite{}, false
	}
	text := s.frame(r).Text
	page := view.AdminInvite{
		AdminFrame: s.adminFrame(w, r, a, "people", view.Crumb{Label: text.T("admin.people.invite")}),
		Email:      r.PostForm.Get("email"), Name: r.PostForm.Get("name"), Roles: s.roleChoice(r), Now: now,
	}
	if len(rules.InviteDomains) > 0 {
		page.Domains = text.T("admin.people.domains", "Domains", strings.Join(rules.InviteDomains, ", "))
	}
	for _, l := range waiting {
		page.Waiting = append(page.Waiting, view.InvitationRow{
			ID: l.ID, Email: l.Email, Name: l.Name, Role: string(l.Role), CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt,
		})
	}
	return page, true
}

// invitePerson makes an invitation and shows its link, for the only time, in the answer itself.
func (s *Server) invitePerson(w http.ResponseWriter, r *http.Request, a *admin) {
	rules, ok := s.invitationRules(w, r)
	if !ok {
		return
	}
	f := r.PostForm
	link, address, err := s.links.Invite(r.Context(), account.Invitation{
		Email: f.Get("email"), Name: f.Get("name"), Role: account.Role(f.Get("role")), May: rules.MayInvite,
	}, s.byAdmin(r, a), s.now())
	if wrong, is := s.typedWrong(r, err); is {
		page, ok := s.invitePersonPage(w, r, a)
		if !ok {
			return
		}
		page.NameError, page.EmailError = wrong.name, wrong.email
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
		return
	}
	if err != nil {
		s.unavailable(w, r, "invite", err)
		return
	}
	text := s.frame(r).Text
	title, lead := text.T("admin.people.link_title", "Email", link.Email), text.T("admin.people.link_lead")
	if sent := s.sendLink(r, text, mail.Invitation, link, address, link.Email); sent != "" {
		lead = sent
	}
	s.showPage(w, r, http.StatusOK, false, view.AdminLink{
		AdminFrame: s.adminFrame(w, r, a, "people", view.Crumb{Label: text.T("admin.people.invite"), URL: "/admin/people/invite"}, view.Crumb{Label: link.Email}),
		Title:      title, Lead: lead, Label: text.T("admin.people.link_label"), Link: address, Ends: link.ExpiresAt,
		Back: "/admin/people/invite", Again: text.T("admin.people.invite_another"),
	})
}

// withdrawInvitation makes an invitation useless.
func (s *Server) withdrawInvitation(w http.ResponseWriter, r *http.Request, a *admin) {
	err := s.links.WithdrawInvitation(r.Context(), r.PathValue("link"), s.byAdmin(r, a), s.now())
	if isNotFound(err) {
		s.done(w, r, "/admin/people", "done.invitation_over")
		return
	}
	if err != nil {
		s.unavailable(w, r, "withdraw invitation", err)
		return
	}
	s.done(w, r, "/admin/people", "done.invitation_withdrawn")
}
