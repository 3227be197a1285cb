package web_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// findChromium gives the browser, skipping the test where there is none. In CI its absence is a failure.
func findChromium(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("chromium is not installed, and CI=true")
	}
	t.Skip("chromium is not installed")
	return ""
}

// startChromium starts one headless browser, from which tabs are opened.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(findChromium(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.IgnoreCertErrors)
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx, chromedp.WithErrorf(t.Logf))
	t.Cleanup(closeTab)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return ctx
}

// tab is a tab in a browser profile of its own.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	violations []string // of the content security policy, and errors of scripts
}

func openTab(t *testing.T, browser context.Context) *tab {
	t.Helper()
	return openTabFor(t, browser, 4*time.Minute)
}

// openTabFor opens a tab whose work may take so long.
func openTabFor(t *testing.T, browser context.Context, limit time.Duration) *tab {
	t.Helper()
	tab := &tab{t: t}
	ctx, closeTab := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(closeTab)
	ctx, cancel := context.WithTimeout(ctx, limit)
	t.Cleanup(cancel)
	tab.ctx = ctx
	if err := chromedp.Listen(ctx, tab.note); err != nil {
		t.Fatal(err)
	}
	_, err1 := chromedp.Call(ctx, log.Enable, struct{}{})
	_, err2 := chromedp.Call(ctx, audits.Enable, struct{}{})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return tab
}

func (b *tab) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Source == log.EntrySourceSecurity || strings.Contains(e.Entry.Text, "Content Security Policy") {
			b.violations = append(b.violations, e.Entry.Text)
		}
	case *audits.EventIssueAdded:
		if d := e.Issue.Details.ContentSecurityPolicyIssueDetails; d != nil {
			b.violations = append(b.violations, fmt.Sprintf("%s blocked: %s", d.ViolatedDirective, d.BlockedURL))
		}
	case *runtime.EventExceptionThrown:
		b.violations = append(b.violations, "script error: "+e.ExceptionDetails.Text)
	}
}

// blocked takes what the browser has complained of so far.
func (b *tab) blocked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := b.violations
	b.violations = nil
	return v
}

// front makes a site that browsers can reach: at http://localhost and a port of its own. change may spoil its answers.
func front(t *testing.T, change func(*http.Response) error) *site {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	s := newSite(t, siteOptions{issuer: "http://localhost:" + port})
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: "as.test"})
			r.Out.Host = r.In.Host
		},
		Transport: s.http.Transport, ModifyResponse: change,
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: proxy}}
	server.Start()
	t.Cleanup(server.Close)
	overTLS(s)
	return s
}

// relyingParty is an application's callback: it shows what it got, and keeps it.
type relyingParty struct {
	address string
	mu      sync.Mutex
	got     []url.Values
}

const landed = `<!doctype html><html lang="en"><title>client</title><link rel="icon" href="data:,"><p id="landed">landed</p>
<script>if (window.opener) window.opener.postMessage("landed", "*")</script>`

func (c *relyingParty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	if r.URL.Path == "/cb" {
		c.got = append(c.got, r.URL.Query())
	}
	c.mu.Unlock()
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprint(w, landed)
}

func newRelyingParty(t *testing.T) *relyingParty {
	t.Helper()
	c := &relyingParty{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.address = server.URL
	return c
}

// last is the last answer that came to the client.
func (c *relyingParty) last() url.Values {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.got) == 0 {
		return nil
	}
	return slices.Clone(c.got)[len(c.got)-1]
}

func (c *relyingParty) callback() string { return c.address + "/cb" }
