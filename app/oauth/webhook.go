package oauth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// What a webhook tells of.
const (
	webhookGrant  = "grant.ended"  // one grant
	webhookGrants = "grants.ended" // every grant of a person, or of all
	webhookTest   = "webhook.test"
)

// webhook is the body of a webhook, as Standard Webhooks lays it out.
type webhook struct {
	Type      string      `json:"type"`
	Timestamp string      `json:"timestamp"` // of what it tells of, RFC 3339
	Data      webhookData `json:"data"`
}

type webhookData struct {
	ClientID  string        `json:"client_id"`
	GrantID   string        `json:"grant_id,omitempty"`
	Subject   string        `json:"sub,omitempty"`
	SessionID string        `json:"sid,omitempty"`
	Until     string        `json:"made_until,omitempty"` // RFC 3339
	Reason    RevokedReason `json:"reason,omitempty"`
}

// Webhook makes one attempt to tell a client of the end of grants by its webhook: a body and the headers of Standard Webhooks that sign
// it, by the secret that it has and by the one before while that lives. id is the same in each attempt, so that the client can tell
// that it has heard of it; told is the JSON of an [EndedGrants]. A client that is gone, or has no webhook any more, is [ErrNotFound].
func (s *Server) Webhook(ctx context.Context, seal Sealer, clientID, id string, told []byte) (header map[string]string, body []byte, err error) {
	client, err := s.store.Client(ctx, clientID)
	if err != nil {
		return nil, nil, err
	}
	if client.WebhookURL == "" || client.WebhookSecret == nil {
		return nil, nil, ErrNotFound
	}
	e, err := readEndedGrants(told)
	if err != nil {
		return nil, nil, err
	}
	w := webhook{Type: webhookGrant, Timestamp: e.At.UTC().Format(time.RFC3339Nano), Data: webhookData{
		ClientID: client.ID, GrantID: e.GrantID, Subject: e.PersonID, SessionID: e.SessionID, Reason: e.Reason,
	}}
	switch {
	case e.Test:
		w.Type = webhookTest
	case e.Until != nil:
		w.Type, w.Data.Until = webhookGrants, e.Until.UTC().Format(time.RFC3339Nano)
	}
	if body, err = json.Marshal(w); err != nil {
		return nil, nil, err // unreachable: texts
	}
	now := s.clock.Now().Wall
	stamp := strconv.FormatInt(now.Unix(), 10)
	var signatures []string
	for _, secret := range []*SealedSecret{client.WebhookSecret, client.OldWebhookSecret} {
		if !secret.Living(now) {
			continue
		}
		key, err := seal.Open(webhookPurpose(client.ID), secret.Sealed)
		if err != nil {
			return nil, nil, fmt.Errorf("open the webhook secret: %w", err)
		}
		signatures = append(signatures, webhookSignature(key, id, stamp, body))
	}
	return map[string]string{"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": strings.Join(signatures, " ")}, body, nil
}

// webhookSignature is the signature of the version v1 of Standard Webhooks.
func webhookSignature(key []byte, id, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
