package oauth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"regrant/app/audit"
	"regrant/db"
)

// litestream is the version that assets/docs names.
const litestream = "github.com/benbjohnson/litestream/cmd/litestream@v0.5.18"

// litestreamBinary gives the real program: that of REGRANT_LITESTREAM, or one that is built where the full figures are asked for.
func litestreamBinary(t *testing.T) string {
	t.Helper()
	if name := os.Getenv("REGRANT_LITESTREAM"); name != "" {
		return name
	}
	if os.Getenv("REGRANT_FAULTS") != "full" {
		t.Skip("Litestream takes minutes to build: REGRANT_FAULTS=full, or REGRANT_LITESTREAM=its file")
	}
	dir := t.TempDir()
	build := exec.Command("go", "install", litestream)
	build.Dir = dir // not inside a module
	build.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("Litestream cannot be built here: %v: %s", err, out)
	}
	return filepath.Join(dir, "litestream")
}

func TestLitestreamBesideTheServerKeepsEveryAcknowledgedRotation(t *testing.T) { // F15
	program := litestreamBinary(t)
	dir := t.TempDir()
	w := newWorld(t, dir)
	defer func() { w.db.Close() }()
	w.many("app")
	var all []*held
	for i := range 100 {
		all = append(all, w.hold("app", people[i%len(people)]))
	}
	replica := filepath.Join(dir, "replica")
	config := filepath.Join(dir, "litestream.yml")
	w.ok(os.WriteFile(config, fmt.Appendf(nil, "dbs:\n  - path: %s\n    replica:\n      type: file\n      path: %s\n", w.path, replica), 0o600))
	var log bytes.Buffer
	replicate := exec.Command(program, "replicate", "-config", config)
	replicate.Stdout, replicate.Stderr = &log, &log
	w.ok(replicate.Start())
	defer func() { _ = replicate.Process.Kill(); _ = replicate.Wait() }()

	var work sync.WaitGroup
	for c := range 10 {
		work.Go(func() {
			for i := range 2000 {
				h := all[c*10+i%10]
				response, err := w.refresh("app", h.last(), "")
				if err != nil {
					t.Error(err)
					return
				}
				h.tokens = append(h.tokens, response.RefreshToken)
			}
		})
	}
	work.Wait()
	_, wal := w.db.Sizes()
	w.ok(w.engine.Flush(context.Background()))
	time.Sleep(5 * time.Second) // Litestream copies each second
	w.ok(replicate.Process.Kill())
	_ = replicate.Wait()
	copied := filepath.Join(dir, "copy.db")
	if out, err := exec.Command(program, "restore", "-config", config, "-o", copied, w.path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, log.String())
	}

	w.close()
	w.ok(os.Remove(w.path)) // the disk is gone
	event := func(detail string) audit.Event {
		return audit.Event{Kind: audit.DatabaseRestored, Origin: audit.Origin{Actor: audit.ByCommand}, Result: "ok", Detail: detail}
	}
	if _, err := db.Restore(context.Background(), w.path, copied, db.RestoreOptions{Event: event}); !errors.Is(err, db.ErrIncomplete) {
		t.Errorf("it was taken without the operator's word: %v", err)
	}
	r, err := db.Restore(context.Background(), w.path, copied, db.RestoreOptions{AcceptCopy: true, Event: event})
	w.ok(err)
	w.open()

	known, works := 0, 0
	for _, h := range all {
		if s := w.state(h.id); int(s.Generation) == len(h.tokens)-1 {
			known++
		}
		if _, err := w.refresh("app", h.last(), ""); err == nil {
			works++
		}
	}
	t.Logf("20000 rotations of %d grants, WAL %d MiB; %d grants stand at their last acknowledged generation, %d refresh, %d revoked as reuse; %+v",
		len(all), wal>>20, known, works, w.revokedAsReuse(), r)
	if known != len(all) || works != len(all) || w.revokedAsReuse() != 0 {
		t.Errorf("%s", log.String())
	}
}
