package web_test

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
)

// endingPage is an act of a page that ends the grants of Alice, or keeps her from using them.
type endingPage struct {
	path     func(s *site, grant string) string
	fields   url.Values
	form     func(s *site) url.Values // more fields
	own      bool                     // she does it herself, in the browser of the grant
	online   bool                     // a grant without offline_access ends by it
	everyone bool                     // nobody's refreshes work afterwards
	refusal  string                   // of refreshes; "": invalid_grant
	kind     audit.Kind
	reason   oauth.RevokedReason // "" where the rows have not followed, or nothing is revoked
}

// endingPages are all pages by which grants of a person end (T21, T23 to T27, T31, T32, T34, T35).
func endingPages() map[string]endingPage {
	person := func(act string) func(*site, string) string {
		return func(s *site, _ string) string { return "/admin/people/" + s.person["U1"].ID + "/" + act }
	}
	fixed := func(path string) func(*site, string) string { return func(*site, string) string { return path } }
	ofGrant := func(before, after string) func(*site, string) string {
		return func(_ *site, grant string) string { return before + grant + after }
	}
	group := func(act string) func(*site, string) string {
		return func(s *site, _ string) string {
			id := s.group("Staff", "", "U1", "U2")
			s.limit("CB", id)
			if act == "delete" {
				s.limit("CB", id, s.group("Others", "", "U2"))
			}
			if act == "remove" {
				return "/admin/groups/" + id + "/remove?person=" + s.person["U1"].ID
			}
			return "/admin/groups/" + id + "/" + act
		}
	}
	return map[string]endingPage{
		"T21 disable":                {path: person("disable"), kind: audit.PersonDisabled},
		"T23 delete":                 {path: person("delete"), kind: audit.PersonDeleted},
		"T25 reset the factors":      {path: person("reset-factors"), kind: audit.FactorReset},
		"revoke all":                 {path: person("revoke-grants"), kind: audit.GrantRevoked},
		"T34 taken out of the group": {path: group("remove"), kind: audit.GroupMemberRemoved},
		"T34 the group is deleted":   {path: group("delete"), kind: audit.GroupDeleted},
		"T34 the client is limited to a group": {
			path: fixed("/admin/clients/CB/settings"), kind: audit.ClientUpdated,
			form: func(s *site) url.Values {
				c := s.client("CB")
				return url.Values{
					"name": {c.Name}, "redirect_uris": {strings.Join(c.RedirectURIs, "\n")}, "scope": c.Scope, "grant_type": c.GrantTypes,
					"auth_method": {string(c.AuthMethod)}, "pkce": {"on"}, "access": {"groups"}, "group": {s.group("Staff", "", "U2")},
				}
			},
		},
		"T26 the client is disabled":   {path: fixed("/admin/clients/CB/disable"), everyone: true, refusal: "unauthorized_client", kind: audit.ClientDisabled},
		"T27 the client is deleted":    {path: fixed("/admin/clients/CB/delete"), everyone: true, refusal: "invalid_client", kind: audit.ClientDeleted},
		"another password is required": {path: person("expire-password"), online: true, kind: audit.PasswordExpired, reason: oauth.RevokedLogout},
		"T35 sign-out":                 {path: fixed("/logout"), own: true, online: true, kind: audit.SignedOut, reason: oauth.RevokedLogout},
		"T32 one device, by an admin":  {path: ofGrant("/admin/grants/", "/revoke"), kind: audit.GrantRevoked, reason: oauth.RevokedAdmin},
		"T32 one device":               {path: ofGrant("/account/grants/", "/end"), own: true, kind: audit.GrantRevoked, reason: oauth.RevokedPerson},
		"T31 the app everywhere":       {path: fixed("/account/apps/CB/end"), own: true, kind: audit.ConsentWithdrawn, reason: oauth.RevokedConsent},
		"this wasn't me":               {path: ofGrant("/account/grants/", "/report"), own: true, kind: audit.GrantReported, reason: oauth.RevokedReported},
		"T24 another password": {
			path: fixed("/account/security/password"), fields: url.Values{"current": {password}, "password": {otherPassword}, "end_others": {"on"}}, own: true,
			kind: audit.PasswordChanged, reason: oauth.RevokedPassword,
		},
	}
}

