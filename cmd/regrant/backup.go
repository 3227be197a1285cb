package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/term"

	"regrant/app/backup"
	"regrant/db"
)

type backupCommand struct {
	File  string `arg:"" help:"Where to write it; the directory must be there."`
	Force bool   `help:"Take the place of a file that is there."`
}

// Help is shown by --help.
func (backupCommand) Help() string {
	return `Writes all that is committed now into one file, while the server goes on working. The file appears when it is complete: its
pages, references, row counts and audit log were checked. If anything fails, nothing is left behind. It holds keys as the database
does: unless they are sealed, whoever reads it can make tokens, so keep it like a private key.

A running server makes backups by itself: see --backup-every of "regrant serve".

Examples:

    regrant backup /var/backups/regrant-monday.db
    regrant backup --force --json latest.db`
}

// backupView is a backup in JSON.
type backupView struct {
	File         string    `json:"file"`
	At           time.Time `json:"at"`
	Bytes        int64     `json:"bytes"`
	Rows         int64     `json:"rows"`
	Seconds      float64   `json:"seconds"`
	UnsealedKeys int       `json:"unsealed_keys"`
}

func (c backupCommand) Run(ctx context.Context, p *program) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := p.mustExist(); err != nil {
		return err
	}
	progress := p.progress()
	made, err := db.Backup(ctx, p.DB, c.File, db.BackupOptions{Replace: c.Force, Progress: progress.tell})
	progress.end()
	switch {
	case errors.Is(err, db.ErrBackupExists):
		return fmt.Errorf("%w; to replace it: --force", err)
	case err != nil && !errors.Is(err, db.ErrRefused):
		// A database that cannot be written to still has a log of this: ours.
		_ = db.NoteBackup(context.WithoutCancel(ctx), p.DB, backup.Made{By: backup.ByCommand}, err)
		return err
	case err != nil:
		return err
	}
	made.By = backup.ByCommand
	if err := db.NoteBackup(ctx, p.DB, made, nil); err != nil {
		fmt.Fprintf(p.stderr, "regrant: the backup is complete, but the dashboard will not show it: %s\n", oneLine(err.Error()))
	}
	if made.Unsealed > 0 {
		fmt.Fprintf(p.stderr, "regrant: %s holds %d keys that are not sealed: keep it like a private key\n", made.Path, made.Unsealed)
	}
	view := backupView{made.Path, made.At, made.Bytes, made.Rows, made.Took.Seconds(), made.Unsealed}
	return p.said(view, "%s: %s, %s rows, checked, in %s", made.Path, humanize.IBytes(uint64(made.Bytes)), humanize.Comma(made.Rows),
		made.Took.Round(10*time.Millisecond))
}

// progress tells on a terminal how far something is, on one line that is written over.
type progress struct {
	w     io.Writer // nil: nobody watches
	last  string
	shown time.Time
}

func (p *program) progress() *progress {
	if f, ok := p.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progress{w: f}
	}
	return &progress{}
}

func (g *progress) tell(doing string, done, of int) {
	if g.w == nil || doing == g.last && done < of && time.Since(g.shown) < 100*time.Millisecond {
		return
	}
	g.last, g.shown = doing, time.Now()
	if of > 0 {
		doing = fmt.Sprintf("%s %3d %%", doing, 100*done/of)
	}
	fmt.Fprintf(g.w, "\r\x1b[K%s", doing)
}

func (g *progress) end() {
	if g.w != nil && g.last != "" {
		fmt.Fprint(g.w, "\r\x1b[K")
	}
}
