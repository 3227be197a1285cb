package web

import (
	"net/http"
	"slices"

	"regrant/app/account"
	"regrant/app/oauth"
	"regrant/web/view"
)

// wantedGroups gives the groups that were ticked, with their names. None at all is an error of the form: whoever wants that
// nobody uses an application disables it.
func (f *clientForm) wantedGroups(t *view.Text, all []account.GroupEntry) []oauth.Group {
	var groups []oauth.Group
	for _, g := range all {
		if f.restricted && slices.Contains(f.groups, g.ID) {
			groups = append(groups, oauth.Group{ID: g.ID, Name: g.Name})
		}
	}
	if f.restricted && len(groups) == 0 {
		f.errors["group"] = t.T("admin.clients.access.none_chosen")
	}
	return groups
}

// accessChoice is who may use a client: everybody, or the members of groups. For one that people do not sign in to there is none.
func (s *Server) accessChoice(r *http.Request, t *view.Text, c *oauth.Client, f clientForm) (options []view.Option, boxes []view.ScopeBox, labels map[string]string, err error) {
	if !getsPeople(c) {
		return nil, nil, nil, nil
	}
	groups, err := s.groups.Groups(r.Context())
	labels = map[string]string{}
	for _, g := range groups {
		labels[g.ID] = g.Name
		boxes = append(boxes, view.ScopeBox{Name: g.ID, Help: t.N("admin.clients.access.members", g.Members), On: slices.Contains(f.groups, g.ID)})
	}
	chosenNow := "everybody"
	if f.restricted {
		chosenNow = "groups"
	}
	options = chosen(chosenNow,
		view.Option{Value: "everybody", Label: t.T("admin.clients.access.everybody"), Help: t.T("admin.clients.access.everybody_help")},
		view.Option{Value: "groups", Label: t.T("admin.clients.access.groups"), Help: t.T("admin.clients.access.groups_help")})
	return options, boxes, labels, err
}
