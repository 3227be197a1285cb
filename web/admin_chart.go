package web

import (
	"context"
	"time"

	"regrant/app/oauth"
	"regrant/web/view"
)

// period is one choice of the overview: how far it looks back, and how many hours a bar stands for.
type period struct {
	name  string
	key   string
	bars  int
	hours int
	axis  func(t *view.Text, start time.Time, i int) string // what stands below a bar, "" for most
}

var periods = []period{
	{"24h", "admin.overview.range_day", 24, 1, func(_ *view.Text, start time.Time, _ int) string {
		if start.Hour()%6 != 0 {
			return ""
		}
		return clock(start)
	}},
	{"7d", "admin.overview.range_week", 28, 6, func(t *view.Text, start time.Time, i int) string {
		if start.Hour() != 0 || i/4%2 != 0 { // the beginning of every second day
			return ""
		}
		return t.ShortDate(start)
	}},
	{"30d", "admin.overview.range_month", 30, 24, func(t *view.Text, start time.Time, i int) string {
		if i%9 != 2 { // few enough for a phone, and today is one of them
			return ""
		}
		return t.ShortDate(start)
	}},
}

func periodOf(name string) period {
	for _, p := range periods {
		if p.name == name {
			return p
		}
	}
	return periods[0]
}

// first gives the beginning of the first bar. Bars begin at whole multiples of their width in UTC; the last one holds now.
func (p period) first(now time.Time) oauth.Hour {
	hour := oauth.HourOf(now)
	return hour - hour%oauth.Hour(p.hours) - oauth.Hour((p.bars-1)*p.hours)
}

// counts adds up what was counted in each bar.
func (p period) counts(first oauth.Hour, hours []oauth.HourCount) []oauth.Count {
	counts := make([]oauth.Count, p.bars)
	for _, h := range hours {
		if i := int(h.Hour-first) / p.hours; h.Hour >= first && i < p.bars {
			counts[i] = counts[i].Plus(h.Count)
		}
	}
	return counts
}

// measures are what is drawn of a count.
var measures = []struct {
	id, title, help, tone string
	of                    func(oauth.Count) int64
}{
	{"rotations", "admin.overview.rotations", "admin.overview.rotations_help", "action", func(c oauth.Count) int64 { return c.Rotations }},
	{"replays", "admin.overview.replays", "admin.overview.replays_help", "success", func(c oauth.Count) int64 { return c.Replays }},
	{"refusals", "admin.overview.refusals", "admin.overview.refusals_help", "warning", func(c oauth.Count) int64 { return c.Refusals }},
	{"reuses", "admin.overview.reuses", "admin.overview.reuses_help", "danger", func(c oauth.Count) int64 { return c.Reuses }},
}

// charts draws the traffic of a period.
func (s *Server) charts(ctx context.Context, page *view.AdminOverview, p period) error {
	first := p.first(page.Now)
	hours, err := s.store.ServerHours(ctx, first)
	if err != nil {
		return err
	}
	t, counts := page.Text, p.counts(first, hours)
	for _, other := range periods {
		tab := view.Tab{Label: t.T(other.key), URL: "/admin?range=" + other.name, Current: other.name == p.name}
		page.Ranges = append(page.Ranges, tab)
	}
	page.Table = view.ChartTable{Caption: t.T("admin.overview.table"), Heads: []string{t.T("admin.overview.period")}, Rows: make([]view.ChartRow, p.bars)}
	names := make([]string, p.bars)
	for i := range counts {
		names[i] = p.label(t, first+oauth.Hour(i*p.hours))
		page.Table.Rows[i].Period = names[i]
	}
	for _, m := range measures {
		chart := view.Chart{ID: m.id, Title: t.T(m.title), Help: t.T(m.help), Tone: m.tone, Bars: make([]view.ChartBar, p.bars)}
		total := int64(0)
		for i, c := range counts {
			n := m.of(c)
			total += n
			chart.Bars[i] = view.ChartBar{Period: names[i], N: int(n), Axis: p.axis(t, (first + oauth.Hour(i*p.hours)).Start(), i)}
			page.Table.Rows[i].Values = append(page.Table.Rows[i].Values, t.Number(int(n)))
		}
		chart.Total = t.Number(int(total))
		page.Table.Heads = append(page.Table.Heads, chart.Title)
		page.Charts = append(page.Charts, chart)
	}
	return nil
}

// label names the time of one bar, in UTC.
func (p period) label(t *view.Text, from oauth.Hour) string {
	start, t := from.Start(), t.In(nil)
	if p.hours == 24 {
		return t.Date(start)
	}
	return t.T("admin.overview.hours", "Date", t.Date(start), "From", clock(start), "To", clock((from + oauth.Hour(p.hours)).Start()))
}

// clock is a time of day as charts write it.
func clock(at time.Time) string { return at.UTC().Format("15:04") }
