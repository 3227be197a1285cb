package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"regrant/app/oauth"
	"regrant/web/view"
)

// adminGrants lists grants and revokes many.
func (s *Server) adminGrants(area *adminArea) {
	area.page("/admin/grants", s.showGrants)
	area.page("/admin/grants/export.csv", s.exportGrants)
	area.danger("/admin/grants/revoke", s.showRevokeMany, s.revokeMany)
	area.page("/admin/revocations/{id}", s.showRevocation)
}

// The fields of the list's address. bulk is that of the page of one revocation of many.
var grantFields = []string{"q", "state", "client", "person", "reuse", "before", "bulk", "sort", "order"}

// maxClientOptions is how many clients the filter offers to choose from.
const maxClientOptions = 200

// readGrantQuery reads the list that an address asks for. badDay says that the day of "before" is none; anything else that is not
// ours is [oauth.ErrGrantQuery].
func readGrantQuery(v url.Values) (q oauth.GrantQuery, badDay bool, err error) {
	q = oauth.GrantQuery{
		Search: outside(v.Get("q"), 200), State: oauth.GrantStanding(v.Get("state")), ClientID: v.Get("client"), PersonID: v.Get("person"),
		ReuseClass: oauth.ReuseClass(v.Get("reuse")), BulkID: v.Get("bulk"), Sort: oauth.GrantSort(v.Get("sort")), Ascending: v.Get("order") == "asc",
	}
	if day := v.Get("before"); day != "" {
		q.UsedBefore, err = time.Parse(time.DateOnly, day)
		badDay = err != nil || q.UsedBefore.Year() < 2000 || q.UsedBefore.Year() > 9999
		if badDay {
			q.UsedBefore = time.Time{}
		}
	}
	if err = q.Check(); err == nil && !badDay && v.Get("after") != "" {
		err = q.ReadCursor(v.Get("after"))
	}
	return q, badDay, err
}

// grantsPath is the address of a list with some of its fields changed; "" takes one away. It begins at the first page.
func grantsPath(path string, v url.Values, changes ...string) string {
	to := url.Values{}
	for _, name := range grantFields {
		if value := v.Get(name); value != "" {
			to.Set(name, value)
		}
	}
	for i := 0; i+1 < len(changes); i += 2 {
		if changes[i+1] == "" {
			to.Del(changes[i])
		} else {
			to.Set(changes[i], changes[i+1])
		}
	}
	if len(to) == 0 {
		return path
	}
	return path + "?" + to.Encode()
}

// notALink answers an address that no page of ours leads to.
func (s *Server) notALink(w http.ResponseWriter, r *http.Request, err error) {
	s.writePage(w, r, pageError{status: http.StatusBadRequest, problem: view.ProblemBadRequest, detail: err.Error()})
}

// showGrants lists grants.
func (s *Server) showGrants(w http.ResponseWriter, r *http.Request, a *admin) {
	v := r.URL.Query()
	nobody, ok := s.grantsOf(w, r, v)
	if !ok {
		return
	}
	q, badDay, err := readGrantQuery(v)
	if err != nil {
		s.notALink(w, r, err)
		return
	}
	page, err := s.grantsPage(w, r, a, v, q, badDay)
	if err != nil {
		s.unavailable(w, r, "list grants", err)
		return
	}
	status := http.StatusOK
	if nobody != "" {
		page.Person, page.PersonError = nobody, page.Text.T("admin.grants.person_error")
	}
	if badDay || nobody != "" {
		status = http.StatusUnprocessableEntity
	}
	s.showPage(w, r, status, false, page)
}

// grantsOf leads from a typed address of a person to the list of their grants. An address that nobody has is given back, and the
// filter is left out; false says that the request is answered.
func (s *Server) grantsOf(w http.ResponseWriter, r *http.Request, v url.Values) (nobody string, ok bool) {
	typed := strings.TrimSpace(v.Get("person"))
	if !strings.Contains(typed, "@") {
		return "", true
	}
	person, err := s.people.Find(r.Context(), typed)
	switch {
	case isNotFound(err):
		v.Del("person")
		return outside(typed, 200), true
	case err != nil:
		s.unavailable(w, r, "find a person", err)
	default:
		s.redirect(w, s.base+grantsPath("/admin/grants", v, "person", person.ID))
	}
	return "", false
}

