//go:build faults

package db

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"
	"syscall"

	"regrant/db/queries"
)

// A program built with the tag faults dies by SIGKILL at the moment that the file REGRANT_CRASH_AT names, as
// "operation: moment". While there is no such file it lives. The operation is that of the write.
var crashing struct {
	sync.Mutex
	op         map[*session]string // that the writer's connection is at
	statements map[*session]int    // that it has run
}

// crashPoint ends the process if this is the moment. With op it also says what the connection is at from now on.
func crashPoint(s *session, op, moment string) {
	crashing.Lock()
	defer crashing.Unlock()
	if crashing.op == nil {
		crashing.op, crashing.statements = map[*session]string{}, map[*session]int{}
	}
	switch {
	case op != "" && s != nil:
		if crashing.op[s] != op || moment == "begun" || moment == "savepoint" || moment == "joined" {
			crashing.statements[s] = 0
		}
		crashing.op[s] = op
	case op == "":
		if op = crashing.op[s]; op == "" {
			return // a reader
		}
		crashing.statements[s]++
		moment = fmt.Sprint(moment, " ", crashing.statements[s])
	}
	if at, err := os.ReadFile(os.Getenv("REGRANT_CRASH_AT")); err == nil && string(at) == op+": "+moment {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// marked gives queries that end the process after each statement, if that is the moment.
func marked(s *session) queries.DBTX { return markedSession{s} }

type markedSession struct{ *session }

func (m markedSession) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	defer crashPoint(m.session, "", "statement")
	return m.session.ExecContext(ctx, query, args...)
}

func (m markedSession) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	defer crashPoint(m.session, "", "statement")
	return m.session.QueryContext(ctx, query, args...)
}

func (m markedSession) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	defer crashPoint(m.session, "", "statement")
	return m.session.QueryRowContext(ctx, query, args...)
}
