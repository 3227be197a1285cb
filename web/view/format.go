package view

import (
	"strings"
	"time"

	"github.com/go-playground/locales"
	"github.com/go-playground/locales/da"
	"github.com/go-playground/locales/de"
	"github.com/go-playground/locales/en"
	"github.com/go-playground/locales/en_GB"
	"github.com/go-playground/locales/es"
	"github.com/go-playground/locales/fr"
	"github.com/go-playground/locales/it"
	"github.com/go-playground/locales/ja"
	"github.com/go-playground/locales/nl"
	"github.com/go-playground/locales/pl"
	"github.com/go-playground/locales/pt"
	"github.com/go-playground/locales/sv"
	"github.com/go-playground/locales/uk"
	"github.com/go-playground/locales/zh"
	"golang.org/x/text/language"
)

// formats are the CLDR formats of dates, times and numbers for the languages a message file may come in.
type formats struct {
	tags    []language.Tag
	of      []locales.Translator
	matcher language.Matcher
}

func newFormats() formats {
	f := formats{of: []locales.Translator{
		en.New(), en_GB.New(), da.New(), de.New(), es.New(), fr.New(), it.New(), ja.New(), nl.New(), pl.New(), pt.New(),
		sv.New(), uk.New(), zh.New(),
	}}
	for _, l := range f.of {
		f.tags = append(f.tags, language.Make(l.Locale()))
	}
	f.matcher = language.NewMatcher(f.tags)
	return f
}

// forReader returns the formats of the wanted region (en-GB for en-AU) where its language is that of the texts, since
// a German date within an English sentence reads badly.
func (f formats) forReader(texts language.Tag, wanted []language.Tag) locales.Translator {
	base, _ := texts.Base()
	for _, tag := range wanted {
		if b, _ := tag.Base(); b == base {
			_, i, _ := f.matcher.Match(tag)
			return f.of[i]
		}
	}
	_, i, _ := f.matcher.Match(texts)
	return f.of[i]
}

// Here gives at in the zone that the reader has chosen, else in UTC.
func (t *Text) Here(at time.Time) time.Time {
	if t.zone == nil {
		return at.UTC()
	}
	return at.In(t.zone)
}

// Zone returns what the zone of Here is called at that time, as "UTC", "CEST" or, where it has no name, "UTC+03".
func (t *Text) Zone(at time.Time) string {
	name := t.Here(at).Format("MST")
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		return "UTC" + name
	}
	return name
}

// Date returns the day of at in the reader's zone, as "Nov 22, 2026".
func (t *Text) Date(at time.Time) string { return t.format.FmtDateMedium(t.Here(at)) }

// DateTime returns day and minute of at in the reader's zone, and names that, as "Nov 22, 2026, 2:03 pm UTC".
func (t *Text) DateTime(at time.Time) string {
	here := t.Here(at)
	return t.T("time.date_time", "Date", t.format.FmtDateMedium(here), "Time", t.format.FmtTimeShort(here), "Zone", t.Zone(at))
}

// Exact returns at to the second in the reader's zone, as "2026-11-22 14:03:07 UTC".
func (t *Text) Exact(at time.Time) string { return t.Here(at).Format(time.DateTime) + " " + t.Zone(at) }

// Number returns n with the language's digit groups, as "1,284".
func (t *Text) Number(n int) string { return t.format.FmtNumber(float64(n), 0) }

// Duration returns d in words, in its one or two largest units, rounded up to the second: "30 days", "10 minutes",
// "1 hour 30 minutes".
func (t *Text) Duration(d time.Duration) string {
	seconds := int((max(d, 0) + time.Second - 1) / time.Second)
	units := []struct {
		key  string
		size int // seconds
	}{
		{"duration.days", 86400}, {"duration.hours", 3600}, {"duration.minutes", 60}, {"duration.seconds", 1},
	}
	for i, unit := range units {
		n := seconds / unit.size
		if n == 0 && unit.size > 1 {
			continue
		}
		words := t.N(unit.key, n)
		if i+1 < len(units) {
			if rest := seconds % unit.size / units[i+1].size; rest > 0 {
				return t.T("duration.pair", "Large", words, "Small", t.N(units[i+1].key, rest))
			}
		}
		return words
	}
	return "" // unreachable: seconds always give words
}
