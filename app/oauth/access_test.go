package oauth_test

import (
	"context"
	"crypto/rand"
	"net/url"
	"slices"
	"strings"
	"testing"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
)

// groups are the groups of a world.
func (w *world) groups() *account.Groups { return account.NewGroups(w.db) }

// group makes a group with these members.
func (w *world) group(name, claim string, members ...string) string {
	w.Helper()
	g, err := w.groups().Create(context.Background(), account.Group{Name: name, Claim: claim}, device, w.clock.Wall())
	w.ok(err)
	w.join(g.ID, members...)
	return g.ID
}

func (w *world) join(group string, people ...string) {
	w.Helper()
	_, err := w.groups().Add(context.Background(), group, people, device, w.clock.Wall())
	w.ok(err)
}

func (w *world) part(group string, people ...string) {
	w.Helper()
	_, err := w.groups().Remove(context.Background(), group, people, device, w.clock.Wall())
	w.ok(err)
}

// limit lets only members of groups use a client.
func (w *world) limit(client string, groups ...string) {
	w.Helper()
	w.ok(w.tryLimit(client, groups...))
}

func (w *world) tryLimit(client string, groups ...string) error {
	_, err := oauth.ChangeClient(context.Background(), w.db, client, func(c *oauth.Client) error {
		c.Restricted, c.Groups = true, nil
		for _, id := range groups {
			c.Groups = append(c.Groups, oauth.Group{ID: id})
		}
		return nil
	}, w.clock.Wall(), device)
	return err
}

// losses are the ways in which somebody loses access to a client that is limited to one group.
var losses = map[string]func(w *world, client, group string){
	"taken out of the group": func(w *world, _, group string) { w.part(group, "ann") },
	"the group is deleted": func(w *world, _, group string) {
		w.ok(w.groups().Delete(context.Background(), group, device, w.clock.Wall()))
	},
	"the client leaves it":      func(w *world, client, _ string) { w.limit(client, w.group("others "+rand.Text(), "")) },
	"the client is for nobody":  func(w *world, client, _ string) { w.limit(client) },
	"it is limited for once":    nil, // from open to limited, see below
	"out of two groups, of two": nil,
}

func TestWhoLosesTheGroupLosesTheGrant(t *testing.T) { // T34, RT-15
	for _, client := range []string{"standard", "strict", "no-rotation"} {
		for name, lose := range losses {
			t.Run(client+", "+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, inMemory(t))
				defer w.close()
				group := w.group("staff", "", "ann", "bob")
				switch {
				case lose != nil:
					w.limit(client, group)
				case strings.HasPrefix(name, "out of two"):
					other := w.group("other", "", "ann")
					w.limit(client, group, other)
					lose = func(w *world, _, _ string) { w.part(other, "ann"); w.part(group, "ann") }
				default:
					lose = func(w *world, client, _ string) { w.limit(client, w.group("others", "")) }
				}
				token, id := w.grant(client, "ann")
				answer, err := w.refresh(client, token, "")
				w.ok(err)
				_, kept := w.grant(client, "bob")

				lose(w, client, group)

				for what, presented := range map[string]string{"current": answer.RefreshToken, "previous, in its window": token} {
					if client == "strict" && presented == token {
						continue // without a window it is reuse
					}
					if _, err := w.refresh(client, presented, ""); codeOf(err) != oauth.InvalidGrant {
						t.Errorf("%s: %v", what, err)
					}
				}
				if w.active(client, answer.AccessToken) || w.active(client, answer.RefreshToken) {
					t.Error("a token is active")
				}
				state := w.state(id)
				if revokes := client == "strict"; revokes != (state.RevokedAt != nil) || revokes && state.RevokedReason != oauth.RevokedAccessLost {
					t.Errorf("revoked: %v %q", state.RevokedAt, state.RevokedReason)
				}
				if name == "taken out of the group" && !w.state(kept).Alive() {
					t.Error("another member lost the grant")
				}

				w.limit(client, w.group("again", "", "ann"))
				again, err := w.refresh(client, answer.RefreshToken, "")
				if client == "strict" {
					if codeOf(err) != oauth.InvalidGrant {
						t.Errorf("a revoked grant came back: %v", err)
					}
				} else if err != nil || !w.active(client, again.AccessToken) {
					t.Errorf("it does not work again: %v", err)
				}
			})
		}
	}
}

func TestAnotherGroupOfTheClientKeepsTheAccess(t *testing.T) { // T34
	w := newWorld(t, inMemory(t))
	defer w.close()
	a, b := w.group("a", "", "ann"), w.group("b", "", "ann")
	w.limit("strict", a, b)
	token, id := w.grant("strict", "ann")

	w.part(a, "ann")

	if _, err := w.refresh("strict", token, ""); err != nil || w.state(id).RevokedAt != nil {
		t.Error(err)
	}
}

