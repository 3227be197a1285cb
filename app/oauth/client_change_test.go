package oauth_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

var adminAnn = audit.Origin{Actor: audit.ByAdmin, ActorID: "ann"}

// lastEvent gives the newest event of a client.
func (w *world) lastEvent(client string) audit.Event {
	w.Helper()
	events, err := w.db.Events(context.Background(), db.EventFilter{ClientID: client}, 1)
	w.ok(err)
	if len(events) != 1 {
		w.Fatalf("%s has no event", client)
	}
	return events[0]
}

// TestWEB48EveryMemberOfARegistrationIsInTheAuditLog changes each one by itself, so a member that is added later and forgotten
// in the log turns this red.
func TestWEB48EveryMemberOfARegistrationIsInTheAuditLog(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	disabled := epoch
	notFacts := []string{"ID", "Secret", "OldSecret", "Groups", "Policy", "GrantsRevokedBefore", "Version", "CreatedAt", "UpdatedAt", "RegistrationHash", "SeenAt", "ReadAt", "FreshUntil",
		"WebhookURL", "WebhookSecret", "OldWebhookSecret", "SecurityEventURL", "SecurityEventAuthorization", // push_test.go
		"JWKS", "JWKSURI", "AuthSigningAlg"} // of clients that sign, below
	other := map[string]any{ // another value than the fixture has
		"Name": "Other name", "AuthMethod": oauth.AuthPost, "RedirectURIs": []string{"https://other.test/cb"}, "GrantTypes": []string{oauth.GrantAuthorizationCode},
		"Scope": oauth.Scope{"read"}, "Trusted": true, "PKCEWaived": true, "RedirectURIRequired": true, "SecondFactor": true, "PARRequired": true, "DPoPRequired": true, "FormPost": true,
		"PostLogoutRedirectURIs": []string{"https://app.test/bye"}, "BackchannelLogoutURI": "https://app.test/logout", "LogoutSessionRequired": true, "Source": oauth.SourceDynamic, "About": oauth.About{PolicyURI: "https://app.test/privacy"}, "DisabledAt": &disabled, "Restricted": true,
		"ExchangeSubjects": []string{"https://api.test/"}, "ExchangeAudiences": []string{"https://api.test/"},
		"Preset": oauth.PresetStrict, "Refresh": oauth.RefreshOffline, "RotationOff": true, "Grace": 5 * time.Second, "Idle": time.Hour, "Absolute": 31 * 24 * time.Hour,
		"AccessTokenLifetime": time.Minute, "AccessTokenFormat": oauth.FormatOpaque, "IDTokenAlg": "ES256", "MaxGrants": 3, "RefreshLimit": 60,
		"ScopesOnRefresh": oauth.Scope{"read"}, "OnReuse": oauth.ReuseReports, "StaleGenerations": 2, "OnAccessLost": oauth.AccessLostRevokes,
	}
	change := func(name string, of func(*oauth.Client) reflect.Value) {
		value, known := other[name]
		if !known {
			t.Errorf("%s: this test has no other value for it", name)
			return
		}
		before, err := w.db.Client(context.Background(), "standard")
		w.ok(err)
		_, err = oauth.ChangeClient(context.Background(), w.db, "standard", func(c *oauth.Client) error {
			of(c).FieldByName(name).Set(reflect.ValueOf(value))
			return nil
		}, epoch, adminAnn)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		e := w.lastEvent("standard")
		changes, _ := audit.Changes(e.Detail)
		if len(changes) != 1 || changes[0].Before == changes[0].After || e.ActorID != "ann" {
			t.Errorf("%s: the log says %q", name, e.Detail)
		}
		_, err = oauth.ChangeClient(context.Background(), w.db, "standard", func(c *oauth.Client) error {
			version := c.Version
			*c = *before
			c.Version = version
			return nil
		}, epoch, adminAnn)
		w.ok(err)
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[oauth.Client]()) {
		if !slices.Contains(notFacts, f.Name) {
			change(f.Name, func(c *oauth.Client) reflect.Value { return reflect.ValueOf(c).Elem() })
		}
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[oauth.Policy]()) {
		change(f.Name, func(c *oauth.Client) reflect.Value { return reflect.ValueOf(&c.Policy).Elem() })
	}
}

