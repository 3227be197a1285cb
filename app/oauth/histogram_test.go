package oauth

import (
	"math"
	"testing"
	"time"
)

func TestABucketHoldsWhatIsBelowItsBound(t *testing.T) {
	for _, bounds := range []*[histogramBuckets - 1]time.Duration{&idleBounds, &replayBounds} {
		for i, bound := range bounds {
			if i > 0 && bound <= bounds[i-1] {
				t.Errorf("bound %d does not rise", i)
			}
			if a, b := bucketOf(bounds, bound-1), bucketOf(bounds, bound); a != i || b != i+1 {
				t.Errorf("%s: %d and %d", bound, a, b)
			}
		}
		if bucketOf(bounds, -time.Hour) != 0 || bucketOf(bounds, math.MaxInt64) != histogramBuckets-1 {
			t.Error("the ends")
		}
	}
}

func TestAnEstimateIsExactAtBoundsAndEvenBetween(t *testing.T) {
	var h Histogram
	h[bucketOf(&idleBounds, 2*day)] = 100  // from 1 to 3 days
	h[bucketOf(&idleBounds, 20*day)] = 160 // from 14 to 30 days
	h[bucketOf(&idleBounds, 200*day)] = 7  // beyond 180 days
	for _, tt := range []struct {
		from, to time.Duration
		want     int64
		exact    bool
	}{
		{0, math.MaxInt64, 267, true}, {day, 3 * day, 100, true}, {2 * day, 3 * day, 50, false}, {2 * day, math.MaxInt64, 217, false},
		{30 * day, math.MaxInt64, 7, true}, {22 * day, 30 * day, 80, false}, {200 * day, math.MaxInt64, 7, false}, {0, 200 * day, 260, false},
		{3 * day, 14 * day, 0, true}, {5 * day, 5 * day, 0, true},
	} {
		if n, exact := h.between(&idleBounds, tt.from, tt.to); n != tt.want || exact != tt.exact {
			t.Errorf("%s to %s: %d %v, want %d %v", tt.from, tt.to, n, exact, tt.want, tt.exact)
		}
	}
}

func TestCountersOfManyClientsAndHoursAreBounded(t *testing.T) {
	b := newBehind()
	s := &RefreshState{}
	for n := range maxBehindClients + 500 {
		s.ID, s.ClientID = "grant", decimal(uint32(n))
		b.refreshed(s, time.Unix(int64(n)*3600, 0))
	}
	batch := b.pending
	b.pending = emptyBehind()
	b.refreshed(&RefreshState{GrantState: GrantState{Grant: Grant{ID: "g", ClientID: "0"}}}, time.Unix(0, 0))
	b.restore(batch)

	if p := b.pending; len(p.Clients) != maxBehindClients || len(p.Hours) != maxBehindHours {
		t.Errorf("%d clients, %d hours", len(p.Clients), len(p.Hours))
	}
	if c := b.pending.Clients[ClientDay{"0", 0}]; c.Rotations != 2 || c.Idle.Total() != 2 || b.pending.Hours[0].Rotations != 2 {
		t.Errorf("%+v", c)
	}
}

func TestEffectsOfAPolicyAreReadOffTheHistograms(t *testing.T) {
	standard, _ := PolicyOf(PresetStandard)
	var h Histograms
	h.Idle[bucketOf(&idleBounds, 2*day)], h.Idle[0] = 40, 60
	h.Replay[bucketOf(&replayBounds, 3*time.Second)], h.Replay[bucketOf(&replayBounds, 12*time.Second)] = 30, 10
	total := Count{Rotations: 100, Replays: 30, Refusals: 12, Reuses: 10}
	changed := func(change func(*Policy)) Policy { p := standard; change(&p); return p }
	for name, tt := range map[string]struct {
		to   Policy
		want []PolicyEffect
	}{
		"the same":        {standard, nil},
		"shorter idle":    {changed(func(p *Policy) { p.Idle = day }), []PolicyEffect{{Kind: EffectIdleRefused, N: 40, Of: 100}}},
		"shorter, inside": {changed(func(p *Policy) { p.Idle = 2 * day }), []PolicyEffect{{Kind: EffectIdleRefused, N: 20, Of: 100, About: true}}},
		"shorter than an access token": {changed(func(p *Policy) { p.Idle = p.AccessTokenLifetime }),
			[]PolicyEffect{{Kind: EffectIdleTooShort}, {Kind: EffectIdleRefused, N: 40, Of: 100}}},
		"longer idle":  {changed(func(p *Policy) { p.Idle = 60 * day }), []PolicyEffect{{Kind: EffectIdleLonger}}},
		"no grace":     {changed(func(p *Policy) { p.Grace = 0 }), []PolicyEffect{{Kind: EffectGraceReuse, N: 30, Of: 40}}},
		"longer grace": {changed(func(p *Policy) { p.Grace = 15 * time.Second }), []PolicyEffect{{Kind: EffectGraceAbsorbed, N: 10, Of: 40}}},
		"no rotation":  {changed(func(p *Policy) { p.RotationOff, p.Grace = true, 0 }), []PolicyEffect{{Kind: EffectRotationOff, N: 10}}},
		"report":       {changed(func(p *Policy) { p.OnReuse = ReuseReports }), []PolicyEffect{{Kind: EffectReuseReported, N: 10}}},
		"forgiving": {changed(func(p *Policy) { p.Grace, p.StaleGenerations = 2*time.Second, 8 }),
			[]PolicyEffect{{Kind: EffectGraceRefused, N: 30, Of: 40}}},
	} {
		got := policyEffects(h, total, standard, tt.to)
		if len(got) != len(tt.want) || len(got) > 0 && got[0] != tt.want[0] {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
	if got := policyEffects(Histograms{}, Count{}, standard, changed(func(p *Policy) { p.Idle = day })); len(got) != 1 || got[0].Kind != EffectNothingMeasured {
		t.Errorf("nothing measured: %+v", got)
	}
}
