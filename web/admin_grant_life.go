package web

import (
	"context"
	"strconv"
	"strings"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/web/view"
)

// entryTexts are what happens in the life of a grant, in words, and how much it should catch the eye.
var entryTexts = map[oauth.EntryKind]kindText{
	oauth.EntrySignedIn:   {"admin.grant.entry.signed_in", toneGood},
	oauth.EntryRotated:    {"admin.grant.entry.rotated", toneGood},
	oauth.EntryReplayed:   {"admin.grant.entry.replayed", tonePlain},
	oauth.EntryUsed:       {"admin.grant.entry.used", toneGood},
	oauth.EntryNarrowed:   {"admin.grant.entry.narrowed", tonePlain},
	oauth.EntryAddress:    {"admin.grant.entry.address_changed", tonePlain},
	oauth.EntryAgent:      {"admin.grant.entry.agent_changed", tonePlain},
	oauth.EntryRefused:    {"admin.grant.entry.refused", toneCaution},
	oauth.EntryReused:     {"admin.grant.entry.reused", toneBad},
	oauth.EntryScope:      {"admin.grant.entry.scope_changed", toneCaution},
	oauth.EntryEnd:        {"admin.grant.entry.end_changed", tonePlain},
	oauth.EntryCodeReplay: {"admin.grant.entry.code_replayed", toneBad},
	oauth.EntryToken:      {"admin.grant.entry.access_token_revoked", toneCaution},
	oauth.EntryRevoked:    {"admin.grant.entry.revoked", toneBad},
	oauth.EntryExpired:    {"admin.grant.entry.expired_absolute", toneCaution},
	oauth.EntryDay:        {"admin.grant.entry.day", toneGood},
	oauth.EntryOther:      {"admin.grant.entry.another", toneCaution},
}

// lifeEntries puts the life of a grant into words, oldest first.
func (s *Server) lifeEntries(ctx context.Context, t *view.Text, g *oneGrant) ([]view.LifeEntry, error) {
	n := s.names(t)
	entries := make([]view.LifeEntry, len(g.Entries))
	for i := range g.Entries {
		e := &g.Entries[i]
		entry := lifeEntry(t, e)
		who, err := n.actor(ctx, audit.Event{Origin: audit.Origin{Actor: e.Actor, ActorID: e.ActorID}, PersonID: g.State.PersonID, ClientID: g.State.ClientID})
		if err != nil {
			return nil, err
		}
		if e.Actor != audit.ByClient {
			entry.Who = who // that the app refreshes goes without saying
		}
		entries[i] = entry
	}
	return entries, nil
}

// lifeEntry puts one entry into words.
func lifeEntry(t *view.Text, e *oauth.Entry) view.LifeEntry {
	text := entryTexts[e.Kind]
	entry := view.LifeEntry{At: e.At, Tone: text.tone, What: t.T(text.key), IP: e.IP, Device: deviceName(t, e.UserAgent), RequestID: e.RequestID}
	if e.RefusalID != 0 {
		entry.URL = "/admin/refusals/" + strconv.FormatInt(e.RefusalID, 10)
	}
	if e.Generation != nil && e.Kind != oauth.EntryReused {
		entry.Generation = t.T("admin.grant.generation", "Generation", strconv.Itoa(int(*e.Generation)))
	}
	more := func(key string, data ...any) { entry.More = append(entry.More, t.T(key, data...)) }
	switch e.Kind {
	case oauth.EntryDay:
		entry.Day, entry.What = true, dayText(t, e.Count)
		if e.Count.Rotations == 0 {
			entry.Tone = tonePlain
		}
	case oauth.EntryRotated, oauth.EntryUsed, oauth.EntryNarrowed:
		if e.Reason != "" {
			more("admin.grant.entry.only", "Scope", e.Reason)
		}
	case oauth.EntryAddress, oauth.EntryAgent:
		if e.Reason != "" {
			more("admin.grant.entry.before", "Before", e.Reason)
		}
	case oauth.EntryRefused:
		if e.Rule != "" {
			entry.What, entry.Tone = t.T("admin.grant.entry.refused_for", "Rule", ruleTitle(t, e.Rule)), toneOfRule(e.Rule)
		} else if e.Detail != "" {
			entry.More = append(entry.More, e.Detail)
		}
	case oauth.EntryReused:
		entry.Generation = t.T("admin.refusal.generation", "Generation", strconv.Itoa(int(e.Reuse.Generation)), "Current", strconv.Itoa(int(e.Reuse.Of)))
		entry.More = append(entry.More, reuseEvidence(t, e.Reuse, e.At))
		more("admin.grant.entry.ended_it")
	case oauth.EntryExpired:
		if entry.What = t.T("admin.grant.entry.expired_absolute"); e.Reason == "idle" {
			entry.What = t.T("admin.grant.entry.expired_idle")
		}
	case oauth.EntryRevoked:
		if key := resultTexts[e.Reason]; key != "" {
			entry.More = append(entry.More, t.T(key))
		}
	case oauth.EntryCodeReplay:
		more("admin.grant.entry.ended_it")
	case oauth.EntryOther:
		if k, known := kindTexts[e.Event]; known {
			entry.What, entry.Tone = t.T(k.key), k.tone
		}
	}
	if e.Kind == oauth.EntrySignedIn || e.Kind == oauth.EntryScope || e.Kind == oauth.EntryEnd {
		entry.More = append(entry.More, changeText(e.Detail)...)
	}
	if e.AddressChanged && e.Kind != oauth.EntryAddress {
		more("admin.grant.entry.other_address")
	}
	if e.AgentChanged && e.Kind != oauth.EntryAgent {
		more("admin.grant.entry.other_agent")
	}
	return entry
}

// dayText sums up what a day counted beyond what is told one by one.
func dayText(t *view.Text, c oauth.DayCount) string {
	var parts []string
	for _, p := range []struct {
		key string
		n   int64
	}{{"admin.grant.day.refreshes", c.Rotations}, {"admin.grant.day.replays", c.Replays}, {"admin.grant.day.refusals", c.Refusals}} {
		if p.n > 0 {
			parts = append(parts, t.N(p.key, int(p.n)))
		}
	}
	return strings.Join(parts, ", ")
}

// changeText gives the details of an event as lines: what was before and is now, and what else it says.
func changeText(detail string) []string {
	changes, others := audit.Changes(detail)
	var lines []string
	for _, c := range changes {
		lines = append(lines, detailName(c.Key)+": "+c.Before+" → "+c.After)
	}
	for _, p := range others {
		if p.Value != "" {
			lines = append(lines, detailName(p.Key)+": "+p.Value)
		}
	}
	return lines
}