func TestEveryPageThatEndsGrantsEndsThemAtOnceWithOneEvent(t *testing.T) {
	for name, page := range endingPages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			scope := offline
			if page.online {
				scope = "openid"
			}
			alice := s.as("U1")
			tokens := alice.allow("CB", scope)
			access, refresh := tokens.text(t, "access_token"), tokens.text(t, "refresh_token")
			others := s.as("U2").allow("CB", offline)
			if page.kind == audit.FactorReset {
				n := account.NewFactor{PersonID: s.person["U1"].ID, TOTP: &account.TOTP{Secret: []byte("sealed")}, Recovery: [][]byte{{1}},
					Events: []audit.Event{{At: s.clock.Wall(), Kind: audit.FactorAdded}}}
				if err := s.db.AddTOTP(context.Background(), n); err != nil {
					t.Fatal(err)
				}
			}
			grant := s.grantsOfPerson("U1", "CB")[0]
			b := s.admin(t)
			if page.own {
				b = s.as("U1")
			}
			if page.online && page.own {
				b = alice
			}
			path := page.path(s, grant)
			if page.form != nil {
				page.fields = page.form(s)
			}
			before := len(s.ofKind(page.kind))

			ask := b.get(path)
			action, _, _ := strings.Cut(path, "?")
			a := b.post(action, merged(hiddenFields(ask.body, action), page.fields))

			if ask.status != http.StatusOK || a.status != http.StatusSeeOther {
				t.Fatalf("%d, then %d %s", ask.status, a.status, a.body)
			}
			if s.active("RS", access) || page.refusal == "" && s.active("CB", refresh) {
				t.Error("a token is active")
			}
			status := http.StatusBadRequest
			if page.refusal == "invalid_client" {
				status = http.StatusUnauthorized
			}
			wantErrorStatus(t, s.refresh("CB", refresh), status, cmp.Or(page.refusal, "invalid_grant"))
			if n := len(s.ofKind(page.kind)) - before; n != 1 {
				t.Errorf("%d events", n)
			}
			rows, err := s.db.Grants(context.Background(), oauth.GrantFilter{ID: grant})
			if err != nil || len(rows) != 1 || page.reason != "" && rows[0].RevokedReason != page.reason {
				t.Errorf("%+v %v", rows, err)
			}
			s.clock.jump(time.Second)
			if a := s.refresh("CB", others.text(t, "refresh_token")); (a.status == http.StatusOK) == page.everyone {
				t.Errorf("somebody else's: %d %s", a.status, a.body)
			}
		})
	}
}

// ofKind gives the newest events of a kind.
func (s *site) ofKind(kind audit.Kind) []audit.Event {
	s.t.Helper()
	page, err := s.db.ReadAudit(context.Background(), audit.Query{Kinds: []audit.Kind{kind}}, 100)
	if err != nil {
		s.t.Fatal(err)
	}
	return page.Events
}

func TestT24APasswordThatHadToBeChangedEndsEverything(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tokens, others := s.as("U1").allow("CB", offline), s.as("U2").allow("CB", offline)
	if a := s.admin(t).post("/admin/people/"+s.person["U1"].ID+"/expire-password", nil); a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, a.body)
	}
	b := s.browser()
	renewal := b.password(b.get(s.issuer+"/login"), "U1")

	if a := b.submit(renewal, s.issuer+"/login/password", url.Values{"password": {otherPassword}}); a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, a.body)
	}

	if s.active("RS", tokens.text(t, "access_token")) || len(s.ofKind(audit.PasswordChanged)) != 1 {
		t.Error("a token is active, or it is not one event")
	}
	wantError(t, s.refresh("CB", tokens.text(t, "refresh_token")), "invalid_grant")
	if a := s.refresh("CB", others.text(t, "refresh_token")); a.status != http.StatusOK {
		t.Errorf("somebody else's: %d %s", a.status, a.body)
	}
}
