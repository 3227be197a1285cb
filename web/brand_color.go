package web

import (
	"fmt"
	"math"
	"strings"
)

// rgb is a colour in sRGB, each part from 0 to 1.
type rgb struct{ r, g, b float64 }

// The colours of our own on which text of the accent stands, and those that stand on the accent; see assets/css/tokens.css.
var (
	white     = rgb{1, 1, 1}
	black     = rgb{}
	lightBack = []rgb{white, rgbOf(0xf6f7f9), rgbOf(0xf0f1f5)} // surface, page, sunken
	darkBack  = []rgb{rgbOf(0x171a21), rgbOf(0x0f1115), rgbOf(0x1f232c)}
	lightSoft = rgbOf(0x5b6475) // soft text, which stands on what is selected too
	darkSoft  = rgbOf(0x98a1b3)
)

// What WCAG 2.2 asks of contrast: text (1.4.3), and parts of a picture that mean something (1.4.11).
const (
	textContrast    = 4.5
	graphicContrast = 3.0
)

func rgbOf(n uint32) rgb {
	return rgb{float64(n>>16&0xff) / 255, float64(n>>8&0xff) / 255, float64(n&0xff) / 255}
}

// parseAccent reads #rrggbb, which app/settings has checked.
func parseAccent(s string) (rgb, bool) {
	var n uint32
	if _, err := fmt.Sscanf(s, "#%06x", &n); err != nil || len(s) != 7 {
		return rgb{}, false
	}
	return rgbOf(n), true
}

// String gives #rrggbb.
func (c rgb) String() string {
	part := func(v float64) int { return int(math.Round(max(0, min(1, v)) * 255)) }
	return fmt.Sprintf("#%02x%02x%02x", part(c.r), part(c.g), part(c.b))
}

// rounded is the colour as a browser gets it.
func (c rgb) rounded() rgb {
	rounded, _ := parseAccent(c.String())
	return rounded
}

// toward mixes c with other; share 0 is c, 1 is other.
func (c rgb) toward(other rgb, share float64) rgb {
	mix := func(a, b float64) float64 { return a + (b-a)*share }
	return rgb{mix(c.r, other.r), mix(c.g, other.g), mix(c.b, other.b)}.rounded()
}

// luminance is the relative luminance of WCAG 2.2.
func (c rgb) luminance() float64 {
	linear := func(v float64) float64 {
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.r) + 0.7152*linear(c.g) + 0.0722*linear(c.b)
}

// contrast is the contrast ratio of WCAG 2.2, from 1 to 21.
func (c rgb) contrast(other rgb) float64 {
	a, b := c.luminance(), other.luminance()
	return (max(a, b) + 0.05) / (min(a, b) + 0.05)
}

// until mixes c with end, a little more each time, until it has the contrast to all of those backgrounds.
func (c rgb) until(end rgb, contrast float64, on ...rgb) rgb {
	for share := 0.0; share < 1; share += 0.02 {
		mixed, enough := c.toward(end, share), true
		for _, back := range on {
			enough = enough && mixed.contrast(back) >= contrast
		}
		if enough {
			return mixed
		}
	}
	return end
}

// palette is what the accent makes of the colours that mean "act here" and "this is ours", in one scheme.
type palette struct{ action, hover, onAction, selected, brand, onBrand rgb }

// palettes makes both schemes of an accent. Whatever the accent, text in it and on it can be read: where its own lightness does
// not do, it is darkened for light pages and lightened for dark ones.
func palettes(accent rgb) (light, dark palette) {
	light.selected = accent.toward(white, 0.88).until(white, textContrast, lightSoft)
	light.action = accent.until(black, textContrast, append(lightBack, light.selected)...)
	light.hover = light.action.toward(black, 0.18)
	light.onAction = white
	light.brand, light.onBrand = light.action, white

	dark.selected = accent.toward(darkBack[0], 0.72).until(darkBack[0], textContrast, darkSoft)
	dark.action = accent.until(white, textContrast, append(darkBack, dark.selected)...)
	dark.hover = dark.action.toward(white, 0.25)
	dark.onAction = accent.toward(black, 0.8).until(black, textContrast, dark.action, dark.hover)
	// The mark is white on the accent, and stands on the page: light enough for the one, dark enough for the other.
	dark.brand, dark.onBrand = accent.until(white, graphicContrast, darkBack...), white
	dark.brand = dark.brand.until(black, graphicContrast, white)
	return light, dark
}

// accentSheet is the stylesheet that gives our meanings the colours of the accent. It comes after ours, in the same layer.
func accentSheet(accent rgb) string {
	light, dark := palettes(accent)
	var css strings.Builder
	css.WriteString("@layer tokens {\n  :root {\n")
	for _, token := range []struct {
		name        string
		light, dark rgb
	}{
		{"brand", light.brand, dark.brand},
		{"on-brand", light.onBrand, dark.onBrand},
		{"action", light.action, dark.action},
		{"action-hover", light.hover, dark.hover},
		{"on-action", light.onAction, dark.onAction},
		{"selected", light.selected, dark.selected},
	} {
		fmt.Fprintf(&css, "    --color-%s: light-dark(%s, %s);\n", token.name, token.light, token.dark)
	}
	css.WriteString("  }\n}\n")
	return css.String()
}
