package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"regrant/app/oauth"
	"regrant/web/view"
)

// adminGrant shows one grant and changes it.
func (s *Server) adminGrant(area *adminArea) {
	area.page("/admin/grants/{id}", s.showGrant)
	area.danger("/admin/grants/{id}/revoke", s.showRevokeGrant, s.revokeGrant)
	area.danger("/admin/grants/{id}/scope", s.showGrantScope, s.narrowGrant)
	area.danger("/admin/grants/{id}/end", s.showGrantEnd, s.changeGrantEnd)
}

// oneGrant is a grant with the names of whom it is about.
type oneGrant struct {
	*oauth.Life
	client *oauth.Client // nil when it is gone
	person view.Party
	app    view.Party
	path   string
}

// grantOf reads the grant of the address. When it answers itself, ok is false.
func (s *Server) grantOf(w http.ResponseWriter, r *http.Request) (g *oneGrant, ok bool) {
	life, err := s.oauth.Life(r.Context(), s.store, r.PathValue("id"))
	if errors.Is(err, oauth.ErrNotFound) {
		s.notFound(w, r)
		return nil, false
	}
	g = &oneGrant{Life: life, path: "/admin/grants/" + url.PathEscape(r.PathValue("id"))}
	if err == nil {
		err = s.nameGrant(r.Context(), s.frame(r).Text, g)
	}
	if err != nil {
		s.unavailable(w, r, "read a grant", err)
		return nil, false
	}
	return g, true
}

func (s *Server) nameGrant(ctx context.Context, t *view.Text, g *oneGrant) (err error) {
	n := s.names(t)
	if g.person, err = n.person(ctx, g.State.PersonID); err != nil {
		return err
	}
	if g.app, err = n.client(ctx, g.State.ClientID); err != nil {
		return err
	}
	if g.client, err = s.store.Client(ctx, g.State.ClientID); errors.Is(err, oauth.ErrNotFound) {
		g.client, err = nil, nil
	}
	return err
}

// title names a grant by whose it is and where.
func (g *oneGrant) title(t *view.Text) string {
	return t.T("admin.grant.title", "Person", g.person.Label, "Client", g.app.Label)
}

func (g *oneGrant) crumbs(t *view.Text, page string) []view.Crumb {
	if page == "" {
		return []view.Crumb{{Label: g.title(t)}}
	}
	return []view.Crumb{{Label: g.title(t), URL: g.path}, {Label: page}}
}

