package main

import (
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// scrape is what a server told Prometheus at one moment.
type scrape map[string]*dto.MetricFamily

// scraped reads the metrics at an address for operators.
func scraped(t testing.TB, ops string) scrape {
	t.Helper()
	response, err := http.Get("http://" + ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %v", response.Status, err)
	}
	return families
}

// value gives a number by its name and labels, as "requests_total endpoint=/token status=200", and 0 for what is not there.
// Of several that fit it gives the sum; of a histogram the number of values.
func (s scrape) value(what string) (sum float64) {
	name, labels, _ := strings.Cut(what, " ")
	family := s["regrant_"+name]
	if family == nil {
		family = s[name] // of the runtime or the process
	}
	for _, m := range family.GetMetric() {
		fits := true
		for _, want := range strings.Fields(labels) {
			found := false
			for _, l := range m.GetLabel() {
				found = found || l.GetName()+"="+l.GetValue() == want
			}
			fits = fits && found
		}
		switch {
		case !fits:
		case m.GetHistogram() != nil:
			sum += float64(m.GetHistogram().GetSampleCount())
		default:
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

func TestMetricsTellOfWhatWasGivenUp(t *testing.T) {
	t.Parallel()
	ops := freeAddress(t)
	s := newRealServer(t, "--ops-listen", ops)
	q, err := sql.Open("sqlite", "file:"+s.db)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		_, err := q.Exec("INSERT INTO deliveries (id, kind, client_id, person_id, url, body, attempts, next_at, last_error, created_at, expires_at, dead_at) VALUES (?, 'logout', ?, '', 'https://app.example/out', x'7b7d', 9, 1, 'no answer', 1, 2, ?)",
			i, "client-"+strconv.Itoa(i%2), time.Now().UnixMicro())
		if err != nil {
			t.Fatal(err)
		}
	}
	q.Close()

	if got := scraped(t, ops).value("deliveries_given_up"); got != 3 {
		t.Errorf("%v were given up, not 3", got)
	}
}

// TestMetricsTellWhatHappened drives a real server and compares what it tells Prometheus with what was done (WEB-64).
func TestMetricsTellWhatHappened(t *testing.T) {
	ops := freeAddress(t)
	s := newRealServer(t, "--ops-listen", ops)
	id, secret := s.client(scriptCallback)
	before := scraped(t, ops)
	present := func(client, token string, status int) {
		t.Helper()
		body, err := fetch(s.issuer+"/token", client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}.Encode(), status)
		if err != nil {
			t.Fatalf("%v: %s", err, body)
		}
	}
	code, err := browse(s.issuer, id, "alice@example.com", realPassword, "openid offline_access")
	if err != nil {
		t.Fatal(err)
	}
	tokens := []string{tokenOf(t, s, id, secret, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {scriptCallback}, "code_verifier": {scriptVerifier}})}
	for i := range 3 {
		tokens = append(tokens, tokenOf(t, s, id, secret, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens[i]}}))
	}
	present(id+":"+secret, tokens[2], http.StatusOK)         // a lost response
	present(id+":"+secret, "garbage", http.StatusBadRequest) // and
	present(id+":wrong", tokens[3], http.StatusUnauthorized) // three
	present("nobody:x", tokens[3], http.StatusUnauthorized)  // refusals
	present(id+":"+secret, tokens[0], http.StatusBadRequest) // two holders
	present(id+":"+secret, tokens[3], http.StatusBadRequest) // of what is revoked now
	for _, path := range []string{"/nowhere/4711", "/metrics", "/debug/pprof/"} {
		if body, err := fetch(s.issuer+path, "", "", http.StatusNotFound); err != nil {
			t.Errorf("%s: %v %s", path, err, body)
		}
	}
	if body, err := fetch(s.issuer+"/admin/grants/4711", "", "", http.StatusOK); err != nil { // the sign-in, by a redirection
		t.Errorf("%v: %s", err, body)
	}

	want := map[string]float64{
		"grants_total grant_type=authorization_code result=granted reason=issued":           1,
		"grants_total grant_type=refresh_token result=granted reason=rotated":               3,
		"grants_total grant_type=refresh_token result=granted reason=replayed":              1,
		"grants_total grant_type=refresh_token result=granted":                              4,
		"grants_total grant_type=refresh_token result=refused reason=refresh_token.garbage": 1,
		"grants_total grant_type=refresh_token result=refused reason=client.wrong_secret":   1,
		"grants_total grant_type=refresh_token result=refused reason=client.unknown":        1,
		"grants_total grant_type=refresh_token result=refused reason=refresh_token.reuse":   1,
		"grants_total grant_type=refresh_token result=refused reason=refresh_token.revoked": 1,
		"grants_total grant_type=refresh_token result=refused":                              5,
		"grants_total result=failed":                          0,
		"refresh_token_reuse_total class=race action=revoked": 1,
		"refresh_token_reuse_total":                           1,
		"refusals_total error=invalid_grant":                  3,
		"refusals_total error=invalid_client":                 2,
		"requests_total endpoint=/token status=200":           5,
		"requests_total endpoint=/token status=400":           3,
		"requests_total endpoint=/token status=401":           2,
		"request_duration_seconds endpoint=/token":            10,
		"requests_total endpoint=other status=404":            3,
		"requests_total endpoint=/admin status=303":           1,
		"requests_total status=500":                           0,
		"write_failures_total":                                0,
		"background_failures_total":                           0,
	}
	var after scrape
	var wrong []string
	for until := time.Now().Add(5 * time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		after, wrong = scraped(t, ops), nil
		for what, n := range want {
			if got := after.value(what) - before.value(what); got != n {
				wrong = append(wrong, fmt.Sprintf("%s: %v, want %v", what, got, n))
			}
		}
		if wrong == nil {
			break // an answer is counted just after it was given
		}
	}
	for _, w := range wrong {
		t.Error(w)
	}

	// What the store did for it.
	for what, least := range map[string]float64{
		"commit_writes": 5, "commit_duration_seconds": 5, "write_wait_seconds": 5, "wal_bytes": 1, "database_bytes": 4096,
		"active_grants": 0, "browser_sessions": 0, "write_queue_capacity": 1, "connections": 1, "build_info": 1,
	} {
		if got := after.value(what); got < least {
			t.Errorf("%s: %v, want at least %v", what, got, least)
		}
	}
	batches := after["regrant_commit_writes"].GetMetric()[0].GetHistogram()
	waits := after["regrant_write_wait_seconds"].GetMetric()[0].GetHistogram()
	if batches.GetSampleSum() > float64(waits.GetSampleCount()) || batches.GetSampleSum() < 5 {
		t.Errorf("%v writes were committed, %d have begun", batches.GetSampleSum(), waits.GetSampleCount())
	}
	if took := after["regrant_commit_duration_seconds"].GetMetric()[0].GetHistogram(); took.GetSampleSum() <= 0 || took.GetSampleSum() > 60 {
		t.Errorf("the commits took %v s", took.GetSampleSum())
	}
	if after["go_goroutines"] == nil || after["process_resident_memory_bytes"] == nil {
		t.Error("nothing is told of the runtime or the process")
	}
}

// TestMetricsAreNamedAsPrometheusWants: units, suffixes and help texts.
func TestMetricsAreNamedAsPrometheusWants(t *testing.T) {
	ops := freeAddress(t)
	newRealServer(t, "--ops-listen", ops)
	var own []*dto.MetricFamily
	for name, family := range scraped(t, ops) {
		if strings.HasPrefix(name, "regrant_") {
			own = append(own, family)
		}
	}
	if len(own) < 20 {
		t.Fatalf("%d metrics", len(own))
	}

	problems, err := promlint.NewWithMetricFamilies(own).Lint()

	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
