package web

import (
	"strings"
	"testing"

	"regrant/web/view"
)

func TestADeviceIsNamedInWordsThatPeopleKnow(t *testing.T) {
	text := view.TheCatalogue().For("en")
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36":                         "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0":           "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15":                   "Safari on macOS",
		"Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0":                                                                  "Firefox on Linux",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1": "Safari on iPhone",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36":                         "Chrome on Android",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36":                           "Chrome on Linux",
		"curl/8.5.0":                        "curl 8.5",
		"python-requests/2.32.3":            "python-requests 2.32",
		"Go-http-client/2.0":                "Go-http-client 2.0",
		"oauth2-proxy":                      "oauth2-proxy",
		"claude-code/2.1.5 (external, cli)": "claude-code 2.1",
		"Grafana/11.3.0 (linux; amd64)":     "Grafana 11.3",
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.googl…",
		"":                          "",
		"   ":                       "",
		"a\r\nX: y\x1b[31m":         `a\u000d\u000aX: y\u001b[31m`,
		"<script>alert(1)</script>": "<script>alert(1)</script>",
	} {
		if got := deviceName(text, agent); got != want {
			t.Errorf("%q: got %q, want %q", agent, got, want)
		}
	}
}

func TestNoUserAgentBreaksTheNameOfADevice(t *testing.T) {
	text := view.TheCatalogue().For("en")
	for _, agent := range []string{
		strings.Repeat("(", 60_000), strings.Repeat("Mozilla/5.0 (iPhone; ", 5_000), strings.Repeat("é", 200) + "/1.2", "/", "Mozilla/", "\xff\xfe/1", strings.Repeat("a/", 3_000),
	} {
		if got := deviceName(text, agent); len(got) > maxDevice {
			t.Errorf("%.20q…: %d bytes: %q", agent, len(got), got)
		}
	}
}
