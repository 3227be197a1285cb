package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"regrant/app/delivery"
	"regrant/app/oauth"
	"regrant/db"
	"regrant/web"
	"regrant/web/outbound"
)

type serveCommand struct {
	Listen       string   `env:"REGRANT_LISTEN" default:"127.0.0.1:8080" placeholder:"ADDR" help:"Where to listen (default ${default})."`
	Issuer       string   `env:"REGRANT_ISSUER" placeholder:"URL" help:"The server's public address (default http://localhost and the port)."`
	TLSCert      string   `name:"tls-cert" env:"REGRANT_TLS_CERT" placeholder:"FILE" help:"Certificate chain in PEM; read again when it changes."`
	TLSKey       string   `name:"tls-key" env:"REGRANT_TLS_KEY" placeholder:"FILE" help:"Its key in PEM."`
	TrustedProxy []string `env:"REGRANT_TRUSTED_PROXY" placeholder:"CIDR" help:"Believe X-Forwarded-For of this network; give it once for each."`
	Origin       []string `env:"REGRANT_ORIGIN" placeholder:"ORIGIN" help:"A browser origin that may call the token endpoint, besides those of public clients."`
	Outbound     []string `name:"outbound-allow" env:"REGRANT_OUTBOUND_ALLOW" placeholder:"HOST" help:"A host, address or network that applications may have the server call, besides public addresses; give it once for each."`
	OpsListen    string   `env:"REGRANT_OPS_LISTEN" placeholder:"ADDR" help:"Serve /metrics and /debug/pprof here, for operators only."`
	LogFormat    string   `env:"REGRANT_LOG_FORMAT" default:"text" enum:"text,json" placeholder:"FORMAT" help:"text or json (default ${default})."`
	LogLevel     string   `env:"REGRANT_LOG_LEVEL" default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"debug, info, warn or error (default ${default})."`
	TokenBudget  int      `env:"REGRANT_TOKEN_BUDGET" default:"60000" placeholder:"N" help:"Calls a minute that one address may make as a program; 0 for no limit (default ${default})."`
	RequirePAR   bool     `name:"require-par" env:"REGRANT_REQUIRE_PAR" help:"Refuse every authorization request that was not pushed first (RFC 9126)."`
	PageBudget   int      `env:"REGRANT_PAGE_BUDGET" default:"600" placeholder:"N" help:"Pages a minute that one address may ask for; 0 for no limit (default ${default})."`
	smtpFlags
	backupFlags
	masterKeyFlags
}

// Help is shown by --help.
func (serveCommand) Help() string {
	return `Without TLS only this machine and the proxies that it is told to trust may connect. It stops on SIGTERM or Ctrl+C, after
the requests that are under way. Every setting may stand in regrant.toml under the name of its flag:

    issuer = "https://id.example.com"
    tls-cert = "/etc/regrant/cert.pem"
    tls-key = "/etc/regrant/key.pem"
    trusted-proxy = ["10.0.0.0/8"]
    backup-every = "24h"
    backup-dir = "/var/backups/regrant"
    smtp-addr = "smtp.example.com:587"
    mail-from = "Example Sign-in <id@example.com>"

The password of the mail server is read from REGRANT_SMTP_PASSWORD or from a file, never from a flag. So is the master key, from
REGRANT_MASTER_KEY, a file, or systemd's credential master-key; see regrant key seal --help.

Examples:

    regrant serve
    regrant serve --listen :443 --issuer https://id.example.com --tls-cert cert.pem --tls-key key.pem
    regrant serve --issuer https://id.example.com --trusted-proxy 127.0.0.1`
}

// How long the parts of a stop may take.
const (
	drainTime = 20 * time.Second // for requests that are under way
	opsDrain  = time.Second
)

