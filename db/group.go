package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db/queries"
)

var _ account.GroupStore = (*DB)(nil)

// Group implements account.GroupStore.
func (d *DB) Group(ctx context.Context, id string) (account.GroupEntry, error) {
	return d.group(ctx, func(q *queries.Queries) (queries.Group, error) { return q.GroupByID(ctx, id) })
}

// GroupByName implements account.GroupStore.
func (d *DB) GroupByName(ctx context.Context, name string) (account.GroupEntry, error) {
	return d.group(ctx, func(q *queries.Queries) (queries.Group, error) { return q.GroupByName(ctx, account.GroupKey(name)) })
}

func (d *DB) group(ctx context.Context, find func(*queries.Queries) (queries.Group, error)) (account.GroupEntry, error) {
	var entry account.GroupEntry
	err := d.snapshot(ctx, "read group", func(q *queries.Queries) error {
		row, err := find(q)
		if err != nil {
			return noGroup(err)
		}
		entry, err = groupEntry(ctx, q, row)
		return err
	})
	return entry, err
}

// Groups implements account.GroupStore.
func (d *DB) Groups(ctx context.Context) ([]account.GroupEntry, error) {
	var entries []account.GroupEntry
	err := d.snapshot(ctx, "list groups", func(q *queries.Queries) error {
		rows, err := q.ListGroups(ctx)
		if err != nil {
			return err
		}
		entries = make([]account.GroupEntry, len(rows))
		for i, r := range rows {
			if entries[i], err = groupEntry(ctx, q, r); err != nil {
				return err
			}
		}
		return nil
	})
	return entries, err
}

// GroupsOf implements account.GroupStore.
func (d *DB) GroupsOf(ctx context.Context, personID string) ([]account.Group, error) {
	var groups []account.Group
	err := d.read(ctx, "list the groups of a person", func(q *queries.Queries) error {
		rows, err := q.GroupsOfPerson(ctx, personID)
		for _, r := range rows {
			groups = append(groups, group(r))
		}
		return err
	})
	return groups, err
}

// Members implements account.GroupStore.
func (d *DB) Members(ctx context.Context, groupID, afterEmail string, limit int) ([]account.Person, error) {
	var members []account.Person
	err := d.read(ctx, "list members", func(q *queries.Queries) error {
		rows, err := q.MembersAfter(ctx, queries.MembersAfterParams{GroupID: groupID, AfterEmail: &afterEmail, Lim: int32(limit)})
		for _, r := range rows {
			members = append(members, person(r))
		}
		return err
	})
	return members, err
}

// CreateGroup implements account.GroupStore.
func (d *DB) CreateGroup(ctx context.Context, g account.Group, e audit.Event) error {
	return d.write(ctx, "create group", func(tx *Tx) error {
		n, err := tx.InsertGroup(ctx, queries.InsertGroupParams{
			ID: g.ID, Name: g.Name, NameKey: account.GroupKey(g.Name), Description: g.Description, Claim: orNull(g.Claim), Now: micros(g.CreatedAt),
		})
		return andAudit(ctx, tx, oneRow(n, err, account.ErrNameTaken), e)
	})
}

// UpdateGroup implements account.GroupStore.
func (d *DB) UpdateGroup(ctx context.Context, g account.Group, e audit.Event) error {
	return d.write(ctx, "update group", func(tx *Tx) error {
		n, err := tx.UpdateGroup(ctx, queries.UpdateGroupParams{
			Name: g.Name, NameKey: account.GroupKey(g.Name), Description: g.Description, Claim: orNull(g.Claim), Now: micros(g.UpdatedAt),
			ID: g.ID, Version: g.Version,
		})
		if isUnique(err) {
			return account.ErrNameTaken
		}
		return andAudit(ctx, tx, oneRow(n, err, account.ErrChanged), e)
	})
}

// DeleteGroup implements account.GroupStore. Its clients' versions rise, so that a refresh or redemption that was decided while it
// was there begins again. The members' versions need not: what the claim groups said a moment before was true then.
func (d *DB) DeleteGroup(ctx context.Context, id string, e audit.Event) error {
	return d.write(ctx, "delete group", func(tx *Tx) error {
		clients, err := tx.ClientsOfGroup(ctx, id)
		if err != nil {
			return err
		}
		if err := tx.DeleteClientsOfGroup(ctx, id); err != nil {
			return err
		}
		if _, err := tx.DeleteMembersOfGroup(ctx, id); err != nil {
			return err
		}
		n, err := tx.Queries.DeleteGroup(ctx, id)
		if err := oneRow(n, err, account.ErrNoGroup); err != nil {
			return err
		}
		for _, c := range clients {
			if err := tx.RaiseClientVersion(ctx, c.ID); err != nil {
				return err
			}
			if oauth.OnAccessLost(c.OnAccessLost) != oauth.AccessLostRevokes {
				continue
			}
			if err := tx.accessMayBeLost(ctx, c.ID, e.At); err != nil {
				return err
			}
		}
		return tx.audit(ctx, e)
	})
}

