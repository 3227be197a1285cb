//go:build !faults

package db

import "regrant/db/queries"

// crashPoint marks a moment of a write at which the tests of crashes end the process. They build with the tag faults
// (crash_point_faults.go); here it is an empty function, which the compiler leaves out together with its arguments.
func crashPoint(_ *session, _, _ string) {}

// marked gives what sqlc's queries run on: the session itself.
func marked(s *session) queries.DBTX { return s }
