package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// newTLSServer is a real server that speaks HTTPS, and tells its metrics at ops.
func newTLSServer(t *testing.T) (s *realServer, ops string) {
	t.Helper()
	dir := t.TempDir()
	if err := makeCertificate(dir+"/cert.pem", dir+"/key.pem", 1); err != nil {
		t.Fatal(err)
	}
	ops = freeAddress(t)
	return newRealServer(t, "--ops-listen", ops, "--tls-cert", dir+"/cert.pem", "--tls-key", dir+"/key.pem"), ops
}

// rawHTTP2 is a client that sends whatever frames it likes.
type rawHTTP2 struct {
	*http2.Framer
	conn    *tls.Conn
	written int // bytes
	header  bytes.Buffer
	encoder *hpack.Encoder
	streams uint32 // the most at a time that the server allows
}

// Write counts what goes out.
func (c *rawHTTP2) Write(b []byte) (int, error) {
	n, err := c.conn.Write(b)
	c.written += n
	return n, err
}

func dialHTTP2(t *testing.T, address string) *rawHTTP2 {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if p := conn.ConnectionState().NegotiatedProtocol; p != "h2" {
		t.Fatalf("the server speaks %q", p)
	}
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	c := &rawHTTP2{conn: conn}
	c.Framer, c.encoder = http2.NewFramer(c, conn), hpack.NewEncoder(&c.header)
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	for c.streams == 0 {
		frame, err := c.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if settings, ok := frame.(*http2.SettingsFrame); ok && !settings.IsAck() {
			c.streams, _ = settings.Value(http2.SettingMaxConcurrentStreams)
			if err := c.WriteSettingsAck(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return c
}

// request opens a stream with a POST whose body never comes.
func (c *rawHTTP2) request(stream uint32, path string) error {
	c.header.Reset()
	for _, field := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", "localhost"}, {":path", path}, {"content-type", "application/x-www-form-urlencoded"}} {
		if err := c.encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
			return err
		}
	}
	return c.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: c.header.Bytes(), EndHeaders: true})
}

// ended reads until the server ends the connection, and gives the reason that it told.
func (c *rawHTTP2) ended() (code http2.ErrCode, closed bool) {
	for {
		frame, err := c.ReadFrame()
		if err != nil {
			var timeout net.Error
			return code, !(errors.As(err, &timeout) && timeout.Timeout())
		}
		if away, ok := frame.(*http2.GoAwayFrame); ok {
			code = away.ErrCode
		}
	}
}

// http2Floods proves WEB-61: both attacks end their own connection and nothing else (85 in requirements.md part 3).
func http2Floods(t *testing.T) {
	s, ops := newTLSServer(t)
	id, secret := s.client(scriptCallback)
	cpu := func() float64 { return scraped(t, ops).value("process_cpu_seconds_total") }
	stillThere := func(after string) {
		t.Helper()
		if body, err := fetch(s.issuer+"/token", id+":"+secret, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"garbage"}}.Encode(), http.StatusBadRequest); err != nil {
			t.Errorf("after %s: %v %s", after, err, body)
		}
		var flying float64
		for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
			if flying = scraped(t, ops).value("requests_in_flight"); flying == 0 {
				return
			}
		}
		t.Errorf("after %s, %v requests are still being answered", after, flying)
	}

	t.Run("no more than 128 streams at a time", func(t *testing.T) {
		c := dialHTTP2(t, s.listen)
		if c.streams == 0 || c.streams > 128 {
			t.Fatalf("%d streams are allowed", c.streams)
		}
		for i := range c.streams + 1 {
			if err := c.request(2*i+1, "/token"); err != nil {
				t.Fatal(err)
			}
		}
		for {
			frame, err := c.ReadFrame()
			if err != nil {
				t.Fatal(err)
			}
			if reset, ok := frame.(*http2.RSTStreamFrame); ok {
				if reset.StreamID != 2*c.streams+1 || reset.ErrCode != http2.ErrCodeRefusedStream && reset.ErrCode != http2.ErrCodeProtocol {
					t.Errorf("stream %d ends with %s", reset.StreamID, reset.ErrCode)
				}
				break
			}
			if away, ok := frame.(*http2.GoAwayFrame); ok {
				t.Logf("the connection ends with %s", away.ErrCode)
				break
			}
		}
		c.conn.Close()
		stillThere("many streams")
	})

	t.Run("rapid reset", func(t *testing.T) {
		n := 20_000 // few enough for a server to keep up with, when its client is slow
		if full() {
			n = 1_000_000
		}
		c, before, began := dialHTTP2(t, s.listen), cpu(), time.Now()
		c.conn.SetDeadline(time.Now().Add(20 * time.Second))
		type end struct {
			code   http2.ErrCode
			closed bool
		}
		ended := make(chan end, 1)
		go func() {
			code, closed := c.ended()
			ended <- end{code, closed}
		}()
		sent := 0
		for ; sent < n; sent++ {
			stream := uint32(2*sent + 1)
			if c.request(stream, "/token") != nil || c.WriteRSTStream(stream, http2.ErrCodeCancel) != nil {
				break
			}
		}
		keptUp := sent == n && !full()
		if keptUp {
			c.conn.Close()
		}
		if e := <-ended; keptUp {
			t.Logf("the server kept up with %d resets in %s and %.2f CPU seconds", sent, time.Since(began).Round(time.Millisecond), cpu()-before)
		} else if !e.closed || e.code != http2.ErrCodeEnhanceYourCalm && e.code != http2.ErrCodeNo {
			t.Errorf("closed %v, with %s", e.closed, e.code)
		} else {
			t.Logf("%d of %d resets were sent; the connection ended with %s after %s and %.2f CPU seconds", sent, n, e.code, time.Since(began).Round(time.Millisecond), cpu()-before)
		}
		stillThere("rapid reset")
	})

	t.Run("CONTINUATION flood", func(t *testing.T) {
		c, before := dialHTTP2(t, s.listen), cpu()
		if err := c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}}); err != nil {
			t.Fatal(err)
		}
		c.header.Reset()
		if err := c.encoder.WriteField(hpack.HeaderField{Name: "x", Value: strings.Repeat("y", 8<<10), Sensitive: true}); err != nil {
			t.Fatal(err)
		}
		ended := make(chan bool, 1)
		go func() {
			_, closed := c.ended()
			ended <- closed
		}()
		const most = 64 << 20
		for c.written < most && c.WriteContinuation(1, false, c.header.Bytes()) == nil {
		}
		t.Logf("%d KiB of headers were taken, for %.2f CPU seconds", c.written>>10, cpu()-before)
		if c.written >= most {
			t.Fatalf("%d MiB of headers, and the connection is still open", most>>20)
		}
		if !<-ended {
			t.Error("the connection is still open")
		}
		stillThere("a CONTINUATION flood")
	})
}

// noHTTP2InTheClear proves WEB-61: without TLS there is no HTTP/2, neither at once nor by an upgrade.
func noHTTP2InTheClear(t *testing.T) {
	s := newRealServer(t)
	ask := func(request string) string {
		t.Helper()
		conn, err := net.Dial("tcp", s.listen)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(conn) // what came before the end
		return string(b)
	}
	if got := ask(http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"); !strings.HasPrefix(got, "HTTP/1.1 4") && !strings.HasPrefix(got, "HTTP/1.1 505") {
		t.Errorf("to the preface of HTTP/2 the server says %.60q", got)
	}
	upgrade := fmt.Sprintf("GET /healthz HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", s.listen)
	if got := ask(upgrade); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("to an upgrade the server says %.60q", got)
	}
}
