package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	netmail "net/mail"
	"os"
	"strings"

	"golang.org/x/net/idna"
)

// smtpFlags say which mail server takes our mails. Without an address there is none, and nothing is offered that needs one.
type smtpFlags struct {
	SMTPAddr         string `name:"smtp-addr" env:"REGRANT_SMTP_ADDR" placeholder:"ADDR" help:"Send mails through this server, such as smtp.example.com:587 (default: no mails)."`
	SMTPTLS          string `name:"smtp-tls" env:"REGRANT_SMTP_TLS" default:"starttls" enum:"starttls,tls,none" placeholder:"MODE" help:"starttls, tls from the first byte, or none, to this machine only (default ${default})."`
	SMTPUser         string `name:"smtp-user" env:"REGRANT_SMTP_USER" placeholder:"NAME" help:"Sign in to the mail server as this user."`
	SMTPPasswordFile string `name:"smtp-password-file" env:"REGRANT_SMTP_PASSWORD_FILE" placeholder:"FILE" help:"Its password, in a file that only its owner can read; or in REGRANT_SMTP_PASSWORD."`
	MailFrom         string `name:"mail-from" env:"REGRANT_MAIL_FROM" placeholder:"SENDER" help:"Whom mails come from, such as \"Example Sign-in <id@example.com>\"."`
}

// smtpPassword is where the password may stand instead of a file. It is no flag: those are seen by all who list processes.
const smtpPassword = "REGRANT_SMTP_PASSWORD"

// smtpSettings are the settings of mail, checked against each other.
type smtpSettings struct {
	host, port string
	tls        string // starttls, tls or none
	user       string
	password   string
	from       netmail.Address
}

// settings checks what was asked for; nil: no mails. Each error names the setting.
func (f smtpFlags) settings() (*smtpSettings, error) {
	password, inEnvironment := os.LookupEnv(smtpPassword)
	if f.SMTPAddr == "" {
		for setting, value := range map[string]string{"smtp-user": f.SMTPUser, "smtp-password-file": f.SMTPPasswordFile, "mail-from": f.MailFrom, smtpPassword: password} {
			if value != "" {
				return nil, usage("smtp-addr: must be given with %s", setting)
			}
		}
		if f.SMTPTLS != "starttls" && f.SMTPTLS != "" {
			return nil, usage("smtp-addr: must be given with smtp-tls")
		}
		return nil, nil
	}
	s := &smtpSettings{tls: f.SMTPTLS, user: f.SMTPUser}
	var err error
	if s.host, s.port, err = net.SplitHostPort(f.SMTPAddr); err != nil || s.host == "" || s.port == "" || s.port == "0" {
		return nil, usage("smtp-addr: %q is not an address such as smtp.example.com:587", f.SMTPAddr)
	}
	if err := checkPort("smtp-addr", f.SMTPAddr); err != nil {
		return nil, err
	}
	if s.tls == "none" && !isLoopback(f.SMTPAddr) {
		return nil, usage("smtp-tls: none is for a mail server on this machine only; %s would get links and passwords in the open", s.host)
	}
	if s.from, err = parseSender(f.MailFrom); err != nil {
		return nil, err
	}
	switch {
	case f.SMTPPasswordFile != "" && inEnvironment:
		return nil, usage("smtp-password-file: cannot be given together with %s", smtpPassword)
	case f.SMTPPasswordFile != "":
		if password, err = readPasswordFile(f.SMTPPasswordFile); err != nil {
			return nil, err
		}
	}
	switch s.password = password; {
	case s.user == "" && s.password != "":
		return nil, usage("smtp-user: must be given with a password")
	case s.user != "" && s.password == "":
		return nil, usage("smtp-password-file: must be given with smtp-user, or %s", smtpPassword)
	}
	return s, nil
}

// parseSender reads whom mails come from.
func parseSender(text string) (netmail.Address, error) {
	if text == "" {
		return netmail.Address{}, usage("mail-from: must be given with smtp-addr")
	}
	from, err := netmail.ParseAddress(text)
	if err != nil || strings.ContainsAny(text, "\r\n") || !strings.Contains(from.Address, "@") {
		return netmail.Address{}, usage("mail-from: %q is not a sender such as \"Example Sign-in <id@example.com>\"", text)
	}
	if from.Address, err = asciiDomain(from.Address); err != nil {
		return netmail.Address{}, usage("mail-from: %q has a domain that cannot be", text)
	}
	return *from, nil
}

// asciiDomain gives an address whose domain every mail server understands (RFC 5891).
func asciiDomain(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	domain, err := idna.Lookup.ToASCII(address[at+1:])
	return address[:at+1] + domain, err
}

// readPasswordFile reads a password that only its owner can.
func readPasswordFile(name string) (string, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", usage("smtp-password-file: there is no file %s", name)
	}
	if err != nil {
		return "", usage("smtp-password-file: %v", err)
	}
	if openToOthers(info) {
		return "", usage("smtp-password-file: others can read %s (mode %04o); run: chmod 600 %s", name, info.Mode().Perm(), name)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return "", usage("smtp-password-file: %v", err)
	}
	password := strings.TrimRight(string(content), "\r\n")
	if password == "" || strings.ContainsAny(password, "\r\n\x00") || len(password) > 1000 {
		return "", usage("smtp-password-file: %s must hold the password in one line, and nothing else", name)
	}
	return password, nil
}

// String says which server it is, without the password.
func (s *smtpSettings) String() string {
	how := map[string]string{"starttls": "STARTTLS", "tls": "TLS", "none": "without TLS"}[s.tls]
	as := ""
	if s.user != "" {
		as = " as " + s.user
	}
	return fmt.Sprintf("%s (%s)%s, from %s", net.JoinHostPort(s.host, s.port), how, as, s.from.Address)
}