// showGrant shows the life of one grant.
func (s *Server) showGrant(w http.ResponseWriter, r *http.Request, a *admin) {
	g, ok := s.grantOf(w, r)
	if !ok {
		return
	}
	t := s.frame(r).Text
	refusals, err := s.recentRefusals(r.Context(), t, oauth.RefusalFilter{GrantID: g.State.ID, Limit: 10})
	var entries []view.LifeEntry
	if err == nil {
		entries, err = s.lifeEntries(r.Context(), t, g)
	}
	if err != nil {
		s.unavailable(w, r, "tell the life of a grant", err)
		return
	}
	page := view.AdminGrant{
		AdminFrame: s.adminFrame(w, r, a, "grants", g.crumbs(t, "")...), Now: s.now(), Path: g.path, Title: g.title(t), Device: s.signedInWith(t, g),
		Alive: g.Ended == "", Changeable: g.Ended == "" && g.HasRefreshToken(), Person: g.person, Client: g.app, Facts: grantFacts(t, g),
		Scopes: g.State.Scope, Picture: lifePicture(t, g, entries), Entries: entries, OldestFirst: r.URL.Query().Get("order") == "oldest", Refusals: refusals,
	}
	page.StateTone, page.State, page.StateDetail = grantStateText(t, g)
	if !page.OldestFirst {
		page.Entries = slices.Clone(entries)
		slices.Reverse(page.Entries)
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

// signedInWith names the device of the sign-in.
func (s *Server) signedInWith(t *view.Text, g *oneGrant) string {
	device := deviceName(t, g.State.UserAgent)
	if device == "" {
		return ""
	}
	return t.T("admin.grant.device", "Device", device)
}

// grantStateText says in a word, and in a few more, whether a grant lives.
func grantStateText(t *view.Text, g *oneGrant) (tone, state, detail string) {
	switch g.Ended {
	case "":
		if !g.HasRefreshToken() {
			return toneGood, t.T("admin.grant.state.active"), t.T("admin.grant.state.no_refresh")
		}
		if g.client != nil && g.client.DisabledAt != nil {
			return toneCaution, t.T("admin.grant.state.suspended"), t.T("admin.grant.state.suspended_detail")
		}
		return toneGood, t.T("admin.grant.state.active"), ""
	case oauth.RuleTokenAbsolute:
		return tonePlain, t.T("admin.grant.state.expired"), t.T("admin.grant.state.expired_absolute")
	case oauth.RuleTokenIdle:
		return tonePlain, t.T("admin.grant.state.expired"), t.T("admin.grant.state.expired_idle")
	}
	if class := classNames[g.State.ReuseClass]; class != "" {
		return toneBad, t.T("admin.grant.state.reused"), t.T(class)
	}
	if key := resultTexts[string(g.State.RevokedReason)]; key != "" {
		return toneBad, t.T("admin.grant.state.revoked"), t.T(key)
	}
	return toneBad, t.T("admin.grant.state.revoked"), t.T("admin.grant.state.with_all")
}

// grantFacts are what is stored of a grant.
func grantFacts(t *view.Text, g *oneGrant) []view.RefusalFact {
	s := &g.State
	facts := []view.RefusalFact{{Name: t.T("admin.grant.fact.signed_in"), At: s.CreatedAt}}
	if g.HasRefreshToken() {
		facts = append(facts, view.RefusalFact{Name: t.T("admin.grant.fact.generation"), Value: t.Number(int(s.Generation))},
			view.RefusalFact{Name: t.T("admin.grant.fact.last_used"), At: s.LastUsedAt})
		if device := deviceName(t, s.LastUserAgent); device != "" {
			facts = append(facts, view.RefusalFact{Name: t.T("admin.grant.fact.program"), Value: device})
		}
		if s.LastIP != "" {
			facts = append(facts, view.RefusalFact{Name: t.T("admin.grant.fact.last_ip"), Value: s.LastIP, Code: true})
		}
		if s.Thumbprint != "" {
			name := t.T("admin.grant.fact.key")
			if g.client != nil && !g.client.Public() {
				name = t.T("admin.grant.fact.first_key")
			}
			facts = append(facts, view.RefusalFact{Name: name, Value: s.Thumbprint, Code: true})
		}
		if s.RevokedAt == nil {
			facts = append(facts, view.RefusalFact{Name: t.T("admin.grant.fact.idle"), At: s.IdleDeadline})
		}
	}
	if s.RevokedAt != nil {
		facts = append(facts, view.RefusalFact{Name: t.T("admin.grant.fact.ended"), At: *s.RevokedAt})
	} else {
		facts = append(facts, view.RefusalFact{Name: t.T("admin.grant.fact.ends"), At: s.EndsAt})
	}
	if s.IP != "" {
		facts = append(facts, view.RefusalFact{Name: t.T("admin.grant.fact.ip"), Value: s.IP, Code: true})
	}
	if len(s.AMR) > 0 {
		facts = append(facts, view.RefusalFact{Name: t.T("admin.grant.fact.amr"), Value: strings.Join(s.AMR, ", ")})
	}
	if len(s.Resources) > 0 {
		facts = append(facts, view.RefusalFact{Name: t.T("admin.grant.fact.resources"), Value: strings.Join(s.Resources, " ")})
	}
	if claims := s.Claims.Names(); len(claims) > 0 {
		facts = append(facts, view.RefusalFact{Name: t.T("admin.grant.fact.claims"), Value: strings.Join(claims, ", ")})
	}
	session := t.T("admin.grant.fact.with_session")
	if s.Offline {
		session = t.T("admin.grant.fact.offline")
	}
	facts = append(facts, view.RefusalFact{Name: t.T("admin.grant.fact.session"), Value: session})
	if g.client != nil {
		facts = append(facts, view.RefusalFact{Name: t.T("admin.grant.fact.policy"), Value: string(g.client.Policy.Preset)})
	}
	return append(facts, view.RefusalFact{Name: t.T("admin.grant.fact.grant_id"), Value: s.ID, Code: true})
}

// accessTokensUntil is when the last access token of a grant is over; the zero time where nobody knows.
func (s *Server) accessTokensUntil(g *oneGrant) time.Time {
	if g.client == nil {
		return time.Time{}
	}
	return s.oauth.AccessTokensUntil(&g.State, g.client)
}
