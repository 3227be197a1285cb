package db

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"time"

	"regrant/app/audit"
	"regrant/app/delivery"
	"regrant/app/oauth"
	"regrant/db/queries"
)

var (
	_ delivery.Store = (*DB)(nil)
	_ delivery.Desk  = (*DB)(nil)
)

// logoutTarget is a client that is to be told of the end of a session.
type logoutTarget struct {
	clientID  string
	sessionID string
	url       string
	oneByOne  bool // it has to be told which session
}

// tellOfSession queues the news that one session ends, before it does.
func (tx *Tx) tellOfSession(ctx context.Context, personID, sessionID string, at time.Time) error {
	rows, err := tx.LogoutTargetsOfSession(ctx, sessionID)
	if err != nil {
		return err
	}
	targets := make([]logoutTarget, len(rows))
	for i, r := range rows {
		targets[i] = logoutTarget{r.ClientID, r.SessionID, textOf(r.BackchannelLogoutURI), true}
	}
	return tx.queueLogouts(ctx, personID, targets, at)
}

// tellOfSessions queues the news that every session but keep ends, before they do. Where none is kept, a client that need not be told
// which is told once that all have ended.
func (tx *Tx) tellOfSessions(ctx context.Context, personID, keep string, at time.Time) error {
	rows, err := tx.LogoutTargetsOfPerson(ctx, personID, keep)
	if err != nil {
		return err
	}
	var targets []logoutTarget
	for _, r := range rows {
		t := logoutTarget{r.ClientID, r.SessionID, textOf(r.BackchannelLogoutURI), r.LogoutSessionRequiredAt != nil}
		if keep == "" && !t.oneByOne {
			t.sessionID = ""
			if n := len(targets); n > 0 && targets[n-1] == t { // rows of one client stand together
				continue
			}
		}
		targets = append(targets, t)
	}
	return tx.queueLogouts(ctx, personID, targets, at)
}

