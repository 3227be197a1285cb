package db_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/app/oauth"
	"regrant/db"
)

// call is one method of [oauth.Store] with arguments that a working store would take.
type call struct {
	writes bool
	do     func(context.Context, oauth.Store) error
}

func read[V any](do func(context.Context, oauth.Store) (V, error)) call {
	return call{do: func(ctx context.Context, s oauth.Store) error { _, err := do(ctx, s); return err }}
}

func write(do func(context.Context, oauth.Store) error) call { return call{writes: true, do: do} }

func everyMethod() map[string]call {
	e := audit.Event{At: start, Kind: audit.GrantRevoked}
	type ctx = context.Context
	type store = oauth.Store
	return map[string]call{
		"Client":       read(func(c ctx, s store) (*oauth.Client, error) { return s.Client(c, "x") }),
		"RecentClient": read(func(c ctx, s store) (*oauth.Client, error) { return s.RecentClient(c, "x") }),
		"Clients":      read(func(c ctx, s store) ([]oauth.Client, error) { return s.Clients(c) }),
		"CreateClient": write(func(c ctx, s store) error { return s.CreateClient(c, fullClient("x"), e) }),
		"UpdateClient": write(func(c ctx, s store) error { return s.UpdateClient(c, fullClient("x"), e) }),
		"DeleteClient": write(func(c ctx, s store) error { return s.DeleteClient(c, "x", e) }),
		"APIs":         read(func(c ctx, s store) ([]oauth.API, error) { return s.APIs(c) }),
		"CreateAPI": write(func(c ctx, s store) error {
			return s.CreateAPI(c, &oauth.API{Resource: "https://x.example", ClientID: "y"}, fullClient("y"), e)
		}),
		"UpdateAPI":    write(func(c ctx, s store) error { return s.UpdateAPI(c, &oauth.API{Resource: "x"}, e) }),
		"DeleteAPI":    write(func(c ctx, s store) error { return s.DeleteAPI(c, "x", e) }),
		"UseAssertion": write(func(c ctx, s store) error { return s.UseAssertion(c, []byte("x"), start) }),
		"Keys":         read(func(c ctx, s store) ([]oauth.Key, error) { return s.Keys(c) }),
		"AddKeys":      write(func(c ctx, s store) error { return s.AddKeys(c, []oauth.Key{testKey("k", 1)}, nil, e) }),
		"Owner":        read(func(c ctx, s store) (*oauth.Owner, error) { return s.Owner(c, "x") }),
		"SaveAuthorizationRequest": write(func(c ctx, s store) error {
			return s.SaveAuthorizationRequest(c, pendingRequest("r", start), 10)
		}),
		"ChangeAuthorizationRequest": write(func(c ctx, s store) error {
			return s.ChangeAuthorizationRequest(c, pendingRequest("r", start))
		}),
		"AuthorizationRequest": read(func(c ctx, s store) (*oauth.AuthorizationRequest, error) {
			return s.AuthorizationRequest(c, "x")
		}),
		"EndAuthorizationRequest": write(func(c ctx, s store) error { return s.EndAuthorizationRequest(c, pendingRequest("x", start), e) }),
		"RegistrationTerms":       read(func(c ctx, s store) (oauth.RegistrationTerms, error) { return s.RegistrationTerms(c) }),
		"RegisterItself": write(func(c ctx, s store) error {
			return s.RegisterItself(c, &oauth.SelfRegistration{Client: fullClient("z"), Holder: "x", Bound: wide, Since: start, Event: e})
		}),
		"KeepDocumentClient": write(func(c ctx, s store) error {
			return s.KeepDocumentClient(c, documentClient("https://x.example/c", start))
		}),
		"NoteDocument":       write(func(c ctx, s store) error { return s.NoteDocument(c, "https://x.example/c", start, start) }),
		"InitialToken":       read(func(c ctx, s store) (*oauth.InitialToken, error) { return s.InitialToken(c, []byte("x")) }),
		"InitialTokens":      read(func(c ctx, s store) ([]oauth.InitialToken, error) { return s.InitialTokens(c) }),
		"AddInitialToken":    write(func(c ctx, s store) error { return s.AddInitialToken(c, initialToken("x"), 10, e) }),
		"RevokeInitialToken": write(func(c ctx, s store) error { return s.RevokeInitialToken(c, "x", e) }),
		"CountClients":       read(func(c ctx, s store) (int, error) { return s.CountClients(c, oauth.SourceDynamic, 10) }),
		"PushRequest": write(func(c ctx, s store) error {
			return s.PushRequest(c, pushedRequest("x", start), oauth.WaitingBound{All: 10, Holder: 10})
		}),
		"PushedRequest":           read(func(c ctx, s store) (*oauth.PushedRequest, error) { return s.PushedRequest(c, []byte("x")) }),
		"SaveDeviceAuthorization": write(func(c ctx, s store) error { return s.SaveDeviceAuthorization(c, waitingDevice("x", start), wide) }),
		"DeviceAuthorization":     read(func(c ctx, s store) (*oauth.DeviceAuthorization, error) { return s.DeviceAuthorization(c, []byte("x")) }),
		"DeviceAuthorizationOf":   read(func(c ctx, s store) (*oauth.DeviceAuthorization, error) { return s.DeviceAuthorizationOf(c, "x") }),
		"PollDevice": write(func(c ctx, s store) error {
			_, err := s.PollDevice(c, []byte("x"), start, 0, 0)
			return err
		}),
		"DenyDevice":      write(func(c ctx, s store) error { return s.DenyDevice(c, "x", []byte("x"), start, e) }),
		"IssueCode":       write(func(c ctx, s store) error { return s.IssueCode(c, "x", &oauth.AuthorizationCode{}, nil, nil) }),
		"Consent":         read(func(c ctx, s store) (*oauth.Consent, error) { return s.Consent(c, "x", "y") }),
		"WithdrawConsent": write(func(c ctx, s store) error { return s.WithdrawConsent(c, "x", "y", start, e) }),
		"Code":            read(func(c ctx, s store) (*oauth.AuthorizationCode, error) { return s.Code(c, []byte("x")) }),
		"CountCodeTry":    write(func(c ctx, s store) error { return s.CountCodeTry(c, []byte("x")) }),
		"RedeemCode":      write(func(c ctx, s store) error { return s.RedeemCode(c, &oauth.Redemption{CodeHash: []byte("x")}) }),
		"MayUse":          read(func(c ctx, s store) (bool, error) { return s.MayUse(c, "x", "y") }),
		"GroupsClaim":     read(func(c ctx, s store) ([]string, error) { return s.GroupsClaim(c, "x") }),
		"RefreshState":    read(func(c ctx, s store) (*oauth.RefreshState, error) { return s.RefreshState(c, [16]byte{}) }),
		"RotateRefreshToken": write(func(c ctx, s store) error {
			return s.RotateRefreshToken(c, &oauth.Rotation{Read: &oauth.RefreshState{}})
		}),
		"TouchRefreshToken": write(func(c ctx, s store) error {
			return s.TouchRefreshToken(c, &oauth.Rotation{Read: &oauth.RefreshState{}})
		}),
		"RevokeReused": write(func(c ctx, s store) error {
			return s.RevokeReused(c, &oauth.RefreshState{}, oauth.ReuseTheft, start, e)
		}),
		"Grant":  read(func(c ctx, s store) (*oauth.GrantState, error) { return s.Grant(c, "x") }),
		"Grants": read(func(c ctx, s store) ([]oauth.RefreshState, error) { return s.Grants(c, oauth.GrantFilter{ID: "x"}) }),
		"RevokeGrant": write(func(c ctx, s store) error {
			_, err := s.RevokeGrant(c, "x", oauth.RevokedAdmin, start, e)
			return err
		}),
		"RevokeGrantsOf": write(func(c ctx, s store) error {
			_, err := s.RevokeGrantsOf(c, "x", "", oauth.RevokedAdmin, start, e)
			return err
		}),
		"RevokeAccessToken":  write(func(c ctx, s store) error { return s.RevokeAccessToken(c, "x", start, e) }),
		"AccessTokenRevoked": read(func(c ctx, s store) (bool, error) { return s.AccessTokenRevoked(c, "x") }),
		"Clock": read(func(c ctx, s store) (uint8, error) {
			_, epoch, err := s.Clock(c)
			return epoch, err
		}),
		"SaveClock":       write(func(c ctx, s store) error { return s.SaveClock(c, oauth.ClockState{Service: 1}) }),
		"ResetClockMark":  write(func(c ctx, s store) error { return s.ResetClockMark(c, start, e) }),
		"WindowKeys":      read(func(c ctx, s store) ([]oauth.WindowKey, error) { return s.WindowKeys(c) }),
		"AddWindowKey":    write(func(c ctx, s store) error { return s.AddWindowKey(c, oauth.WindowKey{ID: 1, Key: []byte("k")}) }),
		"EraseWindowKeys": write(func(c ctx, s store) error { return s.EraseWindowKeys(c, 1) }),
		"WriteBehind": write(func(c ctx, s store) error {
			return s.WriteBehind(c, &oauth.Behind{Moments: []oauth.Moment{{GrantID: "x"}}})
		}),
		"Sweep": write(func(c ctx, s store) error {
			_, err := s.Sweep(c, start, 10)
			return err
		}),
		"Audit": write(func(c ctx, s store) error { return s.Audit(c, e) }),
	}
}

