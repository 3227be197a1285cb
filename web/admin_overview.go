package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/web/view"
)

// adminOverview is the first page for admins.
func (s *Server) adminOverview(area *adminArea) {
	area.page("/admin", s.showOverview)
}

// What the overview looks at.
const (
	countLimit     = 10_000 // beyond it a count says only that there are more
	reuseSeen      = 7 * 24 * time.Hour
	reuseLimit     = 100
	reuseShown     = 3
	keyDueSeen     = 14 * 24 * time.Hour
	keyOverdue     = time.Hour // the schedule looks each minute
	secretEndsSeen = 7 * 24 * time.Hour
	secretsShown   = 5
	bulkShown      = 3
	overviewEvents = 10
)

// showOverview shows figures, what needs an admin, and charts over the period in the query: range=24h, 7d or 30d.
func (s *Server) showOverview(w http.ResponseWriter, r *http.Request, a *admin) {
	f := s.adminFrame(w, r, a, "overview")
	page := view.AdminOverview{AdminFrame: f, Now: s.now()}
	figures, err := s.store.Figures(r.Context(), countLimit+1)
	if err == nil {
		page.Figures = figuresOf(f.Text, figures)
		page.Begin = figures.Clients == 0
		page.Attention, err = s.attention(r.Context(), f.Text, figures, page.Now)
	}
	if err == nil && !page.Begin {
		err = s.charts(r.Context(), &page, periodOf(r.URL.Query().Get("range")))
	}
	if err == nil {
		page.Events, err = s.lastEvents(r.Context(), f.Text)
	}
	if err != nil {
		s.unavailable(w, r, "show the overview", err)
		return
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

func figuresOf(t *view.Text, n oauth.Figures) []view.Figure {
	return []view.Figure{
		{Label: t.T("admin.overview.grants"), Value: countUpTo(t, n.Grants), URL: "/admin/grants"},
		{Label: t.T("admin.overview.people"), Value: countUpTo(t, n.People), URL: "/admin/people"},
		{Label: t.T("admin.overview.clients"), Value: countUpTo(t, n.Clients), URL: "/admin/clients"},
	}
}

// countUpTo writes a count that was stopped just above its limit.
func countUpTo(t *view.Text, n int) string {
	if n > countLimit {
		return t.Number(countLimit) + "+"
	}
	return t.Number(n)
}

func (s *Server) lastEvents(ctx context.Context, t *view.Text) ([]view.Event, error) {
	log, err := s.store.ReadAudit(ctx, audit.Query{}, overviewEvents)
	if err != nil {
		return nil, err
	}
	return s.eventTexts(ctx, t, log.Events)
}

// attention gathers what an admin should look at, the gravest first.
func (s *Server) attention(ctx context.Context, t *view.Text, figures oauth.Figures, now time.Time) ([]view.Attention, error) {
	var all []view.Attention
	for _, look := range []func(context.Context, *view.Text, time.Time) ([]view.Attention, error){
		s.reuseAttention, s.backupAttention, s.keyAttention, s.secretAttention, s.deliveryAttention, s.bulkAttention,
	} {
		some, err := look(ctx, t, now)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if figures.Admins == 1 && figures.Clients > 0 { // on a new server there are better things to begin with
		all = append(all, view.Attention{Tone: "info", Badge: t.T("admin.overview.badge.advice"), Text: t.T("admin.overview.one_admin"),
			Note: t.T("admin.overview.one_admin_note"), URL: "/admin/people/invite", Link: t.T("admin.overview.invite"), Acts: true})
	}
	return all, nil
}

// reuseAttention tells of refresh tokens that were used twice, by class, and of the last of them.
func (s *Server) reuseAttention(ctx context.Context, t *view.Text, now time.Time) ([]view.Attention, error) {
	found, err := s.store.ReadAudit(ctx, audit.Query{Kinds: []audit.Kind{audit.GrantReuse}, From: now.Add(-reuseSeen)}, reuseLimit)
	if err != nil || len(found.Events) == 0 {
		return nil, err
	}
	matter := view.Attention{Tone: "warning", Badge: t.T("admin.overview.badge.reuse"), URL: "/admin/audit?group=grants&result=" + string(audit.OutcomeRefused), Link: t.T("admin.overview.look")}
	matter.Text = t.N("admin.overview.reuse", len(found.Events))
	if found.Next != 0 {
		matter.Text = t.T("admin.overview.reuse_more", "N", t.Number(reuseLimit))
	}
	classes := map[oauth.ReuseClass]int{}
	for _, e := range found.Events {
		classes[reuseClass(e)]++
	}
	var parts []string
	for _, class := range []oauth.ReuseClass{oauth.ReuseTheft, oauth.ReuseLostResponse, oauth.ReuseRace} {
		if n := classes[class]; n > 0 {
			parts = append(parts, t.Number(n)+" × "+t.T(classNames[class]))
		}
	}
	matter.Note = strings.Join(parts, ", ")
	if classes[oauth.ReuseTheft] > 0 {
		matter.Tone = "danger"
	}
	last := found.Events[:min(reuseShown, len(found.Events))]
	texts, err := s.eventTexts(ctx, t, last)
	if err != nil {
		return nil, err
	}
	for i, e := range last {
		class := reuseClass(e)
		shown := view.AttentionEvent{Tone: "warning", Badge: t.T(classBadges[class]), Event: texts[i]}
		if class == oauth.ReuseTheft {
			shown.Tone = "danger"
		}
		matter.Events = append(matter.Events, shown)
	}
	return []view.Attention{matter}, nil
}

// classBadges are the classes of reuse as badges.
var classBadges = map[oauth.ReuseClass]string{
	oauth.ReuseRace: "admin.overview.class.race", oauth.ReuseLostResponse: "admin.overview.class.lost_response", oauth.ReuseTheft: "admin.overview.class.theft",
}

// reuseClass reads the class of a reuse off its event; theft if it has none, which is the careful reading.
func reuseClass(e audit.Event) oauth.ReuseClass {
	for _, p := range audit.ParseDetails(e.Detail) {
		if class := oauth.ReuseClass(p.Value); p.Key == "class" && classNames[class] != "" {
			return class
		}
	}
	return oauth.ReuseTheft
}

// keyAttention tells of signing keys that are soon replaced by the schedule, or should have been.
func (s *Server) keyAttention(ctx context.Context, t *view.Text, now time.Time) ([]view.Attention, error) {
	keys, err := s.store.Keys(ctx)
	if err != nil {
		return nil, err
	}
	var all []view.Attention
	for _, k := range oauth.DescribeKeys(keys, now) {
		if k.Use != oauth.KeySigning || k.RotatesAt == nil || k.RotatesAt.Sub(now) > keyDueSeen {
			continue
		}
		matter := view.Attention{Tone: "info", Badge: t.T("admin.overview.badge.key"), URL: "/admin/keys", Link: t.T("admin.overview.keys"),
			Text: t.T("admin.overview.key_due", "Algorithm", k.Algorithm, "Date", t.Date(*k.RotatesAt)), Note: t.T("admin.overview.key_due_note")}
		if now.Sub(*k.RotatesAt) > keyOverdue {
			matter.Tone, matter.Text, matter.Note = "warning", t.T("admin.overview.key_overdue", "Algorithm", k.Algorithm, "Date", t.Date(*k.RotatesAt)), t.T("admin.overview.key_overdue_note")
		}
		all = append(all, matter)
	}
	return all, nil
}

// secretAttention tells of clients whose old secret is about to end.
func (s *Server) secretAttention(ctx context.Context, t *view.Text, now time.Time) ([]view.Attention, error) {
	clients, err := s.store.Clients(ctx)
	if err != nil {
		return nil, err
	}
	var all []view.Attention
	for _, c := range clients {
		old := c.OldSecret
		if c.DisabledAt != nil || old == nil || old.EndsAt == nil || !now.Before(*old.EndsAt) || old.EndsAt.Sub(now) > secretEndsSeen {
			continue
		}
		all = append(all, view.Attention{Tone: "warning", Badge: t.T("admin.overview.badge.secret"), URL: "/admin/clients/" + url.PathEscape(c.ID) + "/credentials", Link: t.T("admin.overview.client"),
			Text: t.T("admin.overview.secret", "Client", c.Name, "Duration", t.Duration(coarse(old.EndsAt.Sub(now)))), Note: t.T("admin.overview.secret_note")})
	}
	if more := len(all) - secretsShown; more > 0 {
		all = append(all[:secretsShown], view.Attention{Tone: "warning", Badge: t.T("admin.overview.badge.secret"),
			Text: t.N("admin.overview.secrets_more", more), URL: "/admin/clients", Link: t.T("admin.overview.all_clients")})
	}
	return all, nil
}

// coarse leaves out what nobody needs to know of a duration.
func coarse(d time.Duration) time.Duration {
	switch {
	case d >= 48*time.Hour:
		return d.Truncate(24 * time.Hour)
	case d >= 2*time.Hour:
		return d.Truncate(time.Hour)
	}
	return d.Truncate(time.Minute)
}

// bulkAttention tells of revocations of many sign-ins that are under way.
func (s *Server) bulkAttention(ctx context.Context, t *view.Text, _ time.Time) ([]view.Attention, error) {
	open, err := s.store.OpenBulkRevocations(ctx, bulkShown)
	if err != nil {
		return nil, err
	}
	var all []view.Attention
	for _, b := range open {
		all = append(all, view.Attention{Tone: "info", Badge: t.T("admin.overview.badge.work"), Text: t.T("admin.overview.bulk", "N", t.Number(int(b.Revoked))),
			Note: t.T("admin.overview.bulk_note"), URL: "/admin/revocations/" + url.PathEscape(b.ID), Link: t.T("admin.overview.bulk_look")})
	}
	return all, nil
}
