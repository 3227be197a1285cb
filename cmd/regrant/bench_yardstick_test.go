package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
	"regrant/web"
)

// What a refresh could cost at best on this machine, at this moment: three yardsticks that are measured in the run that they
// judge, since nothing else makes figures of shared machines comparable.

// yardstickMain is the program "yardstick KIND DATABASE ADDRESS": a server that stands in for regrant.
func yardstickMain() {
	collectLess()
	kind, file, address := os.Args[1], os.Args[2], os.Args[3]
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	handler, err := http.Handler(http.HandlerFunc(echo)), error(nil)
	if kind == "no-store" {
		handler, err = withoutStore(file, address, log)
	}
	if err == nil {
		server := newHTTPServer(handler, log)
		server.Addr = address
		err = server.ListenAndServe()
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// echo reads a form and answers with JSON, as little as an endpoint can do.
func echo(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/readyz" {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body, err := json.Marshal(oauth.TokenResponse{TokenType: "Bearer", ExpiresIn: 600, RefreshToken: r.PostForm.Get("refresh_token")})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a client that has gone is not measured
}

// withoutStore is all of regrant's way of a refresh but the store: the same handlers and engine, with the same signatures, over rows
// that live in memory.
func withoutStore(file, address string, log *slog.Logger) (http.Handler, error) {
	ctx := context.Background()
	store, err := db.Open(ctx, file, db.Options{Server: true})
	if err != nil {
		return nil, err
	}
	issuer := "http://" + address
	engine, err := oauth.New(ctx, oauth.Config{Issuer: issuer, Alarm: log.Warn}, &memory{DB: store, rows: map[[16]byte]*oauth.RefreshState{}, clients: map[string]*oauth.Client{}})
	if err != nil {
		return nil, err
	}
	all, err := people(store, hostOf(issuer))
	if err != nil {
		return nil, err
	}
	return web.New(web.Config{Issuer: issuer, Log: log, Store: store, DatabaseFile: file}, engine, all, store.SessionStore(now), store.Ready)
}

// memory is a store that reads each row of the way of a refresh once and writes none of them.
type memory struct {
	*db.DB
	mu      sync.Mutex
	rows    map[[16]byte]*oauth.RefreshState
	clients map[string]*oauth.Client
}

func (m *memory) RecentClient(ctx context.Context, id string) (*oauth.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.clients[id]; c != nil {
		return c, nil
	}
	c, err := m.DB.Client(ctx, id)
	if err == nil {
		m.clients[id] = c
	}
	return c, err
}

func (m *memory) RefreshState(ctx context.Context, id [16]byte) (*oauth.RefreshState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.rows[id]
	if s == nil {
		var err error
		if s, err = m.DB.RefreshState(ctx, id); err != nil {
			return nil, err
		}
		m.rows[id] = s
	}
	read := *s
	return &read, nil
}

func (m *memory) RecentRefreshState(id [16]byte) *oauth.RefreshState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rows[id]
}

func (m *memory) RotateRefreshToken(_ context.Context, r *oauth.Rotation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.rows[r.Read.TokenID]
	if row.Generation != r.Read.Generation {
		return oauth.ErrConflict
	}
	next := *row
	next.Generation++
	next.CurrentHash, next.PreviousHash, next.Nonce, next.Ring = r.CurrentHash, r.PreviousHash, r.Nonce, r.Ring
	next.WindowKeyID, next.WindowEnd, next.RotatedAt, next.IdleDeadline = r.WindowKeyID, r.WindowEnd, r.RotatedAt, r.IdleDeadline
	next.LastUsedAt, next.LastIP, next.LastUserAgent = r.UsedAt, r.IP, r.UserAgent
	m.rows[r.Read.TokenID] = &next
	return nil
}

func (m *memory) WriteBehind(context.Context, *oauth.Behind) error { return nil }

func (m *memory) Audit(context.Context, ...audit.Event) error { return nil }

// syncRate is how often a second the disk below a directory makes an appended page durable (fdatasync), one after another.
func syncRate(b testing.TB, dir string) float64 {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		b.Fatal(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 4096)
	n, began := 0, time.Now()
	for ; time.Since(began) < 2*time.Second; n++ {
		if _, err := f.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
	}
	return float64(n) / time.Since(began).Seconds()
}
