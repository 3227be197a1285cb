package main

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"regrant/web/view"
)

// demoBrowsers takes down what browsers and the server say to each other on the way through an authorization. It looks on
// at the server's door, since neither the application nor the API is there.
type demoBrowsers struct {
	mu      sync.Mutex
	byState map[string]*demoSignIn
	byID    map[string]*demoSignIn // by the server's id of the authorization request
}

func newDemoBrowsers() *demoBrowsers {
	return &demoBrowsers{byState: map[string]*demoSignIn{}, byID: map[string]*demoSignIn{}}
}

// maxPending bounds the sign-ins that were begun and never finished.
const maxPending = 1000

func (b *demoBrowsers) expect(p *demoSignIn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.byState) >= maxPending {
		clear(b.byState)
		clear(b.byID)
	}
	b.byState[p.state] = p
}

func (b *demoBrowsers) forget(p *demoSignIn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.byState, p.state)
	for id, other := range b.byID {
		if other == p {
			delete(b.byID, id)
		}
	}
}

// find gives the sign-in that a request or its answer belongs to, nil for none of ours.
func (b *demoBrowsers) find(query, form url.Values, location *url.URL) *demoSignIn {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.byState[query.Get("state")]
	for _, id := range []string{query.Get("request"), form.Get("request")} {
		if p == nil {
			p = b.byID[id]
		}
	}
	if id := location.Query().Get("request"); p != nil && id != "" {
		b.byID[id] = p
	}
	return p
}

// watch looks on while next answers.
func (b *demoBrowsers) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told := r.URL.Path == "/authorize" || r.Method == http.MethodPost && (r.URL.Path == "/login" || r.URL.Path == "/consent")
		if !told {
			next.ServeHTTP(w, r)
			return
		}
		form := readAlong(r)
		header := demoRequestHeader(r)
		seen := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(seen, r)
		location, err := url.Parse(w.Header().Get("Location"))
		if err != nil {
			location = &url.URL{}
		}
		p := b.find(r.URL.Query(), form, location)
		if p == nil {
			return
		}
		step := 0
		if r.URL.Path == "/authorize" {
			step = 1
		}
		p.tape.add(&demoArrow{
			From: view.DemoApp, To: view.DemoServer, Who: "demo.who.browser", Step: step, Line: r.Method + " " + r.URL.Path, Says: demoAsks(r, form),
			Message: &view.DemoMessage{Start: r.Method + " " + r.URL.Path + " HTTP/1.1", Query: demoForm(r.URL.Query()), Fields: header, Form: demoForm(form)},
		})
		says, tone := demoSends(seen.status, location)
		p.tape.add(&demoArrow{
			From: view.DemoServer, To: view.DemoApp, Answer: true, Who: "demo.who.browser", Tone: tone, Line: demoStatus(seen.status), Says: says,
			Message: demoResponse(seen.status, w.Header(), nil),
		})
	})
}

// demoAsks says what a browser's request is.
func demoAsks(r *http.Request, form url.Values) demoText {
	switch {
	case r.URL.Path == "/authorize":
		return demoSays("demo.says.authorize", "Scope", r.URL.Query().Get("scope"))
	case r.URL.Path == "/login":
		return demoSays("demo.says.login")
	case form.Get("decision") == "allow":
		return demoSays("demo.says.allow")
	}
	return demoSays("demo.says.deny")
}

// demoSends says where the server sends a browser.
func demoSends(status int, location *url.URL) (says demoText, tone string) {
	switch {
	case status >= 400:
		return demoSays("demo.says.again"), "bad"
	case location.Path == "/login":
		return demoSays("demo.says.to_login"), "good"
	case location.Path == "/consent":
		return demoSays("demo.says.to_consent"), "good"
	case location.Query().Get("error") != "":
		return demoSays("demo.says.to_app_denied"), "bad"
	}
	return demoSays("demo.says.to_app"), "good"
}

// readAlong reads the form of a request and leaves it unread for the handler.
func readAlong(r *http.Request) url.Values {
	const limit = 64 << 10 // what the server reads at most
	head, err := io.ReadAll(io.LimitReader(r.Body, limit))
	if err != nil {
		head = nil // the handler meets the same error
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), r.Body), r.Body}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return nil
	}
	form, err := url.ParseQuery(string(head))
	if err != nil {
		return nil
	}
	return form
}

// demoRequestHeader shows what of a browser's header has to do with the flow.
func demoRequestHeader(r *http.Request) []view.DemoField {
	fields := []view.DemoField{{Name: "Host", Value: r.Host}}
	for _, name := range []string{"Origin", "Referer", "Sec-Fetch-Site", "Content-Type", "Cookie"} {
		for _, f := range demoHeaderField(name, r.Header[name]) {
			if u, err := url.Parse(f.Value); name == "Referer" && err == nil {
				u.RawQuery = ""
				f.Value = u.String()
			}
			fields = append(fields, f)
		}
	}
	return fields
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader passes the status on.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
