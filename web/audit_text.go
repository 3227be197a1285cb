package web

import (
	"context"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/web/view"
)

// kindText is what one kind of event is called, and how much it should catch the eye.
type kindText struct{ key, tone string }

const (
	toneGood    = "success"
	toneBad     = "danger"
	toneCaution = "warning"
	tonePlain   = "neutral"
)

// kindTexts has every kind of package audit; a test compares them.
var kindTexts = map[audit.Kind]kindText{
	audit.SignInSucceeded:      {"admin.audit.kind.sign_in_succeeded", toneGood},
	audit.SignInFailed:         {"admin.audit.kind.sign_in_failed", toneCaution},
	audit.SignInThrottled:      {"admin.audit.kind.sign_in_throttled", toneBad},
	audit.SignInConfirmed:      {"admin.audit.kind.sign_in_confirmed", toneGood},
	audit.SignInNewDevice:      {"admin.audit.kind.sign_in_new_device", toneCaution},
	audit.SignInSecondAsked:    {"admin.audit.kind.sign_in_second_factor_asked", tonePlain},
	audit.FactorAdded:          {"admin.audit.kind.factor_added", toneGood},
	audit.FactorRemoved:        {"admin.audit.kind.factor_removed", toneCaution},
	audit.FactorRenamed:        {"admin.audit.kind.factor_renamed", tonePlain},
	audit.FactorReset:          {"admin.audit.kind.factor_reset", toneCaution},
	audit.RecoveryCodeUsed:     {"admin.audit.kind.recovery_code_used", toneCaution},
	audit.RecoveryCodesMade:    {"admin.audit.kind.recovery_codes_made", tonePlain},
	audit.SignedOut:            {"admin.audit.kind.signed_out", tonePlain},
	audit.SessionEnded:         {"admin.audit.kind.session_ended", tonePlain},
	audit.PersonCreated:        {"admin.audit.kind.person_created", toneGood},
	audit.PersonUpdated:        {"admin.audit.kind.person_updated", tonePlain},
	audit.PersonDisabled:       {"admin.audit.kind.person_disabled", toneCaution},
	audit.PersonEnabled:        {"admin.audit.kind.person_enabled", toneGood},
	audit.PersonDeleted:        {"admin.audit.kind.person_deleted", toneCaution},
	audit.PasswordChanged:      {"admin.audit.kind.password_changed", tonePlain},
	audit.PersonSignedUp:       {"admin.audit.kind.person_signed_up", toneGood},
	audit.SignUpAsked:          {"admin.audit.kind.sign_up_asked", tonePlain},
	audit.ResetAsked:           {"admin.audit.kind.reset_asked", tonePlain},
	audit.EmailChangeAsked:     {"admin.audit.kind.email_change_asked", tonePlain},
	audit.EmailChanged:         {"admin.audit.kind.email_changed", toneCaution},
	audit.DeliveryFailed:       {"admin.audit.kind.delivery_failed", toneCaution},
	audit.DeliveryRetried:      {"admin.audit.kind.delivery_retried", tonePlain},
	audit.DeliveryDiscarded:    {"admin.audit.kind.delivery_discarded", tonePlain},
	audit.MailFailed:           {"admin.audit.kind.mail_failed", toneCaution},
	audit.PersonRoleChanged:    {"admin.audit.kind.role_changed", toneCaution},
	audit.PasswordExpired:      {"admin.audit.kind.password_expired", tonePlain},
	audit.PasswordRenewalAsked: {"admin.audit.kind.password_renewal_asked", tonePlain},
	audit.ResetLinkCreated:     {"admin.audit.kind.reset_link_created", toneCaution},
	audit.InvitationCreated:    {"admin.audit.kind.invitation_created", tonePlain},
	audit.InvitationWithdrawn:  {"admin.audit.kind.invitation_withdrawn", tonePlain},
	audit.SetupLinkCreated:     {"admin.audit.kind.setup_link_created", tonePlain},
	audit.FactorCopySuspected:  {"admin.audit.kind.factor_copy_suspected", toneBad},
	audit.ClientCreated:        {"admin.audit.kind.client_created", toneGood},
	audit.ClientRegistered:     {"admin.audit.kind.client_registered", toneGood},
	audit.ClientExpired:        {"admin.audit.kind.client_expired", tonePlain},
	audit.InitialTokenCreated:  {"admin.audit.kind.initial_token_created", toneCaution},
	audit.InitialTokenRevoked:  {"admin.audit.kind.initial_token_revoked", tonePlain},
	audit.ClientUpdated:        {"admin.audit.kind.client_updated", tonePlain},
	audit.ClientDisabled:       {"admin.audit.kind.client_disabled", toneCaution},
	audit.ClientEnabled:        {"admin.audit.kind.client_enabled", toneGood},
	audit.ClientDeleted:        {"admin.audit.kind.client_deleted", toneCaution},
	audit.ClientSecretRotated:  {"admin.audit.kind.client_secret_rotated", tonePlain},
	audit.ClientSecretEnded:    {"admin.audit.kind.client_secret_ended", tonePlain},
	audit.ClientPushChanged:    {"admin.audit.kind.client_push_changed", toneCaution},
	audit.ClientAuthFailed:     {"admin.audit.kind.client_authentication_failed", toneCaution},
	audit.APICreated:           {"admin.audit.kind.api_created", toneGood},
	audit.APIUpdated:           {"admin.audit.kind.api_updated", tonePlain},
	audit.APIDeleted:           {"admin.audit.kind.api_deleted", toneCaution},
	audit.ConsentGiven:         {"admin.audit.kind.consent_given", toneGood},
	audit.ConsentDenied:        {"admin.audit.kind.consent_denied", tonePlain},
	audit.ConsentWithdrawn:     {"admin.audit.kind.consent_withdrawn", tonePlain},
	audit.GrantCreated:         {"admin.audit.kind.grant_created", toneGood},
	audit.GrantRevoked:         {"admin.audit.kind.grant_revoked", toneCaution},
	audit.GrantReported:        {"admin.audit.kind.grant_reported", toneBad},
	audit.GrantBulkRevoked:     {"admin.audit.kind.grant_bulk_revoked", toneCaution},
	audit.GrantEvicted:         {"admin.audit.kind.grant_evicted", tonePlain},
	audit.GrantReuse:           {"admin.audit.kind.grant_reuse", toneBad},
	audit.GrantNarrowed:        {"admin.audit.kind.grant_narrowed", tonePlain},
	audit.GrantEndChanged:      {"admin.audit.kind.grant_end_changed", tonePlain},
	audit.CodeReplayed:         {"admin.audit.kind.code_replayed", toneBad},
	audit.TokenExchanged:       {"admin.audit.kind.access_token_exchanged", tonePlain},
	audit.TokenRevoked:         {"admin.audit.kind.access_token_revoked", tonePlain},
	audit.TokenMismatch:        {"admin.audit.kind.token_mismatch", toneBad},
	audit.TokenOrphan:          {"admin.audit.kind.token_orphan", toneCaution},
	audit.TokenFork:            {"admin.audit.kind.token_fork", toneBad},
	audit.TokenFuture:          {"admin.audit.kind.token_future", toneCaution},
	audit.TokenReuseReport:     {"admin.audit.kind.token_reuse_reported", toneCaution},
	audit.KeyCreated:           {"admin.audit.kind.key_created", tonePlain},
	audit.KeyRotated:           {"admin.audit.kind.key_rotated", tonePlain},
	audit.KeyDeleted:           {"admin.audit.kind.key_deleted", tonePlain},
	audit.KeysSealed:           {"admin.audit.kind.keys_sealed", toneGood},
	audit.KeysUnsealed:         {"admin.audit.kind.keys_unsealed", toneCaution},
	audit.ClockStepped:         {"admin.audit.kind.clock_stepped", toneCaution},
	audit.ClockReset:           {"admin.audit.kind.clock_reset", toneCaution},
	audit.DatabaseRestored:     {"admin.audit.kind.database_restored", toneCaution},
	audit.GroupCreated:         {"admin.audit.kind.group_created", toneGood},
	audit.GroupUpdated:         {"admin.audit.kind.group_updated", tonePlain},
	audit.GroupDeleted:         {"admin.audit.kind.group_deleted", toneCaution},
	audit.GroupMemberAdded:     {"admin.audit.kind.group_member_added", toneGood},
	audit.GroupMemberRemoved:   {"admin.audit.kind.group_member_removed", toneCaution},
	audit.GroupRolesChanged:    {"admin.audit.kind.group_roles_changed", tonePlain},
	audit.SettingsChanged:      {"admin.audit.kind.settings_changed", tonePlain},
	audit.LogChecked:           {"admin.audit.kind.log_checked", tonePlain},
}

