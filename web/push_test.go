package web_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/delivery"
	"regrant/app/oauth"
	"regrant/db"
)

const sessionRevokedEvent = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"

// told is a client that is told of the end of its grants by both ways.
type told struct {
	*site
	client string
	secret string // of its webhook
	answer func(url string) error
	mu     sync.Mutex
	got    []sent
}

// sent is what arrived.
type sent struct {
	url string
	m   *delivery.Message
}

// tells lets a client be told, at https://CLIENT.test/hook and /event.
func (s *site) tells(client string) *told {
	s.t.Helper()
	w := &told{site: s, client: client}
	w.secret = w.push(oauth.PushChange{WebhookURL: new("https://" + client + ".test/hook"), SecurityEventURL: new("https://" + client + ".test/event")})
	if w.secret == "" {
		s.t.Fatal("no secret was made")
	}
	return w
}

// push changes how it is told, and gives the secret if one was made.
func (w *told) push(ch oauth.PushChange) string {
	w.t.Helper()
	_, secret, err := oauth.ChangePush(context.Background(), w.db, w.people.Sealer(), w.client, ch, w.clock.Wall(), by)
	if err != nil {
		w.t.Fatal(err)
	}
	return secret
}

// deliver delivers what is due and gives what arrived, the webhooks first.
func (w *told) deliver() []sent {
	w.t.Helper()
	w.got = nil
	send := func(_ context.Context, url string, m *delivery.Message) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.got = append(w.got, sent{url, m})
		if w.answer == nil {
			return nil
		}
		return w.answer(url)
	}
	courier := delivery.New(w.db, w.server.MakeDelivery, send, w.clock.Wall, func(message string, args ...any) { w.t.Error(message, args) })
	if err := courier.Deliver(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	slices.SortStableFunc(w.got, func(a, b sent) int { return strings.Compare(b.url, a.url) })
	return w.got
}

// hook gives what a webhook says once its signature is found good.
func (w *told) hook(of sent, secrets ...string) map[string]any {
	w.t.Helper()
	header := http.Header{}
	for name, value := range of.m.Header {
		header.Set(name, value)
	}
	if len(secrets) == 0 {
		secrets = []string{w.secret}
	}
	for _, secret := range secrets {
		if err := verifyWebhook(secret, header, of.m.Body, w.clock.Wall()); err != nil {
			w.t.Errorf("%v: %v", err, header)
		}
	}
	var said struct {
		Type, Timestamp string
		Data            map[string]any
	}
	if err := json.Unmarshal(of.m.Body, &said); err != nil || of.m.ContentType != "application/json" || of.m.SecurityEvent {
		w.t.Fatalf("%s %s: %v", of.m.ContentType, of.m.Body, err)
	}
	said.Data["type"], said.Data["timestamp"] = said.Type, said.Timestamp
	return said.Data
}

// event gives the claims of a security event token that the published keys verify.
func (w *told) event(of sent) map[string]any {
	w.t.Helper()
	claims, head := w.verified(string(of.m.Body)), jwtPart(w.t, string(of.m.Body), 0)
	if head["typ"] != "secevent+jwt" || of.m.ContentType != "application/secevent+jwt" || !of.m.SecurityEvent || claims["iss"] != w.issuer || claims["aud"] != w.client || claims["sub"] != nil || claims["exp"] != nil {
		w.t.Errorf("%v %v %+v", head, claims, of.m)
	}
	return claims
}