func (c serveCommand) Run(ctx context.Context, p *program) (err error) {
	s, err := c.settings(p.DB)
	if err != nil {
		return err
	}
	key, err := c.key(p.DB)
	if err != nil {
		return err
	}
	collectLess()
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	log := s.logger(p.stderr)

	store, err := p.open(ctx, orCreate, db.Options{Server: true, MasterKey: key})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	if why := store.Incomplete(); why != nil {
		log.Warn("this database may lack something; if it is meant to be a backup, restore it with: regrant restore", "err", why.Error())
	}

	listeners, err := s.listen(log)
	if err != nil {
		return err
	}
	defer listeners.close()
	issuer := s.issuerFor(listeners)

	calls := outbound.New(outbound.Options{Allow: s.outbound})
	engine, err := oauth.New(ctx, oauth.Config{Issuer: issuer, Alarm: log.Warn, Time: clocks(), Fetch: fetcher(calls), FetchDocument: documents(calls), PARRequired: c.RequirePAR}, store)
	if err != nil {
		return err
	}
	all, err := people(store, hostOf(issuer))
	if err != nil {
		return err
	}
	post := s.post(store, all, issuer, log)
	site, err := web.New(web.Config{
		Mail: post, MailServer: s.mailServer(),
		Issuer: issuer, TrustedProxies: s.proxies, Origins: c.Origin, TokenBudget: c.TokenBudget, PageBudget: c.PageBudget, Log: log,
		Store: store, Rehearsal: db.OpenRehearsal, Send: poster(calls),
		Version: thisVersion().Version, DatabaseFile: store.Path(), TLS: s.certificate != nil, Environment: p.environment,
		Backups: web.Backups{Schedule: s.backups, Elsewhere: c.BackupElsewhere},
	}, engine, all, store.SessionStore(now), store.Ready)
	if err != nil {
		return err
	}
	courier := delivery.New(store, site.MakeDelivery, poster(calls), now, log.Warn)
	r := &running{
		log: log, server: newHTTPServer(site, log), certificate: s.certificate, listeners: listeners, engine: engine, storeFailed: store.Failed(),
		post:    func(ctx context.Context) { post.Run(ctx, site) },
		backups: func(ctx context.Context) { keepBackups(ctx, s.backups, store, log) },
		courier: courier.Run,
	}
	if s.certificate != nil {
		r.server.TLSConfig = s.certificate.config()
	}
	if listeners.ops != nil {
		r.ops = newOpsServer(&watched{
			web: site.Counters(), engine: engine.Tally(), store: store, courier: courier, crowd: listeners.crowd, certificate: s.certificate, now: now,
			backups: web.Backups{Schedule: s.backups, Elsewhere: c.BackupElsewhere},
		}, log)
	}
	s.warn(log, issuer)
	if seal, err := store.KeySeal(ctx); err != nil {
		return err
	} else if seal.Held && seal.SealedAt == nil {
		log.Warn("a master key is given, and the keys in the database are not sealed with it yet; run: regrant key seal")
	}
	log.Info("listening", "addr", listeners.String(), "issuer", issuer, "db", store.Path(), "version", thisVersion().Version)
	if err := p.greet(ctx, store, all, issuer); err != nil {
		return err
	}
	return r.until(ctx, stop)
}

// hostOf gives the host of an address, which no password may be made of.
func hostOf(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// running is a server at work.
type running struct {
	log         *slog.Logger
	server      *http.Server
	ops         *http.Server // nil: none
	storeFailed <-chan struct{}
	certificate *certificate // nil: no TLS
	listeners   *listeners
	engine      *oauth.Server
	post        func(context.Context) // follows the log and sends mails until its context ends
	backups     func(context.Context) // makes the backups of the schedule until its context ends
	courier     func(context.Context) // brings news to applications until its context ends
}

// until serves until ctx ends, or a listener or the store fails. Then it lets the requests under way finish, and the engine write what
// it has counted. stop gives signals their usual effect back, so that a second Ctrl+C ends the process at once.
func (r *running) until(ctx context.Context, stop func()) error {
	background, finish := context.WithCancel(context.Background())
	var work sync.WaitGroup
	defer work.Wait()
	defer finish()
	work.Go(func() { r.engine.Run(background) })
	work.Go(func() { r.post(background) })
	work.Go(func() { r.backups(background) })
	work.Go(func() { r.courier(background) })
	if r.certificate != nil {
		work.Go(func() { r.certificate.watch(background, certificateCheck, r.log) })
	}
	work.Go(func() { keepAwake(background, r.log) })

	failed := make(chan error, len(r.listeners.public)+1)
	for _, l := range r.listeners.public {
		go func() { failed <- r.serve(l) }()
	}
	if r.ops != nil {
		go func() { failed <- r.ops.Serve(r.listeners.ops) }()
	}
	notify(r.log, notifyReady)
	var err error
	select {
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	case <-r.storeFailed:
		err = fmt.Errorf("serve: %w; look at the disk, and start again", db.ErrUnsynced)
	case <-ctx.Done():
		r.log.Info("stopping")
	}
	stop()
	notify(r.log, notifyStopping)
	r.drain()
	return err
}

func (r *running) serve(l net.Listener) error {
	if r.certificate != nil {
		return r.server.ServeTLS(l, "", "")
	}
	return r.server.Serve(crashing(l))
}

func (r *running) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := r.server.Shutdown(ctx); err != nil {
		r.log.Warn("requests were cut off", "err", err.Error())
		r.server.Close()
	}
	if r.ops != nil {
		ctx, cancel := context.WithTimeout(context.Background(), opsDrain)
		defer cancel()
		if err := r.ops.Shutdown(ctx); err != nil {
			r.ops.Close()
		}
	}
}
