package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/mail"
	"regrant/db"
)

const smtpStep = 15 * time.Second // for one step of the conversation; the caller bounds the whole

// postman hands letters over to the mail server, one connection each. It implements [mail.Sender].
type postman struct {
	smtpSettings
	roots *x509.CertPool // nil: those of the system
}

// post is the post office of the server. Without a mail server it sends nothing.
func (s *serveSettings) post(store *db.DB, people *account.People, issuer string, log *slog.Logger) *mail.Post {
	o := mail.Options{
		Store: store, Sealer: people.Sealer(), People: people, Links: account.NewLinks(people, store, issuer), Alarm: log.Warn, Now: now,
	}
	if s.smtp != nil {
		o.Sender = &postman{smtpSettings: *s.smtp}
	}
	return mail.New(o)
}

// mailServer names the mail server for admins.
func (s *serveSettings) mailServer() string {
	if s.smtp == nil {
		return ""
	}
	return s.smtp.String()
}

// Send implements [mail.Sender]. Nothing outlives ctx, whatever the server does or does not do.
func (p *postman) Send(ctx context.Context, l mail.Letter) error {
	message, err := p.message(l)
	if err != nil {
		return err
	}
	client, err := p.client(ctx)
	if err != nil {
		return err
	}
	if err := client.DialWithContext(ctx); err != nil {
		return p.explain("connect to the mail server", err)
	}
	err = client.Send(message)
	_ = client.Close() // what was accepted stays so, however the farewell goes
	if err == nil || message.IsDelivered() {
		return nil
	}
	return p.refusal(err)
}

// message puts a letter into the form of RFC 5322. Header values are encoded by the library, and none of ours holds a line break.
func (p *postman) message(l mail.Letter) (*gomail.Msg, error) {
	to, err := account.ParseEmail(l.To)
	if err == nil {
		to, err = asciiDomain(to)
	}
	m := gomail.NewMsg()
	if err == nil {
		err = m.To((&netmail.Address{Name: l.Name, Address: to}).String())
	}
	if err != nil {
		return nil, fmt.Errorf("%w: mail cannot be sent to such an address", mail.ErrRefused)
	}
	if err := m.From(p.from.String()); err != nil {
		return nil, fmt.Errorf("mail-from: %w", err)
	}
	m.Subject(l.Subject)
	m.SetDateWithValue(l.Date)
	m.SetMessageIDWithValue(l.ID + "@" + p.from.Address[strings.LastIndexByte(p.from.Address, '@')+1:])
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 §5: nobody answers it by a machine
	m.SetGenHeader("X-Auto-Response-Suppress", "All")  // the same for Exchange
	m.SetBodyString(gomail.TypeTextPlain, l.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
	return m, nil
}

// client prepares a connection.
func (p *postman) client(ctx context.Context) (*gomail.Client, error) {
	port, err := strconv.Atoi(p.port)
	if err != nil {
		if port, err = net.LookupPort("tcp", p.port); err != nil {
			return nil, err
		}
	}
	config := &tls.Config{ServerName: p.host, MinVersion: tls.VersionTLS12, RootCAs: p.roots}
	options := []gomail.Option{
		gomail.WithPort(port), gomail.WithTimeout(smtpStep), gomail.WithTLSConfig(config),
		gomail.WithDialContextFunc(func(dial context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(dial, network, address)
			if err != nil {
				return nil, err
			}
			// A server that says nothing, or one byte a second, is left when ctx ends.
			context.AfterFunc(ctx, func() { conn.Close() })
			if p.tls != "tls" {
				return conn, nil
			}
			secure := tls.Client(conn, config)
			if err := secure.HandshakeContext(dial); err != nil {
				conn.Close()
				return nil, err
			}
			return secure, nil
		}),
	}
	plain, login := gomail.SMTPAuthPlain, gomail.SMTPAuthLogin
	switch p.tls {
	case "starttls":
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case "none":
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
		plain, login = gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS)) // the connection is secure already
	}
	if p.user != "" {
		options = append(options, gomail.WithUsername(p.user), gomail.WithPassword(p.password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, plain, login, gomail.SMTPAuthCramMD5))
	}
	return gomail.NewClient(p.host, options...)
}

// refusal says what a server's answer means: whether it is about this letter, and whether another attempt may end otherwise.
func (p *postman) refusal(err error) error {
	var refused *gomail.SendError
	var answer *textproto.Error
	if !errors.As(err, &refused) || refused.ErrorCode() == 0 {
		return p.explain("send", err)
	}
	if errors.As(err, &answer) {
		err = answer
	} else {
		err = fmt.Errorf("the server answers %d", refused.ErrorCode())
	}
	temporary := refused.ErrorCode() < 500
	switch refused.Reason {
	case gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
		if temporary {
			return fmt.Errorf("%w: %s", mail.ErrDeferred, p.clean(err))
		}
		return fmt.Errorf("%w: %s", mail.ErrRefused, p.clean(err))
	}
	return p.explain("send", err)
}

// explain is an error with the words of the server, and nothing else in it that comes from us.
func (p *postman) explain(doing string, err error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) {
		return fmt.Errorf("%s: the server answers %s", doing, p.clean(answer))
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("%s: the server took too long", doing)
	}
	return fmt.Errorf("%s: %s", doing, p.clean(err))
}

// clean leaves out of a server's words what a log must not hold: the password, if a server repeats it, and addresses.
func (p *postman) clean(err error) string {
	text := audit.Clean(err.Error(), 300)
	if p.password != "" {
		text = strings.ReplaceAll(text, p.password, "…")
	}
	words := strings.Fields(text)
	for i, word := range words {
		if strings.Contains(word, "@") {
			words[i] = "…"
		}
	}
	return strings.Join(words, " ")
}
