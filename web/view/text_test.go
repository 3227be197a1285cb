package view

import (
	"testing"
	"testing/fstest"
	"time"
)

func TestTextsAreInTheLanguageTheReaderWantsMost(t *testing.T) {
	catalogue := newCatalogue(fstest.MapFS{
		"en.toml": {Data: []byte("greet = \"Hello, {{.Name}}\"\nonly = \"English\"\n[items]\none = \"{{.Count}} item\"\nother = \"{{.Count}} items\"\n[time]\ndate_time = \"{{.Date}}, {{.Time}} UTC\"\n")},
		"pl.toml": {Data: []byte("greet = \"Cześć, {{.Name}}\"\n[items]\none = \"{{.Count}} plik\"\nfew = \"{{.Count}} pliki\"\nmany = \"{{.Count}} plików\"\nother = \"{{.Count}} pliku\"\n")},
	})
	for _, c := range []struct {
		accept              []string
		lang, greet, items  string
		only, date, million string
	}{
		{nil, "en", "Hello, <Al>", "1,234 items", "English", "Nov 22, 2026", "1,000,000"},
		{[]string{"pl"}, "pl", "Cześć, <Al>", "1 234 pliki", "English", "22 lis 2026", "1 000 000"},
		{[]string{"xx, pl-PL;q=0.9, en;q=0.8"}, "pl", "Cześć, <Al>", "1 234 pliki", "English", "22 lis 2026", "1 000 000"},
		{[]string{"pl;q=0.5, en-GB"}, "en", "Hello, <Al>", "1,234 items", "English", "22 Nov 2026", "1,000,000"},
		{[]string{"ja"}, "en", "Hello, <Al>", "1,234 items", "English", "Nov 22, 2026", "1,000,000"},
		{[]string{"fr pl"}, "pl", "Cześć, <Al>", "1 234 pliki", "English", "22 lis 2026", "1 000 000"}, // ui_locales
		{[]string{";;;\x00", "pl"}, "pl", "Cześć, <Al>", "1 234 pliki", "English", "22 lis 2026", "1 000 000"},
	} {
		text := catalogue.For(c.accept...)
		for _, got := range [][2]string{
			{text.Lang(), c.lang},
			{text.T("greet", "Name", "<Al>"), c.greet},
			{text.N("items", 1234), c.items},
			{text.T("only"), c.only},
			{text.Date(since), c.date},
			{text.Number(1000000), c.million},
			{text.T("no.such.key"), "no.such.key"},
		} {
			if plain(got[0]) != got[1] {
				t.Errorf("%q: got %q, want %q", c.accept, got[0], got[1])
			}
		}
	}
}

// plain makes the spaces CLDR puts between digits visible as spaces.
func plain(s string) string {
	out := []rune(s)
	for i, r := range out {
		if r == '\u00a0' || r == '\u202f' {
			out[i] = ' '
		}
	}
	return string(out)
}

func TestDurationsAreInWords(t *testing.T) {
	text := TheCatalogue().For("en")
	for d, want := range map[time.Duration]string{
		-time.Second:                  "0 seconds",
		0:                             "0 seconds",
		time.Millisecond:              "1 second",
		45 * time.Second:              "45 seconds",
		time.Minute:                   "1 minute",
		10 * time.Minute:              "10 minutes",
		90 * time.Minute:              "1 hour 30 minutes",
		12 * time.Hour:                "12 hours",
		36 * time.Hour:                "1 day 12 hours",
		30 * 24 * time.Hour:           "30 days",
		2000 * 24 * time.Hour:         "2,000 days",
		24*time.Hour + 59*time.Second: "1 day",
		59*time.Minute + 59*time.Second + time.Millisecond: "1 hour",
	} {
		if got := text.Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestTimesSayThatTheyAreUTC(t *testing.T) {
	at := since.In(time.FixedZone("", 9*3600))

	if got, want := plain(TheCatalogue().For("en").DateTime(at)), "Nov 22, 2026, 2:03 pm UTC"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := plain(TheCatalogue().For("en-GB").DateTime(at)), "22 Nov 2026, 14:03 UTC"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestGermanIsForThoseWhoAskForIt(t *testing.T) {
	catalogue := TheCatalogue()
	for accept, want := range map[string]string{
		"": "en", "*": "en", "xx": "en", "ja": "en", "fr-FR, ja;q=0.5": "en", "\x00;;": "en", "en, de": "en", "en-GB;q=0.9, de;q=0.5": "en", "fr, en;q=0.5": "en",
		"de": "de", "de-AT": "de", "DE-ch, en;q=0.5": "de", "fr, de;q=0.9, en;q=0.8": "de", "de en": "de",
	} {
		if got := catalogue.For(accept).Lang(); got != want {
			t.Errorf("Accept-Language %q: got %q, want %q", accept, got, want)
		}
	}
	if got := catalogue.For().Lang(); got != "en" {
		t.Errorf("without Accept-Language: got %q, want English", got)
	}
}

func TestTimesReadWellInGerman(t *testing.T) {
	text := TheCatalogue().For("de-DE")
	ago := func(d time.Duration) string { return text.Ago(since, since.Add(d)) }
	for _, c := range [][2]string{
		{text.DateTime(since), "22.11.2026, 14:03 UTC"},
		{text.ShortDate(since), "22. Nov."},
		{text.Number(1234567), "1.234.567"},
		{text.Duration(36 * time.Hour), "1 Tag 12 Stunden"},
		{text.Duration(30 * 24 * time.Hour), "30 Tage"},
		{ago(0), "gerade eben"},
		{ago(time.Minute), "vor 1 Minute"},
		{ago(47 * time.Hour), "vor 47 Stunden"},
		{ago(3 * 24 * time.Hour), "vor 3 Tagen"},
		{ago(60 * 24 * time.Hour), "22.11.2026"},
	} {
		if plain(c[0]) != c[1] {
			t.Errorf("got %q, want %q", c[0], c[1])
		}
	}
}
