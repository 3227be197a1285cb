package oauth

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"regrant/app/audit"
)

// requestURIPrefix begins the request_uri of a pushed request, RFC 9126 §2.2.
const requestURIPrefix = "urn:ietf:params:oauth:request_uri:"

// Bounds of pushed requests. A client that authenticates has a share of its own, so that nobody else can use it up; for one that does
// not, anybody can push, and each address has its own.
const (
	pushedRequestLifetime = 90 * time.Second
	maxPushedRequests     = 10_000
	maxPushedByClient     = 5_000
	maxPushedByAddress    = 300
)

// PushedRequest is an authorization request that its client has sent ahead, RFC 9126 §2. It is kept as it came and checked again when
// the browser brings it, since client and server may have changed meanwhile (RFC 9126 §4).
type PushedRequest struct {
	Hash          []byte // SHA-256 of what stands behind the prefix of its request_uri
	ClientID      string
	Holder        string // whose share of the table it takes: the client's, or that of an address
	Authenticated bool   // the client has proven who it is
	Parameters    string // form-encoded
	CreatedAt     time.Time
	ExpiresAt     time.Time  // until then any browser may bring it
	BrowserHash   []byte     // of the browser that brought it last; it may bring it again while it signs in
	KeptUntil     time.Time  // until then that browser may, and a second use is recognised
	SpentAt       *time.Time // it was completed: a code was issued, or the person refused
}

// PushedResponse is the answer of RFC 9126 §2.2.
type PushedResponse struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int64  `json:"expires_in"` // seconds
}

// PushAuthorizationRequest takes an authorization request ahead of the browser, RFC 9126 §2.1. All that the authorization endpoint
// would refuse is refused here. form holds no credentials; proofs are the DPoP header fields.
func (s *Server) PushAuthorizationRequest(ctx context.Context, credentials ClientCredentials, form url.Values, proofs []string, by audit.Origin) (*PushedResponse, error) {
	var client *Client
	err := s.introduceToPush(ctx, credentials, form, by)
	if err == nil {
		client, err = s.AuthenticateClient(ctx, credentials, by)
	}
	var response *PushedResponse
	if err == nil {
		response, err = s.push(ctx, client, form, proofs, by)
	}
	return response, s.remember(PathPAR, client, by, err)
}

// introduceToPush reads the document of a client that is known by its address, where that is due. A client that may not be known so has
// proven nothing.
func (s *Server) introduceToPush(ctx context.Context, credentials ClientCredentials, form url.Values, by audit.Origin) error {
	if !isDocumentURL(credentials.ClientID) {
		return nil
	}
	_, err := s.presentClient(ctx, credentials.ClientID, form, by)
	if errors.Is(err, ErrUnknownClient) {
		return s.refuseCredentials(nil, credentials, "", err.Error(), by)
	}
	return err
}

func (s *Server) push(ctx context.Context, client *Client, form url.Values, proofs []string, by audit.Origin) (*PushedResponse, error) {
	if client.DisabledAt != nil {
		return nil, because(RuleClientDisabled, refuse(UnauthorizedClient, "The client is disabled."))
	}
	if form.Get("request_uri") != "" {
		return nil, refuse(InvalidRequest, "A pushed request must not have a request_uri.")
	}
	if err := s.bindPushed(form, proofs); err != nil {
		return nil, err
	}
	form.Set("client_id", client.ID)
	_, redirectURI, err := provenClient(form, func(string) (*Client, error) { return client, nil })
	if err != nil {
		return nil, err
	}
	now := s.clock.Now()
	if _, err := s.readParameters(form, client, redirectURI, now.Wall); err != nil {
		return nil, err
	}
	reference, hash := newSecret("")
	r := &PushedRequest{
		Hash: hash, ClientID: client.ID, Holder: "address " + addressGroup(by.IP), Parameters: form.Encode(),
		CreatedAt: now.Wall, ExpiresAt: now.Deadline.Add(pushedRequestLifetime),
	}
	bound := WaitingBound{All: maxPushedRequests, Holder: maxPushedByAddress}
	if !client.Public() {
		r.Holder, r.Authenticated, bound.Holder = "client "+client.ID, true, maxPushedByClient
	}
	err = s.store.PushRequest(ctx, r, bound)
	if errors.Is(err, ErrTooMany) {
		return nil, because(RuleRequestPushed, &Error{Code: TemporarilyUnavailable, RetryAfter: pushedRequestLifetime, Description: "Too many pushed requests wait for their browser. Try again later."})
	}
	if err != nil {
		return nil, fault("push authorization request", err)
	}
	return &PushedResponse{RequestURI: requestURIPrefix + reference, ExpiresIn: int64(pushedRequestLifetime / time.Second)}, nil
}

// bindPushed binds the code to the key of the proof that a push comes with, as dpop_jkt does: RFC 9449 §10.1.
func (s *Server) bindPushed(form url.Values, proofs []string) error {
	jkt, err := s.prove(proofOf{headers: proofs, method: "POST", path: PathPAR})
	if err != nil || jkt == "" {
		return err
	}
	if named := form.Get("dpop_jkt"); named != "" && named != jkt {
		return refuse(InvalidRequest, "The dpop_jkt is not the thumbprint of the key of the DPoP proof.")
	}
	form.Set("dpop_jkt", jkt)
	return nil
}

// pushed gives the parameters of the request that the browser refers to, and the request; for a plain request q itself and nil. What
// else stands in the query does not count (RFC 9126 §4). Its errors are for a page: of a request that is over no redirect URI is
// known.
func (s *Server) pushed(ctx context.Context, q url.Values, browserHash []byte) (url.Values, *PushedRequest, error) {
	uris, now := q["request_uri"], s.clock.Now()
	if len(uris) != 1 || !strings.HasPrefix(uris[0], requestURIPrefix) {
		return q, nil, nil
	}
	id, err := single(q, "client_id")
	if err != nil {
		return nil, nil, err
	}
	client, err := s.liveClient(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	r, err := s.store.PushedRequest(ctx, hashSecret(strings.TrimPrefix(uris[0], requestURIPrefix)))
	if errors.Is(err, ErrNotFound) {
		err := errRequestURI(client, "unknown, or expired a while ago")
		AsError(err).garbage = true
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, fault("read pushed request", err)
	}
	again := r.BrowserHash != nil && sameHash(r.BrowserHash, browserHash) && now.Deadline.Before(r.KeptUntil)
	switch {
	case r.ClientID != client.ID:
		return nil, nil, errRequestURI(client, "pushed by another client")
	case r.SpentAt != nil:
		return nil, nil, errRequestURI(client, "used before")
	case !now.Deadline.Before(r.ExpiresAt) && !again:
		return nil, nil, errRequestURI(client, "expired")
	}
	form, err := url.ParseQuery(r.Parameters)
	if err != nil {
		return nil, nil, fault("read pushed request", err)
	}
	return form, r, nil
}

// errRequestURI is the page for a request_uri that leads nowhere. The client finds why in its refusals.
func errRequestURI(client *Client, why string) error {
	return ofClient(client, because(RuleRequestPushed, &Error{Code: InvalidRequest, Err: ErrRequestURI,
		Description: "The request_uri is unknown, expired, used before, or was given to another client.", Detail: "request_uri: " + why}))
}

// mustPush says whether an authorization request of the client has to be pushed, RFC 9126 §5 and RFC 9126 §6.
func (s *Server) mustPush(client *Client) bool { return s.parRequired || client.PARRequired }
