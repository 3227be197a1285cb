package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"regrant/app/oauth"
	"regrant/db"
)

// A power cut of the real server on the real file system: strace writes down what the kernel was told to write and to sync, in its
// order, and what each prefix of that would have left is opened and held to what the applications were told by then. The fault disk of
// db/power_cut_test.go cuts far more often, but below it is a file system of our own.

// toldThen is a moment of an application, by the clock that strace goes by too.
type toldThen struct {
	at    time.Time
	what  string // intent, ack, ending, ended
	token string
}

// tracedApplication refreshes, one request at a time, and remembers when it did what.
type tracedApplication struct {
	client  *crashClient
	history []toldThen
}

// as it was at a time: the last token that was acknowledged, the one that was under way, and its end.
func (a *tracedApplication) by(at time.Time) (acked, pending string, ending, ended bool) {
	for _, m := range a.history {
		if m.at.After(at) {
			break
		}
		switch m.what {
		case "intent":
			pending = m.token
		case "ack":
			acked, pending = m.token, ""
		case "ending":
			ending = true
		case "ended":
			ended = true
		}
	}
	return acked, pending, ending, ended
}

// traceEvent is a call of the server that changes a file or brings it to the disk.
type traceEvent struct {
	at     time.Time
	path   string
	call   string // pwrite64, ftruncate, fsync (when it has returned)
	offset int64
	data   []byte
	began  int // of fsync: the event before which what was written is on the disk now
}

// straced gives a program that runs regrant under strace.
func straced(t *testing.T, log string) (program string) {
	t.Helper()
	regrant, err := exec.LookPath("regrant")
	if err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(t.TempDir(), "straced")
	script := fmt.Sprintf("#!/bin/sh\nexec strace -D -f -y -ttt -xx -s 1000000 -e trace=write,pwrite64,pwritev,fsync,fdatasync,ftruncate,unlinkat,renameat -o %s -- %s \"$@\"\n",
		log, regrant)
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return program
}

var (
	traceLine = regexp.MustCompile(`^(\d+) +(\d+)\.(\d+) (.*)$`)
	traceCall = regexp.MustCompile(`^(\w+)\(\d+<([^>]*)>(?:, )?(.*)$`)
	traceData = regexp.MustCompile(`^"((?:\\x[0-9a-f]{2})*)", (\d+)(?:, (\d+))?`)
	resumed   = regexp.MustCompile(`^<\.\.\. (\w+) resumed>.*= (-?\d+)`)
	returned  = regexp.MustCompile(`= (-?\d+)[^=]*$`)
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, `\x`, ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readTrace gives what was done to the database and its WAL.
func readTrace(t *testing.T, log, database string) (events []traceEvent) {
	t.Helper()
	file, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	waiting := map[string]traceEvent{} // syncs that have not returned, by thread
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return events // the last line may be cut off
		}
		m := traceLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			continue
		}
		seconds, _ := strconv.ParseInt(m[2], 10, 64)
		micros, _ := strconv.ParseInt(m[3], 10, 64)
		thread, at, rest := m[1], time.Unix(seconds, micros*1000), m[4]
		if r := resumed.FindStringSubmatch(rest); r != nil {
			if e, is := waiting[thread]; is && r[2] == "0" {
				e.at = at
				events = append(events, e)
			}
			delete(waiting, thread)
			continue
		}
		c := traceCall.FindStringSubmatch(rest)
		if c == nil {
			continue
		}
		e := traceEvent{at: at, call: c[1], path: string(unhex(t, c[2])), began: len(events)}
		if e.path != database && e.path != database+"-wal" {
			continue
		}
		unfinished := strings.HasSuffix(rest, "<unfinished ...>")
		if r := returned.FindStringSubmatch(rest); !unfinished && (r == nil || strings.HasPrefix(r[1], "-")) {
			t.Fatalf("a call failed: %.200s", rest)
		}
		switch e.call {
		case "fsync", "fdatasync":
			e.call = "fsync"
			if unfinished {
				waiting[thread] = e
				continue
			}
		case "pwrite64":
			d := traceData.FindStringSubmatch(c[3])
			if d == nil || d[3] == "" {
				t.Fatalf("%.200s", rest)
			}
			e.data = unhex(t, d[1])
			e.offset, _ = strconv.ParseInt(d[3], 10, 64)
			if d[2] != fmt.Sprint(len(e.data)) {
				t.Fatalf("%d of %s bytes", len(e.data), d[2])
			}
		case "ftruncate":
			if _, err := fmt.Sscan(strings.TrimRight(strings.Fields(c[3])[0], ")"), &e.offset); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("nobody expects %.200s", rest)
		}
		events = append(events, e)
	}
}

