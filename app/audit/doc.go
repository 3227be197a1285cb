// Package audit says what a security event is: who did what to whom, when, from where and with which result.
//
// An event is written in the same transaction as the fact that it reports, so neither exists without the other. The
// log is append-only: each event carries the hash of the one before it, and [Verify] walks that chain. Events hold
// public ids only; no secret, token, code, password or redirect URL ever enters one.
package audit
