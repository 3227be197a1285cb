// Package meter counts what a server does, for whoever watches it. Its counters stand on the hottest paths: they are atomic, of
// a fixed size, and adding to them allocates nothing and waits for nobody. What they are called and how they are told is the
// business of the command line.
package meter
