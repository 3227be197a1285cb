package web

import (
	"context"
	"strconv"
	"time"

	"regrant/app/backup"
	"regrant/web/view"
)

// Backups is what the process was told about backups, for the pages of admins.
type Backups struct {
	Schedule  backup.Schedule // zero: this server makes none by itself
	Elsewhere bool            // something that this server cannot see makes them: nobody is warned
}

// backupAttention warns when no recent backup is known.
func (s *Server) backupAttention(ctx context.Context, t *view.Text, now time.Time) ([]view.Attention, error) {
	if s.cfg.Backups.Elsewhere {
		return nil, nil
	}
	record, err := s.store.BackupRecord(ctx)
	if err != nil {
		return nil, err
	}
	since, err := s.store.FirstEvent(ctx)
	if err != nil {
		return nil, err
	}
	every := s.cfg.Backups.Schedule.Every
	if !record.Overdue(every, since, now) {
		return nil, nil
	}
	matter := view.Attention{Tone: "warning", Badge: t.T("admin.overview.badge.backup"), URL: "/admin/settings#backup", Link: t.T("admin.overview.backup_look"),
		Text: t.T("admin.overview.backup_none"), Note: t.T("admin.overview.backup_note")}
	if record.Last != nil {
		matter.Text = t.T("admin.overview.backup_old", "Duration", t.Duration(coarse(now.Sub(record.Last.At))))
	}
	if record.Failed != nil {
		matter.Tone, matter.Note = "danger", t.T("admin.overview.backup_failed", "Why", record.Failed.Why)
	}
	return []view.Attention{matter}, nil
}

// backupFacts are what admins may know of backups and cannot change here.
func (s *Server) backupFacts(ctx context.Context, t *view.Text, now time.Time) ([]view.EventFact, error) {
	record, err := s.store.BackupRecord(ctx)
	if err != nil {
		return nil, err
	}
	b := s.cfg.Backups
	schedule := t.T("admin.settings.backup.schedule_none")
	switch {
	case b.Elsewhere:
		schedule = t.T("admin.settings.backup.schedule_elsewhere")
	case b.Schedule.Every > 0:
		schedule = t.T("admin.settings.backup.schedule_every", "Duration", t.Duration(b.Schedule.Every), "N", t.Number(b.Schedule.Keep), "Dir", b.Schedule.Dir)
	}
	last := t.T("admin.settings.backup.last_none")
	facts := []view.EventFact{{Name: t.T("admin.settings.backup.schedule"), Value: schedule}}
	if made := record.Last; made != nil {
		last = t.T("admin.settings.backup.last_made", "Ago", t.Ago(made.At, now), "At", t.DateTime(made.At),
			"Size", strconv.FormatFloat(float64(made.Bytes)/(1<<20), 'f', 1, 64), "File", made.Path)
		if made.Unsealed > 0 {
			last += " " + t.T("admin.settings.backup.unsealed")
		}
	}
	facts = append(facts, view.EventFact{Name: t.T("admin.settings.backup.last"), Value: last})
	if failed := record.Failed; failed != nil {
		facts = append(facts, view.EventFact{Name: t.T("admin.settings.backup.failed"),
			Value: t.T("admin.settings.backup.failed_at", "Ago", t.Ago(failed.At, now), "At", t.DateTime(failed.At), "Why", failed.Why)})
	}
	return facts, nil
}
