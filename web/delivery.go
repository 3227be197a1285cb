package web

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"regrant/app/delivery"
	"regrant/app/oauth"
)

// MakeDelivery makes what one attempt to bring news to an application sends. It is a [delivery.Make].
func (s *Server) MakeDelivery(ctx context.Context, d *delivery.Delivery) (*delivery.Message, error) {
	m, err := s.makeDelivery(ctx, d)
	if errors.Is(err, oauth.ErrNotFound) {
		return nil, delivery.ErrMoot
	}
	return m, err
}

func (s *Server) makeDelivery(ctx context.Context, d *delivery.Delivery) (*delivery.Message, error) {
	switch d.Kind {
	case delivery.KindLogout: // OpenID Connect Back-Channel Logout §2.5
		token, err := s.oauth.LogoutToken(ctx, d.ClientID, d.Body)
		return &delivery.Message{ContentType: "application/x-www-form-urlencoded", Body: []byte("logout_token=" + url.QueryEscape(token))}, err
	case delivery.KindWebhook:
		header, body, err := s.oauth.Webhook(ctx, s.people.Sealer(), d.ClientID, d.ID, d.Body)
		return &delivery.Message{ContentType: "application/json", Header: header, Body: body}, err
	case delivery.KindSecurityEvent: // RFC 8935 §2.1
		token, authorization, err := s.oauth.SecurityEvent(ctx, s.people.Sealer(), d.ClientID, d.ID, d.CreatedAt, d.Body)
		m := &delivery.Message{ContentType: "application/secevent+jwt", Header: map[string]string{"Accept": "application/json"}, Body: []byte(token), SecurityEvent: true}
		if authorization != "" {
			m.Header["Authorization"] = authorization
		}
		return m, err
	}
	return nil, fmt.Errorf("this version does not know deliveries of the kind %q", d.Kind)
}
