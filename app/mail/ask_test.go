package mail_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/mail"
)

func asked(kind mail.Kind, to, network string) mail.Asked {
	return mail.Asked{Message: mail.Message{Kind: kind, To: to, IP: network}, Network: network}
}

func TestWEB_33_WhatIsWrittenIsTheSameForKnownAndUnknownAddresses(t *testing.T) {
	o := open(t)
	o.create("ann@example.com")
	off := o.create("off@example.com")
	o.must(o.people.Disable(t.Context(), off.ID, by, o.now))
	o.must(o.post.Ask(t.Context(), asked(mail.AskedReset, "first@example.com", "192.0.2.1"))) // the key is made
	equal(t, o.work())
	if made := o.events(audit.KeyCreated); len(made) != 1 || !made[0].At.Equal(o.now) {
		t.Errorf("one key, made when the server's clock says: %+v", made)
	}
	before := len(o.events(""))
	for _, to := range []string{"ann@example.com", "off@example.com", "nob@example.com"} {
		o.must(o.post.Ask(t.Context(), asked(mail.AskedReset, to, "192.0.2.1")))
	}
	waiting := o.waiting()
	if len(waiting) != 3 || len(o.events("")) != before {
		t.Fatalf("%d mails, %d events", len(waiting), len(o.events(""))-before)
	}
	for _, q := range waiting {
		if q.PersonID != "" || len(q.Sealed) != len(waiting[0].Sealed) || q.Kind != mail.AskedReset {
			t.Errorf("got %+v", q)
		}
	}

	o.must(o.post.Send(t.Context(), o))

	if len(o.letters) != 1 || o.letters[0].To != "ann@example.com" || !strings.HasPrefix(o.letters[0].Text, "https://as.test/reset/rgl1_") {
		t.Errorf("got %+v", o.letters)
	}
	if events := o.events(audit.ResetAsked); len(events) != 1 || events[0].IP != "192.0.2.1" || len(o.waiting()) != 0 {
		t.Errorf("got %+v, %d waiting", events, len(o.waiting()))
	}
}

