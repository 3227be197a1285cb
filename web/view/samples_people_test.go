package view

import (
	"time"

	"github.com/a-h/templ"
)

// samplesPeople are the pages by which people come in, and those about them.
func samplesPeople(f Frame) map[string]templ.Component {
	t := f.Text
	const token, link = "yD3l8Jc0R6nq", "rgl1_6WQ2M5XZ7T3LDUKNARVYHB4CPE"
	now := since.Add(3 * time.Hour)
	ago := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
	admin := func(crumbs ...Crumb) AdminFrame {
		return AdminFrame{Frame: f, Section: "people", Crumbs: crumbs, Admin: "rosa@acme.example", FormToken: token}
	}
	any := Option{Label: t.T("admin.people.any"), Selected: true}
	roles := []Option{
		{Value: "person", Label: t.T("admin.people.role_person"), Help: t.T("admin.people.role_person_help"), Selected: true},
		{Value: "admin", Label: t.T("admin.people.role_admin"), Help: t.T("admin.people.role_admin_help")},
	}
	invite := AdminInvite{AdminFrame: admin(Crumb{Label: t.T("admin.people.invite")}), Roles: roles, Now: now}
	refused := invite
	refused.Email, refused.Domains = "carl@elsewhere.example", t.T("admin.people.domains", "Domains", "acme.example, acme.test")
	refused.EmailError = t.T("email.domain")
	refused.Waiting = []InvitationRow{
		{ID: "5f0c1a52", Email: "dora@acme.example", Name: "Dora Díaz", CreatedAt: *ago(50 * time.Hour), ExpiresAt: now.Add(118 * time.Hour)},
		{ID: "93ab4e10", Email: "eve@acme.example", Role: "admin", CreatedAt: *ago(2 * time.Minute), ExpiresAt: now.Add(167 * time.Hour)},
	}
	ann := PersonRow{ID: "8f14e45f-ceea-4672-bd5c-3a0a1f0a6f11", Name: "Ann Ampère", Email: "ann@acme.example", SignedIn: ago(4 * time.Minute), Grants: "12"}
	toAnn := Crumb{Label: ann.Name, URL: "/admin/people/" + ann.ID}
	person := AdminPerson{
		AdminFrame: admin(Crumb{Label: ann.Name}), PersonRow: ann, EmailVerified: true, PasswordAt: ago(900 * time.Hour), CreatedAt: *ago(4000 * time.Hour), Now: now,
		Sessions: []SessionRow{
			{ID: "c1", Device: "Chrome on Windows", IP: "203.0.113.9", CreatedAt: *ago(30 * time.Hour), SeenAt: *ago(20 * time.Second), Current: true},
			{ID: "c2", Device: "Safari on iPhone", IP: "2001:db8:85a3:8d3:1319:8a2e:370:7348", CreatedAt: *ago(9 * 24 * time.Hour), SeenAt: *ago(5 * time.Hour)},
		},
		Latest: GrantTable{Without: "person", Now: now, Rows: []GrantRow{
			{ID: "g1", Client: Party{Label: "Grafana"}, Device: "Chrome on Windows", Scopes: "openid email offline_access", Generation: "41", UsedAt: *ago(3 * time.Minute), CreatedAt: *ago(80 * time.Hour), IP: "203.0.113.9", ExpiresAt: now.Add(900 * time.Hour), StateTone: "success", State: "Active", Open: true},
			{ID: "g2", Client: Party{Label: "Claude Code"}, Device: "node", Scopes: "projects:read projects:write", Generation: "2", UsedAt: *ago(300 * time.Hour), CreatedAt: *ago(400 * time.Hour), IP: "198.51.100.4", StateTone: "danger", State: "Revoked", StateNote: "reuse"},
		}},
		Events: []Event{
			{Seq: 812, At: *ago(4 * time.Minute), What: "Signed in", Tone: "success", Who: Party{Label: "Ann Ampère"}},
			{Seq: 640, At: *ago(70 * time.Hour), What: "Sign-in failed", Tone: "warning", Result: "wrong password", Who: Party{Label: "Ann Ampère"}},
		},
	}
	disabled := person
	disabled.PersonRow = PersonRow{ID: "45c48cce-2e2d-4fbd-aa1a-c51c7c6ad26d", Email: "zacharias.donaudampfschifffahrtsgesellschaft@department.example", Role: "admin", Disabled: true, Grants: "0"}
	disabled.AdminFrame, disabled.EmailVerified, disabled.PasswordAt, disabled.Sessions, disabled.Events, disabled.Latest.Rows = admin(Crumb{Label: disabled.PersonRow.Email}), false, nil, nil, nil, nil

	return map[string]templ.Component{
		"setup":       Setup{Frame: f, Token: link, FormToken: token},
		"setup_error": Setup{Frame: f, Token: link, FormToken: token, Name: "Rosa Root", Email: "rosa", EmailError: t.T("email.invalid"), PasswordError: t.N("password.too_short", 15)},
		"setup_over":  SetupOver{Frame: f},
		"welcome":     Welcome{AdminFrame: AdminFrame{Frame: f, Section: "overview", Crumbs: []Crumb{{Label: t.T("setup.welcome")}}, Admin: "rosa@acme.example", FormToken: token}, Issuer: "https://id.acme.example"},
		"invite":      AcceptInvite{Frame: f, Token: link, FormToken: token, Email: "dora@acme.example", Name: "Dora Díaz"},
		"invite_error": AcceptInvite{
			Frame: f, Token: link, FormToken: token, Email: "dora@acme.example", Name: "Dora", Role: "admin", SignedIn: "ann@acme.example", PasswordError: t.T("password.personal"),
		},
		"invite_over":     ProblemInviteOver.Page(f),
		"reset":           NewPassword{Frame: f, Action: "/reset/" + link, Lead: t.T("reset.lead"), FormToken: token, Email: "ann@acme.example", Submit: t.T("reset.submit")},
		"reset_over":      ProblemResetOver.Page(f),
		"reset_over_mail": ProblemResetOverMail.Page(f),
		"reset_expired":   NewPassword{Frame: f, Action: "/login/password", Lead: t.T("reset.expired_lead"), FormToken: token, Email: "ann@acme.example", Request: "9Yb0c2rVJXk1mQ5s", Renewal: link, Submit: t.T("reset.continue"), PasswordError: t.T("password.same")},
		"reset_done":      PasswordSet{Frame: f},
		"home_new":        Home{Frame: f, Issuer: "https://id.acme.example", New: true},
		"home_admin":      Home{Frame: f, Issuer: "https://id.acme.example", Email: "rosa@acme.example", Since: since, FormToken: token, Admin: true},

		"admin_confirm":       ConfirmIdentity{Frame: f, FormToken: token, Email: "rosa@acme.example", Name: "Rosa Root", Return: "/admin/people"},
		"admin_confirm_error": ConfirmIdentity{Frame: f, FormToken: token, Email: "rosa@acme.example", Return: "/admin/people", Error: t.T("confirm.mismatch")},

		"admin_people": AdminPeople{
			AdminFrame: admin(), Roles: []Option{any}, States: []Option{any}, Invitations: 2, Now: now, Pager: Pager{Next: "/admin/people?after=zoe%40acme.example", Shown: "50 people"},
			People: []PersonRow{
				ann, {ID: "1", Email: "bob@acme.example", Disabled: true, SignedIn: ago(60 * 24 * time.Hour), Grants: "0"},
				{ID: "2", Name: "Rosa Root", Email: "rosa@acme.example", Role: "admin", SignedIn: ago(30 * time.Minute), Grants: "1"},
				{ID: "3", Name: "Zoe", Email: "zoe@acme.example", Expired: true, Grants: "1,000+"},
			},
		},
		"admin_people_none":   AdminPeople{AdminFrame: admin(), Search: "nobody", Roles: []Option{any}, States: []Option{any}, Filtered: true, Now: now},
		"admin_invite":        invite,
		"admin_invite_error":  refused,
		"admin_invite_link":   AdminLink{AdminFrame: admin(Crumb{Label: t.T("admin.people.invite"), URL: "/admin/people/invite"}, Crumb{Label: "dora@acme.example"}), Title: t.T("admin.people.link_title", "Email", "dora@acme.example"), Lead: t.T("admin.people.link_lead"), Label: t.T("admin.people.link_label"), Link: "https://id.acme.example/invite/" + link, Ends: now.Add(168 * time.Hour), Back: "/admin/people/invite", Again: t.T("admin.people.invite_another")},
		"admin_person_new":    AdminNewPerson{AdminFrame: admin(Crumb{Label: t.T("admin.people.add")}), Email: "ann@acme.example", Roles: roles, EmailError: t.T("email.taken"), PasswordError: t.T("password.guessable")},
		"admin_person":        person,
		"admin_person_plain":  disabled,
		"admin_person_edit":   AdminProfile{AdminFrame: admin(toAnn, Crumb{Label: t.T("admin.person.edit")}), Action: toAnn.URL + "/edit", Back: toAnn.URL, Version: "3", Name: "Ann", Email: "ann@acme.example", EmailVerified: true, Error: t.T("admin.person.changed")},
		"admin_person_delete": AdminPersonAct{AdminFrame: admin(toAnn, Crumb{Label: t.T("admin.person.delete")}), Refused: t.T("admin.act.last_admin"), Confirm: Confirm{Title: t.T("admin.act.delete_title", "Name", ann.Name), Lead: t.T("admin.act.delete_lead", "Email", ann.Email), Consequences: []string{t.N("admin.act.sessions", 2), t.N("admin.act.grants", 12), t.T("admin.act.delete_log")}, Action: toAnn.URL + "/delete", Cancel: toAnn.URL, Submit: t.T("admin.person.delete"), FormToken: token, Danger: true}},
	}
}
