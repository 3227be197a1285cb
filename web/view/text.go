package view

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/go-playground/locales"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"regrant/assets"
)

// Catalogue holds the messages of all languages. It does not change once made and may be shared.
type Catalogue struct {
	bundle  *i18n.Bundle
	matcher language.Matcher // over the bundle's tags
	tags    []language.Tag
	formats formats
}

// TheCatalogue gives the embedded messages, several TOML files a language; English is the first and the fallback. They are read at
// the first call, which takes as long as all the rest of a start. It panics where a file cannot be read, which a test would have seen.
var TheCatalogue = sync.OnceValue(func() *Catalogue { return newCatalogue(assets.Text()) })

func newCatalogue(texts fs.FS) *Catalogue {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	names, err := fs.Glob(texts, "*.toml")
	if err != nil {
		panic("view.TheCatalogue: " + err.Error()) // unreachable: the pattern is well formed
	}
	for _, name := range names {
		content, err := fs.ReadFile(texts, name)
		if err != nil {
			panic("view.TheCatalogue: " + err.Error()) // unreachable: the file is embedded
		}
		bundle.MustParseMessageFileBytes(content, path.Base(name))
	}
	tags := bundle.LanguageTags()
	return &Catalogue{bundle: bundle, matcher: language.NewMatcher(tags), tags: tags, formats: newFormats()}
}

// For returns the texts in the language that suits best what the reader accepts: values of Accept-Language
// (RFC 9110 §12.5.4) or of ui_locales, the most wanted first. Without a match it is English.
func (c *Catalogue) For(acceptLanguage ...string) *Text {
	return c.text(accepted(acceptLanguage))
}

// ForReader is For in the language that the reader has chosen, as a BCP 47 tag; "" leaves it to what they accept. Dates and numbers
// follow the region that they accept, where its language is the chosen one.
func (c *Catalogue) ForReader(chosen string, acceptLanguage ...string) *Text {
	wanted := accepted(acceptLanguage)
	tag, err := language.Parse(chosen)
	if err != nil {
		return c.text(wanted)
	}
	base, _ := tag.Base()
	regions := slices.DeleteFunc(slices.Clone(wanted), func(t language.Tag) bool { b, _ := t.Base(); return b != base })
	return c.text(slices.Concat(regions, []language.Tag{tag}, wanted))
}

// Languages are the tags of the languages that there are texts in, English first.
func (c *Catalogue) Languages() []string {
	tags := make([]string, len(c.tags))
	for i, tag := range c.tags {
		tags[i] = tag.String()
	}
	return tags
}

func (c *Catalogue) text(wanted []language.Tag) *Text {
	_, i, _ := c.matcher.Match(wanted...)
	tag := c.tags[i]
	return &Text{
		tag:       tag,
		localizer: i18n.NewLocalizer(c.bundle, tag.String()),
		format:    c.formats.forReader(tag, wanted),
	}
}

// accepted parses the values. One language that nobody knows must not lose the others of its value.
func accepted(values []string) (wanted []language.Tag) {
	for _, value := range values {
		if !strings.ContainsAny(value, ",;") {
			value = strings.Join(strings.Fields(value), ",") // ui_locales separates by spaces
		}
		tags, _, err := language.ParseAcceptLanguage(value)
		if err == nil {
			wanted = append(wanted, tags...)
			continue
		}
		for part := range strings.SplitSeq(value, ",") {
			if tags, _, err := language.ParseAcceptLanguage(part); err == nil {
				wanted = append(wanted, tags...)
			}
		}
	}
	return wanted
}

// Text gives texts, numbers and times in one reader's language.
type Text struct {
	tag       language.Tag
	localizer *i18n.Localizer
	format    locales.Translator
	zone      *time.Location // nil: times are told in UTC, and a script tells them in the zone of the browser
}

// In gives the same texts with times in that zone; nil leaves it to the browser.
func (t *Text) In(zone *time.Location) *Text {
	there := *t
	there.zone = zone
	return &there
}

// Lang is the language of the texts as a BCP 47 tag, for the page's lang attribute.
func (t *Text) Lang() string { return t.tag.String() }

// T returns the message called key. data are pairs of a name and its value for the message's {{.Name}}; values are put
// in as they are and escaped by the page. A message that is missing shows its key.
func (t *Text) T(key string, data ...any) string {
	return t.localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: named(key, data)})
}

// N returns the message called key in the plural form that n asks for in this language; {{.Count}} is n, formatted.
func (t *Text) N(key string, n int, data ...any) string {
	values := named(key, data)
	values["Count"] = t.Number(n)
	return t.localize(&i18n.LocalizeConfig{MessageID: key, PluralCount: n, TemplateData: values})
}

func (t *Text) localize(config *i18n.LocalizeConfig) string {
	// With an error the text may still be there: the English one, where this language lacks it.
	text, _ := t.localizer.Localize(config)
	return cmp.Or(text, config.MessageID)
}

func named(key string, pairs []any) map[string]any {
	if len(pairs)%2 != 0 {
		panic("view.Text: a name without a value for " + key)
	}
	values := make(map[string]any, len(pairs)/2+1)
	for i := 0; i < len(pairs); i += 2 {
		values[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return values
}