// TestAnApplicationLearnsAtOnceThatAGrantHasEnded ends grants in every way and looks what their client is told.
func TestAnApplicationLearnsAtOnceThatAGrantHasEnded(t *testing.T) {
	t.Parallel()
	s, ctx := newSite(t), context.Background()
	first := s.family()
	w := s.tells(first.client)
	now, people, scope := s.clock.Wall, 0, "openid read write"
	// ends makes a grant of a new person, does something, and wants what is told of it: one grant, all, or nothing.
	ends := func(reason, initiating, what string, do func(f *family) error) {
		t.Helper()
		people++
		who := fmt.Sprint("p", people)
		s.addPerson(who, who+"@example.com", who)
		f := s.another(w.client, who, scope)
		f.use(0)
		if got := w.deliver(); len(got) != 0 {
			t.Fatalf("%s: a sign-in and a refresh are told: %v", reason, got)
		}
		if err := do(f); err != nil {
			t.Errorf("%s: %v", reason, err)
			return
		}
		got := w.deliver()
		if what == "nothing" {
			if len(got) != 0 || s.waiting() != 0 {
				t.Errorf("%s is told: %s", reason, got[0].m.Body)
			}
			return
		}
		if len(got) != 2 || got[0].url != "https://"+w.client+".test/hook" || got[1].url != "https://"+w.client+".test/event" {
			t.Errorf("%s: %d arrived", reason, len(got))
			return
		}
		hook, event := w.hook(got[0]), w.event(got[1])
		at := now().UTC()
		want := map[string]any{"type": "grant.ended", "timestamp": at.Format(time.RFC3339Nano), "client_id": w.client, "sub": s.person[who].ID, "reason": reason}
		if what == "one" {
			want["grant_id"], want["sid"] = f.id, f.row().SessionID
		} else {
			want["type"], want["made_until"] = "grants.ended", hook["made_until"]
			if until, err := time.Parse(time.RFC3339Nano, fmt.Sprint(hook["made_until"])); err != nil || until.Before(f.row().CreatedAt) || until.After(at) {
				t.Errorf("%s: made_until is %v", reason, hook["made_until"])
			}
		}
		if !maps.Equal(hook, want) {
			t.Errorf("%s: told %v, want %v", reason, hook, want)
		}
		user := map[string]any{"format": "iss_sub", "iss": s.issuer, "sub": s.person[who].ID}
		subject := user
		if what == "one" {
			subject = map[string]any{"format": "complex", "user": user, "session": map[string]any{"format": "opaque", "id": f.id}}
		}
		of := map[string]any{"event_timestamp": float64(at.Unix()), "reason_admin": map[string]any{"en": reason}}
		if initiating != "" {
			of["initiating_entity"] = initiating
		}
		all := map[string]any{"iss": s.issuer, "aud": w.client, "iat": float64(at.Unix()), "jti": event["jti"], "sub_id": subject, "events": map[string]any{sessionRevokedEvent: of}}
		if a, b := fmt.Sprint(event), fmt.Sprint(all); a != b || event["jti"] == "" || event["jti"] == got[0].m.Header["webhook-id"] {
			t.Errorf("%s: the event says %s, want %s", reason, a, b)
		}
	}
	id := func(f *family) string { return s.person[f.who].ID }
	ends("user", "user", "one", func(f *family) error {
		return s.engine.EndOwnGrant(ctx, id(f), f.id, by)
	})
	ends("reported", "user", "one", func(f *family) error {
		return s.engine.ReportOwnGrant(ctx, s.db, id(f), f.id, "", by)
	})
	ends("consent", "user", "one", func(f *family) error { return s.engine.WithdrawOwnConsent(ctx, id(f), f.client, by) })
	ends("admin", "admin", "one", func(f *family) error { return s.engine.EndGrant(ctx, f.id, by) })
	ends("reuse", "system", "one", func(f *family) error {
		s.pass(time.Minute)
		wantError(t, f.use(0), "invalid_grant")
		return nil
	})
	ends("code_replay", "system", "one", func(f *family) error {
		wantError(t, f.redeemed(nil), "invalid_grant")
		return nil
	})
	ends("logout", "user", "one", func(f *family) error { return s.people.EndSession(ctx, id(f), f.row().SessionID, by, now()) })
	ends("logout", "user", "one", func(f *family) error {
		_, err := s.people.EndOtherSessions(ctx, id(f), "", by, now())
		return err
	})
	ends("logout", "user", "one", func(f *family) error { return s.people.ExpirePassword(ctx, id(f), by, now()) })
	ends("password", "", "one", func(f *family) error {
		return s.people.ChangePassword(ctx, account.PasswordChange{PersonID: id(f), SessionID: "another", Current: password, New: "another " + password, EndOthers: true}, by, now())
	})
	for _, leave := range []bool{false, true} { // the person leaves the group, or the client gets one without them
		ends("access_lost", "policy", "one", func(f *family) error {
			group := s.group(fmt.Sprint("staff", leave), "", first.who)
			if leave {
				s.join(group, f.who)
			}
			s.change(f.client, func(c *oauth.Client) {
				c.Policy.OnAccessLost, c.Restricted, c.Groups = oauth.AccessLostRevokes, true, []oauth.Group{{ID: group}}
			})
			if leave {
				s.part(group, f.who)
			}
			s.change(f.client, func(c *oauth.Client) { c.Restricted, c.Groups = false, nil })
			return nil
		})
	}
	ends("evicted", "policy", "one", func(f *family) error {
		s.change(f.client, func(c *oauth.Client) { c.Policy.MaxGrants = 1 })
		s.another(f.client, f.who, "openid read write")
		s.change(f.client, func(c *oauth.Client) { c.Policy.MaxGrants = 50 })
		return nil
	})
	scope += " offline_access"
	ends("scope_removed", "policy", "one", func(f *family) error {
		allowed := s.client(f.client).Scope
		s.change(f.client, func(c *oauth.Client) { c.Scope = oauth.Scope{"openid", "read", "write"} })
		wantError(t, f.use(1), "invalid_grant")
		s.change(f.client, func(c *oauth.Client) { c.Scope = allowed })
		return nil
	})
	ends("admin", "admin", "one", func(f *family) error {
		if _, err := s.engine.RevokeMany(ctx, s.db, oauth.BulkChoice{IDs: []string{f.id}}, by); err != nil {
			return err
		}
		return s.engine.FollowBulk(ctx)
	})
	ends("admin", "admin", "all", func(f *family) error {
		_, err := s.db.RevokeGrantsOf(ctx, id(f), "", oauth.RevokedAdmin, now(), audit.Event{At: now(), Kind: audit.GrantRevoked, Origin: by, PersonID: id(f), Result: "admin"})
		return err
	})
	ends("password", "", "all", func(f *family) error { return s.people.SetPassword(ctx, id(f), "another "+password, by, now()) })
	ends("user_disabled", "admin", "all", func(f *family) error { return s.people.Disable(ctx, id(f), by, now()) })
	ends("user_deleted", "", "all", func(f *family) error { return s.people.Delete(ctx, id(f), by, now()) })
	ends("client", "", "nothing", func(f *family) error {
		s.revoked(f.client, url.Values{"token": {f.tokens[1]}})
		return nil
	})
	ends("time", "", "nothing", func(f *family) error {
		s.pass(181 * 24 * time.Hour)
		s.sweep()
		wantError(t, f.use(1), "invalid_grant")
		if err := s.engine.WithdrawOwnConsent(ctx, id(f), f.client, by); err != nil {
			return err
		}
		return s.people.Disable(ctx, id(f), by, now())
	})

	// Every grant of the client, of which there are many by now: one piece of news each way.
	_, _, err := oauth.RotateClientSecret(ctx, s.db, w.client, oauth.SecretRotation{Leaked: true}, now(), by)
	got := w.deliver()
	if err != nil || len(got) != 2 {
		t.Fatalf("%v, %d arrived", err, len(got))
	}
	application := map[string]any{"format": "complex", "application": map[string]any{"format": "opaque", "id": w.client}}
	if hook := w.hook(got[0]); hook["type"] != "grants.ended" || hook["sub"] != nil || hook["reason"] != "admin" {
		t.Errorf("told %v", hook)
	}
	if event := w.event(got[1]); fmt.Sprint(event["sub_id"]) != fmt.Sprint(application) {
		t.Errorf("the event says %v", event)
	}
	for s.sweep() > 0 { // the rows that follow are no news
		continue
	}
	if got := w.deliver(); len(got) != 0 {
		t.Errorf("told again: %s", got[0].m.Body)
	}
}

