package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"regrant/web/view"
)

// demoSecrets are the names of parameters and members whose values open something.
var demoSecrets = []string{"access_token", "refresh_token", "id_token", "token", "code", "code_verifier", "client_secret", "password", "form_token", "request"}

// shorten leaves of a secret what tells it from another, and not what it takes to use it.
func shorten(secret string) string {
	if len(secret) < 24 {
		return "…"
	}
	return secret[:10] + "…" + secret[len(secret)-6:]
}

// demoHeaderField shows a field of a header.
func demoHeaderField(name string, values []string) []view.DemoField {
	name = http.CanonicalHeaderKey(name)
	var fields []view.DemoField
	for _, v := range values {
		f := view.DemoField{Name: name, Value: v}
		switch name {
		case "Authorization":
			scheme, secret, _ := strings.Cut(v, " ")
			f.Value = scheme + " " + shorten(secret)
			if id, _, ok := (&http.Request{Header: http.Header{name: {v}}}).BasicAuth(); ok {
				f.Note = "client " + id
			}
		case "Cookie":
			f.Value = "…"
		case "Set-Cookie":
			cookie, _, _ := strings.Cut(v, "=")
			f.Value = cookie + "=…"
		case "Location":
			address, query, _ := strings.Cut(v, "?")
			if f.Value = address; query != "" {
				f.Value += "?…"
			}
		}
		fields = append(fields, f)
	}
	return fields
}

// demoForm shows a form or a query: grant_type first, the rest by name.
func demoForm(form url.Values) []view.DemoField {
	var fields []view.DemoField
	for _, name := range slices.SortedFunc(maps.Keys(form), func(a, b string) int {
		if first := "grant_type"; a == first || b == first {
			return map[bool]int{true: -1, false: 1}[a == first]
		}
		return strings.Compare(a, b)
	}) {
		for _, v := range form[name] {
			if slices.Contains(demoSecrets, name) {
				v = shorten(v)
			}
			fields = append(fields, view.DemoField{Name: name, Value: v})
		}
	}
	return fields
}

// unhelpful are fields of answers that tell nothing about the flow.
var unhelpful = []string{
	"Content-Security-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Permissions-Policy", "X-Frame-Options", "X-Content-Type-Options",
	"Referrer-Policy", "Vary", "Date", "Pragma",
}

// demoResponse shows an answer.
func demoResponse(status int, header http.Header, body []byte) *view.DemoMessage {
	m := &view.DemoMessage{Start: "HTTP/1.1 " + demoStatus(status)}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if !slices.Contains(unhelpful, name) {
			m.Fields = append(m.Fields, demoHeaderField(name, header[name])...)
		}
	}
	if u, err := url.Parse(header.Get("Location")); err == nil {
		m.Query = demoForm(u.Query())
	}
	if strings.HasPrefix(header.Get("Content-Type"), "application/json") {
		m.Body = demoJSON(body)
	}
	return m
}

var secretMember = regexp.MustCompile(`"(` + strings.Join(demoSecrets, "|") + `)":\s*"([^"]*)"`)

// demoJSON shows a JSON text, one member a line.
func demoJSON(text []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return ""
	}
	return secretMember.ReplaceAllStringFunc(b.String(), func(member string) string {
		m := secretMember.FindStringSubmatch(member)
		return fmt.Sprintf("%q: %q", m[1], shorten(m[2]))
	})
}

func demoStatus(status int) string { return strconv.Itoa(status) + " " + http.StatusText(status) }
