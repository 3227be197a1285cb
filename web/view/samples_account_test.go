package view

import (
	"time"

	"github.com/a-h/templ"
)

// samplesAccount are the pages of somebody's own account.
func samplesAccount(f Frame) map[string]templ.Component {
	t := f.Text
	const token = "yD3l8Jc0R6nq"
	now := since.Add(3 * time.Hour)
	ago := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
	mine := func(section string, crumbs ...Crumb) AccountFrame {
		return AccountFrame{Frame: f, Section: section, Crumbs: crumbs, Email: "ann@acme.example", FormToken: token}
	}
	admin := mine("security")
	admin.Dashboard, admin.Done = true, t.T("done.password_changed")
	change := ChangePassword{AccountFrame: mine("security"), HasPassword: true, EndOthers: true}
	change.Crumbs = []Crumb{{Label: change.Title()}}
	wrong, reported, first := change, change, change
	wrong.CurrentError, wrong.PasswordError, wrong.EndOthers = t.T("confirm.mismatch"), t.T("password.personal"), false
	reported.Reported = true
	first.HasPassword = false

	grafana := App{
		Name: "Grafana", Path: "/account/apps/grafana", Host: "grafana.acme.example", AllowedAt: ago(900 * time.Hour), All: t.N("account.apps.show_all", 12),
		May: []ScopeGroup{{Scopes: []Scope{StandardScope(t, "openid"), StandardScope(t, "profile"), StandardScope(t, "offline_access")}}, {API: "Projects", Scopes: []Scope{{Name: "projects:read"}}}},
		Devices: []AppDevice{
			{Path: "/account/grants/g1", Device: "Chrome on Windows", IP: "203.0.113.9", SignedInAt: *ago(80 * time.Hour), UsedAt: ago(3 * time.Minute), UsedIP: "198.51.100.4", EndsAt: now.Add(900 * time.Hour), Unused: true, Stays: true},
			{Path: "/account/grants/g2", Device: "Safari on iPhone", IP: "2001:db8:85a3:8d3:1319:8a2e:370:7348", SignedInAt: *ago(2 * time.Minute), EndsAt: now.Add(4000 * time.Hour), WithSession: true},
		},
	}
	forgotten := App{Name: "Team <b>notes</b> & „files“ with a rather long name for its purpose", Path: "/account/apps/GL", Host: t.T("account.apps.native"), Unverified: true, Off: true, AllowedAt: ago(4000 * time.Hour), May: grafana.May[:1]}
	end := AccountConfirm{AccountFrame: mine("apps", Crumb{Label: "Grafana", URL: grafana.Path}, Crumb{Label: t.T("account.apps.end_all")}), Confirm: Confirm{
		Title: t.T("account.apps.end_all_title", "App", "Grafana"), Consequences: []string{t.N("account.apps.end_all_devices", 2), t.T("account.apps.end_all_again")},
		Action: grafana.Path + "/end", Cancel: "/account", Submit: t.T("account.apps.end_all"), FormToken: token, Danger: true,
	}}

	profile := AccountProfile{
		AccountFrame: mine("profile"), Name: "Ann Ampère", Address: "ann@acme.example", Verified: true, EmailURL: "/account/email", Version: "3", NoZone: true,
		Languages: []Option{{Label: t.T("account.profile.browser_language")}, {Value: "en", Label: LanguageName("en"), Selected: true}},
		Zones:     []ZoneGroup{{Region: "Europe", Zones: []Option{{Value: "Europe/Berlin", Label: "Berlin"}, {Value: "Europe/London", Label: "London"}}}, {Zones: []Option{{Value: "UTC", Label: "UTC"}}}},
	}
	refused := profile
	refused.Name, refused.NameError, refused.Error, refused.EmailURL = "Ann\u202e", t.T("name.invalid"), t.T("account.profile.changed"), ""
	leave := DeleteAccount{AccountFrame: mine("profile", Crumb{Label: t.T("account.delete.title")}), Typed: "ann", Error: t.T("account.delete.mismatch"), Refused: t.T("account.delete.last_admin"), Confirm: Confirm{
		Title: t.T("account.delete.question", "Email", "ann@acme.example"), Lead: t.T("account.delete.lead"), Consequences: []string{t.T("account.delete.apps")},
		Action: "/account/profile/delete", Cancel: "/account/profile", Submit: t.T("account.delete.submit"), FormToken: token, Danger: true,
	}}

	return map[string]templ.Component{
		"account_profile":       profile,
		"account_profile_wrong": refused,
		"account_delete":        leave,
		"account_goodbye":       Goodbye{Frame: f},

		"account_apps": AccountApps{AccountFrame: mine("apps"), Apps: []App{grafana, forgotten}, Now: now, Pager: Pager{Next: "/account?from=x"}},
		"account_passkeys": AccountSecurity{AccountFrame: mine("security"), Sections: []templ.Component{
			PasswordSection{Frame: f, ChangedAt: ago(900 * time.Hour), Now: now},
			PasskeySection{Frame: f, Now: now, Passkeys: []Passkey{
				{Path: "/account/security/passkeys/k1", Name: "Chrome on Windows", AddedAt: *ago(700 * time.Hour), UsedAt: ago(3 * time.Hour)},
				{Path: "/account/security/passkeys/k2", Name: "Password manager <i>of the whole department</i> with a rather long name", Synced: true, AddedAt: *ago(time.Minute)},
			}},
		}},
		"account_passkeys_none": AccountSecurity{AccountFrame: mine("security"), Sections: []templ.Component{PasskeySection{Frame: f, Now: now}}},
		"account_passkey_add":   AddPasskey{AccountFrame: mine("security", Crumb{Label: t.T("account.passkeys.add")}), Question: PasskeyQuestion{Options: `{"challenge":"AAAA"}`, State: "ceremony-state"}, Name: "Chrome on Linux"},
		"account_passkey_add_error": AddPasskey{
			AccountFrame: mine("security", Crumb{Label: t.T("account.passkeys.add")}), Question: PasskeyQuestion{Options: `{"challenge":"AAAA"}`, State: "ceremony-state"},
			NameError: t.T("passkey.name_missing"), Refused: t.T("passkey.error.not_added"),
		},
		"account_passkey_rename": RenamePasskey{AccountFrame: mine("security", Crumb{Label: t.T("account.passkeys.rename")}), Path: "/account/security/passkeys/k1", Name: "Chrome on Windows"},
		"account_passkey_remove": RemovePasskey{AccountFrame: mine("security", Crumb{Label: t.T("account.passkeys.remove")}), Path: "/account/security/passkeys/k1", Name: "Chrome on Windows"},
		"account_apps_none":      AccountApps{AccountFrame: mine("apps"), Now: now},
		"account_app":            AccountApp{AccountFrame: mine("apps", Crumb{Label: "Grafana"}), App: grafana, Now: now},
		"account_app_end":        end,

		"account_sessions": AccountSessions{AccountFrame: mine("sessions"), Now: now, Sessions: []OwnSession{
			{ID: "c1", Device: "Chrome on Windows", IP: "203.0.113.9", SignedInAt: *ago(30 * time.Hour), SeenAt: *ago(20 * time.Second), How: t.T("account.sessions.password_code"), Current: true},
			{ID: "c2", Device: "Safari on iPhone", IP: "2001:db8:85a3:8d3:1319:8a2e:370:7348", SignedInAt: *ago(9 * 24 * time.Hour), SeenAt: *ago(5 * time.Hour), How: t.T("account.sessions.passkey")},
		}},
		"account_activity": AccountActivity{AccountFrame: mine("activity"), Now: now, Pager: Pager{Next: "/account/activity?before=812"}, Events: []Activity{
			{At: *ago(3 * time.Minute), What: t.T("account.activity.grant_reuse", "App", "Grafana"), Tone: "danger", IP: "198.51.100.4", Device: "curl 8.5"},
			{At: *ago(2 * time.Hour), What: t.T("account.activity.grant_revoked", "App", "Claude Code"), Why: t.T("account.activity.result.password"), Tone: "neutral", Who: t.T("account.activity.by.admin")},
			{At: *ago(50 * time.Hour), What: t.T("account.activity.sign_in_succeeded"), Tone: "success", IP: "203.0.113.9", Device: "Chrome on Windows"},
		}},
		"account_activity_none": AccountActivity{AccountFrame: mine("activity"), Now: now},

		"account_security":          AccountSecurity{AccountFrame: admin, Sections: []templ.Component{PasswordSection{Frame: f, ChangedAt: ago(90 * 24 * time.Hour), Now: now}}},
		"account_security_none":     AccountSecurity{AccountFrame: mine("security"), Sections: []templ.Component{PasswordSection{Frame: f, Now: now}}},
		"account_password":          change,
		"account_password_wrong":    wrong,
		"account_password_reported": reported,
		"account_password_first":    first,
	}
}
