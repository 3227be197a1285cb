package oauth

import (
	"math"
	"time"
)

// HistogramKind says what a histogram counts.
type HistogramKind string

// The kinds of histograms.
const (
	// HistogramIdle: at each successful refresh, how long the grant had rested since its last use.
	HistogramIdle HistogramKind = "idle"
	// HistogramReplay: how long after its rotation the previous token came again, whether it was absorbed or too late.
	HistogramReplay HistogramKind = "replay"
)

// histogramBuckets is how many buckets a histogram has: one for each bound, and one for all beyond the last.
const histogramBuckets = 14

// The upper bounds of the buckets, each exclusive. They are written to the database by their places, so a list is never
// changed, only followed by a kind with another name.
var (
	idleBounds = [histogramBuckets - 1]time.Duration{
		time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, day, 3 * day, 7 * day, 14 * day, 30 * day, 60 * day,
		90 * day, 180 * day,
	}
	replayBounds = [histogramBuckets - 1]time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 20 * time.Second, 30 * time.Second,
		45 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, time.Hour,
	}
)

const day = 24 * time.Hour

// Histogram counts durations in fixed buckets. The zero value is empty and useful.
type Histogram [histogramBuckets]int64

// bucketOf gives the place of d. Time that went back counts as none.
func bucketOf(bounds *[histogramBuckets - 1]time.Duration, d time.Duration) int {
	for i, bound := range bounds {
		if d < bound {
			return i
		}
	}
	return histogramBuckets - 1
}

// Total gives how many durations were counted.
func (h *Histogram) Total() int64 {
	var n int64
	for _, c := range h {
		n += c
	}
	return n
}

// Add counts another histogram of the same kind along.
func (h *Histogram) Add(other *Histogram) {
	for i, c := range other {
		h[i] += c
	}
}

// between estimates how many durations were at least from and less than to, and says whether that had to cut a bucket in
// parts. Inside a bucket they are taken to lie evenly; the last one has no end, so a limit inside it leaves it whole on
// the far side.
func (h *Histogram) between(bounds *[histogramBuckets - 1]time.Duration, from, to time.Duration) (n int64, exact bool) {
	sum, exact := 0.0, true
	low := time.Duration(0)
	for i, count := range h {
		high := time.Duration(math.MaxInt64)
		if i < len(bounds) {
			high = bounds[i]
		}
		switch first, last := max(low, from), min(high, to); {
		case count == 0 || first >= last:
		case first == low && last == high:
			sum += float64(count)
		case i == len(bounds):
			exact = false
			if last == high {
				sum += float64(count)
			}
		default:
			exact = false
			sum += float64(count) * float64(last-first) / float64(high-low)
		}
		low = high
	}
	return int64(math.Round(sum)), exact
}
