package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"regrant/app/oauth"
	"regrant/web/view"
)

// choiceTime is how long what an admin was shown stays what is revoked: later it has to be looked at again.
const choiceTime = time.Hour

// tallied is how many clients the preview and the result name.
const tallied = 20

// readChoice reads what is to be revoked: the grants of id (or of ids, divided by spaces), or with all=1 those that match the
// fields of a list.
func readChoice(v url.Values) (c oauth.BulkChoice, err error) {
	if c.IDs = append(v["id"], strings.Fields(v.Get("ids"))...); len(c.IDs) > 0 || v.Get("all") != "1" {
		return c, nil
	}
	var badDay bool
	if c.Query, badDay, err = readGrantQuery(v); badDay {
		err = oauth.ErrGrantQuery
	}
	c.Query.After = oauth.GrantCursor{}
	return c, err
}

// showRevokeMany says what would end.
func (s *Server) showRevokeMany(w http.ResponseWriter, r *http.Request, a *admin) {
	v := r.URL.Query()
	c, err := readChoice(v)
	if err != nil {
		s.notALink(w, r, err)
		return
	}
	c.Query.CreatedBefore = s.now()
	s.previewRevokeMany(w, r, a, v, c, http.StatusOK, "")
}

// previewRevokeMany shows the question, again where it cannot be carried out.
func (s *Server) previewRevokeMany(w http.ResponseWriter, r *http.Request, a *admin, v url.Values, c oauth.BulkChoice, status int, notice string) {
	t := s.frame(r).Text
	page := view.AdminRevokeMany{Notice: notice}
	if len(c.IDs) == 0 && v.Get("all") != "1" {
		page.Nothing = true
	}
	measure := oauth.GrantMeasure{}
	var err error
	if !page.Nothing {
		measure, err = oauth.MeasureChoice(r.Context(), s.store, c, s.oauth.Now().Deadline)
	}
	switch {
	case errors.Is(err, oauth.ErrGrantQuery):
		s.notALink(w, r, err)
		return
	case err == nil && measure.Broad && notice == "":
		status, page.Notice = http.StatusUnprocessableEntity, t.T("admin.grants.revoke.broad")
	}
	if err == nil {
		err = s.fillPreview(r.Context(), t, &page, v, c, measure)
	}
	if err != nil {
		s.unavailable(w, r, "measure what to revoke", err)
		return
	}
	page.AdminFrame = s.adminFrame(w, r, a, "grants", view.Crumb{Label: t.T("admin.grants.revoke.crumb")})
	page.Confirm.FormToken = page.FormToken
	s.showPage(w, r, status, false, page)
}

func (s *Server) fillPreview(ctx context.Context, t *view.Text, page *view.AdminRevokeMany, v url.Values, c oauth.BulkChoice, m oauth.GrantMeasure) error {
	page.Nothing = page.Nothing || m.Grants.N == 0
	page.Confirm = view.Confirm{
		Title: countText(t, "admin.grants.revoke.title", "admin.grants.revoke.title_more", m.Grants), Lead: t.T("admin.grants.revoke.lead"), Action: "/admin/grants/revoke",
		Submit: countText(t, "admin.grants.revoke.submit", "admin.grants.revoke.submit_more", m.Grants), Cancel: grantsPath("/admin/grants", v), Danger: true,
		Hidden: map[string]string{"at": strconv.FormatInt(c.Query.CreatedBefore.UnixMicro(), 10)},
	}
	if len(c.IDs) > 0 {
		page.Confirm.Hidden["ids"] = strings.Join(c.IDs, " ")
	} else {
		page.Confirm.Hidden["all"] = "1"
		for _, name := range grantFields {
			if value := v.Get(name); value != "" {
				page.Confirm.Hidden[name] = value
			}
		}
	}
	clients, longest, err := s.tally(ctx, t, m.ByID)
	if err != nil {
		return err
	}
	page.Clients = clients
	q := c.Query
	q.State = oauth.GrantOpen
	if len(c.IDs) == 0 {
		if page.Chosen, err = s.grantChips(ctx, t, v, q, ""); err != nil {
			return err
		}
	}
	counts := "admin.grants.revoke.counts"
	if m.Grants.More {
		counts = "admin.grants.revoke.counts_more"
	}
	page.Confirm.Consequences = []string{
		t.T(counts, "Grants", t.N("admin.grants.revoke.grants", m.Grants.N), "People", t.N("admin.grants.revoke.people", m.People),
			"Clients", t.N("admin.grants.revoke.clients", m.Clients)),
		t.T("admin.grants.revoke.again"),
		t.T("admin.grants.revoke.tokens", "Time", t.DateTime(s.now().Add(longest)), "Duration", t.Duration(longest)),
		t.T("admin.grants.revoke.introspected"),
		t.T("admin.grants.revoke.spared"),
	}
	return nil
}

// tally names the clients with the most grants, and gives the longest life of an access token of all of them.
func (s *Server) tally(ctx context.Context, t *view.Text, byID map[string]int) (counts []view.ClientCount, longest time.Duration, err error) {
	n := s.names(t)
	tallies := make([]oauth.ClientTally, 0, len(byID))
	for id, count := range byID {
		tallies = append(tallies, oauth.ClientTally{ClientID: id, N: count})
		client, err := s.store.Client(ctx, id)
		if err != nil && !errors.Is(err, oauth.ErrNotFound) {
			return nil, 0, err
		}
		if err == nil {
			longest = max(longest, client.Policy.AccessTokenLifetime)
		}
	}
	slices.SortFunc(tallies, func(a, b oauth.ClientTally) int {
		if a.N != b.N {
			return b.N - a.N
		}
		return strings.Compare(a.ClientID, b.ClientID)
	})
	counts, err = n.tallies(ctx, tallies)
	return counts, longest, err
}

