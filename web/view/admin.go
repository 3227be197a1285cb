package view

import "github.com/a-h/templ"

// AdminFrame is what every page for admins needs, whatever it shows.
type AdminFrame struct {
	Frame
	Section   string  // of the navigation: "overview", "grants", "refusals", "clients", "apis", "people", "groups", "audit", "keys", "settings"
	Crumbs    []Crumb // the way here below the section; the last is the page itself
	Admin     string  // e-mail address of who is signed in
	ReadOnly  bool    // who looks may change nothing: no act is offered
	FormToken string  // field form_token of every form
	Done      string  // what has just been done; may be empty
}

// Crumb is a step on the way to a page.
type Crumb struct {
	Label string
	URL   string // a path of this server without the issuer's path; "" for the page itself
}

// Tab is one of the views of one thing, each with an address of its own.
type Tab struct {
	Label   string
	URL     string // a path of this server without the issuer's path
	Current bool
}

// Pager leads through a list by its keys. An address that is "" is not there.
type Pager struct {
	First string
	Prev  string
	Next  string
	Shown string // what is on this page, in words: "50 of 10 000+"
}

// Field is a field of a form with all that is said about it.
type Field struct {
	Name         string
	Label        string
	Help         string // below the label, before the field
	Value        string
	Type         string // default text
	Error        string // below the field
	Required     bool
	Autocomplete string
	Placeholder  string
	Suffix       string // unit behind the field
	Focus        bool   // the first field with an error, or the first of a new form
}

// Option is one choice of a list.
type Option struct {
	Value    string
	Label    string
	Help     string // for choices that are shown as cards
	Selected bool
}

// Confirm is the question before an act that cannot be taken back. Its form posts form_token and Hidden to Action.
type Confirm struct {
	Title        string // names the thing: "Revoke Ann's sign-in to Grafana?"
	Lead         string
	Consequences []string
	Action       string // a path of this server without the issuer's path
	Submit       string
	Cancel       string // where "Cancel" leads; a path as Action
	FormToken    string
	Danger       bool
	Hidden       map[string]string
}

// section is one entry of the navigation.
type section struct {
	name string
	path string
	key  string
	icon templ.Component
}

// sections are the navigation, in groups.
func sections() [][]section {
	return [][]section{
		{{"overview", "/admin", "admin.nav.overview", iconActivity()}},
		{
			{"grants", "/admin/grants", "admin.nav.grants", iconRefreshCw()},
			{"refusals", "/admin/refusals", "admin.nav.refusals", iconCircleHelp()},
		},
		{
			{"clients", "/admin/clients", "admin.nav.clients", iconAppWindow()},
			{"apis", "/admin/apis", "admin.nav.apis", iconServer()},
			{"people", "/admin/people", "admin.nav.people", iconUser()},
			{"groups", "/admin/groups", "admin.nav.groups", iconUsers()},
		},
		{
			{"audit", "/admin/audit", "admin.nav.audit", iconScrollText()},
			{"keys", "/admin/keys", "admin.nav.keys", iconKeyRound()},
			{"settings", "/admin/settings", "admin.nav.settings", iconSettings()},
		},
	}
}

// described gives the ids that aria-describedby of a field names, "" for none.
func (f Field) described() string {
	ids := ""
	if f.Help != "" {
		ids = f.Name + "-help"
	}
	if f.Error != "" {
		if ids != "" {
			ids += " "
		}
		ids += f.Name + "-error"
	}
	return ids
}

func (f Field) kind() string {
	if f.Type == "" {
		return "text"
	}
	return f.Type
}
