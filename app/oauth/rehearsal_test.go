package oauth_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

// rehearse gives the scenes of a client with that policy by their names.
func rehearse(t *testing.T, client string, change func(*oauth.Policy)) map[oauth.SceneName]oauth.Scene {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	w := newWorld(t, t.TempDir())
	defer w.close()
	c, err := w.db.Client(t.Context(), client)
	w.ok(err)
	apis, err := w.db.APIs(t.Context())
	w.ok(err)
	if change != nil {
		change(&c.Policy)
	}
	r, err := oauth.Rehearse(t.Context(), db.OpenRehearsal, issuer, c, apis, epoch)
	w.ok(err)
	if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if n, err := w.db.Grants(t.Context(), oauth.GrantFilter{}); err != nil || len(n) > 0 {
		t.Errorf("the live store has %d grants, %v", len(n), err)
	}
	scenes := map[oauth.SceneName]oauth.Scene{}
	for _, s := range r.Scenes {
		scenes[s.Name] = s
	}
	return scenes
}

// answers tells what the steps of a scene present and get: "1>2" or "1!invalid_grant".
func answers(s oauth.Scene) (told []string) {
	for _, step := range s.Steps {
		line := string('0'+byte(step.Presents)) + ">" + string('0'+byte(step.Gets))
		if step.Err != nil {
			line = string('0'+byte(step.Presents)) + "!" + string(step.Err.Code)
		}
		told = append(told, line)
	}
	return told
}

func TestARehearsalShowsWhatThePolicyDoes(t *testing.T) {
	const no = "!invalid_grant"
	type outcome struct {
		steps    []string
		signedIn bool
		revoked  bool
		intruder bool
	}
	for _, tt := range []struct {
		client string
		scenes map[oauth.SceneName]outcome
		absent []oauth.SceneName
	}{
		{"standard", map[oauth.SceneName]outcome{
			oauth.SceneRefresh:     {[]string{"1>2", "2>3"}, true, false, false},
			oauth.SceneTogether:    {[]string{"1>2", "1>2", "2>3"}, true, false, false},
			oauth.SceneLostSoon:    {[]string{"1>2", "1>2", "2>3"}, true, false, false},
			oauth.SceneLostLate:    {[]string{"1>2", "1>2", "2>3"}, true, false, false},
			oauth.SceneLostTooLate: {[]string{"1>2", "1" + no}, false, true, false},
			oauth.SceneRace:        {[]string{"1>2", "2>3", "3>4", "2" + no, "4" + no}, false, true, false},
			oauth.SceneStolenOld:   {[]string{"1>2", "2>3", "1" + no, "3" + no}, false, true, false},
			oauth.SceneStolenUsed:  {[]string{"1>2", "2>3", "1" + no}, false, true, false},
			oauth.SceneIdle:        {[]string{"1" + no}, false, false, false},
			oauth.SceneAbsolute:    {[]string{"1>8", "8" + no}, false, false, false},
		}, nil},
		{"strict", map[oauth.SceneName]outcome{
			oauth.SceneTogether:    {[]string{"1>2", "1" + no, "2" + no}, false, true, false},
			oauth.SceneLostTooLate: {[]string{"1>2", "1" + no}, false, true, false},
		}, []oauth.SceneName{oauth.SceneLostSoon, oauth.SceneLostLate}},
		{"multi-process", map[oauth.SceneName]outcome{
			oauth.SceneTogether:    {[]string{"1>2", "1>2", "2>3"}, true, false, false},
			oauth.SceneLostLate:    {[]string{"1>2", "1>2", "2>3"}, true, false, false},
			oauth.SceneLostTooLate: {[]string{"1>2", "1" + no}, false, true, false},                      // its token was issued ten minutes ago
			oauth.SceneRace:        {[]string{"1>2", "2>3", "3>4", "2" + no, "4>5"}, true, false, false}, // and this one lately
			oauth.SceneStolenOld:   {[]string{"1>2", "2>3", "1" + no, "3" + no}, false, true, false},
		}, nil},
		{"no-rotation", map[oauth.SceneName]outcome{
			oauth.SceneTogether:   {[]string{"1>1", "1>1", "1>1"}, true, false, false},
			oauth.SceneLostSoon:   {[]string{"1>1", "1>1", "1>1"}, true, false, false},
			oauth.SceneStolenUsed: {[]string{"1>1", "1>1", "1>1", "1>1"}, true, false, true},
			oauth.SceneIdle:       {[]string{"1" + no}, false, false, false},
		}, []oauth.SceneName{oauth.SceneRace, oauth.SceneLostTooLate}},
	} {
		t.Run(tt.client, func(t *testing.T) {
			scenes := rehearse(t, tt.client, nil)
			for name, want := range tt.scenes {
				s := scenes[name]
				got := outcome{answers(s), s.SignedIn, s.Revoked, s.Intruder}
				if len(got.steps) != len(want.steps) || got.signedIn != want.signedIn || got.revoked != want.revoked || got.intruder != want.intruder {
					t.Errorf("%s: %+v, want %+v", name, got, want)
					continue
				}
				for i := range got.steps {
					if got.steps[i] != want.steps[i] {
						t.Errorf("%s: %v, want %v", name, got.steps, want.steps)
						break
					}
				}
			}
			for _, name := range tt.absent {
				if _, there := scenes[name]; there {
					t.Errorf("%s is played", name)
				}
			}
		})
	}
}

