package audit

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseDetailsIsTheInverseOfDetails(t *testing.T) {
	for _, pairs := range [][]string{
		{},
		{"kid", "A1", "alg", "ES256"},
		{"name", "My App", "scope", ""},
		{"name", `a "quoted" = sign`, "note", `back\slash and`},
		{"before", Details("name", "Old name", "grace", "10s"), "after", Details("name", "New name", "grace", "30s")},
	} {
		var got []string
		for _, p := range ParseDetails(Details(pairs...)) {
			got = append(got, p.Key, p.Value)
		}
		if diff := cmp.Diff(pairs, got); diff != "" && len(pairs)+len(got) > 0 {
			t.Errorf("%q: (-want +got)\n%s", pairs, diff)
		}
	}
}

func TestParseDetailsTakesWhatItGets(t *testing.T) {
	for detail, want := range map[string][]Pair{
		"all=yes": {{"all", "yes"}},
		"leaked=yes every grant of the client is revoked": {{"leaked", "yes"}, {"", "every grant of the client is revoked"}},
		"plain words":          {{"", "plain words"}},
		"=x":                   {{"", "=x"}},
		`name="cut off in the`: {{"name", "cut off in the"}},
		`name="cut at \u00`:    {{"name", "cut at "}},
		`a="b"c`:               {{"a", "b"}, {"", "c"}},
		`a="`:                  {{"a", ""}},
		"   ":                  nil,
	} {
		if diff := cmp.Diff(want, ParseDetails(detail)); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", detail, diff)
		}
	}
}

func TestChangesSaysWhatIsDifferent(t *testing.T) {
	long := Details("name", "a", "scope", strings.Repeat("x", 600))
	for _, c := range []struct {
		detail string
		want   []Changed
		others []Pair
	}{
		{Change([]string{"name", "A b", "grace", "10s"}, []string{"name", "A b", "grace", "0s"}), []Changed{{"grace", "10s", "0s"}}, nil},
		{Details("before", Details("a", "1", "b", "2"), "after", Details("a", "1", "b", "3", "c", "4"), "why", "x"), []Changed{{"b", "2", "3"}, {"c", "", "4"}}, []Pair{{"why", "x"}}},
		{Details("before", Details("a", "1", "b", "2"), "after", Details("a", "1")), []Changed{{"b", "2", ""}}, nil},
		{"before=2026-01-01T00:00:00Z after=2026-01-02T00:00:00Z", []Changed{{"", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"}}, nil},
		{Details("before", Details("tail", "x"), "after", long), []Changed{{"name", "", "a"}, {"scope", "", strings.Repeat("x", 487)}}, nil},
		{Details("kid", "A"), nil, []Pair{{"kid", "A"}}},
	} {
		changes, others := Changes(c.detail)
		if diff := cmp.Diff(c.want, changes); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.detail, diff)
		}
		if diff := cmp.Diff(c.others, others); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.detail, diff)
		}
	}
}

func FuzzParseDetails(f *testing.F) {
	f.Add(`before="name=\"a b\" x=1" after=2`)
	f.Fuzz(func(t *testing.T, detail string) {
		for _, p := range ParseDetails(detail) {
			if strings.ContainsAny(p.Key, " =") && p.Key != "" {
				t.Errorf("%q gives the key %q", detail, p.Key)
			}
		}
		Changes(detail)
	})
}
