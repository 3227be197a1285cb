package audit

import (
	"strconv"
	"strings"
)

// Pair is one key and value of Event.Detail.
type Pair struct{ Key, Value string }

// ParseDetails is the inverse of [Details]. Words that belong to no key are put together under the empty key; a value that
// was cut off in the middle of its quotes is given as far as it goes.
func ParseDetails(detail string) []Pair {
	var pairs []Pair
	var loose []string
	for rest := strings.TrimLeft(detail, " "); rest != ""; rest = strings.TrimLeft(rest, " ") {
		var key, value string
		end := strings.IndexAny(rest, " =")
		if end <= 0 || rest[end] == ' ' {
			word, after, _ := strings.Cut(rest, " ")
			loose, rest = append(loose, word), after
			continue
		}
		key, rest = rest[:end], rest[end+1:]
		if value, rest = detailValue(rest); key != "" {
			pairs = append(pairs, Pair{key, value})
		}
	}
	if len(loose) > 0 {
		pairs = append(pairs, Pair{"", strings.Join(loose, " ")})
	}
	return pairs
}

// detailValue takes one value from the beginning of s.
func detailValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, " ")
		return value, rest
	}
	if quoted, err := strconv.QuotedPrefix(s); err == nil {
		value, _ = strconv.Unquote(quoted)
		return value, s[len(quoted):]
	}
	// Cut off: what is there may end within an escape.
	for cut := s; len(cut) > 1; cut = cut[:len(cut)-1] {
		if value, err := strconv.Unquote(cut + `"`); err == nil {
			return value, ""
		}
	}
	return "", ""
}

// Changed is one thing that an event says was changed.
type Changed struct{ Key, Before, After string }

// Changes compares what an event says of before and after: key by key where both are pairs themselves, whole otherwise. The
// pairs that are about neither come back as they are.
func Changes(detail string) (changes []Changed, others []Pair) {
	var before, after string
	var both int
	for _, p := range ParseDetails(detail) {
		switch p.Key {
		case "before":
			before, both = p.Value, both+1
		case "after":
			after, both = p.Value, both+1
		default:
			others = append(others, p)
		}
	}
	if both == 0 {
		return nil, others
	}
	old, now := ParseDetails(before), ParseDetails(after)
	if len(keysOf(old)) == 0 && len(keysOf(now)) == 0 {
		return []Changed{{"", before, after}}, others
	}
	was, is := keysOf(old), keysOf(now)
	for _, p := range now {
		if p.Key != "" && was[p.Key] != p.Value {
			changes = append(changes, Changed{p.Key, was[p.Key], p.Value})
		}
	}
	for _, p := range old {
		// What was cut off is not known to have changed.
		if _, there := is[p.Key]; p.Key != "" && !there && len(after) < detailLimit-4 {
			changes = append(changes, Changed{p.Key, p.Value, ""})
		}
	}
	return changes, others
}

func keysOf(pairs []Pair) map[string]string {
	keys := map[string]string{}
	for _, p := range pairs {
		if p.Key != "" {
			keys[p.Key] = p.Value
		}
	}
	return keys
}
