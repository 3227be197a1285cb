package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// trialDoor stands between an application under test and the server. It signs everybody in who comes, writes down what is asked of the
// token endpoint, and spoils answers when told to.
type trialDoor struct {
	site   http.Handler
	issuer string
	person demoAccount

	mu      sync.Mutex
	signIns int            // codes that were redeemed
	chain   []string       // the refresh tokens of the latest sign-in, oldest first
	seen    []trialRefresh // in the order of their answers
	lose    int            // how many of the next good answers to a refresh are lost
	away    bool           // the server is out of order
	delay   time.Duration  // of every answer to a refresh
}

// trialRefresh is one refresh grant that the application has tried.
type trialRefresh struct {
	generation int    // of the refresh token that was presented, 0 for the first of the sign-in; -1 for an unknown one
	newest     int    // of those that had been given out until then
	status     int    // of the answer; 0 for one that was lost
	err        string // the OAuth error code
}

// dead says whether the token was refused for good.
func (r trialRefresh) dead() bool { return r.err == "invalid_grant" }

func newTrialDoor(site http.Handler, issuer string, person demoAccount) *trialDoor {
	return &trialDoor{site: site, issuer: issuer, person: person}
}

// ServeHTTP implements http.Handler.
func (d *trialDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case path == "/token" && r.Method == http.MethodPost:
		d.token(w, r)
	case (path == "/login" || path == "/consent") && r.Method == http.MethodGet:
		d.fillIn(w, r)
	default:
		d.site.ServeHTTP(w, r)
	}
}

// token lets the token endpoint answer, unless there is something to spoil.
func (d *trialDoor) token(w http.ResponseWriter, r *http.Request) {
	form := readAlong(r)
	refresh := form.Get("grant_type") == "refresh_token"
	if d.isAway() {
		if refresh {
			d.took(form.Get("refresh_token"), http.StatusServiceUnavailable, nil)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"error":"temporarily_unavailable"}`)) // a client that has gone away
		return
	}
	answer := keep(d.site, r)
	switch {
	case refresh:
		d.took(form.Get("refresh_token"), answer.status, answer.body.Bytes())
		if delay := d.slowness(); delay > 0 && sleep(r.Context(), delay) != nil {
			return // it has gone away
		}
		if answer.status == http.StatusOK && d.loses() {
			panic(http.ErrAbortHandler) // the connection ends without an answer
		}
	case form.Get("grant_type") == "authorization_code" && answer.status == http.StatusOK:
		d.begins(answer.body.Bytes())
	}
	answer.give(w)
}

func (d *trialDoor) isAway() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.away
}

func (d *trialDoor) slowness() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.delay
}

// loses says whether this answer is to be lost.
func (d *trialDoor) loses() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lose == 0 {
		return false
	}
	d.lose--
	d.seen[len(d.seen)-1].status = 0
	return true
}

// took writes a refresh down.
func (d *trialDoor) took(token string, status int, body []byte) {
	var answer struct {
		Error        string `json:"error"`
		RefreshToken string `json:"refresh_token"`
	}
	_ = json.Unmarshal(body, &answer) // what is no JSON names neither
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen = append(d.seen, trialRefresh{slices.Index(d.chain, token), len(d.chain) - 1, status, answer.Error})
	if answer.RefreshToken != "" && !slices.Contains(d.chain, answer.RefreshToken) {
		d.chain = append(d.chain, answer.RefreshToken)
	}
}

// begins writes down that the application has signed in.
func (d *trialDoor) begins(body []byte) {
	var answer struct {
		RefreshToken string `json:"refresh_token"`
	}
	_ = json.Unmarshal(body, &answer) // our own server's
	d.mu.Lock()
	defer d.mu.Unlock()
	d.signIns++
	d.chain = nil
	if answer.RefreshToken != "" {
		d.chain = []string{answer.RefreshToken}
	}
}

// spoil says what happens to refreshes from now on, until nothing is spoilt any more.
func (d *trialDoor) spoil(lose int, away bool, delay time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lose, d.away, d.delay = lose, away, delay
}

// mark is a moment, for since.
func (d *trialDoor) mark() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.seen)
}

// since gives what was tried after a moment.
func (d *trialDoor) since(mark int) []trialRefresh {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.seen[mark:])
}

// tokens gives the refresh tokens of the latest sign-in, and how many sign-ins there were.
func (d *trialDoor) tokens() (chain []string, signIns int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.chain), d.signIns
}

// fillIn answers the page for sign-in or for consent in the place of the person.
func (d *trialDoor) fillIn(w http.ResponseWriter, r *http.Request) {
	page := keep(d.site, r)
	action, fields, ok := formOf(page.body.Bytes(), r.URL.Path)
	if page.status != http.StatusOK || !ok {
		page.give(w)
		return
	}
	target, err := r.URL.Parse(action)
	if err != nil {
		page.give(w)
		return
	}
	if r.URL.Path == "/login" {
		fields.Set("email", d.person.email)
		fields.Set("password", d.person.password)
	} else {
		fields.Set("decision", "allow")
	}
	body := fields.Encode()
	post := r.Clone(r.Context())
	post.Method, post.URL, post.RequestURI = http.MethodPost, target, target.RequestURI()
	post.Body, post.ContentLength = http.NoBody, int64(len(body))
	post.Body = readCloser{strings.NewReader(body)}
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	post.Header.Set("Content-Length", strconv.Itoa(len(body)))
	post.Header.Set("Origin", d.issuer)
	post.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, cookie := range (&http.Response{Header: page.header}).Cookies() {
		post.AddCookie(cookie)
		w.Header().Add("Set-Cookie", cookie.Raw)
	}
	keep(d.site, post).give(w)
}

type readCloser struct{ *strings.Reader }

// Close does nothing.
func (readCloser) Close() error { return nil }

// formOf gives the first form of a page that is sent to path, filled in as it stands; boxes are ticked.
func formOf(page []byte, path string) (action string, fields url.Values, ok bool) {
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return "", nil, false
	}
	for n := range doc.Descendants() {
		if n.DataAtom != atom.Form {
			continue
		}
		if action = attribute(n, "action"); !strings.HasSuffix(action, path) {
			continue
		}
		fields = url.Values{}
		for in := range n.Descendants() {
			if kind := attribute(in, "type"); in.DataAtom == atom.Input && (kind == "hidden" || kind == "checkbox") {
				fields.Add(attribute(in, "name"), attribute(in, "value"))
			}
		}
		return action, fields, true
	}
	return "", nil, false
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
