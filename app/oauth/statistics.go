package oauth

import (
	"context"
	"time"
)

// Statistics reads what was counted. The counters are written behind: they lack the last seconds, and a crash may lose
// them. Lists come oldest first and have no entry where nothing was counted.
type Statistics interface {
	// ServerHours gives the counters of the whole server since that hour. They are kept for [HoursKept].
	ServerHours(ctx context.Context, since Hour) ([]HourCount, error)
	// ClientDays gives the counters of one client since that day, kept for [ClientDaysKept].
	ClientDays(ctx context.Context, clientID string, since Day) ([]ClientDayCount, error)
	// ClientHistograms gives the histograms of one client's refreshes, all days since that one together.
	ClientHistograms(ctx context.Context, clientID string, since Day) (Histograms, error)
	// Figures gives how much there is of everything, each counted up to limit.
	Figures(ctx context.Context, limit int) (Figures, error)
	// OpenBulkRevocations gives up to limit revocations of many grants that are under way, the oldest first.
	OpenBulkRevocations(ctx context.Context, limit int) ([]OpenBulkRevocation, error)
}

// How long the counters are kept.
const (
	HoursKept      = 32 * day
	ClientDaysKept = 90 * day
)

// Hour counts hours since 1970 in UTC.
type Hour int64

// HourOf gives the hour that t lies in.
func HourOf(t time.Time) Hour { return Hour(floorDiv(t.Unix(), 3600)) }

// Start gives the first moment of the hour.
func (h Hour) Start() time.Time { return time.Unix(int64(h)*3600, 0).UTC() }

// Day counts days since 1970 in UTC.
type Day int64

// DayOf gives the day that t lies in.
func DayOf(t time.Time) Day { return Day(floorDiv(t.Unix(), 86400)) }

// Start gives the first moment of the day.
func (d Day) Start() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

func floorDiv(n, by int64) int64 {
	if n < 0 {
		n -= by - 1
	}
	return n / by
}

// Count is what happened to refresh tokens in some time.
type Count struct {
	Rotations int64 // refreshes that were answered and not a replay, of clients without rotation too
	Replays   int64 // of the previous token, absorbed by the window
	Refusals  int64 // of genuine tokens, reuse among them; the same one of the same grant counts once in a while
	Reuses    int64 // proven by an older token, whether the grant was revoked or it was only reported
}

// Plus gives both together.
func (c Count) Plus(o Count) Count {
	return Count{c.Rotations + o.Rotations, c.Replays + o.Replays, c.Refusals + o.Refusals, c.Reuses + o.Reuses}
}

// HourCount is the count of the whole server in an hour.
type HourCount struct {
	Hour
	Count
}

// ClientDayCount is the count of a client in a day.
type ClientDayCount struct {
	Day
	Count
}

// Histograms are what is known of the rhythm of a client.
type Histograms struct {
	Idle   Histogram
	Replay Histogram
}

// Of gives the histogram of a kind, or nil for a kind that is not known.
func (h *Histograms) Of(kind HistogramKind) *Histogram {
	switch kind {
	case HistogramIdle:
		return &h.Idle
	case HistogramReplay:
		return &h.Replay
	}
	return nil
}

// ClientDay is one day of one client.
type ClientDay struct {
	ClientID string
	Day      Day
}

// ClientCount is what is counted of a client in a day, before it is written.
type ClientCount struct {
	Count
	Histograms
}

// Figures says how much there is.
type Figures struct {
	Grants  int // that are neither revoked nor expired
	People  int // that are not deleted
	Clients int // applications; those of APIs are not counted
	Admins  int // that can sign in
}

// OpenBulkRevocation is how far a revocation of many grants has come.
type OpenBulkRevocation struct {
	ID        string
	Revoked   int64
	StartedAt time.Time
}

// addCount counts for the server and the client, and gives the counters of the client and day, or nil when there are too many.
func (b *Behind) addCount(clientID string, at time.Time, add Count) *ClientCount {
	hour := HourOf(at)
	if _, known := b.Hours[hour]; known || len(b.Hours) < maxBehindHours {
		b.Hours[hour] = b.Hours[hour].Plus(add)
	}
	c := b.clientCount(ClientDay{clientID, DayOf(at)})
	if c != nil {
		c.Count = c.Count.Plus(add)
	}
	return c
}

// clientCount gives the counters of a client and day, or nil when there are too many.
func (b *Behind) clientCount(key ClientDay) *ClientCount {
	c, known := b.Clients[key]
	if !known {
		if len(b.Clients) >= maxBehindClients {
			return nil
		}
		c = &ClientCount{}
		b.Clients[key] = c
	}
	return c
}

// addStatistics takes over what another batch has counted.
func (b *Behind) addStatistics(other *Behind) {
	for hour, c := range other.Hours {
		if _, known := b.Hours[hour]; known || len(b.Hours) < maxBehindHours {
			b.Hours[hour] = b.Hours[hour].Plus(c)
		}
	}
	for key, add := range other.Clients {
		if c := b.clientCount(key); c != nil {
			c.Count = c.Count.Plus(add.Count)
			c.Idle.Add(&add.Idle)
			c.Replay.Add(&add.Replay)
		}
	}
}
