package main

import (
	"context"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"regrant/app/backup"
	"regrant/app/delivery"
	"regrant/app/meter"
	"regrant/app/oauth"
	"regrant/db"
	"regrant/web"
)

// The metrics, named as Prometheus wants it. A name or label that is released stays; assets/docs has a table of them, and the
// dashboard and the alerts beside it are made of them.
var (
	metricBuild = gauge("build_info", "The version that runs; the value is always 1.", "version")

	metricRequests  = counter("requests_total", "Requests answered.", "endpoint", "status")
	metricLatency   = histogram("request_duration_seconds", "Time from the first look at a request to the end of its answer.", "endpoint")
	metricInFlight  = gauge("requests_in_flight", "Requests that are being answered.")
	metricRefusals  = counter("refusals_total", "Errors told to programs, at any endpoint.", "error")
	metricConnected = gauge("connections", "Open connections.")
	metricTurnedOff = counter("connections_refused_total", "Connections closed at once because their address had its share of them.")

	metricGrants     = counter("grants_total", "Answers to token requests, by what became of them.", "grant_type", "result", "reason")
	metricReuse      = counter("refresh_token_reuse_total", "Refresh tokens presented again after their time, by what it looks like and what was done.", "class", "action")
	metricSweeps     = counter("sweeps_total", "Runs of the sweeper, which removes what is over.", "result")
	metricSwept      = counter("sweep_rows_total", "Rows that the sweeper has removed or brought up to date.")
	metricSweepTime  = histogram("sweep_duration_seconds", "Time that a run of the sweeper took.")
	metricBackground = counter("background_failures_total", "Work in the background that failed; it is tried again in its rhythm.", "work")

	metricQueue       = gauge("write_queue_length", "Writes that wait for the writer.")
	metricQueueRoom   = gauge("write_queue_capacity", "Writes that may wait; more are answered with 503.")
	metricWait        = histogram("write_wait_seconds", "Time that a write waited until it began.")
	metricWriteFailed = counter("write_failures_total", "Writes that failed: busy is a full queue, fault the disk or the file.", "reason")
	metricBatch       = histogram("commit_writes", "Writes that were committed in one transaction.")
	metricCommit      = histogram("commit_duration_seconds", "Time until a transaction was safe on the disk.")
	metricCheckpoints = counter("checkpoints_total", "Copies of the write-ahead log into the database; busy: a reader or writer was in the way.", "mode", "result")
	metricCheckpoint  = histogram("checkpoint_duration_seconds", "Time that a checkpoint took.")
	metricFile        = gauge("database_bytes", "Size of the database file.")
	metricWAL         = gauge("wal_bytes", "Size of the write-ahead log.")
	metricDamaged     = gauge("database_damaged", "1 after a damaged page was met: nothing is written until a restart.")

	metricActiveGrants = gauge("active_grants", "Sign-ins of applications that are neither over nor revoked, counted up to "+strconv.Itoa(countedUpTo)+".")
	metricSessions     = gauge("browser_sessions", "Browsers that are signed in, counted up to "+strconv.Itoa(countedUpTo)+".")

	metricDeliveries = counter("delivery_attempts_total", "Attempts to tell an application something, at an address that it registered.", "result")
	metricGivenUp    = gauge("deliveries_given_up", "What applications did not take for a day and admins have not seen to yet, counted up to 10000.")

	metricBackupAt      = gauge("backup_last_success_timestamp_seconds", "Of when the state is that the last backup holds; absent where there is none.")
	metricBackupTook    = gauge("backup_last_duration_seconds", "Time that the last backup took, its verification included.")
	metricBackupBytes   = gauge("backup_last_bytes", "Size of the last backup.")
	metricBackupFailed  = gauge("backup_last_failed", "1 while the last attempt at a backup is one that failed.")
	metricBackupOverdue = gauge("backup_overdue", "1 when a backup should have been made and was not; 0 where they are made elsewhere.")

	metricCertificate = gauge("certificate_expiry_timestamp_seconds", "When the TLS certificate ends; absent without TLS.")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("regrant_"+name, help, labels, nil)
}

// metric is a number and its kind.
type metric struct {
	*prometheus.Desc
	kind prometheus.ValueType
}

func counter(name, help string, labels ...string) metric {
	return metric{describe(name, help, labels...), prometheus.CounterValue}
}

func gauge(name, help string, labels ...string) metric {
	return metric{describe(name, help, labels...), prometheus.GaugeValue}
}

func histogram(name, help string, labels ...string) *prometheus.Desc {
	return describe(name, help, labels...)
}

// report tells Prometheus of metrics.
type report chan<- prometheus.Metric

func (r report) number(m metric, value float64, labels ...string) {
	r <- prometheus.MustNewConstMetric(m.Desc, m.kind, value, labels...)
}

// times tells of a histogram of nanoseconds, in seconds.
func (r report) times(d *prometheus.Desc, read meter.Reading, labels ...string) {
	r.sizes(d, read, float64(time.Second), labels...)
}

func (r report) sizes(d *prometheus.Desc, read meter.Reading, unit float64, labels ...string) {
	buckets := make(map[float64]uint64, len(read.Upto))
	for bound, n := range read.Upto {
		buckets[float64(bound)/unit] = n
	}
	r <- prometheus.MustNewConstHistogram(d, read.Count, float64(read.Sum)/unit, buckets, labels...)
}