// resultTexts are the results that need other words for people than the log has.
var resultTexts = map[string]string{
	string(oauth.RevokedReuse):         "admin.audit.result.reuse",
	string(oauth.RevokedPerson):        "admin.audit.result.user",
	string(oauth.RevokedReported):      "admin.audit.result.reported",
	string(oauth.RevokedClient):        "admin.audit.result.client",
	string(oauth.RevokedAdmin):         "admin.audit.result.admin",
	string(oauth.RevokedConsent):       "admin.audit.result.consent",
	string(oauth.RevokedPassword):      "admin.audit.result.password",
	string(oauth.RevokedFactor):        "admin.audit.result.factor",
	string(oauth.RevokedLogout):        "admin.audit.result.logout",
	string(oauth.RevokedCodeReplay):    "admin.audit.result.code_replay",
	string(oauth.RevokedScope):         "admin.audit.result.scope_removed",
	string(oauth.RevokedAccessLost):    "admin.audit.result.access_lost",
	string(oauth.RevokedEvicted):       "admin.audit.result.evicted",
	string(oauth.RevokedUserDisabled):  "admin.audit.result.user_disabled",
	string(oauth.RevokedUserDeleted):   "admin.audit.result.user_deleted",
	string(oauth.RevokedClientDeleted): "admin.audit.result.client_deleted",
	string(oauth.RevokedRestore):       "admin.audit.result.restore",
	"revoked":                          "admin.audit.result.revoked",
	"refused":                          "",
	"denied":                           "",
	"gave up":                          "admin.audit.result.gave_up",
	"full":                             "admin.audit.result.full",
	"no access":                        "admin.audit.result.no_access",
	"ok":                               "",
}

