package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/httprate"

	"regrant/app/oauth"
	"regrant/web/view"
)

const (
	budgetWindow   = time.Minute
	requestTimeout = 20 * time.Second

	// maxAuthFailures is how often one address may fail to authenticate as one client in a minute. The right client at another
	// address is not touched.
	maxAuthFailures = 60
)

// deadline gives every request its end.
func deadline(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// budget limits the requests of one address in a minute, over all routes that it is put around. Endpoints for programs and
// pages have one each, so that a busy application cannot lock people out of sign-in, nor the other way round.
func budget(limit int, tooMany http.HandlerFunc) func(http.Handler) http.Handler {
	if limit == 0 {
		return func(next http.Handler) http.Handler { return next }
	}
	key := func(r *http.Request) (string, error) { return budgetKey(r), nil }
	return httprate.NewRateLimiter(limit, budgetWindow, httprate.WithKeyFuncs(key), httprate.WithLimitHandler(tooMany),
		httprate.WithResponseHeaders(httprate.ResponseHeaders{})).Handler
}

func (s *Server) tooManyCalls(w http.ResponseWriter, r *http.Request) {
	s.writeOAuthError(w, r, &oauth.Error{Code: oauth.TemporarilyUnavailable, Description: "Too many requests from this address.", RetryAfter: budgetWindow})
}

func (s *Server) tooManyPages(w http.ResponseWriter, r *http.Request) {
	s.writePage(w, r, pageError{status: http.StatusTooManyRequests, problem: view.ProblemTooMany, retryAfter: budgetWindow})
}

// failureBudget counts failed authentications by client and address.
type failureBudget struct{ counter httprate.LimitCounter }

func newFailureBudget() *failureBudget {
	return &failureBudget{counter: httprate.NewLocalLimitCounter(budgetWindow)}
}

func (b *failureBudget) allow(clientID string, r *http.Request) (wait time.Duration, ok bool) {
	now := time.Now().UTC()
	window := now.Truncate(budgetWindow)
	count, _, err := b.counter.Get(failureKey(clientID, r), window, window.Add(-budgetWindow))
	if err != nil || count < maxAuthFailures {
		return 0, true
	}
	return window.Add(budgetWindow).Sub(now), false
}

func (b *failureBudget) note(clientID string, r *http.Request) {
	_ = b.counter.Increment(failureKey(clientID, r), time.Now().UTC().Truncate(budgetWindow)) // the local counter has no errors
}

func failureKey(clientID string, r *http.Request) string {
	if len(clientID) > 100 {
		clientID = clientID[:100]
	}
	return budgetKey(r) + "|" + clientID
}

// guarded runs an act of a client that authenticates. Once an address has failed too often as this client, further failures
// are told to wait; the right secret is always welcome, so nobody at the same address can lock the client out.
func (s *Server) guarded(c oauth.ClientCredentials, r *http.Request, act func() error) error {
	err := act()
	var e *oauth.Error
	if !errors.As(err, &e) || e.Code != oauth.InvalidClient {
		return err
	}
	if wait, ok := s.failures.allow(c.ClientID, r); !ok {
		return &oauth.Error{Code: oauth.TemporarilyUnavailable, RetryAfter: wait, Description: "Too many failed authentications of this client from this address."}
	}
	s.failures.note(c.ClientID, r)
	return err
}
