package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync"
	"time"

	"regrant/web/view"
)

// demoText is a message of the catalogue and its values, for a reader whose language is not known yet. A value that is a
// time.Duration is told in words.
type demoText struct {
	Key  string
	Data []any
}

func demoSays(key string, data ...any) demoText { return demoText{key, data} }

func (s demoText) in(t *view.Text) string {
	if s.Key == "" {
		return ""
	}
	data := slices.Clone(s.Data)
	for i, v := range data {
		if d, ok := v.(time.Duration); ok {
			data[i] = t.Duration(d)
		}
	}
	return t.T(s.Key, data...)
}

// demoArrow is one message on its way.
type demoArrow struct {
	From, To string
	Answer   bool
	Lost     bool
	Tone     string
	Step     int
	Who      string // key of the catalogue
	Line     string
	Says     demoText
	Token    *view.DemoToken
	Message  *view.DemoMessage
	Refused  demoFinding
}

// demoFinding is an error that the server answered the application with, and the request id by which an admin finds out why.
type demoFinding struct{ Code, RequestID string }

// demoTape takes down, in order of time, what travels because of one press of a button. Parties that serve the demo at
// the same time write to it together.
type demoTape struct {
	trace string // the trace id by which the API finds it, W3C Trace Context §3.2.2.3

	mu     sync.Mutex
	arrows []*demoArrow
}

func (t *demoTape) add(a *demoArrow) *demoArrow {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.arrows = append(t.arrows, a)
	return a
}

// change changes an arrow that is on the tape.
func (t *demoTape) change(a *demoArrow, change func(*demoArrow)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(a)
}

// all gives a copy of what there is.
func (t *demoTape) all() []demoArrow {
	t.mu.Lock()
	defer t.mu.Unlock()
	arrows := make([]demoArrow, len(t.arrows))
	for i, a := range t.arrows {
		arrows[i] = *a
	}
	return arrows
}

// demoLeg says what a request is to the reader of the diagram.
type demoLeg struct {
	From, To string
	Who      string // key of the catalogue; may be empty
	Tone     string
	Says     demoText
	Token    *view.DemoToken // the refresh token that the request presents
	Step     int             // the request's
	Back     int             // the answer's, where it is no error
	Reads    func(*demoAnswer) (says demoText, tone string)
	Gives    func(*demoAnswer) *view.DemoToken // the refresh token that the answer gives; nil: none
	Together *sync.WaitGroup                   // requests that set out together wait here for each other; nil: alone
}

// demoAnswer is what came back, read whole, or why nothing did.
type demoAnswer struct {
	Status  int
	Header  http.Header
	Body    []byte
	Err     error
	out, in *demoArrow
}

// says tells whether an answer is that error of RFC 6749 §5.2.
func (a *demoAnswer) says(code string) bool { return a.error() == code }

func (a *demoAnswer) error() string {
	var e struct {
		Error string `json:"error"`
	}
	if a.Err != nil || a.Status < 400 || json.Unmarshal(a.Body, &e) != nil {
		return ""
	}
	return e.Error
}

// maxDemoBody is how much of an answer is read. The parties of the demo say far less.
const maxDemoBody = 1 << 20

// send does a request with a form (nil: none) and takes down both directions. It never fails: what went wrong is in the answer.
func (t *demoTape) send(client *http.Client, r *http.Request, form url.Values, leg demoLeg) *demoAnswer {
	message := &view.DemoMessage{Start: r.Method + " " + r.URL.RequestURI() + " HTTP/1.1", Form: demoForm(form)}
	out := t.add(&demoArrow{From: leg.From, To: leg.To, Who: leg.Who, Tone: leg.Tone, Step: leg.Step, Line: r.Method + " " + r.URL.Path, Says: leg.Says, Token: leg.Token, Message: message})
	r.Header.Set("traceparent", "00-"+t.trace+"-00f067aa0ba902b7-01")
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		WroteHeaderField: func(name string, values []string) {
			t.change(out, func(a *demoArrow) { a.Message.Fields = append(a.Message.Fields, demoHeaderField(name, values)...) })
		},
	}))
	if leg.Together != nil {
		leg.Together.Done()
		leg.Together.Wait()
	}
	answer := receive(client, r)
	answer.out = out
	back := &demoArrow{From: leg.To, To: leg.From, Answer: true, Who: leg.Who, Step: leg.Back}
	switch {
	case errors.Is(answer.Err, errHungUp):
		back.Lost, back.Says = true, demoSays("demo.says.lost")
	case answer.Err != nil:
		back.Lost, back.Says = true, demoSays("demo.says.no_answer", "Error", answer.Err.Error())
	default:
		back.Line, back.Tone = demoStatus(answer.Status), "good"
		if answer.Status >= 400 {
			back.Tone, back.Step = "bad", 0
		}
		if code := answer.error(); code != "" && leg.From == view.DemoApp && leg.To == view.DemoServer {
			back.Refused = demoFinding{code, answer.Header.Get("X-Request-Id")}
		}
		says, tone := leg.Reads(answer)
		if back.Says = says; tone != "" {
			back.Tone = tone
		}
		if leg.Gives != nil {
			back.Token = leg.Gives(answer)
		}
		back.Message = demoResponse(answer.Status, answer.Header, answer.Body)
	}
	answer.in = t.add(back)
	return answer
}

func receive(client *http.Client, r *http.Request) *demoAnswer {
	response, err := client.Do(r)
	if err != nil {
		return &demoAnswer{Err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDemoBody))
	return &demoAnswer{Status: response.StatusCode, Header: response.Header, Body: bytes.TrimSpace(body), Err: err}
}

// demoTapes finds the tape of a button that is being pressed.
type demoTapes struct {
	mu      sync.Mutex
	byTrace map[string]*demoTape
}

func (t *demoTapes) record() *demoTape {
	t.mu.Lock()
	defer t.mu.Unlock()
	tape := &demoTape{trace: newTrace()}
	t.byTrace[tape.trace] = tape
	return tape
}

func (t *demoTapes) end(tape *demoTape) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byTrace, tape.trace)
}

// find gives the tape of a trace, or for calls from elsewhere one that nobody looks at.
func (t *demoTapes) find(trace string) *demoTape {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tape := t.byTrace[trace]; tape != nil {
		return tape
	}
	return &demoTape{trace: newTrace()}
}
