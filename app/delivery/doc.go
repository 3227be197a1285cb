// Package delivery brings news to addresses that applications have registered, as logout tokens and the end of grants.
//
// A delivery is a row that is written in the transaction of what it tells of, so that none is lost with the process and nobody who
// signs out waits for another server. A [Courier] takes the rows out: one at a time to an address, to several addresses at once. A row goes
// when the other side has taken it; until then it is tried again, later each time, for [GiveUpAfter]. What is left then is
// dead: it is kept for [DeadKept], for an admin who looks after it. A crash between sending and removing sends once more, never not at
// all.
//
// What is sent is made anew for each attempt, since it may be good for a short time only.
package delivery
