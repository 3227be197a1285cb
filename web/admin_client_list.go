package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"regrant/app/oauth"
	"regrant/web/view"
)

// clientsAPage is how many applications one page of the list shows.
const clientsAPage = 50

// listCount is how far the grants of each application are counted for the list.
const listCount = 1000

// showClients lists the applications; those of APIs are listed with them.
func (s *Server) showClients(w http.ResponseWriter, r *http.Request, a *admin) {
	all, err := s.applications(r)
	if err != nil {
		s.unavailable(w, r, "read clients", err)
		return
	}
	search := strings.TrimSpace(r.URL.Query().Get("q"))
	source := r.URL.Query().Get("source")
	found := slices.DeleteFunc(slices.Clone(all), func(c oauth.Client) bool {
		return !containsFold(c.Name, search) && !containsFold(c.ID, search) || source != "" && c.Source.String() != source
	})
	from, _ := strconv.Atoi(r.URL.Query().Get("from"))
	from = min(max(from, 0), len(found))
	end := min(from+clientsAPage, len(found))
	page := view.AdminClients{AdminFrame: s.adminFrame(w, r, a, "clients"), Search: search, Any: len(all) > 0, Now: s.now(), Filtered: search != "" || source != ""}
	page.Sources = []view.Option{
		{Label: page.Text.T("admin.clients.source.any"), Selected: source == ""},
		{Value: oauth.SourceAdmin.String(), Label: page.Text.T("admin.clients.source.admin"), Selected: source == oauth.SourceAdmin.String()},
		{Value: oauth.SourceDynamic.String(), Label: page.Text.T("admin.clients.source.dynamic"), Selected: source == oauth.SourceDynamic.String()},
		{Value: oauth.SourceDocument.String(), Label: page.Text.T("admin.clients.source.document"), Selected: source == oauth.SourceDocument.String()},
	}
	for _, c := range found[from:end] {
		row, err := s.clientRow(r, page.Text, &c)
		if err != nil {
			s.unavailable(w, r, "read use of client", err)
			return
		}
		page.Rows = append(page.Rows, row)
	}
	page.Pager = clientPager(page.Text, search, source, from, end, len(found))
	s.showPage(w, r, http.StatusOK, false, page)
}

// applications gives the clients that are no API's.
func (s *Server) applications(r *http.Request) ([]oauth.Client, error) {
	clients, err := s.store.Clients(r.Context())
	if err != nil {
		return nil, err
	}
	apis, err := s.store.APIs(r.Context())
	if err != nil {
		return nil, err
	}
	ofAPI := map[string]bool{}
	for _, api := range apis {
		ofAPI[api.ClientID] = true
	}
	return slices.DeleteFunc(clients, func(c oauth.Client) bool { return ofAPI[c.ID] }), nil
}

func (s *Server) clientRow(r *http.Request, t *view.Text, c *oauth.Client) (view.ClientRow, error) {
	row := view.ClientRow{
		ID: c.ID, Name: c.Name, URL: clientPath(c.ID), Kind: kindName(t, c), Disabled: c.DisabledAt != nil, Trusted: c.Trusted,
		Unverified: c.Unverified(), LeadsTo: leadsTo(c),
	}
	if !getsPeople(c) {
		return row, nil
	}
	use, err := s.store.ClientUse(r.Context(), c.ID, listCount+1)
	if err != nil {
		return row, err
	}
	row.Grants, row.LastUsed = boundedCount(t, use.Grants, listCount), use.LastUsed
	if c.Allows(oauth.GrantRefreshToken) {
		row.Policy = presetName(t, c.Policy)
	}
	return row, nil
}

func clientPager(t *view.Text, search, source string, from, end, total int) view.Pager {
	at := func(from int) string {
		q := url.Values{}
		if search != "" {
			q.Set("q", search)
		}
		if source != "" {
			q.Set("source", source)
		}
		if from > 0 {
			q.Set("from", strconv.Itoa(from))
		}
		return strings.TrimSuffix("/admin/clients?"+q.Encode(), "?")
	}
	p := view.Pager{}
	if total > clientsAPage {
		p.Shown = t.T("admin.clients.shown", "From", t.Number(from+1), "To", t.Number(end), "Total", t.Number(total))
	}
	if from > 0 {
		p.Prev = at(max(from-clientsAPage, 0))
	}
	if end < total {
		p.Next = at(end)
	}
	return p
}

// leadsTo says where a client's redirect URIs lead: the first places, and how many more.
func leadsTo(c *oauth.Client) string {
	const shown = 3
	places := c.Destinations()
	if len(places) <= shown {
		return strings.Join(places, ", ")
	}
	return strings.Join(places[:shown], ", ") + " +" + strconv.Itoa(len(places)-shown)
}

func containsFold(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(part))
}
