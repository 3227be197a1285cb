package main

import (
	"context"
	"crypto/x509"
	"errors"
	"mime"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"regrant/app/mail"
)

// letter is a mail that holds what headers and bodies may hold.
var letter = mail.Letter{
	ID: "QUJDREVGRw", To: "jörg@bücher.example", Name: `Jörg "J" Müller`, Subject: "Grüße von Regrant", Text: "Hallo\n.\n-- \nRegrant\n", HTML: "<!DOCTYPE html><p>Grüße",
	Date: time.Date(2026, 11, 22, 14, 3, 0, 0, time.UTC),
}

// postmanTo is how a server is reached that these flags name, which trusts its certificate.
func postmanTo(t *testing.T, s *smtpServer, f smtpFlags) *postman {
	t.Helper()
	f.SMTPAddr, f.MailFrom = s.addr, "Regrant Test <id@example.com>"
	if f.SMTPTLS == "" {
		f.SMTPTLS = "starttls"
	}
	settings, err := f.settings()
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(s.cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &postman{smtpSettings: *settings, roots: roots}
}

func passwordFile(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	chmod(t, name, mode)
	return name
}

func TestALetterArrivesAsItWasWritten(t *testing.T) {
	for name, c := range map[string]struct {
		set   func(*smtpServer)
		flags smtpFlags
		open  bool
	}{
		"STARTTLS": {set: func(s *smtpServer) { s.user, s.password = "id", "pass word" }, flags: smtpFlags{SMTPUser: "id", SMTPPasswordFile: passwordFile(t, "pass word\n", 0o600)}},
		"TLS":      {set: func(s *smtpServer) { s.implicit, s.user, s.password = true, "id", "pass word" }, flags: smtpFlags{SMTPTLS: "tls", SMTPUser: "id", SMTPPasswordFile: passwordFile(t, "pass word", 0o400)}},
		"none":     {flags: smtpFlags{SMTPTLS: "none"}, open: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSMTPServer(t, c.set)
			if err := postmanTo(t, s, c.flags).Send(t.Context(), letter); err != nil {
				t.Fatal(err)
			}
			got := s.await()
			header, parts := got.read(t)
			if got.secure == c.open || got.from != "id@example.com" || got.to != "jörg@xn--bcher-kva.example" {
				t.Errorf("got %+v", got)
			}
			subject, _ := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
			if to, err := header.AddressList("To"); err != nil || to[0].Name != letter.Name || subject != letter.Subject {
				t.Errorf("to %v, subject %q, %v", to, subject, err)
			}
			if at, err := header.Date(); err != nil || !at.Equal(letter.Date) {
				t.Errorf("dated %v %v", at, err)
			}
			if header.Get("Message-ID") != "<QUJDREVGRw@example.com>" || header.Get("Auto-Submitted") != "auto-generated" || header.Get("From") != `"Regrant Test" <id@example.com>` {
				t.Errorf("header %v", header)
			}
			if strings.TrimRight(parts["text/plain"], "\n") != strings.TrimRight(letter.Text, "\n") || !strings.Contains(parts["text/html"], "<p>Grüße") {
				t.Errorf("parts %q", parts)
			}
		})
	}
}

func TestNothingInALetterBeginsAnotherHeader(t *testing.T) {
	s := newSMTPServer(t, nil)
	p := postmanTo(t, s, smtpFlags{SMTPTLS: "none"})
	evil := letter
	evil.Subject, evil.Name = "Hello\r\nBcc: all@example.com\r\n\r\nbody", "Eve\r\nBcc: all@example.com"
	evil.To = "eve@example.com"
	if err := p.Send(t.Context(), evil); err == nil {
		header, _ := s.await().read(t)
		if header.Get("Bcc") != "" {
			t.Errorf("header %v", header)
		}
	}
	for _, to := range []string{"eve@example.com>\r\nRCPT TO:<all@example.com", "eve@example.com, all@example.com", "", "eve", "<eve@example.com>"} {
		evil.To = to
		if err := p.Send(t.Context(), evil); !errors.Is(err, mail.ErrRefused) {
			t.Errorf("%q: %v", to, err)
		}
	}
	for _, line := range s.dialogue {
		if strings.Contains(line, "all@") {
			t.Errorf("the server was told %q", line)
		}
	}
}

