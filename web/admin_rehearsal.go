package web

import (
	"net/http"
	"strconv"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/web/view"
)

// adminRehearsal is where an admin tries what a client's policy does to an application.
func (s *Server) adminRehearsal(area *adminArea) {
	area.readable("/admin/clients/{id}/test", s.ofClient(s.showRehearsal), s.ofClient(s.rehearse))
}

func (s *Server) rehearsalPage(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) view.AdminRehearsal {
	f := s.clientFrame(w, r, a, c, "admin.clients.tab.test")
	t := f.Text
	rotation := t.T("admin.rehearsal.rotates")
	if c.Policy.RotationOff {
		rotation = t.T("admin.rehearsal.stays")
	}
	return view.AdminRehearsal{
		AdminFrame: f, ClientHead: clientHead(t, c, "test"), NoToken: !oauth.GetsRefreshToken(c, c.Scope),
		Policy: t.T("admin.rehearsal.policy", "Preset", presetName(t, c.Policy), "Rotation", rotation, "Grace", t.Duration(c.Policy.Grace),
			"Idle", t.Duration(c.Policy.Idle), "Absolute", t.Duration(c.Policy.Absolute)),
	}
}

func (s *Server) showRehearsal(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	s.showPage(w, r, http.StatusOK, false, s.rehearsalPage(w, r, a, c))
}

