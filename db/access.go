package db

import (
	"context"
	"time"

	"regrant/app/oauth"
	"regrant/db/queries"
)

// MayUse implements [oauth.Store].
func (d *DB) MayUse(ctx context.Context, personID, clientID string) (bool, error) {
	var n int64
	err := d.read(ctx, "read who may use a client", func(q *queries.Queries) (err error) {
		n, err = q.MayUse(ctx, clientID, personID)
		return err
	})
	return n > 0, err
}

// GroupsClaim implements [oauth.Store].
func (d *DB) GroupsClaim(ctx context.Context, personID string) ([]string, error) {
	var claims []string
	err := d.read(ctx, "read the groups of a person", func(q *queries.Queries) (err error) {
		claims, err = q.ClaimsOfPerson(ctx, personID)
		return err
	})
	return claims, err
}

func groupsOfClient(ctx context.Context, q *queries.Queries, id string) ([]oauth.Group, error) {
	rows, err := q.GroupsOfClient(ctx, id)
	var groups []oauth.Group
	for _, r := range rows {
		groups = append(groups, oauth.Group{ID: r.ID, Name: r.Name})
	}
	return groups, err
}

// addGroups puts into clients the groups that they are limited to, by one read for all.
func addGroups(ctx context.Context, q *queries.Queries, clients []oauth.Client) error {
	rows, err := q.GroupsOfClients(ctx)
	if err != nil {
		return err
	}
	of := map[string][]oauth.Group{}
	for _, r := range rows {
		of[r.ClientID] = append(of[r.ClientID], oauth.Group{ID: r.ID, Name: r.Name})
	}
	for i := range clients {
		clients[i].Groups = of[clients[i].ID]
	}
	return nil
}

// putGroups replaces the groups that a client is limited to. It comes with a change of the client's version.
func (tx *Tx) putGroups(ctx context.Context, c *oauth.Client) error {
	if err := tx.DeleteGroupsOfClient(ctx, c.ID); err != nil || !c.Restricted {
		return err
	}
	for _, g := range c.Groups {
		n, err := tx.InsertClientGroup(ctx, c.ID, g.ID)
		if err := oneRow(n, err, oauth.ErrNoGroup); err != nil {
			return err
		}
	}
	return nil
}

// lossBatch is how many grants end in the transaction in which access was lost. More follow in [DB.Sweep]; until then they are
// refused at each use like those that are suspended.
const lossBatch = 1000

// accessMayBeLost revokes the grants of people who may not use a client any more, whose policy says so. It comes in the
// transaction that changed who may, or the policy.
func (tx *Tx) accessMayBeLost(ctx context.Context, clientID string, at time.Time) error {
	n, err := tx.revokeWithoutAccess(ctx, clientID, at, lossBatch)
	if err != nil || n < lossBatch {
		return err
	}
	return tx.PutAccessLoss(ctx, clientID, micros(at))
}

// revokeWithoutAccess ends a batch of the grants of a client whose people may not use it.
func (tx *Tx) revokeWithoutAccess(ctx context.Context, clientID string, at time.Time, batch int32) (int64, error) {
	ended, err := tx.RevokeWithoutAccess(ctx, queries.RevokeWithoutAccessParams{ClientID: clientID, At: microsOrNull(&at), Lim: batch})
	if err != nil {
		return 0, err
	}
	return int64(len(ended)), tx.tellOfGrants(ctx, ended)
}

// followAccessLoss goes on with the oldest loss that was too large for one transaction, and forgets it when nothing is left. It says
// how many rows it touched.
func (tx *Tx) followAccessLoss(ctx context.Context, batch int32) (int64, error) {
	loss, err := tx.NextAccessLoss(ctx)
	if _, err := orNotFound(&loss, err); err != nil {
		if err == oauth.ErrNotFound {
			return 0, nil
		}
		return 0, err
	}
	n, err := tx.revokeWithoutAccess(ctx, loss.ClientID, instant(loss.LostAt), batch)
	if err != nil || n == int64(batch) {
		return n, err
	}
	return n + 1, tx.DeleteAccessLoss(ctx, loss.ClientID)
}