func TestAskedMailsAreBounded(t *testing.T) {
	o := open(t)
	var taken, full atomic.Int32
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			switch err := o.post.Ask(context.Background(), asked(mail.AskedReset, "ann@example.com", "192.0.2.1")); {
			case err == nil:
				taken.Add(1)
			case errors.Is(err, mail.ErrAddressFull):
				full.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if taken.Load() != 3 || full.Load() != 37 || len(o.waiting()) != 3 {
		t.Errorf("an address: %d taken, %d refused, %d waiting", taken.Load(), full.Load(), len(o.waiting()))
	}
	if err := o.post.Ask(t.Context(), asked(mail.AskedSignUp, "ann@example.com", "192.0.2.1")); err != nil {
		t.Errorf("a mail of another kind: %v", err)
	}
	n := 0
	for ; n < 50; n++ {
		if err := o.post.Ask(t.Context(), asked(mail.AskedSignUp, fmt.Sprintf("p%d@example.com", n), "192.0.2.1")); err != nil {
			if !errors.Is(err, mail.ErrTooMany) {
				t.Error(err)
			}
			break
		}
	}
	if n != 26 {
		t.Errorf("a network may ask for %d", n+4)
	}
	if err := o.post.Ask(t.Context(), asked(mail.AskedSignUp, "else@example.com", "192.0.2.2")); err != nil {
		t.Errorf("another network: %v", err)
	}
	o.now = o.now.Add(30 * time.Minute) // as long as the links live
	if err := o.post.Ask(t.Context(), asked(mail.AskedReset, "ann@example.com", "192.0.2.3")); err != nil {
		t.Errorf("half an hour later: %v", err)
	}
}

func TestStrangersUseUpNothingOfOthersByAskingAboutNobody(t *testing.T) {
	o := open(t)
	ann := o.create("ann@example.com")
	for i := range 700 { // more than all together may be sent
		err := o.post.Ask(t.Context(), asked(mail.AskedReset, fmt.Sprintf("n%d@nowhere.example", i), fmt.Sprintf("198.51.%d.1", i/30)))
		o.must(err)
	}
	equal(t, o.work())
	o.must(o.post.Ask(t.Context(), asked(mail.AskedReset, "ann@example.com", "192.0.2.1")))
	equal(t, o.work(), "reset to ann@example.com")

	refused := 0
	for i := range 121 { // networks of one site
		if errors.Is(o.post.Ask(t.Context(), asked(mail.AskedReset, fmt.Sprintf("v%d@nowhere.example", i), fmt.Sprintf("2001:db8:1:%x::1", i))), mail.ErrTooMany) {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("of a site %d were refused", refused)
	}
	for i := range 11 {
		a := asked(mail.AskedEmailChange, fmt.Sprintf("ann%d@example.com", i), "2001:db8:1:1::1")
		a.PersonID = ann.ID
		if err := o.post.Ask(t.Context(), a); errors.Is(err, mail.ErrTooMany) != (i == 10) {
			t.Errorf("the change number %d of somebody signed in: %v", i, err)
		}
	}
}

func TestStrangersCannotFillTheOutbox(t *testing.T) {
	o := open(t)
	n := 0
	for ; n < 1000; n++ {
		err := o.db.AskMail(t.Context(), mail.Queued{ID: fmt.Sprint(n), Sealed: []byte{1}, CreatedAt: o.now}, mail.Allowance{Name: fmt.Sprint(n), Most: 1}, nil, 20)
		if errors.Is(err, mail.ErrNoRoom) {
			break
		}
		o.must(err)
	}
	if n != 20 {
		t.Errorf("%d wait", n)
	}
	o.must(o.post.Queue(t.Context(), mail.Message{Kind: mail.Invitation, To: "new@example.com"}))
}

func TestASignUpIsConfirmedFromItsMailbox(t *testing.T) {
	o := open(t)
	o.create("ann@example.com")
	for _, to := range []string{"ann@example.com", "new@example.com"} {
		o.must(o.post.Ask(t.Context(), asked(mail.AskedSignUp, to, "192.0.2.1")))
	}
	o.must(o.post.Send(t.Context(), o))
	letters := o.letters
	slices.SortFunc(letters, func(a, b mail.Letter) int { return strings.Compare(a.To, b.To) })
	if len(letters) != 2 || letters[0].Subject != "has_account" || letters[0].Text != "" || letters[1].Subject != "confirm_signup" {
		t.Fatalf("got %+v", letters)
	}
	_, err := o.people.Find(t.Context(), "new@example.com")
	if !errors.Is(err, account.ErrNotFound) {
		t.Fatal("there is an account before anybody has followed the link")
	}
	token := letters[1].Text[strings.LastIndex(letters[1].Text, "/")+1:]
	if _, err := o.links.SignUp(t.Context(), token, "New", secret, func(string) bool { return false }, account.Course{}, "", by, o.now); !errors.Is(err, account.ErrLinkOver) {
		t.Errorf("an address that may not: %v", err)
	}
	if _, err := o.links.Accept(t.Context(), token, "New", secret, account.Course{}, "", by, o.now); !errors.Is(err, account.ErrLinkOver) {
		t.Errorf("used as an invitation: %v", err)
	}

	var won atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := o.links.SignUp(context.Background(), token, "New", secret, nil, account.Course{}, "", by, o.now)
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, account.ErrLinkOver) && !errors.Is(err, account.ErrEmailTaken) {
				t.Error(err)
			}
		})
	}
	all.Wait()

	p, err := o.people.Find(t.Context(), "new@example.com")
	if err != nil || won.Load() != 1 || p.EmailVerifiedAt == nil || p.Role != account.RolePerson || len(o.events(audit.PersonSignedUp)) != 1 {
		t.Errorf("%d won: %+v, %v", won.Load(), p, err)
	}
}