// apply changes a file as an event does, of which it may be told to leave out sectors of 512 bytes.
func (e *traceEvent) apply(b []byte, leaveOut func() bool) []byte {
	if e.call == "ftruncate" {
		if int(e.offset) <= len(b) {
			return b[:e.offset]
		}
		return append(b, make([]byte, int(e.offset)-len(b))...)
	}
	for from := 0; from < len(e.data); from += 512 {
		part, at := e.data[from:min(from+512, len(e.data))], int(e.offset)+from
		if leaveOut() {
			continue
		}
		if end := at + len(part); end > len(b) {
			b = append(b, make([]byte, end-len(b))...)
		}
		copy(b[at:], part)
	}
	return b
}

func always() bool { return false }

func TestF3_EachPrefixOfWhatTheServerWroteIsWhole(t *testing.T) {
	if !full() {
		t.Skip("it takes minutes: make faults")
	}
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not installed")
	}
	c := newCrashSite(t, 8, func(int) string { return "standard" }, realServer{starved: true})
	c.server.stop()
	base := map[string][]byte{}
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(c.server.db + suffix)
		if err != nil {
			t.Fatal(err)
		}
		base[c.server.db+suffix] = b
	}
	log := filepath.Join(t.TempDir(), "trace")
	c.server.program = straced(t, log)
	c.server.start()
	applications := c.traced(often(4000, 400, 400))
	c.server.stop()
	time.Sleep(time.Second) // strace writes its last lines

	events := readTrace(t, log, c.server.db)
	states := often(2400, 240, 240)
	var work sync.WaitGroup
	cuts := make(chan traceCut, 4)
	work.Go(func() {
		for cut := range cuts {
			c.examineCut(cut, applications)
		}
	})
	durable, all := clone(base), clone(base) // what is certain, and what was written
	var waiting []traceEvent                 // what is not certain
	uncertain, made := 0, 0
	share := max(1, float64(len(events))*3/float64(states))
	next := 0.0
	for i := range events {
		e := &events[i]
		if e.call == "fsync" {
			waiting = slices.DeleteFunc(waiting, func(w traceEvent) bool {
				if w.path != e.path || w.began >= e.began {
					return false
				}
				durable[w.path] = w.apply(durable[w.path], always)
				return true
			})
		} else {
			all[e.path] = e.apply(all[e.path], always)
			waiting = append(waiting, *e)
		}
		if float64(i) < next {
			continue
		}
		next += share
		torn := clone(durable)
		for _, w := range waiting {
			if w.call != "ftruncate" || rand.IntN(2) == 0 {
				torn[w.path] = w.apply(torn[w.path], func() bool { return rand.IntN(2) == 0 })
			}
		}
		for how, files := range map[string]map[string][]byte{"all of it": clone(all), "what was synced": clone(durable), "torn": torn} {
			cuts <- traceCut{fmt.Sprintf("call %d of %d, %s", i+1, len(events), how), e.at, files}
			made++
			if len(waiting) > 0 {
				uncertain++
			}
		}
		if t.Failed() {
			break
		}
	}
	close(cuts)
	work.Wait()
	t.Logf("%d calls that write or sync, %d states, %d of them with changes that were not certain", len(events), made, uncertain)
	c.tally.report(ackedStays, lostHeals, endsForEver, fileIsWhole)
	if made < states*5/6 || uncertain < made/3 {
		t.Error("so little could have been lost that this proves nothing")
	}
}