func TestWhatIsToldComesAgainUntilItIsTakenAndIsTheSame(t *testing.T) {
	t.Parallel()
	s, ctx := newSite(t), context.Background()
	f := s.family()
	w := s.tells(f.client)
	w.answer = func(string) error { return delivery.Unreachable(errors.New("it answers with status 503")) }
	w.push(oauth.PushChange{Authorization: new("Bearer abc")})
	if err := s.engine.EndGrant(ctx, f.id, by); err != nil {
		t.Fatal(err)
	}
	ids, stamps, tokens, hooks, events := map[string]bool{}, map[string]bool{}, map[string]bool{}, 0, 0
	for range 200 {
		for _, got := range w.deliver() { // each address has pauses of its own
			if strings.HasSuffix(got.url, "/hook") {
				hooks++
				w.hook(got)
				ids[got.m.Header["webhook-id"]], stamps[got.m.Header["webhook-timestamp"]] = true, true
				continue
			}
			events++
			tokens[fmt.Sprint(w.event(got))] = true
			if got.m.Header["Authorization"] != "Bearer abc" {
				t.Errorf("the header is %v", got.m.Header)
			}
		}
		s.clock.jump(10 * time.Minute)
	}
	if hooks < 8 || events < 8 || len(ids) != 1 || len(tokens) != 1 || len(stamps) != hooks {
		t.Errorf("%d and %d tries, ids %v, timestamps %v, tokens %v", hooks, events, ids, stamps, tokens)
	}
	dead, err := s.db.TroubledDeliveries(ctx, f.client, 10)
	if err != nil || len(dead) != 2 || dead[0].DeadAt == nil || dead[1].DeadAt == nil || len(s.ofKind(audit.DeliveryFailed)) != 2 {
		t.Errorf("%+v, %v", dead, err)
	}

	// A secret that is rotated signs beside the new one, for as long as somebody chose.
	old := w.secret
	w.secret = w.push(oauth.PushChange{NewSecret: true, Overlap: time.Hour})
	w.answer = nil
	retry := func() sent {
		t.Helper()
		s.another(f.client, f.who, "openid read write")
		s.change(f.client, func(c *oauth.Client) {})
		if err := s.engine.WithdrawOwnConsent(ctx, s.person[f.who].ID, f.client, by); err != nil {
			t.Fatal(err)
		}
		got := w.deliver()
		if len(got) == 0 {
			t.Fatal("nothing arrived")
		}
		return got[0]
	}
	if both := retry(); strings.Count(both.m.Header["webhook-signature"], "v1,") != 2 || w.hook(both, w.secret, old) == nil {
		t.Errorf("%v", both.m.Header)
	}
	s.clock.jump(time.Hour)
	if one := retry(); strings.Count(one.m.Header["webhook-signature"], "v1,") != 1 || w.hook(one) == nil {
		t.Errorf("%v", one.m.Header)
	}
	w.push(oauth.PushChange{WebhookURL: new("")})
	if only := retry(); only.url != "https://"+f.client+".test/event" || len(w.got) != 1 {
		t.Errorf("%d arrived, the first at %s", len(w.got), only.url)
	}
	if c := s.client(f.client); c.WebhookSecret != nil || c.OldWebhookSecret != nil {
		t.Error("a secret is left without a webhook")
	}
}

