package web

import (
	"errors"
	"net/http"

	"regrant/app/account"
	"regrant/web/view"
)

// showSetup shows the form that makes the first admin to whoever holds the link that the server printed. Once there is an
// admin there is no such page (WEB-41).
func (s *Server) showSetup(w http.ResponseWriter, r *http.Request) {
	if _, err := s.links.Find(r.Context(), account.LinkSetup, r.PathValue("token"), s.now()); err != nil {
		s.setupRefused(w, r, err)
		return
	}
	s.showPage(w, r, http.StatusOK, false, s.setupPage(w, r))
}

func (s *Server) setupPage(w http.ResponseWriter, r *http.Request) view.Setup {
	return view.Setup{Frame: s.frame(r), Token: r.PathValue("token"), FormToken: s.formToken(w, r)}
}

// setUp makes the first admin and signs them in.
func (s *Server) setUp(w http.ResponseWriter, r *http.Request) {
	n := account.NewPerson{Name: r.PostForm.Get("name"), Email: r.PostForm.Get("email"), Password: r.PostForm.Get("password")}
	signedIn, err := s.links.SetUp(r.Context(), r.PathValue("token"), n, s.device(w, r), originOf(r), s.now())
	if wrong, ok := s.typedWrong(r, err); ok {
		page := s.setupPage(w, r)
		page.Name, page.Email = n.Name, n.Email
		page.NameError, page.EmailError, page.PasswordError = wrong.name, wrong.email, wrong.password
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
		return
	}
	if err != nil {
		s.setupRefused(w, r, err)
		return
	}
	if _, ok := s.enter(w, r, nil, signedIn); ok {
		s.redirect(w, s.base+"/admin/welcome")
	}
}

func (s *Server) setupRefused(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, account.ErrHasAdmin):
		s.notFound(w, r)
	case errors.Is(err, account.ErrLinkOver):
		s.showPage(w, r, http.StatusGone, false, view.SetupOver{Frame: s.frame(r)})
	default:
		s.unavailable(w, r, "set up", err)
	}
}

// showWelcome shows the first admin what may come next.
func (s *Server) showWelcome(w http.ResponseWriter, r *http.Request, a *admin) {
	f := s.adminFrame(w, r, a, "overview", view.Crumb{Label: s.frame(r).Text.T("setup.welcome")})
	s.showPage(w, r, http.StatusOK, false, view.Welcome{AdminFrame: f, Issuer: s.oauth.Issuer()})
}

// fieldErrors are sentences about what was typed, each for its field; empty for none.
type fieldErrors struct{ name, email, password string }

// typedWrong says whether err is about what was typed, and puts it into words.
func (s *Server) typedWrong(r *http.Request, err error) (wrong fieldErrors, ok bool) {
	text := s.frame(r).Text
	var invalid *account.InvalidError
	var password *account.PasswordError
	switch {
	case errors.As(err, &password):
		wrong.password = passwordProblem(text, password)
	case errors.As(err, &invalid) && invalid.Field == "role": // a form that is not ours
	case errors.As(err, &invalid) && invalid.Field == "name":
		wrong.name = text.T("name.invalid")
	case errors.As(err, &invalid) && invalid.Key == "email.domain":
		wrong.email = text.T("email.domain")
	case errors.As(err, &invalid):
		wrong.email = text.T("email.invalid")
	case errors.Is(err, account.ErrEmailTaken):
		wrong.email = text.T("email.taken")
	default:
		return wrong, false
	}
	return wrong, true
}

// passwordProblem says why a password may not be chosen, and so what to choose (WEB-31).
func passwordProblem(text *view.Text, e *account.PasswordError) string {
	switch e.Key {
	case "password.too_short":
		return text.N("password.too_short", e.Limit)
	case "password.too_long":
		return text.N("password.too_long", e.Limit)
	case "password.not_text":
		return text.T("password.not_text")
	case "password.common":
		return text.T("password.common")
	case "password.personal":
		return text.T("password.personal")
	case "password.same":
		return text.T("password.same")
	}
	return text.T("password.guessable")
}
