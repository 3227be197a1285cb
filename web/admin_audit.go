package web

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/web/view"
)

// adminAudit shows the log of security events.
func (s *Server) adminAudit(area *adminArea) {
	area.page("/admin/audit", s.showAudit)
	area.page("/admin/audit/{seq}", s.showAuditEvent)
	area.page("/admin/audit/export.csv", s.exportAuditCSV)
	area.page("/admin/audit/export.jsonl", s.exportAuditJSON)
	area.act("/admin/audit/verify", s.verifyAudit)
}

const (
	auditPageSize = 50
	// verifyTime is how long the chain is followed for one request.
	verifyTime = 15 * time.Second
)

// auditFilter is what somebody asks of the log, as it stands in the address.
type auditFilter struct {
	group, person, client, result, from, to, request, grant string
	before                                                  int64
}

func auditFilterOf(q url.Values) auditFilter {
	f := auditFilter{
		group: q.Get("group"), person: strings.TrimSpace(q.Get("person")), client: q.Get("client"), result: q.Get("result"),
		from: q.Get("from"), to: q.Get("to"), request: strings.TrimSpace(q.Get("request")), grant: q.Get("grant"),
	}
	if n, err := strconv.ParseInt(q.Get("before"), 10, 64); err == nil && n > 0 {
		f.before = n
	}
	return f
}

// empty says whether everything is asked for.
func (f auditFilter) empty() bool { f.before = 0; return f == auditFilter{} }

