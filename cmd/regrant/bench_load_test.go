package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// wire is one connection of a simulated client: HTTP/1.1 by hand, so that the load costs a fraction of what it measures.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
	body []byte // of the last answer; valid until the next call
}

func newWire(address string) (*wire, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 16<<10)}, nil
}

// call sends a request and gives the status of its answer, whose body is in c.body. header ends each of its lines with CRLF.
func (c *wire) call(method, path, header, body string) (status int, err error) {
	c.out = append(c.out[:0], method...)
	c.out = append(c.out, ' ')
	c.out = append(c.out, path...)
	c.out = append(c.out, " HTTP/1.1\r\nHost: bench\r\n"...)
	c.out = append(c.out, header...)
	if body != "" {
		c.out = append(c.out, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "...)
		c.out = strconv.AppendInt(c.out, int64(len(body)), 10)
		c.out = append(c.out, "\r\n"...)
	}
	c.out = append(c.out, "\r\n"...)
	c.out = append(c.out, body...)
	if _, err := c.conn.Write(c.out); err != nil {
		return 0, err
	}
	return c.answer()
}

func (c *wire) answer() (status int, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, errors.New("no status line")
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, err
	}
	length := -1
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) <= 2 { // CRLF alone
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		}
	}
	if length < 0 {
		return 0, errors.New("an answer without Content-Length")
	}
	c.body = slices.Grow(c.body[:0], length)[:length]
	_, err = io.ReadFull(c.in, c.body)
	return status, err
}

// member is the value of a string in the JSON of the last answer.
func (c *wire) member(name string) string {
	_, rest, ok := bytes.Cut(c.body, []byte(`"`+name+`":"`))
	if !ok {
		return ""
	}
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(value)
}

// measured is what a load has seen.
type measured struct {
	Requests  int
	Rate      float64 // requests a second
	P50       float64 // milliseconds
	P95       float64
	P99       float64
	Longest   float64
	CPU       float64 // seconds of the server per 1 000 requests
	latencies []time.Duration
}

// drive lets that many callers repeat act for a while, each on a connection of its own.
func (s *benchSite) drive(b testing.TB, callers int, long time.Duration, act func(i int, c *wire) error) *measured {
	b.Helper()
	end := time.Now().Add(long)
	return s.measure(b, callers, func(i int, c *wire) (bool, error) { return time.Now().Before(end), act(i, c) })
}

// exhaust lets that many callers share n acts, the k-th of which is act's to do.
func (s *benchSite) exhaust(b testing.TB, callers, n int, act func(k int, c *wire) error) *measured {
	b.Helper()
	var next atomic.Int64
	return s.measure(b, callers, func(_ int, c *wire) (bool, error) {
		k := int(next.Add(1)) - 1
		if k >= n-callers {
			return false, act(min(k, n-1), c)
		}
		return true, act(k, c)
	})
}

// measure lets callers act until it says that it was their last time.
func (s *benchSite) measure(b testing.TB, callers int, act func(i int, c *wire) (more bool, err error)) *measured {
	b.Helper()
	var (
		all   sync.WaitGroup
		times = make([][]time.Duration, callers)
		lines = make([]*wire, callers)
	)
	for i := range lines {
		c, err := newWire(s.address)
		if err != nil {
			b.Fatal(err)
		}
		defer c.conn.Close()
		lines[i] = c
	}
	cpu := cpuSeconds(b, s.pid)
	began := time.Now()
	for i := range callers {
		all.Go(func() {
			for more := true; more; {
				var err error
				before := time.Now()
				if more, err = act(i, lines[i]); err != nil {
					b.Error(err)
					return
				}
				times[i] = append(times[i], time.Since(before))
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	cpu = cpuSeconds(b, s.pid) - cpu

	m := &measured{latencies: slices.Concat(times...)}
	slices.Sort(m.latencies)
	m.Requests = len(m.latencies)
	if m.Requests == 0 {
		b.Fatal("no request was answered")
	}
	at := func(share float64) float64 {
		return float64(m.latencies[min(m.Requests-1, int(share*float64(m.Requests)))]) / 1e6
	}
	m.Rate, m.CPU = float64(m.Requests)/took.Seconds(), cpu/float64(m.Requests)*1000
	m.P50, m.P95, m.P99, m.Longest = at(.5), at(.95), at(.99), at(1)
	return m
}

// refreshes is the act of presenting each chain's newest token; its answer feeds the next. The load of one site runs in one process
// and does not share chains.
func (s *benchSite) refreshes() func(i int, c *wire) error {
	return func(i int, c *wire) error {
		status, err := c.call("POST", "/token", s.basic, "grant_type=refresh_token&refresh_token="+s.tokens[i])
		if err != nil {
			return err
		}
		next := c.member("refresh_token")
		if status != 200 || next == "" {
			return fmt.Errorf("a refresh was answered with %d: %s", status, strings.TrimSpace(string(c.body)))
		}
		s.tokens[i] = next
		return nil
	}
}
