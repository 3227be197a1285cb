package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"regrant/app/oauth"
	"regrant/db"
)

// victimsKept is how many of those that were ended are looked at after each start.
const victimsKept = 60

// readLog takes over what everybody has written down since the last time.
func (c *crashSite) readLog() {
	lines := c.log.takeLines()
	for _, a := range c.applications {
		a.held.read(lines[a.name])
	}
	for _, v := range c.victims {
		for _, line := range lines[v.person.ID] {
			v.done = v.done || line[0] == "ack"
		}
	}
}

// verifyAll holds the server that has started again to what the log says of everybody, or of the applications that are named.
func (c *crashSite) verifyAll(only ...*honestApplication) {
	c.t.Helper()
	if len(only) == 0 {
		only = c.applications
	}
	// First what a window stays open for.
	atMost(16, len(only), func(i int) { only[i].again() })
	atMost(16, len(only), func(i int) { only[i].verify() })
	stay := make([]bool, len(c.victims))
	atMost(8, len(c.victims), func(i int) { stay[i] = c.verify(c.victims[i]) })
	var kept []*victim
	for i, v := range c.victims {
		if stay[i] {
			kept = append(kept, v)
		}
	}
	c.victims = kept[max(0, len(kept)-victimsKept):]
}

// examine has the binary's own check look at the file (I8), beside the server.
func (c *crashSite) examine() {
	cmd := exec.Command("regrant", "doctor", "--json", "--db", c.server.db)
	cmd.Dir = filepath.Dir(c.server.db)
	out, err := cmd.Output()
	var findings []finding
	if err := errors.Join(err, json.Unmarshal(out, &findings)); err != nil {
		c.tally.check(fileIsWhole, false, "doctor: %v %s", err, out)
		return
	}
	for _, f := range findings {
		c.tally.check(fileIsWhole, f.Status != "failed", "%s: %s", f.Check, f.Detail)
	}
}

// probeDepths are how many generations before the last acknowledged one a probe goes back. The one before that may be the previous
// one, if an answer was lost.
var probeDepths = []int{2, 3, 4, 5, 6}

// probeCopies presents older generations to copies of what a kill has left, a copy a depth, since a probe ends its grant.
func (c *crashSite) probeCopies() {
	c.t.Helper()
	width := len(probeDepths)
	if c.large {
		width = 1
	}
	atMost(width, len(probeDepths), func(i int) { c.probeCopy(probeDepths[i]) })
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func (c *crashSite) probeCopy(depth int) {
	ctx := c.t.Context()
	path := filepath.Join(c.t.TempDir(), "copy.db")
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(path+suffix, c.server.db+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			c.t.Error(err)
			return
		}
	}
	defer func() {
		for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
			_ = os.Remove(path + suffix)
		}
	}()
	d, err := db.Open(ctx, path, db.Options{Server: true})
	if err != nil {
		c.t.Error(err)
		return
	}
	defer d.Close()
	_, err = d.VerifyAudit(ctx)
	c.tally.check(fileIsWhole, err == nil, "the audit log: %v", err)
	c.checkPages(path)
	engine, err := oauth.New(ctx, oauth.Config{Issuer: c.server.issuer}, d)
	if err != nil {
		c.t.Error(err)
		return
	}
	for _, a := range c.applications {
		h := a.held
		if len(h.acked) <= depth {
			continue
		}
		presented := h.acked[len(h.acked)-1-depth]
		credentials := oauth.ClientCredentials{ClientID: a.client.id, Secret: a.client.secret, Method: oauth.AuthBasic}
		_, err := engine.Token(ctx, oauth.TokenRequest{Client: credentials, GrantType: oauth.GrantRefreshToken, RefreshToken: presented})
		var refused *oauth.Error
		c.tally.check(oneLives, errors.As(err, &refused) && refused.Code == oauth.InvalidGrant, "%s: %d generations back gets %v", a.name, depth, err)
		last, err := engine.Introspect(ctx, credentials, h.last(), crashOrigin())
		if err != nil {
			c.t.Error(err)
			continue
		}
		if a.client != c.clients["multi-process"] { // which forgives what is stale
			c.tally.check(oneLives, !last.Active, "%s: reuse was proven, and its grant lives", a.name)
		}
	}
}

func (c *crashSite) checkPages(path string) {
	q, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		c.t.Error(err)
		return
	}
	defer q.Close()
	var said string
	err = q.QueryRow("PRAGMA integrity_check").Scan(&said)
	c.tally.check(fileIsWhole, err == nil && said == "ok", "integrity_check: %q %v", said, err)
	err = q.QueryRow("PRAGMA foreign_key_check").Scan(&said)
	c.tally.check(fileIsWhole, errors.Is(err, sql.ErrNoRows), "foreign_key_check: %v", err)
	var reuses int
	err = q.QueryRow("SELECT COUNT(*) FROM grants WHERE revoked_reason = 'reuse'").Scan(&reuses)
	c.tally.check(noFalseReuse, err == nil && reuses == c.reuses, "%d grants were ended for reuse, and %d should be: %v", reuses, c.reuses, err)
}
