package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"regrant/app/audit"
	"regrant/app/delivery"
	"regrant/web/outbound"
)

// maxRefusal is how much is read of what a receiver of security events says about one that it refuses, bytes.
const maxRefusal = 4 << 10

// poster posts deliveries to addresses that clients registered, with the care of WEB-50. Whatever is in the answer besides its status
// is not read, but for the reason by which a security event is refused.
func poster(c *outbound.Client) delivery.Send {
	return func(ctx context.Context, address string, m *delivery.Message) error {
		request := outbound.Request{Method: http.MethodPost, URL: address, Body: m.Body, Header: http.Header{"Content-Type": {m.ContentType}}, NoBody: true}
		for name, value := range m.Header {
			request.Header.Set(name, value)
		}
		if m.SecurityEvent {
			request.NoBody, request.Limit, request.Cut = false, maxRefusal, true
		}
		response, err := c.Do(ctx, request)
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
		}
		return taken(response, m.SecurityEvent)
	}
}

// taken says why an answer is not one by which a message counts as delivered.
func taken(response *outbound.Response, securityEvent bool) error {
	status := response.Status
	switch {
	case securityEvent && status == http.StatusAccepted:
		return nil
	case securityEvent && status >= 200 && status < 300: // whoever answers so is no receiver of security events
		return delivery.Unreachable(fmt.Errorf("it answers with status %d, not with 202 (RFC 8935 section 2.2)", status))
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		return delivery.Unreachable(fmt.Errorf("it redirects (status %d), which is not followed", status))
	case securityEvent && status == http.StatusBadRequest:
		return refusedEvent(response.Body)
	case status == http.StatusBadRequest: // it does not want this one
		return errors.New("it answers with status 400")
	}
	return delivery.Unreachable(fmt.Errorf("it answers with status %d", status))
}

// maxReceiverWords bounds what is shown of a receiver's own words, characters.
const maxReceiverWords = 150

// refusedEvent says in the receiver's words why it does not take a security event, RFC 8935 §2.3.
func refusedEvent(body []byte) error {
	var said struct {
		Err         string `json:"err"`
		Description string `json:"description"`
	}
	if json.Unmarshal(body, &said) != nil || said.Err == "" {
		return errors.New("it answers with status 400")
	}
	return errors.New("it answers with status 400, " + audit.Clean(said.Err+": "+said.Description, maxReceiverWords))
}
