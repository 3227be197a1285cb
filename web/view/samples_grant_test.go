package view

import (
	"maps"
	"time"

	"github.com/a-h/templ"
)

// samplesGrant are the pages of one grant and of refusals.
func samplesGrant(f Frame) map[string]templ.Component {
	all := samplesRefusal(f)
	frame := AdminFrame{Frame: f, Section: "grants", Crumbs: []Crumb{{Label: "Ann Archer in Grafana"}}, Admin: "root@example.com", FormToken: "yD3l8Jc0R6nq", Done: "The end was moved."}
	at := func(d time.Duration) time.Time { return since.Add(d) }
	grafana, ann := Party{Label: "Grafana", Note: "grafana", URL: "/admin/clients/grafana"}, Party{Label: "Ann Archer", Note: "ann@example.com", URL: "/admin/people/8d"}
	const path = "/admin/grants/VUQB4YIOTRWX"
	maps.Copy(all, map[string]templ.Component{
		"admin_grant": AdminGrant{
			AdminFrame: frame, Now: at(3 * time.Hour), Path: path, Title: "Ann Archer in Grafana", Device: "Signed in with Firefox on Linux", StateTone: "success", State: "Active",
			Alive: true, Changeable: true, Person: ann, Client: grafana, Scopes: []string{"openid", "offline_access", "read"},
			Facts: []RefusalFact{{Name: "Signed in", At: since}, {Name: "Generation", Value: "16"}, {Name: "Grant id", Value: "VUQB4YIOTRWX", Code: true}},
			Picture: LifePicture{
				Summary: "Active. 16 refreshes, 1 retries absorbed, 1 refusals. The timeline below says the same.", Width: 920, From: 150, To: 920,
				Marks: []LifeMark{
					{X: 150, Lane: 0, Tone: "success", Shape: "dot", Title: "Signed in and allowed · 2026-11-22 14:03:00 UTC"},
					{X: 246, Lane: 1, Tone: "success", Shape: "bar", Title: "15 refreshes · 2026-11-22"},
					{X: 342, Lane: 1, Tone: "success", Shape: "dot", Title: "Refreshed, generation 16", Text: "16"},
					{X: 438, Lane: 2, Tone: "neutral", Shape: "ring", Title: "Retry answered with the same token"},
					{X: 534, Lane: 2, Tone: "warning", Shape: "cross", Title: "More scope than was granted", Text: "16"},
				},
				Ticks: []LifeTick{{X: 150, Text: "2026-11-22"}},
			},
			Entries: []LifeEntry{
				{At: at(2 * time.Hour), Tone: "warning", What: "More scope than was granted", Generation: "generation 16", IP: "203.0.113.9", Device: "grafana 11.3", RequestID: "0J7QKQ3M2V", URL: "/admin/refusals/7"},
				{At: at(time.Hour), Tone: "neutral", What: "Retry answered with the same token", Generation: "generation 16"},
				{At: at(time.Hour), Tone: "success", What: "Refreshed", Generation: "generation 16", More: []string{"Only for: read"}, IP: "203.0.113.9", Device: "grafana 11.3"},
				{At: since, Day: true, Tone: "success", What: "15 refreshes"},
				{At: since, Tone: "success", What: "Signed in and allowed", Generation: "generation 0", More: []string{"scope: openid offline_access read"}, Who: ann, IP: "203.0.113.9", Device: "Firefox on Linux", RequestID: "0J7QKQ3M2U"},
			},
			Refusals: sampleRefusals(),
		},
		"admin_grant_dead": AdminGrant{
			AdminFrame: frame, Now: at(time.Hour), Path: path, Title: "Ann Archer in Grafana", StateTone: "danger", State: "Revoked for reuse", StateDetail: "possible theft",
			Person: ann, Client: grafana, Scopes: []string{"read"}, OldestFirst: true,
			Picture: LifePicture{Summary: "Revoked for reuse.", Width: 920, From: 150, To: 246, Ended: true, Marks: []LifeMark{{X: 246, Lane: 2, Tone: "danger", Shape: "cross", Title: "An old refresh token came again", Text: "4"}}},
			Entries: []LifeEntry{{At: since, Tone: "danger", What: "An old refresh token came again", Generation: "generation 4 of 6", More: []string{"It may be theft."}}},
		},
		"admin_grant_revoke": AdminGrantRevoke{AdminFrame: frame, Confirm: Confirm{
			Title: "Revoke Ann Archer’s sign-in to Grafana?", Lead: "The app is signed out on this device, for good:", Consequences: []string{"Its refresh token, generation 16, dies at once."},
			Action: path + "/revoke", Submit: "Revoke this sign-in", Cancel: path, FormToken: "yD3l8Jc0R6nq", Danger: true,
		}},
		"admin_grant_scope": AdminGrantScope{
			AdminFrame: frame, Path: path, Title: "Narrow Ann Archer’s sign-in to Grafana", Version: "3", Notes: []string{"The next refresh returns less."}, Error: f.Text.T("admin.grant.scope.same"),
			Scopes: []GrantScope{{Name: "openid", Warning: "Without it the app gets no more ID tokens.", Kept: true}, {Name: "read", Title: "Metrics API", Kept: true}, {Name: "write", Title: "Metrics API"}},
		},
		"admin_grant_end": AdminGrantEnd{
			AdminFrame: frame, Path: path, Title: "Move the end of Ann Archer’s sign-in to Grafana", Version: "3", Ends: at(180 * 24 * time.Hour), Latest: at(3650 * 24 * time.Hour),
			Value: "2020-01-01T00:00", Notes: []string{"At that time the sign-in ends."}, Error: f.Text.T("admin.grant.end.past"),
		},
	})
	return all
}

