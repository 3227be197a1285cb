package web_test

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// refusalOf gives what is kept of the refusal that an answer was.
func (s *site) refusalOf(a answer) *oauth.Refusal {
	s.t.Helper()
	s.flush()
	found, err := s.db.Refusals(context.Background(), oauth.RefusalFilter{RequestID: a.header.Get("X-Request-Id")})
	if err != nil {
		s.t.Fatal(err)
	}
	if len(found) != 1 {
		s.t.Fatalf("%d refusals of request %s: %d %s", len(found), a.header.Get("X-Request-Id"), a.status, a.body)
	}
	return &found[0]
}

func (s *site) refusals() (n int) {
	s.t.Helper()
	s.flush()
	s.sql(func(q *sql.DB) error { return q.QueryRow("SELECT COUNT(*) FROM refusals").Scan(&n) })
	return n
}

func TestEachRefusalIsFoundByItsRequestId(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	refresh := func(f *family, set url.Values) answer { return f.use(f.current(), set) }
	cases := []struct {
		rule oauth.Rule
		do   func() answer
	}{
		{oauth.RuleTokenReuse, func() answer { f := s.rotated(); wantOK(t, f.use(1)); return f.use(0) }},
		{oauth.RuleTokenReported, func() answer {
			f := s.rotated(func(c *oauth.Client) { c.Policy.OnReuse = oauth.ReuseReports })
			wantOK(t, f.use(1))
			return f.use(0)
		}},
		{oauth.RuleTokenStale, func() answer { f := s.rotated(multiProcess); wantOK(t, f.use(1)); return f.use(0) }},
		{oauth.RuleTokenRevoked, func() answer { f := s.rotated(strict); f.use(0); return f.use(1) }},
		{oauth.RuleTokenClient, func() answer { f := s.rotated(); return f.present("CX", f.tokens[1]) }},
		{oauth.RuleTokenOrphan, func() answer {
			f := s.rotated()
			s.sql(func(q *sql.DB) error {
				_, err := q.Exec("DELETE FROM refresh_tokens WHERE grant_id = ?", f.id)
				return err
			})
			return f.use(1)
		}},
		{oauth.RuleTokenPerson, func() answer {
			f := s.rotated()
			s.sql(func(q *sql.DB) error {
				_, err := q.Exec("UPDATE people SET disabled_at = 1, version = version + 1 WHERE id = ?", s.person[f.who].ID)
				return err
			})
			return f.use(1)
		}},
		{oauth.RuleTokenCovered, func() answer {
			f := s.rotated()
			_, err := s.db.RevokeGrantsOf(context.Background(), "", f.client, oauth.RevokedAdmin, s.clock.Wall(), audit.Event{At: s.clock.Wall(), Kind: audit.GrantRevoked})
			if err != nil {
				t.Fatal(err)
			}
			return f.use(1)
		}},
		{oauth.RuleTokenLimit, func() answer {
			f := s.family(func(c *oauth.Client) { c.Policy.RefreshLimit = 1 })
			wantOK(t, f.use(0))
			return f.use(1)
		}},
		{oauth.RuleTokenFork, func() answer {
			f := s.rotated()
			return f.present(f.client, f.forged(1, true, func(b []byte) { b[40] ^= 1 }))
		}},
		{oauth.RuleTokenFuture, func() answer {
			f := s.rotated()
			return f.present(f.client, f.forged(1, true, func(b []byte) { b[17]++ }))
		}},
		{oauth.RuleScopeWider, func() answer { return refresh(s.rotated(), url.Values{"scope": {"read list"}}) }},
		{oauth.RuleScope, func() answer { return refresh(s.rotated(), url.Values{"scope": {`re"ad`}}) }},
		{oauth.RuleResource, func() answer { return refresh(s.rotated(), url.Values{"resource": {"https://nobody.test/"}}) }},
		{oauth.RuleWrongSecret, func() answer {
			return s.post("/token", "", url.Values{"grant_type": {"refresh_token"}, "client_id": {"CP"}, "client_secret": {"wrong"}})
		}},
		{oauth.RuleWrongMethod, func() answer {
			return s.post("/revoke", "", url.Values{"token": {"x"}, "client_id": {"CB"}, "client_secret": {"wrong"}})
		}},
		{oauth.RuleClientDisabled, func() answer {
			return s.post("/token", "OFF", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}})
		}},
		{oauth.RuleClientGrantType, func() answer { return s.post("/token", "CP", url.Values{"grant_type": {"client_credentials"}}) }},
		{oauth.RuleGrantType, func() answer { return s.post("/token", "CP", url.Values{"grant_type": {"password"}}) }},
		{oauth.RuleRequest, func() answer { return s.post("/token", "CP", url.Values{}) }},
		{oauth.RuleClientPublic, func() answer { return s.post("/introspect", "", url.Values{"client_id": {"PW"}, "token": {"x"}}) }},
		{oauth.RuleRedirectURI, func() answer {
			return s.browser().get(s.az("CB", url.Values{"redirect_uri": {"https://evil.test/cb?secret=1"}}))
		}},
		{oauth.RulePKCE, func() answer {
			return s.browser().get(s.az("CB", url.Values{"code_challenge": nil, "code_challenge_method": nil}))
		}},
		{oauth.RuleResponseType, func() answer { return s.browser().get(s.az("CB", url.Values{"response_type": {"token"}})) }},
		{oauth.RuleSignInNeeded, func() answer { return s.browser().get(s.az("CB", url.Values{"prompt": {"none"}})) }},
		{oauth.RuleCodeSpent, func() answer { return s.family().redeemed(nil) }},
		{oauth.RuleCodeVerifier, func() answer { return s.family().redeemed(url.Values{"code_verifier": {strings.Repeat("x", 50)}}) }},
		{oauth.RuleCodeRedirectURI, func() answer { return s.family().redeemed(url.Values{"redirect_uri": {"https://other.test/"}}) }},
		{oauth.RuleCodeClient, func() answer {
			f := s.family()
			return f.as("CX", url.Values{"grant_type": {"authorization_code"}, "code": {f.callback.Query().Get("code")}, "code_verifier": {verifier}})
		}},
		// These move the clock, so they come last.
		{oauth.RuleTokenIdle, func() answer { f := s.rotated(); s.pass(31 * 24 * time.Hour); return f.use(1) }},
		{oauth.RuleTokenAbsolute, func() answer {
			f := s.rotated(func(c *oauth.Client) { c.Policy.Idle, c.Policy.Absolute = time.Hour, time.Hour })
			s.pass(2 * time.Hour)
			return f.use(1)
		}},
		{oauth.RuleAccessExpired, func() answer {
			f := s.family()
			s.pass(time.Hour)
			return s.userinfo(f.access[0])
		}},
	}
	for _, c := range cases[:1] {
		a := c.do()
		page := adm.get("/admin/refusals?request_id=" + url.QueryEscape(` "`+strings.ToLower(a.header.Get("X-Request-Id"))+`" `))
		if page.status != 200 || !strings.Contains(page.body, "generation 0, but generation 2 was current") || !strings.Contains(page.body, "multi-process") {
			t.Errorf("%d %s", page.status, page.body)
		}
		f := s.refusalOf(a)
		if own := adm.get(fmt.Sprintf("/admin/refusals/%d", f.ID)); own.status != 200 || !strings.Contains(own.body, "An old refresh token came again") {
			t.Errorf("%d", own.status)
		}
		if list := adm.get("/admin/refusals?rule=refresh_token.reuse"); !strings.Contains(list.body, fmt.Sprintf("/admin/refusals/%d\"", f.ID)) {
			t.Error("the list lacks it")
		}
		if list := adm.get("/admin/refusals?rule=client.public"); strings.Contains(list.body, fmt.Sprintf("/admin/refusals/%d\"", f.ID)) {
			t.Error("the filter lets it through")
		}
	}
	if a := adm.get("/admin/refusals?request_id=NOSUCH"); a.status != 200 || !strings.Contains(a.body, "Nothing is known of this request") {
		t.Errorf("unknown: %d", a.status)
	}
	for _, path := range []string{"/admin/refusals/999999", "/admin/refusals/x"} {
		if a := adm.get(path); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}

	for _, c := range cases {
		t.Run(string(c.rule), func(t *testing.T) {
			a := c.do()
			f := s.refusalOf(a)

			if f.Rule != c.rule || f.ClientID == "" || f.IP == "" || f.At.IsZero() || f.Endpoint == "" {
				t.Fatalf("%+v", f)
			}
			if strings.Contains(f.Detail+f.Found, "secret=1") {
				t.Errorf("a whole redirect URI is kept: %+v", f)
			}
			if f.Rule != oauth.RuleTokenOrphan && strings.HasPrefix(string(f.Rule), "refresh_token.") && (f.GrantID == "" || f.Generation == nil || f.Found == "") {
				t.Errorf("the token is not told: %+v", f)
			}
		})
	}
}

