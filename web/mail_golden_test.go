package web_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"regrant/app/account"
	"regrant/app/mail"
)

// mailSamples are all mails as their readers get them, by name.
func mailSamples(m *mailbox) map[string]mail.Message {
	at := m.clock.Wall()
	happened := mail.Message{
		PersonID: m.person["U1"].ID, At: at, IP: "203.0.113.9", ClientID: "CB", CreatedAt: at,
		UserAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
	}
	linked := func(kind mail.Kind, path string, lifetime time.Duration) mail.Message {
		return mail.Message{Kind: kind, CreatedAt: at, Link: m.issuer + path + "rgl1_6WQ2M5XZ7T3LDUKNARVYHB4CPE", LinkEnds: at.Add(lifetime)}
	}
	samples := map[string]mail.Message{
		"invitation":     linked(mail.Invitation, "/invite/", 7*24*time.Hour),
		"reset":          linked(mail.Reset, "/reset/", 30*time.Minute),
		"confirm_signup": linked(mail.ConfirmSignUp, "/signup/", 24*time.Hour),
		"confirm_email":  linked(mail.ConfirmEmail, "/account/email/", 24*time.Hour),
		"has_account":    {Kind: mail.HasAccount, CreatedAt: at},
		"email_taken":    {Kind: mail.EmailTaken, CreatedAt: at},
		"test":           {Kind: mail.Test, CreatedAt: at},
	}
	byAdmin := samples["reset"]
	byAdmin.ByAdmin = true
	samples["reset_by_admin"] = byAdmin
	for name, change := range map[string]func(*mail.Message){
		"new_device":                func(m *mail.Message) { m.Kind = mail.NewDevice },
		"reuse":                     func(m *mail.Message) { m.Kind = mail.Reuse },
		"reported":                  func(m *mail.Message) { m.Kind = mail.Reported },
		"factor_added_totp":         func(m *mail.Message) { m.Kind, m.Factor = mail.FactorAdded, "totp" },
		"factor_added_passkey":      func(m *mail.Message) { m.Kind, m.Factor = mail.FactorAdded, "passkey" },
		"factor_removed_totp":       func(m *mail.Message) { m.Kind, m.Factor = mail.FactorRemoved, "totp" },
		"factor_removed_passkey":    func(m *mail.Message) { m.Kind, m.Factor = mail.FactorRemoved, "passkey" },
		"factor_reset":              func(m *mail.Message) { m.Kind, m.ByAdmin = mail.FactorReset, true },
		"recovery_code_used":        func(m *mail.Message) { m.Kind = mail.RecoveryCodeUsed },
		"new_recovery_codes":        func(m *mail.Message) { m.Kind = mail.NewRecoveryCodes },
		"copy_suspected":            func(m *mail.Message) { m.Kind = mail.CopySuspected },
		"password_changed":          func(m *mail.Message) { m.Kind = mail.PasswordChanged },
		"password_changed_by_admin": func(m *mail.Message) { m.Kind, m.ByAdmin = mail.PasswordChanged, true },
		"email_changed":             func(m *mail.Message) { m.Kind = mail.EmailChanged },
		"email_is_now":              func(m *mail.Message) { m.Kind = mail.EmailIsNow },
	} {
		message := happened
		change(&message)
		samples[name] = message
	}
	return samples
}

func TestMailsAreAsReviewed(t *testing.T) {
	t.Parallel()
	m := newMailSite(t)
	m.rename("CB", "Grafana")
	kinds := map[mail.Kind]bool{}
	samples := mailSamples(m)
	for name, message := range samples {
		kinds[message.Kind] = true
		for _, language := range []string{"en", "de"} {
			message.Language = language
			l, err := m.server.WriteLetter(context.Background(), message, mail.Reader{Person: account.Person{Name: "Alice Archer"}, Address: "alice@example.com"})
			if err != nil {
				t.Fatal(err)
			}
			head, body, found := strings.Cut(l.HTML, "<body>")
			if !found || !strings.Contains(head, `<html lang="`+language+`">`) {
				t.Fatalf("%s, %s: %s", name, language, head)
			}
			loadsNothing(t, name, head, body)
			got := "Subject: " + l.Subject + "\n\n" + l.Text + "\n" + strings.ReplaceAll(body, "<p", "\n<p") + "\n"
			got = strings.ReplaceAll(got, "\u202f", " ")
			if strings.Contains(got, "no value") || messageKey.MatchString(got) {
				t.Errorf("a text or a value is missing: %s", got)
			}
			if dir := os.Getenv("REGRANT_MAIL_PICTURES"); dir != "" {
				if err := os.WriteFile(filepath.Join(dir, name+"."+language+".html"), []byte(l.HTML), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join("testdata", "mail", name+"."+language+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s differs (-want +got; -update accepts):\n%s", file, diff)
			}
		}
	}
	files, err := filepath.Glob("testdata/mail/*.txt")
	if err != nil || len(files) != 2*len(samples) || len(kinds) != 19 {
		t.Errorf("%d files for %d samples of %d kinds, %v", len(files), len(samples), len(kinds), err)
	}
}

var messageKey = regexp.MustCompile(`\b(mail|admin|time)\.[a-z]+`)

// loadsNothing fails for a mail by which anybody could learn that it was read, or that does something by itself.
func loadsNothing(t *testing.T, name, head, body string) {
	t.Helper()
	for _, word := range []string{"src=", "<img", "<link", "url(", "@import", "<script", "<form", "http-equiv", "style="} {
		if strings.Contains(head+body, word) {
			t.Errorf("%s holds %s", name, word)
		}
	}
	if strings.Count(head+body, "https://") != strings.Count(head+body, "https://as.test") {
		t.Errorf("%s leads elsewhere: %s", name, body)
	}
}
