package main

import (
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"regrant/app/delivery"
	"regrant/web/outbound"
)

// TestLO07_WEB50_ALogoutTokenIsPostedWithCareAndOnlySuccessIsTaken posts to a server that answers as its path says.
func TestLO07_WEB50_ALogoutTokenIsPostedWithCareAndOnlySuccessIsTaken(t *testing.T) {
	t.Parallel()
	var seen []string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type")+" "+string(body)+r.Header.Get("Cookie"))
		status, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		w.Header().Set("Location", "/200")
		w.Header().Set("Set-Cookie", "a=b")
		w.WriteHeader(status)
		io.WriteString(w, strings.Repeat("x", 100<<10))
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	open := outbound.Allowed{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	send := poster(outbound.New(outbound.Options{Allow: open, Roots: roots}))
	message := &delivery.Message{ContentType: "application/x-www-form-urlencoded", Body: []byte("logout_token=x")}

	for status, want := range map[int]string{
		200: "", 204: "", 201: "", 302: "redirects", 307: "redirects", 400: "status 400", 401: "status 401", 404: "status 404", 429: "status 429", 500: "status 500", 503: "status 503",
	} {
		err := send(t.Context(), server.URL+"/"+strconv.Itoa(status), message)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("status %d: %v, want %q", status, err, want)
		}
		if unreachable := errors.Is(err, delivery.ErrUnreachable); unreachable != (want != "" && status != 400) {
			t.Errorf("status %d: unreachable is %v", status, unreachable)
		}
	}
	for _, s := range seen {
		if !strings.HasPrefix(s, "POST /") || !strings.HasSuffix(s, " application/x-www-form-urlencoded logout_token=x") {
			t.Errorf("sent %q", s)
		}
	}
	if len(seen) != 11 {
		t.Errorf("%d calls, want one each: %q", len(seen), seen)
	}
	closed := poster(outbound.New(outbound.Options{Roots: roots}))
	err := closed(t.Context(), server.URL+"/200", message)
	if !errors.Is(err, delivery.ErrUnreachable) || !strings.Contains(err.Error(), "--outbound-allow") || len(seen) != 11 {
		t.Errorf("an address that is not open: %v, %d calls", err, len(seen))
	}
	server.Close()
	err = send(t.Context(), server.URL+"/200", message)
	if !errors.Is(err, delivery.ErrUnreachable) || strings.Contains(err.Error(), "Post") {
		t.Errorf("nobody listens: %v", err)
	}
}

// TestASecurityEventIsTakenBy202AloneAndARefusalSaysWhy posts to a server that answers as its path says, RFC 8935 §2.
func TestASecurityEventIsTakenBy202AloneAndARefusalSaysWhy(t *testing.T) {
	t.Parallel()
	answers := map[string]string{"/400": `{"err":"invalid_key","description":"no such key"}`, "/202": strings.Repeat("x", 100<<10), "/400/text": "no", "/400/long": `{"err":"` + strings.Repeat("x", 100<<10),
		"/400/wordy": `{"err":"access_denied","description":"no\u001b[31m\u202e` + strings.Repeat("y", 3000) + `"}`}
	var seen []string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, strings.Join([]string{r.Method, r.Header.Get("Content-Type"), r.Header.Get("Authorization"), r.Header.Get("Accept"), string(body)}, " "))
		status, _ := strconv.Atoi(r.URL.Path[1:4])
		w.WriteHeader(status)
		io.WriteString(w, answers[r.URL.Path])
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	send := poster(outbound.New(outbound.Options{Allow: outbound.Allowed{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, Roots: roots}))
	message := &delivery.Message{
		ContentType: "application/secevent+jwt", Header: map[string]string{"Authorization": "Bearer x", "Accept": "application/json"}, Body: []byte("a.b.c"), SecurityEvent: true,
	}

	for path, want := range map[string]string{
		"/202": "", "/200": "status 200, not with 202", "/204": "status 204, not with 202", "/400": "it answers with status 400, invalid_key: no such key", "/400/text": "it answers with status 400",
		"/400/long": "it answers with status 400", "/400/wordy": "it answers with status 400, access_denied: no", "/401": "status 401", "/503": "status 503", "/301": "redirects",
	} {
		err := send(t.Context(), server.URL+path, message)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 200) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\x1b\u202e") {
			t.Errorf("%s: %q has what controls a page", path, err)
		}
		if unreachable := errors.Is(err, delivery.ErrUnreachable); unreachable != (want != "" && !strings.HasPrefix(path, "/400")) {
			t.Errorf("%s: unreachable is %v", path, unreachable)
		}
	}
	for _, s := range seen {
		if s != "POST application/secevent+jwt Bearer x application/json a.b.c" {
			t.Errorf("sent %q", s)
		}
	}
}
