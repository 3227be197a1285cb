package db

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
)

// linksOf gives people and the links that let them in, over a store of their own.
func linksOf(t testing.TB) (*DB, *account.People, *account.Links) {
	d := openTest(t, Options{})
	p := peopleOf(t, d)
	return d, p, account.NewLinks(p, d, "https://id.example/t1/")
}

// tokenOf is the last part of a link.
func tokenOf(address string) string { return address[strings.LastIndexByte(address, '/')+1:] }

// together runs f in n goroutines at once and gives how often each error came; nil is "".
func together(n int, f func(i int) error) map[string]int {
	var mu sync.Mutex
	var all sync.WaitGroup
	results, begin := map[string]int{}, make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-begin
			err := f(i)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				results[""]++
			case errors.Is(err, account.ErrLinkOver):
				results["over"]++
			case errors.Is(err, account.ErrHasAdmin):
				results["has admin"]++
			case errors.Is(err, account.ErrLastAdmin):
				results["last admin"]++
			default:
				results[err.Error()]++
			}
		})
	}
	close(begin)
	all.Wait()
	return results
}

func TestSetup(t *testing.T) {
	ctx := context.Background()
	server := audit.Origin{Actor: audit.ByServer}
	first := account.NewPerson{Email: "root@example.com", Name: "Root", Password: secret}

	t.Run("WEB-41: a setup link makes the first admin, once, and then there are no more", func(t *testing.T) {
		d, p, links := linksOf(t)
		address, err := links.Setup(ctx, server, t0)
		if err != nil || !strings.HasPrefix(address, "https://id.example/t1/setup/rgl1_") {
			t.Fatal(address, err)
		}

		in, err := links.SetUp(ctx, tokenOf(address), first, "", audit.Origin{IP: "192.0.2.7"}, t0.Add(time.Minute))

		if err != nil || in.Person.Role != account.RoleAdmin {
			t.Fatal(in, err)
		}
		events, err := d.Events(ctx, EventFilter{PersonID: in.Person.ID}, 10)
		if err != nil || len(events) != 2 || events[0].Kind != audit.SignInSucceeded || events[1].Kind != audit.PersonCreated {
			t.Fatalf("events: %+v %v", events, err)
		}
		for _, e := range events {
			if e.IP != "192.0.2.7" || e.ActorID != in.Person.ID || !strings.Contains(e.Detail, "by=setup") {
				t.Errorf("event: %+v", e)
			}
		}
		_, err = links.SetUp(ctx, tokenOf(address), first, "", server, t0.Add(time.Minute))
		want(t, err, account.ErrHasAdmin)
		_, err = links.Setup(ctx, server, t0)
		want(t, err, account.ErrHasAdmin)
		if has, err := p.HadAdmin(ctx); err != nil || !has {
			t.Error(has, err)
		}
	})

	t.Run("WEB-41: a link is over after an hour, and when the next one is printed", func(t *testing.T) {
		_, _, links := linksOf(t)
		old, _ := links.Setup(ctx, server, t0)
		address, _ := links.Setup(ctx, server, t0.Add(time.Minute))
		_, err := links.Find(ctx, account.LinkSetup, tokenOf(old), t0.Add(2*time.Minute))
		want(t, err, account.ErrLinkOver)
		if _, err := links.Find(ctx, account.LinkSetup, tokenOf(address), t0.Add(time.Hour)); err != nil {
			t.Error(err)
		}
		_, err = links.SetUp(ctx, tokenOf(address), first, "", server, t0.Add(time.Hour+time.Minute))
		want(t, err, account.ErrLinkOver)
	})

	t.Run("WEB-41: an admin from the command line closes a link that is out", func(t *testing.T) {
		_, p, links := linksOf(t)
		address, _ := links.Setup(ctx, server, t0)
		if _, err := p.Create(ctx, account.NewPerson{Email: "cli@example.com", Role: account.RoleAdmin, Password: secret}, admin, t0); err != nil {
			t.Fatal(err)
		}
		_, err := links.SetUp(ctx, tokenOf(address), first, "", server, t0)
		want(t, err, account.ErrHasAdmin)
	})

	t.Run("WEB-41: of many who use it at once one becomes admin", func(t *testing.T) {
		d, _, links := linksOf(t)
		address, _ := links.Setup(ctx, server, t0)
		n := 50
		if testing.Short() {
			n = 10
		}
		got := together(n, func(i int) error {
			mine := first
			mine.Email = string(rune('a'+i%26)) + string(rune('a'+i/26)) + "@example.com"
			_, err := links.SetUp(ctx, tokenOf(address), mine, "", server, t0)
			return err
		})
		if got[""] != 1 || got[""]+got["over"]+got["has admin"] != n {
			t.Errorf("got %v", got)
		}
		if people := count(t, d, "SELECT COUNT(*) FROM people"); people != 1 {
			t.Errorf("%d people", people)
		}
	})
}

