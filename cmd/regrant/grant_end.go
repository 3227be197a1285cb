package main

import (
	"slices"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// endReasons are the stored reasons in words.
var endReasons = map[oauth.RevokedReason]string{
	oauth.RevokedReuse:      "its refresh token was used by two",
	oauth.RevokedPerson:     "the person ended it",
	oauth.RevokedReported:   "the person said that it was not them",
	oauth.RevokedClient:     "the client gave it back",
	oauth.RevokedAdmin:      "an operator or admin revoked it",
	oauth.RevokedConsent:    "the consent was withdrawn",
	oauth.RevokedFactor:     "a second factor of the person was removed",
	oauth.RevokedPassword:   "the person's password was changed",
	oauth.RevokedLogout:     "the person signed out",
	oauth.RevokedCodeReplay: "its authorization code was used twice",
	oauth.RevokedScope:      "offline_access was taken from the client",
	oauth.RevokedAccessLost: "the person was taken out of the client's groups",
	oauth.RevokedEvicted:    "a newer sign-in took its place",
	oauth.RevokedRestore:    "a backup was restored without its grants",
	"user_disabled":         "the person was disabled",
	"user_deleted":          "the person was deleted",
	"client_deleted":        "the client was deleted",
}

// endOf says when a grant was ended and why, whether its row tells it or a fact about the person or the client of which the
// row has not heard yet. The time is zero where nobody wrote it down; the words are "" for a grant that nothing has ended.
func endOf(g oauth.RefreshState) (at time.Time, why string) {
	person, client := g.Owner.GrantsRevokedBefore, g.ClientGrantsRevokedBefore
	if g.RevokedAt != nil {
		why = endReasons[g.RevokedReason]
		switch {
		case why == "":
			why = string(g.RevokedReason)
		case g.RevokedReason != oauth.RevokedAdmin:
		case client != nil && client.Equal(*g.RevokedAt):
			why = "every grant of the client was revoked"
		case person != nil && person.Equal(*g.RevokedAt):
			why = "every grant of the person was revoked"
		}
		if g.ReuseClass != "" {
			why += " (" + string(g.ReuseClass) + ")"
		}
		return *g.RevokedAt, why
	}
	covers := func(before *time.Time) bool { return before != nil && !g.CreatedAt.After(*before) }
	switch {
	case g.ClientVersion == 0:
		return time.Time{}, "the client was deleted"
	case g.Owner.Version == 0:
		return time.Time{}, "the person was deleted"
	case covers(client):
		return *client, "every grant of the client was revoked"
	case covers(person) && g.Owner.Disabled:
		return *person, "the person was disabled"
	case covers(person):
		return *person, "every grant of the person was revoked"
	case g.Owner.Disabled:
		return time.Time{}, "the person is disabled"
	}
	return time.Time{}, ""
}

// withEnd puts the end of a grant last, unless an event has told it.
func withEnd(all []timelineView, g oauth.RefreshState, events []audit.Event) []timelineView {
	at, why := endOf(g)
	told := slices.ContainsFunc(events, func(e audit.Event) bool { return e.Kind == audit.GrantRevoked })
	if why == "" || told {
		return all
	}
	return append(all, timelineView{at, "grant.ended", why})
}

// ringRecord is an entry of a grant's ring, and the generation that was answered with.
type ringRecord struct {
	oauth.RingEntry
	generation int
}

// ringRecords gives the ring of a grant, newest first. It holds no generations; the last rotation made the one that counts.
func ringRecords(g oauth.RefreshState) []ringRecord {
	var all []ringRecord
	generation := int(g.Generation)
	for _, e := range slices.Backward(g.Ring.Entries()) {
		all = append(all, ringRecord{e, generation})
		if e.Kind == oauth.RingRotation {
			generation--
		}
	}
	return all
}
