package web

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"regrant/app/account"
	"regrant/app/oauth"
	"regrant/web/view"
)

// frame is what every page needs of its request.
func (s *Server) frame(r *http.Request) view.Frame {
	who := s.readerOf(r)
	text := view.TheCatalogue().ForReader(who.language, requestOf(r).locales, r.Header.Get("Accept-Language")).In(who.zone)
	return view.Frame{Text: text, Base: s.base, Look: s.site.look(r.Context())}
}

// showPage writes a page. inFlow is for pages inside an authorization, whose form may lead to a client: WEB-11.
func (s *Server) showPage(w http.ResponseWriter, r *http.Request, status int, inFlow bool, page templ.Component) {
	policy := cspForm
	if inFlow {
		policy = cspPage
	}
	s.showPageUnder(w, r, status, policy, page)
}

// showPageUnder writes a page under a content security policy of its own.
func (s *Server) showPageUnder(w http.ResponseWriter, r *http.Request, status int, policy string, page templ.Component) {
	var b bytes.Buffer
	if err := page.Render(r.Context(), &b); err != nil {
		s.log.Error("render page", "request_id", requestOf(r).id, "err", err.Error())
		writeHealth(w, http.StatusInternalServerError, "The page could not be shown.")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Language")
	h.Set("Content-Security-Policy", policy)
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// pageError is what a person is told of an error.
type pageError struct {
	status     int
	problem    view.Problem
	retryAfter time.Duration
	client     string
	code       string // for the client's developer
	detail     string
}

// writePage is the one place where an error meets a person. It never sends them on.
func (s *Server) writePage(w http.ResponseWriter, r *http.Request, e pageError) {
	page := e.problem.Page(s.frame(r))
	page.ClientName, page.Code, page.Detail, page.RequestID = e.client, e.code, e.detail, requestOf(r).id
	if e.retryAfter > 0 {
		page.RetryAfter = e.retryAfter
		w.Header().Set("Retry-After", retryAfter(e.retryAfter))
	}
	s.showPage(w, r, e.status, false, page)
}

// writePageError tells a person about an error of the engine, whose redirect URI is not proven.
func (s *Server) writePageError(w http.ResponseWriter, r *http.Request, err error) {
	e := oauth.AsError(err)
	p := pageError{status: http.StatusBadRequest, problem: view.ProblemBadRequest, code: string(e.Code), detail: e.Description}
	switch {
	case errors.Is(err, oauth.ErrDocumentAway) && e.RetryAfter > 0:
		p = pageError{status: http.StatusTooManyRequests, problem: view.ProblemTooMany, retryAfter: e.RetryAfter}
	case errors.Is(err, oauth.ErrDocumentAway):
		p = pageError{status: http.StatusServiceUnavailable, problem: view.ProblemDocumentAway, retryAfter: 5 * time.Second}
	case e.Code == oauth.TemporarilyUnavailable || e.Code == oauth.ServerError:
		p = pageError{status: http.StatusServiceUnavailable, problem: view.ProblemUnavailable, retryAfter: time.Second}
	case errors.Is(err, oauth.ErrOver), errors.Is(err, oauth.ErrRequestURI):
		p.problem, p.code, p.detail = view.ProblemExpired, "", ""
	case errors.Is(err, oauth.ErrUnknownClient):
		p.problem = view.ProblemClient
	case errors.Is(err, oauth.ErrRedirectURI):
		p.problem = view.ProblemRedirectURI
	case errors.Is(err, oauth.ErrDocumentBad):
		p.problem = view.ProblemDocument
	}
	s.logError(r, p.status, e)
	s.writePage(w, r, p)
}

// unavailable answers a page whose data cannot be had right now.
func (s *Server) unavailable(w http.ResponseWriter, r *http.Request, doing string, err error) {
	if errors.Is(err, account.ErrBusy) {
		s.turnAway(w, r, doing)
		return
	}
	s.log.Error("request failed", "request_id", requestOf(r).id, "path", outside(r.URL.Path, 200), "doing", doing, "err", err.Error())
	s.writePage(w, r, pageError{status: http.StatusServiceUnavailable, problem: view.ProblemUnavailable, retryAfter: time.Second})
}

// turnAway answers whoever wants a password looked at while as many wait for that as may (WEB-32). By the time that it names most of
// them have had their turn; it is another for each, so that a crowd does not come back at once.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, doing string) {
	s.log.Info("turned away: too many sign-ins at once", "request_id", requestOf(r).id, "path", outside(r.URL.Path, 200), "doing", doing)
	wait := time.Duration(3+rand.N(4)) * time.Second
	s.writePage(w, r, pageError{status: http.StatusServiceUnavailable, problem: view.ProblemUnavailable, retryAfter: wait})
}

func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	s.writePage(w, r, pageError{status: http.StatusNotFound, problem: view.ProblemNotFound})
}

func (s *Server) crossSite(w http.ResponseWriter, r *http.Request) {
	s.log.Warn("cross-site form refused", "request_id", requestOf(r).id, "path", outside(r.URL.Path, 200))
	s.writePage(w, r, pageError{status: http.StatusForbidden, problem: view.ProblemCrossSite})
}
