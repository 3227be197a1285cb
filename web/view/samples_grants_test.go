package view

import (
	"time"

	"github.com/a-h/templ"
)

// samplesGrants are the list of grants, the question before many are revoked, and what became of them.
func samplesGrants(f Frame) map[string]templ.Component {
	t := f.Text
	now := since.Add(3 * time.Hour)
	admin := func(crumbs ...Crumb) AdminFrame {
		return AdminFrame{Frame: f, Section: "grants", Crumbs: crumbs, Admin: "rosa@acme.example", FormToken: "yD3l8Jc0R6nq"}
	}
	ann, ben := Party{Label: "Ann Ampère", Note: "ann@acme.example", URL: "/admin/people/8f14e45f"}, Party{Label: "Benedikt Beispielmann-Überlang", Note: "benedikt.beispielmann-ueberlang@department.example", URL: "/admin/people/c9f0f895"}
	grafana, notes := Party{Label: "Grafana", Note: "grafana", URL: "/admin/clients/grafana"}, Party{Label: "Pocket Notes", Note: "notes", URL: "/admin/clients/notes"}
	rows := []GrantRow{
		{ID: "QZ6VJ2K5N7TJX3MPWRLD4AHBCE", Person: ann, Client: grafana, Device: "Chrome on Windows", Program: "Grafana 11.3", Scopes: "openid profile offline_access", Generation: "1,284",
			UsedAt: now.Add(-4 * time.Minute), CreatedAt: now.Add(-40 * 24 * time.Hour), IP: "203.0.113.9", ExpiresAt: now.Add(26 * 24 * time.Hour), StateTone: "success", State: t.T("admin.grants.open"), Open: true},
		{ID: "M5XZ7T3LDUKNARVYHB4CPE6WQ2", Person: ben, Client: notes, Device: "Safari on iPhone", Scopes: "notes:read notes:write urn:example:scope:with:a:very:long:name", Generation: "3",
			UsedAt: now.Add(-50 * time.Hour), CreatedAt: now.Add(-9 * 24 * time.Hour), IP: "2001:db8:85a3:8d3:1319:8a2e:370:7348", ExpiresAt: now, StateTone: "danger", State: t.T("admin.grants.reused"), StateNote: "Lost response"},
		{ID: "D4AHBCEQZ6VJ2K5N7TJX3MPWRL", Person: ann, Client: notes, Device: "Firefox on Linux", Scopes: "notes:read", UsedAt: now.Add(-70 * 24 * time.Hour), CreatedAt: now.Add(-71 * 24 * time.Hour),
			IP: "198.51.100.20", StateTone: "neutral", State: t.T("admin.grants.expired")},
	}
	list := AdminGrants{
		AdminFrame: admin(), ClearURL: "/admin/grants", ExportURL: "/admin/grants/export.csv", RevokeURL: "/admin/grants/revoke?all=1",
		States:  []Option{{Label: t.T("admin.grants.any"), Selected: true}, {Value: "open", Label: t.T("admin.grants.open")}},
		Clients: []Option{{Label: t.T("admin.grants.any"), Selected: true}, {Value: "grafana", Label: "Grafana"}},
		Classes: []Option{{Label: t.T("admin.grants.any"), Selected: true}, {Value: "theft", Label: "Theft"}},
		Table:   GrantTable{Rows: rows, Now: now, Select: true, ByCreated: "/admin/grants?order=asc", ByUsed: "/admin/grants?sort=used", Created: "descending"},
		Count:   t.T("admin.grants.count_more", "Count", "10,000"), Pager: Pager{Next: "/admin/grants?after=Y3JlYXRlZA", Shown: t.N("admin.grants.shown", 50)},
	}
	none := AdminGrants{AdminFrame: admin(), None: true}
	nothing := list
	nothing.AdminFrame, nothing.Table, nothing.Search, nothing.Before, nothing.BeforeError = admin(), GrantTable{}, "dora <script>", "2026-13-40", t.T("admin.grants.before_error")
	nothing.Keep, nothing.Chips = []Kept{{"person", "8f14e45f"}}, []FilterChip{{"Search: dora <script>", "/admin/grants?person=8f14e45f"}, {"Person: Ann Ampère", "/admin/grants?q=dora"}}
	nothing.Notices, nothing.Pager = []string{t.T("admin.grants.looked"), t.T("admin.grants.broad")}, Pager{First: "/admin/grants", Next: "/admin/grants?after=Y3JlYXRlZA"}

	confirm := AdminRevokeMany{
		AdminFrame: admin(Crumb{Label: t.T("admin.grants.revoke.crumb")}), Chosen: []FilterChip{{Label: "Active"}, {Label: "Client: Grafana"}},
		Clients: []ClientCount{{grafana, "9,400"}, {notes, "600"}},
		Confirm: Confirm{
			Title: t.T("admin.grants.revoke.title_more", "Count", "10,000"), Lead: t.T("admin.grants.revoke.lead"), Submit: t.T("admin.grants.revoke.submit_more", "Count", "10,000"),
			Action: "/admin/grants/revoke", Cancel: "/admin/grants?client=grafana", FormToken: "yD3l8Jc0R6nq", Danger: true,
			Hidden: map[string]string{"all": "1", "at": "1764000000000000", "client": "grafana"},
			Consequences: []string{
				t.T("admin.grants.revoke.counts_more", "Grants", "10,000 refresh tokens", "People", "4,210 people", "Clients", "2 clients"), t.T("admin.grants.revoke.again"),
				t.T("admin.grants.revoke.tokens", "Time", t.DateTime(now.Add(10*time.Minute)), "Duration", t.Duration(10*time.Minute)), t.T("admin.grants.revoke.introspected"), t.T("admin.grants.revoke.spared"),
			},
		},
	}
	old := confirm
	old.Notice = t.T("admin.grants.revoke.old")
	empty := AdminRevokeMany{AdminFrame: admin(Crumb{Label: t.T("admin.grants.revoke.crumb")}), Nothing: true, Confirm: Confirm{Title: t.N("admin.grants.revoke.title", 0), Cancel: "/admin/grants"}}
	running := AdminRevocation{
		AdminFrame: admin(Crumb{Label: t.T("admin.grants.revocation.crumb")}), Title: t.T("admin.grants.revocation.running"), Running: true, Ended: 2400, Expected: 9800,
		Revoked: t.T("admin.grants.revocation.progress", "Count", "2,400", "Expected", "9,800 refresh tokens"), Chosen: confirm.Chosen, By: Party{Label: "Rosa Root", URL: "/admin/people/1"},
		At: since, Clients: confirm.Clients, Table: GrantTable{Rows: rows[1:2], Now: now, ExpiryEnded: true}, Path: "/admin/revocations/7XZ",
	}
	done := running
	done.Title, done.Running, done.Revoked, done.EndedAt, done.ExportURL = t.T("admin.grants.revocation.done"), false, t.N("admin.grants.revocation.result", 9800), &now, "/admin/grants/export.csv?bulk=7XZ"
	return map[string]templ.Component{
		"admin_grants": list, "admin_grants_none": none, "admin_grants_nothing": nothing, "admin_grants_revoke": confirm, "admin_grants_revoke_old": old,
		"admin_grants_revoke_nothing": empty, "admin_revocation_running": running, "admin_revocation_done": done,
	}
}
