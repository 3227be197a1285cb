package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"
)

var update = flag.Bool("update", false, "write what the transcripts compare with")

// TestMain lets the test binary be regrant itself, and the programs with which the transcripts look at a server.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"regrant":     main,
		"cert":        certMain,
		"failingdisk": failingDiskMain,
		"fetch":       fetchMain,
		"hello":       helloMain,
		"signin":      signInMain,
		"shows":       showsMain,
		"sql":         sqlMain,

		"tokenuser": tokenUserMain,
		"yardstick": yardstickMain,
	})
}

// TestTranscripts runs every testdata/*.txt. Under the race detector those in which a server runs are enough: where one command comes
// after the other, nothing happens at the same time.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	if testing.Short() {
		t.Log("the transcripts in which no server runs are left to the run without the race detector")
		files = slices.DeleteFunc(files, func(file string) bool {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			return !regexp.MustCompile(`regrant (serve|demo)`).Match(text)
		})
	}
	testscript.Run(t, testscript.Params{
		Files: files, UpdateScripts: *update, RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "freeport": freePort, "json": jsonMember, "until": until, "mode": fileMode, "terminate": terminate,
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Getuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %s", name)
		},
	})
}

// exits N program args…: it ends with that code. Failing, it says why in one line on stderr and nothing on stdout.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program args…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		code = ended.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("exit code %d, not %d", code, want)
	}
	said := ts.ReadFile("stderr")
	if lines := strings.Count(said, "\n"); code != 0 && (lines != 1 || !strings.HasPrefix(said, "regrant: ")) {
		ts.Fatalf("stderr is not one line that begins with regrant: but %d", lines)
	}
}

// freeport NAME: sets the variable to a port that nobody listens on.
func freePort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Check(l.Close())
	ts.Setenv(args[0], port)
}

// json path value: the last stdout is JSON with that value there (count is the length of a list, null what is not there).
// json -set NAME path: keeps it.
func jsonMember(ts *testscript.TestScript, neg bool, args []string) {
	name := ""
	if len(args) == 3 && args[0] == "-set" {
		name, args = args[1], append(args[2:], "")
	}
	if len(args) != 2 {
		ts.Fatalf("usage: json path value, or json -set NAME path")
	}
	var at any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &at))
	for step := range strings.SplitSeq(args[0], ".") {
		switch v := at.(type) {
		case map[string]any:
			at = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			switch {
			case step == "count":
				at = len(v)
			case err != nil || i >= len(v):
				ts.Fatalf("json: no element %s of %d", step, len(v))
			default:
				at = v[i]
			}
		default:
			ts.Fatalf("json: nothing at %s", args[0])
		}
	}
	text, ok := at.(string)
	if !ok {
		b, err := json.Marshal(at)
		ts.Check(err)
		text = string(b)
	}
	switch {
	case name != "":
		ts.Setenv(name, text)
	case (text == args[1]) == neg:
		ts.Fatalf("json: %s is %s", args[0], text)
	}
}

// until 1s program args…: it succeeds within that time.
func until(ts *testscript.TestScript, _ bool, args []string) {
	within, err := time.ParseDuration(args[0])
	ts.Check(err)
	for deadline := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("not within %s: %v", within, err)
		}
	}
}

// terminate: everything in the background gets SIGTERM, as from a service manager. kill knows SIGINT and SIGKILL only.
func terminate(ts *testscript.TestScript, _ bool, _ []string) {
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(syscall.SIGTERM))
	}
}

// mode 0600 file…: the files have that mode.
func fileMode(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has mode %s", name, got)
		}
	}
}

// showsMain runs a program and looks for a pattern in its output: shows PATTERN program args….
func showsMain() {
	out, err := exec.Command(os.Args[2], os.Args[3:]...).CombinedOutput()
	fmt.Printf("%s", out)
	if err == nil && !regexp.MustCompile(os.Args[1]).Match(out) {
		err = errors.New("no match")
	}
	exitWith(err)
}

// sqlMain runs a statement on a file, as somebody who damages it would: sql FILE STATEMENT.
func sqlMain() {
	pool, err := sql.Open("sqlite", "file:"+filepath.ToSlash(os.Args[1]))
	if err == nil {
		_, err = pool.Exec(os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	pool.Close()
}
