// Package account knows the people: who they are, how they prove it, and which browsers they are signed in with.
//
// It starts at [People]. A person signs in with a password ([People.SignIn]), which is weighed against counters of
// failed guesses before anything is hashed (throttle.go), hashed under a bound on how many hashes run at a time
// (hasher.go), and answered alike whether the account exists or not. A sign-in gives a [Session], which a browser holds
// by a cookie that only the web layer sees; the store knows its hash.
//
// Ending things is one fact, written in one transaction: disabling or deleting a person, or setting a new password for
// one, ends the sessions, refuses every grant made until then (Person.GrantsRevokedBefore) and throws away the codes
// that were still open. Being throttled ends nothing: signing in is what waits, so nobody can sign somebody else out by
// guessing (requirements T22).
//
// Every change carries its [audit.Event] into the transaction. Events and errors hold ids, never a name, an address or a
// password.
package account
