package web

import (
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestAPeerOnAUnixSocketIsALocalProxyWhereProxiesAreTrusted(t *testing.T) { // GEN-06
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for _, c := range []struct {
		peer    string
		header  string
		trusted []netip.Prefix
		want    string // "" for none
	}{
		{"@", "203.0.113.9", nil, ""},
		{"", "203.0.113.9", nil, ""},
		{"@", "203.0.113.9", trusted, "203.0.113.9"},
		{"", "198.51.100.1, 203.0.113.9", trusted, "203.0.113.9"},
		{"@", "203.0.113.9, 127.0.0.7", trusted, "203.0.113.9"},
		{"@", "", trusted, ""},
		{"@", "203.0.113.9, nonsense", trusted, ""},
		{"198.51.100.7:1", "203.0.113.9", trusted, "198.51.100.7"},
		{"127.0.0.1:1", "203.0.113.9", trusted, "203.0.113.9"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		if c.header != "" {
			r.Header.Set("X-Forwarded-For", c.header)
		}
		got := clientAddr(r, c.trusted)
		if c.want == "" && got.IsValid() || c.want != "" && got.String() != c.want {
			t.Errorf("peer %q, header %q, %d trusted: %s, want %q", c.peer, c.header, len(c.trusted), got, c.want)
		}
	}
	if got := budgetKey(httptest.NewRequest("GET", "/", nil)); got != "unix" {
		t.Errorf("the budget of who has no address is kept under %q", got)
	}
}
