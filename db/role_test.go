package db

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
)

// createAdmin adds an admin.
func createAdmin(t testing.TB, p *account.People, email string) account.Person {
	t.Helper()
	person, err := p.Create(t.Context(), account.NewPerson{Email: email, Role: account.RoleAdmin, Password: secret}, admin, t0)
	if err != nil {
		t.Fatal(err)
	}
	return person
}

// signInAs signs somebody in with a session in the store.
func signInAs(t testing.TB, d *DB, p *account.People, email string, at time.Time) (account.Session, error) {
	t.Helper()
	in, err := p.SignIn(t.Context(), account.Credentials{Email: email, Password: secret}, audit.Origin{IP: "192.0.2.9"}, at)
	if err != nil {
		return account.Session{}, err
	}
	session := account.NewSession(in, audit.Origin{})
	b, err := account.SessionCodec{}.Encode(at.Add(24*time.Hour), map[string]any{account.SessionKey: session})
	if err != nil {
		t.Fatal(err)
	}
	store := d.SessionStore(func() time.Time { return at })
	return session, store.CommitCtx(t.Context(), session.ID, b, at)
}

func TestRoles(t *testing.T) {
	ctx := context.Background()

	t.Run("a role changes with its sessions, and the log says from what to what", func(t *testing.T) {
		d, p, _ := linksOf(t)
		createAdmin(t, p, "root@example.com")
		ann := create(t, p, "ann@example.com")
		if _, err := signInAs(t, d, p, "ann@example.com", t0); err != nil {
			t.Fatal(err)
		}

		if err := p.ChangeRole(ctx, ann.ID, account.RoleAdmin, admin, t0.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}

		after, _ := p.Find(ctx, ann.ID)
		if after.Role != account.RoleAdmin || after.Version != ann.Version+1 {
			t.Errorf("%+v", after)
		}
		if sessions, _ := p.Sessions(ctx, ann.ID, t0.Add(time.Minute)); len(sessions) != 0 {
			t.Error("a session outlives the role it was made for")
		}
		if e := lastEvent(t, d); e.Kind != audit.PersonRoleChanged || e.Detail != "before=person after=admin" || e.PersonID != ann.ID {
			t.Errorf("event: %+v", e)
		}
		want(t, p.ChangeRole(ctx, ann.ID, account.RoleAdmin, admin, t0), account.ErrUnchanged)
		want(t, p.ChangeRole(ctx, "nobody", account.RoleAdmin, admin, t0), account.ErrNotFound)
		if err := p.ChangeRole(ctx, ann.ID, "king", admin, t0); err == nil {
			t.Error("there is no such role")
		}
	})

	t.Run("the last admin who can sign in is neither disabled nor deleted nor demoted", func(t *testing.T) {
		_, p, _ := linksOf(t)
		root, other := createAdmin(t, p, "root@example.com"), createAdmin(t, p, "other@example.com")
		if err := p.Disable(ctx, other.ID, admin, t0); err != nil {
			t.Fatal(err)
		}
		want(t, p.Disable(ctx, root.ID, admin, t0), account.ErrLastAdmin)
		want(t, p.Delete(ctx, root.ID, admin, t0), account.ErrLastAdmin)
		want(t, p.ChangeRole(ctx, root.ID, account.RolePerson, admin, t0), account.ErrLastAdmin)
		// The disabled one counts for nothing, and may go.
		if err := p.Delete(ctx, other.ID, admin, t0); err != nil {
			t.Error(err)
		}
		if has, err := p.HasAdmin(ctx); !has || err != nil {
			t.Error(has, err)
		}
	})

	t.Run("of admins who demote, disable or delete each other at once one stays", func(t *testing.T) {
		rounds := 30
		if testing.Short() {
			rounds = 6
		}
		_, p, _ := linksOf(t)
		root := createAdmin(t, p, "root@example.com")
		for round := range rounds {
			other := createAdmin(t, p, string(rune('a'+round))+"@other.example")
			pair := []string{root.ID, other.ID}
			acts := []func(string) error{
				func(id string) error { return p.ChangeRole(ctx, id, account.RolePerson, admin, t0) },
				func(id string) error { return p.Disable(ctx, id, admin, t0) },
				func(id string) error { return p.Delete(ctx, id, admin, t0) },
			}
			got := together(2, func(i int) error { return acts[(round+i*round/3)%3](pair[i]) })
			if got[""] != 1 || got["last admin"] != 1 {
				t.Fatalf("round %d: %v", round, got)
			}
			if n, err := p.HasAdmin(ctx); !n || err != nil {
				t.Fatal("nobody is left", err)
			}
			if left, err := p.Find(ctx, root.ID); errors.Is(err, account.ErrNotFound) || left.Role != account.RoleAdmin || left.DisabledAt != nil {
				root = other
			}
		}
	})
}

