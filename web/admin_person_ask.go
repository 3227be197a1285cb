package web

import (
	"regrant/app/account"
	"regrant/web/view"
)

// What is asked before each act on a person, with what it ends.

func asksRole(t *view.Text, name string, _ account.PersonEntry, sessions int) view.Confirm {
	return view.Confirm{
		Title: t.T("admin.act.role_title", "Name", name), Submit: t.T("admin.person.role"),
		Consequences: []string{t.N("admin.act.sessions", sessions), t.T("admin.act.links")},
	}
}

func asksDisable(t *view.Text, name string, p account.PersonEntry, sessions int) view.Confirm {
	return view.Confirm{
		Title: t.T("admin.act.disable_title", "Name", name), Lead: t.T("admin.act.disable_lead"), Submit: t.T("admin.person.disable"),
		Consequences: []string{t.N("admin.act.sessions", sessions), t.N("admin.act.grants", p.Grants), t.T("admin.act.tokens")},
	}
}

func asksDelete(t *view.Text, name string, p account.PersonEntry, sessions int) view.Confirm {
	return view.Confirm{
		Title: t.T("admin.act.delete_title", "Name", name), Lead: t.T("admin.act.delete_lead", "Email", p.Email), Submit: t.T("admin.person.delete"),
		Consequences: []string{
			t.N("admin.act.sessions", sessions), t.N("admin.act.grants", p.Grants), t.T("admin.act.tokens"), t.T("admin.act.delete_log"), t.T("admin.act.delete_address"),
		},
	}
}

func asksExpire(t *view.Text, name string, _ account.PersonEntry, sessions int) view.Confirm {
	return view.Confirm{
		Title: t.T("admin.act.expire_title", "Name", name), Lead: t.T("admin.act.expire_lead"), Submit: t.T("admin.person.expire"),
		Consequences: []string{t.N("admin.act.sessions", sessions), t.T("admin.act.expire_grants")},
	}
}

func asksResetFactors(t *view.Text, name string, p account.PersonEntry, sessions int) view.Confirm {
	return view.Confirm{
		Title: t.T("admin.act.factors_title", "Name", name), Lead: t.T("admin.act.factors_lead"), Submit: t.T("admin.person.reset_factors"),
		Consequences: []string{t.T("admin.act.factors_gone"), t.N("admin.act.sessions", sessions), t.N("admin.act.grants", p.Grants), t.T("admin.act.tokens")},
	}
}

func asksEndSessions(t *view.Text, name string, _ account.PersonEntry, sessions int) view.Confirm {
	return view.Confirm{
		Title: t.T("admin.act.end_title", "Name", name), Submit: t.T("admin.person.end_sessions"),
		Consequences: []string{t.N("admin.act.sessions", sessions), t.T("admin.act.session_grants")},
	}
}

func asksRevoke(t *view.Text, name string, p account.PersonEntry, _ int) view.Confirm {
	return view.Confirm{
		Title: t.T("admin.act.revoke_title", "Name", name), Lead: t.T("admin.act.revoke_lead"), Submit: t.T("admin.person.revoke"),
		Consequences: []string{t.N("admin.act.grants", p.Grants), t.T("admin.act.tokens")},
	}
}
