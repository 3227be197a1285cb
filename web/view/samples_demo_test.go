package view

import "time"

// sampleDemo is the demo before anything has happened.
func sampleDemo(f Frame) Demo {
	t := f.Text
	return Demo{
		Frame: f, Version: "1", Email: "alice@example.com", Password: "abcd-efgh-ijkl-mnop",
		Dashboard: "http://127.0.0.1:8080/admin", AdminEmail: "admin@example.com", AdminPassword: "qrst-uvwx-yzab-cdef",
		App:    DemoParty{Name: t.T("demo.party.app"), Role: t.T("demo.party.app_role"), Host: "127.0.0.1", Port: "8081"},
		Server: DemoParty{Name: Brand, Role: t.T("demo.party.server_role"), Host: "127.0.0.1", Port: "8080"},
		API:    DemoParty{Name: t.T("demo.party.api"), Role: t.T("demo.party.api_role"), Host: "127.0.0.1", Port: "8082"},
		Groups: []DemoGroup{
			{Title: t.T("demo.group.day"), Acts: []DemoAct{{Name: "sign-in", Title: t.T("demo.act.sign_in"), Next: true, Leave: true}, {Name: "call", Title: t.T("demo.act.call"), Off: true}}},
			{Title: t.T("demo.group.end"), Acts: []DemoAct{{Name: "over", Title: t.T("demo.act.over")}}},
		},
		Steps: []DemoStep{{Title: t.T("demo.step.ask")}, {Title: t.T("demo.step.tokens")}},
		Scene: DemoScene{
			Title: t.T("demo.scene.outlook.title"), Rule: t.T("demo.scene.outlook.rule"),
			Arrows: []DemoArrow{
				{From: DemoApp, To: DemoServer, Step: 1, Says: t.T("demo.says.outlook_ask")},
				{From: DemoServer, To: DemoApp, Answer: true, Step: 2, Says: t.T("demo.says.outlook_tokens")},
			},
		},
	}
}

// sampleDemoSignedIn is the demo in the middle: every kind of arrow, both tokens, and the server's side.
func sampleDemoSignedIn(f Frame) Demo {
	t, p := f.Text, sampleDemo(f)
	p.Name, p.Ahead = "Alice Archer", t.Duration(11*time.Second)
	p.Groups[0].Acts[0].Next, p.Groups[0].Acts[1].Off, p.Groups[0].Acts[1].Next = false, false, true
	p.Steps[0].Seen, p.Steps[1].Seen, p.Steps[1].Lit = true, true, true
	p.Scene = DemoScene{
		Title: t.T("demo.scene.lost.title"), Rule: t.T("demo.scene.lost.rule", "Window", t.Duration(10*time.Second)), Tone: "good", Time: "14:03:07",
		Arrows: []DemoArrow{
			{Says: t.T("demo.says.pass", "Time", t.Duration(11*time.Second))},
			{
				From: DemoApp, To: DemoServer, Step: 7, Line: "POST /token", Says: t.T("demo.says.refresh"), Token: &DemoToken{Generation: 7, Tail: "…2x89YW"},
				Message: &DemoMessage{
					Start: "POST /token HTTP/1.1", Fields: []DemoField{{Name: "Authorization", Value: "Basic bm90ZXM6cm…FNY2lC", Note: "client notes"}},
					Form: []DemoField{{Name: "grant_type", Value: "refresh_token"}, {Name: "refresh_token", Value: "rgr1_01tzd…2x89YW"}},
				},
			},
			{From: DemoServer, To: DemoApp, Answer: true, Lost: true, Step: 8, Says: t.T("demo.says.lost")},
			{From: DemoAPI, To: DemoServer, Line: "POST /introspect", Says: t.T("demo.says.introspect"), Message: &DemoMessage{Start: "POST /introspect HTTP/1.1"}},
			{
				From: DemoServer, To: DemoAPI, Answer: true, Tone: "warn", Line: "200 OK", Says: t.T("demo.says.inactive"),
				Message: &DemoMessage{Start: "HTTP/1.1 200 OK", Body: "{\n  \"active\": false\n}"},
			},
			{
				From: DemoServer, To: DemoApp, Answer: true, Tone: "bad", Who: t.T("demo.who.stranger"), Line: "400 Bad Request", Says: t.T("demo.says.invalid_grant"),
				Message: &DemoMessage{Start: "HTTP/1.1 400 Bad Request", Query: []DemoField{{Name: "state", Value: "xyz"}}},
			},
		},
	}
	p.Scene.Refusals = []DemoRefusal{{Code: "invalid_grant", RequestID: "01K9ZJ3V6T", URL: "http://127.0.0.1:8080/admin/refusals?request_id=01K9ZJ3V6T"}}
	p.GrantURL = "http://127.0.0.1:8080/admin/grants/K5AGKSNJMFULZSITEK3TFGDWV0"
	p.Earlier = []DemoScene{{Title: t.T("demo.scene.called.title"), Rule: t.T("demo.scene.called.rule"), Tone: "good", Time: "14:03:01"}}
	p.Access = &DemoAccess{
		Short: "eyJhbGciOi…S9FLqg", Left: 12500 * time.Millisecond, Lifetime: 30 * time.Second,
		Header: []DemoField{{Name: "alg", Value: "ES256"}, {Name: "typ", Value: "at+jwt"}},
		Claims: []DemoField{{Name: "iss", Value: "http://127.0.0.1:8080"}, {Name: "exp", Value: "1795382143", Note: "14:03:30"}},
	}
	p.Refresh = &DemoRefresh{Generation: 8, Short: "rgr1_01tzd…0wlJM4", Spent: []int{6, 7}}
	p.Story = &DemoStory{
		Status: t.T("demo.status.active"), Tone: "good", GrantID: "K5AGKSNJMFULZSITEK3TFGDWV0", Generation: 8, Window: 7 * time.Second, Scope: "openid notes:read",
		Entries: []DemoEntry{
			{Time: "14:03:07", What: t.T("demo.record.refused"), Detail: "reuse", Tone: "warn"},
			{Time: "14:02:59", What: "grant.created", Tone: "good"},
		},
	}
	return p
}

// sampleDemoElsewhere is the application alone, for a client with opaque access tokens.
func sampleDemoElsewhere(f Frame) Demo {
	t, p := f.Text, sampleDemo(f)
	p.Email, p.Password, p.AdminEmail, p.AdminPassword, p.API = "", "", "", "", DemoParty{}
	p.ClientID, p.RedirectURI, p.Name = "grafana", "http://127.0.0.1:8081/callback", "Alice Archer"
	p.Access = &DemoAccess{Short: "rga1_0mKe3…pWv2Qx", Left: 9 * time.Minute, Lifetime: 10 * time.Minute}
	p.Refresh = &DemoRefresh{Generation: 0, Short: "rgr1_01tzd…0wlJM4"}
	p.Scene.Title, p.Scene.Rule = t.T("demo.scene.signed_in.title"), t.T("demo.scene.signed_in_less.rule", "Scope", "offline_access")
	return p
}
