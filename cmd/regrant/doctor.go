package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"regrant/app/audit"
	"regrant/db"
)

type doctorCommand struct {
	smtpFlags
	masterKeyFlags
	ResetClock bool `help:"The clock is right now and was wrong before: forget the wrong time. The server must be stopped."`
}

// Help is shown by --help.
func (doctorCommand) Help() string {
	return `Reads the whole file, so it takes a while for a large one. It may run beside the server. The exit code is 1 if anything has
failed.

Examples:

    regrant doctor
    regrant doctor --json | jq -r '.[] | select(.status != "ok")'
    regrant doctor --reset-clock`
}

// finding is the result of one check.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"` // ok, warning or failed
	Detail string `json:"detail"`
}

// longRead is how long one check of the whole file may take.
const longRead = time.Hour

func (c doctorCommand) Run(ctx context.Context, p *program) error {
	if c.ResetClock {
		return p.resetClock(ctx)
	}
	findings := []finding{checkFiles(p.DB)} // before the files are opened, which mends their modes
	if err := db.CheckWAL(ctx, p.DB); err != nil {
		return p.diagnose(append(findings, finding{"log", "failed", err.Error()})) // opening it would end what can still be read
	}
	findings = append(findings, checkComplete(ctx, p.DB))
	key, err := c.key(p.DB)
	if err != nil {
		return err
	}
	store, err := p.open(ctx, orFail, db.Options{ReadTimeout: longRead, MasterKey: key})
	if err != nil {
		return err
	}
	for _, check := range []func(context.Context, *db.DB) (finding, error){checkIntegrity, checkReferences, checkAudit, checkKeys, checkSeal, checkClock} {
		f, err := check(ctx, store)
		if err != nil {
			return errors.Join(err, store.Close())
		}
		findings = append(findings, f)
	}
	return errors.Join(store.Close(), p.diagnose(append(findings, checkMail(c.smtpFlags))))
}

// diagnose prints the findings and fails if one of them has.
func (p *program) diagnose(findings []finding) error {
	failed := 0
	var rows [][]string
	for _, f := range findings {
		rows = append(rows, []string{f.Check, f.Status, f.Detail})
		if f.Status == "failed" {
			failed++
		}
	}
	if err := p.print(findings, func(w io.Writer) { table(w, "", []string{"CHECK", "STATUS", "DETAIL"}, rows) }); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(findings))
	}
	return nil
}

func checkIntegrity(ctx context.Context, store *db.DB) (finding, error) {
	wrong, err := store.CheckIntegrity(ctx)
	return judge("integrity", "every page, index and constraint is sound", wrong), err
}

func checkReferences(ctx context.Context, store *db.DB) (finding, error) {
	wrong, err := store.CheckReferences(ctx)
	return judge("references", "every row refers to rows that are there", wrong), err
}

func checkAudit(ctx context.Context, store *db.DB) (finding, error) {
	n, err := store.VerifyAudit(ctx)
	if errors.Is(err, audit.ErrBroken) {
		return finding{"audit log", "failed", strings.TrimPrefix(err.Error(), "audit: ")}, nil
	}
	return finding{"audit log", "ok", fmt.Sprintf("%d events, none changed or missing", n)}, err
}

func checkClock(ctx context.Context, store *db.DB) (finding, error) {
	state, _, err := store.Clock(ctx)
	if err != nil {
		return finding{}, err
	}
	// Five minutes are what the server puts up with, requirements T47.
	if ahead := state.Mark.Sub(now()); ahead > 5*time.Minute {
		return finding{"clock", "failed", fmt.Sprintf("the server has seen %s, which is %s ahead of the clock; if the clock is right now, "+
			"stop the server and run: regrant doctor --reset-clock", state.Mark.Format(time.RFC3339), ahead.Round(time.Second))}, nil
	}
	return finding{"clock", "ok", "it is not behind what the server has seen"}, nil
}

// judge is ok if nothing is wrong.
func judge(check, ok string, wrong []string) finding {
	if len(wrong) == 0 {
		return finding{check, "ok", ok}
	}
	more := ""
	if len(wrong) > 3 {
		more = fmt.Sprintf("; and %d more", len(wrong)-3)
		wrong = wrong[:3]
	}
	return finding{check, "failed", strings.Join(wrong, "; ") + more}
}

// resetClock lowers the mark (T47). A running server holds it in memory and would write it back.
func (p *program) resetClock(ctx context.Context) error {
	store, err := p.open(ctx, orFail, db.Options{Server: true})
	if errors.Is(err, db.ErrServerRunning) {
		return fmt.Errorf("a server is running on %s; stop it first", p.DB)
	}
	if err != nil {
		return err
	}
	state, _, err := store.Clock(ctx)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	at := now()
	event := audit.Event{At: at, Kind: audit.ClockReset, Origin: operator(), Result: "ok",
		Detail: audit.Details("before", state.Mark.Format(time.RFC3339), "after", at.Format(time.RFC3339))}
	if err := errors.Join(store.ResetClockMark(ctx, at, event), store.Close()); err != nil {
		return err
	}
	return p.said(map[string]any{"mark_before": instant(state.Mark), "mark": at}, "the server takes it to be %s now", at.Format(time.RFC3339))
}
