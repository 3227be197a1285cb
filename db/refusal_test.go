package db

import (
	"fmt"
	"testing"
	"time"

	"regrant/app/oauth"
)

func TestRefusalsAreBoundedByGrantAndByClientAndInTime(t *testing.T) {
	d := openTest(t, Options{})
	ctx, now := t.Context(), time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	write := func(n int, client, grant string, at time.Time) {
		t.Helper()
		var b oauth.Behind
		for i := range n {
			b.Refusals = append(b.Refusals, oauth.Refusal{RequestID: fmt.Sprintf("%s-%s-%d", client, grant, i), At: at, Rule: oauth.RuleTokenReuse, Code: oauth.InvalidGrant, ClientID: client, GrantID: grant})
		}
		if err := d.WriteBehind(ctx, &b); err != nil {
			t.Fatal(err)
		}
		if len(b.Refusals) != 0 {
			t.Fatalf("%d are left over", len(b.Refusals))
		}
	}
	count := func(f oauth.RefusalFilter) int {
		t.Helper()
		f.Limit = 1_000_000
		found, err := d.Refusals(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		for i := range found {
			if i > 0 && found[i].ID >= found[i-1].ID {
				t.Fatal("not newest first")
			}
		}
		return len(found)
	}
	write(3, "quiet", "g0", now.Add(-29*24*time.Hour))
	write(1, "quiet", "g1", now.Add(-31*24*time.Hour))
	write(oauth.RefusalsKeptOfGrant+50, "loud", "g2", now)
	write(oauth.RefusalsKeptOfClient+100, "wild", "", now)

	if n := count(oauth.RefusalFilter{GrantID: "g2"}); n != oauth.RefusalsKeptOfGrant {
		t.Errorf("%d of a grant", n)
	}
	if n := count(oauth.RefusalFilter{ClientID: "wild"}); n != oauth.RefusalsKeptOfClient {
		t.Errorf("%d of a client", n)
	}
	if n := count(oauth.RefusalFilter{ClientID: "quiet"}); n != 4 {
		t.Errorf("%d of the quiet client", n)
	}
	if found, err := d.Refusals(ctx, oauth.RefusalFilter{RequestID: "quiet-g0-1"}); err != nil || len(found) != 1 || found[0].GrantID != "g0" {
		t.Errorf("by request: %v %v", found, err)
	}
	if all := count(oauth.RefusalFilter{}); count(oauth.RefusalFilter{Rule: oauth.RuleTokenReuse}) != all || count(oauth.RefusalFilter{Code: oauth.InvalidGrant}) != all {
		t.Errorf("by rule or by code not all of %d", all)
	}
	if n := count(oauth.RefusalFilter{ClientID: "quiet", Rule: oauth.RuleTokenIdle}) + count(oauth.RefusalFilter{Code: oauth.InvalidScope}); n != 0 {
		t.Errorf("%d that were not asked for", n)
	}

	if _, err := d.Sweep(ctx, now, 1000); err != nil {
		t.Fatal(err)
	}
	if n := count(oauth.RefusalFilter{GrantID: "g1"}); n != 0 {
		t.Error("older than 30 days, and still there")
	}
	if n := count(oauth.RefusalFilter{GrantID: "g0"}); n != 3 {
		t.Error("younger than 30 days, and gone")
	}
}

func TestTheOldestRefusalsGoWhenThereAreTooManyInAll(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 100 000 rows")
	}
	d := openTest(t, Options{})
	ctx, now := t.Context(), time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var b oauth.Behind
	for i := range oauth.RefusalsKept + 500 {
		b.Refusals = append(b.Refusals, oauth.Refusal{RequestID: fmt.Sprint(i), At: now.Add(time.Duration(i) * time.Millisecond), ClientID: fmt.Sprint("c", i%50)})
	}
	if err := d.WriteBehind(ctx, &b); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := d.Sweep(ctx, now.Add(time.Hour), 200); err != nil {
			t.Fatal(err)
		}
	}

	found, err := d.Refusals(ctx, oauth.RefusalFilter{Limit: 1_000_000})
	if err != nil || len(found) != oauth.RefusalsKept {
		t.Fatalf("%d, %v", len(found), err)
	}
	if oldest := found[len(found)-1].RequestID; oldest != "500" {
		t.Errorf("the oldest that is left is %s", oldest)
	}
}
