// Package settings says what an organisation decides for its whole installation from the dashboard: how the pages look and
// call themselves, who may be invited, and with which policy new clients begin.
//
// What the process itself needs to start (addresses, certificates, keys) is not here: that is configuration, read once.
package settings