func (n *eventNames) tallies(ctx context.Context, tallies []oauth.ClientTally) (counts []view.ClientCount, err error) {
	for _, tally := range tallies[:min(len(tallies), tallied)] {
		client, err := n.client(ctx, tally.ClientID)
		if err != nil {
			return nil, err
		}
		counts = append(counts, view.ClientCount{Client: client, N: n.t.Number(tally.N)})
	}
	return counts, nil
}

// revokeMany begins what was shown.
func (s *Server) revokeMany(w http.ResponseWriter, r *http.Request, a *admin) {
	t := s.frame(r).Text
	c, err := readChoice(r.PostForm)
	at, bad := strconv.ParseInt(r.PostForm.Get("at"), 10, 64)
	shown := time.UnixMicro(at).UTC()
	if err != nil || bad != nil {
		s.notALink(w, r, oauth.ErrGrantQuery)
		return
	}
	c.Query.CreatedBefore = s.now()
	if age := s.now().Sub(shown); age < 0 || age > choiceTime {
		s.previewRevokeMany(w, r, a, r.PostForm, c, http.StatusUnprocessableEntity, t.T("admin.grants.revoke.old"))
		return
	}
	if len(c.IDs) == 0 && r.PostForm.Get("all") != "1" {
		s.previewRevokeMany(w, r, a, r.PostForm, c, http.StatusUnprocessableEntity, "")
		return
	}
	c.Query.CreatedBefore = shown
	b, err := s.oauth.RevokeMany(r.Context(), s.store, c, s.byAdmin(r, a))
	switch {
	case errors.Is(err, oauth.ErrGrantQuery):
		s.notALink(w, r, err)
	case errors.Is(err, oauth.ErrTooBroad):
		s.previewRevokeMany(w, r, a, r.PostForm, c, http.StatusUnprocessableEntity, t.T("admin.grants.revoke.broad"))
	case err != nil:
		s.unavailable(w, r, "revoke many grants", err)
	default:
		s.redirect(w, s.base+"/admin/revocations/"+url.PathEscape(b.ID))
	}
}

// showRevocation shows how far a revocation of many has come, and what it has ended. While it goes on the page asks again by itself.
func (s *Server) showRevocation(w http.ResponseWriter, r *http.Request, a *admin) {
	ctx, id := r.Context(), r.PathValue("id")
	b, err := s.store.BulkRevocation(ctx, id)
	if errors.Is(err, oauth.ErrNotFound) {
		s.notFound(w, r)
		return
	}
	if err != nil {
		s.unavailable(w, r, "read a revocation", err)
		return
	}
	q := oauth.GrantQuery{BulkID: id, Ascending: true}
	if after := r.URL.Query().Get("after"); after != "" {
		if err := q.ReadCursor(after); err != nil {
			s.notALink(w, r, err)
			return
		}
	}
	page, err := s.revocationPage(ctx, s.frame(r).Text, b, q)
	if err != nil {
		s.unavailable(w, r, "read what was revoked", err)
		return
	}
	page.AdminFrame = s.adminFrame(w, r, a, "grants", view.Crumb{Label: page.Text.T("admin.grants.revocation.crumb")})
	if page.Running && q.After.IsZero() {
		w.Header().Set("Refresh", "2")
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

func (s *Server) revocationPage(ctx context.Context, t *view.Text, b *oauth.BulkRevocation, q oauth.GrantQuery) (page view.AdminRevocation, err error) {
	n := s.names(t)
	page = view.AdminRevocation{
		Running: b.FinishedAt == nil, At: b.CreatedAt, EndedAt: b.FinishedAt, Path: "/admin/revocations/" + url.PathEscape(b.ID), Ended: b.Revoked,
		ExportURL: "/admin/grants/export.csv?bulk=" + url.QueryEscape(b.ID),
	}
	page.Text = t
	if page.By, err = n.person(ctx, b.By.ActorID); err != nil {
		return page, err
	}
	if page.Title, page.Revoked = t.T("admin.grants.revocation.done"), t.N("admin.grants.revocation.result", b.Revoked); page.Running {
		page.Title = t.T("admin.grants.revocation.running")
		page.Revoked = t.T("admin.grants.revocation.progress", "Count", t.Number(b.Revoked), "Expected", countText(t, "admin.grants.revoke.grants", "admin.grants.revoke.grants_more", b.Expected))
		if !b.Expected.More {
			page.Expected = b.Expected.N
		}
	}
	if len(b.IDs) > 0 {
		page.Chosen = []view.FilterChip{{Label: t.N("admin.grants.chip.chosen", len(b.IDs))}}
	} else if page.Chosen, err = s.grantChips(ctx, t, url.Values{}, b.Query, ""); err != nil {
		return page, err
	}
	tallies, err := s.store.BulkRevokedByClient(ctx, b.ID, tallied)
	if err != nil {
		return page, err
	}
	if page.Clients, err = n.tallies(ctx, tallies); err != nil {
		return page, err
	}
	found, err := s.store.ListGrants(ctx, q, s.oauth.Now().Deadline)
	if err != nil {
		return page, err
	}
	rows, err := s.grantRows(ctx, t, found.Grants)
	page.Table = view.GrantTable{Rows: rows, Now: s.now(), ExpiryEnded: true}
	page.Pager = listPager(page.Path, url.Values{}, q, found)
	return page, err
}
