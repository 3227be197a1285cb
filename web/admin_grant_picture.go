package web

import (
	"strconv"
	"time"

	"regrant/app/oauth"
	"regrant/web/view"
)

// Measures of the picture of a life, in its own units. Things stand in their order, at equal distances: a day of refreshes and a
// month of rest would leave a scale of time empty but for its ends.
const (
	pictureLeft  = 150
	pictureStep  = 34 // the least; few things stand further apart
	pictureWidth = 920
	pictureMarks = 40 // the newest; the list has all
)

// markShapes are lane and shape of each kind of entry: 0 people, 1 accepted, 2 retries and refusals.
var markShapes = map[oauth.EntryKind]struct {
	lane  int
	shape string
}{
	oauth.EntrySignedIn: {0, "dot"}, oauth.EntryScope: {0, "ring"}, oauth.EntryEnd: {0, "ring"}, oauth.EntryToken: {0, "ring"}, oauth.EntryRevoked: {0, "cross"},
	oauth.EntryExpired: {0, "cross"}, oauth.EntryRotated: {1, "dot"}, oauth.EntryUsed: {1, "dot"}, oauth.EntryDay: {1, "bar"},
	oauth.EntryReplayed: {2, "ring"}, oauth.EntryRefused: {2, "cross"}, oauth.EntryReused: {2, "cross"}, oauth.EntryCodeReplay: {2, "cross"},
	oauth.EntryNarrowed: {1, "ring"}, oauth.EntryAddress: {1, "ring"}, oauth.EntryAgent: {1, "ring"}, oauth.EntryOther: {2, "ring"},
}

// lifePicture draws the life of a grant from the words of its list, oldest first.
func lifePicture(t *view.Text, g *oneGrant, entries []view.LifeEntry) view.LifePicture {
	p := view.LifePicture{From: pictureLeft, Ended: g.Ended != ""}
	first := 0
	if len(entries) > pictureMarks {
		first = len(entries) - pictureMarks + 1 // the beginning stays
	}
	var rotations, replays, refusals int
	var last time.Time
	over := false
	x, step := pictureLeft, max(pictureStep, min(96, (pictureWidth-pictureLeft)/(min(len(entries), pictureMarks)+1)))
	for i, e := range g.Entries {
		switch e.Kind {
		case oauth.EntryRotated, oauth.EntryUsed:
			rotations++
		case oauth.EntryReplayed:
			replays++
		case oauth.EntryRefused, oauth.EntryReused:
			refusals++
		case oauth.EntryDay:
			rotations, replays, refusals = rotations+int(e.Count.Rotations), replays+int(e.Count.Replays), refusals+int(e.Count.Refusals)
		}
		if i > 0 && i < first {
			continue
		}
		shape := markShapes[e.Kind]
		mark := view.LifeMark{X: x, Lane: shape.lane, Tone: entries[i].Tone, Shape: shape.shape, Title: markTitle(t, entries[i])}
		if e.Kind == oauth.EntryRotated || e.Kind == oauth.EntryRefused && e.Generation != nil || e.Kind == oauth.EntryReused {
			mark.Text = strconv.Itoa(int(*e.Generation))
		}
		p.Marks = append(p.Marks, mark)
		if text := tickText(t, last, e.At); text != "" && (len(p.Ticks) == 0 || x-p.Ticks[len(p.Ticks)-1].X >= 2*pictureStep) {
			p.Ticks, last = append(p.Ticks, view.LifeTick{X: x, Text: text}), e.At
		}
		if p.To == 0 || !over {
			p.To = x
		}
		switch e.Kind {
		case oauth.EntryReused, oauth.EntryCodeReplay, oauth.EntryRevoked, oauth.EntryExpired:
			over = p.Ended // what comes after the end does not prolong the line
		}
		x += step
	}
	p.Width = max(x, pictureWidth)
	if !p.Ended {
		p.To = p.Width
	}
	_, state, _ := grantStateText(t, g)
	p.Summary = t.T("admin.grant.summary", "State", state, "Refreshes", t.Number(rotations), "Replays", t.Number(replays), "Refusals", t.Number(refusals))
	return p
}

// markTitle is what a mark tells who points at it.
func markTitle(t *view.Text, e view.LifeEntry) string {
	at := t.Exact(e.At)
	if e.Day {
		at = e.At.UTC().Format(time.DateOnly) // days are counted in UTC
	}
	if e.Generation != "" {
		return e.What + ", " + e.Generation + " · " + at
	}
	return e.What + " · " + at
}

// tickText is the time that the picture tells when a new day or minute begins.
func tickText(t *view.Text, last, at time.Time) string {
	last, at = t.Here(last), t.Here(at)
	switch {
	case last.Format(time.DateOnly) != at.Format(time.DateOnly):
		return at.Format("2006-01-02")
	case last.Truncate(time.Minute) != at.Truncate(time.Minute):
		return at.Format("15:04")
	}
	return ""
}
