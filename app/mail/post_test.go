package mail_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/mail"
	"regrant/db"
)

var by = audit.Origin{Actor: audit.ByCommand, ActorID: "test"}

const secret = "plum-thunder-orbit-93"

// office is a post office over a real database, with a clock that tests move and a mail server that does what they say.
type office struct {
	t      *testing.T
	db     *db.DB
	people *account.People
	links  *account.Links
	post   *mail.Post
	now    time.Time

	mu      sync.Mutex
	letters []mail.Letter
	fail    func(mail.Letter) error
	alarms  []string
}

func open(t *testing.T) *office {
	t.Helper()
	d, err := db.Open(t.Context(), filepath.Join(t.TempDir(), "regrant.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	hasher, err := account.NewHasher(account.HasherOptions{Cost: account.Cost{Memory: 64, Iterations: 1, Lanes: 1}, Parallel: 2})
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, db: d, now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	o.people = account.New(d, hasher, account.Options{Now: func() time.Time { return o.now }})
	o.links = account.NewLinks(o.people, d, "https://as.test")
	o.post = o.another(o)
	return o
}

// another is a post office over the same database, as after a restart.
func (o *office) another(s mail.Sender) *mail.Post {
	return mail.New(mail.Options{
		Store: o.db, Sealer: o.people.Sealer(), People: o.people, Links: o.links, Sender: s, Now: func() time.Time { return o.now },
		Alarm: func(msg string, args ...any) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.alarms = append(o.alarms, msg+" "+fmt.Sprint(args...))
		},
	})
}

// Send implements mail.Sender.
func (o *office) Send(_ context.Context, l mail.Letter) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		if err := o.fail(l); err != nil {
			return err
		}
	}
	o.letters = append(o.letters, l)
	return nil
}

// WriteLetter implements mail.Writer: the subject is the kind, the text all that is known.
func (o *office) WriteLetter(_ context.Context, m mail.Message, to mail.Reader) (mail.Letter, error) {
	return mail.Letter{ID: m.ID, To: to.Address, Subject: string(m.Kind), Text: m.Link, Name: m.Factor, Date: m.At}, nil
}

func (o *office) create(email string) account.Person {
	o.t.Helper()
	p, err := o.people.Create(o.t.Context(), account.NewPerson{Email: email, Password: secret}, by, o.now)
	if err != nil {
		o.t.Fatal(err)
	}
	return p
}

// work follows the log and sends what is due, and gives what was sent as "kind to address".
func (o *office) work() []string {
	o.t.Helper()
	if err := o.post.Follow(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
	if err := o.post.Send(o.t.Context(), o); err != nil {
		o.t.Fatal(err)
	}
	var sent []string
	for _, l := range o.letters {
		sent = append(sent, l.Subject+" to "+l.To)
	}
	o.letters = nil
	return sent
}

func (o *office) waiting() []mail.Queued {
	o.t.Helper()
	all, err := o.db.DueMail(o.t.Context(), o.now.Add(100*24*time.Hour), 10_000)
	if err != nil {
		o.t.Fatal(err)
	}
	return all
}

func (o *office) events(kind audit.Kind) []audit.Event {
	o.t.Helper()
	events, err := o.db.Events(o.t.Context(), db.EventFilter{Kind: kind}, 1000)
	if err != nil {
		o.t.Fatal(err)
	}
	return events
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("sent %q, want %q", got, want)
	}
}

func TestAMailLeavesTheOutboxWhenTheServerHasAcceptedIt(t *testing.T) {
	o := open(t)
	_, link, err := o.links.Invite(t.Context(), account.Invitation{Email: "new@example.com"}, by, o.now)
	o.must(err)
	o.must(o.post.Queue(t.Context(), mail.Message{Kind: mail.Invitation, To: "new@example.com", Link: link, LinkEnds: o.now.Add(time.Hour)}))

	waiting := o.waiting()
	if len(waiting) != 1 || strings.Contains(string(waiting[0].Sealed), "rgl1_") || strings.Contains(string(waiting[0].Sealed), "new@") {
		t.Fatalf("what waits is not sealed: %+v", waiting)
	}
	id := waiting[0].ID
	o.fail = func(l mail.Letter) error { return errors.New("the connection broke") }
	if err := o.post.Send(t.Context(), o); err == nil || strings.Contains(err.Error(), "rgl1_") || strings.Contains(err.Error(), "new@") {
		t.Errorf("got %v", err)
	}
	if len(o.waiting()) != 1 {
		t.Error("a mail that nobody has accepted is gone")
	}
	o.fail = nil
	o.now = o.now.Add(time.Minute)
	o.must(o.post.Send(t.Context(), o))

	if len(o.letters) != 1 || o.letters[0].To != "new@example.com" || o.letters[0].Text != link || o.letters[0].ID != id {
		t.Errorf("got %+v", o.letters)
	}
	if len(o.waiting()) != 0 {
		t.Error("a mail that was sent is still there")
	}
	equal(t, o.work(), "invitation to new@example.com")
	equal(t, o.work())
}

