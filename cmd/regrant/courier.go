package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"regrant/app/delivery"
	"regrant/web/outbound"
)

// poster posts deliveries to addresses that clients registered, with the care of WEB-50. Whatever is in the answer besides its status
// is not read.
func poster(c *outbound.Client) delivery.Send {
	return func(ctx context.Context, address string, m *delivery.Message) error {
		response, err := c.Do(ctx, outbound.Request{
			Method: http.MethodPost, URL: address, Body: m.Body, Header: http.Header{"Content-Type": {m.ContentType}}, NoBody: true,
		})
		var inner *url.Error
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return delivery.Unreachable(fmt.Errorf("no answer within %s", outbound.MaxTime))
		case errors.Is(err, outbound.ErrRefused):
			return delivery.Unreachable(errors.New("the address leads to where the server may not call; an operator can open that with --outbound-allow"))
		case errors.As(err, &inner):
			return delivery.Unreachable(inner.Err) // without the address, which is known
		case err != nil:
			return delivery.Unreachable(err)
		case response.Status >= 200 && response.Status < 300:
			return nil
		case response.Status >= 300 && response.Status < 400:
			return delivery.Unreachable(fmt.Errorf("it redirects (status %d), which is not followed", response.Status))
		case response.Status == http.StatusBadRequest: // it does not want this one
			return errors.New("it answers with status 400")
		}
		return delivery.Unreachable(fmt.Errorf("it answers with status %d", response.Status))
	}
}
