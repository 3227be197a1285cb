package view

import (
	"strconv"
	"time"
)

// Chart is a bar chart of one figure over time. Its numbers stand in a [ChartTable] too, for those who do not see it.
type Chart struct {
	ID    string // unique on the page, made of letters
	Title string
	Help  string // what is counted, in a sentence
	Total string
	Tone  string // "action", "success", "warning" or "danger"
	Bars  []ChartBar
}

// ChartBar is the figure of one period.
type ChartBar struct {
	Period string // "Nov 22, 2:00 pm to 3:00 pm"
	Axis   string // what stands below it; "" for most
	N      int
}

// ChartTable has the figures of several charts over the same periods.
type ChartTable struct {
	Caption string
	Heads   []string // the first is that of the periods
	Rows    []ChartRow
}

// ChartRow is one period.
type ChartRow struct {
	Period string
	Values []string
}

// The drawing is as wide as there is room, so across it is measured in hundredths of that, and down in pixels. Text keeps its
// size at any width.
const (
	chartTop    = 12  // room for the highest figure of the scale
	chartHeight = 112 // of the plot
	chartBottom = 22  // for what stands below the bars
)

// chartLine is a line of the scale.
type chartLine struct {
	y     string
	label string
	text  string // y of the label's baseline
}

// drawnBar is a bar with its place.
type drawnBar struct {
	x, width       string // of the bar
	hitX, hitWidth string // of the column that shows its figure
	y, height      string
	title          string
	axis           string
	axisX          string
	anchor         string
}

func (c Chart) max() int {
	highest := 0
	for _, b := range c.Bars {
		highest = max(highest, b.N)
	}
	return highest
}

// scaleTop gives a round number that is not below n and whose half is round too, unless it is 1.
func scaleTop(n int) int {
	if n <= 1 {
		return 1
	}
	for power := 1; ; power *= 10 {
		for _, step := range []int{2, 4, 6, 8, 10} {
			if top := step * power; n <= top {
				return top
			}
		}
	}
}

func (c Chart) lines(t *Text) []chartLine {
	top := scaleTop(c.max())
	values := []int{0, top / 2, top}
	if top == 1 {
		values = []int{0, 1}
	}
	lines := make([]chartLine, len(values))
	for i, v := range values {
		y := chartTop + chartHeight - v*chartHeight/top
		lines[i] = chartLine{y: strconv.Itoa(y), label: compact(t, v), text: strconv.Itoa(y + 4)}
	}
	return lines
}

// compact writes a figure of the scale in few characters.
func compact(t *Text, n int) string {
	switch {
	case n >= 1_000_000 && n%100_000 == 0:
		return t.format.FmtNumber(float64(n)/1e6, uint64(min(1, n/100_000%10))) + " M"
	case n >= 10_000 && n%100 == 0:
		return t.format.FmtNumber(float64(n)/1e3, uint64(min(1, n/100%10))) + " k"
	}
	return t.Number(n)
}

func (c Chart) drawn(t *Text) []drawnBar {
	top, step := scaleTop(c.max()), 100/float64(max(len(c.Bars), 1))
	bars := make([]drawnBar, len(c.Bars))
	for i, b := range c.Bars {
		height := b.N * chartHeight / top
		if b.N > 0 {
			height = max(height, 2) // something must be seen of the least
		}
		left := float64(i) * step
		d := drawnBar{
			x: percent(left + step*0.14), width: percent(step * 0.72), hitX: percent(left), hitWidth: percent(step),
			y: strconv.Itoa(chartTop + chartHeight - height), height: strconv.Itoa(height),
			title: t.T("admin.chart.bar", "Period", b.Period, "N", t.Number(b.N)), axis: b.Axis, axisX: percent(left + step/2), anchor: "middle",
		}
		switch {
		case left < 4:
			d.axisX, d.anchor = "0%", "start"
		case left+step > 96:
			d.axisX, d.anchor = "100%", "end"
		}
		bars[i] = d
	}
	return bars
}

// ShortDate returns the day of at in UTC without its year, as "Nov 22".
func (t *Text) ShortDate(at time.Time) string {
	at = at.UTC()
	return t.T("admin.chart.day", "Month", t.format.MonthAbbreviated(at.Month()), "Day", at.Day())
}

func percent(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) + "%" }

// describe says in a sentence what there is to see.
func (c Chart) describe(t *Text) string {
	best := -1
	for i, b := range c.Bars {
		if b.N > 0 && (best < 0 || b.N > c.Bars[best].N) {
			best = i
		}
	}
	if best < 0 {
		return t.T("admin.chart.none")
	}
	return t.T("admin.chart.most", "Total", c.Total, "N", t.Number(c.Bars[best].N), "Period", c.Bars[best].Period)
}

func (c Chart) height() string { return strconv.Itoa(chartTop + chartHeight + chartBottom) }

func (c Chart) axisY() string { return strconv.Itoa(chartTop + chartHeight + 16) }