func TestF17_GarbageIsNotTakenDown(t *testing.T) {
	s := newSite(t)
	f := s.rotated()
	for range 3 {
		for _, token := range []string{
			"x", "rgr1_x", f.tokens[1][:60], f.tokens[1] + "0", f.access[0], strings.ToUpper(f.tokens[1]),
			f.forged(1, false, func(b []byte) { b[40] ^= 1 }), f.forged(1, false, func(b []byte) { clear(b[1:17]) }),
		} {
			wantError(t, f.present(f.client, token), "invalid_grant")
		}
		wantUnauthorized(t, s.post("/token", "", url.Values{"client_id": {"nobody"}, "client_secret": {"x"}, "grant_type": {"refresh_token"}}))
		wantError(t, f.as(f.client, url.Values{"grant_type": {"authorization_code"}, "code": {"rgc1_nothing"}, "code_verifier": {verifier}}), "invalid_grant")
		s.browser().get(s.az("nobody", nil))
		s.userinfo("eyJhbGciOiJFUzI1NiJ9.e30.AAAA")
	}

	if n := s.refusals(); n != 0 {
		t.Errorf("%d refusals were written", n)
	}
}

func TestAClientThatHammersADeadTokenDoesNotPushOutTheOthers(t *testing.T) {
	s := newSite(t)
	f, other := s.rotated(strict), s.rotated(strict)
	f.use(0)
	other.use(0)
	for range 200 {
		f.use(1)
	}
	seen := other.use(1)

	if got := s.refusals(); got > 25 {
		t.Errorf("%d rows for one token that is presented again and again", got)
	}
	if r := s.refusalOf(seen); r.Rule != oauth.RuleTokenRevoked || r.GrantID != other.id {
		t.Errorf("%+v", r)
	}

	s.pass(11 * time.Minute)
	if r := s.refusalOf(f.use(1)); r.GrantID != f.id {
		t.Errorf("later: %+v", r)
	}
}

