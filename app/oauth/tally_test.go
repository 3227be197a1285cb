package oauth

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestEveryTokenRequestIsTalliedUnderWhatBecameOfIt(t *testing.T) {
	for want, c := range map[string]struct {
		how outcome
		err error
	}{
		"granted issued": {how: outcomeIssued}, "granted rotated": {how: outcomeRotated}, "granted replayed": {how: outcomeReplayed}, "granted renewed": {how: outcomeRenewed},
		"failed fault":                   {err: fault("read", errors.New("disk"))},
		"failed caller_gone":             {err: fault("read", context.Canceled)},
		"refused refresh_token.garbage":  {err: &Error{Code: InvalidGrant, garbage: true}},
		"refused client.unknown":         {err: refuse(InvalidClient, "no")},
		"refused client.wrong_secret":    {err: because(RuleWrongSecret, refuse(InvalidClient, "no"))},
		"refused refresh_token.reuse":    {err: errRefreshToken(RuleTokenReuse, "")},
		"refused refresh_token.too_many": {err: because(RuleTokenLimit, &Error{Code: TemporarilyUnavailable, RetryAfter: time.Second})},
		"refused request.invalid":        {err: refuse(InvalidRequest, "no")},
	} {
		tally := newTally()
		tally.answered(GrantRefreshToken, &TokenResponse{how: c.how}, c.err)

		var got []string
		tally.EachGrant(func(grantType, result, reason string, n int64) {
			if n > 0 {
				got = append(got, grantType+" "+result+" "+reason)
			}
		})
		if len(got) != 1 || got[0] != "refresh_token "+want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestGrantTypesThatAreNotKnownAreTalliedTogether(t *testing.T) {
	tally := newTally()
	for _, grantType := range []string{"", "password", "urn:x"} {
		tally.answered(grantType, nil, refuse(UnsupportedGrantType, "no"))
	}

	found := false
	tally.EachGrant(func(grantType, result, reason string, n int64) {
		found = found || grantType == "other" && result == "refused" && reason == string(RuleGrantType) && n == 3
	})
	if !found {
		t.Error("they are not")
	}
}

func TestTallyingARefreshAllocatesNothing(t *testing.T) {
	tally, response := newTally(), &TokenResponse{how: outcomeRotated}
	refused := errRefreshToken(RuleTokenRevoked, "")
	if n := testing.AllocsPerRun(1000, func() { tally.answered(GrantRefreshToken, response, nil) }); n != 0 {
		t.Errorf("%v allocations for a grant", n)
	}
	if n := testing.AllocsPerRun(1000, func() { tally.reused(ReuseTheft, false) }); n != 0 {
		t.Errorf("%v allocations for a reuse", n)
	}
	if n := testing.AllocsPerRun(1000, func() { _ = tally.placeOf(refused) }); n > 1 {
		t.Errorf("%v allocations for a refusal", n)
	}
}
