package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestRequirementsOfTLS proves what the certificate and the HTTP server promise.
func TestRequirementsOfTLS(t *testing.T) {
	t.Run("GEN-01 CVE-2024-23656 TLS stays at least 1.2, also after the certificate was replaced", tlsStaysAtLeast12)
	t.Run("GEN-01 a certificate that does not fit its key leaves the old one", unfitCertificate)
	t.Run("WEB-49 a key that others can read is refused, at a reload too", keyOpenToOthers)
	t.Run("WEB-60 WEB-61 HTTP/2 is for TLS only and bounded", http2Bounded)
}

func keyOpenToOthers(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, certFile, keyFile, 1)
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620} {
		chmod(t, keyFile, mode)
		if _, err := loadCertificate(certFile, keyFile); err == nil || !strings.HasPrefix(err.Error(), "tls-key: ") {
			t.Errorf("mode %o at start: %v", mode, err)
		}
	}
	chmod(t, keyFile, 0o600)
	c, err := loadCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}

	writeCertificate(t, certFile, keyFile, 2)
	chmod(t, keyFile, 0o644)
	if _, err := c.load(); err == nil || !strings.HasPrefix(err.Error(), "tls-key: ") {
		t.Errorf("at a reload: %v", err)
	}
	if got := c.current.Load().Leaf.SerialNumber.Int64(); got != 1 {
		t.Errorf("certificate %d is in use", got)
	}

	chmod(t, keyFile, 0o600)
	if changed, err := c.load(); !changed || err != nil {
		t.Errorf("after chmod: %v, %v", changed, err)
	}
	if got := c.current.Load().Leaf.SerialNumber.Int64(); got != 2 {
		t.Errorf("certificate %d is in use", got)
	}
}

func chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func tlsStaysAtLeast12(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, certFile, keyFile, 1)
	c, err := loadCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	addr := serveTLS(t, c)

	if serial := handshake(t, addr, tls.VersionTLS13).SerialNumber; serial.Int64() != 1 {
		t.Fatalf("certificate %d", serial)
	}
	mustNotHandshake(t, addr, tls.VersionTLS11)

	writeCertificate(t, certFile, keyFile, 2)

	for deadline := time.Now().Add(10 * time.Second); handshake(t, addr, tls.VersionTLS12).SerialNumber.Int64() != 2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not served")
		}
	}
	mustNotHandshake(t, addr, tls.VersionTLS11)
	mustNotHandshake(t, addr, tls.VersionTLS10)
}

func unfitCertificate(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, certFile, keyFile, 1)
	c, err := loadCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}

	writeCertificate(t, certFile, filepath.Join(dir, "other.pem"), 2) // as if only one of the two were written yet
	changed, err := c.load()
	if !changed || err == nil {
		t.Errorf("load: %v, %v", changed, err)
	}
	if again, err := c.load(); again || err != nil {
		t.Errorf("load of the same again: %v, %v", again, err)
	}
	if got := c.current.Load().Leaf.SerialNumber.Int64(); got != 1 {
		t.Errorf("certificate %d is in use", got)
	}

	if err := os.Rename(filepath.Join(dir, "other.pem"), keyFile); err != nil {
		t.Fatal(err)
	}
	if changed, err := c.load(); !changed || err != nil {
		t.Errorf("load of a pair that fits: %v, %v", changed, err)
	}
	if got := c.current.Load().Leaf.SerialNumber.Int64(); got != 2 {
		t.Errorf("certificate %d is in use", got)
	}
}

func http2Bounded(t *testing.T) {
	s := newHTTPServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))

	if s.Protocols.UnencryptedHTTP2() || !s.Protocols.HTTP2() || s.HTTP2.MaxConcurrentStreams > 128 {
		t.Errorf("protocols %v, streams %d", s.Protocols, s.HTTP2.MaxConcurrentStreams)
	}
	got := []any{s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout, s.MaxHeaderBytes}
	want := []any{5 * time.Second, 15 * time.Second, 30 * time.Second, 60 * time.Second, 32 << 10}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("limit %d is %v, want %v", i, got[i], want[i])
		}
	}
}

// serveTLS serves with the certificate as serve does, looking at its files often.
func serveTLS(t *testing.T, c *certificate) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	server := newHTTPServer(http.NotFoundHandler(), log)
	server.TLSConfig = c.config()
	ctx, cancel := context.WithCancel(context.Background())
	watched, served := make(chan struct{}), make(chan error, 1)
	go func() { defer close(watched); c.watch(ctx, 5*time.Millisecond, log) }()
	go func() { served <- server.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		cancel()
		<-watched
		server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func dial(addr string, version uint16) (*tls.Conn, error) {
	return tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
}

func handshake(t *testing.T, addr string, version uint16) *x509.Certificate {
	t.Helper()
	conn, err := dial(addr, version)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

func mustNotHandshake(t *testing.T, addr string, version uint16) {
	t.Helper()
	conn, err := dial(addr, version)
	if err == nil {
		conn.Close()
		t.Errorf("%s was accepted", tls.VersionName(version))
	} else if !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("%s failed for another reason: %v", tls.VersionName(version), err)
	}
}

func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	if err := makeCertificate(certFile, keyFile, serial); err != nil {
		t.Fatal(err)
	}
}

func makeCertificate(certFile, keyFile string, serial int64) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
}

// certMain makes a certificate: cert CERTFILE KEYFILE SERIAL.
func certMain() {
	serial, err := strconv.ParseInt(os.Args[3], 10, 64)
	if err == nil {
		err = makeCertificate(os.Args[1], os.Args[2], serial)
	}
	exitWith(err)
}

// helloMain says which certificate a server shows to a client that speaks one version of TLS: hello 1.2 ADDR.
func helloMain() {
	conn, err := dial(os.Args[2], map[string]uint16{"1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}[os.Args[1]])
	exitWith(err)
	fmt.Println("serial", conn.ConnectionState().PeerCertificates[0].SerialNumber)
	conn.Close()
}
