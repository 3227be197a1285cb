package web

import (
	"context"
	"errors"
	"net/url"

	"regrant/app/oauth"
	"regrant/web/view"
)

// clientOptions are the clients to choose from. One that is gone stays chosen under its id.
func (s *Server) clientOptions(ctx context.Context, t *view.Text, id string) ([]view.Option, error) {
	clients, err := s.store.Clients(ctx)
	if err != nil {
		return nil, err
	}
	apis, err := s.store.APIs(ctx)
	if err != nil {
		return nil, err
	}
	ofAPI := map[string]bool{}
	for _, a := range apis {
		ofAPI[a.ClientID] = true
	}
	options := []view.Option{{Label: t.T("admin.grants.any")}}
	known := id == ""
	for _, c := range clients {
		if ofAPI[c.ID] || len(options) > maxClientOptions && c.ID != id {
			continue
		}
		known = known || c.ID == id
		options = append(options, view.Option{Value: c.ID, Label: c.Name})
	}
	if !known {
		options = append(options, view.Option{Value: id, Label: id})
	}
	return chosen(id, options...), nil
}

// grantChips are the filters of a list in words, each with the list without it; "" gives words alone.
func (s *Server) grantChips(ctx context.Context, t *view.Text, v url.Values, q oauth.GrantQuery, path string) (chips []view.FilterChip, err error) {
	n := s.names(t)
	add := func(field, label string) {
		c := view.FilterChip{Label: label}
		if path != "" {
			c.URL = grantsPath(path, v, field, "")
		}
		chips = append(chips, c)
	}
	if q.Search != "" {
		add("q", t.T("admin.grants.chip.search", "Text", q.Search))
	}
	if q.State != "" {
		add("state", t.T(standingNames[q.State]))
	}
	if q.ClientID != "" {
		client, err := n.client(ctx, q.ClientID)
		if err != nil {
			return nil, err
		}
		add("client", t.T("admin.grants.chip.client", "Client", client.Label))
	}
	if q.PersonID != "" {
		person, err := n.person(ctx, q.PersonID)
		if err != nil {
			return nil, err
		}
		add("person", t.T("admin.grants.chip.person", "Person", person.Label))
	}
	if class := classNames[q.ReuseClass]; class != "" {
		add("reuse", t.T("admin.grants.chip.reuse", "Class", t.T(class)))
	}
	if !q.UsedBefore.IsZero() {
		add("before", t.T("admin.grants.chip.before", "Date", t.Date(q.UsedBefore)))
	}
	if q.BulkID != "" {
		b, err := s.store.BulkRevocation(ctx, q.BulkID)
		if err != nil && !errors.Is(err, oauth.ErrNotFound) {
			return nil, err
		}
		at := q.BulkID
		if err == nil {
			at = t.DateTime(b.CreatedAt)
		}
		add("bulk", t.T("admin.grants.chip.bulk", "At", at))
	}
	return chips, nil
}
