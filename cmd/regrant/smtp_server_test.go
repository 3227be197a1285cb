package main

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// smtpServer is a mail server on loopback that speaks SMTP with STARTTLS and AUTH (RFC 5321, RFC 3207, RFC 4954), and does wrong
// what a test tells it to.
type smtpServer struct {
	t        *testing.T
	addr     string // localhost and the port
	cert     string // file that holds its certificate
	config   *tls.Config
	implicit bool // TLS from the first byte

	user, password string            // empty: nobody signs in
	answers        map[string]string // what a command is answered instead, by its first words
	hangs          string            // the command after which nothing comes any more

	mu       sync.Mutex
	received []received
	dialogue []string // the commands of all connections
	arrived  chan struct{}
}

// received is a mail as it arrived.
type received struct {
	from, to string
	secure   bool
	data     string
}

func newSMTPServer(t *testing.T, set func(*smtpServer)) *smtpServer {
	t.Helper()
	dir := t.TempDir()
	s := &smtpServer{t: t, cert: filepath.Join(dir, "cert.pem"), arrived: make(chan struct{}, 100)}
	writeCertificate(t, s.cert, filepath.Join(dir, "key.pem"), 1)
	pair, err := tls.LoadX509KeyPair(s.cert, filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	s.config = &tls.Config{Certificates: []tls.Certificate{pair}}
	if set != nil {
		set(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s.addr = "localhost:" + port
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			go s.serve(conn)
		}
	}()
	return s
}

func (s *smtpServer) serve(conn net.Conn) {
	secure := s.implicit
	if secure {
		conn = tls.Server(conn, s.config)
	}
	defer func() { conn.Close() }()
	in := bufio.NewReader(conn)
	say := func(text string) { fmt.Fprintf(conn, "%s\r\n", text) }
	if s.hangs == "" {
		if s.answers["CONNECT"] != "" {
			say(s.answers["CONNECT"])
			return
		}
	} else if s.hangs == "CONNECT" {
		time.Sleep(time.Minute)
		return
	}
	say("220 mx.test ESMTP")
	var m received
	known := s.user == ""
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.mu.Lock()
		s.dialogue = append(s.dialogue, line)
		s.mu.Unlock()
		verb := strings.ToUpper(line)
		if s.hangs != "" && strings.HasPrefix(verb, s.hangs) {
			time.Sleep(time.Minute)
			return
		}
		answered := false
		for command, answer := range s.answers {
			if strings.HasPrefix(verb, command) && command != "END" {
				say(answer)
				answered = true
			}
		}
		if answered {
			continue
		}
		switch {
		case strings.HasPrefix(verb, "EHLO"):
			say("250-mx.test")
			if !secure {
				say("250-STARTTLS")
			}
			if s.user != "" && (secure || s.config == nil) {
				say("250-AUTH PLAIN LOGIN")
			}
			say("250 8BITMIME")
		case verb == "STARTTLS":
			say("220 go on")
			conn = tls.Server(conn, s.config)
			in, secure = bufio.NewReader(conn), true
		case strings.HasPrefix(verb, "AUTH PLAIN "):
			given, _ := base64.StdEncoding.DecodeString(line[len("AUTH PLAIN "):])
			if known = string(given) == "\x00"+s.user+"\x00"+s.password; !known {
				say("535 5.7.8 authentication failed for " + string(given[strings.LastIndexByte(string(given), 0)+1:]))
				continue
			}
			say("235 welcome")
		case strings.HasPrefix(verb, "MAIL FROM:"):
			if !known {
				say("530 sign in first")
				continue
			}
			m = received{from: inBrackets(line), secure: secure}
			say("250 ok")
		case strings.HasPrefix(verb, "RCPT TO:"):
			m.to = inBrackets(line)
			say("250 ok")
		case verb == "DATA":
			say("354 go on")
			var data strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				data.WriteString(strings.TrimPrefix(line, "."))
			}
			if answer := s.answers["END"]; answer != "" {
				say(answer)
				continue
			}
			m.data = data.String()
			s.mu.Lock()
			s.received = append(s.received, m)
			s.mu.Unlock()
			say("250 accepted")
			s.arrived <- struct{}{}
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func inBrackets(line string) string {
	_, rest, _ := strings.Cut(line, "<")
	inside, _, _ := strings.Cut(rest, ">")
	return inside
}

// mails gives what has arrived.
func (s *smtpServer) mails() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.received...)
}

// await waits for the next mail and gives it.
func (s *smtpServer) await() received {
	s.t.Helper()
	select {
	case <-s.arrived:
	case <-time.After(15 * time.Second):
		s.t.Fatal("no mail arrived")
	}
	all := s.mails()
	return all[len(all)-1]
}

// read takes a mail apart: its header, and the parts by their type.
func (r received) read(t *testing.T) (netmail.Header, map[string]string) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(r.data))
	if err != nil {
		t.Fatalf("%v in %q", err, r.data)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s: %v", kind, err)
	}
	parts := map[string]string{}
	for reader := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := reader.NextRawPart()
		if err == io.EOF {
			return m.Header, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		var body io.Reader = part
		if part.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(part)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		parts[kind] = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
}
