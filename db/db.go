package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Options of Open. A zero field means the default in brackets.
type Options struct {
	Server    bool       // this process is the one server of the file: it holds the server lock from Open to Close
	MasterKey *MasterKey // opens and seals the keys; nil: none, which is right while they are not sealed

	QueueLength int           // writes that may wait for the writer; more get ErrBusy [1024]
	QueueWait   time.Duration // longest wait of a write until it begins; then it gets ErrBusy [900ms]
	BusyTimeout time.Duration // longest wait for another process that writes to the file [5s]
	ReadTimeout time.Duration // longest time for one read [5s]
	Readers     int           // read-only connections, opened as needed [8]

	Trace func(statement string) // is told of each statement before it runs, by several goroutines; for tests of what is done [nobody]

	throwAway bool // the file is a copy already: none is made before its schema changes
}

func (o Options) withDefaults() Options {
	defaultTo(&o.QueueLength, 1024)
	defaultTo(&o.QueueWait, 900*time.Millisecond)
	defaultTo(&o.BusyTimeout, 5*time.Second)
	defaultTo(&o.ReadTimeout, 5*time.Second)
	defaultTo(&o.Readers, 8)
	return o
}

func defaultTo[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// DB is one open database file: one writer, many readers. It is safe for concurrent use.
type DB struct {
	opts       Options
	path       string
	lock       *ServerLock // nil unless Options.Server
	writer     *writer
	readers    *readers
	meter      *Meter
	damaged    atomic.Bool
	incomplete error         // what CheckComplete said before it was opened by a server
	failed     chan struct{} // closed once a sync has failed
	failure    sync.Once
	failing    atomic.Bool // the last write was a fault, as on a full disk
	closing    sync.Once
	pending    pendingRoom // for authorization requests
	pushed     pendingRoom // for pushed ones
	devices    pendingRoom // for devices that wait
	erased     erasure
	expiry     expiry
	writes     atomic.Uint64 // of this process, but those of refresh tokens alone
	recent     recentClients
	states     recentStates
}

// Open opens the database at path, creates it if there is none, and brings its schema up to date. The files have mode
// 0600 afterwards. Errors are plain sentences for the person who started the program: the directory is missing or not
// writable, the file is read-only, damaged, not a Regrant database or of a newer Regrant, or a server runs already
// (ErrServerRunning), the keys are sealed with another master key than the one given (ErrWrongMasterKey), or with one that this
// server was not given (ErrSealed).
func Open(ctx context.Context, path string, opts Options) (*DB, error) {
	opts = opts.withDefaults()
	enableOFDLocks()
	path, err := absolute(path)
	if err != nil {
		return nil, err
	}
	var lock *ServerLock
	if opts.Server {
		if lock, err = AcquireServerLock(path); err != nil {
			return nil, err
		}
	}
	d, err := open(ctx, path, opts)
	if err != nil {
		if lock != nil {
			lock.Release()
		}
		return nil, err
	}
	d.lock = lock
	return d, nil
}

func open(ctx context.Context, path string, opts Options) (*DB, error) {
	var incomplete error
	if opts.Server {
		if m, err := readMark(ctx, path); err == nil && m != nil {
			incomplete = m.check(path)
		}
	} else {
		settleCrash(ctx, path)
	}
	pool, err := prepareFile(ctx, path, opts)
	if err != nil {
		return nil, err
	}
	if opts.Server {
		if err := putMark(ctx, path, pool); err != nil {
			_ = pool.Close()
			return nil, explain(path, err)
		}
	}
	second, err := sql.Open("sqlite", writerDSN(path, opts.BusyTimeout))
	if err != nil {
		return nil, explain(path, err)
	}
	readOnly, err := sql.Open("sqlite", readerDSN(path, opts.BusyTimeout))
	if err != nil {
		return nil, explain(path, err)
	}
	readOnly.SetMaxIdleConns(opts.Readers)

	d := &DB{incomplete: incomplete, opts: opts, path: path, meter: newMeter(), failed: make(chan struct{})}
	d.readers = &readers{db: d, pool: readOnly, slots: make(chan struct{}, opts.Readers), closed: make(chan struct{})}
	d.writer = &writer{
		db:      d,
		pool:    pool,
		queue:   make(chan *job, opts.QueueLength),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
		wal: &checkpointer{
			db: d, pool: second, meter: d.meter, file: openForSync(path), pace: usualPace,
			kick: make(chan struct{}, 1), stopped: make(chan struct{}),
		},
		meter: d.meter,
	}
	d.erased.pending.Store(opts.Server) // a server that was killed may have left a WAL with keys in it
	go d.writer.run()
	go d.writer.wal.run()
	if err := d.checkMasterKey(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// prepareFile returns the writer's pool over a file that is ours, private, writable and of the current schema.
func prepareFile(ctx context.Context, path string, opts Options) (*sql.DB, error) {
	if err := CheckWAL(ctx, path); err != nil {
		return nil, err
	}
	st, err := examine(ctx, path, opts.BusyTimeout)
	if err != nil {
		return nil, err
	}
	if !st.current() && !opts.Server {
		// Two programs must not change the schema at once, nor one below a running server.
		lock, err := lockForMigration(ctx, path, opts)
		if err != nil {
			return nil, err
		}
		if lock != nil {
			defer lock.Release()
		}
		if st, err = examine(ctx, path, opts.BusyTimeout); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(createPrivate(path), makePrivate(path)); err != nil {
		return nil, err
	}
	pool, err := sql.Open("sqlite", writerDSN(path, opts.BusyTimeout))
	if err != nil {
		return nil, explain(path, err)
	}
	pool.SetMaxOpenConns(1)
	if opts.Server {
		err = renewWAL(ctx, pool, path)
	}
	switch {
	case err != nil || st.current():
	case opts.throwAway:
		err = migrate(ctx, pool)
	default:
		if err := upgrade(ctx, path, pool, st.version); err != nil {
			_ = pool.Close()
			return nil, err
		}
	}
	if err == nil {
		err = tryWriting(ctx, pool)
	}
	if err != nil {
		_ = pool.Close()
		return nil, explain(path, err)
	}
	return pool, nil
}

// lockForMigration waits for the server lock, or until whoever holds it has brought the schema up to date (nil, nil).
func lockForMigration(ctx context.Context, path string, opts Options) (*ServerLock, error) {
	deadline := time.Now().Add(opts.BusyTimeout)
	for {
		lock, err := AcquireServerLock(path)
		if err == nil || !errors.Is(err, ErrServerRunning) {
			return lock, err
		}
		st, err := examine(ctx, path, opts.BusyTimeout)
		if err != nil || st.current() {
			return nil, err
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%s needs a newer schema, and an older server is running on it; stop that first: %w",
				path, ErrServerRunning)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// tryWriting takes the write lock and gives it back, without a change.
func tryWriting(ctx context.Context, pool *sql.DB) error {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// SQLite opens a read-only file without complaint, and begins a transaction on it that only reads.
	err = conn.Raw(func(c any) error {
		readOnly, err := c.(interface {
			IsReadOnly(schema string) (bool, error)
		}).IsReadOnly("main")
		if readOnly {
			return errReadOnlyFile
		}
		return err
	})
	if err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	return tx.Rollback()
}

// Close answers the writes that are queued, ends the reads, copies the WAL into the database file and closes it. Calls
// that come later get ErrClosed. After ErrUnsynced it leaves the file as it is, to the end of the process.
func (d *DB) Close() error {
	d.closing.Do(func() {
		// The last connection to go copies the WAL, and a read-only one cannot. It may be this one where a server died meanwhile.
		if d.opts.Server {
			d.takeMark()
		} else {
			ctx, cancel := context.WithTimeout(context.Background(), d.opts.BusyTimeout)
			settleCrash(ctx, d.path)
			cancel()
		}
		d.readers.close()
		close(d.writer.stop)
		<-d.writer.stopped
		close(d.writer.wal.kick)
		<-d.writer.wal.stopped
		if d.lock != nil {
			d.lock.Release()
		}
	})
	return nil
}

// Incomplete is what [CheckComplete] said of the file before this server opened it.
func (d *DB) Incomplete() error { return d.incomplete }

// Path is the absolute path of the database file.
func (d *DB) Path() string { return d.path }

// readySetting is what Ready writes to see whether writing works again.
const readySetting = "ready"

// Ready reports whether the store can read and write now. The error is a fault that says why not. As long as writes go well it
// writes nothing itself: beginning one is enough.
func (d *DB) Ready(ctx context.Context) error {
	if err := d.readers.run(ctx, "read", func(s *session) error {
		var n int
		return s.QueryRowContext(ctx, "SELECT COUNT(*) FROM settings").Scan(&n)
	}); err != nil {
		return err
	}
	if d.failing.Load() {
		return d.PutSetting(ctx, readySetting, []byte(time.Now().UTC().Format(time.RFC3339)))
	}
	return d.alone(ctx, "begin a write", func(s *session) error {
		if err := s.exec("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		return s.exec("ROLLBACK")
	})
}

// Failed is closed when the store has met ErrUnsynced, so that a server can end, for only a restart helps.
func (d *DB) Failed() <-chan struct{} { return d.failed }

// note remembers what no later call may overlook.
func (d *DB) note(err error) {
	switch {
	case isDamage(err):
		d.damaged.Store(true)
	case isUnsynced(err):
		d.fail()
	}
}

func (d *DB) fail() { d.failure.Do(func() { close(d.failed) }) }

func (d *DB) hasFailed() bool {
	select {
	case <-d.failed:
		return true
	default:
		return false
	}
}
