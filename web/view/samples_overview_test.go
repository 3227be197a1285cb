package view

import (
	"strconv"
	"time"

	"github.com/a-h/templ"
)

// samplesOverview are the first page for admins and the test of a policy.
func samplesOverview(f Frame) map[string]templ.Component {
	t := f.Text
	admin := AdminFrame{Frame: f, Section: "overview", Admin: "rosa@acme.example", FormToken: "yD3l8Jc0R6nq"}
	now := since.Add(3 * time.Hour)
	person := Party{Label: "Ann Ampère", Note: "ann@acme.example", URL: "/admin/people/8f14e45f"}
	client := Party{Label: "Team <b>files</b> & notes of the Gesamtverwaltung", Note: "files", URL: "/admin/clients/files"}
	grant := Party{Label: "Grant 6XPXMYT6…", URL: "/admin/grants/6XPXMYT6QK"}
	reuse := Event{Seq: 813, At: now.Add(-17 * time.Minute), What: t.T("admin.audit.kind.grant_reuse"), Tone: "danger", Refused: true, Who: client, About: []Party{person, grant}}
	signIn := Event{Seq: 812, At: now.Add(-2 * time.Hour), What: t.T("admin.audit.kind.sign_in_succeeded"), Tone: "success", Who: person}

	busy := AdminOverview{
		AdminFrame: admin, Now: now, Events: []Event{reuse, signIn},
		Figures: []Figure{
			{Label: t.T("admin.overview.grants"), Value: "10,000+", URL: "/admin/grants"}, {Label: t.T("admin.overview.people"), Value: "1,284", URL: "/admin/people"},
			{Label: t.T("admin.overview.clients"), Value: "17", URL: "/admin/clients"},
		},
		Attention: []Attention{
			{Tone: "danger", Badge: t.T("admin.overview.badge.reuse"), Text: t.N("admin.overview.reuse", 1), Note: "1 × possible theft", URL: "/admin/audit", Link: t.T("admin.overview.look"),
				Events: []AttentionEvent{{Tone: "danger", Badge: t.T("admin.overview.class.theft"), Event: reuse}}},
			{Tone: "info", Badge: t.T("admin.overview.badge.key"), Text: t.T("admin.overview.key_due", "Algorithm", "ES256", "Date", t.Date(now)),
				Note: t.T("admin.overview.key_due_note"), URL: "/admin/keys", Link: t.T("admin.overview.keys")},
			{Tone: "info", Badge: t.T("admin.overview.badge.work"), Text: t.T("admin.overview.bulk", "N", "12,000")},
		},
		Ranges: []Tab{
			{Label: t.T("admin.overview.range_day"), URL: "/admin?range=24h", Current: true}, {Label: t.T("admin.overview.range_week"), URL: "/admin?range=7d"},
		},
		Table: ChartTable{Caption: t.T("admin.overview.table"), Heads: []string{t.T("admin.overview.period"), t.T("admin.overview.rotations")}},
	}
	traffic := Chart{ID: "rotations", Title: t.T("admin.overview.rotations"), Help: t.T("admin.overview.rotations_help"), Total: "26,500", Tone: "action"}
	for i, n := range []int{0, 1, 12_000, 14_499, 0, 0} {
		bar := ChartBar{Period: strconv.Itoa(i) + ":00", N: n}
		if i%2 == 1 {
			bar.Axis = bar.Period
		}
		traffic.Bars = append(traffic.Bars, bar)
		busy.Table.Rows = append(busy.Table.Rows, ChartRow{Period: bar.Period, Values: []string{t.Number(n)}})
	}
	none := Chart{ID: "reuses", Title: t.T("admin.overview.reuses"), Help: t.T("admin.overview.reuses_help"), Total: "0", Tone: "danger", Bars: []ChartBar{{Period: "0:00"}, {Period: "1:00"}}}
	busy.Charts = []Chart{traffic, none}

	fresh := AdminOverview{AdminFrame: admin, Now: now, Begin: true, Figures: []Figure{{Label: t.T("admin.overview.people"), Value: "1", URL: "/admin/people"}}}

	frame := admin
	frame.Section, frame.Crumbs = "clients", []Crumb{{Label: client.Label, URL: client.URL}, {Label: t.T("admin.clients.tab.test")}}
	test := AdminRehearsal{
		AdminFrame: frame, ClientHead: ClientHead{ID: "files", Name: client.Label, Path: client.URL, Tab: "test"},
		Policy: t.T("admin.rehearsal.policy", "Preset", "Standard", "Rotation", t.T("admin.rehearsal.rotates"), "Grace", t.Duration(10*time.Second), "Idle", t.Duration(720*time.Hour), "Absolute", t.Duration(4320*time.Hour)),
	}
	taken, none2, played := test, test, test
	taken.Busy, none2.NoToken, played.Played = true, true, true
	played.Summary = []string{t.T("admin.rehearsal.sum.together"), t.T("admin.rehearsal.sum.lost", "Grace", t.Duration(10*time.Second))}
	played.Scenes = []RehearsalScene{
		{ID: "lost_toolate", Title: t.T("admin.rehearsal.scene.lost_toolate"), Text: t.T("admin.rehearsal.scene.lost_toolate_text"), Tone: "warning", Outcome: t.T("admin.rehearsal.outcome.again"),
			Steps: []RehearsalStep{
				{When: t.T("admin.rehearsal.after", "Duration", t.Duration(10*time.Minute)), Does: t.T("admin.rehearsal.act.lost"), Sends: "R1", Gets: "R2", OK: true, Status: "200", Lost: true},
				{When: t.T("admin.rehearsal.after", "Duration", t.Duration(11*time.Second)), Does: t.T("admin.rehearsal.act.again"), Sends: "R1", Status: "400", Error: "invalid_grant"},
			},
			Log: []string{t.T("admin.rehearsal.log_event", "Event", "Refresh token reused, grant revoked"), t.N("admin.rehearsal.log_rotations", 1)}},
		{ID: "stolen_used", Title: t.T("admin.rehearsal.scene.stolen_used"), Text: t.T("admin.rehearsal.scene.stolen_used_text"), Tone: "danger", Outcome: t.T("admin.rehearsal.outcome.intruder"),
			Steps: []RehearsalStep{{When: t.T("admin.rehearsal.at_once"), Does: t.T("admin.rehearsal.act.intruder"), Sends: "R1", Gets: "R1", Same: true, OK: true, Status: "200", Other: true}}},
		{ID: "absolute", Title: t.T("admin.rehearsal.scene.absolute"), Text: t.T("admin.rehearsal.scene.absolute_text"), Skipped: t.T("admin.rehearsal.too_long", "N", "5,760")},
	}
	return map[string]templ.Component{
		"admin_overview": busy, "admin_overview_new": fresh, "admin_test": test, "admin_test_busy": taken, "admin_test_no_token": none2, "admin_test_played": played,
	}
}
