package web

import (
	"net/http"
	"strings"

	"regrant/app/oauth"
	"regrant/web/view"
)

// refusalsOfClient is how many of its latest refusals the overview of a client shows.
const refusalsOfClient = 5

// showClient is the overview of an application.
func (s *Server) showClient(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	frame := s.clientFrame(w, r, a, c, "")
	t, ctx := frame.Text, r.Context()
	page := view.AdminClient{
		AdminFrame: frame, ClientHead: clientHead(t, c, "overview"), Facts: clientFacts(t, c), RedirectURIs: c.RedirectURIs, LogoutURIs: c.PostLogoutRedirectURIs, Backchannel: c.BackchannelLogoutURI, Scopes: c.Scope,
		Created: c.CreatedAt, Changed: c.UpdatedAt, People: getsPeople(c), Now: s.now(),
	}
	if c.Unverified() {
		now, err := s.store.SiteSettings(ctx)
		if err != nil {
			s.unavailable(w, r, "read the settings", err)
			return
		}
		notice := "admin.clients.source.notice"
		if c.Source == oauth.SourceDocument {
			notice = "admin.clients.source.notice_document"
			page.ReadAt, page.FreshUntil = c.ReadAt, c.FreshUntil
		}
		page.OwnWord = t.T(notice, "Host", leadsTo(c), "Unused", t.Duration(now.Registration.Unused))
		page.About = aboutFacts(t, c.About)
	}
	var err error
	if page.Refusals, err = s.recentRefusals(ctx, t, oauth.RefusalFilter{ClientID: c.ID, Limit: refusalsOfClient}); err != nil {
		s.unavailable(w, r, "read refusals", err)
		return
	}
	if page.Deliveries, err = s.troubledDeliveries(ctx, t, c.ID); err != nil {
		s.unavailable(w, r, "read deliveries", err)
		return
	}
	if page.People {
		use, err := s.store.ClientUse(ctx, c.ID, maxClientUse+1)
		if err != nil {
			s.unavailable(w, r, "read use of client", err)
			return
		}
		if page.Grants, err = s.latestGrants(ctx, t, oauth.GrantQuery{ClientID: c.ID}); err != nil {
			s.unavailable(w, r, "list grants", err)
			return
		}
		page.Grants.Without = "client"
		days, err := s.store.ClientDays(ctx, c.ID, oauth.DayOf(s.now().AddDate(0, 0, -29)))
		if err != nil {
			s.unavailable(w, r, "read counters", err)
			return
		}
		page.Figures = clientFigures(t, boundedCount(t, use.Grants, maxClientUse), days)
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

// clientFigures are what the grants of a client did in the days that were counted.
func clientFigures(t *view.Text, grants string, days []oauth.ClientDayCount) []view.ClientFigure {
	var sum oauth.Count
	for _, d := range days {
		sum = sum.Plus(d.Count)
	}
	figure := func(label string, n int64, tone string) view.ClientFigure {
		if n == 0 {
			tone = ""
		}
		return view.ClientFigure{Label: label, Value: t.Number(int(n)), Tone: tone}
	}
	return []view.ClientFigure{
		{Label: t.T("admin.clients.figure.grants"), Value: grants}, figure(t.T("admin.clients.figure.rotations"), sum.Rotations, ""),
		figure(t.T("admin.clients.figure.replays"), sum.Replays, ""), figure(t.T("admin.clients.figure.refusals"), sum.Refusals, "warning"),
		figure(t.T("admin.clients.figure.reuses"), sum.Reuses, "danger"),
	}
}

// aboutFacts are what a client says of itself. Its addresses are told, and lead nowhere: whoever looks after the server follows none by
// mistake.
func aboutFacts(t *view.Text, a oauth.About) (facts []view.ClientFact) {
	for _, fact := range []view.ClientFact{
		{Label: t.T("admin.clients.source.client_uri"), Value: a.ClientURI}, {Label: t.T("admin.clients.source.logo_uri"), Value: a.LogoURI},
		{Label: t.T("admin.clients.source.policy_uri"), Value: a.PolicyURI}, {Label: t.T("admin.clients.source.tos_uri"), Value: a.TermsURI},
		{Label: t.T("admin.clients.source.contacts"), Value: strings.Join(a.Contacts, ", ")},
		{Label: t.T("admin.clients.source.software"), Value: strings.TrimSpace(a.SoftwareID + " " + a.SoftwareVersion)},
	} {
		if fact.Value != "" {
			facts = append(facts, fact)
		}
	}
	return facts
}

// clientFacts are what a registration says, in words.
func clientFacts(t *view.Text, c *oauth.Client) []view.ClientFact {
	facts := []view.ClientFact{}
	add := func(label, value, note string) {
		facts = append(facts, view.ClientFact{Label: label, Value: value, Note: note})
	}
	if c.Unverified() {
		by := "admin.clients.source.fact_dynamic"
		if c.Source == oauth.SourceDocument {
			by = "admin.clients.source.fact_document"
		}
		add(t.T("admin.clients.source.fact"), t.T(by), "")
		add(t.T("admin.clients.source.leads"), leadsTo(c), "")
	}
	switch c.AuthMethod {
	case oauth.AuthNone:
		add(t.T("admin.clients.fact.auth"), t.T("admin.clients.auth.none.label"), t.T("admin.clients.fact.auth_none"))
	default:
		add(t.T("admin.clients.fact.auth"), string(c.AuthMethod), "")
	}
	add(t.T("admin.clients.fact.grant_types"), strings.Join(c.GrantTypes, ", "), "")
	if c.Allows(oauth.GrantRefreshToken) {
		p := c.Policy
		add(t.T("admin.clients.fact.policy"), presetName(t, p), t.T("admin.clients.fact.lifetimes", "Idle", t.Duration(p.Idle), "Absolute", t.Duration(p.Absolute), "Grace", t.Duration(p.Grace)))
	}
	format := t.T("admin.clients.policy.format.jwt")
	if c.Policy.AccessTokenFormat == oauth.FormatOpaque {
		format = t.T("admin.clients.policy.format.opaque")
	}
	add(t.T("admin.clients.fact.access_token"), t.T("admin.clients.fact.access_token_text", "Format", format, "Lifetime", t.Duration(c.Policy.AccessTokenLifetime)), "")
	if c.Allows(oauth.GrantAuthorizationCode) {
		pkce, consent := t.T("admin.clients.fact.pkce_on"), t.T("admin.clients.fact.consent_on")
		if c.PKCEWaived {
			pkce = t.T("admin.clients.fact.pkce_off")
		}
		if c.Trusted {
			consent = t.T("admin.clients.fact.consent_off")
		}
		add(t.T("admin.clients.fact.pkce"), pkce, "")
		add(t.T("admin.clients.fact.consent"), consent, "")
	}
	return facts
}
