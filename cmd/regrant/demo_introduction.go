package main

import (
	"fmt"
	"io"
)

// demoIntroduction is where the demo is and how to sign in, in JSON.
type demoIntroduction struct {
	App      string `json:"application"`
	Issuer   string `json:"issuer"`
	API      string `json:"api"`
	Email    string `json:"email"`
	Password string `json:"password"`

	Dashboard     string `json:"dashboard"`
	AdminEmail    string `json:"admin_email"`
	AdminPassword string `json:"admin_password"`
}

// demoElsewhereIntroduction is the same of the application alone.
type demoElsewhereIntroduction struct {
	App         string `json:"application"`
	RedirectURI string `json:"redirect_uri"`
	Issuer      string `json:"issuer"`
	ClientID    string `json:"client_id"`
	Dashboard   string `json:"dashboard"`
}

func (d *demo) introduction() any {
	if d.elsewhere() {
		return demoElsewhereIntroduction{d.app.url, d.callback(), d.issuer, d.client.id, d.dashboard("")}
	}
	return demoIntroduction{d.app.url, d.issuer, d.api.url, d.person.email, d.person.password, d.dashboard(""), d.admin.email, d.admin.password}
}

func (d *demo) introduce(w io.Writer) {
	fmt.Fprintf(w, "\n  Open %s\n\n", d.app.url)
	if d.elsewhere() {
		sheet(w, "    Server", d.issuer, "    Client", d.client.id, "    Redirect URI", d.callback(), "    Dashboard", d.dashboard(""))
		fmt.Fprint(w, "\n  The client must have this redirect URI. Ctrl+C ends the demo.\n\n")
		return
	}
	sheet(w, "    Application", d.app.url, "    Regrant", d.issuer, "    API", d.api.url,
		"    Person", d.person.email+"  "+d.person.password, "    Dashboard", d.dashboard(""), "    Admin", d.admin.email+"  "+d.admin.password)
	fmt.Fprint(w, "\n  All of it is gone when you press Ctrl+C.\n\n")
}

// dashboard is the address of a page of the server's dashboard.
func (d *demo) dashboard(path string) string { return d.issuer + "/admin" + path }
