package account

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParseEmail(t *testing.T) {
	for in, want := range map[string]string{
		"ann@example.com":                     "ann@example.com",
		"  Ann.Miller+x@EXAMPLE.com\t":        "ann.miller+x@example.com",
		"A\u030Angstrom@example.com":          "\u00e5ngstrom@example.com",
		"\u212Bngstrom@example.com":           "\u00e5ngstrom@example.com",
		"ÄRGER@bücher.example":                "ärger@bücher.example",
		"ann@localhost":                       "ann@localhost",
		"ann":                                 "",
		"@example.com":                        "",
		"ann@":                                "",
		"ann@b@example.com":                   "",
		"ann miller@example.com":              "",
		"ann@example.com\r\nBcc: x@evil.test": "",
		"Ann <ann@example.com>":               "",
		"ann\x00@example.com":                 "",
		"ann\xff@example.com":                 "",
		"ann\u202e@example.com":               "",
		"ann@.example.com":                    "",
		"ann@example..com":                    "",
		"=?utf-8?q?ann?=@example.com":         "",
		".ann@example.com":                    "",
		"ann.@example.com":                    "",
		"ann..miller@example.com":             "",
		"ann@-example.com":                    "",
		"ann@example-.com":                    "",
		strings.Repeat("a", 65) + "@x.test":   "",
		"a@" + strings.Repeat("b", 254):       "",
		"":                                    "",
	} {
		got, err := ParseEmail(in)
		var invalid *InvalidError
		if got != want || (err == nil) != (want != "") || err != nil && !errors.As(err, &invalid) {
			t.Errorf("%q: got %q, %v", in, got, err)
		}
		if err == nil && CanonicalEmail(got) != got {
			t.Errorf("%q is not stable", got)
		}
	}
}

func TestParseName(t *testing.T) {
	for in, ok := range map[string]bool{
		"": true, " Ann ": true, "Ænn O’Neill-Żak 李": true, strings.Repeat("é", 100): true,
		strings.Repeat("é", 101): false, "Ann\nMiller": false, "Ann\x1b[31m": false, "\u202eAnn": false, "A\xff": false,
	} {
		if _, err := ParseName(in); (err == nil) != ok {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestSessionCodec(t *testing.T) {
	s := Session{ID: "s", PersonID: "p", AuthTime: time.UnixMicro(1234567).UTC(), AMR: []string{"pwd", "otp"}}
	deadline := time.Unix(99, 0).UTC()
	b, err := SessionCodec{}.Encode(deadline, map[string]any{SessionKey: s, "flash": "x"})
	if err != nil {
		t.Fatal(err)
	}
	at, values, err := SessionCodec{}.Decode(b)
	if err != nil || !at.Equal(deadline) || values["flash"] != "x" {
		t.Fatal(at, values, err)
	}
	if got := values[SessionKey].(Session); got.ID != "s" || !got.AuthTime.Equal(s.AuthTime) || strings.Join(got.AMR, " ") != "pwd otp" {
		t.Errorf("got %+v", got)
	}
	for name, bad := range map[string]map[string]any{
		"nobody":              {"flash": "x"},
		"a session elsewhere": {"other": s},
		"a number":            {SessionKey: s, "n": 1},
		"another type":        {SessionKey: "s"},
		"no person":           {SessionKey: Session{ID: "s"}},
	} {
		if _, err := (SessionCodec{}).Encode(deadline, bad); err == nil {
			t.Errorf("%s was stored", name)
		}
	}
	if _, _, err := (SessionCodec{}).Decode([]byte("{")); err == nil {
		t.Error("damage was read")
	}
}
