package audit

import "strings"

// maxChanged is how many bytes each side of a change may take, so that both fit into an event.
const maxChanged = 1900

// Change renders for Event.Detail what a change did: before="name=value …" after="name=value …", only of the members that
// differ. Both sides are pairs of the same names in the same order, as [Details] takes them. Without a difference it is "".
func Change(before, after []string) string {
	if len(before) != len(after) || len(before)%2 != 0 {
		panic("audit.Change: the sides have different members")
	}
	var was, is []string
	for i := 0; i < len(before); i += 2 {
		if before[i+1] != after[i+1] {
			was, is = append(was, before[i], before[i+1]), append(is, after[i], after[i+1])
		}
	}
	if was == nil {
		return ""
	}
	return "before=" + quoted(Details(was...)) + " after=" + quoted(Details(is...))
}

// quoted cuts what is too long, and cuts more where the escapes make it longer.
func quoted(s string) string {
	for limit := maxChanged; ; limit -= 50 {
		q := `"` + strings.ReplaceAll(strings.ReplaceAll(Clean(s, limit), `\`, `\\`), `"`, `\"`) + `"`
		if len(q) <= maxChanged {
			return q
		}
	}
}
