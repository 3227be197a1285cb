package web

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestContrastIsThatOfWCAG(t *testing.T) {
	for pair, want := range map[[2]uint32]float64{{0x000000, 0xffffff}: 21, {0x767676, 0xffffff}: 4.54, {0x3448c5, 0xffffff}: 7.29, {0x123456, 0x123456}: 1} {
		if got := rgbOf(pair[0]).contrast(rgbOf(pair[1])); got < want-0.02 || got > want+0.02 {
			t.Errorf("%06x on %06x: %.2f, want %.2f", pair[0], pair[1], got, want)
		}
	}
}

func TestWhateverTheAccentTextInItAndOnItCanBeRead(t *testing.T) {
	const step = 0x11 // 16 values of each part
	for n := range 16 * 16 * 16 {
		accent := rgbOf(uint32(n>>8*step<<16 | n>>4&15*step<<8 | n&15*step))
		light, dark := palettes(accent)
		check := func(what string, a, b rgb, want float64) {
			t.Helper()
			if got := a.contrast(b); got < want {
				t.Errorf("accent %s: %s (%s on %s) has %.2f, want %.1f", accent, what, a, b, got, want)
			}
		}
		for _, back := range append(lightBack, light.selected) {
			check("light action", light.action, back, textContrast)
			check("light hover", light.hover, back, textContrast)
		}
		for _, back := range append(darkBack, dark.selected) {
			check("dark action", dark.action, back, textContrast)
			check("dark hover", dark.hover, back, textContrast)
		}
		for scheme, p := range map[string]palette{"light": light, "dark": dark} {
			check(scheme+" button", p.onAction, p.action, textContrast)
			check(scheme+" button, hovered", p.onAction, p.hover, textContrast)
			check(scheme+" mark", p.onBrand, p.brand, graphicContrast)
		}
		check("light mark", light.brand, lightBack[0], graphicContrast)
		check("dark mark", dark.brand, darkBack[0], graphicContrast)
		for _, text := range []rgb{rgbOf(0x171b24), lightSoft} {
			check("light selected", text, light.selected, textContrast)
		}
		for _, text := range []rgb{rgbOf(0xf0f1f5), darkSoft} {
			check("dark selected", text, dark.selected, textContrast)
		}
		if t.Failed() {
			return
		}
	}
}

func TestAnAccentThatCanBeReadStaysAsItIs(t *testing.T) {
	accent, _ := parseAccent("#3448c5")
	if light, _ := palettes(accent); light.action != accent {
		t.Errorf("got %s", light.action)
	}
}

func TestTheSheetOfAnAccentHoldsColoursAndNothingElse(t *testing.T) {
	line := regexp.MustCompile(`^    --color-[a-z-]+: light-dark\(#[0-9a-f]{6}, #[0-9a-f]{6}\);$`)
	accent, ok := parseAccent("#c2410c")
	if !ok {
		t.Fatal("not parsed")
	}
	lines := strings.Split(strings.TrimSpace(accentSheet(accent)), "\n")
	if len(lines) != 10 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, l := range lines[2:8] {
		if !line.MatchString(l) {
			t.Errorf("%q", l)
		}
	}
	for _, bad := range []string{"", "#fff", "c2410c", "#c2410", "#c2410cc", "#zzzzzz", "#c2410c;}"} {
		if c, ok := parseAccent(bad); ok {
			t.Errorf("%q is taken for %s", bad, fmt.Sprint(c))
		}
	}
}

// TestTheColoursThatAccentsAreMeasuredAgainstAreThoseOfTheTheme keeps this file and the theme from drifting apart.
func TestTheColoursThatAccentsAreMeasuredAgainstAreThoseOfTheTheme(t *testing.T) {
	css, err := os.ReadFile("../assets/css/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	raw := map[string]string{}
	for _, m := range regexp.MustCompile(`--([a-z]+-\d+): (#[0-9a-f]+);`).FindAllStringSubmatch(string(css), -1) {
		raw[m[1]] = m[2]
		if len(m[2]) == 4 {
			raw[m[1]] = "#" + strings.Repeat(m[2][1:2], 2) + strings.Repeat(m[2][2:3], 2) + strings.Repeat(m[2][3:4], 2)
		}
	}
	for meaning, want := range map[string][2]rgb{
		"surface": {lightBack[0], darkBack[0]}, "page": {lightBack[1], darkBack[1]}, "sunken": {lightBack[2], darkBack[2]}, "text-soft": {lightSoft, darkSoft},
	} {
		m := regexp.MustCompile(`--color-` + meaning + `: light-dark\(var\(--([a-z]+-\d+)\), var\(--([a-z]+-\d+)\)\);`).FindStringSubmatch(string(css))
		if m == nil || raw[m[1]] != want[0].String() || raw[m[2]] != want[1].String() {
			t.Errorf("%s: the theme has %v (%s, %s), measured against %s and %s", meaning, m, raw[m[1]], raw[m[2]], want[0], want[1])
		}
	}
}
