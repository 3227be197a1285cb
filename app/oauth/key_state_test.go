package oauth_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"regrant/app/oauth"
)

func TestDescribeKeysFollowsARotation(t *testing.T) {
	d, _ := withAPI(t)
	if _, err := oauth.New(t.Context(), oauth.Config{Issuer: "https://as.test"}, d); err != nil {
		t.Fatal(err)
	}
	start := time.Now().UTC()
	at := start.Add(time.Hour)
	if _, err := oauth.RotateSigningKeys(t.Context(), d, at, apiAdmin); err != nil {
		t.Fatal(err)
	}
	keys, err := d.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	plan := oauth.PlanRotation(at)

	// The states of ES256 new and old, then RS256 new and old, then the keys that this rotation does not touch.
	for moment, want := range map[time.Time][]oauth.KeyState{
		at:                                  {"next", "active", "next", "active", "active", "active", "active"},
		plan.SignsAt.Add(-time.Microsecond): {"next", "active", "next", "active", "active", "active", "active"},
		plan.SignsAt:                        {"active", "retiring", "active", "retiring", "active", "active", "active"},
		plan.EndsAt.Add(time.Microsecond):   {"active", "ended", "active", "ended", "active", "active", "active"},
	} {
		infos := oauth.DescribeKeys(keys, moment)
		var got []oauth.KeyState
		for _, i := range infos {
			got = append(got, i.State)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", moment.Sub(at), diff)
		}
	}
	infos := oauth.DescribeKeys(keys, at)
	if infos[0].RotatesAt == nil || !infos[0].RotatesAt.Equal(infos[0].CreatedAt.Add(90*24*time.Hour)) || infos[1].RotatesAt != nil || infos[1].EndsAt == nil || !infos[1].EndsAt.Equal(plan.EndsAt.Truncate(time.Microsecond)) {
		t.Errorf("%+v", infos[:2])
	}
	if infos[4].Use != oauth.KeyToken || infos[4].RotatesAt == nil || !infos[4].RotatesAt.Equal(infos[4].CreatedAt.Add(365*24*time.Hour)) {
		t.Errorf("%+v", infos[4])
	}
}