func TestAMailIsTriedLaterEachTimeAndGivenUpAfterThreeDays(t *testing.T) {
	o := open(t)
	ann := o.create("ann@example.com")
	begin := o.now
	o.must(o.post.Queue(t.Context(), mail.Message{Kind: mail.PasswordChanged, PersonID: ann.ID}))
	var tried []time.Duration
	o.fail = func(mail.Letter) error {
		tried = append(tried, o.now.Sub(begin))
		return fmt.Errorf("try later: %w", mail.ErrDeferred)
	}

	for len(o.waiting()) > 0 {
		o.now = o.waiting()[0].NextAt
		o.must(o.post.Send(t.Context(), o))
		if len(tried) > 100 {
			t.Fatal("it is tried for ever")
		}
	}

	var gaps []string
	for i := 1; i < len(tried); i++ {
		gaps = append(gaps, (tried[i] - tried[i-1]).String())
	}
	if got := strings.Join(gaps[:10], " "); got != "1m0s 2m0s 4m0s 8m0s 16m0s 32m0s 1h4m0s 2h8m0s 4h16m0s 6h0m0s" {
		t.Errorf("gaps %s", got)
	}
	if got := o.now.Sub(begin); got != mail.GiveUpAfter {
		t.Errorf("given up after %s", got)
	}
	failed := o.events(audit.MailFailed)
	if len(failed) != 1 || failed[0].PersonID != ann.ID || failed[0].Result != "expired" || !strings.Contains(failed[0].Detail, "kind=password_changed") {
		t.Errorf("got %+v", failed)
	}
}

func TestAMailWhoseLinkIsOverIsNotSent(t *testing.T) {
	o := open(t)
	o.must(o.post.Queue(t.Context(), mail.Message{Kind: mail.Reset, To: "ann@example.com", LinkEnds: o.now.Add(30 * time.Minute)}))
	o.now = o.now.Add(30 * time.Minute)
	equal(t, o.work())
	if n := len(o.events(audit.MailFailed)); n != 1 || len(o.waiting()) != 0 {
		t.Errorf("%d events, %d waiting", n, len(o.waiting()))
	}
}

func TestWithoutAMailServerWhatWaitsIsSweptWhenItIsOver(t *testing.T) {
	o := open(t)
	ann := o.create("ann@example.com")
	o.must(o.post.Queue(t.Context(), mail.Message{Kind: mail.PasswordChanged, PersonID: ann.ID}))
	o.now = o.now.Add(time.Hour)
	o.must(o.post.Queue(t.Context(), mail.Message{Kind: mail.FactorAdded, PersonID: ann.ID}))
	o.now = o.now.Add(mail.GiveUpAfter + time.Second)
	if _, err := o.db.Sweep(t.Context(), o.now, 100); err != nil {
		t.Fatal(err)
	}
	if waiting := o.waiting(); len(waiting) != 1 || waiting[0].Kind != mail.FactorAdded {
		t.Errorf("%+v wait", waiting)
	}
	failed := o.events(audit.MailFailed)
	if len(failed) != 1 || failed[0].PersonID != ann.ID || failed[0].Result != "expired" || failed[0].Detail != "kind=password_changed attempts=0" {
		t.Errorf("got %+v", failed)
	}
}

func TestALinkThatIsOverIsMailedToNobody(t *testing.T) {
	o := open(t)
	ann := o.create("ann@example.com")
	invite, address, err := o.links.Invite(t.Context(), account.Invitation{Email: "new@example.com"}, by, o.now)
	o.must(err)
	o.must(o.post.Queue(t.Context(), mail.Message{Kind: mail.Invitation, To: "new@example.com", Link: address, LinkEnds: invite.ExpiresAt}))
	for range 2 { // the second takes the place of the first
		reset, address, err := o.links.ResetLink(t.Context(), ann.ID, by, o.now)
		o.must(err)
		o.must(o.post.Queue(t.Context(), mail.Message{Kind: mail.Reset, PersonID: ann.ID, Link: address, LinkEnds: reset.ExpiresAt}))
	}
	o.must(o.links.WithdrawInvitation(t.Context(), invite.ID, by, o.now))

	equal(t, o.work(), "reset to ann@example.com")

	if n := len(o.waiting()); n != 0 {
		t.Errorf("%d mails wait", n)
	}
}

func TestWhatIsSaidOfOneMailKeepsNoOtherWaiting(t *testing.T) {
	o := open(t)
	for _, to := range []string{"gone@example.com", "full@example.com", "well@example.com"} {
		o.must(o.post.Queue(t.Context(), mail.Message{Kind: mail.Invitation, To: to}))
	}
	o.fail = func(l mail.Letter) error {
		switch l.To {
		case "gone@example.com":
			return fmt.Errorf("550: %w", mail.ErrRefused)
		case "full@example.com":
			return fmt.Errorf("452: %w", mail.ErrDeferred)
		}
		return nil
	}

	equal(t, o.work(), "invitation to well@example.com")

	if waiting := o.waiting(); len(waiting) != 1 || waiting[0].Attempts != 1 {
		t.Errorf("got %+v", waiting)
	}
	failed := o.events(audit.MailFailed)
	if len(failed) != 1 || failed[0].Result != "refused" || strings.Contains(failed[0].Detail, "@") {
		t.Errorf("got %+v", failed)
	}
}

func TestOneSenderAtATimeSendsAMailOnce(t *testing.T) {
	o := open(t)
	for i := range 20 {
		o.must(o.post.Queue(t.Context(), mail.Message{Kind: mail.Invitation, To: fmt.Sprintf("p%d@example.com", i)}))
	}
	others := []*mail.Post{o.post, o.another(o), o.another(o)} // two of them as if another process had the file
	var all sync.WaitGroup
	for _, p := range others {
		all.Go(func() {
			if err := p.Send(context.Background(), o); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(o.letters) != 20 || len(o.waiting()) != 0 {
		t.Errorf("%d letters, %d waiting", len(o.letters), len(o.waiting()))
	}
}
