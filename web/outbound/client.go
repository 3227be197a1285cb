package outbound

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Bounds of one call.
const (
	MaxBody   = 64 << 10        // bytes of an answer's body
	MaxHeader = 16 << 10        // bytes of its header
	MaxTime   = 3 * time.Second // from the name's resolution to the last byte
)

// Why a call failed, besides what the network says.
var (
	ErrRefused  = errors.New("outbound: the address may not be called") // nothing was sent
	ErrTooLarge = errors.New("outbound: the answer is too large")
)

// Options say what a [Client] may reach. The zero value reaches the public internet.
type Options struct {
	Allow    Allowed        // what may be reached besides public addresses
	Roots    *x509.CertPool // who vouches for certificates; nil: the authorities of the system
	Resolver *net.Resolver  // nil: the resolver of the system
}

// Client makes calls to addresses that others chose. It is safe for concurrent use.
type Client struct {
	http *http.Client
}

// Request is one call.
type Request struct {
	Method string // empty: GET
	URL    string // https, as it was registered
	Header http.Header
	Body   []byte
	Limit  int64 // bytes of the answer's body; 0: [MaxBody]
	Cut    bool  // a body beyond the limit, or one that breaks off, is given as far as it came
	NoBody bool  // the status is all that counts: the answer's body is not read, whatever its size
}

// Response is an answer of any status, also a redirect, which was not followed. It is the other side's word.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// New gives a client.
func New(o Options) *Client {
	d := newDialer(o)
	return &Client{&http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would resolve the name anew, where no filter is
			DialContext:            d.dial,
			TLSClientConfig:        &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
			MaxResponseHeaderBytes: MaxHeader,
			DisableCompression:     true, // so that nothing small unpacks to something large
			DisableKeepAlives:      true, // every call is looked at by the dialer
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Do makes a call. An address that may not be called is [ErrRefused], a body beyond the limit [ErrTooLarge]; every other error is
// the network's, or that time was over, of ctx or [MaxTime].
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	if err := checkURL(r.URL); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, MaxTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, cmp.Or(r.Method, http.MethodGet), r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrRefused, err)
	}
	if r.Header != nil {
		request.Header = r.Header.Clone()
	}
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", "Regrant")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if r.NoBody {
		return &Response{Status: response.StatusCode, Header: response.Header}, nil
	}
	limit := cmp.Or(r.Limit, MaxBody)
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err == nil && !r.Cut {
		err = ctx.Err() // a server that notices that nobody listens any more may end properly what it has half said
	}
	switch {
	case r.Cut:
		body = body[:min(int64(len(body)), limit)]
	case err != nil:
		return nil, fmt.Errorf("read the answer: %w", err)
	case int64(len(body)) > limit:
		return nil, ErrTooLarge
	}
	return &Response{Status: response.StatusCode, Header: response.Header, Body: body}, nil
}
