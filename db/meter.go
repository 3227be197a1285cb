package db

import (
	"os"
	"sync/atomic"
	"time"

	"regrant/app/meter"
)

// Meter is what a [DB] has counted of its writing since it was opened, for metrics.
type Meter struct {
	Waits       *meter.Histogram // of a write, from its call until it begins
	Batches     *meter.Histogram // writes that were committed together
	Commits     *meter.Histogram // time that a COMMIT took, most of which is the disk's
	Checkpoints *meter.Histogram // time that one took

	busy, faults atomic.Int64
	checkpoints  [len(checkpointModes)][len(checkpointResults)]atomic.Int64
}

var (
	checkpointModes   = [...]string{"PASSIVE", "RESTART", "TRUNCATE"}
	checkpointResults = [...]string{"done", "busy", "failed"}
)

func newMeter() *Meter {
	return &Meter{
		Waits: meter.NewTimes(), Commits: meter.NewTimes(), Checkpoints: meter.NewTimes(),
		Batches: meter.NewHistogram(1, 2, 4, 8, 16, 32, 64, 128, maxBatch),
	}
}

// Meter gives what the database has counted.
func (d *DB) Meter() *Meter { return d.meter }

// EachFailure calls f with how many writes failed and why: busy is a full queue or too long a wait in it, fault the machine.
func (m *Meter) EachFailure(f func(why string, n int64)) {
	f("busy", m.busy.Load())
	f("fault", m.faults.Load())
}

// EachCheckpoint calls f with the count of every kind of checkpoint and its outcome: done, busy (others were in the way) or
// failed.
func (m *Meter) EachCheckpoint(f func(mode, result string, n int64)) {
	for i, mode := range checkpointModes {
		for j, result := range checkpointResults {
			f(mode, result, m.checkpoints[i][j].Load())
		}
	}
}

// committed counts a transaction of n writes whose COMMIT took that long.
func (m *Meter) committed(n int, took time.Duration) {
	m.Batches.Add(int64(n))
	m.Commits.AddTime(took)
}

func (m *Meter) checkpoint(mode string, took time.Duration, busy bool, err error) {
	result := 0
	switch {
	case err != nil:
		result = 2
	case busy:
		result = 1
	}
	for i, name := range checkpointModes {
		if name == mode {
			m.checkpoints[i][result].Add(1)
		}
	}
	m.Checkpoints.AddTime(took)
}

// Queue gives how many writes wait now, and how many may.
func (d *DB) Queue() (waiting, room int) { return len(d.writer.queue), cap(d.writer.queue) }

// Damaged says whether a damaged page was met, so that nothing is written until a restart.
func (d *DB) Damaged() bool { return d.damaged.Load() }

// Sizes gives the bytes of the database file and of its WAL. One that is not there has none.
func (d *DB) Sizes() (file, wal int64) { return sizeOf(d.path), sizeOf(d.path + "-wal") }

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