// eventTexts puts events into words. The names are those of today; whoever is gone goes by id.
func (s *Server) eventTexts(ctx context.Context, t *view.Text, events []audit.Event) ([]view.Event, error) {
	n := s.names(t)
	texts := make([]view.Event, len(events))
	for i, e := range events {
		var err error
		if texts[i], err = n.event(ctx, e); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// eventNames finds the names of those whom events are about, each once.
type eventNames struct {
	s       *Server
	t       *view.Text
	people  map[string]view.Party
	clients map[string]view.Party
	apis    map[string]oauth.API // by client id; nil: not read yet
}

func (n *eventNames) event(ctx context.Context, e audit.Event) (view.Event, error) {
	text := view.Event{
		Seq: e.Seq, At: e.At, Kind: string(e.Kind), What: string(e.Kind), Tone: tonePlain, Refused: e.Outcome() == audit.OutcomeRefused,
		Result: n.result(e.Result), IP: e.IP, Device: deviceName(n.t, e.UserAgent), UserAgent: e.UserAgent, RequestID: e.RequestID, Hash: hex.EncodeToString(e.Hash),
	}
	if k, known := kindTexts[e.Kind]; known {
		text.What, text.Tone = n.t.T(k.key), k.tone
	}
	if text.Refused && text.Tone == tonePlain {
		text.Tone = toneCaution
	}
	changes, facts := audit.Changes(e.Detail)
	for _, c := range changes {
		text.Changes = append(text.Changes, view.EventChange{Name: detailName(c.Key), Before: n.value(c.Before), After: n.value(c.After)})
	}
	for _, f := range facts {
		text.Facts = append(text.Facts, view.EventFact{Name: detailName(f.Key), Value: n.value(f.Value)})
	}
	var err error
	if text.Who, err = n.actor(ctx, e); err != nil {
		return text, err
	}
	text.About, err = n.about(ctx, e)
	return text, err
}

func (n *eventNames) result(result string) string {
	if key, known := resultTexts[result]; known {
		if key == "" {
			return ""
		}
		return n.t.T(key)
	}
	return result
}

// value puts durations and times as the log has them (720h0m0s, RFC 3339) into words.
func (n *eventNames) value(value string) string {
	if d, err := time.ParseDuration(value); err == nil && value != "0" {
		return n.t.Duration(d)
	}
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		return n.t.DateTime(at)
	}
	return value
}

// detailName makes the name of a member readable.
func detailName(key string) string { return strings.ReplaceAll(key, "_", " ") }

func (n *eventNames) actor(ctx context.Context, e audit.Event) (view.Party, error) {
	switch e.Actor {
	case audit.ByPerson:
		if id := e.ActorID; id != "" || e.PersonID != "" {
			if id == "" {
				id = e.PersonID
			}
			return n.person(ctx, id)
		}
		return view.Party{Label: n.t.T("admin.audit.actor.somebody")}, nil
	case audit.ByAdmin:
		return n.person(ctx, e.ActorID)
	case audit.ByClient:
		id := e.ActorID
		if id == "" {
			id = e.ClientID
		}
		return n.client(ctx, id)
	case audit.ByCommand:
		if e.ActorID == "" {
			return view.Party{Label: n.t.T("admin.audit.actor.command")}, nil
		}
		return view.Party{Label: n.t.T("admin.audit.actor.command_of", "User", e.ActorID)}, nil
	}
	return view.Party{Label: n.t.T("admin.audit.actor.server")}, nil
}

// about names whom and what an event concerns besides who acted.
func (n *eventNames) about(ctx context.Context, e audit.Event) ([]view.Party, error) {
	var about []view.Party
	if e.PersonID != "" && !(e.Actor == audit.ByPerson && (e.ActorID == "" || e.ActorID == e.PersonID)) {
		p, err := n.person(ctx, e.PersonID)
		if err != nil {
			return nil, err
		}
		about = append(about, p)
	}
	if e.ClientID != "" && !(e.Actor == audit.ByClient && (e.ActorID == "" || e.ActorID == e.ClientID)) {
		c, err := n.client(ctx, e.ClientID)
		if err != nil {
			return nil, err
		}
		about = append(about, c)
	}
	if e.GrantID != "" {
		about = append(about, view.Party{Label: n.t.T("admin.audit.grant", "ID", short(e.GrantID)), URL: "/admin/grants/" + url.PathEscape(e.GrantID)})
	}
	return about, nil
}

func (n *eventNames) person(ctx context.Context, id string) (view.Party, error) {
	if p, found := n.people[id]; found {
		return p, nil
	}
	person, err := n.s.people.Find(ctx, id)
	var p view.Party
	switch {
	case errors.Is(err, account.ErrNotFound):
		p = view.Party{Label: n.t.T("admin.audit.gone.person", "ID", short(id)), Note: id}
	case err != nil:
		return p, err
	default:
		p = view.Party{Label: person.Name, Note: person.Email, URL: "/admin/people/" + url.PathEscape(person.ID)}
		if p.Label == "" {
			p.Label, p.Note = person.Email, ""
		}
	}
	n.people[id] = p
	return p, nil
}

// client gives a client, or the API that it belongs to.
func (n *eventNames) client(ctx context.Context, id string) (view.Party, error) {
	if p, found := n.clients[id]; found {
		return p, nil
	}
	if n.apis == nil {
		apis, err := n.s.store.APIs(ctx)
		if err != nil {
			return view.Party{}, err
		}
		n.apis = map[string]oauth.API{}
		for _, a := range apis {
			n.apis[a.ClientID] = a
		}
	}
	p := view.Party{Label: n.t.T("admin.audit.gone.client", "ID", short(id)), Note: id}
	if api, found := n.apis[id]; found {
		p = view.Party{Label: api.Name, Note: api.Resource, URL: "/admin/apis/" + url.PathEscape(id)}
	} else {
		client, err := n.s.store.Client(ctx, id)
		if err != nil && !errors.Is(err, oauth.ErrNotFound) {
			return p, err
		}
		if err == nil {
			p = view.Party{Label: client.Name, Note: client.ID, URL: "/admin/clients/" + url.PathEscape(client.ID)}
		}
	}
	n.clients[id] = p
	return p, nil
}

// short is the beginning of an id, enough for people to tell it from others.
func short(id string) string {
	if len(id) > 12 {
		return id[:8] + "…"
	}
	return id
}

// kindGroups are the kinds of events as the filter of the log offers them, by the noun that a kind begins with.
var kindGroups = []struct {
	name  string
	key   string
	nouns []string
}{
	{"sign-ins", "admin.audit.group.sign_ins", []string{"sign_in", "session"}},
	{"people", "admin.audit.group.people", []string{"person", "invitation", "factor", "group"}},
	{"applications", "admin.audit.group.applications", []string{"client", "initial_access_token", "api", "delivery"}},
	{"grants", "admin.audit.group.grants", []string{"consent", "grant", "access_token", "refresh_token"}},
	{"server", "admin.audit.group.server", []string{"key", "server", "settings", "audit", "mail"}},
}

// kindGroup gives the group of a kind.
func kindGroup(kind audit.Kind) (string, bool) {
	noun, _, _ := strings.Cut(string(kind), ".")
	for _, g := range kindGroups {
		if slices.Contains(g.nouns, noun) {
			return g.name, true
		}
	}
	return "", false
}

// kindsOf gives the kinds of a group, nil for a group that is none.
func kindsOf(group string) []audit.Kind {
	var kinds []audit.Kind
	for kind := range kindTexts {
		if g, ok := kindGroup(kind); ok && g == group {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}
