package oauth

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	"regrant/app/audit"
)

// DocumentClient is all that keeping a client changes that is known by its address.
type DocumentClient struct {
	Client  *Client
	Total   int // how many there may be
	Event   audit.Event
	Evicted func(id, name string) audit.Event // of the one that makes way
}

// How often documents are read. Nobody has to prove anything to have one read.
const (
	maxIntroductions  = 16 // read at the same time
	maxNewByAddress   = 5  // clients that are not known, brought by one address at once, and one more each
	newByAddressEvery = time.Minute
	maxAgainByAddress = 20 // readings of clients that are known, which one address may bring about at once, and one more each
	againEvery        = 6 * time.Second
	maxReadsOfHost    = 10
	readsOfHostEvery  = 6 * time.Second
	maxReads          = 60
	readsEvery        = 2 * time.Second
)

// documents are the introductions that go on, and what bounds them.
type documents struct {
	mu      sync.Mutex
	reading map[string]*introduction

	addresses, again, hosts, all guesses
}

func newDocuments() documents {
	return documents{
		reading:   map[string]*introduction{},
		addresses: guesses{most: maxNewByAddress, every: newByAddressEvery},
		again:     guesses{most: maxAgainByAddress, every: againEvery},
		hosts:     guesses{most: maxReadsOfHost, every: readsOfHostEvery},
		all:       guesses{most: maxReads, every: readsEvery},
	}
}

// introduction is one reading of a document, for all who want it at that moment.
type introduction struct {
	done   chan struct{}
	client *Client
	err    error
}

// DocumentsOffered says whether clients may be known by the address of a document here, now.
func (s *Server) DocumentsOffered() bool {
	return s.fetchDocument != nil && s.terms.Load().Documents.On
}

// presentClient gives the client that begins an authorization with q. One that is known by an address introduces itself by the document
// there, Client ID Metadata Document §4: it is read when it is not known or not fresh, and only for a request that could succeed. Its
// errors are for a page, since no redirect URI is proven.
func (s *Server) presentClient(ctx context.Context, id string, q url.Values, by audit.Origin) (*Client, error) {
	if !isDocumentURL(id) {
		return s.liveClient(ctx, id)
	}
	if err := s.mayIntroduce(id); err != nil {
		return nil, err
	}
	known, err := s.store.Client(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fault("read client", err)
	}
	if err == nil && (known.DisabledAt != nil || known.documentFresh(s.clock.Now().Wall)) {
		return s.live(known)
	}
	if err != nil {
		known = nil
	}
	if err := worthReading(q); err != nil {
		return nil, err
	}
	c, err := s.introduced(ctx, id, known, by)
	if err != nil {
		return nil, err
	}
	return s.live(c)
}

// mayIntroduce refuses an address that no client is known by here.
func (s *Server) mayIntroduce(id string) error {
	unknown := func(description string) error {
		return &Error{Code: InvalidRequest, Err: ErrUnknownClient, Description: description, Detail: "client_id=" + printable(id)}
	}
	if !s.DocumentsOffered() {
		return errNotLive(id)
	}
	if err := validateDocumentURL(id); err != nil {
		return unknown("The client_id cannot be the address of a document: " + strings.TrimPrefix(AsError(err).Description, "client_id: ") + ".")
	}
	u, err := url.Parse(id)
	if err != nil {
		return unknown("The client_id is not an address.") // unreachable: it was validated
	}
	if own, err := url.Parse(s.issuer); err == nil && own.Hostname() == u.Hostname() && !isLoopback(own.Hostname()) {
		return unknown("The client_id is an address of this server itself.")
	}
	if !s.terms.Load().Documents.may(u.Hostname()) {
		return unknown("Applications of this domain are not accepted here.")
	}
	return nil
}