func TestAnAddressIsChangedFromItsMailboxByItsPersonOnce(t *testing.T) {
	o := open(t)
	ann, bob := o.create("ann@example.com"), o.create("bob@example.com")
	ask := func(p account.Person, to string) {
		t.Helper()
		a := asked(mail.AskedEmailChange, to, "192.0.2.1")
		a.PersonID = p.ID
		o.must(o.post.Ask(t.Context(), a))
	}
	ask(ann, "ann@new.example")
	ask(ann, "bob@example.com")
	o.must(o.post.Send(t.Context(), o))
	letters := o.letters
	o.letters = nil
	slices.SortFunc(letters, func(a, b mail.Letter) int { return strings.Compare(a.To, b.To) })
	if len(letters) != 2 || letters[0].Subject != "confirm_email" || letters[1].Subject != "email_taken" || letters[1].To != "bob@example.com" || letters[1].Text != "" {
		t.Fatalf("got %+v", letters)
	}
	token := letters[0].Text[strings.LastIndex(letters[0].Text, "/")+1:]
	if err := o.links.ChangeEmail(t.Context(), bob.ID, token, by, o.now); !errors.Is(err, account.ErrLinkOver) {
		t.Errorf("the link of somebody else: %v", err)
	}
	_, reset, err := o.links.ResetLink(t.Context(), ann.ID, by, o.now)
	o.must(err)

	var won atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			err := o.links.ChangeEmail(context.Background(), ann.ID, token, by, o.now)
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, account.ErrLinkOver) {
				t.Error(err)
			}
		})
	}
	all.Wait()

	p, err := o.people.Find(t.Context(), "ann@new.example")
	if err != nil || won.Load() != 1 || p.ID != ann.ID || p.EmailVerifiedAt == nil || len(o.events(audit.EmailChanged)) != 1 {
		t.Errorf("%d won: %+v, %v", won.Load(), p, err)
	}
	if _, err := o.links.Find(t.Context(), account.LinkReset, reset[strings.LastIndex(reset, "/")+1:], o.now); !errors.Is(err, account.ErrLinkOver) {
		t.Errorf("a link in the old mailbox lives on: %v", err)
	}
	sent := o.work()
	slices.Sort(sent)
	equal(t, sent, "email_changed to ann@example.com", "email_is_now to ann@new.example")
}

func TestAnAddressThatIsTakenMeanwhileChangesNothing(t *testing.T) {
	o := open(t)
	ann := o.create("ann@example.com")
	_, address, err := o.links.EmailLink(t.Context(), ann.ID, "new@example.com", by, o.now)
	o.must(err)
	o.create("new@example.com")
	if err := o.links.ChangeEmail(t.Context(), ann.ID, address[strings.LastIndex(address, "/")+1:], by, o.now); !errors.Is(err, account.ErrEmailTaken) {
		t.Errorf("got %v", err)
	}
	if p, err := o.people.Find(t.Context(), ann.ID); err != nil || p.Email != "ann@example.com" {
		t.Errorf("%+v %v", p, err)
	}
}

func TestWhatCannotBeAnsweredKeepsNoOtherWaiting(t *testing.T) {
	o := open(t)
	ann := o.create("ann@example.com")
	same := asked(mail.AskedEmailChange, "ann@example.com", "192.0.2.1")
	same.PersonID = ann.ID
	o.must(o.post.Ask(t.Context(), same))
	o.must(o.post.Ask(t.Context(), asked(mail.AskedSignUp, "no address", "192.0.2.1")))
	o.must(o.post.Ask(t.Context(), asked(mail.AskedReset, "ann@example.com", "192.0.2.1")))

	equal(t, o.work(), "reset to ann@example.com")

	if n := len(o.waiting()); n != 0 {
		t.Errorf("%d mails wait", n)
	}
}

func TestWhoAsksForALinkKillsNoneThatAnAdminHandedOver(t *testing.T) {
	o := open(t)
	ann := o.create("ann@example.com")
	admin := audit.Origin{Actor: audit.ByAdmin, ActorID: "root"}
	good := func(address string) bool { return o.links.StillGood(t.Context(), address, o.now) == nil }
	_, handed, err := o.links.ResetLink(t.Context(), ann.ID, admin, o.now)
	o.must(err)
	var sent []string
	for range 2 {
		_, address, err := o.links.AskReset(t.Context(), ann.ID, audit.Origin{Actor: audit.ByPerson}, o.now)
		o.must(err)
		sent = append(sent, address)
	}
	if !good(handed) || good(sent[0]) || !good(sent[1]) {
		t.Errorf("handed over %v, asked for %v and %v", good(handed), good(sent[0]), good(sent[1]))
	}
	_, again, err := o.links.ResetLink(t.Context(), ann.ID, admin, o.now)
	o.must(err)
	if good(handed) || good(sent[1]) || !good(again) {
		t.Errorf("an admin's takes the place of all: %v, %v, %v", good(handed), good(sent[1]), good(again))
	}
}
