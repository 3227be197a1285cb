package web

import (
	"errors"
	"net/http"

	"regrant/app/account"
	"regrant/web/view"
)

// showInvite shows an invitation to whoever holds its link. It uses nothing up.
func (s *Server) showInvite(w http.ResponseWriter, r *http.Request) {
	link, ok := s.invitation(w, r)
	if !ok {
		return
	}
	_, person, ok := s.person(w, r)
	if !ok {
		return
	}
	page := s.invitePage(w, r, link)
	if person != nil {
		page.SignedIn = person.Email
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

func (s *Server) invitePage(w http.ResponseWriter, r *http.Request, link account.Link) view.AcceptInvite {
	return view.AcceptInvite{
		Frame: s.frame(r), Token: r.PathValue("token"), FormToken: s.formToken(w, r), Email: link.Email, Name: link.Name, Role: string(link.Role),
	}
}

// invitation finds the invitation that a request is about. When there is none, it answers itself.
func (s *Server) invitation(w http.ResponseWriter, r *http.Request) (account.Link, bool) {
	link, err := s.links.Find(r.Context(), account.LinkInvite, r.PathValue("token"), s.now())
	if err != nil {
		s.linkRefused(w, r, view.ProblemInviteOver, err)
	}
	return link, err == nil
}

// acceptInvite makes the account and signs its person in.
func (s *Server) acceptInvite(w http.ResponseWriter, r *http.Request) {
	link, ok := s.invitation(w, r)
	if !ok {
		return
	}
	course, ok := s.course(w, r, nil)
	if !ok {
		return
	}
	name := r.PostForm.Get("name")
	signedIn, err := s.links.Accept(r.Context(), r.PathValue("token"), name, r.PostForm.Get("password"), course, s.device(w, r), originOf(r), s.now())
	var unfinished *account.UnfinishedError
	if errors.As(err, &unfinished) {
		s.redirect(w, s.secondAddress(unfinished, course))
		return
	}
	if wrong, ok := s.typedWrong(r, err); ok && wrong.email == "" {
		page := s.invitePage(w, r, link)
		page.Name, page.NameError, page.PasswordError = name, wrong.name, wrong.password
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
		return
	}
	if err != nil {
		s.linkRefused(w, r, view.ProblemInviteOver, err)
		return
	}
	if _, ok := s.enter(w, r, nil, signedIn); ok {
		s.redirect(w, s.base+s.belongs(signedIn.Person.Role, ""))
	}
}

// linkRefused answers a link that is over with what can be done then.
func (s *Server) linkRefused(w http.ResponseWriter, r *http.Request, over view.Problem, err error) {
	// An address that somebody else has got meanwhile makes an invitation as useless as its end does.
	if errors.Is(err, account.ErrLinkOver) || errors.Is(err, account.ErrEmailTaken) || errors.Is(err, account.ErrNotFound) {
		s.writePage(w, r, pageError{status: http.StatusGone, problem: over})
		return
	}
	s.unavailable(w, r, "use a link", err)
}