// worthReading refuses a request that cannot succeed whatever a document says, so that nothing is called for it.
func worthReading(q url.Values) error {
	for _, name := range []string{"redirect_uri", "response_type", "code_challenge", "code_challenge_method"} {
		if _, err := single(q, name); err != nil {
			return err
		}
	}
	if err := ValidateRedirectURI(q.Get("redirect_uri")); err != nil {
		return &Error{Code: InvalidRequest, Err: ErrRedirectURI, Description: "The redirect_uri is missing, or cannot be one."}
	}
	if q.Get("response_type") != "code" {
		return refuse(InvalidRequest, "The response_type must be code.")
	}
	return checkChallenge(q.Get("code_challenge"), q.Get("code_challenge_method"), false)
}

// introduced gives a client as its document says, which one caller reads for all. known is nil for a client that is not known yet. What was
// read a while ago has to do where it cannot be read at the moment.
func (s *Server) introduced(ctx context.Context, id string, known *Client, by audit.Origin) (*Client, error) {
	now := s.clock.Now().Wall
	mayDo := known != nil && known.ReadAt != nil && within(now, *known.ReadAt, documentFreshMax)
	i, first, wait := s.documents.begin(id, known == nil, by.IP, now)
	switch {
	case i == nil && mayDo:
		return known, nil
	case i == nil:
		return nil, &Error{Code: TemporarilyUnavailable, RetryAfter: wait, Err: ErrDocumentAway, Description: "Too many applications introduce themselves at the moment. Try again later."}
	case first:
		s.carryOut(ctx, i, id, known, by)
	}
	select {
	case <-i.done:
	case <-ctx.Done():
		return nil, fault("wait for a document", ctx.Err())
	}
	var verdict *Error
	switch {
	case i.err == nil:
		c := *i.client
		return &c, nil
	case errors.Is(i.err, ErrDocument):
		err := because(RuleClientDocument, &Error{Code: InvalidClientMetadata, Err: ErrDocumentBad,
			Description: "The document at the client_id cannot be used: " + wireText(strings.TrimPrefix(i.err.Error(), ErrDocument.Error()+": ")), Detail: "client_id=" + printable(id)})
		if known != nil {
			return nil, ofClient(known, err)
		}
		return nil, err
	case errors.Is(i.err, ErrFull):
		return nil, &Error{Code: TemporarilyUnavailable, RetryAfter: time.Hour, Err: ErrDocumentAway, Description: "There is no room for one more application that introduces itself. Ask who runs this server."}
	case errors.As(i.err, &verdict):
		told := *verdict // nobody shares what may still be added to it
		return nil, &told
	case mayDo:
		return known, nil
	}
	return nil, &Error{Code: TemporarilyUnavailable, Err: errors.Join(ErrDocumentAway, i.err), Description: "The document at the client_id cannot be read at the moment. Try again.", Detail: "client_id=" + printable(id)}
}

// carryOut reads a document for all who wait for it.
func (s *Server) carryOut(ctx context.Context, i *introduction, id string, known *Client, by audit.Origin) {
	i.err = errors.New("interrupted") // by a panic, which nobody has to wait for
	defer s.documents.end(id, i)
	i.client, i.err = s.introduce(context.WithoutCancel(ctx), id, known, by)
}

// begin gives the introduction of a client, and whether the caller is the one who carries it out; nil, and how long to wait, where a bound
// is reached.
func (d *documents) begin(id string, unknown bool, ip string, now time.Time) (i *introduction, first bool, wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i, ok := d.reading[id]; ok {
		return i, false, 0
	}
	if len(d.reading) >= maxIntroductions {
		return nil, false, readsEvery
	}
	share := &d.again // else one address could use up what all have, with clients whose documents fail
	if unknown {
		share = &d.addresses
	}
	if wait, ok := share.take(addressGroup(ip), now); !ok {
		return nil, false, wait
	}
	host := "" // that no port gives it another share
	if u, err := url.Parse(id); err == nil {
		host = u.Hostname()
	}
	if wait, ok := d.hosts.take(host, now); !ok {
		return nil, false, wait
	}
	if wait, ok := d.all.take("", now); !ok {
		return nil, false, wait
	}
	i = &introduction{done: make(chan struct{})}
	d.reading[id] = i
	return i, true, 0
}

