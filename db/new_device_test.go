package db

import (
	"errors"
	"sync"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
)

func TestASignInWithANewDeviceIsAnEventInItsTransaction(t *testing.T) {
	d := openTest(t, Options{})
	p := peopleOf(t, d)
	ann := create(t, p, "ann@example.com")
	at := t0
	signIn := func(device string) {
		t.Helper()
		at = at.Add(time.Second)
		if _, err := p.SignIn(t.Context(), with("ann@example.com", secret, device), from("192.0.2.7"), at); err != nil {
			t.Fatal(err)
		}
	}
	met := func() []audit.Event {
		t.Helper()
		events, err := d.Events(t.Context(), EventFilter{Kind: audit.SignInNewDevice}, 100)
		if err != nil {
			t.Fatal(err)
		}
		return events
	}

	signIn("first")
	signIn("first")
	signIn("") // a browser without a cookie cannot be told from others
	if events := met(); len(events) != 0 {
		t.Fatalf("the first device is new to nobody: %+v", events)
	}
	signIn("second")
	signIn("first")
	signIn("second")

	events := met()
	if len(events) != 1 || events[0].PersonID != ann.ID || events[0].IP != "192.0.2.7" || events[0].UserAgent != "test" {
		t.Fatalf("got %+v", events)
	}
	before, err := d.Events(t.Context(), EventFilter{Kind: audit.SignInSucceeded}, 100)
	if err != nil || before[2].Seq+1 != events[0].Seq {
		t.Errorf("the event does not follow its sign-in: %+v %v", before, err)
	}

	// A browser that wrong passwords come from is not known by them, and is met once however many sign-ins come at once.
	at = at.Add(time.Second)
	_, err = p.SignIn(t.Context(), with("ann@example.com", wrong, "third"), from("192.0.2.8"), at)
	refused(t, err)
	if n := len(met()); n != 1 {
		t.Errorf("a failed sign-in met a device: %d", n)
	}
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			_, err := p.SignIn(t.Context(), with("ann@example.com", secret, "third"), from("192.0.2.8"), at.Add(time.Minute))
			if _, wait := account.IsThrottled(err); err != nil && !wait {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(met()); n != 2 {
		t.Errorf("one device was met %d times", n-1)
	}
}

// Whoever came in by a link is known by their browser from then on.
func TestTheBrowserInWhichSomebodyCameInByALinkIsNotNewAtTheNextSignIn(t *testing.T) {
	root := account.NewPerson{Email: "ann@example.com", Password: secret}
	for name, enter := range map[string]func(*DB, *account.People, *account.Links) (*account.SignedIn, error){
		"setup": func(_ *DB, _ *account.People, links *account.Links) (*account.SignedIn, error) {
			address, err := links.Setup(t.Context(), admin, t0)
			if err != nil {
				return nil, err
			}
			return links.SetUp(t.Context(), tokenOf(address), root, "laptop", from("192.0.2.1"), t0)
		},
		"invitation": func(_ *DB, _ *account.People, links *account.Links) (*account.SignedIn, error) {
			_, address, err := links.Invite(t.Context(), account.Invitation{Email: "ann@example.com"}, admin, t0)
			if err != nil {
				return nil, err
			}
			return links.Accept(t.Context(), tokenOf(address), "Ann", secret, account.Course{}, "laptop", from("192.0.2.1"), t0)
		},
		"sign-up": func(_ *DB, _ *account.People, links *account.Links) (*account.SignedIn, error) {
			_, address, err := links.SignUpLink(t.Context(), "ann@example.com", from("192.0.2.1"), t0)
			if err != nil {
				return nil, err
			}
			return links.SignUp(t.Context(), tokenOf(address), "Ann", secret, nil, account.Course{}, "laptop", from("192.0.2.1"), t0)
		},
		"renewal": func(d *DB, p *account.People, links *account.Links) (*account.SignedIn, error) {
			ann, err := p.Create(t.Context(), account.NewPerson{Email: "ann@example.com", Password: "another teapot on the shelf"}, admin, t0)
			if err != nil {
				return nil, err
			}
			execute(t, d, "UPDATE people SET password_expired_at = 1")
			_, err = p.SignIn(t.Context(), with("ann@example.com", "another teapot on the shelf", "laptop"), from("192.0.2.1"), t0)
			var expired *account.PasswordExpiredError
			if !errors.As(err, &expired) || expired.Person.ID != ann.ID {
				return nil, err
			}
			if n := count(t, d, "SELECT COUNT(*) FROM devices"); n != 0 {
				t.Error("no session began, and the device is known")
			}
			token, err := links.Renewal(t.Context(), expired, []byte("b"), from("192.0.2.1"), t0)
			if err != nil {
				return nil, err
			}
			return links.ChoosePassword(t.Context(), account.LinkRenewal, token, secret, account.Course{Browser: []byte("b")}, "laptop", from("192.0.2.1"), t0)
		},
	} {
		d, p, links := linksOf(t)
		in, err := enter(d, p, links)
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := newBrowser(d).commit(t, "", account.NewSession(in, from("192.0.2.1"))); err != nil {
			t.Fatal(name, err)
		}

		if _, err := p.SignIn(t.Context(), with("ann@example.com", secret, "laptop"), from("192.0.2.1"), t0.Add(time.Hour)); err != nil {
			t.Fatal(name, err)
		}

		events, err := d.Events(t.Context(), EventFilter{Kind: audit.SignInNewDevice}, 100)
		if err != nil || len(events) != 0 {
			t.Errorf("%s: %+v %v", name, events, err)
		}
	}
}