func TestInvitations(t *testing.T) {
	ctx := context.Background()

	t.Run("WEB-42: an invitation makes one account, with the address and role that it names", func(t *testing.T) {
		d, _, links := linksOf(t)
		link, address, err := links.Invite(ctx, account.Invitation{Email: " Bob@Example.com", Name: "Bob", Role: account.RoleAdmin}, admin, t0)
		if err != nil || link.Email != "bob@example.com" || !strings.HasPrefix(address, "https://id.example/t1/invite/rgl1_") {
			t.Fatal(link, address, err)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM links WHERE CAST(hash AS text) LIKE '%' || ? || '%'", tokenOf(address)); n != 0 {
			t.Error("the token itself is stored")
		}
		if e := lastEvent(t, d); e.Kind != audit.InvitationCreated || strings.Contains(e.Detail, "bob") || !strings.Contains(e.Detail, "role=admin") {
			t.Errorf("event: %+v", e)
		}
		for range 3 { // looking uses nothing up
			if found, err := links.Find(ctx, account.LinkInvite, tokenOf(address), t0); err != nil || found.ID != link.ID {
				t.Fatal(found, err)
			}
		}

		got := together(20, func(int) error {
			_, err := links.Accept(ctx, tokenOf(address), "Robert", secret, account.Course{}, "", audit.Origin{}, t0.Add(time.Hour))
			return err
		})

		if got[""] != 1 || got["over"] != 19 {
			t.Fatalf("got %v", got)
		}
		bob, err := d.PersonByEmail(ctx, "bob@example.com")
		if err != nil || bob.Name != "Robert" || bob.Role != account.RoleAdmin || bob.EmailVerifiedAt != nil {
			t.Errorf("%+v %v", bob, err)
		}
	})

	t.Run("a password that is refused uses nothing up", func(t *testing.T) {
		_, _, links := linksOf(t)
		_, address, _ := links.Invite(ctx, account.Invitation{Email: "bob@example.com"}, admin, t0)
		var refused *account.PasswordError
		if _, err := links.Accept(ctx, tokenOf(address), "Bob", "short", account.Course{}, "", audit.Origin{}, t0); !errors.As(err, &refused) {
			t.Fatal(err)
		}
		if _, err := links.Accept(ctx, tokenOf(address), "Bob", secret, account.Course{}, "", audit.Origin{}, t0); err != nil {
			t.Error(err)
		}
	})

	t.Run("an invitation ends by time, by another to the same address, by withdrawal, and with the role of who made it", func(t *testing.T) {
		d, p, links := linksOf(t)
		root := admin
		for _, email := range []string{"root@example.com", "other@example.com"} {
			made, err := p.Create(ctx, account.NewPerson{Email: email, Role: account.RoleAdmin, Password: secret}, admin, t0)
			if err != nil {
				t.Fatal(err)
			}
			root.ActorID = made.ID
		}
		find := func(address string, now time.Time) error {
			_, err := links.Find(ctx, account.LinkInvite, tokenOf(address), now)
			return err
		}
		invite := func(email string) (account.Link, string) {
			link, address, err := links.Invite(ctx, account.Invitation{Email: email}, root, t0)
			if err != nil {
				t.Fatal(err)
			}
			return link, address
		}

		_, first := invite("bob@example.com")
		link, second := invite("bob@example.com")
		want(t, find(first, t0), account.ErrLinkOver)
		want(t, find(second, t0.Add(7*24*time.Hour)), account.ErrLinkOver)
		if waiting, err := links.Invitations(ctx, t0, 10); err != nil || len(waiting) != 1 || waiting[0].ID != link.ID {
			t.Error(waiting, err)
		}
		if err := links.WithdrawInvitation(ctx, link.ID, root, t0); err != nil {
			t.Fatal(err)
		}
		want(t, links.WithdrawInvitation(ctx, link.ID, root, t0), account.ErrNotFound)
		want(t, find(second, t0), account.ErrLinkOver)

		_, third := invite("carl@example.com")
		if err := p.ChangeRole(ctx, root.ActorID, account.RolePerson, admin, t0); err != nil {
			t.Fatal(err)
		}
		want(t, find(third, t0), account.ErrLinkOver)
		if n := count(t, d, "SELECT COUNT(*) FROM links"); n != 0 {
			t.Errorf("%d links are left", n)
		}
	})

	t.Run("nobody is invited twice, nor against the rules", func(t *testing.T) {
		_, p, links := linksOf(t)
		create(t, p, "ann@example.com")
		_, _, err := links.Invite(ctx, account.Invitation{Email: "ANN@example.com"}, admin, t0)
		want(t, err, account.ErrEmailTaken)
		var invalid *account.InvalidError
		no := func(string) bool { return false }
		if _, _, err = links.Invite(ctx, account.Invitation{Email: "bob@elsewhere.example", May: no}, admin, t0); !errors.As(err, &invalid) || invalid.Key != "email.domain" {
			t.Error(err)
		}
		// Somebody gets the address while the invitation waits.
		_, address, _ := links.Invite(ctx, account.Invitation{Email: "bob@example.com"}, admin, t0)
		create(t, p, "bob@example.com")
		_, err = links.Accept(ctx, tokenOf(address), "Bob", secret, account.Course{}, "", audit.Origin{}, t0)
		want(t, err, account.ErrEmailTaken)
	})

	t.Run("a link of one kind opens nothing of another", func(t *testing.T) {
		_, p, links := linksOf(t)
		ann := create(t, p, "ann@example.com")
		_, invite, _ := links.Invite(ctx, account.Invitation{Email: "bob@example.com"}, admin, t0)
		_, reset, _ := links.ResetLink(ctx, ann.ID, admin, t0)
		for _, c := range []struct {
			kind    account.LinkKind
			address string
		}{{account.LinkReset, invite}, {account.LinkSetup, invite}, {account.LinkRenewal, reset}, {account.LinkInvite, reset}} {
			_, err := links.Find(ctx, c.kind, tokenOf(c.address), t0)
			want(t, err, account.ErrLinkOver)
		}
		for _, token := range []string{"", "rgl1_", "x", "rgl1_AAAAAAAAAAAAAAAAAAAAAAAAAA", strings.ToLower(tokenOf(reset)), tokenOf(reset) + "A"} {
			_, err := links.Find(ctx, account.LinkReset, token, t0)
			want(t, err, account.ErrLinkOver)
		}
	})

	t.Run("links that are over are swept", func(t *testing.T) {
		d, p, links := linksOf(t)
		for _, email := range []string{"a@example.com", "b@example.com"} {
			if _, _, err := links.Invite(ctx, account.Invitation{Email: email}, admin, t0); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := p.Sweep(ctx, t0.Add(7*24*time.Hour)); n != 0 || err != nil {
			t.Error("too early", n, err)
		}
		if n, err := p.Sweep(ctx, t0.Add(9*24*time.Hour)); n != 2 || err != nil || count(t, d, "SELECT COUNT(*) FROM links") != 0 {
			t.Error(n, err)
		}
	})
}
