package main

import (
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"regrant/assets"
)

// dashboard is what of a dashboard of Grafana matters here.
type dashboard struct {
	UID    string
	Title  string
	Panels []struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ Expr, RefID string }
	}
}

// ruleFile is a file of alert rules of Prometheus, with no other members than these.
type ruleFile struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

// metricName finds the metrics in an expression; those of others than us are told by what exporters call theirs.
var metricName = regexp.MustCompile(`\b(?:regrant|process|go)_[a-z0-9_]+\b`)

// known are the names by which a scrape may be asked for: a histogram has three.
func (s scrape) known() map[string]bool {
	names := map[string]bool{}
	for name, family := range s {
		names[name] = true
		if family.GetMetric()[0].GetHistogram() != nil {
			names[name+"_bucket"], names[name+"_sum"], names[name+"_count"] = true, true, true
		}
	}
	return names
}

// TestTheDashboardAndTheAlertsAskForWhatIsThere: every metric and label that they name is told by a real server.
func TestTheDashboardAndTheAlertsAskForWhatIsThere(t *testing.T) {
	ops, dir := freeAddress(t), t.TempDir()
	if err := makeCertificate(dir+"/cert.pem", dir+"/key.pem", 1); err != nil {
		t.Fatal(err)
	}
	s := newRealServer(t, "--ops-listen", ops, "--tls-cert", dir+"/cert.pem", "--tls-key", dir+"/key.pem")
	s.regrant("", "backup", dir+"/backup.db")
	found := scraped(t, ops)
	known := found.known()
	ask := func(where, expr string) {
		t.Helper()
		names := metricName.FindAllString(strings.ReplaceAll(expr, "$__rate_interval", ""), -1)
		if len(names) == 0 && !strings.HasPrefix(expr, "up{") {
			t.Errorf("%s asks for nothing: %s", where, expr)
		}
		for _, name := range names {
			if !known[name] {
				t.Errorf("%s asks for %s, which is not there", where, name)
			}
		}
		if strings.Count(expr, "(") != strings.Count(expr, ")") || strings.Count(expr, "{") != strings.Count(expr, "}") {
			t.Errorf("%s: %s has an open bracket", where, expr)
		}
		found.labels(t, where, expr)
	}

	var d dashboard
	if err := json.Unmarshal(docsFile(t, s, "grafana-dashboard.json"), &d); err != nil || d.UID != "regrant" || len(d.Panels) < 20 {
		t.Fatalf("%v, %d panels", err, len(d.Panels))
	}
	ids := map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || p.GridPos.X+p.GridPos.W > 24 || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("the panel %q cannot be shown", p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			ask("the panel "+p.Title, target.Expr)
		}
	}

	var rules ruleFile
	decoder := yaml.NewDecoder(strings.NewReader(string(docsFile(t, s, "alerts.yml"))))
	decoder.KnownFields(true)
	if err := decoder.Decode(&rules); err != nil || len(rules.Groups) != 1 {
		t.Fatalf("%v, %d groups", err, len(rules.Groups))
	}
	page, err := fs.ReadFile(assets.Docs(), "80-operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var alerts []string
	for _, r := range rules.Groups[0].Rules {
		if !regexp.MustCompile(`^Regrant[A-Z]\w+$`).MatchString(r.Alert) || slices.Contains(alerts, r.Alert) || r.Annotations["summary"] == "" ||
			!slices.Contains([]string{"page", "ticket"}, r.Labels["severity"]) {
			t.Errorf("%+v is no alert", r)
		}
		if !strings.Contains(string(page), "| `"+r.Alert+"` |") {
			t.Errorf("the documentation does not say what to do about %s", r.Alert)
		}
		alerts = append(alerts, r.Alert)
		if m := regexp.MustCompile(`> ([0-9.]+)$`).FindStringSubmatch(r.Expr); r.Alert == "RegrantSecretsGuessed" {
			// One address may try 60 a minute, and the verdict on what it tries is invalid_client.
			if limit, err := strconv.ParseFloat(m[1], 64); err != nil || limit >= 1 || !strings.Contains(r.Expr, `{error="invalid_client"}`) {
				t.Errorf("who guesses as fast as the limit allows is not told of: %s", r.Expr)
			}
		}
		ask("the alert "+r.Alert, r.Expr)
	}
	for _, name := range regexp.MustCompile("`(regrant_[a-z_]+)`").FindAllStringSubmatch(string(page), -1) {
		if !known[name[1]] {
			t.Errorf("the documentation has %s, which is not there", name[1])
		}
	}
	for name := range found {
		if strings.HasPrefix(name, "regrant_") && !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("the documentation does not have %s", name)
		}
	}
}

var selector = regexp.MustCompile(`(regrant_[a-z_]+)\{([^}]*)\}`)

// labels checks that an expression selects by labels that its metric has, besides those that Prometheus adds.
func (s scrape) labels(t *testing.T, where, expr string) {
	t.Helper()
	for _, m := range selector.FindAllStringSubmatch(expr, -1) {
		name := m[1]
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if s[name] == nil {
				name = strings.TrimSuffix(m[1], suffix)
			}
		}
		has := map[string]bool{"instance": true, "job": true, "le": true}
		for _, metric := range s[name].GetMetric() {
			for _, l := range metric.GetLabel() {
				has[l.GetName()] = true
			}
		}
		for _, part := range strings.Split(m[2], ",") {
			label, _, _ := strings.Cut(part, "=")
			if label = strings.TrimRight(label, "!~"); !has[label] {
				t.Errorf("%s selects %s by %s, which it does not have", where, name, label)
			}
		}
	}
}

// docsFile takes a file of the documentation away, as an operator does.
func docsFile(t *testing.T, s *realServer, name string) []byte {
	t.Helper()
	u, err := url.JoinPath(s.issuer, "docs", name)
	if err != nil {
		t.Fatal(err)
	}
	response, err := insecure.Get(u)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Disposition"), "attachment; ") {
		t.Fatalf("%s: %s %v %v", name, response.Status, response.Header, err)
	}
	return body
}
