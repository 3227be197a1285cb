package db

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/delivery"
	"regrant/db/queries"
)

func TestAddressesAreDueByTheirFirstDelivery(t *testing.T) {
	d, now := openTest(t, Options{}), time.Now()
	due := func(at time.Time, limit int, want ...string) {
		t.Helper()
		got, err := d.DueAddresses(t.Context(), at, limit)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("due are %v, want %v (%v)", got, want, err)
		}
	}
	due(now, 10)

	for url, ages := range map[string][]time.Duration{
		"https://b.test/": {time.Minute, 3 * time.Hour, time.Second}, "https://a.test/": {time.Hour}, "https://c.test/": {2 * time.Hour, -time.Hour}, "https://d.test/": {-time.Minute},
		"https://dead.test/": {5 * time.Hour},
	} {
		for i, age := range ages {
			queue(t, d, delivery.Delivery{Kind: delivery.KindLogout, Body: []byte("{}"), ClientID: fmt.Sprint("client-", i), URL: url, CreatedAt: now.Add(-age)})
		}
	}
	dead, err := d.NextDelivery(t.Context(), "https://dead.test/", now)
	if err != nil || dead == nil {
		t.Fatal(dead, err)
	}
	if err := d.ClaimDelivery(t.Context(), dead.ID, 0, dead.ExpiresAt.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := d.DeliveryFailed(t.Context(), dead.ID, "status 500", now); err != nil {
		t.Fatal(err)
	}

	due(now, 10, "https://b.test/", "https://c.test/", "https://a.test/")
	due(now, 2, "https://b.test/", "https://c.test/")
	due(now.Add(2*time.Minute), 10, "https://b.test/", "https://c.test/", "https://a.test/", "https://d.test/")
	if err := d.PostponeDeliveries(t.Context(), "https://b.test/", now, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	due(now, 10, "https://c.test/", "https://a.test/")
	if got, err := d.DeadDeliveries(t.Context(), 5); err != nil || !slices.Equal(got, []delivery.Dead{{ClientID: "client-0", N: 1}}) {
		t.Errorf("dead are %v (%v)", got, err)
	}
}

// TestWEB65AClientHasSoManyDeliveriesAndNoMore fills the queue of one client.
func TestWEB65AClientHasSoManyDeliveriesAndNoMore(t *testing.T) {
	d, now := openTest(t, Options{}), time.Now()
	err := d.Tell(t.Context(), fmt.Sprintf(`
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO deliveries SELECT 'id-' || i, 'logout', 'full', 'ann', 'https://full.test/out', x'7b7d', 0, i, '', i, i, NULL FROM n`, delivery.MaxWaiting-1))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		queue(t, d, delivery.Delivery{Kind: delivery.KindLogout, Body: []byte("{}"), ClientID: "full", PersonID: "ann", URL: "https://full.test/out", CreatedAt: now})
	}
	queue(t, d, delivery.Delivery{Kind: delivery.KindLogout, Body: []byte("{}"), ClientID: "other", URL: "https://other.test/out", CreatedAt: now})

	for client, want := range map[string]int64{"full": delivery.MaxWaiting, "other": 1} {
		err := d.read(t.Context(), "count", func(q *queries.Queries) error {
			n, err := q.CountDeliveriesOfClient(t.Context(), client, 2*delivery.MaxWaiting)
			if n != want {
				t.Errorf("%s has %d deliveries, want %d", client, n, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	events, err := d.Events(t.Context(), EventFilter{ClientID: "full"}, 10)
	if err != nil || len(events) != 2 || events[0].Kind != audit.DeliveryFailed || events[0].Result != "full" {
		t.Errorf("the log says %v (%v)", events, err)
	}
}

func queue(t *testing.T, d *DB, news delivery.Delivery) {
	t.Helper()
	if err := d.write(t.Context(), "queue", func(tx *Tx) error { return tx.queueDelivery(t.Context(), news) }); err != nil {
		t.Fatal(err)
	}
}