// end lets those go on who wait. Whoever comes later reads anew what was not kept.
func (d *documents) end(id string, i *introduction) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.reading, id)
	close(i.done)
}

// introduce reads the document of a client and keeps what it says. [ErrDocument] where it says nothing good, [ErrFull], an [*Error] for a
// fault of the store; another error may pass.
func (s *Server) introduce(ctx context.Context, id string, known *Client, by audit.Origin) (*Client, error) {
	document, err := s.fetchDocument(ctx, id)
	if err != nil {
		return nil, err
	}
	m, err := readDocument(id, document.Body)
	if err != nil {
		return nil, documentOf(err)
	}
	now := s.clock.Now().Wall
	until := now.Add(document.fresh())
	from := audit.Origin{Actor: audit.ByClient, ActorID: id, RequestID: by.RequestID}
	if known == nil {
		c, err := s.keep(ctx, id, m, now, until, from)
		if !errors.Is(err, ErrExists) { // another process has read it at this very moment
			return c, err
		}
		if known, err = s.store.Client(ctx, id); err != nil {
			return nil, fault("read client", err)
		}
	}
	return s.follow(ctx, known, m, now, until, from)
}

// keep adds a client that was not known.
func (s *Server) keep(ctx context.Context, id string, m *clientMetadata, now, until time.Time, from audit.Origin) (*Client, error) {
	terms := s.terms.Load()
	c := newRegistered(terms, id, SourceDocument, now)
	c.ReadAt, c.FreshUntil = &now, &until
	if err := m.apply(c, terms.Scope.Intersect(s.registry().known())); err != nil {
		return nil, documentOf(err)
	}
	if err := validateClient(ctx, s.store, c, &Client{}); err != nil {
		return nil, documentOf(err)
	}
	err := s.store.KeepDocumentClient(ctx, &DocumentClient{
		Client: c, Total: terms.Documents.Total,
		Event: audit.Event{At: now, Kind: audit.ClientRegistered, Origin: from, ClientID: id, Result: "ok", Detail: audit.Details(c.facts()...)},
		Evicted: func(id, name string) audit.Event {
			return audit.Event{At: now, Kind: audit.ClientExpired, Origin: audit.Origin{Actor: audit.ByServer}, ClientID: id, Result: "ok", Detail: audit.Details("name", name, "reason", "full")}
		},
	})
	if err != nil {
		return nil, fault("keep client", err)
	}
	return c, nil
}

// follow makes a client that is known what its document says now. It gets no scope that it did not have, since an admin may have taken it
// away. Whoever it does not tell any more to authenticate loses its grants: their tokens were given to somebody who did.
func (s *Server) follow(ctx context.Context, known *Client, m *clientMetadata, now, until time.Time, from audit.Origin) (*Client, error) {
	next := *known
	err := m.apply(&next, known.Scope)
	if err == nil {
		err = validateClient(ctx, s.store, &next, known)
	}
	if err != nil {
		return nil, documentOf(err)
	}
	if next.changed(known) == "" {
		if err := s.store.NoteDocument(ctx, known.ID, now, until); err != nil {
			return nil, fault("note the reading of a document", err)
		}
		next.ReadAt, next.FreshUntil = &now, &until
		return &next, nil
	}
	if next.AuthMethod != known.AuthMethod || next.keyFacts() != known.keyFacts() || next.JWKSURI != known.JWKSURI {
		s.alarm("the document of a client names other keys than before", "client_id", known.ID)
	}
	c, err := ChangeClient(ctx, s.store, known.ID, func(c *Client) error {
		c.ReadAt, c.FreshUntil = &now, &until
		return m.apply(c, c.Scope)
	}, now, from)
	switch {
	case errors.Is(err, ErrNotFound): // it made way, or an admin has deleted it, at this very moment
		return s.keep(ctx, known.ID, m, now, until, from)
	case err != nil:
		return nil, documentOf(fault("change client", err))
	}
	return c, nil
}
