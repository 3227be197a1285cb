package oauth

import (
	"sync"
	"time"
)

// TimeSource gives the two times that a machine has. Tests step them apart.
type TimeSource interface {
	// Wall is the time of day in UTC. Operators and NTP may step it.
	Wall() time.Time
	// Monotonic is the time since some moment of this process. It never steps.
	Monotonic() time.Duration
}

// SystemTime reads the machine's clocks.
func SystemTime() TimeSource { return systemTime{time.Now()} }

type systemTime struct{ start time.Time }

func (s systemTime) Wall() time.Time          { return time.Now().Round(0).UTC() }
func (s systemTime) Monotonic() time.Duration { return time.Since(s.start) }

// Bounds of what the clock believes.
const (
	maxClockStep   = 5 * time.Minute // a larger step forward is not believed at once
	clockProbation = time.Hour       // ... but after it has stood so long
	maxBeatGap     = 3 * time.Second // a longer silence is downtime
)

// Instant is one moment, read once a request.
type Instant struct {
	Wall     time.Time   // for what is stored and what tokens say
	Deadline time.Time   // for idle and absolute deadlines: the wall time, but never before the mark
	Service  ServiceTime // for windows
}

// ServiceTime counts microseconds in which the server was there to answer while some window was open. Windows end on
// this axis: it stands still while the server is stopped, dead or frozen, so an outage extends the windows that were
// open when it began, and no other (the outage credit). Steps of the wall clock do not touch it.
type ServiceTime int64

// Add gives the moment d later.
func (s ServiceTime) Add(d time.Duration) ServiceTime { return s + ServiceTime(d.Microseconds()) }

// ClockState is what the store remembers of the clock over a restart.
type ClockState struct {
	Service ServiceTime
	Mark    time.Time // the highest wall time that was believed; zero: none yet
}

// Clock keeps wall time, the mark and service time together.
type Clock struct {
	source TimeSource

	mu          sync.Mutex
	mark        time.Time
	anchorWall  time.Time // wall and monotonic time at the last believed reading
	anchorMono  time.Duration
	doubtSince  time.Duration // monotonic time since which the wall clock is ahead of belief
	doubted     bool
	service     ServiceTime
	serviceMono time.Duration // monotonic time at which service was last moved
	lastEnd     ServiceTime   // the end of the last window
	persisted   ServiceTime
}

// NewClock continues from what the store remembers. ahead says how far the wall clock is beyond the mark: a server that
// was off for so long, or a wrong clock.
func NewClock(source TimeSource, state ClockState, lastEnd ServiceTime) (c *Clock, ahead time.Duration) {
	c = &Clock{source: source, mark: state.Mark, service: state.Service, persisted: state.Service, lastEnd: lastEnd}
	c.anchorWall, c.anchorMono = source.Wall(), source.Monotonic()
	c.serviceMono = c.anchorMono
	if state.Mark.IsZero() {
		c.mark = c.anchorWall
		return c, 0
	}
	if ahead = c.anchorWall.Sub(state.Mark); ahead > maxClockStep {
		c.doubted, c.doubtSince, c.anchorWall = true, c.anchorMono, state.Mark
	}
	return c, max(ahead, 0)
}

// monotonic is the time since some moment of this process.
func (c *Clock) monotonic() time.Duration { return c.source.Monotonic() }

// Now reads the clock.
func (c *Clock) Now() Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall := c.source.Wall()
	c.advance()
	deadline := wall
	if c.mark.After(deadline) {
		deadline = c.mark
	}
	return Instant{Wall: wall, Deadline: deadline, Service: c.service}
}

// advance moves service time. While no window is open it stands still, so that what is persisted stays true without
// writes; after a silence longer than [maxBeatGap] it stands still as well, since nobody was there to answer.
func (c *Clock) advance() {
	// The part of a microsecond that does not count yet is left for the next reading, however many there are.
	passed := (c.source.Monotonic() - c.serviceMono).Truncate(time.Microsecond)
	c.serviceMono += passed
	if c.service < c.lastEnd && passed > 0 && passed <= maxBeatGap {
		c.service = min(c.service.Add(passed), c.lastEnd)
	}
}

// openWindow gives the end of a window that opens now.
func (c *Clock) openWindow(grace time.Duration) ServiceTime {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance()
	end := c.service.Add(grace)
	c.lastEnd = max(c.lastEnd, end)
	return end
}

// beat is called each second. It gives what the store must remember now, if anything, and how far the wall clock has
// just stepped beyond belief, if it has.
func (c *Clock) beat() (state ClockState, save bool, step time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance()
	wall, mono := c.source.Wall(), c.source.Monotonic()
	ahead := wall.Sub(c.anchorWall) - (mono - c.anchorMono)
	switch {
	case c.doubted && mono-c.doubtSince >= clockProbation:
		c.doubted, c.anchorWall, c.anchorMono = false, wall, mono
	case !c.doubted && ahead > maxClockStep && wall.After(c.mark.Add(maxClockStep)):
		c.doubted, c.doubtSince, step = true, mono, ahead
	case c.doubted && ahead <= maxClockStep:
		c.doubted = false // it was set right again
	}
	if !c.doubted {
		c.anchorWall, c.anchorMono = wall, mono
		if wall.After(c.mark) {
			c.mark = wall
		}
	}
	return ClockState{Service: c.service, Mark: c.mark}, c.service != c.persisted, step
}

// state gives what there is to remember.
func (c *Clock) state() ClockState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return ClockState{Service: c.service, Mark: c.mark}
}

// saved notes that the store has remembered state.
func (c *Clock) saved(state ClockState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.persisted = max(c.persisted, state.Service)
}

// idle says whether every window is over and that is remembered.
func (c *Clock) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.service >= c.lastEnd && c.persisted >= c.lastEnd
}

// trusted gives a time that no wrong clock has run ahead of, for what cannot be undone.
func (c *Clock) trusted() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if wall := c.source.Wall(); wall.Before(c.mark) || !c.doubted {
		return wall
	}
	return c.mark
}

// agreed gives the wall time when nothing speaks against it: it is neither ahead of belief nor far behind the mark.
func (c *Clock) agreed() (wall time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall = c.source.Wall()
	return wall, !c.doubted && c.mark.Sub(wall) <= maxClockStep
}
