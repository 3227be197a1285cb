package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"regrant/app/backup"
	"regrant/app/oauth"
	"regrant/web/outbound"
)

// serveSettings are the settings of serve, checked against each other.
type serveSettings struct {
	serveCommand
	proxies     []netip.Prefix
	outbound    outbound.Allowed
	certificate *certificate  // nil: no TLS
	smtp        *smtpSettings // nil: no mails
	backups     backup.Schedule
}

// settings checks what was asked for. Each error names the setting.
func (c serveCommand) settings(database string) (*serveSettings, error) {
	s := &serveSettings{serveCommand: c}
	if err := s.checkAddresses(); err != nil {
		return nil, err
	}
	for _, text := range c.TrustedProxy {
		network, err := parseNetwork(text)
		if err != nil {
			return nil, err
		}
		s.proxies = append(s.proxies, network)
	}
	for _, origin := range c.Origin {
		if err := checkOrigin(origin); err != nil {
			return nil, err
		}
	}
	var err error
	if s.outbound, err = outbound.ParseAllowed(c.Outbound); err != nil {
		return nil, usage("outbound-allow: %v", err)
	}
	if c.TokenBudget < 0 || c.PageBudget < 0 {
		return nil, usage("token-budget and page-budget: must not be negative")
	}
	if err := s.checkTLS(); err != nil {
		return nil, err
	}
	if s.smtp, err = c.smtpFlags.settings(); err != nil {
		return nil, err
	}
	if s.backups, err = c.backupFlags.schedule(database); err != nil {
		return nil, err
	}
	return s, s.checkIssuer()
}

func (s *serveSettings) checkAddresses() error {
	if err := checkPort("listen", s.Listen); err != nil {
		return err
	}
	if s.OpsListen == "" {
		return nil
	}
	if err := checkPort("ops-listen", s.OpsListen); err != nil {
		return err
	}
	if s.OpsListen == s.Listen {
		return usage("ops-listen: must not be the address of listen; metrics are not for the public")
	}
	return nil
}

func (s *serveSettings) checkTLS() (err error) {
	switch {
	case s.TLSCert != "" && s.TLSKey == "":
		return usage("tls-key: must be given with tls-cert")
	case s.TLSCert == "" && s.TLSKey != "":
		return usage("tls-cert: must be given with tls-key")
	case s.TLSCert != "":
		s.certificate, err = loadCertificate(s.TLSCert, s.TLSKey)
		return err
	}
	if activated() {
		return nil // systemd says where to listen: see listeners
	}
	return s.checkExposure(s.Listen)
}

func (s *serveSettings) checkIssuer() error {
	if s.Issuer == "" {
		if !activated() && !isLoopback(s.Listen) {
			return usage("issuer: must be given when listen is not a loopback address; it is the address that browsers use")
		}
		return nil
	}
	if err := oauth.ValidateIssuer(s.Issuer); err != nil {
		return usage("%s", oauth.AsError(err).Description)
	}
	if s.certificate != nil && !strings.HasPrefix(s.Issuer, "https:") {
		return usage("issuer: %s is http, but with tls-cert the server speaks https only", s.Issuer)
	}
	return nil
}

// issuerFor gives the issuer that was set, or localhost with the port that we listen on.
func (s *serveSettings) issuerFor(l *listeners) string {
	if s.Issuer != "" {
		return s.Issuer
	}
	scheme := "http"
	if s.certificate != nil {
		scheme = "https"
	}
	return fmt.Sprintf("%s://localhost:%s", scheme, l.port())
}

// warn says what is allowed and probably a mistake.
func (s *serveSettings) warn(log *slog.Logger, issuer string) {
	if strings.HasPrefix(issuer, "https:") && s.certificate == nil && len(s.proxies) == 0 {
		log.Warn("the issuer is https and nothing here speaks TLS: name the proxy that does with --trusted-proxy, or all people share its address")
	}
	if s.OpsListen != "" && !isLoopback(s.OpsListen) {
		log.Warn("ops-listen can be reached from other machines: keep it behind a firewall", "addr", s.OpsListen)
	}
}

// isLoopback says whether only this machine can reach a host:port.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, usage("trusted-proxy: %q is not a network such as 10.0.0.0/8", text)
	}
	if network.Bits() == 0 {
		return netip.Prefix{}, usage("trusted-proxy: %s is everybody, and everybody could then claim any address", text)
	}
	return network.Masked(), nil
}

// checkOrigin refuses what a browser would never send as its Origin (RFC 6454 §6.1).
func checkOrigin(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !slices.Contains([]string{"https", "http"}, u.Scheme) || text != u.Scheme+"://"+strings.ToLower(u.Host) ||
		strings.ContainsAny(u.Host, "*@") {
		return usage("origin: %q is not an origin such as https://app.example.com", text)
	}
	return nil
}

func (s *serveSettings) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		panic("main.logger: " + err.Error()) // unreachable: the grammar knows the levels
	}
	o := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