func TestWEB_46_NothingSecretIsKeptOfARefusal(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	f := s.rotated()
	code := f.callback.Query().Get("code")
	wantError(t, f.redeemed(url.Values{"code_verifier": {strings.Repeat("v", 43)}}), "invalid_grant")
	f.as(f.client, url.Values{"grant_type": {f.tokens[1]}})
	f.as(f.client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {f.tokens[1]}, "scope": {f.access[0]}})
	wantOK(t, f.use(1))
	f.use(0)

	pages := []answer{
		adm.post("/admin/refusals", url.Values{"token": {f.tokens[0]}}), adm.post("/admin/refusals", url.Values{"token": {" " + f.tokens[2] + "\n"}}),
		adm.post("/admin/refusals", url.Values{"token": {f.access[0]}}), adm.post("/admin/refusals", url.Values{"token": {"rgs1_" + s.secret[f.client][5:]}}),
		adm.get("/admin/refusals"), adm.get("/admin/grants/" + f.id),
	}

	var kept strings.Builder
	kept.WriteString(s.log.String())
	for _, p := range pages {
		kept.WriteString(p.body)
	}
	s.flush()
	s.sql(func(q *sql.DB) error {
		for _, table := range []string{"refusals", "audit_events", "grant_moments"} {
			rows, err := q.Query("SELECT * FROM " + table)
			if err != nil {
				return err
			}
			columns, _ := rows.Columns()
			for rows.Next() {
				values := make([]any, len(columns))
				for i := range values {
					values[i] = new(any)
				}
				if err := rows.Scan(values...); err != nil {
					return err
				}
				for _, v := range values {
					fmt.Fprintf(&kept, "%v ", *v.(*any))
				}
			}
			if err := rows.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	for what, secret := range map[string]string{
		"generation 0": f.tokens[0], "generation 1": f.tokens[1], "generation 2": f.tokens[2], "access token": f.access[0], "code": code, "client secret": s.secret[f.client],
		"verifier": verifier,
	} {
		if strings.Contains(kept.String(), secret) || strings.Contains(kept.String(), secret[5:40]) {
			t.Errorf("the %s stands somewhere", what)
		}
	}
}

func TestATokenIsExplainedByItsHeadAlone(t *testing.T) {
	s := newSite(t)
	adm := s.admin(t)
	f := s.rotated()
	ask := func(fields url.Values, want string) {
		t.Helper()
		if a := adm.post("/admin/refusals", fields); a.status != 200 || !strings.Contains(a.body, want) {
			t.Errorf("%d, not %q", a.status, want)
		}
	}
	headOf := func(token string) url.Values {
		h, ok := oauth.HeadOf(token)
		if !ok {
			t.Fatal("no head")
		}
		b := append([]byte{h.Key}, h.ID[:]...)
		b = append(b, h.Epoch, byte(h.Generation>>24), byte(h.Generation>>16), byte(h.Generation>>8), byte(h.Generation))
		at := h.IssuedAt.Unix()
		return url.Values{"head": {hex.EncodeToString(append(b, byte(at>>24), byte(at>>16), byte(at>>8), byte(at)))}}
	}

	ask(headOf(f.tokens[1]), "It would be accepted")
	ask(url.Values{"token": {f.tokens[0]}}, "It would be accepted once more")
	s.pass(time.Minute)
	ask(headOf(f.tokens[0]), "ends the whole sign-in")
	ask(url.Values{"token": {f.access[0]}}, "It is active until it expires")
	ask(url.Values{"jti": {"x"}, "grant_id": {"nobody"}}, "No such token is known")
	if f.row().RevokedAt != nil {
		t.Fatal("asking revoked the grant")
	}
	f.use(0)
	ask(headOf(f.tokens[0]), "An old refresh token came again")
	ask(headOf(f.tokens[0]), "/admin/grants/"+f.id)
	for _, fields := range []url.Values{{}, {"token": {"x"}}, {"head": {"00"}}, {"kind": {"rga1"}}, {"token": {f.tokens[1][:50]}}} {
		if a := adm.post("/admin/refusals", fields); a.status != 422 || !strings.Contains(a.body, `id="token-error"`) {
			t.Errorf("%v: %d", fields, a.status)
		}
	}
}

func TestEveryErrorBearsItsRequestId(t *testing.T) {
	s := newSite(t)
	for _, a := range []answer{
		s.post("/token", "CP", url.Values{"grant_type": {"password"}}), s.post("/token", "", nil), s.post("/revoke", "", nil), s.post("/introspect", "", nil), s.userinfo("x"),
		s.browser().get(s.az("nobody", nil)), s.browser().get(s.az("CB", url.Values{"redirect_uri": {"https://evil.test/"}})), s.browser().get(s.az("CB", url.Values{"scope": {"nothing"}})),
		s.browser().get(s.issuer + "/nothing"), s.browser().get(s.issuer + "/token"), s.browser().get(s.issuer + "/consent?request=x"),
	} {
		id := a.header.Get("X-Request-Id")
		if a.status < 300 || len(id) < 20 {
			t.Errorf("%d with request id %q", a.status, id)
		}
		if strings.HasPrefix(a.header.Get("Content-Type"), "text/html") && !strings.Contains(a.body, id) {
			t.Errorf("the page of %d does not show its request id", a.status)
		}
	}
}
