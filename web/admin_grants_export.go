package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"regrant/app/oauth"
	"regrant/web/view"
)

// exportPage is how many grants the export reads at a time, and exportPatience how long one such piece may take to be taken.
const (
	exportPage     = 500
	exportPatience = 20 * time.Second
	exportLongest  = 10 * time.Minute
)

// exportGrants sends all grants that match as CSV, piece by piece, so that a million neither fill the memory nor hold a reader open.
// It may take longer than other requests, but each piece must be taken soon. A fault in the middle breaks the connection, which
// nobody takes for the end.
func (s *Server) exportGrants(w http.ResponseWriter, r *http.Request, _ *admin) {
	q, badDay, err := readGrantQuery(r.URL.Query())
	if err == nil && badDay {
		err = oauth.ErrGrantQuery
	}
	if err != nil {
		s.notALink(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), exportLongest)
	defer cancel()
	q.After, q.Limit = oauth.GrantCursor{}, exportPage
	n, control, out := s.names(s.frame(r).Text), http.NewResponseController(w), newSpreadsheet(w)
	for first := true; ; first = false {
		now := s.oauth.Now().Deadline
		page, err := s.store.ListGrants(ctx, q, now)
		if err != nil && first {
			s.unavailable(w, r, "export grants", err)
			return
		}
		if first {
			w.Header().Set("Content-Type", "text/csv; charset=utf-8")
			w.Header().Set("Content-Disposition", `attachment; filename="grants-`+s.now().Format(time.DateOnly)+`.csv"`)
			w.Header().Set("Cache-Control", "no-store")
			err = out.row(
				"grant_id", "state", "reason", "reuse_class", "person_id", "email", "name", "client_id", "scope", "device", "user_agent", "ip", "last_ip",
				"generation", "created_at", "last_used_at", "expires_at", "revoked_at")
		}
		_ = control.SetWriteDeadline(time.Now().Add(exportPatience)) // what cannot has no deadline that could come early
		if err == nil {
			for i := range page.Grants {
				g := &page.Grants[i]
				standing := g.Standing(now)
				_, _, note := n.standing(g, standing)
				if err = out.row(grantRecord(n.t, g, standing, note)...); err != nil {
					break
				}
			}
		}
		if err == nil {
			err = out.flush()
		}
		if err != nil {
			s.log.Info("export cut off", "request_id", requestOf(r).id, "err", err.Error())
			panic(http.ErrAbortHandler)
		}
		if page.Next == nil {
			return
		}
		q.After = *page.Next
	}
}

func grantRecord(t *view.Text, g *oauth.RefreshState, standing oauth.GrantStanding, note string) []string {
	at := func(at *time.Time) string {
		if at == nil || at.IsZero() {
			return ""
		}
		return at.UTC().Format(time.RFC3339)
	}
	generation, expires := "", g.ExpiresAt()
	if g.HasToken() {
		generation = strconv.Itoa(int(g.Generation))
	}
	return []string{
		g.ID, string(standing), note, string(g.ReuseClass), g.PersonID, g.Owner.Email, g.Owner.Name, g.ClientID, strings.Join(g.Scope, " "),
		deviceName(t, g.UserAgent), g.UserAgent, g.IP, g.LastIP, generation, at(&g.CreatedAt), at(&g.LastUsedAt), at(&expires), at(g.RevokedAt),
	}
}
