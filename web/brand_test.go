package web

import (
	"context"
	"testing"

	"regrant/app/settings"
)

// changingLogo is a store in which somebody replaces the logo.
type changingLogo struct {
	settings.Store
	png []byte
}

func (c *changingLogo) Logo(context.Context) ([]byte, error) { return c.png, nil }

func TestALogoIsNeverServedUnderTheNameOfAnother(t *testing.T) {
	old, next := []byte("the old one"), []byte("the next one")
	store := &changingLogo{png: next}
	s := &siteSettings{store: store}

	// The settings that a page knows are half a second old and name the old one.
	if png, err := s.picture(t.Context(), settings.LogoHash(old)); png != nil || err != nil {
		t.Errorf("%q, %v", png, err)
	}
	store.png = old
	if png, err := s.picture(t.Context(), settings.LogoHash(old)); string(png) != string(old) || err != nil {
		t.Errorf("when it is back: %q, %v", png, err)
	}
}