// watched is all that is counted in a running server. It implements [prometheus.Collector].
type watched struct {
	web         *web.Counters
	engine      *oauth.Tally
	store       *db.DB
	courier     *delivery.Courier
	crowd       *crowd
	certificate *certificate // nil: no TLS
	now         func() time.Time

	backups web.Backups

	mu   sync.Mutex
	seen seen
}

// Describe implements [prometheus.Collector]: the metrics are as many as the labels that occur.
func (*watched) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (w *watched) Collect(ch chan<- prometheus.Metric) {
	r := report(ch)
	r.number(metricBuild, 1, thisVersion().Version)
	w.collectRequests(r)
	w.collectGrants(r)
	w.collectStore(r)
	taken, failed := w.courier.Attempts()
	r.number(metricDeliveries, float64(taken), "taken")
	r.number(metricDeliveries, float64(failed), "failed")
	w.collectSeen(r)
	if w.certificate != nil {
		r.number(metricCertificate, float64(w.certificate.current.Load().Leaf.NotAfter.Unix()))
	}
}

func (w *watched) collectRequests(r report) {
	w.web.EachAnswer(func(endpoint string, status int, n int64) {
		r.number(metricRequests, float64(n), endpoint, strconv.Itoa(status))
	})
	w.web.EachTime(func(endpoint string, took meter.Reading) { r.times(metricLatency, took, endpoint) })
	w.web.EachRefusal(func(code oauth.Code, n int64) { r.number(metricRefusals, float64(n), string(code)) })
	r.number(metricInFlight, float64(w.web.InFlight()))
	r.number(metricConnected, float64(w.crowd.total.Load()))
	r.number(metricTurnedOff, float64(w.crowd.refused.Load()))
}

func (w *watched) collectGrants(r report) {
	w.engine.EachGrant(func(grantType, result, reason string, n int64) {
		r.number(metricGrants, float64(n), grantType, result, reason)
	})
	w.engine.EachReuse(func(class oauth.ReuseClass, action string, n int64) {
		r.number(metricReuse, float64(n), string(class), action)
	})
	w.engine.EachFailure(func(work string, n int64) {
		r.number(metricBackground, float64(n), strings.ReplaceAll(work, " ", "_"))
	})
	rows, took := w.engine.Sweeps(func(result string, n int64) { r.number(metricSweeps, float64(n), result) })
	r.number(metricSwept, float64(rows))
	r.times(metricSweepTime, took)
}

func (w *watched) collectStore(r report) {
	m := w.store.Meter()
	waiting, room := w.store.Queue()
	r.number(metricQueue, float64(waiting))
	r.number(metricQueueRoom, float64(room))
	r.times(metricWait, m.Waits.Read())
	m.EachFailure(func(why string, n int64) { r.number(metricWriteFailed, float64(n), why) })
	r.sizes(metricBatch, m.Batches.Read(), 1)
	r.times(metricCommit, m.Commits.Read())
	m.EachCheckpoint(func(mode, result string, n int64) {
		r.number(metricCheckpoints, float64(n), strings.ToLower(mode), result)
	})
	r.times(metricCheckpoint, m.Checkpoints.Read())
	file, wal := w.store.Sizes()
	r.number(metricFile, float64(file))
	r.number(metricWAL, float64(wal))
	r.number(metricDamaged, oneIf(w.store.Damaged()))
}

// What looking may cost: each count walks an index, no further than this, and what was seen is good for a while.
const (
	countedUpTo = 100_000
	seenFor     = 30 * time.Second
	lookTime    = time.Second
)

// seen is what only the database knows.
type seen struct {
	at               time.Time
	grants, sessions int64
	backups          backup.Record
	overdue          bool // a backup should have been made
	givenUp          int  // deliveries
}

// collectSeen tells what is signed in and backed up. Where it cannot be read it is left out: no number is better than a wrong one.
func (w *watched) collectSeen(r report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := w.now(); w.seen.at.IsZero() || now.Sub(w.seen.at) >= seenFor || now.Before(w.seen.at) {
		s, err := w.look(now)
		if err != nil {
			return
		}
		w.seen = s
	}
	r.number(metricActiveGrants, float64(w.seen.grants))
	r.number(metricSessions, float64(w.seen.sessions))
	r.number(metricGivenUp, float64(w.seen.givenUp))
	r.number(metricBackupOverdue, oneIf(w.seen.overdue))
	r.number(metricBackupFailed, oneIf(w.seen.backups.Failed != nil))
	if last := w.seen.backups.Last; last != nil {
		r.number(metricBackupAt, float64(last.At.UnixMilli())/1000)
		r.number(metricBackupTook, last.Took.Seconds())
		r.number(metricBackupBytes, float64(last.Bytes))
	}
}

func (w *watched) look(now time.Time) (s seen, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	s.at = now
	if s.grants, s.sessions, err = w.store.Alive(ctx, now, countedUpTo); err != nil {
		return s, err
	}
	if s.backups, err = w.store.BackupRecord(ctx); err != nil {
		return s, err
	}
	dead, err := w.store.DeadDeliveries(ctx, math.MaxInt32)
	if err != nil {
		return s, err
	}
	for _, d := range dead {
		s.givenUp += d.N
	}
	since, err := w.store.FirstEvent(ctx)
	s.overdue = !w.backups.Elsewhere && s.backups.Overdue(w.backups.Schedule.Every, since, now)
	return s, err
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
