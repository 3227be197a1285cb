//go:build faults

package main

import (
	"bytes"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"regrant/app/oauth"
)

// crashing gives a listener whose connections end the process by SIGKILL at the moment that the file REGRANT_CRASH_AT names,
// as "METHOD /path: moment". The moments of an answer are told by how much of it was handed to the kernel. The file may name
// those of the store too (db/crash_point_faults.go).
func crashing(l net.Listener) net.Listener { return crashingListener{l} }

type crashingListener struct{ net.Listener }

func (l crashingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &crashingConn{Conn: c}, nil
}

// crashingConn carries one HTTP/1.1 request at a time, as the clients of the tests send them.
type crashingConn struct {
	net.Conn
	request []byte // that is being read, or was last
	fresh   bool   // an answer has begun since
}

func (c *crashingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		if c.fresh {
			c.request, c.fresh = c.request[:0], false
		}
		c.request = append(c.request, b[:n]...)
		if c.moment() == "request received" {
			die()
		}
	}
	return n, err
}

func (c *crashingConn) Write(b []byte) (int, error) {
	c.fresh = true
	cut := len(b)
	body := bytes.Index(b, []byte("\r\n\r\n")) + 4
	switch c.moment() {
	case "before the first byte":
		cut = 0
	case "after the first byte":
		cut = 1
	case "in the header":
		cut = body / 2
	case "before the body":
		cut = body
	case "in the body":
		cut = (body + len(b)) / 2
	case "before the last byte":
		cut = len(b) - 1
	case "after the last byte":
	default:
		return c.Conn.Write(b)
	}
	if cut > 0 {
		_, _ = c.Conn.Write(b[:cut]) // whatever comes of it
	}
	die()
	return 0, nil
}

// moment is the one to die at, if the file names this request; "" otherwise.
func (c *crashingConn) moment() string {
	named, err := os.ReadFile(os.Getenv("REGRANT_CRASH_AT"))
	if err != nil {
		return ""
	}
	what, moment, _ := strings.Cut(string(named), ": ")
	line, _, _ := bytes.Cut(c.request, []byte(" HTTP/1.1\r\n"))
	method, parameter, _ := strings.Cut(what, "?")
	if string(line) != method || !bytes.Contains(c.request, []byte(parameter)) {
		return ""
	}
	return moment
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// clocks are the machine's, or with REGRANT_CLOCK_JITTER a wall clock that is set anew by up to that much every few seconds.
func clocks() oauth.TimeSource {
	jitter, err := time.ParseDuration(os.Getenv("REGRANT_CLOCK_JITTER"))
	if err != nil {
		return nil
	}
	return &jitteringTime{TimeSource: oauth.SystemTime(), most: jitter}
}

type jitteringTime struct {
	oauth.TimeSource
	most time.Duration

	mu   sync.Mutex
	off  time.Duration
	till time.Duration // monotonic
}

func (j *jitteringTime) Wall() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	if at := j.Monotonic(); at >= j.till {
		j.off, j.till = rand.N(2*j.most)-j.most, at+5*time.Second
	}
	return j.TimeSource.Wall().Add(j.off)
}
