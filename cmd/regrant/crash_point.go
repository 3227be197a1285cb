//go:build !faults

package main

import (
	"net"

	"regrant/app/oauth"
)

// crashing gives a listener whose connections the tests of crashes can end the process on. They build with the tag faults
// (crash_point_faults.go); here it is the listener itself.
func crashing(l net.Listener) net.Listener { return l }

// clocks are the machine's.
func clocks() oauth.TimeSource { return nil }
