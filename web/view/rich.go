package view

import "strings"

type richPart struct {
	text   string
	strong bool
}

// richParts splits the message called key at its values. The message is made with marks for values; a mark is a NUL,
// which no message contains, around the name.
func richParts(t *Text, key string, pairs []string) []richPart {
	values := make(map[string]string, len(pairs)/2)
	marks := make([]any, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
		marks = append(marks, pairs[i], "\x00"+pairs[i]+"\x00")
	}
	var parts []richPart
	for i, piece := range strings.Split(t.T(key, marks...), "\x00") {
		if i%2 == 1 {
			parts = append(parts, richPart{text: values[piece], strong: true})
		} else if piece != "" {
			parts = append(parts, richPart{text: piece})
		}
	}
	return parts
}