// url gives the address of a page of the log with this filter, from before on.
func (f auditFilter) url(path string, before int64) string {
	q := url.Values{}
	for name, value := range map[string]string{
		"group": f.group, "person": f.person, "client": f.client, "result": f.result, "from": f.from, "to": f.to, "request": f.request, "grant": f.grant,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if before > 0 {
		q.Set("before", strconv.FormatInt(before, 10))
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// auditQuery turns the filter into a question to the log. wrong has a message's key for each field that makes no sense.
func (s *Server) auditQuery(ctx context.Context, f auditFilter) (q audit.Query, wrong map[string]string, err error) {
	wrong = map[string]string{}
	q = audit.Query{ClientID: f.client, GrantID: f.grant, RequestID: f.request, Outcome: audit.Outcome(f.result), Before: f.before}
	if f.group != "" {
		if q.Kinds = kindsOf(f.group); q.Kinds == nil {
			wrong["group"] = "admin.audit.wrong.group"
		}
	}
	if f.result != "" && q.Outcome != audit.OutcomeOK && q.Outcome != audit.OutcomeRefused {
		wrong["result"] = "admin.audit.wrong.result"
	}
	if q.From, err = utcDay(f.from); err != nil {
		wrong["from"] = "admin.audit.wrong.day"
	}
	if q.To, err = utcDay(f.to); err != nil {
		wrong["to"] = "admin.audit.wrong.day"
	} else if !q.To.IsZero() {
		q.To = q.To.AddDate(0, 0, 1) // the day itself belongs to it
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		wrong["to"] = "admin.audit.wrong.order"
	}
	if q.PersonID = f.person; strings.Contains(f.person, "@") {
		person, err := s.people.Find(ctx, f.person)
		switch {
		case errors.Is(err, account.ErrNotFound):
			wrong["person"] = "admin.audit.wrong.person"
		case err != nil:
			return q, nil, err
		}
		q.PersonID = person.ID
	}
	return q, wrong, nil
}

// utcDay reads a day as fields of type date have it, in UTC; "" is the zero time.
func utcDay(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.DateOnly, text)
}

// showAudit lists events, the newest first.
func (s *Server) showAudit(w http.ResponseWriter, r *http.Request, a *admin) {
	f := auditFilterOf(r.URL.Query())
	page := view.AdminAudit{AdminFrame: s.adminFrame(w, r, a, "audit"), Now: s.now(), Filtered: !f.empty()}
	q, wrong, err := s.auditQuery(r.Context(), f)
	if err == nil {
		page.Filter, err = s.auditFields(r.Context(), page.Text, f, wrong)
	}
	if err == nil {
		page.Check, err = s.lastCheck(r.Context(), page.Text)
	}
	if err != nil {
		s.unavailable(w, r, "read the audit log", err)
		return
	}
	if page.Wrong = len(wrong) > 0; page.Wrong {
		s.showPage(w, r, http.StatusUnprocessableEntity, false, page)
		return
	}
	found, err := s.store.ReadAudit(r.Context(), q, auditPageSize)
	if err == nil {
		page.Events, err = s.eventTexts(r.Context(), page.Text, found.Events)
	}
	if err != nil {
		s.unavailable(w, r, "read the audit log", err)
		return
	}
	if found.Next > 0 {
		page.Pager.Next = f.url("/admin/audit", found.Next)
	}
	if f.before > 0 {
		page.Pager.First = f.url("/admin/audit", 0)
	}
	page.Short = found.Short
	page.CSV, page.JSON = f.url("/admin/audit/export.csv", 0), f.url("/admin/audit/export.jsonl", 0)
	s.showPage(w, r, http.StatusOK, false, page)
}

// auditFields are the fields of the filter.
func (s *Server) auditFields(ctx context.Context, t *view.Text, f auditFilter, wrong map[string]string) (view.AuditFilter, error) {
	say := func(field string) string {
		if key := wrong[field]; key != "" {
			return t.T(key)
		}
		return ""
	}
	fields := view.AuditFilter{
		Groups: []view.Option{{Label: t.T("admin.audit.filter.any_group")}}, Clients: []view.Option{{Label: t.T("admin.audit.filter.any_client")}},
		Results: []view.Option{
			{Label: t.T("admin.audit.filter.any_result")},
			{Value: string(audit.OutcomeOK), Label: t.T("admin.audit.outcome.ok"), Selected: f.result == string(audit.OutcomeOK)},
			{Value: string(audit.OutcomeRefused), Label: t.T("admin.audit.outcome.refused"), Selected: f.result == string(audit.OutcomeRefused)},
		},
		Person: f.person, From: f.from, To: f.to, Request: f.request, Grant: f.grant,
		GroupError: say("group"), ResultError: say("result"), PersonError: say("person"), FromError: say("from"), ToError: say("to"),
	}
	for _, g := range kindGroups {
		fields.Groups = append(fields.Groups, view.Option{Value: g.name, Label: t.T(g.key), Selected: g.name == f.group})
	}
	clients, err := s.store.Clients(ctx)
	if err != nil {
		return fields, err
	}
	for _, c := range clients {
		fields.Clients = append(fields.Clients, view.Option{Value: c.ID, Label: c.Name, Selected: c.ID == f.client})
	}
	if f.client != "" && !slices.ContainsFunc(fields.Clients, func(o view.Option) bool { return o.Selected }) {
		fields.Clients = append(fields.Clients, view.Option{Value: f.client, Label: t.T("admin.audit.gone.client", "ID", short(f.client)), Selected: true})
	}
	return fields, nil
}

// showAuditEvent shows all that the log has of one event.
func (s *Server) showAuditEvent(w http.ResponseWriter, r *http.Request, a *admin) {
	seq, err := strconv.ParseInt(r.PathValue("seq"), 10, 64)
	if err != nil {
		s.notFound(w, r)
		return
	}
	event, err := s.store.AuditEvent(r.Context(), seq)
	if errors.Is(err, audit.ErrNotFound) {
		s.notFound(w, r)
		return
	}
	t := s.frame(r).Text
	var texts []view.Event
	if err == nil {
		texts, err = s.eventTexts(r.Context(), t, []audit.Event{event})
	}
	if err != nil {
		s.unavailable(w, r, "read an audit event", err)
		return
	}
	s.showPage(w, r, http.StatusOK, false, view.AdminAuditEvent{
		AdminFrame: s.adminFrame(w, r, a, "audit", view.Crumb{Label: t.T("admin.audit.event", "Seq", strconv.FormatInt(seq, 10))}),
		Now:        s.now(), Event: texts[0], SameRequest: auditFilter{request: event.RequestID}.url("/admin/audit", 0),
		WhyRefused: "/admin/refusals?" + url.Values{"request_id": {event.RequestID}}.Encode(),
	})
}

// lastCheck tells of the last time that the chain was followed, nil if it never was.
func (s *Server) lastCheck(ctx context.Context, t *view.Text) (*view.AuditCheck, error) {
	c, err := s.store.LastAuditCheck(ctx)
	if errors.Is(err, audit.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	n := s.names(t)
	by, err := n.person(ctx, c.By)
	return &view.AuditCheck{
		At: c.At, By: by, Events: int(c.Events), From: c.From, To: c.To, Last: strconv.FormatInt(c.Last, 10), Hash: hex.EncodeToString(c.Hash),
		Broken: c.Broken > 0, BrokenAt: strconv.FormatInt(c.Broken, 10), Missing: c.Why == "missing", Cut: c.Cut,
	}, err
}

// verifyAudit follows the chain of the log and remembers what came of it. Events are written meanwhile as ever.
func (s *Server) verifyAudit(w http.ResponseWriter, r *http.Request, a *admin) {
	ctx, cancel := context.WithTimeout(r.Context(), verifyTime)
	defer cancel()
	check, err := s.store.CheckAudit(ctx)
	if err != nil && !errors.Is(err, audit.ErrBroken) {
		s.unavailable(w, r, "verify the audit log", err)
		return
	}
	check.At, check.By = s.now(), a.ID
	event := audit.Event{At: check.At, Kind: audit.LogChecked, Origin: s.byAdmin(r, a), Result: "ok",
		Detail: audit.Details("events", strconv.FormatInt(check.Events, 10), "last", strconv.FormatInt(check.Last, 10), "hash", hex.EncodeToString(check.Hash))}
	switch {
	case check.Broken > 0:
		event.Result, event.Detail = "broken", audit.Details("at", strconv.FormatInt(check.Broken, 10), "why", check.Why)
	case check.Cut:
		event.Result = "not finished"
	}
	if err := s.store.SaveAuditCheck(r.Context(), check, event); err != nil {
		s.unavailable(w, r, "remember a check of the audit log", err)
		return
	}
	if check.Broken > 0 || check.Cut {
		s.redirect(w, s.base+"/admin/audit")
		return
	}
	s.done(w, r, "/admin/audit", "done.audit_verified")
}
