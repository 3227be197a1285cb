package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"regrant/web/view"
)

const (
	demoRealm  = `Bearer realm="Notes API"`
	scopeRead  = "notes:read"
	scopeWrite = "notes:write"
)

// demoAPI is the resource server: it keeps notes, and asks the server about every access token (RFC 7662).
type demoAPI struct {
	resource   string // its identifier, which tokens for it bear as their audience
	introspect string // the server's endpoint
	id, secret string // of its own client at the server
	client     *http.Client
	tape       func(trace string) *demoTape
}

func (a *demoAPI) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /notes", a.notes)
	return mux
}

// verdict is what introspection says, RFC 7662 §2.2.
type verdict struct {
	Active   bool      `json:"active"`
	Scope    string    `json:"scope"`
	Subject  string    `json:"sub"`
	Audience audiences `json:"aud"`
}

// audiences is a string or a list of strings, RFC 7519 §4.1.3.
type audiences []string

// UnmarshalJSON reads either form.
func (a *audiences) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audiences{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// notes answers with the notes of the person for whom the token speaks. Refusals are those of RFC 6750 §3.1.
func (a *demoAPI) notes(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		refuseBearer(w, http.StatusUnauthorized, "")
		return
	}
	v, ok := a.ask(r, token)
	switch {
	case !ok:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "the authorization server does not answer", http.StatusServiceUnavailable)
	case !v.Active || !slices.Contains(v.Audience, a.resource):
		refuseBearer(w, http.StatusUnauthorized, `, error="invalid_token", error_description="The access token expired or was revoked"`)
	case !slices.Contains(strings.Fields(v.Scope), scopeRead):
		refuseBearer(w, http.StatusForbidden, `, error="insufficient_scope", scope="`+scopeRead+`"`)
	default:
		writeDemoJSON(w, http.StatusOK, map[string]any{"owner": v.Subject, "notes": []string{"Water the plants", "Call the bank about the card"}})
	}
}

// ask introspects a token. When the server gives no verdict, ok is false, which is no verdict either.
func (a *demoAPI) ask(r *http.Request, token string) (v verdict, ok bool) {
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, a.introspect, strings.NewReader(form.Encode()))
	if err != nil {
		return v, false
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("User-Agent", "notes-api/1.0")
	request.SetBasicAuth(url.QueryEscape(a.id), url.QueryEscape(a.secret))
	answer := a.tape(traceOf(r)).send(a.client, request, form, demoLeg{
		From: view.DemoAPI, To: view.DemoServer, Says: demoSays("demo.says.introspect"),
		Reads: func(answer *demoAnswer) (demoText, string) {
			ok = answer.Status == http.StatusOK && json.Unmarshal(answer.Body, &v) == nil
			switch {
			case !ok:
				return demoSays("demo.says.unexpected"), ""
			case v.Active:
				return demoSays("demo.says.active"), ""
			}
			return demoSays("demo.says.inactive"), "warn"
		},
	})
	return v, ok && answer.Err == nil
}

func refuseBearer(w http.ResponseWriter, status int, why string) {
	w.Header().Set("WWW-Authenticate", demoRealm+why)
	writeDemoJSON(w, status, map[string]any{"message": "No notes without a good access token."})
}

func writeDemoJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that has gone away
}

// traceOf gives the trace id of a request, W3C Trace Context §3.2.
func traceOf(r *http.Request) string {
	if parts := strings.Split(r.Header.Get("traceparent"), "-"); len(parts) == 4 {
		return parts[1]
	}
	return ""
}
