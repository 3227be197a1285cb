package db

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"regrant/app/audit"
	"regrant/db/queries"
)

// VerifyAudit walks along the whole log and returns how many events it holds. A log that was changed, or cut at either
// end, is [audit.ErrBroken] with the place.
func (d *DB) VerifyAudit(ctx context.Context) (events int64, err error) {
	check, err := d.CheckAudit(ctx)
	if err == nil && check.Cut {
		err = fault("verify the audit log", ctx.Err())
	}
	return check.Events, err
}

// CheckAudit implements [audit.Reader]. It reads in batches, so it holds up neither writers nor checkpoints.
func (d *DB) CheckAudit(ctx context.Context) (audit.Check, error) {
	var check audit.Check
	begun := false
	for {
		chain, batch, err := d.auditBatch(ctx, check.Last)
		if ctx.Err() != nil {
			check.Cut = true
			return check, nil
		}
		if err != nil {
			return check, err
		}
		if begun && chain.AnchorSeq > check.Last { // retention has overtaken us
			check, begun = audit.Check{}, false
			continue
		}
		if !begun {
			begun, check.Last, check.Hash = true, chain.AnchorSeq, chain.AnchorHash
		}
		broken := func(err error) (audit.Check, error) {
			var at *audit.BrokenError
			if errors.As(err, &at) {
				check.Broken, check.Why = at.Seq, "changed"
				if at.Missing {
					check.Why = "missing"
				}
			}
			return check, err
		}
		if len(batch) == 0 {
			switch {
			case chain.HeadSeq != check.Last:
				return broken(&audit.BrokenError{Seq: check.Last + 1, Missing: true})
			case !bytes.Equal(chain.HeadHash, check.Hash):
				return broken(&audit.BrokenError{Seq: check.Last})
			}
			return check, nil
		}
		if batch[0].Seq != check.Last+1 {
			return broken(&audit.BrokenError{Seq: check.Last + 1, Missing: true})
		}
		hash, err := audit.Verify(check.Hash, batch)
		if err != nil {
			return broken(err)
		}
		last := batch[len(batch)-1]
		if check.Events == 0 {
			check.First, check.From = batch[0].Seq, batch[0].At
		}
		check.Hash, check.Last, check.To, check.Events = hash, last.Seq, last.At, check.Events+int64(len(batch))
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

// auditCheckSetting is the name of the setting that holds the last check.
const auditCheckSetting = "audit_check"

// SaveAuditCheck implements [audit.Reader].
func (d *DB) SaveAuditCheck(ctx context.Context, c audit.Check, event audit.Event) error {
	value, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return d.write(ctx, "remember a check of the audit log", func(tx *Tx) error {
		if err := tx.PutSetting(ctx, auditCheckSetting, value); err != nil {
			return err
		}
		return tx.audit(ctx, event)
	})
}

// LastAuditCheck implements [audit.Reader].
func (d *DB) LastAuditCheck(ctx context.Context) (audit.Check, error) {
	var c audit.Check
	value, found, err := d.Setting(ctx, auditCheckSetting)
	switch {
	case err != nil:
		return c, err
	case !found:
		return c, audit.ErrNotFound
	}
	if err := json.Unmarshal(value, &c); err != nil {
		return c, fault("read the last check of the audit log", err)
	}
	return c, nil
}