func TestWhatAMailServerAnswersIsUnderstood(t *testing.T) {
	for name, c := range map[string]struct {
		set    func(*smtpServer)
		is     error
		says   string
		user   bool
		untrue bool // the certificate is not trusted
	}{
		"no such mailbox": {set: func(s *smtpServer) {
			s.answers = map[string]string{"RCPT": "550 5.1.1 <eve@example.com>: no such user"}
		}, is: mail.ErrRefused, says: "550"},
		"mailbox full":        {set: func(s *smtpServer) { s.answers = map[string]string{"RCPT": "452 4.2.2 mailbox full"} }, is: mail.ErrDeferred, says: "452"},
		"content refused":     {set: func(s *smtpServer) { s.answers = map[string]string{"END": "554 5.7.1 looks like spam"} }, is: mail.ErrRefused, says: "554"},
		"grey listed":         {set: func(s *smtpServer) { s.answers = map[string]string{"END": "451 4.7.1 later"} }, is: mail.ErrDeferred, says: "451"},
		"sender refused":      {set: func(s *smtpServer) { s.answers = map[string]string{"MAIL": "553 5.7.1 not your address"} }, says: "553"},
		"wrong password":      {set: func(s *smtpServer) { s.user, s.password = "id", "another secret" }, user: true, says: "535"},
		"no STARTTLS":         {set: func(s *smtpServer) { s.answers = map[string]string{"EHLO": "250 mx.test"} }, says: "STARTTLS"},
		"foreign certificate": {untrue: true, says: "certificate"},
		"too busy":            {set: func(s *smtpServer) { s.answers = map[string]string{"CONNECT": "421 4.3.2 too busy"} }, says: "421"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSMTPServer(t, c.set)
			flags := smtpFlags{}
			if c.user {
				flags.SMTPUser, flags.SMTPPasswordFile = "id", passwordFile(t, "another secret!", 0o600)
			}
			p := postmanTo(t, s, flags)
			if c.untrue {
				p.roots = x509.NewCertPool()
			}
			l := letter
			l.To = "eve@example.com"
			err := p.Send(t.Context(), l)
			if err == nil || len(s.mails()) != 0 {
				t.Fatalf("got %v", err)
			}
			if c.is != nil && !errors.Is(err, c.is) || c.is == nil && (errors.Is(err, mail.ErrRefused) || errors.Is(err, mail.ErrDeferred)) {
				t.Errorf("taken for another kind: %v", err)
			}
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "@") || strings.Contains(err.Error(), "another secret") {
				t.Errorf("says %q", err)
			}
		})
	}
}

func TestAMailServerThatHangsIsLeft(t *testing.T) {
	for _, command := range []string{"CONNECT", "EHLO", "RCPT"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			s := newSMTPServer(t, func(s *smtpServer) { s.hangs = command })
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			began := time.Now()
			err := postmanTo(t, s, smtpFlags{SMTPTLS: "none"}).Send(ctx, letter)
			if err == nil || time.Since(began) > 5*time.Second {
				t.Errorf("%v after %s", err, time.Since(began))
			}
		})
	}
}

func TestWhatWasAcceptedIsNotSentAgainForAColdFarewell(t *testing.T) {
	s := newSMTPServer(t, func(s *smtpServer) { s.answers = map[string]string{"RSET": "421 shutting down", "QUIT": "500 what?"} })
	if err := postmanTo(t, s, smtpFlags{SMTPTLS: "none"}).Send(t.Context(), letter); err != nil {
		t.Errorf("got %v", err)
	}
}
