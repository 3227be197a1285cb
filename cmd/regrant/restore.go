package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/term"

	"regrant/app/audit"
	"regrant/db"
)

type restoreCommand struct {
	File         string `arg:"" help:"The backup."`
	KeepGrants   bool   `xor:"grants" help:"Applications stay signed in."`
	RevokeAll    bool   `xor:"grants" help:"Everybody must sign in again."`
	AcceptCopy   bool   `help:"Take a file that was not made by \"regrant backup\" and may be a copy of a running database, if it is sound."`
	DropReplaced bool   `help:"Do not keep the database that is replaced."`
}

// Help is shown by --help.
func (restoreCommand) Help() string {
	return `Puts a backup in the place of the database. The server must be stopped. The replaced database is kept beside it, under the name
that is printed.

What was done after the backup is lost: people and applications are what they were then. Browsers are signed out, and links that
were mailed do not work any more. For the applications you choose:

--keep-grants   They stay signed in. A refresh token that is newer than the backup is accepted once, as the continuation of what
                the backup knows. Revocations since the backup are lost: what was ended then lives again.
--revoke-all    Every grant ends, and everybody signs in again. For when somebody may have got in.

Whoever signed in for the first time after the backup must sign in again in any case.

Examples:

    regrant restore /var/backups/regrant-monday.db --keep-grants
    regrant restore --revoke-all --json copy.db`
}

// restoredView is a restore in JSON.
type restoredView struct {
	Database string     `json:"database"`
	StateOf  *time.Time `json:"state_of"`
	Lost     *float64   `json:"lost_seconds"` // since then; null, as state_of, where nothing says of when the file is
	Grants   string     `json:"grants"`       // kept or revoked
	Number   int64      `json:"number"`
	Sessions int64      `json:"sessions_ended"`
	Replaced string     `json:"replaced,omitempty"`
	Owner    string     `json:"owner,omitempty"` // where that is another user
}

func (c restoreCommand) Run(ctx context.Context, p *program) error {
	if !c.KeepGrants && !c.RevokeAll {
		var err error
		if c.RevokeAll, err = p.askRevokeAll(); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	progress := p.progress()
	r, err := db.Restore(ctx, p.DB, c.File, db.RestoreOptions{
		RevokeAll: c.RevokeAll, AcceptCopy: c.AcceptCopy, DropReplaced: c.DropReplaced, Progress: progress.tell,
		Event: func(detail string) audit.Event {
			return audit.Event{Kind: audit.DatabaseRestored, Origin: operator(), Result: "ok", Detail: detail}
		},
	})
	progress.end()
	if err != nil {
		return err
	}
	lost := now().Sub(r.At)
	view := restoredView{Database: r.Path, Grants: "kept", Number: r.Grants, Sessions: r.Sessions, Replaced: r.Kept, Owner: r.Owner}
	if !r.At.IsZero() {
		seconds := lost.Seconds()
		view.StateOf, view.Lost = instant(r.At), &seconds
	}
	if c.RevokeAll {
		view.Grants = "revoked"
	}
	return p.print(view, func(w io.Writer) { tellRestored(w, r, c.RevokeAll, lost) })
}

func tellRestored(w io.Writer, r db.Restored, revoked bool, lost time.Duration) {
	when, since := r.At.Format("2006-01-02 15:04:05 UTC"), "in the "+span(lost)+" since then"
	if !r.Exact {
		when += " or a little later"
	}
	if r.At.IsZero() {
		when, since = "a time that is unknown: nothing has happened in it", "since then"
	}
	fmt.Fprintf(w, "%s is as it was at %s\n", r.Path, when)
	if revoked {
		fmt.Fprintf(w, "all grants are revoked (%s): everybody must sign in again\n", humanize.Comma(r.Grants))
	} else {
		fmt.Fprintf(w, "%s grants go on\n", humanize.Comma(r.Grants))
		fmt.Fprintf(w, "what cannot be known: whatever was revoked, disabled or deleted %s lives again; do it once more where it matters\n", since)
	}
	fmt.Fprintf(w, "%s browsers are signed out; links that were mailed do not work any more\n", humanize.Comma(r.Sessions))
	if r.Owner != "" {
		fmt.Fprintf(w, "the database belongs to %s, as before or as its directory does\n", r.Owner)
	}
	if r.Kept != "" {
		fmt.Fprintf(w, "the replaced database is kept as %s; it holds keys, so remove it when you need it no more\n", r.Kept)
	}
}

// span is a duration in words of two parts at most.
func span(d time.Duration) string {
	switch {
	case d >= day:
		return fmt.Sprintf("%d d %d h", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

// askRevokeAll asks the person at the terminal what becomes of grants.
func (p *program) askRevokeAll() (bool, error) {
	if !term.IsTerminal(int(p.stdin.Fd())) {
		return false, usage("say what becomes of grants: --keep-grants or --revoke-all (see: regrant restore --help)")
	}
	fmt.Fprint(p.stderr, "Keep the grants of the backup (applications stay signed in, revocations since then are lost), or revoke all? [keep/revoke] ")
	answer, err := bufio.NewReader(p.stdin).ReadString('\n')
	switch strings.TrimSpace(answer) {
	case "keep":
		return false, nil
	case "revoke":
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	return false, usage("answer keep or revoke; nothing was done")
}
