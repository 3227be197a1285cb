package main

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestRequirementsOfExposure proves that what travels in the clear stays on this machine or comes from a trusted proxy.
func TestRequirementsOfExposure(t *testing.T) {
	t.Run("GEN-01 proxies on loopback do not open the network", proxiesOnLoopback)
	t.Run("GEN-01 only trusted proxies get through without TLS", onlyTrustedProxies)
	t.Run("GEN-01 a stranger is hung up on", strangerIsHungUpOn)
}

func proxiesOnLoopback(t *testing.T) {
	for proxies, want := range map[string]bool{
		"127.0.0.1": false, "127.0.0.0/8": false, "::1": false, "127.0.0.1 ::1": false, "::ffff:127.0.0.1": false,
		"10.0.0.1": true, "127.0.0.1 10.0.0.0/8": true, "126.0.0.0/7": true, "::/127": true, "fd00::/8": true,
	} {
		s, err := serveCommand{Listen: "0.0.0.0:8080", Issuer: "https://id.example.com", TrustedProxy: strings.Fields(proxies)}.settings("regrant.db")
		if mistake := (usageError{}); !want && (!errors.As(err, &mistake) || !strings.HasPrefix(mistake.text, "listen: ")) || want && err != nil {
			t.Errorf("%s: %v, %v", proxies, s, err)
		}
	}
}

func onlyTrustedProxies(t *testing.T) {
	g := &guarded{proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fe80::/10")}}
	for peer, want := range map[string]bool{
		"127.0.0.1:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true, "10.2.3.4:1": true, "[::ffff:10.2.3.4]:1": true, "[fe80::1%eth0]:1": true,
		"11.0.0.1:1": false, "[::ffff:11.0.0.1]:1": false, "192.168.0.1:1": false, "[2001:db8::1]:1": false, "@": false, "": false,
	} {
		if got := g.allows(address(peer)); got != want {
			t.Errorf("%s: %v", peer, got)
		}
	}
}

func strangerIsHungUpOn(t *testing.T) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var log strings.Builder
	s := &serveSettings{proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	open := s.guard(from{l, []string{"192.0.2.7:1", "192.0.2.8:1", "10.0.0.1:1"}, new(int)}, slog.New(slog.NewTextHandler(&log, nil)))
	accepted := make(chan string, 1)
	go func() {
		c, err := open.Accept()
		if err != nil {
			accepted <- err.Error()
			return
		}
		accepted <- c.RemoteAddr().String()
		c.Close()
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for i := range 3 {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("connection %d: %v", i, err)
		}
	}
	if got := <-accepted; got != "10.0.0.1:1" {
		t.Errorf("accepted %s", got)
	}
	if strings.Count(log.String(), "level=WARN") != 1 || !strings.Contains(log.String(), "192.0.2.7") {
		t.Errorf("logged %q", log.String())
	}

	s.certificate = &certificate{}
	if _, is := s.guard(l, nil).(*guarded); is {
		t.Error("with TLS everybody may connect")
	}
}

// address is a peer in words.
type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }

// from is a listener whose connections come from elsewhere, one after the other.
type from struct {
	net.Listener
	peers []string
	n     *int
}

func (f from) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	*f.n++
	return peer{c, f.peers[*f.n-1]}, nil
}

type peer struct {
	net.Conn
	addr string
}

func (p peer) RemoteAddr() net.Addr { return address(p.addr) }
