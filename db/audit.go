package db

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
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

// Events returns up to limit events, the newest first.
func (d *DB) Events(ctx context.Context, f EventFilter, limit int) ([]audit.Event, error) {
	p := queries.AuditEventsParams{
		BeforeSeq: f.Before, PersonID: orNull(f.PersonID), ClientID: orNull(f.ClientID), GrantID: orNull(f.GrantID),
		Kind: orNull(string(f.Kind)), Since: math.MinInt64, Until: math.MaxInt64, Lim: int32(limit),
	}
	if f.Before == 0 {
		p.BeforeSeq = math.MaxInt64
	}
	if !f.Since.IsZero() {
		p.Since = micros(f.Since)
	}
	if !f.Until.IsZero() {
		p.Until = micros(f.Until)
	}
	var events []audit.Event
	err := d.read(ctx, "read the audit log", func(q *queries.Queries) error {
		rows, err := q.AuditEvents(ctx, p)
		events = auditEvents(rows)
		return err
	})
	return events, err
}

// VerifyAudit walks along the whole log and returns how many events it holds. A log that was changed, or cut at either
// end, is [audit.ErrBroken] with the place. It reads in batches, so it holds up neither writers nor checkpoints.
func (d *DB) VerifyAudit(ctx context.Context) (events int64, err error) {
	var seq int64
	var hash []byte
	begun := false
	for {
		chain, batch, err := d.auditBatch(ctx, seq)
		if err != nil {
			return events, err
		}
		if begun && chain.AnchorSeq > seq { // retention has overtaken us
			begun, seq, events = false, 0, 0
			continue
		}
		if !begun {
			begun, seq, hash = true, chain.AnchorSeq, chain.AnchorHash
		}
		if len(batch) == 0 {
			if chain.HeadSeq != seq || !bytes.Equal(chain.HeadHash, hash) {
				return events, fmt.Errorf("%w: it ends at event %d, not at %d", audit.ErrBroken, seq, chain.HeadSeq)
			}
			return events, nil
		}
		if batch[0].Seq != seq+1 {
			return events, fmt.Errorf("%w: event %d is missing", audit.ErrBroken, seq+1)
		}
		if hash, err = audit.Verify(hash, batch); err != nil {
			return events, err
		}
		seq, events = batch[len(batch)-1].Seq, events+int64(len(batch))
	}
}

// auditBatch returns the events after that one, or from the beginning of the log for 0, and both ends of the chain, from
// one snapshot.
func (d *DB) auditBatch(ctx context.Context, after int64) (chain queries.AuditChainRow, events []audit.Event, err error) {
	err = d.snapshot(ctx, "verify the audit log", func(q *queries.Queries) error {
		var err error
		if chain, err = q.AuditChain(ctx); err != nil {
			return err
		}
		rows, err := q.AuditEventsFrom(ctx, after, 1000)
		events = auditEvents(rows)
		return err
	})
	return chain, events, err
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
