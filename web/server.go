package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"regrant/app/account"
	"regrant/app/delivery"
	"regrant/app/mail"
	"regrant/app/oauth"
)

// Config is what the HTTP side must be told.
type Config struct {
	Issuer         string         // with its path, if it has one
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	Origins        []string       // browser origins that may call the token endpoint, besides those of public clients
	TokenBudget    int            // requests a minute and address at the endpoints for programs; 0: no limit
	PageBudget     int            // requests a minute and address at the pages; 0: no limit
	Log            *slog.Logger
	Now            func() time.Time    // nil: time.Now
	Store          Store               // for the pages of admins
	Mail           *mail.Post          // nil, or one that is not open: no mails, and nothing that needs them is offered
	MailServer     string              // through which they go, for the page of settings
	Send           delivery.Send       // sends the tests of how applications are told; nil: none can be sent
	Rehearsal      oauth.OpenRehearsal // gives a store to try a policy in; nil: policies cannot be tried

	// What the page of settings shows and nobody can change there.
	Version      string
	DatabaseFile string
	TLS          bool      // this process speaks TLS itself
	Environment  []Setting // what it was told at its start
	Backups      Backups
}

// Server answers every request.
type Server struct {
	cfg        Config
	base       string // the path of the issuer, "" for none
	secure     bool   // the issuer is https
	oauth      *oauth.Server
	people     *account.People
	links      *account.Links
	passkeys   *account.Passkeys
	groups     *account.Groups
	sessions   *sessions
	store      Store
	site       *siteSettings
	ready      *recent[error]
	origins    *recent[[]string]
	forward    *recent[map[string]*oauth.ForwardApp]
	failures   *failureBudget
	log        *slog.Logger
	counters   *Counters
	handler    http.Handler
	rehearsing sync.Mutex // held while a policy is tried
}

// New wires the handlers. ready says whether the store can be read and written.
func New(cfg Config, engine *oauth.Server, people *account.People, store SessionStore, ready func(context.Context) error) (*Server, error) {
	issuer, err := url.Parse(cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return time.Now().UTC() }
	}
	if cfg.Log == nil {
		return nil, errors.New("web.New: no logger")
	}
	if cfg.Store == nil {
		return nil, errors.New("web.New: no store")
	}
	s := &Server{
		store: cfg.Store, links: account.NewLinks(people, cfg.Store, cfg.Issuer), passkeys: account.NewPasskeys(people, cfg.Store, cfg.Issuer), groups: account.NewGroups(cfg.Store),
		cfg: cfg, base: strings.TrimSuffix(issuer.EscapedPath(), "/"), secure: issuer.Scheme == "https", oauth: engine, people: people,
		ready: readiness(ready), origins: publicOrigins(engine), forward: forwardApps(engine), log: cfg.Log, failures: newFailureBudget(), counters: newCounters(),
	}
	s.sessions = newSessions(issuer, store, cfg.Now)
	s.site = newSiteSettings(cfg.Store)
	s.handler = s.routes()
	return s, nil
}

func (s *Server) now() time.Time { return s.cfg.Now() }

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Counters gives what the server has counted, for metrics.
func (s *Server) Counters() *Counters { return s.counters }
