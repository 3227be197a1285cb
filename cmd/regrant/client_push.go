package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"regrant/app/account"
	"regrant/app/oauth"
	"regrant/db"
)

type clientPush struct {
	which
	WebhookURL       *string       `name:"webhook-url" placeholder:"URL" help:"Where it is told by a signed webhook, an https address; \"\" for nowhere."`
	NewWebhookSecret bool          `help:"Sign with another secret, which is printed once."`
	Overlap          time.Duration `default:"24h" placeholder:"24h" help:"With --new-webhook-secret: for how long the old secret signs too, up to 30d; 0s ends it at once."`
	SecurityEventURL *string       `name:"security-event-url" placeholder:"URL" help:"Where it is told by security event tokens (CAEP session-revoked, RFC 8935), an https address; \"\" for nowhere."`
	Authorization    bool          `name:"security-event-authorization-stdin" help:"Read from standard input the header Authorization that the receiver of security events wants, such as \"Bearer …\"; an empty line for none."`
	masterKeyFlags
}

// Help is shown by --help.
func (clientPush) Help() string {
	return `The application learns of it at once when a grant of it ends before its time: by a webhook as Standard Webhooks describes it, by a
security event token, or by both. The secret of the webhook is printed once, when the address is named for the first time and with
--new-webhook-secret. Without a flag it prints what is set.

Examples:

    regrant client push my-app --webhook-url https://app.example.com/hooks/regrant
    regrant client push my-app --new-webhook-secret --overlap 7d
    regrant client push my-app --security-event-url https://app.example.com/events --security-event-authorization-stdin < header.txt
    regrant client push my-app --webhook-url ''`
}

func (c clientPush) Run(ctx context.Context, p *program) error {
	change := oauth.PushChange{WebhookURL: c.WebhookURL, NewSecret: c.NewWebhookSecret, Overlap: c.Overlap, SecurityEventURL: c.SecurityEventURL}
	if c.Authorization {
		header, err := readLine(p.stdin)
		if err != nil {
			return err
		}
		change.Authorization = &header
	}
	return p.withMasterKey(ctx, c.masterKeyFlags, func(store *db.DB) error {
		client, secret, err := oauth.ChangePush(ctx, store, account.NewSealer(store, now), c.ID, change, now(), operator())
		if err != nil {
			return noSuchClient(err, c.ID)
		}
		return p.print(pushJSON(client, secret), func(w io.Writer) { pushSheet(w, client, secret) })
	})
}

// maxLine is more than a header may have, bytes.
const maxLine = 8 << 10

// readLine reads one line, which is all that there is.
func readLine(r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxLine))
	if err != nil {
		return "", fmt.Errorf("read the header: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// pushView is in JSON how a client is told of the end of its grants.
type pushView struct {
	ClientID       string     `json:"client_id"`
	WebhookURL     string     `json:"webhook_url,omitempty"`
	WebhookSecret  string     `json:"webhook_secret,omitempty"` // where it was just made
	SecretMade     *time.Time `json:"webhook_secret_created_at,omitempty"`
	OldSecretEnds  *time.Time `json:"old_webhook_secret_ends_at,omitempty"`
	SecurityEvents string     `json:"security_event_url,omitempty"`
	Authorization  bool       `json:"security_event_authorization"` // whether there is one
}

func pushJSON(c *oauth.Client, secret string) pushView {
	v := pushView{ClientID: c.ID, WebhookURL: c.WebhookURL, WebhookSecret: secret, SecurityEvents: c.SecurityEventURL, Authorization: c.SecurityEventAuthorization != nil}
	if c.WebhookSecret != nil {
		v.SecretMade = &c.WebhookSecret.CreatedAt
	}
	if c.OldWebhookSecret.Living(now()) {
		v.OldSecretEnds = c.OldWebhookSecret.EndsAt
	}
	return v
}

// pushSheet shows the same to people.
func pushSheet(w io.Writer, c *oauth.Client, secret string) {
	made, ends, header := secret, "", ""
	if c.WebhookSecret != nil && secret == "" {
		made = "made " + ago(c.WebhookSecret.CreatedAt)
	}
	if c.OldWebhookSecret.Living(now()) {
		ends = moment(c.OldWebhookSecret.EndsAt)
	}
	if c.SecurityEventAuthorization != nil {
		header = "sent, and not shown"
	}
	sheet(w, "Client ID", c.ID, "Webhook", orNowhere(c.WebhookURL), "Webhook secret", made, "Old secret until", ends,
		"Security events", orNowhere(c.SecurityEventURL), "Authorization", header)
	if secret != "" {
		fmt.Fprintln(w, "\nThe secret is shown only now. Put it where the application reads it.")
	}
}

func orNowhere(url string) string {
	if url == "" {
		return "nowhere"
	}
	return url
}