func clone(files map[string][]byte) map[string][]byte {
	copied := map[string][]byte{}
	for path, b := range files {
		copied[path] = slices.Clone(b)
	}
	return copied
}

// traced lets the applications refresh, so many times together, and two of them end.
func (c *crashSite) traced(rotations int) []*tracedApplication {
	var all []*tracedApplication
	var work sync.WaitGroup
	for i, a := range c.applications {
		traced := &tracedApplication{client: a.client, history: []toldThen{{what: "ack", token: a.held.last()}}} // before all that is traced
		all = append(all, traced)
		work.Go(func() {
			note := func(what, token string) { traced.history = append(traced.history, toldThen{time.Now(), what, token}) }
			token := a.held.last()
			for range rotations / len(c.applications) / (1 + i/6) {
				note("intent", token)
				answer := c.refresh(a.client, token)
				if !answer.ok() {
					c.t.Errorf("%s: %+v", a.name, answer)
					return
				}
				token = answer.refresh
				note("ack", token)
			}
			if i < 6 {
				return
			}
			note("ending", token)
			if answer := c.post(a.client, "/revoke", url.Values{"token": {token}}); !answer.ok() {
				c.t.Errorf("%s: %+v", a.name, answer)
			}
			note("ended", token)
		})
	}
	work.Wait()
	return all
}

// traceCut is what a power cut may have left.
type traceCut struct {
	what  string
	at    time.Time
	files map[string][]byte
}

// examineCut starts on it as a server does.
func (c *crashSite) examineCut(cut traceCut, applications []*tracedApplication) {
	ctx := context.Background()
	path := c.server.db
	for _, old := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.t.Error(err)
			return
		}
	}
	// A power cut leaves the file the same inode, which it is known by, and so does this.
	for name, b := range cut.files {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			c.t.Error(err)
			return
		}
	}
	d, err := db.Open(ctx, path, db.Options{Server: true})
	if !c.tally.check(fileIsWhole, err == nil, "%s: %v", cut.what, err) {
		return
	}
	defer c.checkPages(path)
	defer d.Close()
	engine, err := oauth.New(ctx, oauth.Config{Issuer: c.server.issuer}, d)
	if !c.tally.check(fileIsWhole, err == nil, "%s: %v", cut.what, err) {
		return
	}
	for i, a := range applications {
		credentials := oauth.ClientCredentials{ClientID: a.client.id, Secret: a.client.secret, Method: oauth.AuthBasic}
		present := func(token string) (response *oauth.TokenResponse, err error) {
			for range 100 { // a machine that is held up lets requests wait too long, and says so
				response, err = engine.Token(ctx, oauth.TokenRequest{Client: credentials, GrantType: oauth.GrantRefreshToken, RefreshToken: token})
				if err == nil || oauth.AsError(err).Code != oauth.TemporarilyUnavailable {
					break
				}
			}
			return response, err
		}
		acked, pending, ending, ended := a.by(cut.at)
		last, err := engine.Introspect(ctx, credentials, acked, crashOrigin())
		if err != nil {
			c.t.Errorf("%s: introspect: %v", cut.what, err)
			return
		}
		switch {
		case ended:
			c.tally.check(endsForEver, !last.Active, "%s: application %d: its revocation is undone", cut.what, i)
		case ending:
		case pending != "":
			first, err := present(pending)
			if !c.tally.check(lostHeals, err == nil, "%s: application %d: its answer was lost, and the next try gets %v", cut.what, i, err) {
				continue
			}
			second, err := present(pending)
			c.tally.check(lostHeals, err == nil && second.RefreshToken == first.RefreshToken, "%s: application %d: two successors, or %v", cut.what, i, err)
		default:
			c.tally.check(ackedStays, last.Active, "%s: application %d: an acknowledged rotation is lost", cut.what, i)
		}
	}
}
