package oauth

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"regrant/app/audit"
)

func TestTheBudgetOfRefusalsIsByRuleAndClient(t *testing.T) {
	b, now := newBehind(), time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	taken := func(n int, client, grant string, rule Rule, at time.Time) (taken int) {
		for range n {
			if f := (Refusal{At: at, ClientID: client, GrantID: grant, Rule: rule}); b.mayRefuse(&f) {
				taken++
			}
		}
		return taken
	}

	for _, c := range []struct {
		what string
		got  int
		want int
	}{
		{"one grant", taken(100, "a", "g1", RuleTokenReuse, now), maxRefusalsOfRule},
		{"another rule of it", taken(100, "a", "g1", RuleTokenIdle, now), maxRefusalsOfRule},
		{"another grant", taken(3, "a", "g2", RuleTokenReuse, now), 3},
		{"a client without a grant", taken(100, "b", "", RuleWrongSecret, now), maxRefusalsOfRule},
		{"a while later", taken(3, "a", "g1", RuleTokenReuse, now.Add(repeatAfter)), 3},
		{"when the clock has gone back", taken(3, "a", "g1", RuleTokenReuse, now), 3},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d instead of %d", c.what, c.got, c.want)
		}
	}
	all := 0
	for g := range 2 * maxRefusalsOfClient {
		all += taken(1, "c", fmt.Sprint(g), RuleTokenReuse, now)
	}
	if all != maxRefusalsOfClient {
		t.Errorf("%d of one client", all)
	}
}

func TestRefusalsThatCannotBeWrittenWaitWithinTheirBound(t *testing.T) {
	b, now := newBehind(), time.Now()
	for n := range 3 * maxBehindList {
		f := Refusal{At: now, ClientID: fmt.Sprint("c", n/10), GrantID: fmt.Sprint(n), Rule: RuleTokenReuse}
		if b.mayRefuse(&f) {
			b.refuse(f)
		}
		if n%5000 == 0 {
			if _, err := b.flush(t.Context(), behindFails{}); err == nil {
				t.Fatal("no fault")
			}
		}
	}
	if n := len(b.pending.Refusals); n != maxBehindList {
		t.Errorf("%d wait", n)
	}
}

func TestGEN_00_AFaultIsNoRefusal(t *testing.T) {
	s := &Server{behind: newBehind(), clock: newTestClock()}
	client := &Client{ID: "c"}
	for _, err := range []error{nil, fault("read", errors.New("disk")), errors.New("disk"), &Error{Code: ServerError}, endedRequest(ErrSpent), ErrConflict} {
		if got := s.remember(PathToken, client, audit.Origin{}, because(RuleScope, err)); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
	if n := len(s.behind.pending.Refusals); n != 0 {
		t.Errorf("%d refusals", n)
	}
	_ = s.remember(PathToken, client, audit.Origin{RequestID: "r"}, &Error{Code: TemporarilyUnavailable, RetryAfter: time.Second})
	_ = s.remember(PathToken, client, audit.Origin{RequestID: "r"}, &RedirectError{Cause: &Error{Code: InvalidScope}})
	if n := len(s.behind.pending.Refusals); n != 2 {
		t.Errorf("%d of two refusals", n)
	}
}

func newTestClock() *Clock {
	c, _ := NewClock(SystemTime(), ClockState{}, 0)
	return c
}

func TestWhatIsAnsweredAllocatesNothingForRefusals(t *testing.T) {
	s, state, token, client := &Server{}, &RefreshState{}, &refreshToken{}, &Client{}

	allocated := testing.AllocsPerRun(100, func() {
		if err := s.remember(PathToken, client, audit.Origin{}, ofToken(state, token, client.Policy, Instant{}, nil)); err != nil {
			t.Error(err)
		}
	})

	if allocated != 0 {
		t.Errorf("%v allocations", allocated)
	}
}

func TestWEB_46_ARefusalHoldsNoSecretOfAnyKind(t *testing.T) {
	s := &Server{behind: newBehind(), clock: newTestClock()}
	for _, secret := range []string{"rgr1_a1", "rga1_b2", "rgc1_c3", "rgs1_d4", "rgl1_E5"} {
		_ = s.remember(PathToken, &Client{ID: "c"}, audit.Origin{}, refusef(UnsupportedGrantType, "No.", "grant_type=%s", secret))
	}
	if len(s.behind.pending.Refusals) != 5 {
		t.Fatal(s.behind.pending.Refusals)
	}
	for _, f := range s.behind.pending.Refusals {
		if f.Detail != "grant_type=…" {
			t.Error(f.Detail)
		}
	}
}
