package meter

import (
	"sync/atomic"
	"time"
)

// Histogram counts values by their size. It is safe for concurrent use.
type Histogram struct {
	bounds []int64
	counts []atomic.Uint64 // of each bound, and of what is beyond the last
	sum    atomic.Int64
}

// NewHistogram gives a histogram whose buckets end at bounds, each included, which must rise.
func NewHistogram(bounds ...int64) *Histogram {
	for i, bound := range bounds[1:] {
		if bound <= bounds[i] {
			panic("meter.NewHistogram: the bounds do not rise")
		}
	}
	return &Histogram{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

// NewTimes gives a histogram of times from a tenth of a millisecond to ten seconds, in nanoseconds.
func NewTimes() *Histogram {
	const us, ms, s = int64(time.Microsecond), int64(time.Millisecond), int64(time.Second)
	return NewHistogram(100*us, 250*us, 500*us, ms, 2500*us, 5*ms, 10*ms, 25*ms, 50*ms, 100*ms, 250*ms, 500*ms, s, 2500*ms, 5*s, 10*s)
}

// Add counts one value.
func (h *Histogram) Add(value int64) {
	i := 0
	for i < len(h.bounds) && value > h.bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(value)
}

// AddTime counts one time.
func (h *Histogram) AddTime(d time.Duration) { h.Add(int64(d)) }

// Reading is what a histogram holds at one moment.
type Reading struct {
	Count uint64
	Sum   int64
	Upto  map[int64]uint64 // how many values were at most that
}

// Read gives what was counted. Values that are added meanwhile may be in the sum and not yet in the counts, or the other way
// round; the counts agree among themselves.
func (h *Histogram) Read() Reading {
	r := Reading{Sum: h.sum.Load(), Upto: make(map[int64]uint64, len(h.bounds))}
	for i := range h.counts {
		r.Count += h.counts[i].Load()
		if i < len(h.bounds) {
			r.Upto[h.bounds[i]] = r.Count
		}
	}
	return r
}
