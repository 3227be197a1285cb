package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
	"regrant/web/view"
)

// shownRecords is how many of the server's records are shown.
const shownRecords = 30

// story reads from the database what the server knows of the visitor's sign-in, or of the one that ended last. What the
// engine still has in memory is written first.
func (d *demo) story(ctx context.Context, t *view.Text, v *demoVisitor) (*view.DemoStory, error) {
	tokens := v.tokens
	if tokens == nil {
		tokens = v.last
	}
	if tokens == nil {
		return nil, nil
	}
	if err := d.engine.Flush(ctx); err != nil {
		return nil, err
	}
	grants, err := d.store.Grants(ctx, oauth.GrantFilter{ID: tokens.grant})
	if err != nil {
		return nil, err
	}
	events, err2 := d.store.Events(ctx, db.EventFilter{GrantID: tokens.grant}, shownRecords)
	moments, err3 := d.store.Moments(ctx, tokens.grant, shownRecords)
	if err := errors.Join(err2, err3); err != nil || len(grants) != 1 {
		return nil, err
	}
	g := grants[0]
	now := d.engine.Now()
	s := &view.DemoStory{Tone: "good", Status: t.T("demo.status.active"), GrantID: g.ID, Generation: int(g.Generation), Scope: g.Scope.String()}
	switch status := grantStatus(g, now.Wall); {
	case status == "revoked":
		reason := string(g.RevokedReason)
		if g.ReuseClass != "" {
			reason += ", " + string(g.ReuseClass)
		}
		s.Tone, s.Status = "bad", t.T("demo.status.revoked", "Reason", reason)
	case status != "active":
		s.Tone, s.Status = "bad", t.T("demo.status.expired")
	case g.WindowKeyID != 0 && now.Service < g.WindowEnd:
		s.Window = time.Duration(g.WindowEnd-now.Service) * time.Microsecond
	}
	s.Entries = demoRecords(t, g, events, moments)
	return s, nil
}

// demoRecords puts the ring, the moments and the audit events of a grant in one order, newest first.
func demoRecords(t *view.Text, g oauth.RefreshState, events []audit.Event, moments []oauth.Moment) []view.DemoEntry {
	type record struct {
		at time.Time
		view.DemoEntry
	}
	var all []record
	for _, e := range events {
		tone, result := "good", ""
		if e.Kind == audit.GrantReuse || e.Kind == audit.GrantRevoked {
			tone = "bad"
		}
		if e.Result != "ok" {
			result = e.Result + " "
		}
		all = append(all, record{e.At, view.DemoEntry{What: string(e.Kind), Detail: strings.TrimSpace(result + e.Detail), Tone: tone}})
	}
	for _, m := range moments {
		e := view.DemoEntry{What: momentWord(t, m.Kind), Detail: m.Detail}
		if m.Kind == oauth.MomentRefused {
			e.Tone = "warn"
		}
		all = append(all, record{m.At, e})
	}
	for _, r := range ringRecords(g) {
		n := strconv.Itoa(r.generation)
		e := view.DemoEntry{What: t.T("demo.record.replayed"), Detail: t.T("demo.record.replayed_to", "Generation", n)}
		if r.Kind == oauth.RingRotation {
			e = view.DemoEntry{What: t.T("demo.record.rotated"), Detail: t.T("demo.record.rotated_to", "Generation", n)}
		}
		all = append(all, record{r.At, e})
	}
	slices.SortStableFunc(all, func(a, b record) int { return b.at.Compare(a.at) })
	var entries []view.DemoEntry
	for _, r := range all[:min(len(all), shownRecords)] {
		r.Time = r.at.UTC().Format(time.TimeOnly)
		entries = append(entries, r.DemoEntry)
	}
	return entries
}

func momentWord(t *view.Text, kind oauth.MomentKind) string {
	switch kind {
	case oauth.MomentRefused:
		return t.T("demo.record.refused")
	case oauth.MomentNarrowed:
		return t.T("demo.record.narrowed")
	case oauth.MomentAddressChanged:
		return t.T("demo.record.address_changed")
	case oauth.MomentAgentChanged:
		return t.T("demo.record.agent_changed")
	}
	return strconv.Quote(string(kind))
}
