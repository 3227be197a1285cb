package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"regrant/app/audit"
	"regrant/app/settings"
	"regrant/db/queries"
)

var _ settings.Store = (*DB)(nil)

// The names under which the settings of the dashboard and the logo are kept.
const (
	siteSetting = "site"
	logoSetting = "site_logo"
)

// SiteSettings implements [settings.Store]. Members that an older version did not know have their defaults.
func (d *DB) SiteSettings(ctx context.Context) (settings.Settings, error) {
	var s settings.Settings
	err := d.read(ctx, "read the settings", func(q *queries.Queries) (err error) {
		s, err = siteSettings(ctx, q)
		return err
	})
	return s, err
}

func siteSettings(ctx context.Context, q *queries.Queries) (settings.Settings, error) {
	s := settings.Default()
	value, err := q.Setting(ctx, siteSetting)
	if errors.Is(err, sql.ErrNoRows) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(value, &s); err != nil {
		return s, fault("read the settings", err)
	}
	return s, nil
}

// SaveSiteSettings implements [settings.Store].
func (d *DB) SaveSiteSettings(ctx context.Context, s settings.Settings, logo []byte, event audit.Event) error {
	return d.write(ctx, "save the settings", func(tx *Tx) error {
		stored, err := siteSettings(ctx, tx.Queries)
		if err != nil {
			return err
		}
		if stored.Version != s.Version {
			return settings.ErrChanged
		}
		next := s
		next.Version++
		value, err := json.Marshal(next)
		if err != nil {
			return err
		}
		if err := tx.PutSetting(ctx, siteSetting, value); err != nil {
			return err
		}
		switch {
		case len(logo) > 0:
			err = tx.PutSetting(ctx, logoSetting, logo)
		case logo != nil:
			err = tx.DeleteSetting(ctx, logoSetting)
		}
		if err != nil {
			return err
		}
		return tx.audit(ctx, event)
	})
}

// Logo implements [settings.Store].
func (d *DB) Logo(ctx context.Context) ([]byte, error) {
	value, _, err := d.Setting(ctx, logoSetting)
	return value, err
}
