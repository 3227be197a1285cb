package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/net/netutil"
)

// Limits of the HTTP server, WEB-60 to WEB-62.
const (
	headerTime     = 5 * time.Second
	readTime       = 15 * time.Second
	writeTime      = 30 * time.Second
	idleTime       = 60 * time.Second
	maxHeaderBytes = 32 << 10
	maxStreams     = 128  // of one HTTP/2 connection
	maxConnections = 8192 // at a time
	shares         = 8    // one address may hold this part of them
	minShare       = 64
	reservedFiles  = 128 // for the database and the log
)

func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true) // over TLS only
	return &http.Server{
		Handler: handler, Protocols: protocols, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(quiet{log.Handler()}, slog.LevelWarn),
	}
}

// listeners are the sockets that a server answers on.
type listeners struct {
	public []net.Listener
	ops    net.Listener // nil: none
	crowd  *crowd       // at the public ones
}

// listen opens the sockets, or takes over those that systemd has opened.
func (s *serveSettings) listen(log *slog.Logger) (*listeners, error) {
	l := &listeners{}
	inherited, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("take over sockets from systemd: %w", err)
	}
	for _, socket := range inherited {
		if socket == nil {
			return nil, errors.New("systemd handed over something that is not a listening socket")
		}
		if socket.Addr().Network() != "unix" {
			if err := s.checkExposure(socket.Addr().String()); err != nil {
				return nil, err
			}
		}
		l.public = append(l.public, socket)
	}
	if len(l.public) == 0 {
		if err := s.checkExposure(s.Listen); err != nil {
			return nil, err
		}
		socket, err := listenTCP("listen", s.Listen)
		if err != nil {
			return nil, err
		}
		l.public = append(l.public, socket)
	}
	room := max(16, min(maxConnections, int(min(openFiles(), 1<<20))-reservedFiles))
	l.crowd = newCrowd(max(minShare, room/shares), s.speaksForMany, log)
	for i, socket := range l.public {
		l.public[i] = netutil.LimitListener(l.crowd.limit(s.guard(socket, log)), room/len(l.public))
	}
	if s.OpsListen != "" {
		if l.ops, err = listenTCP("ops-listen", s.OpsListen); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

// speaksForMany says whether connections from an address can be of many people: those of a proxy are.
func (s *serveSettings) speaksForMany(addr netip.Addr) bool {
	return addr.IsLoopback() || slices.ContainsFunc(s.proxies, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// activated says whether systemd has opened sockets for this process, and not for one that started it.
func activated() bool {
	return os.Getenv("LISTEN_FDS") != "" && os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid())
}

func listenTCP(setting, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: %s is in use by another program; take another port: --%s %s", setting, addr, setting, nextPort(addr))
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s: this user may not listen on %s", setting, addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s: %s is not an address of this machine", setting, addr)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return l, nil
}

// nextPort gives addr with the port after its own.
func nextPort(addr string) string {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	port, err := strconv.Atoi(text)
	if err != nil || port >= maxPort {
		port = 1023
	}
	return net.JoinHostPort(host, strconv.Itoa(port+1))
}

const maxPort = 1<<16 - 1

// checkPort refuses an address without a port that can be.
func checkPort(setting, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil || port == "" {
		return usage("%s: %q is not an address such as 127.0.0.1:8080", setting, addr)
	}
	if n, err := net.LookupPort("tcp", port); err != nil || n > maxPort {
		return usage("%s: %s is not a port; it must be a number from 0 to %d", setting, port, maxPort)
	}
	return nil
}

func (l *listeners) close() {
	for _, socket := range l.public {
		socket.Close()
	}
	if l.ops != nil {
		l.ops.Close()
	}
}

// port is that of the first TCP socket.
func (l *listeners) port() string {
	for _, socket := range l.public {
		if _, port, err := net.SplitHostPort(socket.Addr().String()); err == nil {
			return port
		}
	}
	return "0"
}

func (l *listeners) String() string {
	var addrs []string
	for _, socket := range l.public {
		addrs = append(addrs, socket.Addr().String())
	}
	return strings.Join(addrs, " ")
}
