package db

import (
	"context"
	"errors"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// How long things are kept after they have ended.
const (
	codeKept      = time.Hour           // so that a replay is recognised
	revokedKept   = 24 * time.Hour      // so that a wall clock that goes back revives no revoked token
	tombstoneKept = 30 * 24 * time.Hour // so that a dead token is told from a strange one
	dayKept       = 400                 // days

	registrationKept = 2 * 24 * time.Hour // twice as long as it counts against its address
)

// Sweep implements [oauth.Store]; it sweeps sessions, counters, the audit log, and erased keys from the WAL too. Each kind of
// thing has a transaction of its own and loses at most batch rows of it; zero says that nothing is left to do. The work is found
// by indexes, so a sweep that finds none costs next to nothing.
func (d *DB) Sweep(ctx context.Context, now time.Time, batch int) (int, error) {
	if batch <= 0 {
		panic("db.Sweep: batch is not positive")
	}
	n, err := d.sweepTables(ctx, now, batch)
	return n, errors.Join(err, d.emptyWAL(ctx, false))
}

func (d *DB) sweepTables(ctx context.Context, now time.Time, batch int) (int, error) {
	lim := int32(batch)
	var total int
	for _, sweep := range []struct {
		what string
		rows func(*Tx) (int64, error)
	}{
		{"follow revocations", func(tx *Tx) (int64, error) { return tx.followRevocation(ctx, lim) }},
		{"follow losses of access", func(tx *Tx) (int64, error) { return tx.followAccessLoss(ctx, lim) }},
		{"sweep authorization requests", func(tx *Tx) (int64, error) { return tx.SweepAuthorizationRequests(ctx, micros(now), lim) }},
		{"sweep pushed requests", func(tx *Tx) (int64, error) { return tx.SweepPushedRequests(ctx, micros(now), lim) }},
		{"sweep device authorizations", func(tx *Tx) (int64, error) {
			return tx.SweepDeviceAuthorizations(ctx, micros(now.Add(-codeKept)), lim) // until then the device hears why
		}},
		{"sweep codes", func(tx *Tx) (int64, error) { return tx.SweepCodes(ctx, micros(now.Add(-codeKept)), lim) }},
		{"sweep revoked access tokens", func(tx *Tx) (int64, error) {
			return tx.SweepRevokedAccessTokens(ctx, micros(now.Add(-revokedKept)), lim)
		}},
		{"sweep client assertions", func(tx *Tx) (int64, error) { return tx.SweepClientAssertions(ctx, micros(now), lim) }},
		{"sweep grants", func(tx *Tx) (int64, error) { return tx.sweepTombstones(ctx, now.Add(-tombstoneKept), lim) }},
		{"sweep revocations of many", func(tx *Tx) (int64, error) {
			before := now.Add(-tombstoneKept)
			return tx.SweepBulkRevocations(ctx, microsOrNull(&before), lim)
		}},
		{"sweep counters of grants", func(tx *Tx) (int64, error) { return tx.SweepGrantDays(ctx, now.Unix()/86400-dayKept, lim) }},
		{"sweep hours", func(tx *Tx) (int64, error) {
			return tx.SweepHours(ctx, int64(oauth.HourOf(now.Add(-oauth.HoursKept))), lim)
		}},
		{"sweep counters of clients", func(tx *Tx) (int64, error) {
			return tx.SweepClientDays(ctx, int64(oauth.DayOf(now.Add(-oauth.ClientDaysKept))), lim)
		}},
		{"sweep histograms", func(tx *Tx) (int64, error) {
			return tx.SweepClientHistograms(ctx, int64(oauth.DayOf(now.Add(-oauth.ClientDaysKept))), lim)
		}},
		{"sweep mails", func(tx *Tx) (int64, error) { return tx.sweepMails(ctx, now, lim) }},
		{"sweep counts of mails", func(tx *Tx) (int64, error) {
			return tx.SweepMailCounts(ctx, now.Unix()/3600-mailCountsKept, lim)
		}},
		{"sweep deliveries", func(tx *Tx) (int64, error) { return tx.sweepDeliveries(ctx, now, lim) }},
		{"sweep registrations", func(tx *Tx) (int64, error) {
			return tx.SweepRegistrations(ctx, micros(now.Add(-registrationKept)), lim)
		}},
		{"sweep initial access tokens", func(tx *Tx) (int64, error) { return tx.SweepInitialTokens(ctx, micros(now.Add(-tombstoneKept)), lim) }},
		{"sweep keys", func(tx *Tx) (int64, error) { return tx.sweepKeys(ctx, now) }},
	} {
		var n int64
		err := d.write(ctx, sweep.what, func(tx *Tx) (err error) {
			n, err = sweep.rows(tx)
			return err
		})
		if err != nil {
			return total, err
		}
		total += int(n)
	}
	for _, sweep := range []func() (int, error){
		func() (int, error) { return d.sweepRefusals(ctx, now, batch) },
		func() (int, error) { return d.expireGrants(ctx, now, batch) },
		func() (int, error) { return d.sweepUnusedClients(ctx, now, batch) }, // when it is known which grants have ended
		func() (int, error) { return d.SweepPeople(ctx, now, batch) },
		func() (int, error) { return d.SweepAudit(ctx, now.Add(-AuditRetention), batch) },
	} {
		n, err := sweep()
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

// sweepTombstones deletes grants that ended before that, each with all that hangs on it.
func (tx *Tx) sweepTombstones(ctx context.Context, before time.Time, lim int32) (int64, error) {
	ids, err := tx.RevokedTombstones(ctx, microsOrNull(&before), lim)
	if err != nil {
		return 0, err
	}
	if left := lim - int32(len(ids)); left > 0 {
		expired, err := tx.ExpiredTombstones(ctx, micros(before), left)
		if err != nil {
			return 0, err
		}
		ids = append(ids, expired...)
	}
	for _, id := range ids {
		for _, remove := range []func(context.Context, string) (int64, error){
			tx.DeleteRefreshTokenOfGrant, tx.DeleteDaysOfGrant, tx.DeleteMomentsOfGrant, tx.DeleteGrant,
		} {
			if _, err := remove(ctx, id); err != nil {
				return 0, err
			}
		}
	}
	return int64(len(ids)), nil
}

// sweepKeys deletes keys that have ended. The end of a key is something that an admin must be able to see.
func (tx *Tx) sweepKeys(ctx context.Context, now time.Time) (int64, error) {
	ended, err := tx.DeleteEndedKeys(ctx, microsOrNull(&now))
	if err != nil {
		return 0, err
	}
	for _, k := range ended {
		err := tx.audit(ctx, audit.Event{
			At: now, Kind: audit.KeyDeleted, Origin: audit.Origin{Actor: audit.ByServer}, Result: "ok",
			Detail: audit.Details("kid", k.ID, "use", k.Use, "alg", k.Algorithm),
		})
		if err != nil {
			return 0, err
		}
	}
	return int64(len(ended)), nil
}

var _ oauth.Store = (*DB)(nil)
