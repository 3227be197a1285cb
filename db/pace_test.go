package db

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestABackupRestsForAsLongAsItWorks(t *testing.T) { // F11
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		pace := &restful{ctx, time.Now()}
		rested := func(work time.Duration) (time.Duration, error) {
			time.Sleep(work)
			begun := time.Now()
			err := pace.rest()
			return time.Since(begun), err
		}
		for _, c := range []struct{ work, rest time.Duration }{
			{workSlice / 2, 0}, {workSlice / 2, workSlice}, {2 * workSlice, 2 * workSlice}, {time.Second, longRest}, {workSlice / 2, 0},
		} {
			if got, err := rested(c.work); got != c.rest || err != nil {
				t.Errorf("after %v of work it rests for %v: %v", c.work, got, err)
			}
		}
		cancel()
		if got, err := rested(time.Second); got != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("nobody waits for it any more, and it rests for %v: %v", got, err)
		}
	})
}
