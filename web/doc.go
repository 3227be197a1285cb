// Package web is where Regrant meets HTTP: the routes (routes.go reads as their table), the OAuth endpoints, the pages.
//
// A handler limits, parses once into a struct, calls one method of the application, and writes. There are two places
// where an error meets HTTP: writeOAuthError for programs, in JSON and with the registered codes, and writePage for
// people, in plain words. No rule of the protocol lives here, and no SQL.
package web
