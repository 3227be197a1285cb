package db

import "time"

// The database holds instants as microseconds UTC, and null where nothing has happened.

func micros(t time.Time) int64 { return t.UnixMicro() }

func instant(us int64) time.Time { return time.UnixMicro(us).UTC() }

// stored is what comes back of an instant.
func stored(t time.Time) time.Time { return instant(micros(t)) }

func microsOrNull(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	us := t.UnixMicro()
	return &us
}

func instantOrNil(us *int64) *time.Time {
	if us == nil {
		return nil
	}
	t := instant(*us)
	return &t
}

// hourOf is the hour since 1970 of an instant as the database holds it.
func hourOf(us int64) int64 { return us / time.Hour.Microseconds() }