// rehearse runs the scenes and shows what came of them. It changes nothing, so there is nothing to come back to, and no event. One
// runs at a time: each makes keys and a database of its own.
func (s *Server) rehearse(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	page := s.rehearsalPage(w, r, a, c)
	if s.cfg.Rehearsal == nil {
		s.notFound(w, r)
		return
	}
	if !s.rehearsing.TryLock() {
		page.Busy = true
		s.showPage(w, r, http.StatusConflict, false, page)
		return
	}
	defer s.rehearsing.Unlock()
	apis, err := s.store.APIs(r.Context())
	if err != nil {
		s.unavailable(w, r, "read APIs", err)
		return
	}
	played, err := oauth.Rehearse(r.Context(), s.cfg.Rehearsal, s.cfg.Issuer, c, apis, s.now())
	if err != nil {
		s.unavailable(w, r, "rehearse a policy", err)
		return
	}
	page.NoToken, page.Played = played.NoToken, !played.NoToken
	page.Summary = rehearsalSummary(page.Text, played)
	for _, scene := range played.Scenes {
		page.Scenes = append(page.Scenes, sceneOf(page.Text, scene))
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

// sceneTexts are title and explanation of each scene.
var sceneTexts = map[oauth.SceneName][2]string{
	oauth.SceneRefresh:     {"admin.rehearsal.scene.refresh", "admin.rehearsal.scene.refresh_text"},
	oauth.SceneTogether:    {"admin.rehearsal.scene.together", "admin.rehearsal.scene.together_text"},
	oauth.SceneLostSoon:    {"admin.rehearsal.scene.lost_soon", "admin.rehearsal.scene.lost_soon_text"},
	oauth.SceneLostLate:    {"admin.rehearsal.scene.lost_late", "admin.rehearsal.scene.lost_late_text"},
	oauth.SceneLostTooLate: {"admin.rehearsal.scene.lost_toolate", "admin.rehearsal.scene.lost_toolate_text"},
	oauth.SceneRace:        {"admin.rehearsal.scene.race", "admin.rehearsal.scene.race_text"},
	oauth.SceneStolenOld:   {"admin.rehearsal.scene.stolen_old", "admin.rehearsal.scene.stolen_old_text"},
	oauth.SceneStolenUsed:  {"admin.rehearsal.scene.stolen_used", "admin.rehearsal.scene.stolen_used_text"},
	oauth.SceneIdle:        {"admin.rehearsal.scene.idle", "admin.rehearsal.scene.idle_text"},
	oauth.SceneAbsolute:    {"admin.rehearsal.scene.absolute", "admin.rehearsal.scene.absolute_text"},
}

// actTexts say what is done in a step.
var actTexts = map[oauth.SceneAct]string{
	oauth.ActRefresh: "admin.rehearsal.act.refresh", oauth.ActLost: "admin.rehearsal.act.lost", oauth.ActAgain: "admin.rehearsal.act.again",
	oauth.ActTogether: "admin.rehearsal.act.together", oauth.ActOld: "admin.rehearsal.act.old", oauth.ActIntruder: "admin.rehearsal.act.intruder",
	oauth.ActGoesOn: "admin.rehearsal.act.goes_on",
}

func sceneOf(t *view.Text, s oauth.Scene) view.RehearsalScene {
	texts := sceneTexts[s.Name]
	scene := view.RehearsalScene{ID: string(s.Name), Title: t.T(texts[0]), Text: t.T(texts[1])}
	if s.TooLong > 0 {
		scene.Skipped = t.T("admin.rehearsal.too_long", "N", t.Number(s.TooLong))
		return scene
	}
	switch {
	case s.Intruder && !s.SignedIn:
		scene.Tone, scene.Outcome = "danger", t.T("admin.rehearsal.outcome.intruder_only")
	case s.Intruder:
		scene.Tone, scene.Outcome = "danger", t.T("admin.rehearsal.outcome.intruder")
	case s.SignedIn:
		scene.Tone, scene.Outcome = "success", t.T("admin.rehearsal.outcome.stays")
	default:
		scene.Tone, scene.Outcome = "warning", t.T("admin.rehearsal.outcome.again")
	}
	given := map[int]bool{}
	for i, step := range s.Steps {
		scene.Steps = append(scene.Steps, stepOf(t, step, i, given))
	}
	scene.Log = rehearsalLog(t, s)
	return scene
}

// stepOf tells a step. given has the tokens that were seen before.
func stepOf(t *view.Text, s oauth.SceneStep, i int, given map[int]bool) view.RehearsalStep {
	step := view.RehearsalStep{
		When: t.T("admin.rehearsal.after", "Duration", t.Duration(s.After)), Does: t.T(actTexts[s.Act]), Sends: tokenName(s.Presents),
		OK: s.Err == nil, Status: "200", Lost: s.Act == oauth.ActLost && s.Err == nil, Other: s.Act == oauth.ActIntruder,
	}
	switch {
	case s.Times > 1:
		step.When = t.N("admin.rehearsal.every", s.Times, "Duration", t.Duration(s.After))
	case i > 0 && s.Act == oauth.ActTogether:
		step.When, step.Does = t.T("admin.rehearsal.same_moment"), t.T("admin.rehearsal.act.together_too")
	case s.After < time.Second && s.After > 0:
		step.When = t.T("admin.rehearsal.at_once")
	}
	given[s.Presents] = true
	if s.Err != nil {
		step.Status, step.Error = strconv.Itoa(statusOf(s.Err)), string(s.Err.Code)
		return step
	}
	step.Gets, step.Same = tokenName(s.Gets), given[s.Gets]
	given[s.Gets] = true
	return step
}

func tokenName(n int) string {
	if n == 0 {
		return ""
	}
	return "R" + strconv.Itoa(n)
}

// rehearsalLog says what an admin finds afterwards.
func rehearsalLog(t *view.Text, s oauth.Scene) []string {
	var lines []string
	for _, e := range s.Events {
		kind, known := kindTexts[e.Kind]
		if !known {
			continue
		}
		line := t.T("admin.rehearsal.log_event", "Event", t.T(kind.key))
		if e.Kind == audit.GrantReuse || e.Kind == audit.TokenReuseReport {
			for _, p := range audit.ParseDetails(e.Detail) {
				if class := classBadges[oauth.ReuseClass(p.Value)]; p.Key == "class" && class != "" {
					line = t.T("admin.rehearsal.log_reuse", "Event", t.T(kind.key), "Class", t.T(class))
				}
			}
		}
		lines = append(lines, line)
	}
	for _, refusal := range s.Refusals {
		if text, known := ruleTexts[refusal.Rule]; known {
			lines = append(lines, t.T("admin.rehearsal.log_refusal", "Rule", t.T(text.title)))
		}
	}
	if n := int(s.Counted.Rotations); n > 0 {
		lines = append(lines, t.N("admin.rehearsal.log_rotations", n))
	}
	if n := int(s.Counted.Replays); n > 0 {
		lines = append(lines, t.N("admin.rehearsal.log_replays", n))
	}
	return lines
}

// rehearsalSummary says what the scenes show together.
func rehearsalSummary(t *view.Text, r *oauth.Rehearsal) []string {
	scenes, p := map[oauth.SceneName]oauth.Scene{}, r.Policy
	for _, s := range r.Scenes {
		scenes[s.Name] = s
	}
	if len(scenes) == 0 {
		return nil
	}
	if s := scenes[oauth.SceneRefresh]; !s.SignedIn {
		return []string{t.T("admin.rehearsal.sum.broken")}
	}
	var lines []string
	say := func(good bool, yes, no string, data ...any) {
		if !good {
			yes = no
		}
		lines = append(lines, t.T(yes, data...))
	}
	say(scenes[oauth.SceneTogether].SignedIn, "admin.rehearsal.sum.together", "admin.rehearsal.sum.together_not")
	switch soon, played := scenes[oauth.SceneLostSoon]; {
	case p.RotationOff:
		say(true, "admin.rehearsal.sum.lost_always", "")
	case played && soon.SignedIn:
		say(scenes[oauth.SceneLostTooLate].Revoked, "admin.rehearsal.sum.lost", "admin.rehearsal.sum.lost_kept", "Grace", t.Duration(p.Grace))
	default:
		say(scenes[oauth.SceneLostTooLate].Revoked, "admin.rehearsal.sum.lost_never", "admin.rehearsal.sum.lost_never_kept")
	}
	switch stolen := scenes[oauth.SceneStolenUsed]; {
	case stolen.Intruder:
		say(stolen.SignedIn, "admin.rehearsal.sum.stolen_works", "admin.rehearsal.sum.stolen_kept")
	default:
		say(stolen.Revoked, "admin.rehearsal.sum.stolen", "admin.rehearsal.sum.stolen_refused")
	}
	return append(lines, t.T("admin.rehearsal.sum.ends", "Idle", t.Duration(p.Idle), "Absolute", t.Duration(p.Absolute)))
}
