package main

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/coreos/go-oidc/v3/oidc"
)

func TestARealBrowserSignsInToARealClient(t *testing.T) {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" && os.Getenv("CI") == "true" {
		t.Fatal("chromium is not installed, and CI=true")
	}
	if path == "" {
		t.Skip("chromium is not installed")
	}
	s := newRealServer(t)
	a := newApplication(t, s, []string{oidc.ScopeOpenID, "profile", "email"})
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU)
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	defer stop()
	ctx, closeTab := chromedp.NewContext(ctx, chromedp.WithErrorf(t.Logf))
	defer closeTab()
	ctx, cancel := context.WithTimeout(ctx, 45*time.Second)
	defer cancel()

	err := chromedp.Do(ctx,
		chromedp.Navigate(a.server.URL+"/"),
		chromedp.WaitVisible(chromedp.CSS("#email")),
		chromedp.SendKeys(chromedp.CSS("#email"), "alice@example.com"),
		chromedp.SendKeys(chromedp.CSS("#password"), realPassword),
		chromedp.Click(chromedp.CSS(`form[action$="/login"] button[type=submit]`)),
		chromedp.WaitVisible(chromedp.CSS(`button[name=decision][value=allow]`)),
		chromedp.Click(chromedp.CSS(`button[name=decision][value=allow]`)),
		chromedp.WaitVisible(chromedp.CSS("#hello")),
	)
	if err != nil {
		at, _ := chromedp.Run(ctx, chromedp.Location())
		t.Fatalf("at %s: %v", at, err)
	}
	hello, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("#hello")))
	if err != nil || hello != "Hello Alice Archer" {
		t.Errorf("the application says %q, %v", hello, err)
	}

	first := a.signedIn(t)
	if n := stays(t, a, a.config.TokenSource(t.Context(), first), first, 3*time.Second); n < 2 {
		t.Errorf("%d refreshes in 3 s", n)
	}
}
