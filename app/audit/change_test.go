package audit

import (
	"strings"
	"testing"
)

func TestWEB48AChangeNamesWhatDiffersAndIsReadBack(t *testing.T) {
	before := []string{"name", `Say "hi" \ = x`, "scope", "openid email", "grace", "10s", "trusted", "no"}
	after := []string{"name", `Say "bye"`, "scope", "", "grace", "10s", "trusted", "yes"}

	detail := Change(before, after)
	changes, others := Changes(detail)

	want := []Changed{{"name", `Say "hi" \ = x`, `Say "bye"`}, {"scope", "openid email", ""}, {"trusted", "no", "yes"}}
	if len(others) != 0 || len(changes) != len(want) {
		t.Fatalf("%s\nread as %q and %q", detail, changes, others)
	}
	for i, c := range changes {
		if c != want[i] {
			t.Errorf("read %q, want %q", c, want[i])
		}
	}
	if got := Change(before, before); got != "" {
		t.Errorf("no difference is %q", got)
	}
	if strings.Contains(detail, "grace") {
		t.Errorf("what did not change is named: %s", detail)
	}
}

func TestWEB48BothSidesOfALongChangeFitIntoAnEvent(t *testing.T) {
	long := func(letter string) []string {
		return []string{"a", strings.Repeat(letter, 900), "b", strings.Repeat(letter+`"`, 300), "c", strings.Repeat(letter+" ", 600)}
	}

	detail := Change(long("x"), long("y"))

	if kept := Clean(detail, 4000); kept != detail {
		t.Errorf("an event has no room for %d bytes", len(detail))
	}
	changes, _ := Changes(detail)
	if len(changes) < 2 || !strings.HasPrefix(changes[1].Before, `x"x"`) || !strings.HasPrefix(changes[1].After, `y"y"`) {
		t.Errorf("read %q", changes)
	}
}