func TestARehearsalTellsWhatStandsInTheLog(t *testing.T) {
	scenes := rehearse(t, "standard", nil)

	late, together := scenes[oauth.SceneLostTooLate], scenes[oauth.SceneTogether]
	if len(late.Events) != 1 || late.Events[0].Kind != audit.GrantReuse || len(late.Refusals) != 1 || late.Refusals[0].Rule != oauth.RuleTokenReuse {
		t.Errorf("too late: %+v, %+v", late.Events, late.Refusals)
	}
	if together.Counted != (oauth.DayCount{Rotations: 1, Replays: 1}) || len(together.Events) > 0 {
		t.Errorf("together: %+v, %+v", together.Counted, together.Events)
	}
}

func TestARehearsalThatReportsReuseKeepsTheAppSignedIn(t *testing.T) {
	scenes := rehearse(t, "standard", func(p *oauth.Policy) { p.OnReuse = oauth.ReuseReports })

	if s := scenes[oauth.SceneRace]; !s.SignedIn || s.Revoked || s.Steps[3].Err == nil {
		t.Errorf("%v", answers(s))
	}
}

func TestARehearsalOfAnOddPolicyEnds(t *testing.T) {
	for name, change := range map[string]func(*oauth.Policy){
		"a second of idleness": func(p *oauth.Policy) { p.Idle = time.Second },
		"one grant":            func(p *oauth.Policy) { p.MaxGrants = 1 },
		"one refresh a minute": func(p *oauth.Policy) { p.RefreshLimit = 1 },
		"no scope is left":     func(p *oauth.Policy) { p.ScopesOnRefresh = oauth.Scope{"profile"} },
		"idle until the end":   func(p *oauth.Policy) { p.Idle = p.Absolute },
	} {
		t.Run(name, func(t *testing.T) {
			scenes := rehearse(t, "standard", change)
			if len(scenes) < 8 {
				t.Errorf("%d scenes", len(scenes))
			}
		})
	}
}

func TestARehearsalEndsWithItsRequest(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	_, err := oauth.Rehearse(ctx, db.OpenRehearsal, issuer, &oauth.Client{ID: "c", GrantTypes: []string{oauth.GrantRefreshToken}, Policy: oauth.Policy{Refresh: oauth.RefreshAlways}}, nil, epoch)

	if err == nil {
		t.Error("it went on")
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestARehearsalRefreshesWhenTheAccessTokenHasExpired(t *testing.T) {
	scenes := rehearse(t, "standard", func(p *oauth.Policy) { p.Idle = time.Minute })

	if scene, played := scenes[oauth.SceneRefresh]; !played || scene.SignedIn || scene.Steps[0].Err == nil {
		t.Errorf("an app whose sign-in rests longer than it may: %+v", scene)
	}
}
