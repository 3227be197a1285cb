package web

import (
	"slices"
	"testing"

	"regrant/app/audit"
	"regrant/web/view"
)

// notForPeople are the kinds of events that no page of somebody's own account shows: they are about the server, about applications,
// or about somebody who is not there any more.
var notForPeople = []audit.Kind{
	audit.PersonDeleted, audit.SignUpAsked, audit.MailFailed, audit.InvitationCreated, audit.InvitationWithdrawn, audit.SetupLinkCreated, audit.ClientCreated,
	audit.ClientRegistered, audit.ClientExpired, audit.InitialTokenCreated, audit.InitialTokenRevoked,
	audit.ClientUpdated, audit.ClientDisabled, audit.ClientEnabled, audit.ClientDeleted, audit.ClientSecretRotated, audit.ClientSecretEnded, audit.ClientPushChanged,
	audit.ClientAuthFailed, audit.APICreated, audit.APIUpdated, audit.APIDeleted, audit.TokenRevoked, audit.TokenExchanged, audit.TokenMismatch, audit.TokenOrphan,
	audit.TokenFork, audit.TokenFuture, audit.KeyCreated, audit.KeyRotated, audit.KeyDeleted, audit.KeysSealed, audit.KeysUnsealed, audit.ClockStepped, audit.ClockReset, audit.DatabaseRestored,
	audit.DeliveryFailed, audit.DeliveryRetried, audit.DeliveryDiscarded,
	audit.GroupCreated, audit.GroupUpdated, audit.GroupDeleted, audit.GroupRolesChanged, audit.SettingsChanged, audit.LogChecked,
}

func TestEveryKindOfEventIsToldToPeopleOrLeftOut(t *testing.T) {
	text := view.TheCatalogue().For("en")
	for kind, name := range auditKinds(t) {
		told, ok := activityTexts[kind]
		if ok == slices.Contains(notForPeople, kind) {
			t.Errorf("audit.%s is told to people, or left out, but not one of both", name)
		}
		if ok && text.T(told.key) == told.key {
			t.Errorf("audit.%s: the catalogue lacks %s", name, told.key)
		}
	}
	for _, keys := range []map[string]string{activityResults, activityFailures} {
		for result, key := range keys {
			if text.T(key) == key {
				t.Errorf("%s: the catalogue lacks %s", result, key)
			}
		}
	}
}
