// Package db is Regrant's store: all SQL, the migrations, and the one goroutine that writes.
//
// # Shape
//
// Each noun has a file here, with the methods that its package of rules asks for in a Store, and a file of the same name
// in queries/, from which sqlc makes the Go below it. One exported method is one transaction: it calls write, read or
// snapshot once.
//
//	func (d *DB) RedeemCode(ctx context.Context, hash []byte, now time.Time) (code oauth.Code, err error) {
//		err = d.write(ctx, "redeem code", func(tx *Tx) error {
//			row, err := tx.SpendCode(ctx, …)
//			if errors.Is(err, sql.ErrNoRows) {
//				return oauth.ErrSpent
//			}
//			…
//		})
//		return code, err
//	}
//
// # Group commit
//
// A durable commit costs one fsync, whoever shares it. The writer takes the writes that are queued, up to a bound, begins
// one transaction, runs each function under its own savepoint, commits, and only then answers them all. It never waits
// for more to come: what arrives during a commit is the next batch.
//
// A function that returns an error undoes itself and no other. After a fault (below) nobody can say what else SQLite has
// undone, so the whole batch is rolled back and each function runs again in a transaction of its own; therefore
// functions must be safe to run twice. A commit that fails is a fault for all in it. Its outcome is unknown until
// somebody looks: what reached the disk may be found there after a crash.
//
// # What bounds it
//
// A profile of 64 clients on two cores (make bench): a fifth of the processor's time of a refresh is the ES256 signature, another
// quarter net/http, an eighth the writer with its commits, a tenth the garbage collector, a tenth the system's calls; the rest is spread
// over parsing, deriving and spelling. The disk is not what it waits for: the refreshes that wait share a commit. A single client waits
// for its own commit each time.
//
// What was taken out of the way of a refresh: its row (RecentRefreshState, which was a fifth), the client's row (RecentClient), the
// savepoint around a single statement (writeToken), and a deadline for a read by key (readRow), which costs two goroutines a statement.
//
// What was tried and taken back: a caller who finds the writer idle commits by itself. Without a disk one caller wrote half as often again,
// but a process that writes in a loop then leaves another one no gap to take SQLite's lock in, and commands beside the server wait in vain.
//
// # Faults
//
// ErrFault is in the chain of every error that comes from the machine rather than from the data: a full, locked,
// read-only or failing disk, a damaged page, a deadline, a full queue, a panic. Callers answer it with 503, and never
// read a verdict from it. sql.ErrNoRows and violated constraints are facts about the data: methods turn them into the
// sentinels of their Store, and anything else that a function returns passes through unchanged.
//
// After an I/O error the connection is closed and another one opened. After a damaged page all writes stop (ErrCorrupt)
// until a restart.
//
// After a failed sync everything stops (ErrUnsynced, [DB.Failed]) and the server ends: Linux takes the pages for clean then,
// so that the next sync says nothing about them. Not even Close touches the file, since SQLite would copy the WAL on the word
// of such a sync, and remove it. A restart alone does not help either, for it reads the WAL from the same memory. So the
// server writes the WAL once more, byte for byte, and syncs it, before it answers from it (renewal.go).
//
// # One SQL text for two engines
//
// queries/ is written for PostgreSQL and SQLite alike, so it keeps to what both understand in the same way:
//
//   - parameters are @name or $1, and sqlc.narg for those that may be absent;
//   - types are BIGINT, TEXT and BYTEA (INTEGER, TEXT and BLOB in SQLite, whose tables are all STRICT);
//   - an instant is an integer, microseconds since 1970 in UTC, and comes in as an argument: no now();
//   - a flag is a nullable instant (revoked_at IS NULL), never a boolean;
//   - INSERT … ON CONFLICT, UPDATE … RETURNING, DELETE … RETURNING; compare-and-swap in WHERE, never FOR UPDATE;
//   - no ::, arrays, JSON operators, ILIKE, or functions beyond COUNT, SUM, MIN, MAX, COALESCE, LOWER and LENGTH;
//     CAST(x AS text) where sqlc needs a type;
//   - an optional filter is (CAST(sqlc.narg(x) AS text) IS NULL OR col = sqlc.narg(x));
//   - a page continues by key: WHERE (created_at, id) < (@created_at, @id) ORDER BY created_at DESC, id DESC.
//
// Only the tables are written twice, in migrations/sqlite and migrations/postgres; a test compares them. A migration is
// never changed once released, and there is no way back.
package db
