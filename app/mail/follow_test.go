package mail_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/mail"
)

// happen writes an event about a person.
func (o *office) happen(kind audit.Kind, p account.Person, details ...string) {
	o.t.Helper()
	result := "ok"
	switch kind {
	case audit.GrantReuse:
		result = "revoked"
	case audit.GrantReported:
		result = "reported"
	}
	o.must(o.db.Audit(o.t.Context(), audit.Event{
		At: o.now, Kind: kind, PersonID: p.ID, Result: result, Detail: audit.Details(details...), Origin: audit.Origin{Actor: audit.ByPerson, ActorID: p.ID, IP: "192.0.2.7"},
	}))
}

func TestPeopleAreToldOfWhatTheLogSays(t *testing.T) {
	o := open(t)
	ann := o.create("ann@example.com")
	for _, e := range []struct {
		kind    audit.Kind
		details []string
	}{
		{audit.SignInSucceeded, nil}, {audit.SignInNewDevice, nil}, {audit.GrantReuse, nil}, {audit.GrantReported, nil}, {audit.PasswordChanged, []string{"by", "person"}},
		{audit.FactorAdded, []string{"factor", "totp"}}, {audit.FactorRemoved, []string{"factor", "passkey"}}, {audit.FactorReset, nil}, {audit.RecoveryCodeUsed, nil},
		{audit.RecoveryCodesMade, []string{"replaced", "false"}}, {audit.RecoveryCodesMade, []string{"replaced", "true"}}, {audit.FactorCopySuspected, nil},
		{audit.PersonUpdated, []string{"changed", "name"}},
	} {
		o.happen(e.kind, ann, e.details...)
	}
	o.must(o.db.Audit(t.Context(), audit.Event{At: o.now, Kind: audit.PasswordChanged, PersonID: ann.ID, Result: "wrong password"}))

	sent := o.work()
	slices.Sort(sent)
	equal(t, sent, "copy_suspected to ann@example.com", "factor_added to ann@example.com", "factor_removed to ann@example.com", "factor_reset to ann@example.com", "new_device to ann@example.com", "new_recovery_codes to ann@example.com",
		"password_changed to ann@example.com", "recovery_code_used to ann@example.com", "reported to ann@example.com", "reuse to ann@example.com")
	equal(t, o.work())
}

func TestNoNoticeIsLostOrToldTwiceByTheQueue(t *testing.T) {
	o := open(t)
	ann := o.create("ann@example.com")
	// Three followers at once, as if two more processes had the file, while events are written.
	followers := []*mail.Post{o.post, o.another(o), o.another(o)}
	stop := make(chan struct{})
	var all sync.WaitGroup
	for _, p := range followers {
		all.Go(func() {
			for {
				if err := p.Follow(context.Background()); err != nil {
					t.Error(err)
				}
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
			}
		})
	}
	const events = 40
	for range events {
		o.happen(audit.PasswordChanged, ann)
		o.happen(audit.SignInSucceeded, ann)
	}
	close(stop)
	all.Wait()
	if n := len(o.work()); n != events {
		t.Errorf("%d mails for %d events", n, events)
	}

	// A restart begins where the log was followed to, though what nobody is told of moves nothing.
	o.happen(audit.SignInSucceeded, ann)
	o.post = o.another(o)
	equal(t, o.work())
	o.happen(audit.PasswordChanged, ann)
	equal(t, o.work(), "password_changed to ann@example.com")
}

func TestOldEventsAreToldToNobody(t *testing.T) {
	o := open(t)
	ann := o.create("ann@example.com")
	o.happen(audit.PasswordChanged, ann)
	o.now = o.now.Add(mail.GiveUpAfter + time.Second)
	equal(t, o.work())

	// Without a mail server nothing is kept for the day when there is one.
	o.happen(audit.PasswordChanged, ann)
	o.must(o.another(nil).Follow(t.Context()))
	o.post = o.another(o)
	equal(t, o.work())
}

func TestWhoIsDisabledOrDeletedGetsNoMail(t *testing.T) {
	o := open(t)
	ann, bob, carl := o.create("ann@example.com"), o.create("bob@example.com"), o.create("carl@example.com")
	for _, p := range []account.Person{ann, bob, carl} {
		o.happen(audit.SignInNewDevice, p)
	}
	o.must(o.post.Follow(t.Context()))
	o.must(o.people.Disable(t.Context(), ann.ID, by, o.now))
	o.must(o.people.Delete(t.Context(), bob.ID, by, o.now))
	if n := len(o.waiting()); n != 2 {
		t.Errorf("%d mails wait: those of a deleted person go with them", n)
	}

	equal(t, o.work(), "new_device to carl@example.com")

	if n := len(o.waiting()); n != 0 {
		t.Errorf("%d mails wait for nobody", n)
	}
}

func TestWhoKnowsAPasswordCannotFloodItsMailbox(t *testing.T) {
	o := open(t)
	ann := o.create("ann@example.com")
	for range 30 {
		o.happen(audit.SignInNewDevice, ann)
	}
	if n := len(o.work()); n != 10 {
		t.Errorf("%d mails in an hour", n)
	}
	o.now = o.now.Add(time.Hour)
	o.happen(audit.SignInNewDevice, ann)
	if n := len(o.work()); n != 1 {
		t.Errorf("%d mails in the next", n)
	}
}

func TestAChangedAddressIsToldToBoth(t *testing.T) {
	o := open(t)
	ann := o.create("ann@example.com")
	_, err := o.people.ChangeProfile(t.Context(), ann.ID, account.Profile{Name: "Ann", Email: "ann@new.example"}, by, o.now)
	o.must(err)
	sent := o.work()
	slices.Sort(sent)
	equal(t, sent, "email_changed to ann@example.com", "email_is_now to ann@new.example")
	if former, err := o.db.FormerEmail(t.Context(), o.events(audit.PersonUpdated)[0].Seq); err != nil || former != "" {
		t.Errorf("the old address is still kept: %q %v", former, err)
	}
}