// ChangeMembers implements account.GroupStore.
func (d *DB) ChangeMembers(ctx context.Context, changes []account.MemberChange) (int, error) {
	changed := 0
	err := d.write(ctx, "change members", func(tx *Tx) error {
		changed = 0
		for _, c := range changes {
			n, err := tx.changeMember(ctx, c)
			if err != nil {
				return err
			}
			changed += int(n)
		}
		return nil
	})
	return changed, err
}

func (tx *Tx) changeMember(ctx context.Context, c account.MemberChange) (int64, error) {
	if _, err := tx.GroupByID(ctx, c.GroupID); err != nil {
		return 0, noGroup(err)
	}
	if _, err := tx.living(ctx, c.PersonID); err != nil {
		return 0, err
	}
	var n int64
	var err error
	if c.Out {
		n, err = tx.DeleteMember(ctx, c.GroupID, c.PersonID)
	} else {
		n, err = tx.InsertMember(ctx, queries.InsertMemberParams{GroupID: c.GroupID, PersonID: c.PersonID, Now: micros(c.Event.At)})
	}
	if err != nil || n == 0 {
		return 0, err
	}
	if err := tx.RaisePersonVersion(ctx, c.PersonID); err != nil {
		return 0, err
	}
	if c.Out {
		if err := tx.loseAccess(ctx, c.GroupID, c.PersonID, c.Event.At); err != nil {
			return 0, err
		}
	}
	return n, tx.audit(ctx, c.Event)
}

// loseAccess ends the grants of somebody who was taken out of a group, for the clients that revoke on that and that they may not
// use by another group.
func (tx *Tx) loseAccess(ctx context.Context, groupID, personID string, at time.Time) error {
	clients, err := tx.LostClientsOfPerson(ctx, groupID, personID)
	if err != nil {
		return err
	}
	for _, id := range clients {
		if _, _, err := tx.revokePair(ctx, personID, id, oauth.RevokedAccessLost, at); err != nil {
			return err
		}
	}
	return nil
}

// GroupReach implements account.GroupStore.
func (d *DB) GroupReach(ctx context.Context, groupID string) ([]account.Reach, error) {
	var reach []account.Reach
	err := d.snapshot(ctx, "read who loses access", func(q *queries.Queries) error {
		clients, err := q.ClientsOfGroup(ctx, groupID)
		if err != nil {
			return err
		}
		for _, c := range clients {
			losers, err := q.CountLosers(ctx, queries.CountLosersParams{GroupID: groupID, ClientID: c.ID, Lim: account.MaxCountedLosers})
			if err != nil {
				return err
			}
			groups, err := q.GroupsOfClient(ctx, c.ID)
			if err != nil {
				return err
			}
			reach = append(reach, account.Reach{
				ClientID: c.ID, ClientName: c.Name, Revokes: oauth.OnAccessLost(c.OnAccessLost) == oauth.AccessLostRevokes,
				Losers: int(losers), Last: len(groups) == 1,
			})
		}
		return nil
	})
	return reach, err
}

// PersonReach implements account.GroupStore.
func (d *DB) PersonReach(ctx context.Context, groupID, personID string) ([]account.Reach, error) {
	var reach []account.Reach
	err := d.read(ctx, "read what somebody loses", func(q *queries.Queries) error {
		clients, err := q.ClientsOnlyByGroup(ctx, groupID, personID)
		for _, c := range clients {
			reach = append(reach, account.Reach{ClientID: c.ID, ClientName: c.Name, Revokes: oauth.OnAccessLost(c.OnAccessLost) == oauth.AccessLostRevokes})
		}
		return err
	})
	return reach, err
}

// RoleClaims implements account.GroupStore.
func (d *DB) RoleClaims(ctx context.Context) (map[account.Role]string, error) {
	claims := map[account.Role]string{}
	err := d.read(ctx, "read the claims of roles", func(q *queries.Queries) error {
		rows, err := q.RoleClaims(ctx)
		for _, r := range rows {
			claims[account.Role(r.Role)] = r.Claim
		}
		return err
	})
	return claims, err
}

// SetRoleClaims implements account.GroupStore.
func (d *DB) SetRoleClaims(ctx context.Context, claims map[account.Role]string, e audit.Event) error {
	return d.write(ctx, "set the claims of roles", func(tx *Tx) error {
		for _, role := range account.Roles() {
			var err error
			if claim := claims[role]; claim != "" {
				err = tx.PutRoleClaim(ctx, string(role), claim)
			} else {
				err = tx.DeleteRoleClaim(ctx, string(role))
			}
			if err != nil {
				return err
			}
		}
		return tx.audit(ctx, e)
	})
}

func group(r queries.Group) account.Group {
	return account.Group{
		ID: r.ID, Name: r.Name, Description: r.Description, Claim: orEmpty(r.Claim), Version: r.Version,
		CreatedAt: instant(r.CreatedAt), UpdatedAt: instant(r.UpdatedAt),
	}
}

func groupEntry(ctx context.Context, q *queries.Queries, r queries.Group) (account.GroupEntry, error) {
	members, err := q.CountMembers(ctx, r.ID)
	if err != nil {
		return account.GroupEntry{}, err
	}
	clients, err := q.CountClientsOfGroup(ctx, r.ID)
	return account.GroupEntry{Group: group(r), Members: int(members), Clients: int(clients)}, err
}

func noGroup(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return account.ErrNoGroup
	}
	return err
}
