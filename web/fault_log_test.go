package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"regrant/app/oauth"
)

// faultLogRules prove that the operator hears of every fault, whatever the answer says to others.
func faultLogRules(t *testing.T) {
	for _, issuer := range issuers {
		t.Run("GEN-03 GEN-00 a panic is told to programs in JSON and to people by a page/"+strings.TrimPrefix(issuer, "https://"), func(t *testing.T) {
			t.Parallel()
			panics(t, issuer)
		})
	}
	t.Run("GEN-00 a fault that a client hears by redirection is an error in the log, with its cause", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, siteOptions{store: func(store oauth.Store) oauth.Store { return fullDisk{store} }})

		address := s.az("CB", nil)
		a := s.do(get(address))

		if code := wantRedirect(t, s, address, a).Get("error"); code != "temporarily_unavailable" {
			t.Fatalf("told as %q", code)
		}
		line := s.logged(t, "request failed")
		if line["level"] != "ERROR" || line["err"] == nil || !strings.Contains(line["err"].(string), "disk is full") {
			t.Errorf("logged as %v", line)
		}
	})
	t.Run("GEN-00 a refusal that a client hears by redirection is no error in the log", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)

		a := s.do(get(s.az("CB", url.Values{"prompt": {"none"}})))

		if a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Location"), "error=login_required") {
			t.Fatalf("%d %s", a.status, a.header.Get("Location"))
		}
		if line := s.logged(t, "request refused"); line["level"] != "INFO" {
			t.Errorf("logged as %v", line)
		}
		if strings.Contains(s.log.String(), `"level":"ERROR"`) {
			t.Error("a refusal is an error in the log")
		}
	})
}

// fullDisk keeps no authorization request.
type fullDisk struct{ oauth.Store }

func (fullDisk) SaveAuthorizationRequest(context.Context, *oauth.AuthorizationRequest, int) error {
	return errors.New("the disk is full")
}

// logged gives the last line of the log that says this.
func (s *site) logged(t *testing.T, message string) map[string]any {
	t.Helper()
	var last map[string]any
	for text := range strings.Lines(s.log.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("not JSON: %s", text)
		}
		if line["msg"] == message {
			last = line
		}
	}
	if last == nil {
		t.Fatalf("the log does not say %q", message)
	}
	return last
}
