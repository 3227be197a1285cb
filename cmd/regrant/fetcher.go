package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"regrant/app/oauth"
	"regrant/web/outbound"
)

// fetcher reads documents at addresses that clients registered.
func fetcher(c *outbound.Client) oauth.Fetch {
	return func(ctx context.Context, address string) ([]byte, error) {
		response, err := c.Do(ctx, outbound.Request{URL: address, Header: http.Header{"Accept": {"application/json"}}})
		switch {
		case errors.Is(err, outbound.ErrRefused), errors.Is(err, outbound.ErrTooLarge):
			return nil, fmt.Errorf("%w: %w", oauth.ErrDocument, err)
		case err != nil:
			return nil, err
		case response.Status == http.StatusOK:
			return response.Body, nil
		case response.Status >= 500 || response.Status == http.StatusTooManyRequests:
			return nil, fmt.Errorf("it answers with status %d", response.Status)
		}
		return nil, fmt.Errorf("%w: it answers with status %d", oauth.ErrDocument, response.Status)
	}
}

// documents reads the documents of clients that are known by their address.
func documents(c *outbound.Client) oauth.FetchDocument {
	return func(ctx context.Context, address string) (*oauth.Document, error) {
		document, err := c.Document(ctx, address, oauth.MaxDocument)
		switch {
		case errors.Is(err, outbound.ErrRefused):
			return nil, fmt.Errorf("%w: it is not where the server may call", oauth.ErrDocument)
		case errors.Is(err, outbound.ErrTooLarge):
			return nil, fmt.Errorf("%w: it is larger than %d bytes", oauth.ErrDocument, oauth.MaxDocument)
		case errors.Is(err, outbound.ErrNoDocument):
			return nil, fmt.Errorf("%w: %s", oauth.ErrDocument, strings.TrimPrefix(err.Error(), outbound.ErrNoDocument.Error()+": "))
		case err != nil:
			return nil, err
		}
		return &oauth.Document{Body: document.Body, Fresh: document.Fresh}, nil
	}
}
