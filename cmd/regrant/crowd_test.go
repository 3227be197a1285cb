package main

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"testing"
)

// caller is a connection from wherever a test wants it to come.
type caller struct {
	net.Conn
	from   net.Addr
	closed bool
}

func (c *caller) RemoteAddr() net.Addr { return c.from }
func (c *caller) Close() error         { c.closed = true; return nil }

// callers is a listener to whom they come one after the other.
type callers struct {
	net.Listener
	next []*caller
}

func (l *callers) Accept() (net.Conn, error) {
	if len(l.next) == 0 {
		return nil, io.EOF
	}
	c := l.next[0]
	l.next = l.next[1:]
	return c, nil
}

func callerFrom(addr string) *caller {
	return &caller{from: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))}
}

func TestWEB62OneAddressMayHoldOnlyItsShareOfTheConnections(t *testing.T) {
	proxies := &serveSettings{proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	crowd := newCrowd(2, proxies.speaksForMany, slog.New(slog.DiscardHandler))
	unix := &caller{from: &net.UnixAddr{Name: "@", Net: "unix"}}
	for _, c := range []struct {
		from   *caller
		enters bool
	}{
		{callerFrom("203.0.113.9:1"), true}, {callerFrom("203.0.113.9:2"), true}, {callerFrom("203.0.113.9:3"), false}, {callerFrom("[::ffff:203.0.113.9]:4"), false},
		{callerFrom("203.0.113.10:1"), true},
		{callerFrom("[2001:db8::1]:1"), true}, {callerFrom("[2001:db8::2]:1"), true}, {callerFrom("[2001:db8::3]:1"), false}, {callerFrom("[2001:db8:0:1::3]:1"), true},
		{callerFrom("127.0.0.1:1"), true}, {callerFrom("127.0.0.1:2"), true}, {callerFrom("127.0.0.1:3"), true}, {callerFrom("[::1]:1"), true}, {callerFrom("[::1]:2"), true}, {callerFrom("[::1]:3"), true},
		{callerFrom("10.1.2.3:1"), true}, {callerFrom("10.1.2.3:2"), true}, {callerFrom("10.1.2.3:3"), true},
		{unix, true}, {unix, true}, {unix, true},
	} {
		l := crowd.limit(&callers{next: []*caller{c.from}})

		_, err := l.Accept()

		if entered := err == nil; entered != c.enters || c.from.closed == c.enters {
			t.Errorf("%s: %v, closed %v", c.from.from, err, c.from.closed)
		}
	}
	if n := crowd.refused.Load(); n != 3 {
		t.Errorf("%d were refused", n)
	}
}

func TestWEB62AConnectionThatIsClosedMakesRoomOnce(t *testing.T) {
	crowd := newCrowd(1, (&serveSettings{}).speaksForMany, slog.New(slog.DiscardHandler))
	enter := func(port string) (net.Conn, error) {
		return crowd.limit(&callers{next: []*caller{callerFrom("203.0.113.9:" + port)}}).Accept()
	}
	first, err := enter("1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := enter("2"); err == nil {
		t.Fatal("there is room for two")
	}

	first.Close()
	first.Close()

	if n := crowd.total.Load(); n != 0 || len(crowd.open) != 0 {
		t.Errorf("%d connections are counted, of %v", n, crowd.open)
	}
	if _, err := enter("3"); err != nil {
		t.Error("no room was made")
	}
	if _, err := enter("4"); err == nil {
		t.Error("the room of one was made twice")
	}
}
