package audit

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func chain(n int) []Event {
	var events []Event
	var previous []byte
	for i := range n {
		e := Event{Seq: int64(i + 1), At: time.Unix(int64(1000+i), 0).UTC(), Kind: GrantRevoked, GrantID: "g", Result: "ok"}
		e.Hash = e.Chain(previous)
		previous = e.Hash
		events = append(events, e)
	}
	return events
}

func TestRequirements(t *testing.T) {
	t.Run("WEB-48 an untouched log verifies", func(t *testing.T) {
		if _, err := Verify(nil, chain(5)); err != nil {
			t.Fatal(err)
		}
	})
	for name, tamper := range map[string]func([]Event) []Event{
		"a removed event":   func(e []Event) []Event { return append(e[:2:2], e[3:]...) },
		"a removed head":    func(e []Event) []Event { return e[1:] },
		"a changed result":  func(e []Event) []Event { e[2].Result = "denied"; return e },
		"a moved time":      func(e []Event) []Event { e[2].At = e[2].At.Add(time.Second); return e },
		"two events swaped": func(e []Event) []Event { e[1], e[2] = e[2], e[1]; return e },
		"a field moved":     func(e []Event) []Event { e[2].ClientID, e[2].GrantID = e[2].GrantID, ""; return e },
	} {
		t.Run("WEB-48 "+name+" breaks the chain", func(t *testing.T) {
			if _, err := Verify(nil, tamper(chain(5))); !errors.Is(err, ErrBroken) {
				t.Fatalf("got %v, want ErrBroken", err)
			}
		})
	}
	t.Run("WEB-47 control characters and bidi overrides are escaped", func(t *testing.T) {
		got := Clean("a\r\nb\x1b[31m\u202ec\xff", 100)
		if strings.ContainsAny(got, "\r\n\x1b\u202e") || !strings.Contains(got, `\u000d\u000a`) {
			t.Fatalf("got %q", got)
		}
		if got := Clean(strings.Repeat("é", 100), 9); got != "éééé" {
			t.Fatalf("cut in the middle of a character: %q", got)
		}
	})
}