func (tx *Tx) queueLogouts(ctx context.Context, personID string, targets []logoutTarget, at time.Time) error {
	for _, t := range targets {
		body, err := json.Marshal(oauth.EndedSession{PersonID: personID, SessionID: t.sessionID})
		if err != nil {
			return err // unreachable: two texts
		}
		err = tx.queueDelivery(ctx, delivery.Delivery{
			Kind: delivery.KindLogout, ClientID: t.clientID, PersonID: personID, URL: t.url, Body: body, CreatedAt: at,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// queueDelivery adds a delivery that is due at once.
func (tx *Tx) queueDelivery(ctx context.Context, d delivery.Delivery) error {
	return tx.queueDeliveries(ctx, d.ClientID, []delivery.Delivery{d})
}

// queueDeliveries adds deliveries of one client that are due at once, the first ones as far as there is room. Where a client has as many
// as it may, the log says how many are lost.
func (tx *Tx) queueDeliveries(ctx context.Context, clientID string, all []delivery.Delivery) error {
	n, err := tx.CountDeliveriesOfClient(ctx, clientID, delivery.MaxWaiting)
	if err != nil {
		return err
	}
	room := min(delivery.MaxWaiting-int(n), len(all))
	for _, d := range all[:room] {
		err := tx.InsertDelivery(ctx, queries.InsertDeliveryParams{
			ID: rand.Text(), Kind: string(d.Kind), ClientID: d.ClientID, PersonID: d.PersonID, URL: d.URL, Body: d.Body,
			NextAt: micros(d.CreatedAt), CreatedAt: micros(d.CreatedAt), ExpiresAt: micros(d.CreatedAt.Add(delivery.GiveUpAfter)),
		})
		if err != nil {
			return err
		}
	}
	switch lost := all[room:]; len(lost) {
	case 0:
		return nil
	case 1:
		return tx.audit(ctx, deliveryLost(lost[0], "full", lost[0].CreatedAt))
	default:
		first := lost[0]
		first.PersonID = ""
		e := deliveryLost(first, "full", first.CreatedAt)
		e.Detail += " " + audit.Details("lost", strconv.Itoa(len(lost)))
		return tx.audit(ctx, e)
	}
}

// deliveryLost tells the log that nobody tries to bring a delivery any more.
func deliveryLost(d delivery.Delivery, result string, at time.Time) audit.Event {
	host := ""
	if u, err := url.Parse(d.URL); err == nil {
		host = u.Host
	}
	return audit.Event{
		At: stored(at), Kind: audit.DeliveryFailed, Origin: audit.Origin{Actor: audit.ByServer}, PersonID: d.PersonID, ClientID: d.ClientID, Result: result,
		Detail: audit.Details("kind", string(d.Kind), "host", host, "attempts", strconv.Itoa(d.Attempts), "error", d.LastError),
	}
}

// DueAddresses implements [delivery.Store].
func (d *DB) DueAddresses(ctx context.Context, now time.Time, limit int) (urls []string, err error) {
	err = d.read(ctx, "look for deliveries", func(q *queries.Queries) error {
		urls, err = q.DueAddresses(ctx, micros(now), int32(limit))
		return err
	})
	return urls, err
}

// NextDelivery implements [delivery.Store].
func (d *DB) NextDelivery(ctx context.Context, url string, now time.Time) (*delivery.Delivery, error) {
	var next *delivery.Delivery
	err := d.read(ctx, "read a delivery", func(q *queries.Queries) error {
		row, err := q.NextDelivery(ctx, url, micros(now))
		if err == nil {
			found := deliveryOf(row)
			next = &found
		}
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return next, err
}

// ClaimDelivery implements [delivery.Store].
func (d *DB) ClaimDelivery(ctx context.Context, id string, seen int, next time.Time) error {
	return d.write(ctx, "claim a delivery", func(tx *Tx) error {
		n, err := tx.Queries.ClaimDelivery(ctx, queries.ClaimDeliveryParams{ID: id, Seen: int64(seen), NextAt: micros(next)})
		return oneRow(n, err, delivery.ErrMoved)
	})
}

// Delivered implements [delivery.Store].
func (d *DB) Delivered(ctx context.Context, id string) error {
	return d.write(ctx, "remove a delivery", func(tx *Tx) error { return tx.DeleteDelivery(ctx, id) })
}

// DeliveryFailed implements [delivery.Store].
func (d *DB) DeliveryFailed(ctx context.Context, id, why string, now time.Time) error {
	return d.write(ctx, "note a failed delivery", func(tx *Tx) error {
		row, err := tx.NoteDeliveryFailure(ctx, audit.Clean(why, maxDeliveryError), id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // discarded meanwhile
		}
		if err != nil || row.NextAt < row.ExpiresAt {
			return err
		}
		return tx.giveUp(ctx, row, now)
	})
}

const maxDeliveryError = 300 // characters

// giveUp leaves a delivery to an admin.
func (tx *Tx) giveUp(ctx context.Context, row queries.Delivery, now time.Time) error {
	if err := tx.KillDelivery(ctx, microsOrNull(&now), row.ID); err != nil {
		return err
	}
	return tx.audit(ctx, deliveryLost(deliveryOf(row), "gave up", now))
}

// PostponeDeliveries implements [delivery.Store].
func (d *DB) PostponeDeliveries(ctx context.Context, url string, now, next time.Time) error {
	return d.write(ctx, "put off deliveries", func(tx *Tx) error {
		return tx.Queries.PostponeDeliveries(ctx, queries.PostponeDeliveriesParams{URL: url, Now: micros(now), NextAt: micros(next)})
	})
}

// sweepDeliveries gives up what nobody has delivered in time, and removes what was given up long ago.
func (tx *Tx) sweepDeliveries(ctx context.Context, now time.Time, lim int32) (int64, error) {
	over, err := tx.OverdueDeliveries(ctx, micros(now), lim)
	if err != nil {
		return 0, err
	}
	for _, row := range over {
		if err := tx.giveUp(ctx, row, now); err != nil {
			return 0, err
		}
	}
	before := now.Add(-delivery.DeadKept)
	n, err := tx.SweepDeliveries(ctx, microsOrNull(&before), lim)
	return n + int64(len(over)), err
}

// TroubledDeliveries implements [delivery.Desk].
func (d *DB) TroubledDeliveries(ctx context.Context, clientID string, limit int) ([]delivery.Delivery, error) {
	var list []delivery.Delivery
	err := d.read(ctx, "read deliveries", func(q *queries.Queries) error {
		rows, err := q.TroubledDeliveries(ctx, clientID, int32(limit))
		list = make([]delivery.Delivery, len(rows))
		for i, row := range rows {
			list[i] = deliveryOf(row)
		}
		return err
	})
	return list, err
}

// deadCounted is how many of those that were given up are looked at to be counted.
const deadCounted = 10_000

// DeadDeliveries implements [delivery.Desk]: of the last [deadCounted].
func (d *DB) DeadDeliveries(ctx context.Context, limit int) ([]delivery.Dead, error) {
	var list []delivery.Dead
	err := d.read(ctx, "count dead deliveries", func(q *queries.Queries) error {
		rows, err := q.CountDeadDeliveries(ctx, deadCounted, int32(limit))
		list = make([]delivery.Dead, len(rows))
		for i, row := range rows {
			list[i] = delivery.Dead{ClientID: row.ClientID, N: int(row.Dead)}
		}
		return err
	})
	return list, err
}

// RetryDeliveries implements [delivery.Desk].
func (d *DB) RetryDeliveries(ctx context.Context, clientID string, e audit.Event) (int, error) {
	return d.handleDeliveries(ctx, "retry deliveries", e, func(tx *Tx) (int64, error) {
		return tx.Queries.RetryDeliveries(ctx, queries.RetryDeliveriesParams{
			ClientID: clientID, Now: micros(e.At), ExpiresAt: micros(e.At.Add(delivery.GiveUpAfter)),
		})
	})
}

// DiscardDeliveries implements [delivery.Desk].
func (d *DB) DiscardDeliveries(ctx context.Context, clientID string, e audit.Event) (int, error) {
	return d.handleDeliveries(ctx, "discard deliveries", e, func(tx *Tx) (int64, error) { return tx.Queries.DiscardDeliveries(ctx, clientID) })
}

// handleDeliveries does what an admin wants with those that are in trouble, and tells the log of it if there were any.
func (d *DB) handleDeliveries(ctx context.Context, doing string, e audit.Event, do func(*Tx) (int64, error)) (int, error) {
	var n int64
	err := d.write(ctx, doing, func(tx *Tx) (err error) {
		if n, err = do(tx); err != nil || n == 0 {
			return err
		}
		e := e
		e.Detail = audit.Details("deliveries", strconv.FormatInt(n, 10))
		return tx.audit(ctx, e)
	})
	return int(n), err
}

func deliveryOf(r queries.Delivery) delivery.Delivery {
	return delivery.Delivery{
		ID: r.ID, Kind: delivery.Kind(r.Kind), ClientID: r.ClientID, PersonID: r.PersonID, URL: r.URL, Body: r.Body, Attempts: int(r.Attempts),
		NextAt: instant(r.NextAt), LastError: r.LastError, CreatedAt: instant(r.CreatedAt), ExpiresAt: instant(r.ExpiresAt), DeadAt: instantOrNil(r.DeadAt),
	}
}
