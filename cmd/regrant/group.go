package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"regrant/app/account"
	"regrant/db"
)

type groupCommand struct {
	Create groupCreate `cmd:"" help:"Make a group of people."`
	List   groupList   `cmd:"" help:"List groups."`
	Show   groupShow   `cmd:"" help:"Show one group, its members and the applications that are limited to it."`
	Update groupUpdate `cmd:"" help:"Change what is named, and nothing else."`
	Add    groupAdd    `cmd:"" help:"Put people into a group."`
	Remove groupRemove `cmd:"" help:"Take people out of a group."`
	Delete groupDelete `cmd:"" help:"Remove a group. Its members stay."`
}

// Help is shown by --help.
func (groupCommand) Help() string {
	return `A group is named by its name, in any case, or by its id; a person by e-mail address or id.

Examples:

    regrant group create --name Staff --claim staff
    regrant group add Staff ann@example.com bob@example.com
    regrant client update my-app --group Staff`
}

// whichGroup names a group on the command line.
type whichGroup struct {
	Group string `arg:"" name:"group" help:"Name or id of the group."`
}

// do finds the group and hands it on.
func (g whichGroup) do(ctx context.Context, p *program, act func(*db.DB, *account.Groups, account.GroupEntry) error) error {
	return p.with(ctx, orFail, func(store *db.DB) error {
		groups := account.NewGroups(store)
		group, err := findGroup(ctx, groups, g.Group)
		if err != nil {
			return err
		}
		return act(store, groups, group)
	})
}

func findGroup(ctx context.Context, groups *account.Groups, name string) (account.GroupEntry, error) {
	group, err := groups.Find(ctx, name)
	if errors.Is(err, account.ErrNoGroup) {
		return group, fmt.Errorf("there is no group %s", name)
	}
	return group, err
}

type groupCreate struct {
	Name        string `required:"" help:"What it is called; no two groups have one name."`
	Description string `help:"What it is for."`
	Claim       string `help:"What applications that ask for the scope groups read for each member; nothing if not given."`
}

// Help is shown by --help.
func (groupCreate) Help() string {
	return "Example:\n\n    regrant group create --name Staff --description \"All who work here\" --claim staff"
}

func (c groupCreate) Run(ctx context.Context, p *program) error {
	return p.with(ctx, orCreate, func(store *db.DB) error {
		group, err := account.NewGroups(store).Create(ctx, account.Group{Name: c.Name, Description: c.Description, Claim: c.Claim}, operator(), now())
		if err != nil {
			return err
		}
		return p.said(groupJSON(account.GroupEntry{Group: group}), "created the group %s (id %s)", group.Name, group.ID)
	})
}

type groupList struct{}

// Help is shown by --help.
func (groupList) Help() string {
	return "Example:\n\n    regrant group list --json | jq -r '.[].name'"
}

func (groupList) Run(ctx context.Context, p *program) error {
	return p.with(ctx, orFail, func(store *db.DB) error {
		groups, err := store.Groups(ctx)
		if err != nil {
			return err
		}
		list := []groupView{}
		var rows [][]string
		for _, g := range groups {
			list = append(list, groupJSON(g))
			rows = append(rows, []string{g.Name, g.Claim, fmt.Sprint(g.Members), fmt.Sprint(g.Clients), g.Description, g.ID})
		}
		return p.print(list, func(w io.Writer) {
			table(w, "no groups yet; make one with: regrant group create --name …", []string{"NAME", "CLAIM", "MEMBERS", "CLIENTS", "DESCRIPTION", "ID"}, rows)
		})
	})
}

type groupShow struct{ whichGroup }

// Help is shown by --help.
func (groupShow) Help() string { return "Example:\n\n    regrant group show Staff" }

func (c groupShow) Run(ctx context.Context, p *program) error {
	return c.do(ctx, p, func(store *db.DB, groups *account.Groups, group account.GroupEntry) error {
		view := groupJSON(group)
		var rows [][]string
		for after, page := "", 500; ; {
			members, err := groups.Members(ctx, group.ID, after, page)
			if err != nil {
				return err
			}
			for _, m := range members {
				view.People = append(view.People, m.Email)
				rows = append(rows, []string{m.Email, m.Name, personStatus(m), m.ID})
			}
			if len(members) < page {
				break
			}
			after = members[len(members)-1].Email
		}
		reach, err := groups.GroupReach(ctx, group.ID)
		if err != nil {
			return err
		}
		clients := ""
		for _, c := range reach {
			view.LimitedClients = append(view.LimitedClients, c.ClientID)
			clients += c.ClientID + " "
		}
		return p.print(view, func(w io.Writer) {
			sheet(w, "Name", group.Name, "Description", group.Description, "Claim", group.Claim, "Members", fmt.Sprint(group.Members),
				"Limited to it", clients, "Created", moment(&group.CreatedAt), "Id", group.ID)
			if len(rows) > 0 {
				fmt.Fprintln(w)
				table(w, "", []string{"EMAIL", "NAME", "STATUS", "ID"}, rows)
			}
		})
	})
}

