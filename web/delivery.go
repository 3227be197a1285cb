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
	if d.Kind != delivery.KindLogout {
		return nil, fmt.Errorf("this version does not know deliveries of the kind %q", d.Kind)
	}
	token, err := s.oauth.LogoutToken(ctx, d.ClientID, d.Body)
	if errors.Is(err, oauth.ErrNotFound) {
		return nil, delivery.ErrMoot
	}
	if err != nil {
		return nil, err
	}
	// OpenID Connect Back-Channel Logout §2.5
	return &delivery.Message{ContentType: "application/x-www-form-urlencoded", Body: []byte("logout_token=" + url.QueryEscape(token))}, nil
}
