package db

import (
	"context"
	"errors"
	"time"

	"regrant/app/audit"
	"regrant/db/queries"
)

// AuditRetention is how long events are kept by default.
const AuditRetention = 400 * 24 * time.Hour

var errAuditRace = errors.New("two writers appended to the audit log at once")

// audit appends an event to the log, in the transaction of the fact that it reports. Text from outside is made fit for a
// log here, so that no caller can forget it.
func (tx *Tx) audit(ctx context.Context, e audit.Event) error {
	chain, err := tx.AuditChain(ctx)
	if err != nil {
		return err
	}
	e.Seq, e.At = chain.HeadSeq+1, e.At.UTC().Truncate(time.Microsecond)
	e.ActorID, e.IP, e.RequestID = audit.Clean(e.ActorID, 200), audit.Clean(e.IP, 64), audit.Clean(e.RequestID, 100)
	e.UserAgent, e.Detail = audit.Clean(e.UserAgent, 400), audit.Clean(e.Detail, 4000)
	e.Hash = e.Chain(chain.HeadHash)
	if err := tx.InsertAuditEvent(ctx, queries.InsertAuditEventParams{
		Seq: e.Seq, At: micros(e.At), Kind: string(e.Kind), Actor: string(e.Actor), ActorID: e.ActorID, IP: e.IP,
		UserAgent: e.UserAgent, RequestID: e.RequestID, PersonID: e.PersonID, ClientID: e.ClientID, GrantID: e.GrantID,
		Result: e.Result, Detail: e.Detail, Hash: e.Hash,
	}); err != nil {
		return err
	}
	n, err := tx.MoveAuditHead(ctx, e.Hash, chain.HeadSeq)
	if err == nil && n != 1 {
		err = fault("append to the audit log", errAuditRace)
	}
	return err
}

// EventFilter chooses events of the log. Zero values choose all.
type EventFilter struct {
	PersonID, ClientID, GrantID string
	Kind                        audit.Kind
	Since, Until                time.Time // Since is included, Until is not
	Before                      int64     // only events with a smaller Seq, for the next page
}

// Events returns up to limit events, the newest first, however long the search takes.
func (d *DB) Events(ctx context.Context, f EventFilter, limit int) ([]audit.Event, error) {
	q := audit.Query{PersonID: f.PersonID, ClientID: f.ClientID, GrantID: f.GrantID, From: f.Since, To: f.Until, Before: f.Before}
	if f.Kind != "" {
		q.Kinds = []audit.Kind{f.Kind}
	}
	var events []audit.Event
	for {
		page, err := d.ReadAudit(ctx, q, limit-len(events))
		if err != nil {
			return nil, err
		}
		if events = append(events, page.Events...); len(events) >= limit || page.Next == 0 {
			return events, nil
		}
		q.Before = page.Next
	}
}

// SweepAudit removes up to batch events older than before, from the beginning of the log, and says how many. The hash of
// the last one stays behind, so that the rest can still be verified.
func (d *DB) SweepAudit(ctx context.Context, before time.Time, batch int) (int, error) {
	var removed int
	err := d.write(ctx, "sweep the audit log", func(tx *Tx) error {
		removed = 0
		rows, err := tx.AuditEventsFrom(ctx, 0, int32(batch))
		if err != nil {
			return err
		}
		for removed < len(rows) && rows[removed].At < micros(before) {
			removed++
		}
		if removed == 0 {
			return nil
		}
		last := rows[removed-1]
		if _, err := tx.MoveAuditAnchor(ctx, last.Seq, last.Hash); err != nil {
			return err
		}
		_, err = tx.DeleteAuditEventsTo(ctx, last.Seq)
		return err
	})
	return removed, err
}

func auditEvents(rows []queries.AuditEvent) []audit.Event {
	events := make([]audit.Event, len(rows))
	for i, r := range rows {
		events[i] = audit.Event{
			Seq: r.Seq, At: instant(r.At), Kind: audit.Kind(r.Kind),
			Origin: audit.Origin{
				Actor: audit.Actor(r.Actor), ActorID: r.ActorID, IP: r.IP, UserAgent: r.UserAgent, RequestID: r.RequestID,
			},
			PersonID: r.PersonID, ClientID: r.ClientID, GrantID: r.GrantID, Result: r.Result, Detail: r.Detail, Hash: r.Hash,
		}
	}
	return events
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