func sampleRefusals() []RefusalRow {
	return []RefusalRow{
		{URL: "/admin/refusals/7", At: since, What: "More scope than was granted", Code: "invalid_scope", Client: Party{Label: "Grafana", URL: "/admin/clients/grafana"},
			Person: Party{Label: "Ann Archer", URL: "/admin/people/8d"}, Generation: "generation 16 of 16", IP: "203.0.113.9", Device: "grafana 11.3", RequestID: "0J7QKQ3M2V"},
		{URL: "/admin/refusals/6", At: since, What: "Wrong client secret", Code: "invalid_client", Client: Party{Label: "gone", Note: "x"}, IP: "2001:db8::1", RequestID: "0J7QKQ3M2T"},
	}
}

// samplesRefusal are the page "Why was this refused?" with and without an answer, and an explanation.
func samplesRefusal(f Frame) map[string]templ.Component {
	frame := AdminFrame{Frame: f, Section: "refusals", Admin: "root@example.com", FormToken: "yD3l8Jc0R6nq"}
	answer := RefusalAnswer{
		Tone: "danger", Label: "Refused", Title: "An old refresh token came again", Why: "The app sent generation 5, but generation 9 was current.", Class: "Most likely a race.",
		Do: "Use the preset multi-process.", GrantURL: "/admin/grants/VUQB4YIOTRWX",
		Facts: []RefusalFact{{Name: "When", At: since}, {Name: "Client", Value: "Grafana", URL: "/admin/clients/grafana"}, {Name: "Rule", Value: "refresh_token.reuse", Code: true}}, Then: "Then",
		Stored: []StoredFact{{Name: "Current generation", Then: RefusalFact{Value: "9"}, Now: RefusalFact{Value: "9"}}, {Name: "Revoked", Then: RefusalFact{Value: "–"}, Now: RefusalFact{At: since}, Changed: true}},
	}
	forecast := RefusalAnswer{Tone: "success", Label: "If it came now", Title: "It would be accepted", Why: "This is the current generation.", Proof: "This answer rests on the public part of the token alone.",
		Stored: []StoredFact{{Name: "Current generation", Now: RefusalFact{Value: "9"}}}}
	clients := []Option{{Label: "All clients"}, {Value: "grafana", Label: "Grafana", Selected: true}}
	return map[string]templ.Component{
		"admin_refusals_empty": AdminRefusals{AdminFrame: frame, Now: since},
		"admin_refusals": AdminRefusals{AdminFrame: frame, Now: since.Add(time.Hour), Answer: &forecast, Clients: clients, Filtered: true, Rows: sampleRefusals(),
			Pager: Pager{Next: "/admin/refusals?before=6&client=grafana"}},
		"admin_refusals_error": AdminRefusals{AdminFrame: frame, Now: since, RequestID: "0J7QKQ3M2V", RequestError: f.Text.T("admin.refusal.by_request.missing"),
			TokenError: f.Text.T("admin.refusal.by_token.opaque"), NotFound: []string{"It is older than 30 days."}, Filtered: true, Clients: clients},
		"admin_refusal": AdminRefusal{AdminFrame: frame, Answer: answer},
	}
}