// wantFault fails the test unless a call says that the store failed, and nothing that a verdict could be read from.
func wantFault(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, db.ErrFault) {
		t.Errorf("got %v, want a fault", err)
	}
	for _, verdict := range []error{oauth.ErrNotFound, oauth.ErrExists, oauth.ErrConflict, oauth.ErrSpent} {
		if errors.Is(err, verdict) {
			t.Errorf("a fault is told as %v", verdict)
		}
	}
}

func TestGEN00_AFaultOfTheStoreIsNeverAVerdict(t *testing.T) {
	methods := everyMethod()
	for m := range reflect.TypeFor[oauth.Store]().Methods() {
		if _, ok := methods[m.Name]; !ok && m.Name != "RecentRefreshState" { // which asks nobody
			t.Errorf("%s is not tried here", m.Name)
		}
	}
	open := func(t *testing.T) (*db.DB, string) {
		path := filepath.Join(t.TempDir(), "regrant.db")
		db.BeginAt(t, path)
		d, err := db.Open(t.Context(), path, db.Options{BusyTimeout: 20 * time.Millisecond, QueueWait: 200 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		return d, path
	}
	try := func(t *testing.T, s oauth.Store, which func(call) bool) {
		for name, m := range methods {
			if which(m) {
				t.Run(name, func(t *testing.T) { wantFault(t, m.do(context.Background(), s)) })
			}
		}
	}
	all := func(call) bool { return true }

	t.Run("closed", func(t *testing.T) {
		d, _ := open(t)
		d.Close()
		try(t, d, all)
	})
	t.Run("a context that has ended", func(t *testing.T) {
		d, _ := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, m := range methods {
			wantFault(t, m.do(ctx, d))
		}
	})
	t.Run("locked by another program", func(t *testing.T) {
		d, path := open(t)
		other, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		tx, err := other.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()

		try(t, d, func(m call) bool { return m.writes })

		for name, m := range methods {
			if err := m.do(t.Context(), d); !m.writes && errors.Is(err, db.ErrFault) {
				t.Errorf("%s cannot read: %v", name, err)
			}
		}
	})
	t.Run("damaged", func(t *testing.T) {
		d, path := open(t)
		if err := d.Checkpoint(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		d.Close()
		d, err := db.Open(t.Context(), path, db.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if err := d.Checkpoint(t.Context(), true); err != nil { // of what was written at the start
			t.Fatal(err)
		}
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		info, err := file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		junk := slices.Repeat([]byte("not a page "), int(info.Size())/11)
		if _, err := file.WriteAt(junk, 100); err != nil { // behind the header, so that the file still looks like a database
			t.Fatal(err)
		}
		file.Close()
		try(t, d, all)
	})
}

func TestKeysAreInNoError(t *testing.T) {
	d, err := db.Open(t.Context(), filepath.Join(t.TempDir(), "regrant.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	k := testKey("a", 1)
	if err := d.AddKeys(t.Context(), []oauth.Key{k}, nil); err != nil {
		t.Fatal(err)
	}
	err = d.AddKeys(t.Context(), []oauth.Key{k}, nil)
	if err == nil || strings.Contains(err.Error(), string(k.Material)) {
		t.Fatalf("got %v", err)
	}
}
