package main

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// crowd is who is connected: of all connections, one address may hold only its share (WEB-62). Loopback and trusted proxies
// speak for many and may have all.
type crowd struct {
	share   int
	exempt  func(netip.Addr) bool
	log     *slog.Logger
	total   atomic.Int64
	refused atomic.Int64
	warned  sync.Once

	mu   sync.Mutex
	open map[netip.Addr]int // of those that are counted
}

func newCrowd(share int, exempt func(netip.Addr) bool, log *slog.Logger) *crowd {
	return &crowd{share: share, exempt: exempt, log: log, open: map[netip.Addr]int{}}
}

// enter counts a connection. False: its address has its share already.
func (c *crowd) enter(addr netip.Addr) bool {
	if addr.IsValid() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.open[addr] >= c.share {
			c.refused.Add(1)
			return false
		}
		c.open[addr]++
	}
	c.total.Add(1)
	return true
}

func (c *crowd) leave(addr netip.Addr) {
	c.total.Add(-1)
	if !addr.IsValid() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[addr]--; c.open[addr] <= 0 {
		delete(c.open, addr)
	}
}

// holder is the address that a peer is counted by, IPv6 by /64, which one party holds; the zero address for who is not counted.
func (c *crowd) holder(peer net.Addr) netip.Addr {
	at, err := netip.ParseAddrPort(peer.String())
	if err != nil {
		return netip.Addr{} // a Unix socket
	}
	addr := at.Addr().Unmap().WithZone("")
	if c.exempt(addr) {
		return netip.Addr{}
	}
	if addr.Is6() {
		if network, err := addr.Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return addr
}

// limit gives l with the crowd at its door.
func (c *crowd) limit(l net.Listener) net.Listener { return &door{l, c} }

type door struct {
	net.Listener
	crowd *crowd
}

// Accept gives the next connection that may come in. Others are closed before a byte is read.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		holder := d.crowd.holder(conn.RemoteAddr())
		if d.crowd.enter(holder) {
			return &guest{Conn: conn, leave: sync.OnceFunc(func() { d.crowd.leave(holder) })}, nil
		}
		conn.Close()
		d.crowd.warned.Do(func() { // once, or whoever connects fills the log
			d.crowd.log.Warn("hung up on an address that has its share of connections", "addr", holder.String(), "share", d.crowd.share)
		})
	}
}

// guest is a connection that is counted until it is closed.
type guest struct {
	net.Conn
	leave func()
}

// Close implements [net.Conn].
func (g *guest) Close() error {
	defer g.leave()
	return g.Conn.Close()
}
