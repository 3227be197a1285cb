package web

import (
	"errors"
	"net/http"
	"strings"

	"regrant/app/oauth"
	"regrant/web/view"
)

// adminKeys shows the keys and rotates those that sign.
func (s *Server) adminKeys(area *adminArea) {
	area.page("/admin/keys", s.showKeys)
	area.danger("/admin/keys/rotate", s.askRotateKeys, s.rotateKeys)
}

// keyInfos says of each key what may be shown. When the store cannot say, it answers itself.
func (s *Server) keyInfos(w http.ResponseWriter, r *http.Request) ([]oauth.KeyInfo, bool) {
	keys, err := s.store.Keys(r.Context())
	if err != nil {
		s.unavailable(w, r, "read keys", err)
		return nil, false
	}
	return oauth.DescribeKeys(keys, s.now()), true
}

func (s *Server) showKeys(w http.ResponseWriter, r *http.Request, a *admin) {
	infos, ok := s.keyInfos(w, r)
	if !ok {
		return
	}
	seal, err := s.store.KeySeal(r.Context())
	if err != nil {
		s.unavailable(w, r, "read the seal of the keys", err)
		return
	}
	page := view.AdminKeys{AdminFrame: s.adminFrame(w, r, a, "keys"), Now: s.now(), JWKS: s.cfg.Issuer + oauth.PathJWKS}
	t := page.Text
	page.Seal = keySeal(t, seal)
	for _, k := range infos {
		row := view.KeyRow{ID: k.ID, Algorithm: k.Algorithm, CreatedAt: k.CreatedAt, ActiveAt: k.ActiveAt, EndsAt: k.EndsAt, RotatesAt: k.RotatesAt}
		row.Tone, row.State, row.Explained = keyState(t, k.State)
		if k.Use == oauth.KeySigning {
			page.Pending = page.Pending || k.State == oauth.KeyNext
			page.Signing = append(page.Signing, row)
			continue
		}
		row.Use, row.Explained = keyUse(t, k.Use)
		page.Others = append(page.Others, row)
	}
	s.showPage(w, r, http.StatusOK, false, page)
}

// keySeal puts into words how the keys lie in the database, and what to do about it.
func keySeal(t *view.Text, seal oauth.KeySeal) view.KeySeal {
	switch {
	case seal.SealedAt != nil:
		return view.KeySeal{Tone: toneGood, State: t.T("admin.keys.seal.sealed"), Explained: t.T("admin.keys.seal.sealed_help", "At", t.DateTime(*seal.SealedAt))}
	case seal.Held:
		return view.KeySeal{Tone: toneCaution, State: t.T("admin.keys.seal.held"), Explained: t.T("admin.keys.seal.held_help"), Command: "regrant key seal"}
	}
	return view.KeySeal{Tone: tonePlain, State: t.T("admin.keys.seal.none"), Explained: t.T("admin.keys.seal.none_help")}
}

// keyState puts a state into words: the tone of its badge, its name, and what it means.
func keyState(t *view.Text, state oauth.KeyState) (tone, name, explained string) {
	switch state {
	case oauth.KeyNext:
		return "info", t.T("admin.keys.state.next"), t.T("admin.keys.state.next_help")
	case oauth.KeyActive:
		return toneGood, t.T("admin.keys.state.active"), t.T("admin.keys.state.active_help")
	case oauth.KeyRetiring:
		return tonePlain, t.T("admin.keys.state.retiring"), t.T("admin.keys.state.retiring_help")
	}
	return tonePlain, t.T("admin.keys.state.ended"), t.T("admin.keys.state.ended_help")
}

func keyUse(t *view.Text, use oauth.KeyUse) (name, explained string) {
	switch use {
	case oauth.KeyToken:
		return t.T("admin.keys.use.token"), t.T("admin.keys.use.token_help")
	case oauth.KeyDerive:
		return t.T("admin.keys.use.derive"), t.T("admin.keys.use.derive_help")
	case oauth.KeyFactor:
		return t.T("admin.keys.use.factor"), t.T("admin.keys.use.factor_help")
	}
	return t.T("admin.keys.use.access"), t.T("admin.keys.use.access_help")
}

// newestKeys names the newest signing keys, so that a form sent twice rotates once.
func newestKeys(infos []oauth.KeyInfo) string {
	var ids []string
	for _, k := range infos {
		if k.Use == oauth.KeySigning && k.EndsAt == nil {
			ids = append(ids, k.ID)
		}
	}
	return strings.Join(ids, " ")
}

func (s *Server) askRotateKeys(w http.ResponseWriter, r *http.Request, a *admin) {
	infos, ok := s.keyInfos(w, r)
	if ok {
		s.writeRotateKeys(w, r, a, http.StatusOK, infos, "")
	}
}

func (s *Server) writeRotateKeys(w http.ResponseWriter, r *http.Request, a *admin, status int, infos []oauth.KeyInfo, problem string) {
	frame := s.adminFrame(w, r, a, "keys")
	t, plan := frame.Text, oauth.PlanRotation(s.now())
	frame.Crumbs = []view.Crumb{{Label: t.T("admin.keys.rotate.title")}}
	page := view.AdminKeysRotate{AdminFrame: frame, Problem: problem, Confirm: view.Confirm{
		Title: t.T("admin.keys.rotate.ask"), Lead: t.T("admin.keys.rotate.lead"),
		Consequences: []string{
			t.T("admin.keys.rotate.published"), t.T("admin.keys.rotate.signs", "At", t.DateTime(plan.SignsAt)),
			t.T("admin.keys.rotate.ends", "At", t.DateTime(plan.EndsAt)), t.T("admin.keys.rotate.caches", "Age", t.Duration(plan.MaxAge)),
			t.T("admin.keys.rotate.pinned"), t.T("admin.keys.rotate.nobody"),
		},
		Action: "/admin/keys/rotate", Submit: t.T("admin.keys.rotate.submit"), Cancel: "/admin/keys", FormToken: frame.FormToken, Danger: true,
		Hidden: map[string]string{"seen": newestKeys(infos)},
	}}
	for _, k := range infos {
		if k.Use == oauth.KeySigning && k.State == oauth.KeyNext {
			page.Confirm.Consequences = append(page.Confirm.Consequences, t.T("admin.keys.rotate.pending", "Alg", k.Algorithm, "At", t.DateTime(k.ActiveAt)))
		}
	}
	s.showPage(w, r, status, false, page)
}

func (s *Server) rotateKeys(w http.ResponseWriter, r *http.Request, a *admin) {
	infos, ok := s.keyInfos(w, r)
	if !ok {
		return
	}
	t := s.frame(r).Text
	if r.PostForm.Get("seen") != newestKeys(infos) {
		s.writeRotateKeys(w, r, a, http.StatusConflict, infos, t.T("admin.keys.rotate.meanwhile"))
		return
	}
	_, err := oauth.RotateSigningKeys(r.Context(), s.store, s.now(), s.byAdmin(r, a))
	if errors.Is(err, oauth.ErrExists) { // the schedule, or somebody else, at this very moment
		s.writeRotateKeys(w, r, a, http.StatusConflict, infos, t.T("admin.keys.rotate.meanwhile"))
		return
	}
	if err == nil {
		err = s.oauth.Reload(r.Context())
	}
	if err != nil {
		s.unavailable(w, r, "rotate keys", err)
		return
	}
	s.done(w, r, "/admin/keys", "done.keys_rotated")
}
