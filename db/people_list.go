package db

import (
	"context"
	"slices"
	"strings"
	"time"

	"regrant/app/account"
	"regrant/db/queries"
)

var _ account.Directory = (*DB)(nil)

// SearchPeople implements account.Directory.
func (d *DB) SearchPeople(ctx context.Context, f account.PeopleFilter, now time.Time) ([]account.PersonEntry, error) {
	p := queries.PeopleAfterParams{AfterEmail: &f.After, Role: orNull(string(f.Role)), Disabled: disabled(f.State), Lim: int32(f.Limit)}
	if f.Search != "" {
		spelled := like(f.Search)
		lowered := strings.ToLower(spelled)
		p.Spelled, p.Lowered = &spelled, &lowered
	}
	var entries []account.PersonEntry
	err := d.snapshot(ctx, "search people", func(q *queries.Queries) error {
		rows, err := peoplePage(ctx, q, f, p)
		if err != nil {
			return err
		}
		entries = make([]account.PersonEntry, len(rows))
		for i, r := range rows {
			if entries[i], err = personEntry(ctx, q, r, now); err != nil {
				return err
			}
		}
		return nil
	})
	return entries, err
}

func peoplePage(ctx context.Context, q *queries.Queries, f account.PeopleFilter, p queries.PeopleAfterParams) ([]queries.Person, error) {
	if f.Before == "" {
		return q.PeopleAfter(ctx, p)
	}
	rows, err := q.PeopleBefore(ctx, queries.PeopleBeforeParams{
		BeforeEmail: &f.Before, Role: p.Role, Disabled: p.Disabled, Spelled: p.Spelled, Lowered: p.Lowered, Lim: p.Lim,
	})
	slices.Reverse(rows)
	return rows, err
}

// PersonEntry implements account.Directory.
func (d *DB) PersonEntry(ctx context.Context, id string, now time.Time) (account.PersonEntry, error) {
	var entry account.PersonEntry
	err := d.snapshot(ctx, "read person", func(q *queries.Queries) error {
		row, err := q.PersonByID(ctx, id)
		if err == nil && row.DeletedAt != nil {
			return account.ErrNotFound
		}
		if err != nil {
			return noPerson(err)
		}
		entry, err = personEntry(ctx, q, row, now)
		return err
	})
	return entry, err
}

func personEntry(ctx context.Context, q *queries.Queries, r queries.Person, now time.Time) (account.PersonEntry, error) {
	e := account.PersonEntry{Person: person(r)}
	at, err := q.LastSignIn(ctx, r.ID)
	if err != nil {
		return e, err
	}
	if at != 0 {
		e.SignedInAt = instantOrNil(&at)
	}
	n, err := q.CountLivingGrantsOfPerson(ctx, queries.CountLivingGrantsOfPersonParams{
		PersonID: r.ID, After: orZero(r.GrantsRevokedBefore), Now: micros(now), Lim: account.MaxCountedGrants,
	})
	e.Grants = int(n)
	return e, err
}

// like is the pattern of LIKE for text that has s in it, with ! as its escape character.
func like(s string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s) + "%"
}

func disabled(s account.PersonState) *string {
	switch s {
	case account.PersonActive:
		return new("no")
	case account.PersonDisabled:
		return new("yes")
	}
	return nil
}
