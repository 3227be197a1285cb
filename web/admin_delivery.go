package web

import (
	"context"
	"net/http"
	"time"

	"regrant/app/audit"
	"regrant/app/delivery"
	"regrant/app/oauth"
	"regrant/web/view"
)

// How many deliveries, and applications that have some, a page shows.
const (
	deliveriesShown    = 20
	deliveryClientsTop = 5
)

// troubledDeliveries are what the application of a page has not taken.
func (s *Server) troubledDeliveries(ctx context.Context, t *view.Text, clientID string) ([]view.Delivery, error) {
	list, err := s.store.TroubledDeliveries(ctx, clientID, deliveriesShown)
	if err != nil {
		return nil, err
	}
	n := s.names(t)
	rows := make([]view.Delivery, len(list))
	for i, d := range list {
		rows[i] = view.Delivery{At: d.CreatedAt, Kind: deliveryKind(t, d.Kind), URL: d.URL, Attempts: t.Number(d.Attempts), Problem: d.LastError, Next: d.NextAt, Dead: d.DeadAt}
		if d.PersonID == "" {
			continue
		}
		if rows[i].Person, err = n.person(ctx, d.PersonID); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// deliveryKind says by what an application was to be told.
func deliveryKind(t *view.Text, kind delivery.Kind) string {
	if kind == delivery.KindLogout {
		return t.T("admin.clients.delivery.logout")
	}
	return pushTitle(t, kind)
}

func (s *Server) retryDeliveries(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	s.handleDeliveries(w, r, a, c, audit.DeliveryRetried, s.store.RetryDeliveries, "done.deliveries_retried")
}

func (s *Server) discardDeliveries(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client) {
	s.handleDeliveries(w, r, a, c, audit.DeliveryDiscarded, s.store.DiscardDeliveries, "done.deliveries_discarded")
}

func (s *Server) handleDeliveries(w http.ResponseWriter, r *http.Request, a *admin, c *oauth.Client, kind audit.Kind,
	do func(context.Context, string, audit.Event) (int, error), done string) {
	event := audit.Event{At: s.now(), Kind: kind, Origin: s.byAdmin(r, a), ClientID: c.ID, Result: "ok"}
	if _, err := do(r.Context(), c.ID, event); err != nil {
		s.unavailable(w, r, "handle deliveries", err)
		return
	}
	s.done(w, r, clientPath(c.ID), done)
}

// deliveryAttention tells of applications that have not heard of sign-outs.
func (s *Server) deliveryAttention(ctx context.Context, t *view.Text, _ time.Time) ([]view.Attention, error) {
	dead, err := s.store.DeadDeliveries(ctx, deliveryClientsTop)
	if err != nil {
		return nil, err
	}
	n := s.names(t)
	all := make([]view.Attention, len(dead))
	for i, d := range dead {
		client, err := n.client(ctx, d.ClientID)
		if err != nil {
			return nil, err
		}
		all[i] = view.Attention{
			Tone: "warning", Badge: t.T("admin.overview.badge.delivery"), Text: t.N("admin.overview.delivery", d.N, "Name", client.Label),
			Note: t.T("admin.overview.delivery_note"), URL: clientPath(d.ClientID) + "#deliveries", Link: t.T("admin.overview.client"),
		}
	}
	return all, nil
}

var _ delivery.Desk = (Store)(nil)
