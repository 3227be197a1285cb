package assets

import (
	"bytes"
	"strings"
)

// sheets are the theme's stylesheets, one concept a file. Each puts itself into a cascade layer of layers.css, so their
// order here does not matter.
var sheets = []string{
	"font", "tokens", "base", "button", "form", "card", "notice", "table",
	"page", "consent", "factor", "docs", "passkey",
}

// scripts are the modules of the page's one script. Each enhances markup that works without it.
var scripts = []string{"submit", "form-post", "copy", "reveal", "time", "theme-switch", "scroll", "passkey"}

// adminSheets and adminScripts are what the pages for admins load besides.
var (
	adminSheets  = []string{"admin", "admin-nav", "admin-field", "admin-table", "admin-people", "admin-settings", "admin-client", "admin-client-form", "admin-overview", "admin-rehearsal", "admin-refusal", "admin-grant", "admin-audit", "admin-grants", "account"}
	adminScripts = []string{"select-all", "token-head"}
)

// demoSheets are what the page of "regrant demo" loads besides; no other page does.
var demoSheets = []string{"demo", "demo-stage", "demo-sequence", "demo-message", "demo-sides", "demo-play"}

// stylesheet joins Oat, in a layer below all of ours, and the theme. The typeface is addressed beside the stylesheet,
// so that it is found under any path of the issuer.
func stylesheet(font string) []byte {
	var css bytes.Buffer
	css.Write(read("css/layers.css"))
	css.WriteString("/* Oat 0.6.1, MIT licence, © 2026 Kailash Nadh */\n@layer oat {")
	css.Write(read("css/oat.css"))
	css.WriteString("}\n")
	for _, name := range sheets {
		css.Write(read("css/" + name + ".css"))
	}
	return []byte(strings.ReplaceAll(css.String(), "inter.woff2", font))
}

// further joins stylesheets that only some pages load; their layers are those of the stylesheet.
func further(sheets []string) []byte {
	var css bytes.Buffer
	for _, name := range sheets {
		css.Write(read("css/" + name + ".css"))
	}
	return css.Bytes()
}

// script joins modules, each in a block of its own so that names do not meet.
func script(scripts []string) []byte {
	var js bytes.Buffer
	for _, name := range scripts {
		js.WriteString("{\n")
		js.Write(read("js/" + name + ".js"))
		js.WriteString("}\n")
	}
	return js.Bytes()
}

// licences joins the licences of what is bundled, which ask to travel with every copy.
func licences() []byte {
	var text bytes.Buffer
	for _, of := range []string{"oat", "inter", "lucide"} {
		text.WriteString("==== " + of + " ====\n\n")
		text.Write(read("licence/" + of + ".txt"))
		text.WriteString("\n")
	}
	return text.Bytes()
}
