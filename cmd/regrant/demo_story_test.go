package main

import (
	"net/url"
	"strings"
	"testing"
)

// The admin's pages tell the same story from the other side, and lead on from the links that the application shows.
func TestTheDemoTellsItsStoryToTheAdmin(t *testing.T) {
	d := newTestDemo(t)
	b, admin := d.browser(t), d.browser(t)
	b.signIn("allow")
	id := b.visitor().tokens.grant
	b.press("lose")
	b.press("replay")
	request := ""
	for _, a := range b.visitor().scenes[0].arrows {
		if a.Refused.Code == "invalid_grant" && request == "" {
			request = a.Refused.RequestID
		}
	}
	_, page := admin.send("GET", d.issuer+"/login?return=/admin", nil)
	form := url.Values{"email": {d.admin.email}, "password": {d.admin.password}}
	for _, m := range formStart.FindAllStringSubmatch(page, -1) {
		for _, f := range hiddenField.FindAllStringSubmatch(m[2], -1) {
			if m[1] == "/login" {
				form.Set(f[1], f[2])
			}
		}
	}
	admin.send("POST", d.issuer+"/login", form)
	if err := d.engine.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	_, life := admin.send("GET", d.dashboard("/grants/"+id), nil)
	_, why := admin.send("GET", d.dashboard("/refusals?request_id="+request), nil)

	for _, want := range []string{"Alice Archer", "Signed in and allowed", "Retry answered with the same token", "An old refresh token came again", "theft"} {
		if !strings.Contains(life, want) {
			t.Errorf("the admin's page of the grant lacks %q", want)
		}
	}
	for _, want := range []string{"An old refresh token came again", request, "/admin/grants/" + id} {
		if !strings.Contains(why, want) {
			t.Errorf("the answer to why lacks %q", want)
		}
	}
}
