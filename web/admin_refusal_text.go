package web

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/web/view"
)

// refusalRows puts refusals into rows, with the names of today.
func (s *Server) refusalRows(ctx context.Context, t *view.Text, refusals []oauth.Refusal) ([]view.RefusalRow, error) {
	n := s.names(t)
	rows := make([]view.RefusalRow, len(refusals))
	for i, f := range refusals {
		row := view.RefusalRow{
			URL: "/admin/refusals/" + strconv.FormatInt(f.ID, 10), At: f.At, What: ruleTitle(t, f.Rule), Code: string(f.Code),
			IP: f.IP, Device: deviceName(t, f.UserAgent), RequestID: f.RequestID, Generation: generations(t, f.Generation, f.OfGeneration),
		}
		var err error
		if row.Client, err = n.client(ctx, f.ClientID); err != nil {
			return nil, err
		}
		if f.PersonID != "" {
			if row.Person, err = n.person(ctx, f.PersonID); err != nil {
				return nil, err
			}
		}
		rows[i] = row
	}
	return rows, nil
}

func (s *Server) names(t *view.Text) *eventNames {
	return &eventNames{s: s, t: t, people: map[string]view.Party{}, clients: map[string]view.Party{}}
}

func ruleTitle(t *view.Text, rule oauth.Rule) string {
	if text, known := ruleTexts[rule]; known {
		return t.T(text.title)
	}
	return string(rule)
}

func generations(t *view.Text, came, of *uint32) string {
	if came == nil || of == nil {
		return ""
	}
	return t.T("admin.refusal.generation", "Generation", strconv.Itoa(int(*came)), "Current", strconv.Itoa(int(*of)))
}

// refusalAnswer explains one refusal: the rule, what was stored then, and what is now.
func (s *Server) refusalAnswer(ctx context.Context, t *view.Text, f *oauth.Refusal) (*view.RefusalAnswer, error) {
	n := s.names(t)
	client, err := n.client(ctx, f.ClientID)
	if err != nil {
		return nil, err
	}
	stored := map[string]string{}
	for _, p := range audit.ParseDetails(f.Found) {
		stored[p.Key] = p.Value
	}
	a := &view.RefusalAnswer{Tone: toneOfRule(f.Rule), Label: t.T("admin.refusal.label"), Title: ruleTitle(t, f.Rule)}
	explain(t, a, f.Rule, client.Label, f.Generation, f.OfGeneration)
	if f.Rule == oauth.RuleTokenReuse || f.Rule == oauth.RuleTokenReported {
		s.explainReuse(t, a, f, stored)
	}
	if f.Rule == oauth.RuleTokenRevoked {
		a.Class = revokedWords(t, stored)
	}
	if a.Facts, err = refusalFacts(ctx, t, n, f, client); err != nil {
		return nil, err
	}
	state, now, err := s.oauth.StandsNow(ctx, f)
	if err != nil {
		return nil, err
	}
	if state != nil {
		a.GrantURL = "/admin/grants/" + url.PathEscape(state.ID)
	}
	if f.Found != "" {
		a.Then, a.Stored = t.T("admin.refusal.column.then"), storedFacts(t, f.Found, now)
	}
	return a, nil
}

// explain puts the words of a rule into an answer.
func explain(t *view.Text, a *view.RefusalAnswer, rule oauth.Rule, client string, came, of *uint32) {
	text, known := ruleTexts[rule]
	if !known {
		return
	}
	data := []any{"Client", client, "Generation", "?", "Current", "?"}
	if came != nil && of != nil {
		data = []any{"Client", client, "Generation", strconv.Itoa(int(*came)), "Current", strconv.Itoa(int(*of))}
	}
	a.Why, a.Do = t.T(text.why, data...), t.T(text.do, data...)
}

// revokedWords says when and why a grant had been revoked.
func revokedWords(t *view.Text, stored map[string]string) string {
	at, err := time.Parse(time.RFC3339, stored["revoked"])
	reason := stored["reason"]
	if key := resultTexts[reason]; key != "" {
		reason = t.T(key)
	}
	if err != nil || reason == "" {
		return ""
	}
	return t.T("admin.refusal.revoked_for", "At", t.DateTime(at), "Reason", reason)
}

