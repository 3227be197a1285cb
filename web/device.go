package web

import (
	"strings"

	"github.com/mileusna/useragent"

	"regrant/app/audit"
	"regrant/web/view"
)

// maxDevice bounds the name of a device, bytes.
const maxDevice = 60

// deviceName says in a few words what program a User-Agent header names and what it runs on: "Chrome on Windows", "curl 8.5".
// A browser's version says nothing to a reader, a program's does. What cannot be read gives the head of the text, made
// harmless by [audit.Clean]; no text gives "".
func deviceName(t *view.Text, userAgent string) string {
	program, system := device(userAgent)
	if system == "" {
		return program
	}
	return cut(t.T("account.device.on", "Program", program, "System", system), maxDevice)
}

// device gives the two parts of that name; where there is no system, the program is the whole of it.
func device(userAgent string) (program, system string) {
	// Longer ones are not from browsers, and the parser's work grows with them.
	head := audit.Clean(userAgent, 512)
	ua := useragent.Parse(head)
	os := ua.OS
	if ua.Device != "" && ua.Mobile && ua.OS == useragent.IOS {
		os = ua.Device // "iPhone" is what people call it
	}
	switch {
	case strings.TrimSpace(head) == "":
		return "", ""
	case ua.Name == "" || os == "" || !strings.HasPrefix(head, "Mozilla/"):
		return programName(head), ""
	}
	return cut(strings.Replace(ua.Name, "Headless ", "", 1), maxDevice), cut(os, maxDevice)
}

// programName reads the first product of a User-Agent (RFC 9110 §10.1.5), which programs other than browsers name themselves by.
func programName(userAgent string) string {
	product, _, _ := strings.Cut(strings.TrimSpace(userAgent), " ")
	name, version, found := strings.Cut(product, "/")
	if !found || name == "" || name == "Mozilla" || strings.ContainsAny(name, "()<>;:,") {
		return cut(strings.TrimSpace(userAgent), maxDevice)
	}
	if version == "" {
		return cut(name, maxDevice)
	}
	parts := strings.SplitN(version, ".", 3)
	return cut(name+" "+strings.Join(parts[:min(2, len(parts))], "."), maxDevice)
}

// cut keeps whole characters of s, at most max bytes with the sign that something is missing.
func cut(s string, max int) string {
	if len(s) <= max {
		return s
	}
	return strings.TrimSpace(audit.Clean(s, max-len("…"))) + "…"
}