type groupUpdate struct {
	whichGroup
	Name        *string `help:"What it is called."`
	Description *string `help:"What it is for; \"\" for nothing."`
	Claim       *string `help:"What applications read for each member; \"\" for nothing."`
}

// Help is shown by --help.
func (groupUpdate) Help() string {
	return "Example:\n\n    regrant group update Staff --claim employees"
}

func (c groupUpdate) Run(ctx context.Context, p *program) error {
	return c.do(ctx, p, func(_ *db.DB, groups *account.Groups, group account.GroupEntry) error {
		set(&group.Name, c.Name)
		set(&group.Description, c.Description)
		set(&group.Claim, c.Claim)
		changed, err := groups.Update(ctx, group.Group, operator(), now())
		if err != nil {
			return err
		}
		group.Group = changed
		return p.said(groupJSON(group), "the group is %s", changed.Name)
	})
}

// someone names people on the command line.
type someone struct {
	People []string `arg:"" name:"person" help:"E-mail address or id; as many as you like."`
}

// ids finds all of them, or says who is missing.
func (s someone) ids(ctx context.Context, store *db.DB) ([]string, error) {
	all, err := people(store)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, name := range s.People {
		person, err := findPerson(ctx, all, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, person.ID)
	}
	return ids, nil
}

type groupAdd struct {
	whichGroup
	someone
}

// Help is shown by --help.
func (groupAdd) Help() string {
	return "All of them, or none if one is not known.\n\nExample:\n\n    regrant group add Staff ann@example.com bob@example.com"
}

func (c groupAdd) Run(ctx context.Context, p *program) error {
	return c.do(ctx, p, func(store *db.DB, groups *account.Groups, group account.GroupEntry) error {
		ids, err := c.ids(ctx, store)
		if err != nil {
			return err
		}
		n, err := groups.Add(ctx, group.ID, ids, operator(), now())
		if err != nil {
			return err
		}
		return p.said(map[string]any{"id": group.ID, "name": group.Name, "added": n}, "added %d to %s", n, group.Name)
	})
}

type groupRemove struct {
	whichGroup
	someone
}

// Help is shown by --help.
func (groupRemove) Help() string {
	return `Who may use an application by this group alone loses it at once: sign-ins there are suspended, or end where the application's
policy says --on-access-lost revoke.

Example:

    regrant group remove Staff bob@example.com`
}

func (c groupRemove) Run(ctx context.Context, p *program) error {
	return c.do(ctx, p, func(store *db.DB, groups *account.Groups, group account.GroupEntry) error {
		ids, err := c.ids(ctx, store)
		if err != nil {
			return err
		}
		n, err := groups.Remove(ctx, group.ID, ids, operator(), now())
		if err != nil {
			return err
		}
		return p.said(map[string]any{"id": group.ID, "name": group.Name, "removed": n}, "took %d out of %s", n, group.Name)
	})
}

type groupDelete struct{ whichGroup }

// Help is shown by --help.
func (groupDelete) Help() string {
	return `Its members lose what they had by it. An application that was limited to it alone is for nobody afterwards, until it gets other
groups or is opened to everybody.

Example:

    regrant group delete Staff`
}

func (c groupDelete) Run(ctx context.Context, p *program) error {
	return c.do(ctx, p, func(_ *db.DB, groups *account.Groups, group account.GroupEntry) error {
		reach, err := groups.GroupReach(ctx, group.ID)
		if err != nil {
			return err
		}
		if err := groups.Delete(ctx, group.ID, operator(), now()); err != nil {
			return err
		}
		closed := []string{}
		for _, c := range reach {
			if c.Last {
				closed = append(closed, c.ClientID)
			}
		}
		gone := map[string]any{"id": group.ID, "name": group.Name, "deleted": true, "closed_clients": closed}
		if len(closed) > 0 {
			return p.said(gone, "deleted the group %s; nobody may use these applications now: %v", group.Name, closed)
		}
		return p.said(gone, "deleted the group %s", group.Name)
	})
}

// groupView is a group in JSON.
type groupView struct {
	ID             string    `json:"id"`
	Name           string    `json:"name"`
	Description    string    `json:"description"`
	Claim          string    `json:"claim"`
	Members        int       `json:"members"`
	Clients        int       `json:"clients"`
	CreatedAt      time.Time `json:"created_at"`
	People         []string  `json:"people,omitempty"`          // addresses, by show
	LimitedClients []string  `json:"limited_clients,omitempty"` // ids, by show
}

func groupJSON(g account.GroupEntry) groupView {
	return groupView{
		ID: g.ID, Name: g.Name, Description: g.Description, Claim: g.Claim, Members: g.Members, Clients: g.Clients, CreatedAt: g.CreatedAt,
	}
}
