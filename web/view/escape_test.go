package view

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"golang.org/x/net/html"
)

// hostile is text as a client, a person or a query may bring it along.
var hostile = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`' onfocus=alert(1) autofocus x='`,
	`</title></textarea></style></template><svg onload=alert(1)>`,
	`javascript:alert(1)`,
	"java\tscript:alert(1)",
	`data:text/html,<script>alert(1)</script>`,
	`{{.Host}}{{range}}`,
	"\x00Host\x00<b>",
	`&lt;script&gt;&#60;img&#62;`,
	"\u202egnp.exe\u202d<u>",
	`--><script>alert(1)</script><!--`,
}

// pagesWith returns every page with value in every field of text, in all their variants.
func pagesWith(value string) map[string]templ.Component {
	frame := Frame{Text: TheCatalogue().For("en")}
	pages := map[string]templ.Component{}
	for _, page := range []templ.Component{Login{}, SelectAccount{}, NoAccess{}, SignOut{}, SignedOut{}, Home{}, ErrorPage{}, Docs{}, Demo{}} {
		v := reflect.New(reflect.TypeOf(page)).Elem()
		fill(v, value, frame)
		pages[v.Type().Name()] = v.Interface().(templ.Component)
	}
	for _, target := range []Target{TargetWeb, TargetLoopback, TargetApp} {
		var consent Consent
		fill(reflect.ValueOf(&consent).Elem(), value, frame)
		consent.Target = target
		pages[fmt.Sprint("Consent ", target)] = consent
	}
	return pages
}

func fill(v reflect.Value, value string, frame Frame) {
	switch v.Interface().(type) {
	case Frame:
		v.Set(reflect.ValueOf(frame))
		return
	case time.Time:
		v.Set(reflect.ValueOf(since))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(value)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(int64(time.Hour))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), value, frame)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), value, frame)
		fill(v.Index(1), value, frame)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), value, frame)
	case reflect.Interface:
		v.Set(reflect.ValueOf(templ.NopComponent))
	}
}

func TestWEB_12_NoTextFromOutsideBecomesMarkup(t *testing.T) {
	for name, benign := range pagesWith("benign") {
		want := skeleton(t, render(t, benign))

		for _, value := range hostile {
			page := render(t, pagesWith(value)[name])

			if got := skeleton(t, page); got != want {
				t.Errorf("%s with %q has other elements:\n got %s\nwant %s", name, value, got, want)
			}
			if name != "SignedOut" && !strings.Contains(page, templ.EscapeString(value)) && !strings.Contains(value, "\x00") {
				t.Errorf("%s does not show %q", name, value)
			}
		}
	}
}

// skeleton returns the elements of a page with the names of their attributes, and fails for an address that runs
// script.
func skeleton(t *testing.T, page string) string {
	t.Helper()
	var s strings.Builder
	for token := range tokens(t, page) {
		if token.Type == html.TextToken || token.Type == html.DoctypeToken {
			continue
		}
		s.WriteString(token.Type.String() + " " + token.Data)
		for _, a := range token.Attr {
			s.WriteString(" " + a.Key)
			address := strings.ToLower(strings.Join(strings.Fields(a.Val), ""))
			switch a.Key {
			case "href", "src", "action", "formaction":
				if strings.HasPrefix(address, "javascript:") || strings.HasPrefix(address, "data:") {
					t.Errorf("%s of %s is %q", a.Key, token.Data, a.Val)
				}
			}
		}
		s.WriteByte('\n')
	}
	return s.String()
}
