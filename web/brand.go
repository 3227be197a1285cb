package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	encoding "encoding/hex"
	"net/http"
	"sync/atomic"
	"time"

	"regrant/app/settings"
	"regrant/web/view"
)

// The settings of the dashboard are asked for once in siteAge, whoever changed them, and no page waits longer than siteWait.
const (
	siteAge  = 500 * time.Millisecond
	siteWait = 250 * time.Millisecond
)

// siteSettings is what the pages know of the settings: the last that could be read.
type siteSettings struct {
	store settings.Store
	asked *recent[settings.Settings]
	last  atomic.Pointer[settings.Settings]
	logo  atomic.Pointer[logo]
}

type logo struct {
	hash string
	png  []byte
}

func newSiteSettings(store settings.Store) *siteSettings {
	return &siteSettings{store: store, asked: &recent[settings.Settings]{keep: siteAge, limit: siteWait, ask: store.SiteSettings}}
}

// settings gives what is in force. A store that cannot say leaves what it said last: looks never keep a page from being shown.
func (s *siteSettings) settings(ctx context.Context) settings.Settings {
	now, err := s.asked.get(ctx)
	if err == nil {
		s.last.Store(&now)
		return now
	}
	if last := s.last.Load(); last != nil {
		return *last
	}
	return settings.Default()
}

// forget makes the next page ask again: this very process has changed the settings.
func (s *siteSettings) forget() { s.asked.forget() }

// look is how the pages look.
func (s *siteSettings) look(ctx context.Context) view.Look {
	now := s.settings(ctx)
	look := view.Look{Name: now.Name}
	if now.Logo != "" {
		look.Logo = "/brand/logo." + now.Logo + ".png"
	}
	if accent, ok := parseAccent(now.Accent); ok {
		look.Accent = "/brand/accent." + accentHash(accent) + ".css"
	}
	return look
}

// accentHash names the stylesheet of an accent; it changes with the way in which we make it.
func accentHash(accent rgb) string {
	sum := sha256.Sum256([]byte(accentSheet(accent)))
	return encoding.EncodeToString(sum[:6])
}

// brandFile serves the logo and the stylesheet of the accent under names that bear the hash of their content, so browsers may
// keep them for ever. A name that is not in force is not there.
func (s *Server) brandFile(w http.ResponseWriter, r *http.Request) {
	look := s.site.look(r.Context())
	var kind string
	var body []byte
	switch "/brand/" + r.PathValue("file") {
	case look.Accent:
		accent, _ := parseAccent(s.site.settings(r.Context()).Accent)
		kind, body = "text/css; charset=utf-8", []byte(accentSheet(accent))
	case look.Logo:
		png, err := s.site.picture(r.Context(), s.site.settings(r.Context()).Logo)
		if err != nil {
			s.unavailable(w, r, "read the logo", err)
			return
		}
		kind, body = "image/png", png
	}
	if body == nil {
		s.notFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", `"`+r.PathValue("file")+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// picture gives the logo with that hash, from memory when it was asked for before; nil when another one has taken its place since
// the settings were read. Browsers keep what they get under this name for ever.
func (s *siteSettings) picture(ctx context.Context, hash string) ([]byte, error) {
	if l := s.logo.Load(); l != nil && l.hash == hash {
		return l.png, nil
	}
	png, err := s.store.Logo(ctx)
	if err != nil || settings.LogoHash(png) != hash {
		return nil, err
	}
	s.logo.Store(&logo{hash, png})
	return png, nil
}
