package main

import (
	"os"
	"runtime/debug"
)

// collectLess halves how often the garbage collector runs. What a server keeps is small beside what a refresh makes and drops, so this
// costs it a few megabytes and spares it a twentieth of its time. Whoever sets GOGC decides.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
}