// TestAGrantWhoseEndCannotBeWrittenDownGoesOn breaks the queue: the end and the news of it are one.
func TestAGrantWhoseEndCannotBeWrittenDownGoesOn(t *testing.T) {
	t.Parallel()
	s, ctx := newSite(t), context.Background()
	f := s.rotated()
	wantOK(t, f.use(1))
	w := s.tells(f.client)
	s.exec("CREATE TRIGGER full BEFORE INSERT ON deliveries BEGIN SELECT RAISE(ABORT, 'disk full'); END")
	s.pass(time.Minute)

	wantUnavailable(t, f.use(0))
	for name, end := range map[string]func() error{
		"an admin":   func() error { return s.engine.EndGrant(ctx, f.id, by) },
		"a disabled": func() error { return s.people.Disable(ctx, s.person[f.who].ID, by, s.clock.Wall()) },
		"a leak": func() error {
			_, _, err := oauth.RotateClientSecret(ctx, s.db, f.client, oauth.SecretRotation{Leaked: true}, s.clock.Wall(), by)
			return err
		},
	} {
		if err := end(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}

	wantOK(t, f.use(2))
	f.alive()
	if len(f.events(audit.GrantReuse))+len(f.events(audit.GrantRevoked)) != 0 {
		t.Error("the log tells of an end that was none")
	}
	s.exec("DROP TRIGGER full")
	wantError(t, f.use(0), "invalid_grant")
	f.revoked(oauth.RevokedReuse)
	if got := w.deliver(); len(got) != 2 || w.hook(got[0])["reason"] != "reuse" {
		t.Errorf("%d arrived", len(got))
	}
}

func TestARefreshWritesNoNewsAndManyEndsAreBounded(t *testing.T) {
	t.Parallel()
	var asked lockedBuffer
	s, ctx := newSite(t, siteOptions{trace: func(statement string) {
		if strings.Contains(statement, "deliveries") || strings.Contains(statement, "TargetOfEnds") {
			asked.Write([]byte(statement + "\n"))
		}
	}}), context.Background()
	f := s.family()
	w := s.tells(f.client)
	before := asked.String()
	for i := range 5 {
		wantOK(t, f.use(i))
	}
	if asked.String() != before {
		t.Errorf("a refresh does %s", strings.TrimPrefix(asked.String(), before))
	}

	// Two grants, of which news is told twice each, where there is room for one piece only.
	s.another(f.client, f.who, "openid read write")
	s.sql(func(q *sql.DB) error {
		_, err := q.Exec(`INSERT INTO deliveries (id, kind, client_id, person_id, url, body, attempts, next_at, last_error, created_at, expires_at)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT 'n' || i, 'logout', ?, '', 'https://x.test/out', X'7B7D', 0, 9e15, '', 1, 9e15 FROM n`, delivery.MaxWaiting-1, f.client)
		return err
	})
	if err := s.engine.WithdrawOwnConsent(ctx, s.person[f.who].ID, f.client, by); err != nil {
		t.Fatal(err)
	}
	lost := s.ofKind(audit.DeliveryFailed)
	if len(lost) != 1 || lost[0].Result != "full" || lost[0].ClientID != f.client || !strings.Contains(lost[0].Detail, "lost=3") {
		t.Errorf("the log says %+v", lost)
	}
	if got := w.deliver(); len(got) != 1 {
		t.Errorf("%d arrived", len(got))
	}
	f.revoked(oauth.RevokedConsent)
}

// TestTheSecretsOfAWebhookLieNowhereAsTheyAre looks through the whole file, the log and what waits.
func TestTheSecretsOfAWebhookLieNowhereAsTheyAre(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	f := s.family()
	w := s.tells(f.client)
	w.answer = func(string) error { return errors.New("it answers with status 400") }
	old := w.secret
	s.clock.jump(time.Second)
	w.secret = w.push(oauth.PushChange{NewSecret: true, Overlap: time.Hour, Authorization: new("Bearer very-private-header")})
	if err := s.engine.EndGrant(context.Background(), f.id, by); err != nil {
		t.Fatal(err)
	}
	if got := w.deliver(); len(got) != 2 || got[1].m.Header["Authorization"] != "Bearer very-private-header" {
		t.Errorf("%d arrived", len(got))
	}
	var files []byte
	for _, end := range []string{"", "-wal"} {
		b, err := os.ReadFile(s.path + end)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, b...)
	}
	files = append(files, s.log.String()...)
	if !bytes.Contains(files, []byte("https://"+f.client+".test/hook")) {
		t.Fatal("the file does not hold the address: is this the file?")
	}
	for _, secret := range []string{old, w.secret} {
		text := strings.TrimPrefix(secret, "whsec_")
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(key) != 32 || text == secret {
			t.Fatalf("%q is no secret of Standard Webhooks: %v", secret, err)
		}
		if bytes.Contains(files, []byte(text)) || bytes.Contains(files, key) {
			t.Error("a secret lies in the file or the log")
		}
	}
	if bytes.Contains(files, []byte("very-private-header")) {
		t.Error("the header lies in the file or the log")
	}
	events, err := s.db.Events(context.Background(), db.EventFilter{ClientID: f.client, Kind: audit.ClientPushChanged}, 10)
	if err != nil || len(events) != 2 || !strings.Contains(events[1].Detail, "/hook") || !strings.Contains(events[0].Detail, "webhook_secret_created") {
		t.Errorf("the log says %+v, %v", events, err)
	}
}

