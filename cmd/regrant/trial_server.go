package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
	"regrant/web"
)

// trialServer is the server that an application under test is configured for: a real one, with a door at which answers can be lost.
type trialServer struct {
	issuer   string
	client   *oauth.Client
	secret   string // "" for a client without one
	person   demoAccount
	dir      string
	clock    *demoClock
	store    *db.DB
	engine   *oauth.Server
	site     http.Handler
	door     *trialDoor
	listener net.Listener
	log      *slog.Logger
}

// newTrialServer makes it on a new database, with one person and one client. The person's password is hashed at cost.
func newTrialServer(ctx context.Context, listen string, client *oauth.Client, secret string, clock *demoClock, log *slog.Logger, cost account.Cost) (s *trialServer, err error) {
	s = &trialServer{client: client, secret: secret, clock: clock, log: log, person: demoAccount{"alice@example.com", "Alice Archer", demoPassword()}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
			s = nil
		}
	}()
	if err := checkPort("listen", listen); err != nil {
		return s, err
	}
	if s.listener, err = listenTCP("listen", listen); err != nil {
		return s, err
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return s, err
	}
	_, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		return s, err
	}
	s.issuer = "http://" + net.JoinHostPort(host, port)
	if s.dir, err = os.MkdirTemp("", "regrant-test-"); err != nil {
		return s, err
	}
	if s.store, err = db.Open(ctx, filepath.Join(s.dir, "regrant.db"), db.Options{Server: true}); err != nil {
		return s, err
	}
	hasher, err := account.NewHasher(account.HasherOptions{Cost: cost})
	if err != nil {
		return s, err
	}
	all := account.New(s.store, hasher, account.Options{})
	at := clock.Wall()
	who := account.NewPerson{Email: s.person.email, Name: s.person.name, Role: account.RolePerson, EmailVerified: true, Password: s.person.password}
	if _, err := all.Create(ctx, who, operator(), at); err != nil {
		return s, fmt.Errorf("create %s: %w", s.person.email, err)
	}
	if err := s.register(ctx, at); err != nil {
		return s, err
	}
	if s.engine, err = oauth.New(ctx, oauth.Config{Issuer: s.issuer, Time: clock, Alarm: log.Warn}, s.store); err != nil {
		return s, err
	}
	site, err := web.New(web.Config{Issuer: s.issuer, Log: log, Now: clock.Wall, Store: s.store, Rehearsal: db.OpenRehearsal}, s.engine, all, s.store.SessionStore(clock.Wall), s.store.Ready)
	if err != nil {
		return s, err
	}
	s.site, s.door = site, newTrialDoor(site, s.issuer, s.person)
	return s, nil
}

// register makes the client, with the secret that the application has already.
func (s *trialServer) register(ctx context.Context, at time.Time) error {
	if _, err := oauth.RegisterClient(ctx, s.store, s.client, at, operator()); err != nil {
		return err
	}
	if s.secret == "" {
		return nil
	}
	hash := sha256.Sum256([]byte(s.secret))
	s.client.Secret.Hash, s.client.Secret.Hint = hash[:], s.secret[max(0, len(s.secret)-4):]
	event := audit.Event{At: at, Kind: audit.ClientUpdated, Origin: operator(), ClientID: s.client.ID, Result: "ok"}
	return s.store.UpdateClient(ctx, s.client, event)
}

// introduce says how to configure the application.
func (s *trialServer) introduce(w io.Writer, command []string) {
	fmt.Fprintf(w, "The server of the test listens. Configure the application for it, and start it:\n\n")
	pairs := []string{"issuer", s.issuer, "client_id", s.client.ID, "authentication", string(s.client.AuthMethod)}
	for _, uri := range s.client.RedirectURIs {
		pairs = append(pairs, "redirect URI", uri)
	}
	sheet(w, append(pairs, "scope", s.client.Scope.String(), "policy", string(s.client.Policy.Preset), "access tokens", "live for "+s.client.Policy.AccessTokenLifetime.String())...)
	fmt.Fprintln(w)
}

// serve answers until ctx ends or the listener fails.
func (s *trialServer) serve(ctx context.Context) error {
	background, finish := context.WithCancel(context.Background())
	var work sync.WaitGroup
	defer work.Wait()
	defer finish()
	work.Go(func() { s.engine.Run(background) })
	server := newHTTPServer(s.door, s.log)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(s.listener) }()
	var err error
	select {
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if server.Shutdown(drain) != nil {
		server.Close()
	}
	return err
}

// close removes everything.
func (s *trialServer) close() (err error) {
	if s.listener != nil {
		s.listener.Close()
	}
	if s.store != nil {
		err = s.store.Close()
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

// endGrants ends all of the person's grants, as an admin may.
func (s *trialServer) endGrants(ctx context.Context) error {
	at := s.clock.Wall()
	event := audit.Event{At: at, Kind: audit.GrantRevoked, Origin: operator(), ClientID: s.client.ID, Result: string(oauth.RevokedAdmin), Detail: "all=yes"}
	_, err := s.store.RevokeGrantsOf(ctx, "", s.client.ID, oauth.RevokedAdmin, at, event)
	return err
}

// kept is an answer that is held back.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// keep lets a handler answer, and keeps the answer.
func keep(h http.Handler, r *http.Request) *kept {
	k := &kept{header: http.Header{}}
	h.ServeHTTP(k, r)
	if k.status == 0 {
		k.status = http.StatusOK
	}
	return k
}

// Header is that of the answer.
func (k *kept) Header() http.Header { return k.header }

// WriteHeader keeps the first status.
func (k *kept) WriteHeader(status int) {
	if k.status == 0 && status >= 200 {
		k.status = status
	}
}

// Write keeps the body.
func (k *kept) Write(b []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	return k.body.Write(b)
}

// give passes the answer on.
func (k *kept) give(w http.ResponseWriter) {
	for name, values := range k.header {
		w.Header()[name] = append(w.Header()[name], values...)
	}
	w.WriteHeader(k.status)
	_, _ = w.Write(k.body.Bytes()) // a client that has gone away
}

// inside is an http.RoundTripper that asks a handler of this process.
type inside struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (i inside) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RemoteAddr, in.RequestURI, in.Host = "127.0.0.1:1", r.URL.RequestURI(), r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	k := keep(i.handler, in)
	return &http.Response{
		Status: demoStatus(k.status), StatusCode: k.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: k.header, Body: io.NopCloser(&k.body), ContentLength: int64(k.body.Len()), Request: r,
	}, nil
}
