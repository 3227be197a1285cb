package web

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParseForm: whatever is accepted is what was sent, strictly decoded, and survives being written again.
func FuzzParseForm(f *testing.F) {
	for _, s := range []string{"", "a=b", "a=b&a=c", "a", "=", "&&", "a=%41", "a=%ZZ", "a=%", "a=%00", "a=%ff", "a=%c0%af", "a;b=c", "a=\xff", "%=x", "a=b%26c=d", "a+b=c+d", "scope=openid+read&state=%e2%98%83"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		values, err := parseForm(s)
		if err != nil {
			return
		}
		for name, list := range values {
			for _, v := range append(list, name) {
				if !utf8.ValidString(v) || strings.Contains(v, "\x00") {
					t.Fatalf("%q gives %q", s, v)
				}
			}
		}
		again, err := parseForm(values.Encode())
		if err != nil || again.Encode() != values.Encode() {
			t.Fatalf("%q gives %v, and that gives %v, %v", s, values, again, err)
		}
	})
}

// FuzzBasicCredentials: an accepted header is one spelling of id and secret, which lead back to it.
func FuzzBasicCredentials(f *testing.F) {
	for _, pair := range []string{"CB:secret", "a%3Ab:c%3Ad", "CB:", ":", "no colon", "CB%zz:x", "CB%ff:x", "CB%00:x", "a:b:c"} {
		f.Add("Basic " + base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	for _, header := range []string{"", "Basic", "Basic ", "basic Q0I6eA==", "Basic Q0I6eA", "Basic Q0I6eB==", "Basic Q0I6\neA==", "Bearer Q0I6eA==", "Basic  Q0I6eA==", "Basic ====", "Basic Q0I6eA== x"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		id, secret, ok := basicCredentials(header)
		if !ok {
			return
		}
		if id == "" || !utf8.ValidString(id+secret) || strings.Contains(id+secret, "\x00") {
			t.Fatalf("%q gives %q, %q", header, id, secret)
		}
		scheme, encoded, _ := strings.Cut(header, " ")
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || !strings.EqualFold(scheme, "Basic") || base64.StdEncoding.EncodeToString(raw) != encoded {
			t.Fatalf("%q is not one spelling", header)
		}
		again := "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
		if id2, secret2, ok := basicCredentials(again); !ok || id2 != id || secret2 != secret {
			t.Fatalf("%q gives %q, %q, and those give %q, %q", header, id, secret, id2, secret2)
		}
	})
}

// FuzzClientAddr: without a trusted proxy no header moves the address; with one, the address is a hop of the list or the peer.
func FuzzClientAddr(f *testing.F) {
	for _, s := range []string{"", "203.0.113.9", "1.1.1.1, 203.0.113.9", "203.0.113.9, 127.0.0.1", "::1", "[::1]:80", "::ffff:203.0.113.9", "x", ",", "203.0.113.9:80", "fe80::1%eth0", " 203.0.113.9 ,", "unknown"} {
		f.Add(s)
	}
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = "127.0.0.1:1234"
		r.Header["X-Forwarded-For"] = []string{header}
		if got := clientAddr(r, nil); got.String() != "127.0.0.1" {
			t.Fatalf("%q moves the address to %s", header, got)
		}
		got := clientAddr(r, loopback)
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Fatalf("%q gives %q", header, got)
		}
		if got.String() != "127.0.0.1" {
			found := false
			for hop := range strings.SplitSeq(header, ",") {
				addr, err := netip.ParseAddr(strings.TrimSpace(hop))
				found = found || err == nil && addr.Unmap().WithZone("") == got
			}
			if !found {
				t.Fatalf("%q gives %s, which it does not name", header, got)
			}
		}
	})
}
