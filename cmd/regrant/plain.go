package main

import (
	"regexp"
	"strings"
	"time"
)

// flagsOf are the flags with which the members of a registration are set, as RFC 7591 §2 and the engine name them.
var flagsOf = map[string]string{
	"webhook_url": "webhook-url", "security_event_url": "security-event-url", "security_event_authorization": "security-event-authorization-stdin",
	"client_id": "id", "client_name": "name", "redirect_uri": "redirect-uri", "redirect_uris": "redirect-uri", "backchannel_logout_uri": "backchannel-logout-uri", "exchange_subject": "exchange-subject", "exchange_audience": "exchange-audience", "post_logout_redirect_uri": "post-logout-redirect-uri", "post_logout_redirect_uris": "post-logout-redirect-uri",
	"grant_types":                "grant-type",
	"token_endpoint_auth_method": "auth-method", "auth-method": "auth-method", "scope": "scope", "name": "name", "uri": "uri",
	"jwks": "jwks", "jwks_uri": "jwks-uri", "token_endpoint_auth_signing_alg": "auth-signing-alg",
	"policy": "policy", "refresh": "refresh", "no-rotation": "no-rotation", "grace": "grace", "idle": "idle", "absolute": "absolute",
	"access-token-lifetime": "access-token-lifetime", "access-token-format": "access-token-format", "id-token-alg": "id-token-alg",
	"max-grants": "max-grants", "refresh-limit": "refresh-limit", "on-reuse": "on-reuse", "overlap": "overlap", "no-pkce": "no-pkce", "scopes-on-refresh": "scopes-on-refresh",
}

// wholeUnits is a duration as Go writes it where people leave the zeros out.
var wholeUnits = regexp.MustCompile(`\b(\d+h)?\d+m0s\b`)

// commandHints are how to do on the command line what the engine says is to be done.
var commandHints = []struct{ said, how string }{
	{"an API must own it", ", see: regrant api create --help"},
	{"revoke them first", " (regrant grant revoke --client ID)"},
	{"by a rotation of its secret, which names the method", ": regrant client rotate-secret ID --auth-method METHOD"},
	{"gets a secret by a rotation, which names the method", ": regrant client rotate-secret ID --auth-method METHOD"},
	{"name the method that it is to authenticate with", " (--auth-method)"},
}

// inFlags says what the engine found wrong in the words of the command line.
func inFlags(description string) string {
	text := wholeUnits.ReplaceAllStringFunc(description, func(s string) string {
		d, err := time.ParseDuration(s)
		if err != nil {
			return s
		}
		return lifetime(d)
	})
	for _, hint := range commandHints {
		text = strings.Replace(text, hint.said, hint.said+hint.how, 1)
	}
	member, why, found := strings.Cut(text, ": ")
	if flag := flagsOf[member]; found && flag != "" {
		return "--" + flag + ": " + why
	}
	return text
}

// parserPhrases are what the parser says in its own terms, and what it means.
var parserPhrases = []struct {
	theirs *regexp.Regexp
	ours   string
}{
	{regexp.MustCompile(`expected \S+ value but got "EOL" \(<EOL>\)`), "a value is missing"},
	{regexp.MustCompile(`missing value, expecting "<[^"]*"`), "a value is missing"},
	{regexp.MustCompile(`expected \S+ value but got "([^"]*)" \([a-z ]+\); perhaps try (--[^=]+)=.*\?`), `"$1" looks like a flag; a value that begins so is written $2=$1`},
	{regexp.MustCompile(`expected a valid \d+ bit u?int but got ("[^"]*")`), "$1 is not a whole number, or too large"},
	{regexp.MustCompile(`bool value must be .* but got ("[^"]*")`), "must be true or false, not $1"},
	{regexp.MustCompile(`must be one of "",`), "must be one of "},
	{regexp.MustCompile(` \(from envar ([A-Z_]+)=".*"\)`), " (from $1)"},
	{regexp.MustCompile(`^expected "(<[^"]+>)"$`), "$1 is missing"},
	{regexp.MustCompile(`^expected one of (.*)$`), "name a command: $1"},
}

// inWords says what the parser found wrong to somebody who has not read its source.
func inWords(text string) string {
	for _, p := range parserPhrases {
		text = p.theirs.ReplaceAllString(text, p.ours)
	}
	return text
}