// toneOfRule says how much a refusal should catch the eye.
func toneOfRule(rule oauth.Rule) string {
	switch rule {
	case oauth.RuleTokenReuse, oauth.RuleTokenReported, oauth.RuleTokenFork, oauth.RuleTokenClient, oauth.RuleCodeSpent, oauth.RuleCodeClient:
		return toneBad
	case oauth.RuleSignInNeeded, oauth.RuleConsentNeeded, oauth.RuleDenied, oauth.RuleAccessExpired, oauth.RuleTokenIdle, oauth.RuleTokenAbsolute:
		return tonePlain
	}
	return toneCaution
}

// explainReuse says what a reuse most likely was, why, and what helps against it.
func (s *Server) explainReuse(t *view.Text, a *view.RefusalAnswer, f *oauth.Refusal, stored map[string]string) {
	reuse := &oauth.Reuse{Class: oauth.ReuseClass(stored["class"])}
	if f.Generation != nil && f.OfGeneration != nil {
		reuse.Generation, reuse.Of = *f.Generation, *f.OfGeneration
	}
	if at, err := time.Parse(time.RFC3339, stored["superseded"]); err == nil {
		reuse.Superseded = &at
	}
	reuse.SameAddress, reuse.SameAgent = stored["same_address"] == "yes", stored["same_agent"] == "yes"
	a.Class = reuseEvidence(t, reuse, f.At)
	switch reuse.Class {
	case oauth.ReuseRace:
		a.Do = t.T("admin.refusal.reuse.do_race")
	case oauth.ReuseLostResponse:
		a.Do = t.T("admin.refusal.reuse.do_lost_response", "Grace", stored["grace"])
	case oauth.ReuseTheft:
		a.Do = t.T("admin.refusal.reuse.do_theft")
	}
}

// reuseTexts are the classes in words.
var reuseTexts = map[oauth.ReuseClass]string{
	oauth.ReuseRace: "admin.refusal.reuse.race", oauth.ReuseLostResponse: "admin.refusal.reuse.lost_response", oauth.ReuseTheft: "admin.refusal.reuse.theft",
}

// reuseEvidence says which class a reuse was put into and what speaks for it: how far behind, how long ago, from where.
func reuseEvidence(t *view.Text, r *oauth.Reuse, at time.Time) string {
	key, known := reuseTexts[r.Class]
	if !known {
		return ""
	}
	text := t.T(key) + " " + t.N("admin.refusal.reuse.behind", int(r.Of-r.Generation))
	if r.Superseded != nil && !at.Before(*r.Superseded) {
		text += " " + t.T("admin.refusal.reuse.superseded", "Ago", t.Duration(at.Sub(*r.Superseded)))
	}
	switch {
	case r.SameAddress && r.SameAgent:
		return text + " " + t.T("admin.refusal.reuse.same_both")
	case r.SameAddress:
		return text + " " + t.T("admin.refusal.reuse.same_address")
	case r.SameAgent:
		return text + " " + t.T("admin.refusal.reuse.same_agent")
	}
	return text + " " + t.T("admin.refusal.reuse.same_neither")
}

// refusalFacts are what is known of the request.
func refusalFacts(ctx context.Context, t *view.Text, n *eventNames, f *oauth.Refusal, client view.Party) ([]view.RefusalFact, error) {
	facts := []view.RefusalFact{
		{Name: t.T("admin.refusal.fact.at"), At: f.At},
		{Name: t.T("admin.refusal.fact.request"), Value: f.RequestID, Code: true},
		{Name: t.T("admin.refusal.fact.client"), Value: client.Label, URL: client.URL},
	}
	if f.PersonID != "" {
		person, err := n.person(ctx, f.PersonID)
		if err != nil {
			return nil, err
		}
		facts = append(facts, view.RefusalFact{Name: t.T("admin.refusal.fact.person"), Value: person.Label, URL: person.URL})
	}
	told := f.Endpoint
	if f.Code != "" {
		told += " → " + string(f.Code)
	}
	facts = append(facts, view.RefusalFact{Name: t.T("admin.refusal.fact.endpoint"), Value: told, Code: true},
		view.RefusalFact{Name: t.T("admin.refusal.fact.rule"), Value: string(f.Rule), Code: true},
		view.RefusalFact{Name: t.T("admin.refusal.fact.detail"), Value: f.Detail})
	if f.IP != "" {
		facts = append(facts, view.RefusalFact{Name: t.T("admin.refusal.fact.ip"), Value: f.IP, Code: true})
	}
	if device := deviceName(t, f.UserAgent); device != "" {
		facts = append(facts, view.RefusalFact{Name: t.T("admin.refusal.fact.device"), Value: device})
	}
	return facts, nil
}

