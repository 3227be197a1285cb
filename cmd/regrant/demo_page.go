package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"regrant/web/view"
)

// show renders the page in the state that the visitor is in.
func (d *demo) show(w http.ResponseWriter, r *http.Request) {
	v := d.visitors.of(w, r)
	v.mu.Lock()
	page, err := d.page(r, v)
	v.mu.Unlock()
	var b bytes.Buffer
	if err == nil {
		err = page.Render(r.Context(), &b)
	}
	if err != nil {
		d.log.Error("show the demo's page", "err", err.Error())
		http.Error(w, "the page could not be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(b.Bytes()) // a browser that has gone away
}

func (d *demo) page(r *http.Request, v *demoVisitor) (view.Demo, error) {
	t := d.catalogue.For(r.Header.Get("Accept-Language"))
	p := view.Demo{
		Frame: view.Frame{Text: t}, Version: v.showing(), Dashboard: d.dashboard(""),
		App:    view.DemoParty{Name: t.T("demo.party.app"), Role: t.T("demo.party.app_role"), Host: d.app.name, Port: d.app.port},
		Server: view.DemoParty{Name: view.Brand, Role: t.T("demo.party.server_role"), Host: d.server.name, Port: d.server.port},
		Groups: d.buttons(t, v), Scene: demoOutlook(t, d.opens.party),
	}
	if d.elsewhere() {
		p.ClientID, p.RedirectURI = d.client.id, d.callback()
	} else {
		p.Email, p.Password, p.AdminEmail, p.AdminPassword = d.person.email, d.person.password, d.admin.email, d.admin.password
		p.API = view.DemoParty{Name: t.T("demo.party.api"), Role: t.T("demo.party.api_role"), Host: d.api.name, Port: d.api.port}
	}
	if ahead := d.clock.Ahead(); ahead > 0 {
		p.Ahead = t.Duration(ahead)
	}
	scenes := v.scenes
	if v.pending != nil && v.tokens == nil {
		under := d.scene("demo.scene.sign_in.title", demoSays("demo.scene.sign_in.rule"), "", v.pending.tape)
		scenes = slices.Insert(slices.Clone(scenes), 0, under)
	}
	lit := [9]bool{}
	for i, s := range scenes {
		if i > 0 {
			p.Earlier = append(p.Earlier, d.tell(t, s))
			continue
		}
		p.Scene = d.tell(t, s)
		for _, a := range s.arrows {
			lit[a.Step] = true
		}
	}
	for i, title := range []string{
		t.T("demo.step.ask"), t.T("demo.step.tokens"), t.T("demo.step.call"), t.T("demo.step.resource"), t.T("demo.step.dead"), t.T("demo.step.refused"),
		t.T("demo.step.refresh"), t.T("demo.step.renewed"),
	} {
		p.Steps = append(p.Steps, view.DemoStep{Title: title, Lit: lit[i+1], Seen: v.seen[i+1]})
	}
	if v.tokens != nil {
		p.Name = v.tokens.name
		var err error
		if p.Access, err = d.accessToken(t, v.tokens); err != nil {
			return p, err
		}
		p.Refresh = demoRefreshToken(v.tokens)
	}
	if held := cmp.Or(v.tokens, v.last); held != nil && held.grant != "" {
		p.GrantURL = d.dashboard("/grants/" + url.PathEscape(held.grant))
	}
	if d.elsewhere() {
		return p, nil
	}
	story, err := d.story(r.Context(), t, v)
	p.Story = story
	return p, err
}

// demoTour is what a newcomer should press, in order: once around the eight steps, then what can go wrong.
var demoTour = []string{"call", "expire", "refresh", "twice", "lose", "wider", "secret", "replay"}

// offers says whether a button makes sense here at all: a server elsewhere has its own clock, and a public client no secret.
func (d *demo) offers(act string) bool {
	switch act {
	case "expire":
		return !d.elsewhere()
	case "secret":
		return d.client.secret != ""
	}
	return true
}

// buttons are the buttons, and which of them to press next.
func (d *demo) buttons(t *view.Text, v *demoVisitor) []view.DemoGroup {
	next := "sign-in"
	if v.tokens != nil {
		next = ""
		for _, name := range slices.Backward(demoTour) {
			if !v.done[name] && d.offers(name) {
				next = name
			}
		}
	}
	button := func(name, title string) view.DemoAct {
		return view.DemoAct{Name: name, Title: title, Next: name == next, Off: v.tokens == nil}
	}
	signIn := button("sign-in", t.T("demo.act.sign_in"))
	signIn.Leave, signIn.Off = true, false
	over := button("over", t.T("demo.act.over"))
	over.Off = false
	call := button("call", t.T("demo.act.call"))
	if d.elsewhere() {
		call.Title = t.T("demo.act.call_userinfo")
	}
	groups := []view.DemoGroup{
		{Title: t.T("demo.group.day"), Acts: []view.DemoAct{signIn, call, button("expire", t.T("demo.act.expire")), button("refresh", t.T("demo.act.refresh"))}},
		{Title: t.T("demo.group.trouble"), Acts: []view.DemoAct{
			button("twice", t.T("demo.act.twice")), button("lose", t.T("demo.act.lose")), button("wider", t.T("demo.act.wider")),
			button("secret", t.T("demo.act.secret")), button("replay", t.T("demo.act.replay")),
		}},
		{Title: t.T("demo.group.end"), Acts: []view.DemoAct{button("sign-out", t.T("demo.act.sign_out")), over}},
	}
	for i := range groups {
		groups[i].Acts = slices.DeleteFunc(groups[i].Acts, func(act view.DemoAct) bool { return !d.offers(act.Name) })
	}
	return groups
}

// demoOutlook shows the eight steps before they happen; api is the column of what the access token opens.
func demoOutlook(t *view.Text, api string) view.DemoScene {
	const app, server = view.DemoApp, view.DemoServer
	return view.DemoScene{
		Title: t.T("demo.scene.outlook.title"), Rule: t.T("demo.scene.outlook.rule"),
		Arrows: []view.DemoArrow{
			{From: app, To: server, Step: 1, Says: t.T("demo.says.outlook_ask")},
			{From: server, To: app, Step: 2, Answer: true, Says: t.T("demo.says.outlook_tokens")},
			{From: app, To: api, Step: 3, Says: t.T("demo.says.outlook_call")},
			{From: api, To: app, Step: 4, Answer: true, Says: t.T("demo.says.outlook_resource")},
			{From: app, To: api, Step: 5, Says: t.T("demo.says.outlook_dead")},
			{From: api, To: app, Step: 6, Answer: true, Says: t.T("demo.says.outlook_refused")},
			{From: app, To: server, Step: 7, Says: t.T("demo.says.outlook_refresh")},
			{From: server, To: app, Step: 8, Answer: true, Says: t.T("demo.says.outlook_renewed")},
		},
	}
}

// scene is what a button did, by what is on its tape.
func (d *demo) scene(title string, rule demoText, tone string, t *demoTape) demoScene {
	return demoScene{title: demoSays(title), rule: rule, tone: tone, at: d.clock.Wall(), arrows: t.all()}
}

// surprise is a scene whose answers are not what they should be.
func (d *demo) surprise(t *demoTape) demoScene {
	return d.scene("demo.scene.surprise.title", demoSays("demo.scene.surprise.rule"), "bad", t)
}

// tell tells a scene in a reader's language.
func (d *demo) tell(t *view.Text, s demoScene) view.DemoScene {
	scene := view.DemoScene{Title: s.title.in(t), Rule: s.rule.in(t), Tone: s.tone, Time: s.at.Format(time.TimeOnly)}
	for _, a := range s.arrows {
		scene.Arrows = append(scene.Arrows, view.DemoArrow{
			From: a.From, To: a.To, Answer: a.Answer, Lost: a.Lost, Tone: a.Tone, Step: a.Step, Who: demoSays(a.Who).in(t), Line: a.Line,
			Says: a.Says.in(t), Token: a.Token, Message: a.Message,
		})
		if id := a.Refused.RequestID; id != "" {
			why := d.dashboard("/refusals?" + url.Values{"request_id": {id}}.Encode())
			scene.Refusals = append(scene.Refusals, view.DemoRefusal{Code: a.Refused.Code, RequestID: id, URL: why})
		}
	}
	return scene
}

// accessToken shows what an access token says.
func (d *demo) accessToken(t *view.Text, tokens *demoTokens) (*view.DemoAccess, error) {
	a := &view.DemoAccess{Short: shorten(tokens.access), Left: tokens.expires.Sub(d.clock.Wall()), Lifetime: tokens.life}
	header, claims, err := splitJWT(tokens.access)
	if err != nil {
		return a, nil // an opaque one, which only the server can read
	}
	if a.Header, err = demoMembers(header); err != nil {
		return nil, err
	}
	a.Claims, err = demoMembers(claims)
	for i, c := range a.Claims {
		if at, err := strconv.ParseInt(c.Value, 10, 64); err == nil {
			a.Claims[i].Note = time.Unix(at, 0).UTC().Format(time.TimeOnly)
		}
	}
	return a, err
}

// demoMembers lists the members of a JSON object in their order.
func demoMembers(object []byte) ([]view.DemoField, error) {
	var fields []view.DemoField
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		text := string(value)
		if s := ""; json.Unmarshal(value, &s) == nil {
			text = s
		}
		key, _ := name.(string)
		fields = append(fields, view.DemoField{Name: key, Value: text})
	}
	return fields, nil
}

// shownGenerations is how many spent generations are shown.
const shownGenerations = 6

func demoRefreshToken(tokens *demoTokens) *view.DemoRefresh {
	r := &view.DemoRefresh{Generation: tokens.generation(), Short: shorten(tokens.current())}
	for n := max(0, r.Generation-shownGenerations); n < r.Generation; n++ {
		r.Spent = append(r.Spent, n)
	}
	return r
}