// TestTheGuideVerifiesWebhooksAsItSays runs what the guide shows.
func TestTheGuideVerifiesWebhooksAsItSays(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../assets/docs/36-push.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("webhook_verify_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, function, _ := strings.Cut(string(source), "word for word (assets/docs/36-push.md).\n\n")
	if function == "" || !strings.Contains(string(guide), "```\n"+function+"```") {
		t.Error("the guide shows another Go function than the one that these tests use")
	}

	s := newSite(t)
	f := s.family()
	w := s.tells(f.client)
	if err := s.engine.EndGrant(context.Background(), f.id, by); err != nil {
		t.Fatal(err)
	}
	hook := w.deliver()[0]
	header := http.Header{}
	for name, value := range hook.m.Header {
		header.Set(name, value)
	}
	changed := func(name, value string) http.Header {
		h := header.Clone()
		h.Set(name, value)
		return h
	}
	now := s.clock.Wall()
	for name, err := range map[string]error{
		"another body":      verifyWebhook(w.secret, header, append([]byte(" "), hook.m.Body...), now),
		"another id":        verifyWebhook(w.secret, changed("webhook-id", "x"), hook.m.Body, now),
		"another time":      verifyWebhook(w.secret, changed("webhook-timestamp", strconv.FormatInt(now.Unix()+1, 10)), hook.m.Body, now),
		"another secret":    verifyWebhook("whsec_AAAA", header, hook.m.Body, now),
		"another signature": verifyWebhook(w.secret, changed("webhook-signature", "v1,AAAA v1a,AAAA"), hook.m.Body, now),
		"an old one":        verifyWebhook(w.secret, header, hook.m.Body, now.Add(6*time.Minute)),
	} {
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	python, err := exec.LookPath("python3")
	switch {
	case testing.Short():
		t.Skip("the rest needs the time that python3 takes")
	case err != nil && os.Getenv("CI") == "true":
		t.Fatal(err)
	case err != nil:
		t.Skip("the rest needs python3")
	}
	_, code, _ := strings.Cut(string(guide), "In Python:\n\n```\n")
	code, _, _ = strings.Cut(code, "```")
	input, err := json.Marshal(map[string]any{"secret": w.secret, "headers": hook.m.Header, "body": string(hook.m.Body), "now": now.Unix()})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", code+`
import json, sys
i = json.load(sys.stdin)
time.time = lambda: i["now"]
print(verify_webhook(i["secret"], i["headers"], i["body"].encode()), verify_webhook(i["secret"], i["headers"], b"other"))
time.time = lambda: i["now"] + 400
print(verify_webhook(i["secret"], i["headers"], i["body"].encode()))
`)
	cmd.Stdin = bytes.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "True False\nFalse\n" {
		t.Errorf("%v: %s", err, out)
	}
}
