package oauth

import (
	"sync"
	"testing"
	"time"
)

// steppedTime moves only when a test moves it.
type steppedTime struct {
	mu   sync.Mutex
	wall time.Time
	mono time.Duration
}

func newSteppedTime() *steppedTime {
	return &steppedTime{wall: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), mono: time.Hour}
}

func (s *steppedTime) Wall() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wall
}

func (s *steppedTime) Monotonic() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mono
}

// pass moves both times, step the wall clock alone.
func (s *steppedTime) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wall, s.mono = s.wall.Add(d), s.mono+d
}

func (s *steppedTime) step(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wall = s.wall.Add(d)
}

func seconds(n float64) ServiceTime { return ServiceTime(n * 1e6) }

func TestServiceTimeRunsOnlyWhileAWindowIsOpenAndTheServerIsThere(t *testing.T) {
	source := newSteppedTime()
	c, _ := NewClock(source, ClockState{}, 0)
	for _, move := range []struct {
		what string
		do   func()
		want float64 // seconds of service time after it
	}{
		{"no window is open", func() { source.pass(time.Second) }, 0},
		{"a window of 10 s opens", func() { c.openWindow(10 * time.Second) }, 0},
		{"time passes", func() { source.pass(2 * time.Second) }, 2},
		{"the wall clock goes forward", func() { source.step(time.Hour) }, 2},
		{"the wall clock goes back", func() { source.step(-2 * time.Hour) }, 2},
		{"exactly the longest beat", func() { source.pass(3 * time.Second) }, 5},
		{"a freeze", func() { source.pass(time.Minute) }, 5},
		{"another freeze, just long enough", func() { source.pass(3*time.Second + time.Microsecond) }, 5},
		{"time passes again", func() { source.pass(3 * time.Second) }, 8},
		{"it stops where the window ends", func() { source.pass(3 * time.Second) }, 10},
		{"the next window begins there", func() { c.openWindow(time.Second) }, 10},
		{"and ends", func() { source.pass(3 * time.Second) }, 11},
	} {
		move.do()
		if got := c.Now().Service; got != seconds(move.want) {
			t.Fatalf("%s: service time %v, want %vs", move.what, time.Duration(got)*time.Microsecond, move.want)
		}
	}
}

func TestReadingTheClockOftenDoesNotStretchWindows(t *testing.T) {
	source := newSteppedTime()
	c, _ := NewClock(source, ClockState{}, 0)
	c.openWindow(time.Second)

	for range 1_000_000 {
		source.pass(900 * time.Nanosecond)
		c.Now()
	}

	if got := c.Now().Service; got != seconds(0.9) {
		t.Errorf("0.9 s have passed, service time says %v", time.Duration(got)*time.Microsecond)
	}
}

func TestDeadlinesNeverGoBehindTheMark(t *testing.T) { // T47
	source := newSteppedTime()
	c, _ := NewClock(source, ClockState{}, 0)
	source.pass(time.Minute)
	c.beat()
	before := c.Now().Deadline

	source.step(-time.Hour)
	c.beat()

	if now := c.Now(); !now.Deadline.Equal(before) || !now.Wall.Equal(before.Add(-time.Hour)) {
		t.Errorf("deadline %v, wall %v", now.Deadline, now.Wall)
	}
	restarted, _ := NewClock(source, c.state(), 0)
	if !restarted.Now().Deadline.Equal(before) {
		t.Error("a restart forgot the mark")
	}
}

func TestALeapOfTheWallClockDoesNotRaiseTheMark(t *testing.T) { // T46, T47
	source := newSteppedTime()
	c, _ := NewClock(source, ClockState{}, 0)
	start := c.state().Mark

	source.step(6 * time.Minute)
	_, _, step := c.beat()
	if step < 6*time.Minute || !c.state().Mark.Equal(start) {
		t.Fatalf("step %v, mark %v", step, c.state().Mark)
	}
	if _, _, again := c.beat(); again != 0 {
		t.Error("the alarm comes with every beat")
	}
	source.step(-6 * time.Minute)
	source.pass(time.Second)
	c.beat()
	if !c.state().Mark.Equal(start.Add(time.Second)) {
		t.Error("the mark does not follow a clock that was set right again")
	}

	source.step(6 * time.Minute)
	c.beat()
	for range 3601 {
		source.pass(time.Second)
		c.beat()
	}
	if !c.state().Mark.Equal(source.Wall()) {
		t.Error("after an hour the new time is not believed")
	}
}

func TestSmallStepsAreBelieved(t *testing.T) {
	source := newSteppedTime()
	c, _ := NewClock(source, ClockState{}, 0)
	source.step(4 * time.Minute)
	if _, _, step := c.beat(); step != 0 || !c.state().Mark.Equal(source.Wall()) {
		t.Error("NTP raised an alarm")
	}
}

func TestAtStartAClockFarAheadIsNotBelievedAtOnce(t *testing.T) { // T47
	source := newSteppedTime()
	mark := source.Wall().Add(-24 * time.Hour)
	c, ahead := NewClock(source, ClockState{Mark: mark}, 0)
	if ahead != 24*time.Hour {
		t.Error(ahead)
	}
	c.beat()
	if !c.state().Mark.Equal(mark) || !c.trusted().Equal(mark) {
		t.Error("the mark was raised at once")
	}
}
