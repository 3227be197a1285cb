package web

import (
	"context"
	"strings"

	"regrant/app/oauth"
	"regrant/web/view"
)

// grantsShown is how many grants the page of a person or client shows; the list shows the rest.
const grantsShown = 10

// latestGrants gives the last grants that match, for a page about something else.
func (s *Server) latestGrants(ctx context.Context, t *view.Text, q oauth.GrantQuery) (view.GrantTable, error) {
	q.Limit = grantsShown
	page, err := s.store.ListGrants(ctx, q, s.oauth.Now().Deadline)
	if err != nil {
		return view.GrantTable{}, err
	}
	rows, err := s.grantRows(ctx, t, page.Grants)
	return view.GrantTable{Rows: rows, Now: s.now()}, err
}

// grantRows puts grants into words.
func (s *Server) grantRows(ctx context.Context, t *view.Text, grants []oauth.RefreshState) ([]view.GrantRow, error) {
	n, now := s.names(t), s.oauth.Now().Deadline
	rows := make([]view.GrantRow, len(grants))
	for i := range grants {
		g := &grants[i]
		person, err := n.person(ctx, g.PersonID)
		if err != nil {
			return nil, err
		}
		client, err := n.client(ctx, g.ClientID)
		if err != nil {
			return nil, err
		}
		row := view.GrantRow{
			ID: g.ID, Person: person, Client: client, Device: deviceName(t, g.UserAgent), Scopes: strings.Join(g.Scope, " "), UsedAt: g.CreatedAt,
			CreatedAt: g.CreatedAt, IP: g.IP, ExpiresAt: g.ExpiresAt(), Open: g.Standing(now) == oauth.GrantOpen,
		}
		if g.HasToken() {
			row.Generation, row.UsedAt = t.Number(int(g.Generation)), g.LastUsedAt
			if g.LastIP != "" {
				row.IP = g.LastIP
			}
			if program := deviceName(t, g.LastUserAgent); program != row.Device {
				row.Program = program
			}
		}
		row.StateTone, row.State, row.StateNote = n.standing(g, g.Standing(now))
		rows[i] = row
	}
	return rows, nil
}

// standing says how a grant stands, and in a few words why.
func (n *eventNames) standing(g *oauth.RefreshState, standing oauth.GrantStanding) (tone, state, note string) {
	t := n.t
	switch standing {
	case oauth.GrantOpen:
		if g.ClientDisabled {
			return toneCaution, t.T("admin.grants.suspended"), t.T("admin.grants.suspended_note")
		}
		return toneGood, t.T("admin.grants.open"), ""
	case oauth.GrantExpired:
		return tonePlain, t.T("admin.grants.expired"), ""
	}
	if class := classNames[g.ReuseClass]; class != "" {
		return toneBad, t.T("admin.grants.reused"), t.T(class)
	}
	if g.RevokedAt == nil {
		return tonePlain, t.T("admin.grants.revoked"), t.T("admin.grants.with_all")
	}
	return tonePlain, t.T("admin.grants.revoked"), n.result(string(g.RevokedReason))
}

var standingNames = map[oauth.GrantStanding]string{
	oauth.GrantOpen: "admin.grants.open", oauth.GrantRevoked: "admin.grants.revoked", oauth.GrantExpired: "admin.grants.expired",
}
