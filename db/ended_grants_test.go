package db

import (
	"encoding/json"
	"fmt"
	"testing"

	"regrant/app/audit"
	"regrant/app/delivery"
	"regrant/app/oauth"
)

// ends are what waits to be told of the end of grants, by kind, and for how many different grants.
func ends(t *testing.T, d *DB) (webhooks, events int, told []oauth.EndedGrants) {
	t.Helper()
	for i := range seedClients {
		for {
			next, err := d.NextDelivery(t.Context(), fmt.Sprintf("https://%d.test/hook", i), seedTime)
			if err != nil {
				t.Fatal(err)
			}
			if next == nil {
				next, err = d.NextDelivery(t.Context(), fmt.Sprintf("https://%d.test/event", i), seedTime)
			}
			if err != nil || next == nil {
				break
			}
			var e oauth.EndedGrants
			if err := json.Unmarshal(next.Body, &e); err != nil || next.PersonID != e.PersonID || next.ClientID != fmt.Sprintf("client-%d", i) {
				t.Fatal(err, next)
			}
			if next.Kind == delivery.KindWebhook {
				webhooks++
				told = append(told, e)
			} else {
				events++
			}
			if err := d.Delivered(t.Context(), next.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	return webhooks, events, told
}

func TestTheEndOfManyGrantsIsToldOnceForEachPersonOrClientAndARevocationOfManyOneByOne(t *testing.T) {
	t.Parallel()
	d := seeded(t, 400)
	tell := func(statement string) {
		t.Helper()
		if err := d.Tell(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	tell("UPDATE clients SET webhook_url = 'https://' || SUBSTR(id, 8) || '.test/hook' WHERE id <> 'client-1'")
	tell("UPDATE clients SET security_event_url = 'https://' || SUBSTR(id, 8) || '.test/event' WHERE id = 'client-0'")
	event := audit.Event{At: seedTime, Kind: audit.GrantRevoked, Origin: audit.Origin{Actor: audit.ByAdmin}, Result: "admin"}
	clients, grants := map[string]bool{}, 0
	for _, g := range everyGrant(t, d, oauth.GrantQuery{State: oauth.GrantOpen, PersonID: "person-3"}) {
		if grants++; g.ClientID != "client-1" {
			clients[g.ClientID] = true
		}
	}
	if len(clients) == 0 || grants <= len(clients) {
		t.Fatalf("the person has %d grants at %d clients: too few to tell anything", grants, len(clients))
	}

	if n, err := d.RevokeGrantsOf(t.Context(), "person-3", "", oauth.RevokedAdmin, seedTime, event); err != nil || n < grants { // it counts those that time has ended, too
		t.Fatalf("%d of %d, %v", n, grants, err)
	}
	hooks, events, told := ends(t, d)
	if hooks != len(clients) || (events == 1) != clients["client-0"] {
		t.Errorf("%d webhooks and %d events for a person at %d clients", hooks, events, len(clients))
	}
	for _, e := range told {
		if e.GrantID != "" || e.PersonID != "person-3" || e.Until == nil || !e.At.Equal(seedTime) {
			t.Errorf("told %+v", e)
		}
	}

	if n, err := d.RevokeGrantsOf(t.Context(), "", "client-0", oauth.RevokedAdmin, seedTime, event); err != nil || n < 20 {
		t.Fatalf("%d, %v", n, err)
	}
	if hooks, events, told := ends(t, d); hooks != 1 || events != 1 || told[0].GrantID != "" || told[0].PersonID != "" || told[0].Until == nil {
		t.Errorf("%d webhooks and %d events for a client: %+v", hooks, events, told)
	}
	for {
		if n, err := d.Sweep(t.Context(), seedTime, 200); err != nil || n == 0 {
			break
		}
	}
	if hooks, events, _ := ends(t, d); hooks+events != 0 {
		t.Errorf("%d webhooks and %d events for rows that follow", hooks, events)
	}

	left := map[string]bool{}
	for _, g := range everyGrant(t, d, oauth.GrantQuery{State: oauth.GrantOpen}) {
		if g.ClientID != "client-1" {
			left[g.ID] = true
		}
	}
	startBulk(t, d, "bulk", oauth.BulkChoice{})
	followBulk(t, d)
	_, events, told = ends(t, d)
	if len(told) != len(left) || events != 0 {
		t.Errorf("%d webhooks and %d events for %d grants", len(told), events, len(left))
	}
	for _, e := range told {
		if !left[e.GrantID] || e.Reason != oauth.RevokedAdmin {
			t.Errorf("told %+v", e)
		}
	}
}