func TestACodeIsRedeemedOnlyByWhoMayUseTheClientThen(t *testing.T) { // T34
	w := newWorld(t, inMemory(t))
	defer w.close()
	group := w.group("staff", "", "ann")
	w.limit("standard", group)
	w.part(group, "ann")

	if err := w.tryGrant("standard", "ann"); codeOf(err) != oauth.InvalidGrant {
		t.Errorf("%v", err)
	}

	w.join(group, "ann")
	if err := w.tryGrant("standard", "ann"); err != nil {
		t.Errorf("%v", err)
	}
}

func TestAnAuthorizationEndsForWhoMayNotUseTheClient(t *testing.T) { // T34
	ctx := context.Background()
	w := newWorld(t, inMemory(t))
	defer w.close()
	group := w.group("staff", "", "bob")
	w.limit("standard", group)
	who := &oauth.SignedIn{PersonID: "ann", SessionID: "s", Authentication: oauth.Authentication{AuthTime: w.clock.Wall()}}
	query := url.Values{"client_id": {"standard"}, "redirect_uri": {"https://app.test/cb"}, "response_type": {"code"}, "scope": {"read"},
		"code_challenge": {challenge()}, "code_challenge_method": {"S256"}, "state": {"x"}}

	p, err := w.engine.Authorize(ctx, query, []byte("b"), who, device)
	if err != nil || p.Step != oauth.StepNoAccess || p.Owner.ID != "ann" {
		t.Fatalf("%+v %v", p, err)
	}
	if p, err := w.engine.Decide(ctx, p.Request.ID, []byte("b"), who, &oauth.Allowed{Scope: oauth.Scope{"read"}}, device); err != nil || p.Step != oauth.StepNoAccess {
		t.Errorf("allowing it gave %+v %v", p, err)
	}

	query.Set("prompt", "none")
	_, err = w.engine.Authorize(ctx, query, []byte("b"), who, device)
	redirect, ok := err.(*oauth.RedirectError)
	if !ok || redirect.Cause.Code != oauth.AccessDenied || !strings.Contains(redirect.Response().Location(), "error=access_denied") || !strings.Contains(redirect.Response().Location(), "state=x") {
		t.Errorf("prompt=none: %v", err)
	}

	_, err = w.engine.GiveUp(ctx, p.Request.ID, []byte("b"), who, device)
	if redirect, ok := err.(*oauth.RedirectError); !ok || redirect.Cause.Code != oauth.AccessDenied {
		t.Errorf("giving up: %v", err)
	}
	if _, err := w.engine.Resume(ctx, p.Request.ID, []byte("b"), who, device); err == nil {
		t.Error("the request lives on")
	}
}

func TestTheGroupsClaimSaysWhatIsTrueNow(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, inMemory(t))
	defer w.close()
	claim := func() []string {
		t.Helper()
		values, err := w.db.GroupsClaim(ctx, "ann")
		w.ok(err)
		slices.Sort(values)
		return values
	}
	a := w.group("A", "a-team", "ann", "bob")
	w.group("B", "", "ann")
	c := w.group("C", "a-team", "ann")

	if got := claim(); !slices.Equal(got, []string{"a-team"}) {
		t.Errorf("%q", got)
	}
	w.ok(w.groups().SetRoleClaims(ctx, map[account.Role]string{account.RolePerson: "everyone", account.RoleAdmin: "root"}, device, w.clock.Wall()))
	if got := claim(); !slices.Equal(got, []string{"a-team", "everyone"}) {
		t.Errorf("%q", got)
	}
	w.part(a, "ann")
	w.ok(w.groups().Delete(ctx, c, device, w.clock.Wall()))
	if got := claim(); !slices.Equal(got, []string{"everyone"}) {
		t.Errorf("%q", got)
	}
}

func TestEveryChangeOfGroupsIsInTheAuditLog(t *testing.T) { // WEB-48
	ctx := context.Background()
	w := newWorld(t, inMemory(t))
	defer w.close()
	count := func(kind audit.Kind) int {
		t.Helper()
		page, err := w.db.ReadAudit(ctx, audit.Query{Kinds: []audit.Kind{kind}}, 100)
		w.ok(err)
		for _, e := range page.Events {
			if strings.Contains(e.Detail, "@") {
				t.Errorf("%s names an address: %s", kind, e.Detail)
			}
		}
		return len(page.Events)
	}
	id := w.group("Staff", "staff", "ann")
	w.join(id, "ann", "bob")
	w.part(id, "ann", "cleo")
	g, err := w.groups().Find(ctx, "STAFF")
	w.ok(err)
	g.Claim = ""
	_, err = w.groups().Update(ctx, g.Group, device, w.clock.Wall())
	w.ok(err)
	w.ok(w.groups().Delete(ctx, id, device, w.clock.Wall()))

	for kind, want := range map[audit.Kind]int{audit.GroupCreated: 1, audit.GroupMemberAdded: 2, audit.GroupMemberRemoved: 1, audit.GroupUpdated: 1, audit.GroupDeleted: 1} {
		if got := count(kind); got != want {
			t.Errorf("%s: %d events, want %d", kind, got, want)
		}
	}
}