func (s *Server) grantsPage(w http.ResponseWriter, r *http.Request, a *admin, v url.Values, q oauth.GrantQuery, badDay bool) (*view.AdminGrants, error) {
	ctx, now := r.Context(), s.oauth.Now().Deadline
	found, err := s.store.ListGrants(ctx, q, now)
	if err != nil {
		return nil, err
	}
	count := oauth.GrantCount{N: len(found.Grants)}
	if !q.After.IsZero() || found.Next != nil {
		if count, err = s.store.CountGrants(ctx, q, now); err != nil {
			return nil, err
		}
	}
	f := s.adminFrame(w, r, a, "grants")
	t := f.Text
	rows, err := s.grantRows(ctx, t, found.Grants)
	if err != nil {
		return nil, err
	}
	page := &view.AdminGrants{
		AdminFrame: f, Search: q.Search, Before: v.Get("before"), ClearURL: "/admin/grants", ExportURL: grantsPath("/admin/grants/export.csv", v),
		None:  !q.Filtered() && !badDay && len(rows) == 0 && q.After.IsZero() && !found.Looked,
		Count: countText(t, "admin.grants.count", "admin.grants.count_more", count),
		Table: view.GrantTable{Rows: rows, Now: s.now(), Select: true},
		States: chosen(string(q.State), view.Option{Label: t.T("admin.grants.any")}, view.Option{Value: string(oauth.GrantOpen), Label: t.T("admin.grants.open")},
			view.Option{Value: string(oauth.GrantRevoked), Label: t.T("admin.grants.revoked")}, view.Option{Value: string(oauth.GrantExpired), Label: t.T("admin.grants.expired")}),
		Classes: chosen(string(q.ReuseClass), view.Option{Label: t.T("admin.grants.any")}, view.Option{Value: string(oauth.ReuseTheft), Label: t.T(classNames[oauth.ReuseTheft])},
			view.Option{Value: string(oauth.ReuseRace), Label: t.T(classNames[oauth.ReuseRace])},
			view.Option{Value: string(oauth.ReuseLostResponse), Label: t.T(classNames[oauth.ReuseLostResponse])}),
	}
	if badDay {
		page.BeforeError = t.T("admin.grants.before_error")
	}
	if q.State == "" || q.State == oauth.GrantOpen {
		page.RevokeURL = grantsPath("/admin/grants/revoke", v, "all", "1")
	}
	kept := []string{"bulk", "sort", "order"}
	if q.PersonID != "" {
		switch person, err := s.people.Find(ctx, q.PersonID); {
		case err == nil:
			page.Person = person.Email
		case isNotFound(err):
			kept = append(kept, "person") // deleted: there is no address to show
		default:
			return nil, err
		}
	}
	for _, name := range kept {
		if value := v.Get(name); value != "" {
			page.Keep = append(page.Keep, view.Kept{Name: name, Value: value})
		}
	}
	grantSorts(page, v, q)
	grantPager(page, t, v, q, found)
	if page.Clients, err = s.clientOptions(ctx, t, q.ClientID); err != nil {
		return nil, err
	}
	page.Chips, err = s.grantChips(ctx, t, v, q, "/admin/grants")
	return page, err
}

// grantSorts puts the orders into the heads of the table, where the list can go by them.
func grantSorts(page *view.AdminGrants, v url.Values, q oauth.GrantQuery) {
	order := "descending"
	if q.Ascending {
		order = "ascending"
	}
	other := map[bool]string{true: "", false: "asc"}[q.Ascending]
	by := q.Order()
	if by == oauth.GrantsByBulk {
		return
	}
	canUse := q.Search == "" && q.PersonID == ""
	canCreate := by == oauth.GrantsByCreated || q.UsedBefore.IsZero()
	if canCreate {
		page.Table.ByCreated = grantsPath("/admin/grants", v, "sort", "", "order", "")
	}
	if canUse {
		page.Table.ByUsed = grantsPath("/admin/grants", v, "sort", "used", "order", "")
	}
	if by == oauth.GrantsByUsed {
		page.Table.Used, page.Table.ByUsed = order, grantsPath("/admin/grants", v, "sort", "used", "order", other)
	} else {
		page.Table.Created, page.Table.ByCreated = order, grantsPath("/admin/grants", v, "sort", "", "order", other)
	}
}

// grantPager leads on, and says why a page may be short.
func grantPager(page *view.AdminGrants, t *view.Text, v url.Values, q oauth.GrantQuery, found *oauth.GrantPage) {
	page.Pager = listPager("/admin/grants", v, q, found)
	if n := len(page.Table.Rows); n > 0 {
		page.Pager.Shown = t.N("admin.grants.shown", n)
	}
	if found.Looked && found.Next != nil {
		page.Notices = append(page.Notices, t.T("admin.grants.looked"))
	}
	if found.Broad {
		page.Notices = append(page.Notices, t.T("admin.grants.broad"))
	}
}

func listPager(path string, v url.Values, q oauth.GrantQuery, found *oauth.GrantPage) (p view.Pager) {
	if !q.After.IsZero() {
		p.First = grantsPath(path, v)
	}
	if found.Prev != nil {
		p.Prev = grantsPath(path, v, "after", found.Prev.Text(q.Order()))
	}
	if found.Next != nil {
		p.Next = grantsPath(path, v, "after", found.Next.Text(q.Order()))
	}
	return p
}

// countText says how many there are, where counting stops with a plus.
func countText(t *view.Text, key, more string, count oauth.GrantCount) string {
	if count.More {
		return t.T(more, "Count", t.Number(count.N))
	}
	return t.N(key, count.N)
}
