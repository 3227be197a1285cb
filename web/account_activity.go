package web

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/web/view"
)

// accountActivity is the page about what happened to an account.
func (s *Server) accountActivity(own *accountArea) {
	own.page("/account/activity", s.showActivity)
}

const activityPage = 50

// activityTexts are the events that concern people, in words for them. What only those who run the server understand is left out.
var activityTexts = map[audit.Kind]kindText{
	audit.SignInSucceeded:      {"account.activity.sign_in_succeeded", toneGood},
	audit.SignInFailed:         {"account.activity.sign_in_failed", toneCaution},
	audit.SignInThrottled:      {"account.activity.sign_in_throttled", toneCaution},
	audit.SignInConfirmed:      {"account.activity.sign_in_confirmed", tonePlain},
	audit.SignInNewDevice:      {"account.activity.sign_in_new_device", toneCaution},
	audit.SignInSecondAsked:    {"account.activity.sign_in_second_asked", tonePlain},
	audit.SignedOut:            {"account.activity.signed_out", tonePlain},
	audit.SessionEnded:         {"account.activity.session_ended", tonePlain},
	audit.PersonCreated:        {"account.activity.person_created", tonePlain},
	audit.PersonSignedUp:       {"account.activity.person_created", tonePlain},
	audit.PersonUpdated:        {"account.activity.person_updated", tonePlain},
	audit.PersonDisabled:       {"account.activity.person_disabled", toneCaution},
	audit.PersonEnabled:        {"account.activity.person_enabled", tonePlain},
	audit.PersonRoleChanged:    {"account.activity.role_changed", tonePlain},
	audit.PasswordChanged:      {"account.activity.password_changed", toneCaution},
	audit.PasswordExpired:      {"account.activity.password_expired", tonePlain},
	audit.PasswordRenewalAsked: {"account.activity.password_renewal_asked", tonePlain},
	audit.ResetLinkCreated:     {"account.activity.reset_link_created", toneCaution},
	audit.ResetAsked:           {"account.activity.reset_asked", toneCaution},
	audit.EmailChangeAsked:     {"account.activity.email_change_asked", toneCaution},
	audit.EmailChanged:         {"account.activity.email_changed", toneCaution},
	audit.FactorAdded:          {"account.activity.factor_added", toneCaution},
	audit.FactorRemoved:        {"account.activity.factor_removed", toneCaution},
	audit.FactorRenamed:        {"account.activity.factor_renamed", tonePlain},
	audit.FactorReset:          {"account.activity.factor_reset", toneCaution},
	audit.RecoveryCodeUsed:     {"account.activity.recovery_code_used", toneCaution},
	audit.RecoveryCodesMade:    {"account.activity.recovery_codes_made", tonePlain},
	audit.FactorCopySuspected:  {"account.activity.factor_copy_suspected", toneBad},
	audit.GroupMemberAdded:     {"account.activity.group_member_added", tonePlain},
	audit.GroupMemberRemoved:   {"account.activity.group_member_removed", tonePlain},
	audit.ConsentGiven:         {"account.activity.consent_given", tonePlain},
	audit.ConsentDenied:        {"account.activity.consent_denied", tonePlain},
	audit.ConsentWithdrawn:     {"account.activity.consent_withdrawn", tonePlain},
	audit.GrantCreated:         {"account.activity.grant_created", toneGood},
	audit.GrantRevoked:         {"account.activity.grant_revoked", tonePlain},
	audit.GrantReported:        {"account.activity.grant_reported", toneBad},
	audit.GrantBulkRevoked:     {"account.activity.grant_revoked", tonePlain},
	audit.GrantEvicted:         {"account.activity.grant_evicted", tonePlain},
	audit.GrantReuse:           {"account.activity.grant_reuse", toneBad},
	audit.GrantNarrowed:        {"account.activity.grant_narrowed", tonePlain},
	audit.GrantEndChanged:      {"account.activity.grant_end_changed", tonePlain},
	audit.CodeReplayed:         {"account.activity.code_replayed", toneBad},
	audit.TokenReuseReport:     {"account.activity.token_reuse_reported", toneCaution},
}

// activityResults say why an application was signed out, or what else came of it, where the sentence alone does not.
var activityResults = map[string]string{
	string(oauth.RevokedClient): "account.activity.result.client", string(oauth.RevokedPassword): "account.activity.result.password",
	string(oauth.RevokedLogout): "account.activity.result.logout", string(oauth.RevokedScope): "account.activity.result.scope",
	string(oauth.RevokedFactor): "account.activity.result.factor", string(oauth.RevokedAccessLost): "account.activity.result.access_lost",
	"password expired": "account.activity.result.password_expired",
}

// activityFailures say what was wrong at a sign-in that failed, where it was not the password.
var activityFailures = map[string]string{
	"wrong code": "account.activity.wrong_code", "passkey refused": "account.activity.passkey_refused", "disabled": "account.activity.sign_in_disabled",
}

// showActivity tells what happened to the account, the newest first.
func (s *Server) showActivity(w http.ResponseWriter, r *http.Request, me *self) {
	q := audit.Query{ConcernedID: me.ID, Kinds: slices.Collect(maps.Keys(activityTexts))}
	before := r.URL.Query().Get("before")
	if before != "" {
		var err error
		if q.Before, err = strconv.ParseInt(before, 10, 64); err != nil || q.Before < 1 {
			s.notFound(w, r)
			return
		}
	}
	found, err := s.store.ReadAudit(r.Context(), q, activityPage)
	if err != nil {
		s.unavailable(w, r, "read the audit log", err)
		return
	}
	page := view.AccountActivity{AccountFrame: s.accountFrame(w, r, me, "activity"), Now: s.now()}
	n := s.names(page.Text)
	for _, e := range found.Events {
		line, err := s.activityLine(r.Context(), page.Text, n, e)
		if err != nil {
			s.unavailable(w, r, "read names", err)
			return
		}
		page.Events = append(page.Events, line)
	}
	if before != "" {
		page.Pager.First = "/account/activity"
	}
	if found.Next != 0 {
		page.Pager.Next = "/account/activity?before=" + strconv.FormatInt(found.Next, 10)
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

// activityLine puts one event into words for the person whom it concerns.
func (s *Server) activityLine(ctx context.Context, t *view.Text, n *eventNames, e audit.Event) (view.Activity, error) {
	text := activityTexts[e.Kind]
	line := view.Activity{At: e.At, Tone: text.tone, IP: e.IP}
	app := ""
	if e.ClientID != "" {
		client, err := n.client(ctx, e.ClientID)
		if err != nil {
			return line, err
		}
		app = client.Label
	}
	line.What = t.T(text.key, "App", app)
	if key := activityFailures[e.Result]; e.Kind == audit.SignInFailed && key != "" {
		line.What = t.T(key)
	} else if e.Kind == audit.PasswordChanged && e.Outcome() == audit.OutcomeRefused {
		line.What = t.T("account.activity.password_change_failed")
	} else if key := activityResults[e.Result]; key != "" {
		line.Why = t.T(key)
	}
	if e.UserAgent != "" {
		line.Device = deviceWords(t, e.UserAgent)
	}
	switch e.Actor {
	case audit.ByAdmin:
		line.Who = t.T("account.activity.by.admin")
		if e.ActorID == e.PersonID { // at their own affairs on the dashboard
			line.Who = ""
		}
	case audit.ByCommand:
		line.Who = t.T("account.activity.by.command")
	case audit.ByServer:
		line.Who = t.T("account.activity.by.server")
	}
	if line.Who != "" {
		line.IP, line.Device = "", "" // where the people who run the server sit is theirs
	}
	return line, nil
}
