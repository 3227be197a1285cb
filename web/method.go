package web

import (
	"net/http"

	"regrant/app/oauth"
	"regrant/assets"
	"regrant/web/view"
)

func (s *Server) jsonMethodNotAllowed(w http.ResponseWriter, r *http.Request) {
	s.writeOAuthErrorStatus(w, r, http.StatusMethodNotAllowed, &oauth.Error{Code: oauth.InvalidRequest, Description: "The method is not allowed here."})
}

func (s *Server) pageMethodNotAllowed(w http.ResponseWriter, r *http.Request) {
	s.writePage(w, r, pageError{status: http.StatusMethodNotAllowed, problem: view.ProblemBadRequest})
}

// favicon answers browsers that ask without having read the page.
func (s *Server) favicon(w http.ResponseWriter, _ *http.Request) {
	s.redirect(w, s.base+assets.Path("mark.svg"))
}
