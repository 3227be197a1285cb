package db

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Tables that grow with people and grants. Nothing may read one from end to end.
var large = map[string]bool{
	"g": true, "grants": true, "t": true, "refresh_tokens": true, "k": true, "codes": true, "p": true, "people": true, "consents": true,
	"d": true, "grant_days": true, "m": true, "grant_moments": true, "r": true, "revoked_access_tokens": true, "authorization_requests": true,
	"s": true, "sessions": true, "devices": true, "throttle": true, "audit_events": true, "refusals": true, "passkeys": true, "spent_challenges": true,
	"l": true, "links": true, "group_members": true, "own": true, "o": true, "sign_ins": true, "recovery_codes": true,
	"mails": true, "former_emails": true, "pushed_requests": true, "device_authorizations": true, "deliveries": true, "client_assertions": true,
	"n": true, "client_registrations": true,
}

// inOrder may be walked along an index from one end, since each query that does so has a LIMIT and stops, or the index is small.
var inOrder = map[string]bool{
	"GrantStates": true, "DeleteOldestAuthorizationRequests": true, "OldestRefusalKept": true,
	"CountAdmins":         true, // an index of the admins alone
	"CountAdminsEver":     true,
	"CapFailureCounters":  true, // walks what is kept, a bounded number, once in 256 failures
	"CountPeople":         true,
	"GroupsOfClients":     true, // g stands for groups, which are few
	"CountDeadDeliveries": true,
}

var (
	parameter = regexp.MustCompile(`@\w+|sqlc\.n?arg\((\w+)\)`)
	scanned   = regexp.MustCompile(`^SCAN (\w+)`)
)

func TestNoQueryReadsALargeTableFromEndToEnd(t *testing.T) {
	d := openTest(t, Options{})
	var seen int
	for _, noun := range []string{"access_token", "authorization_request", "behind", "client", "code", "consent", "grant", "refresh_token",
		"session", "person", "people_list", "link", "throttle", "audit", "statistics", "refusal", "timeline", "grant_change", "grant_list",
		"grant_expiry", "bulk_revocation", "passkey", "group", "access", "mail", "sign_in", "factor", "pushed_request", "device_authorization", "delivery", "client_assertion", "registration"} {
		text, err := os.ReadFile(filepath.Join("queries", noun+".sql"))
		if err != nil {
			t.Fatal(err)
		}
		for query := range strings.SplitSeq(string(text), "-- name: ") {
			name, body, found := strings.Cut(query, " ")
			if !found || strings.HasPrefix(name, "Size") || name == "DeleteOldestPushedRequests" || name == "DeleteOldestDeviceAuthorizations" || strings.HasPrefix(name, "DeleteEvery") { // at most a few thousand rows, and only now and then
				continue
			}
			_, body, _ = strings.Cut(body, "\n")
			for _, step := range plan(t, d, parameter.ReplaceAllString(body, "?")) {
				seen++
				if noun == "grant_list" && strings.Contains(body, "grant_keys") && strings.Contains(step, "TEMP B-TREE FOR ORDER BY") ||
					strings.Contains(name, "ByClientState") && strings.Contains(step, "SEARCH g") && !strings.Contains(step, "client_id=? AND state=?") {
					t.Errorf("%s does not walk along its index: %s", name, step)
				}
				m := scanned.FindStringSubmatch(step)
				if m == nil || !large[m[1]] || inOrder[name] && strings.Contains(step, "INDEX") {
					continue
				}
				t.Errorf("%s: %s", name, step)
			}
		}
	}
	if seen < 60 {
		t.Errorf("only %d steps were seen: is the text still split as it is written?", seen)
	}
}

// The page of what happened to a person reads only that, the newest first.
func TestTheEventsOfAPersonAreReadAlongTheirIndex(t *testing.T) {
	d := openTest(t, Options{})
	text, err := os.ReadFile("queries/audit.sql")
	if err != nil {
		t.Fatal(err)
	}
	_, query, _ := strings.Cut(string(text), "-- name: AuditEventsOfPerson :many")
	query, _, _ = strings.Cut(query, "-- name:")

	steps := plan(t, d, parameter.ReplaceAllString(query, "?"))

	if len(steps) != 1 || !strings.Contains(steps[0], "audit_events_person (person_id=? AND seq>? AND seq<?)") {
		t.Errorf("%q", steps)
	}
}

func plan(t *testing.T, d *DB, query string) []string {
	t.Helper()
	var steps []string
	err := d.alone(t.Context(), "explain", func(s *session) error {
		rows, err := s.conn.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?"))...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				return err
			}
			steps = append(steps, step)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return steps
}