// storedTexts are the names of what is stored, in the order in which they are told.
var storedTexts = []struct{ name, key string }{
	{"generation", "admin.refusal.stored_fact.generation"}, {"rotated", "admin.refusal.stored_fact.rotated"}, {"window", "admin.refusal.stored_fact.window"},
	{"superseded", "admin.refusal.stored_fact.superseded"}, {"issued", "admin.refusal.stored_fact.issued"}, {"last_used", "admin.refusal.stored_fact.last_used"},
	{"revoked", "admin.refusal.stored_fact.revoked"}, {"reason", "admin.refusal.stored_fact.reason"}, {"class", "admin.refusal.stored_fact.class"},
	{"person", "admin.refusal.stored_fact.person"}, {"person_ended", "admin.refusal.stored_fact.person_ended"}, {"client_ended", "admin.refusal.stored_fact.client_ended"},
	{"idle_deadline", "admin.refusal.stored_fact.idle_deadline"}, {"ends", "admin.refusal.stored_fact.ends"}, {"created", "admin.refusal.stored_fact.created"},
	{"scope", "admin.refusal.stored_fact.scope"}, {"preset", "admin.refusal.stored_fact.preset"}, {"grace", "admin.refusal.stored_fact.grace"},
	{"rotation", "admin.refusal.stored_fact.rotation"}, {"on_reuse", "admin.refusal.stored_fact.on_reuse"}, {"epoch", "admin.refusal.stored_fact.epoch"},
	{"token_epoch", "admin.refusal.stored_fact.token_epoch"}, {"expires", "admin.refusal.stored_fact.expires"}, {"spent", "admin.refusal.stored_fact.spent"},
	{"tries", "admin.refusal.stored_fact.tries"}, {"jti", "admin.refusal.stored_fact.jti"},
}

// ofTheToken are what does not change, since it is said by the token that came.
var ofTheToken = []string{"superseded", "issued", "token_epoch", "expires", "jti", "tries", "spent"}

// storedFacts compares what was stored with what is. then may be "": only what is is told.
func storedFacts(t *view.Text, then, now string) []view.StoredFact {
	was, is := map[string]string{}, map[string]string{}
	for _, p := range audit.ParseDetails(then) {
		was[p.Key] = p.Value
	}
	for _, p := range audit.ParseDetails(now) {
		is[p.Key] = p.Value
	}
	var facts []view.StoredFact
	for _, s := range storedTexts {
		before, after := was[s.name], is[s.name]
		if before == "" && after == "" {
			continue
		}
		fact := view.StoredFact{Name: t.T(s.key), Then: storedFact(t, s.name, before), Now: storedFact(t, s.name, after)}
		if slices.Contains(ofTheToken, s.name) && then != "" {
			fact.Now = view.RefusalFact{Value: "–"}
		} else {
			fact.Changed = then != "" && now != "" && before != after
		}
		facts = append(facts, fact)
	}
	return facts
}

// storedFact puts one value into words.
func storedFact(t *view.Text, name, value string) view.RefusalFact {
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		return view.RefusalFact{At: at}
	}
	fact := view.RefusalFact{Value: value}
	switch {
	case value == "":
		fact.Value = "–"
	case name == "window" && value == "closed":
		fact.Value = t.T("admin.refusal.stored_fact.window_closed")
	case name == "window":
		fact.Value = t.T("admin.refusal.stored_fact.window_open", "Left", value)
	case name == "person":
		fact.Value = t.T("admin.refusal.stored_fact.person_disabled")
	case name == "rotation" && value == "off":
		fact.Value = t.T("admin.refusal.stored_fact.rotation_off")
	case name == "rotation":
		fact.Value = t.T("admin.refusal.stored_fact.rotation_on")
	case name == "on_reuse" && value == string(oauth.ReuseReports):
		fact.Value = t.T("admin.refusal.stored_fact.reports")
	case name == "on_reuse":
		fact.Value = t.T("admin.refusal.stored_fact.revokes")
	case name == "reason" && resultTexts[value] != "":
		fact.Value = t.T(resultTexts[value])
	case name == "class" && classNames[oauth.ReuseClass(value)] != "":
		fact.Value = t.T(classNames[oauth.ReuseClass(value)])
	}
	return fact
}

// classNames are the classes of reuse in a word or two.
var classNames = map[oauth.ReuseClass]string{
	oauth.ReuseRace: "admin.refusal.class.race", oauth.ReuseLostResponse: "admin.refusal.class.lost_response", oauth.ReuseTheft: "admin.refusal.class.theft",
}
