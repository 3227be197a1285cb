package db

import (
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
)

// Whoever reads the mailbox must not get in by a link that was sent before the person took care of the account.
func TestWhatAPersonDoesForTheirSafetyEndsTheLinksThatWereSentBefore(t *testing.T) {
	at := t0.Add(time.Minute)
	for name, act := range map[string]func(*DB, *account.People, account.Person) error{
		"T24 they change the password": func(d *DB, p *account.People, a account.Person) error {
			c := account.PasswordChange{PersonID: a.ID, SessionID: "here", Current: secret, New: "another teapot on the shelf"}
			return p.ChangePassword(t.Context(), c, from("192.0.2.1"), at)
		},
		"they report a grant": func(d *DB, p *account.People, a account.Person) error {
			insert(t, d, "clients", map[string]any{"id": "c"})
			insert(t, d, "grants", map[string]any{"id": "g", "person_id": a.ID, "session_id": "s", "client_id": "c"})
			return d.ReportGrant(t.Context(), a.ID, "g", "here", audit.Event{At: at, Kind: audit.GrantReported, PersonID: a.ID})
		},
		"T25 they remove the app": func(d *DB, p *account.People, a account.Person) error {
			insert(t, d, "totps", map[string]any{"person_id": a.ID, "secret": []byte("s")})
			return p.RemoveTOTP(t.Context(), account.FactorRemoval{PersonID: a.ID, SessionID: "here"}, from("192.0.2.1"), at)
		},
		"T25 they remove a passkey": func(d *DB, p *account.People, a account.Person) error {
			k := added(t, d, a.ID, "k")
			e := audit.Event{At: at, Kind: audit.FactorRemoved, PersonID: a.ID}
			return d.RemovePasskey(t.Context(), account.PasskeyRemoval{PersonID: a.ID, PasskeyID: k.ID, SessionID: "here"}, e)
		},
	} {
		d, p, links := linksOf(t)
		ann, bob := create(t, p, "ann@example.com"), create(t, p, "bob@example.com")
		_, reset, err := links.AskReset(t.Context(), ann.ID, from("192.0.2.9"), t0)
		if err != nil {
			t.Fatal(err)
		}
		_, email, err := links.EmailLink(t.Context(), ann.ID, "eve@example.com", from("192.0.2.9"), t0)
		if err != nil {
			t.Fatal(err)
		}
		_, others, err := links.AskReset(t.Context(), bob.ID, from("192.0.2.9"), t0)
		if err != nil {
			t.Fatal(err)
		}

		if err := act(d, p, ann); err != nil {
			t.Fatal(name, err)
		}

		for kind, address := range map[account.LinkKind]string{account.LinkReset: reset, account.LinkEmail: email} {
			if _, err := links.Find(t.Context(), kind, tokenOf(address), at); err == nil {
				t.Errorf("%s: the link to %s is alive", name, kind)
			}
		}
		if _, err := links.Find(t.Context(), account.LinkReset, tokenOf(others), at); err != nil {
			t.Errorf("%s: the link of somebody else: %v", name, err)
		}
	}
}

func TestT23_NothingInTheLinksTellsOfADeletedPerson(t *testing.T) {
	d, p, links := linksOf(t)
	_, invited, err := links.Invite(t.Context(), account.Invitation{Email: "ann@example.com", Name: "Ann"}, admin, t0)
	if err != nil {
		t.Fatal(err)
	}
	in, err := links.Accept(t.Context(), tokenOf(invited), "Ann", secret, account.Course{}, "", from("192.0.2.1"), t0)
	if err != nil {
		t.Fatal(err)
	}
	_, moved, err := links.EmailLink(t.Context(), in.Person.ID, "new@example.com", from("192.0.2.1"), t0)
	if err != nil {
		t.Fatal(err)
	}
	if err := links.ChangeEmail(t.Context(), in.Person.ID, tokenOf(moved), from("192.0.2.1"), t0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := links.EmailLink(t.Context(), in.Person.ID, "third@example.com", from("192.0.2.1"), t0); err != nil {
		t.Fatal(err)
	}
	// An invitation to an address that somebody else's account got meanwhile.
	if _, _, err := links.SignUpLink(t.Context(), "bob@example.com", from("192.0.2.1"), t0); err != nil {
		t.Fatal(err)
	}
	bob := create(t, p, "bob@example.com")
	if _, _, err := links.SignUpLink(t.Context(), "eve@example.com", from("192.0.2.1"), t0); err != nil {
		t.Fatal(err)
	}

	for _, id := range []string{in.Person.ID, bob.ID} {
		if err := p.Delete(t.Context(), id, admin, t0.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}

	if n := count(t, d, "SELECT COUNT(*) FROM links WHERE email <> 'eve@example.com' OR name <> ''"); n != 0 {
		t.Errorf("%d links tell of them", n)
	}
	if n := count(t, d, "SELECT COUNT(*) FROM links"); n != 1 {
		t.Errorf("%d links are left, want that of somebody else", n)
	}
}
