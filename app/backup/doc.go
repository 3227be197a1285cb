// Package backup decides when the server backs up its database by itself, how the files are named and which of them go, and
// when somebody should worry.
//
// A backup is one file that the store has written, verified and put in its place (db.Backup). What is known of the last one
// lies in the database itself, whoever made it, so that the dashboard and the metrics tell the same.
package backup