func TestExpiredPasswords(t *testing.T) {
	ctx := context.Background()
	later := t0.Add(time.Hour)

	t.Run("WEB-35: no session begins until another password is chosen", func(t *testing.T) {
		d, p, links := linksOf(t)
		ann := create(t, p, "ann@example.com")
		if _, err := signInAs(t, d, p, "ann@example.com", t0); err != nil {
			t.Fatal(err)
		}
		if err := p.ExpirePassword(ctx, ann.ID, admin, later); err != nil {
			t.Fatal(err)
		}
		if sessions, _ := p.Sessions(ctx, ann.ID, later); len(sessions) != 0 {
			t.Error("sessions outlive it")
		}

		_, err := signInAs(t, d, p, "ann@example.com", later)
		var expired *account.PasswordExpiredError
		if !errors.As(err, &expired) || expired.Person.ID != ann.ID {
			t.Fatal(err)
		}
		_, err = p.SignIn(ctx, account.Credentials{Email: "ann@example.com", Password: "not that one at all"}, audit.Origin{}, later)
		want(t, err, account.ErrCredentials) // who guesses learns nothing

		token, err := links.Renewal(ctx, expired, []byte("b"), audit.Origin{}, later)
		if err != nil {
			t.Fatal(err)
		}
		course := account.Course{Browser: []byte("b")}
		var refused *account.PasswordError
		if _, err := links.ChoosePassword(ctx, account.LinkRenewal, token, secret, course, "", audit.Origin{}, later); !errors.As(err, &refused) || refused.Key != "password.same" {
			t.Errorf("the same one again: %v", err)
		}
		const other = "a windmill miller's kettle"
		for _, browser := range [][]byte{nil, []byte("another's")} {
			_, err := links.ChoosePassword(ctx, account.LinkRenewal, token, other, account.Course{Browser: browser}, "", audit.Origin{}, later)
			want(t, err, account.ErrLinkOver)
		}
		got := together(10, func(int) error {
			_, err := links.ChoosePassword(ctx, account.LinkRenewal, token, other, course, "", audit.Origin{}, later)
			return err
		})
		if got[""] != 1 || got["over"] != 9 {
			t.Fatalf("got %v", got)
		}
		if _, err := p.SignIn(ctx, account.Credentials{Email: "ann@example.com", Password: other}, audit.Origin{}, later); err != nil {
			t.Error(err)
		}
	})

	t.Run("a password that expires while somebody signs in stops them", func(t *testing.T) {
		d, p, _ := linksOf(t)
		ann := create(t, p, "ann@example.com")
		in, err := p.SignIn(ctx, account.Credentials{Email: "ann@example.com", Password: secret}, audit.Origin{}, t0)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.ExpirePassword(ctx, ann.ID, admin, t0); err != nil {
			t.Fatal(err)
		}
		session := account.NewSession(in, audit.Origin{})
		b, _ := account.SessionCodec{}.Encode(later, map[string]any{account.SessionKey: session})
		err = d.SessionStore(func() time.Time { return t0 }).CommitCtx(ctx, session.ID, b, later)
		want(t, err, account.ErrSessionEnded)
	})

	t.Run("T24: a reset link ends everything, once, and is over when the password changes otherwise", func(t *testing.T) {
		d, p, links := linksOf(t)
		ann := create(t, p, "ann@example.com")
		if _, err := signInAs(t, d, p, "ann@example.com", t0); err != nil {
			t.Fatal(err)
		}
		settle(t, d, ann, "another")
		_, old, _ := links.ResetLink(ctx, ann.ID, admin, later)
		_, address, err := links.ResetLink(ctx, ann.ID, admin, later)
		if err != nil {
			t.Fatal(err)
		}
		_, err = links.Find(ctx, account.LinkReset, tokenOf(old), later)
		want(t, err, account.ErrLinkOver)
		_, err = links.Find(ctx, account.LinkReset, tokenOf(address), later.Add(30*time.Minute))
		want(t, err, account.ErrLinkOver)

		const other = "a windmill miller's kettle"
		if _, err := links.ChoosePassword(ctx, account.LinkReset, tokenOf(address), other, account.Course{}, "", audit.Origin{}, later); err != nil {
			t.Fatal(err)
		}

		if sessions, _ := p.Sessions(ctx, ann.ID, later); len(sessions) != 0 {
			t.Error("sessions outlive it")
		}
		if after, _ := p.Find(ctx, ann.ID); after.GrantsRevokedBefore == nil || !after.GrantsRevokedBefore.Equal(later) {
			t.Errorf("grants outlive it: %+v", after)
		}
		_, err = links.ChoosePassword(ctx, account.LinkReset, tokenOf(address), secret, account.Course{}, "", audit.Origin{}, later)
		want(t, err, account.ErrLinkOver)

		_, address, _ = links.ResetLink(ctx, ann.ID, admin, later)
		if err := p.SetPassword(ctx, ann.ID, secret, admin, later); err != nil {
			t.Fatal(err)
		}
		_, err = links.Find(ctx, account.LinkReset, tokenOf(address), later)
		want(t, err, account.ErrLinkOver)
		if err := p.Disable(ctx, ann.ID, admin, later); err != nil {
			t.Fatal(err)
		}
		_, _, err = links.ResetLink(ctx, ann.ID, admin, later)
		want(t, err, account.ErrNotFound)
	})
}

