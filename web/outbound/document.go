package outbound

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ErrNoDocument says that an address answers with something else than a JSON document.
var ErrNoDocument = errors.New("outbound: no document")

// Document is what stands at an address.
type Document struct {
	Body  []byte
	Fresh time.Duration // how long its server says that it may be kept, RFC 9111 §4.2; negative: it does not say
}

// Document reads a JSON document of at most limit bytes. [ErrNoDocument] where the answer is another one than 200 with JSON, but what may
// pass (a status from 500 on, 408, 425, 429), which is an error of its own; else as [Client.Do].
func (c *Client) Document(ctx context.Context, address string, limit int64) (*Document, error) {
	response, err := c.Do(ctx, Request{URL: address, Header: http.Header{"Accept": {"application/json"}}, Limit: limit})
	if err != nil {
		return nil, err
	}
	switch status := response.Status; {
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests:
		return nil, fmt.Errorf("it answers with status %d", status)
	case status != http.StatusOK:
		return nil, fmt.Errorf("%w: it answers with status %d", ErrNoDocument, status)
	case !isJSON(response.Header.Get("Content-Type")):
		return nil, fmt.Errorf("%w: its Content-Type is not that of JSON", ErrNoDocument)
	case response.Header.Get("Content-Encoding") != "":
		return nil, fmt.Errorf("%w: it is compressed", ErrNoDocument)
	}
	return &Document{Body: response.Body, Fresh: fresh(response.Header, time.Now())}, nil
}

// isJSON says whether a media type is that of JSON, or of a kind of it (RFC 6839 §3.1).
func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json"))
}

// fresh is the freshness that a private cache reads out of a header, less what is over: RFC 9111 §4.2.1, RFC 9111 §5.1. What is malformed
// is not fresh.
func fresh(h http.Header, now time.Time) time.Duration {
	lifetime := time.Duration(-1)
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			if lifetime < 0 { // the first one counts
				lifetime = seconds(strings.Trim(value, `"`))
			}
		}
	}
	if expires := h.Get("Expires"); lifetime < 0 && expires != "" {
		lifetime = 0
		if at, err := http.ParseTime(expires); err == nil {
			since := now
			if date, err := http.ParseTime(h.Get("Date")); err == nil {
				since = date
			}
			lifetime = max(at.Sub(since), 0)
		}
	}
	if age := h.Get("Age"); lifetime > 0 && age != "" {
		lifetime = max(lifetime-seconds(age), 0)
	}
	return lifetime
}

// seconds reads a number of seconds, as far as ten years; 0 for what is none.
func seconds(text string) time.Duration {
	const longest = 10 * 365 * 24 * time.Hour
	n, err := strconv.ParseUint(text, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) || err == nil && n > uint64(longest/time.Second):
		return longest
	case err != nil:
		return 0
	}
	return time.Duration(n) * time.Second
}
