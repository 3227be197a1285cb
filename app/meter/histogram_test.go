package meter_test

import (
	"sync"
	"testing"
	"time"

	"regrant/app/meter"
)

func TestAValueIsCountedInTheBucketThatItsSizeFits(t *testing.T) {
	h := meter.NewHistogram(1, 10, 100)

	for _, v := range []int64{0, 1, 2, 10, 11, 100, 101, 5000} {
		h.Add(v)
	}

	r := h.Read()
	if r.Count != 8 || r.Sum != 5225 || r.Upto[1] != 2 || r.Upto[10] != 4 || r.Upto[100] != 6 || len(r.Upto) != 3 {
		t.Errorf("%+v", r)
	}
}

func TestNothingIsLostWhenManyCountAtOnce(t *testing.T) {
	h := meter.NewTimes()

	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for i := range 1000 {
				h.AddTime(time.Duration(i) * time.Millisecond)
			}
		})
	}
	wait.Wait()

	r := h.Read()
	if r.Count != 8000 || r.Sum != 8*999*1000/2*int64(time.Millisecond) || r.Upto[int64(500*time.Millisecond)] != 8*501 {
		t.Errorf("%d values, %d in all", r.Count, r.Sum)
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	h := meter.NewTimes()
	if n := testing.AllocsPerRun(1000, func() { h.AddTime(3 * time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAddTime(b *testing.B) {
	h := meter.NewTimes()
	for b.Loop() {
		h.AddTime(3 * time.Millisecond)
	}
}