func TestSearchPeople(t *testing.T) {
	ctx := context.Background()
	d, p, _ := linksOf(t)
	createAdmin(t, p, "root@example.com")
	for _, n := range []account.NewPerson{
		{Email: "ann@example.com", Name: "Ann Ångström"}, {Email: "bob@other.example", Name: "Bob 100%"}, {Email: "carl_x@example.com", Name: "Carl"},
	} {
		n.Password = secret
		made, err := p.Create(ctx, n, admin, t0)
		if err != nil {
			t.Fatal(err)
		}
		if made.Name == "Carl" {
			if err := p.Disable(ctx, made.ID, admin, t0); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := signInAs(t, d, p, "ann@example.com", t0.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		filter account.PeopleFilter
		want   string
	}{
		"all":                   {account.PeopleFilter{}, "ann bob carl root"},
		"part of a name":        {account.PeopleFilter{Search: "ngstr"}, "ann"},
		"another case":          {account.PeopleFilter{Search: "ANN"}, "ann"},
		"a letter beyond ASCII": {account.PeopleFilter{Search: "Ångs"}, "ann"},
		"part of an address":    {account.PeopleFilter{Search: "OTHER.ex"}, "bob"},
		"a percent sign":        {account.PeopleFilter{Search: "0%"}, "bob"},
		"an underscore":         {account.PeopleFilter{Search: "l_x"}, "carl"},
		"no wildcard":           {account.PeopleFilter{Search: "b_b"}, ""},
		"admins":                {account.PeopleFilter{Role: account.RoleAdmin}, "root"},
		"disabled":              {account.PeopleFilter{State: account.PersonDisabled}, "carl"},
		"active":                {account.PeopleFilter{State: account.PersonActive}, "ann bob root"},
		"after":                 {account.PeopleFilter{After: "bob@other.example"}, "carl root"},
		"before":                {account.PeopleFilter{Before: "carl_x@example.com"}, "ann bob"},
		"the last before":       {account.PeopleFilter{Before: "root@example.com", Limit: 2}, "bob carl"},
	} {
		if c.filter.Limit == 0 {
			c.filter.Limit = 50
		}
		found, err := d.SearchPeople(ctx, c.filter, t0)
		var got []string
		for _, e := range found {
			local, _, _ := strings.Cut(e.Email, "@")
			got = append(got, strings.TrimSuffix(local, "_x"))
			if signed := e.SignedInAt != nil; signed != (e.Email == "ann@example.com") || signed && !e.SignedInAt.Equal(t0.Add(time.Hour)) {
				t.Errorf("%s signed in at %v", e.Email, e.SignedInAt)
			}
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
