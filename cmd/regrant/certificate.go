package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// certificateCheck is how often the certificate's files are looked at.
const certificateCheck = 2 * time.Second

// certificate is a TLS certificate that follows its files. Everything else of the TLS configuration is fixed, so a reload
// cannot lower it (CVE-2024-23656).
type certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
	seen              [sha256.Size]byte // what the files held when they were last looked at
}

// loadCertificate reads the two files for the first time.
func loadCertificate(certFile, keyFile string) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile}
	if _, err := c.load(); err != nil {
		return nil, usage("%v", err)
	}
	return c, nil
}

// load takes over what the files hold, and says whether that is anything else than the last time. What does not fit
// together, or a key that other users can read (WEB-49), leaves the old certificate in use.
func (c *certificate) load() (changed bool, err error) {
	certPEM, err := os.ReadFile(c.certFile)
	if err != nil {
		return false, fmt.Errorf("tls-cert: %w", err)
	}
	if info, err := os.Stat(c.keyFile); err == nil && openToOthers(info) {
		return false, fmt.Errorf("tls-key: other users can read %s; run: chmod 600 %s", c.keyFile, c.keyFile)
	}
	keyPEM, err := os.ReadFile(c.keyFile)
	if err != nil {
		return false, fmt.Errorf("tls-key: %w", err)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d\n", len(certPEM))
	h.Write(certPEM)
	h.Write(keyPEM)
	sum := [sha256.Size]byte(h.Sum(nil))
	if sum == c.seen {
		return false, nil
	}
	c.seen = sum
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return true, fmt.Errorf("tls-cert: %s and %s: %w", c.certFile, c.keyFile, err)
	}
	c.current.Store(&pair)
	return true, nil
}

// config is what the server speaks TLS with: 1.2 or newer, BCP 195.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// watch reads the files again whenever they have changed, until ctx ends.
func (c *certificate) watch(ctx context.Context, every time.Duration, log *slog.Logger) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	unreadable := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		changed, err := c.load()
		switch {
		case err != nil && (changed || !unreadable):
			log.Error("the new certificate cannot be used; the old one stays", "err", err.Error())
		case err == nil && changed:
			log.Info("certificate reloaded", "ends", c.current.Load().Leaf.NotAfter)
		}
		unreadable = err != nil && !changed
	}
}
