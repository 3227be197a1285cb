package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"regrant/app/account"
	"regrant/app/oauth"
	"regrant/db"
	"regrant/web"
	"regrant/web/view"
)

type demoCommand struct {
	Listen string `placeholder:"ADDR" help:"Where the server listens (default 127.0.0.1:8080, or the next port that is free). The application and the API take the next free ports. With --server, where the application listens (default 127.0.0.1:8081)."`
	demoElsewhere
}

// Help is shown by --help.
func (demoCommand) Help() string {
	return `The demo starts the server with one person and one admin, an application and an API, each on its own port, and shows in the
application's page what the three say to each other: signing in, calling the API, refreshing, and what happens when something
goes wrong. Its database is made for it and removed when it ends; --db is not looked at.

With --server it starts the application only, for a client that you have made at a server that is running. Register the
redirect URI that it prints, http://127.0.0.1:8081/callback unless --listen says otherwise.

Examples:

    regrant demo
    regrant demo --listen 127.0.0.1:9000
    regrant demo --server http://localhost:8080 --client-id my-app --client-secret-stdin
    regrant demo --server http://localhost:8080 --client-id my-cli --scope "openid profile"`
}

func (c demoCommand) Run(ctx context.Context, p *program) (err error) {
	if c.Listen != "" && !isLoopback(c.Listen) {
		return usage("listen: %s is not a loopback address; the demo shows what is secret to whoever comes", c.Listen)
	}
	client, err := c.client(p)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	log := slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	var d *demo
	if client != nil {
		d, err = newDemoElsewhere(ctx, c.Listen, c.Server, *client, log)
	} else {
		d, err = newDemo(ctx, c.Listen, log, account.DefaultCost())
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := p.print(d.introduction(), d.introduce); err != nil {
		return err
	}
	return d.serve(ctx)
}

// demo is the server, the application and the API, and the database that they live on; or the application alone, where the
// server is somebody else's: then what is only the server's is nil.
type demo struct {
	dir    string
	issuer string
	server demoPlace
	app    demoPlace
	api    demoPlace
	person demoAccount
	admin  demoAccount
	client demoClient
	at     demoEndpoints
	opens  demoResource

	clock     *demoClock
	store     *db.DB
	engine    *oauth.Server
	catalogue *view.Catalogue
	visitors  *demoVisitors
	browsers  *demoBrowsers
	tapes     demoTapes
	http      *http.Client // of application and API
	log       *slog.Logger
	ending    chan struct{} // closed when the demo ends
	places    []*demoPlace
}

type demoAccount struct{ email, name, password string }

// newDemo makes everything, on a new database. Where listen is "", it takes a port that is free. Passwords are hashed at cost.
func newDemo(ctx context.Context, listen string, log *slog.Logger, cost account.Cost) (d *demo, err error) {
	d = emptyDemo(log)
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	d.places = []*demoPlace{&d.server, &d.app, &d.api}
	if listen == "" {
		listen = freeNear(demoAddress)
	}
	if err := demoListen(listen, d.places...); err != nil {
		return d, err
	}
	d.issuer, d.at = d.server.url, endpointsOf(d.server.url)
	d.opens = demoResource{url: d.api.url + "/notes", party: view.DemoAPI, gives: "demo.says.resource", title: "demo.scene.called.title", rule: "demo.scene.called.rule"}
	if d.dir, err = os.MkdirTemp("", "regrant-demo-"); err != nil {
		return d, err
	}
	if d.store, err = db.Open(ctx, filepath.Join(d.dir, "regrant.db"), db.Options{Server: true}); err != nil {
		return d, err
	}
	hasher, err := account.NewHasher(account.HasherOptions{Cost: cost})
	if err != nil {
		return d, err
	}
	all := account.New(d.store, hasher, account.Options{})
	if err := d.populate(ctx, all); err != nil {
		return d, err
	}
	if d.engine, err = oauth.New(ctx, oauth.Config{Issuer: d.issuer, Time: d.clock, Alarm: log.Warn}, d.store); err != nil {
		return d, err
	}
	site, err := web.New(web.Config{Issuer: d.issuer, Log: log, Now: d.clock.Wall, Store: d.store, Rehearsal: db.OpenRehearsal}, d.engine, all, d.store.SessionStore(d.clock.Wall), d.store.Ready)
	if err != nil {
		return d, err
	}
	d.server.handler, d.app.handler = d.browsers.watch(site), d.appHandler()
	return d, nil
}

func emptyDemo(log *slog.Logger) *demo {
	return &demo{
		log: log, clock: newDemoClock(), catalogue: view.TheCatalogue(), browsers: newDemoBrowsers(), ending: make(chan struct{}),
		visitors: &demoVisitors{all: map[string]*demoVisitor{}}, tapes: demoTapes{byTrace: map[string]*demoTape{}},
		http: &http.Client{Timeout: demoTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// populate makes the people, the API and the application.
func (d *demo) populate(ctx context.Context, all *account.People) error {
	d.person = demoAccount{"alice@example.com", "Alice Archer", demoPassword()}
	d.admin = demoAccount{"admin@example.com", "Adam Admin", demoPassword()}
	at := d.clock.Wall()
	for _, who := range []struct {
		demoAccount
		role account.Role
	}{{d.person, account.RolePerson}, {d.admin, account.RoleAdmin}} {
		n := account.NewPerson{Email: who.email, Name: who.name, Role: who.role, EmailVerified: true, Password: who.password}
		if _, err := all.Create(ctx, n, operator(), at); err != nil {
			return fmt.Errorf("create %s: %w", who.email, err)
		}
	}
	api := &oauth.API{Resource: d.api.url + "/", Name: "Notes API", Scope: oauth.Scope{scopeRead, scopeWrite}}
	client, secret, err := oauth.RegisterAPI(ctx, d.store, api, at, operator())
	if err != nil {
		return fmt.Errorf("register the API: %w", err)
	}
	rs := &demoAPI{resource: api.Resource, introspect: d.at.introspect, id: client.ID, secret: secret, client: d.http, tape: d.tapes.find}
	d.api.handler = rs.handler()
	policy, _ := oauth.PolicyOf(oauth.PresetStandard)
	policy.AccessTokenLifetime = 30 * time.Second
	d.client = demoClient{id: demoClientID, method: oauth.AuthBasic, scope: demoScope, wider: scopeWrite, grace: policy.Grace}
	app := &oauth.Client{
		ID: d.client.id, Name: "Notes", AuthMethod: d.client.method, RedirectURIs: []string{d.callback()}, Policy: policy,
		Scope: append(append(oauth.Scope{}, oauth.DefaultScope...), scopeRead, scopeWrite),
	}
	if d.client.secret, err = oauth.RegisterClient(ctx, d.store, app, at, operator()); err != nil {
		return fmt.Errorf("register the application: %w", err)
	}
	return nil
}

// demoPassword makes a password that nobody knows and everybody can type.
func demoPassword() string {
	s := strings.ToLower(rand.Text())
	return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:16]
}

// serve answers until ctx ends or a listener fails. A second signal changes nothing: the end is near, and the database must
// be gone.
func (d *demo) serve(ctx context.Context) error {
	background, finish := context.WithCancel(context.Background())
	var work sync.WaitGroup
	defer work.Wait()
	defer finish()
	if d.engine != nil {
		work.Go(func() { d.engine.Run(background) })
	}
	failed := make(chan error, len(d.places))
	servers := make([]*http.Server, len(d.places))
	for i, place := range d.places {
		servers[i] = newHTTPServer(place.handler, d.log)
		go func() { failed <- servers[i].Serve(place.listener) }()
	}
	var err error
	select {
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	close(d.ending)
	drain, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, s := range servers {
		if s.Shutdown(drain) != nil {
			s.Close()
		}
	}
	return err
}

// close removes everything.
func (d *demo) close() (err error) {
	for _, place := range d.places {
		if place.listener != nil {
			place.listener.Close()
		}
	}
	if d.store != nil {
		err = d.store.Close()
	}
	if d.dir != "" {
		err = errors.Join(err, os.RemoveAll(d.dir))
	}
	return err
}