func TestWEB48TheKeysOfAClientAreInTheAuditLog(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	const key = `{"kty":"EC","crv":"P-256","kid":"a","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	set := func(member string, change func(*oauth.Client)) {
		_, err := oauth.ChangeClient(context.Background(), w.db, "standard", func(c *oauth.Client) error { change(c); return nil }, epoch, adminAnn)
		w.ok(err)
		changes, _ := audit.Changes(w.lastEvent("standard").Detail)
		if !slices.ContainsFunc(changes, func(c audit.Changed) bool { return c.Key == member && c.Before != c.After }) {
			t.Errorf("%s: the log says %q", member, w.lastEvent("standard").Detail)
		}
	}
	set("jwks", func(c *oauth.Client) { c.AuthMethod, c.JWKS = oauth.AuthPrivateKeyJWT, `{"keys":[`+key+`]}` })
	set("auth_signing_alg", func(c *oauth.Client) { c.AuthSigningAlg = oauth.AlgES256 })
	set("jwks_uri", func(c *oauth.Client) { c.JWKS, c.JWKSURI = "", "https://other.test/jwks.json" })
}

func TestWEB48ALongListOfRedirectURIsHidesNoChange(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	set := func(uris ...string) {
		_, err := oauth.ChangeClient(context.Background(), w.db, "standard", func(c *oauth.Client) error { c.RedirectURIs = uris; return nil }, epoch, adminAnn)
		w.ok(err)
	}
	var many []string
	for i := range 90 {
		many = append(many, "https://app.test/"+strings.Repeat("x", 100)+string(rune('a'+i%26))+strings.Repeat("y", i))
	}
	set(many...)

	set(append(slices.Clone(many[1:]), "https://new.test/cb")...)

	changes, _ := audit.Changes(w.lastEvent("standard").Detail)
	if len(changes) != 1 || changes[0].Key != "redirect_uris" || changes[0].Before != many[0] || changes[0].After != "https://new.test/cb" {
		t.Errorf("the log says %q", changes)
	}
}

func TestT28AnAdminChoosesHowLongTheOldSecretLives(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	ctx := context.Background()
	works := func(secret string) bool {
		_, err := w.engine.AuthenticateClient(ctx, oauth.ClientCredentials{ClientID: "standard", Secret: secret, Method: oauth.AuthBasic}, adminAnn)
		return err == nil
	}
	rotate := func(r oauth.SecretRotation) (*oauth.Client, string) {
		c, secret, err := oauth.RotateClientSecret(ctx, w.db, "standard", r, w.clock.Wall(), adminAnn)
		w.ok(err)
		return c, secret
	}
	first := w.secret["standard"]

	c, second := rotate(oauth.SecretRotation{Overlap: 7 * 24 * time.Hour})
	if !works(first) || !works(second) || !c.OldSecret.EndsAt.Equal(w.clock.Wall().Add(7*24*time.Hour)) {
		t.Errorf("both should live for 7 days: %v", c.OldSecret)
	}
	if e := w.lastEvent("standard"); e.Kind != audit.ClientSecretRotated || !strings.Contains(e.Detail, c.Secret.Hint) || strings.Contains(e.Detail, second) {
		t.Errorf("the log says %s %s", e.Kind, e.Detail)
	}
	if _, err := oauth.EndOldSecret(ctx, w.db, "standard", c.Version-1, w.clock.Wall(), adminAnn); !errors.Is(err, oauth.ErrConflict) || !works(first) {
		t.Errorf("decided before the rotation: %v", err)
	}
	if _, err := oauth.EndOldSecret(ctx, w.db, "standard", c.Version, w.clock.Wall(), adminAnn); err != nil || works(first) || !works(second) {
		t.Errorf("the old one should have ended, and only it: %v", err)
	}
	if e := w.lastEvent("standard"); e.Kind != audit.ClientSecretEnded {
		t.Errorf("the log says %s", e.Kind)
	}
	if _, err := oauth.EndOldSecret(ctx, w.db, "standard", 0, w.clock.Wall(), adminAnn); !errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("there was no old secret any more: %v", err)
	}
	if _, third := rotate(oauth.SecretRotation{}); works(second) || !works(third) {
		t.Error("without overlap the old secret ends at once")
	}
	for _, overlap := range []time.Duration{-1, oauth.MaxSecretOverlap + 1} {
		_, _, err := oauth.RotateClientSecret(ctx, w.db, "standard", oauth.SecretRotation{Overlap: overlap}, w.clock.Wall(), adminAnn)
		if oauth.AsError(err).Code != oauth.InvalidClientMetadata {
			t.Errorf("an overlap of %s: %v", overlap, err)
		}
	}
}

func TestARotationOfASecretThatSomebodyRotatedMeanwhileIsRefused(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	ctx := context.Background()
	seen, err := w.db.Client(ctx, "standard")
	w.ok(err)

	_, secret, err := oauth.RotateClientSecret(ctx, w.db, "standard", oauth.SecretRotation{Version: seen.Version}, epoch, adminAnn)
	w.ok(err)
	_, _, err = oauth.RotateClientSecret(ctx, w.db, "standard", oauth.SecretRotation{Version: seen.Version}, epoch, adminAnn)

	if !errors.Is(err, oauth.ErrConflict) {
		t.Errorf("the second one of two forms: %v", err)
	}
	if _, err := w.engine.AuthenticateClient(ctx, oauth.ClientCredentials{ClientID: "standard", Secret: secret, Method: oauth.AuthBasic}, adminAnn); err != nil {
		t.Errorf("the first one's secret: %v", err)
	}
}

func TestWhatHangsOnAClientIsCountedUpToABound(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	ctx := context.Background()
	for range 3 {
		w.grant("standard", "ann")
	}

	use, err := w.db.ClientUse(ctx, "standard", 100)
	w.ok(err)
	bounded, err := w.db.ClientUse(ctx, "standard", 2)
	w.ok(err)
	if use.Grants != 3 || bounded.Grants != 2 {
		t.Errorf("%d grants, bounded %d, want 3 and 2", use.Grants, bounded.Grants)
	}
	w.ok(oauth.RemoveClient(ctx, w.db, "standard", w.clock.Wall(), adminAnn))
	if e := w.lastEvent("standard"); e.Kind != audit.ClientDeleted || !strings.Contains(e.Detail, "https://app.test/cb") {
		t.Errorf("the log says %s %s", e.Kind, e.Detail)
	}
	if err := oauth.RemoveClient(ctx, w.db, "standard", w.clock.Wall(), adminAnn); !errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("the second time: %v", err)
	}
}

func TestEveryKindOfClientCanBeRegistered(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	policy, _ := oauth.PolicyOf(oauth.PresetStandard)
	policy.RotationOff, policy.Idle = true, 5*24*time.Hour
	uris := map[oauth.Kind]string{
		oauth.KindWebServer: "https://w.test/cb", oauth.KindSinglePage: "https://s.test/cb", oauth.KindNative: "http://127.0.0.1/cb", oauth.KindMCP: "http://localhost/cb",
	}
	for _, kind := range oauth.Kinds() {
		c, ok := kind.NewClient(policy)
		if !ok {
			t.Fatalf("%s is unknown", kind)
		}
		c.Name, c.Scope = string(kind), kind.DefaultScope()
		if uris[kind] != "" {
			c.RedirectURIs = []string{uris[kind]}
		}
		secret, err := oauth.RegisterClient(context.Background(), w.db, c, epoch, adminAnn)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if (secret == "") != c.Public() || c.Policy.Idle != 5*24*time.Hour {
			t.Errorf("%s: secret %q, policy %+v", kind, secret, c.Policy)
		}
		if got := c.Kind(); got != kind && (kind != oauth.KindMCP || got != oauth.KindNative) {
			t.Errorf("%s is taken for %s", kind, got)
		}
	}
	if _, ok := oauth.Kind("toaster").NewClient(policy); ok {
		t.Error("a kind that does not exist")
	}
}

func TestAClientWhoseAPIIsGoneCanStillBeChanged(t *testing.T) {
	w := newWorld(t, inMemory(t))
	defer w.close()
	ctx := context.Background()
	api := &oauth.API{Resource: "https://gone.test/", Name: "Gone", Scope: oauth.Scope{"gone:read"}}
	_, _, err := oauth.RegisterAPI(ctx, w.db, api, epoch, adminAnn)
	w.ok(err)
	c := oauth.Client{ID: "reader", Name: "Reader", AuthMethod: oauth.AuthBasic, RedirectURIs: []string{"https://reader.test/cb"}, Scope: oauth.Scope{"openid", "gone:read"}}
	_, err = oauth.RegisterClient(ctx, w.db, &c, epoch, adminAnn)
	w.ok(err)
	w.ok(w.db.DeleteAPI(ctx, api.Resource, audit.Event{At: epoch, Kind: audit.APIDeleted, Origin: adminAnn, Result: "ok"}))

	disabled, err := oauth.ChangeClient(ctx, w.db, "reader", func(c *oauth.Client) error { at := epoch; c.DisabledAt = &at; return nil }, epoch, adminAnn)
	if err != nil || disabled.DisabledAt == nil {
		t.Errorf("disable: %v", err)
	}

	_, err = oauth.ChangeClient(ctx, w.db, "reader", func(c *oauth.Client) error { c.Scope = oauth.Scope{"openid"}; return nil }, epoch, adminAnn)
	w.ok(err)
	_, err = oauth.ChangeClient(ctx, w.db, "reader", func(c *oauth.Client) error { c.Scope = oauth.Scope{"openid", "gone:read"}; return nil }, epoch, adminAnn)
	var refused *oauth.Error
	if !errors.As(err, &refused) || refused.Code != oauth.InvalidClientMetadata {
		t.Errorf("a scope of nobody was taken on again: %v", err)
	}
}
