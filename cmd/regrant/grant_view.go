package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// grantView is a grant in JSON.
type grantView struct {
	ID            string     `json:"grant_id"`
	Status        string     `json:"status"` // active, suspended (the client is disabled), revoked or expired
	Sub           string     `json:"sub"`
	Email         string     `json:"email,omitempty"`
	ClientID      string     `json:"client_id"`
	Scope         string     `json:"scope"`
	Resources     []string   `json:"resource"`
	Claims        []string   `json:"claims,omitempty"` // asked for one by one
	OfflineAccess bool       `json:"offline_access"`
	AuthTime      *time.Time `json:"auth_time,omitempty"`
	CreatedAt     time.Time  `json:"created_at"`
	EndsAt        time.Time  `json:"ends_at"`
	RevokedAt     *time.Time `json:"revoked_at,omitempty"`
	RevokedReason string     `json:"revoked_reason,omitempty"`
	ReuseClass    string     `json:"reuse_class,omitempty"`
	IP            string     `json:"ip"`
	UserAgent     string     `json:"user_agent"`

	RefreshToken *refreshTokenView `json:"refresh_token,omitempty"`
	Timeline     []timelineView    `json:"timeline,omitempty"`
}

// refreshTokenView is what may be shown of a refresh token: nothing that helps to use it.
type refreshTokenView struct {
	Generation    uint32     `json:"generation"`
	RotatedAt     *time.Time `json:"rotated_at,omitempty"`
	IdleEndsAt    time.Time  `json:"idle_ends_at"`
	LastUsedAt    *time.Time `json:"last_used_at,omitempty"`
	LastIP        string     `json:"last_ip,omitempty"`
	LastUserAgent string     `json:"last_user_agent,omitempty"`
	JKT           string     `json:"jkt,omitempty"` // thumbprint of the key that it is bound to
}

type timelineView struct {
	At     time.Time `json:"at,omitzero"` // none: nobody wrote it down
	What   string    `json:"what"`
	Detail string    `json:"detail,omitempty"`
}

func grantJSON(g oauth.RefreshState, now time.Time) grantView {
	v := grantView{
		ID: g.ID, Status: grantStatus(g, now), Sub: g.PersonID, Email: g.Owner.Email, ClientID: g.ClientID, Scope: g.Scope.String(),
		Resources: append([]string{}, g.Resources...), Claims: g.Claims.Names(), OfflineAccess: g.Offline, AuthTime: instant(g.AuthTime), CreatedAt: g.CreatedAt, EndsAt: g.EndsAt,
		RevokedAt: g.RevokedAt, RevokedReason: string(g.RevokedReason), ReuseClass: string(g.ReuseClass), IP: g.IP, UserAgent: g.UserAgent,
	}
	if hasRefreshToken(g) {
		v.RefreshToken = &refreshTokenView{
			Generation: g.Generation, RotatedAt: instant(g.RotatedAt), IdleEndsAt: g.IdleDeadline,
			LastUsedAt: instant(g.LastUsedAt), LastIP: g.LastIP, LastUserAgent: g.LastUserAgent, JKT: g.Thumbprint,
		}
	}
	return v
}

func hasRefreshToken(g oauth.RefreshState) bool { return g.TokenID != [len(g.TokenID)]byte{} }

// grantStatus says in one word how a grant stands.
func grantStatus(g oauth.RefreshState, now time.Time) string {
	switch {
	case !g.Alive():
		return "revoked"
	case !now.Before(g.EndsAt), hasRefreshToken(g) && !now.Before(g.IdleDeadline):
		return "expired"
	case g.ClientDisabled:
		return "suspended"
	}
	return "active"
}

// timeline is what is known to have happened to a grant, oldest first.
func timeline(g oauth.RefreshState, moments []oauth.Moment, events []audit.Event) []timelineView {
	var all []timelineView
	for _, r := range slices.Backward(ringRecords(g)) {
		all = append(all, timelineView{r.At, ringText(r.Kind), strings.TrimSpace(answerText(r) + " " + changedText(r.RingEntry))})
	}
	for _, m := range moments {
		text := strings.TrimSpace(fmt.Sprintf("%s generation %d from %s %s", m.Detail, m.Generation, m.IP, m.UserAgent))
		all = append(all, timelineView{m.At, "refresh_token." + string(m.Kind), text})
	}
	for _, e := range events {
		all = append(all, timelineView{e.At, string(e.Kind), eventText(e)})
	}
	slices.SortStableFunc(all, func(a, b timelineView) int { return a.At.Compare(b.At) })
	return withEnd(all, g, events)
}

// eventText is what there is to say about an event beside its kind.
func eventText(e audit.Event) string {
	parts := []string{"", e.Detail, strings.TrimSpace("by " + string(e.Actor) + " " + e.ActorID), ""}
	if e.Result != "ok" {
		parts[0] = e.Result
	}
	if e.IP != "" {
		parts[3] = "from " + e.IP
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

func ringText(kind oauth.RingKind) string {
	switch kind {
	case oauth.RingReplay:
		return "refresh_token.replayed"
	case oauth.RingUse:
		return "refresh_token.used"
	}
	return "refresh_token.rotated"
}

func answerText(r ringRecord) string {
	switch r.Kind {
	case oauth.RingReplay:
		return fmt.Sprintf("answered with generation %d again", r.generation)
	case oauth.RingUse:
		return "" // it does not rotate
	}
	return fmt.Sprintf("to generation %d", r.generation)
}

func changedText(e oauth.RingEntry) string {
	switch {
	case e.AddressChanged && e.AgentChanged:
		return "from another address and program"
	case e.AddressChanged:
		return "from another address"
	case e.AgentChanged:
		return "from another program"
	}
	return ""
}

// grantSheet shows a grant to people.
func grantSheet(w io.Writer, g oauth.RefreshState, timeline []timelineView) {
	ended, reason := endOf(g)
	sheet(w, "Grant", g.ID, "Status", grantStatus(g, now()), "Revoked", moment(&ended), "Reason", reason,
		"Person", strings.TrimSpace(g.Owner.Name+" "+orID(g.Owner.Email, g.PersonID)), "Client", g.ClientID, "Scope", g.Scope.String(),
		"Resources", strings.Join(g.Resources, " "), "Claims", strings.Join(g.Claims.Names(), " "), "Offline access", yesNo(g.Offline), "Signed in", moment(&g.AuthTime),
		"Created", moment(&g.CreatedAt), "Ends", moment(&g.EndsAt), "Allowed from", strings.TrimSpace(g.IP+" "+g.UserAgent))
	if hasRefreshToken(g) {
		fmt.Fprintln(w)
		sheet(w, "Refresh token", fmt.Sprintf("generation %d", g.Generation), "Last used", moment(&g.LastUsedAt),
			"From", strings.TrimSpace(g.LastIP+" "+g.LastUserAgent), "Issued", moment(&g.RotatedAt), "Ends if idle", moment(&g.IdleDeadline), "Bound to key", g.Thumbprint)
	}
	var rows [][]string
	for _, e := range timeline {
		at := ""
		if !e.At.IsZero() {
			at = e.At.UTC().Format("2006-01-02 15:04:05")
		}
		rows = append(rows, []string{at, e.What, e.Detail})
	}
	fmt.Fprintln(w)
	table(w, "nothing is recorded", []string{"TIME (UTC)", "WHAT", "DETAIL"}, rows)
}
