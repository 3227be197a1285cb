package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// seededDefects are mistakes of other servers, as patches in testdata/defects, the test that each has to turn red, and what that says
// then.
var seededDefects = []struct{ defect, dir, test, says string }{
	{"normal-sync", "db", "TestF3_APowerCutLosesNothingThatWasAnswered", "I1 is violated"},
	{"rotation-without-cas", "app/oauth", "TestF12_RefreshesAtOnceAreAsIfOneCameAfterTheOther", "no order of the requests"}, // Gitea #37706
	{"grace-by-wall-clock", "cmd/regrant", "TestF14_AFreezeCountsAsDowntime", "I2: "},
	{"credit-without-limit", "cmd/regrant", "TestF14_AFreezeCountsAsDowntime", "a window that was over is open again"},              // CVE-2026-9802
	{"parents-parent-accepted", "app/oauth", "TestF12_RefreshesAtOnceAreAsIfOneCameAfterTheOther", "no order of the requests"},      // django-oauth-toolkit #1617
	{"revoke-outside-transaction", "cmd/regrant", "TestF2_ACrashAtEachMomentLosesNothing", "reset: it was done, and 1 of 1 tokens"}, // Keycloak #51312
	{"seconds-as-order", "app/oauth", "TestF12_RefreshesAtOnceAreAsIfOneCameAfterTheOther", "no order of the requests"},             // Keycloak #50999
	{"fault-as-invalid-grant", "web", "TestRequirements", "GEN-00_whatever_call_of_the_store_fails"},                                // Hydra #1928
}

func patchOf(t *testing.T, defect string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", "defects", defect+".patch"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// apply applies a patch to the tree at dir.
func apply(t *testing.T, dir, patch string, flags ...string) {
	t.Helper()
	cmd := exec.Command("git", append(append([]string{"apply"}, flags...), patch)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir)) // of a copy: it is no part of a repository
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s does not apply: %s", filepath.Base(patch), out)
	}
}

// TestSeededDefectsApply holds the patches to the code of now, so that they can be tried at any time.
func TestSeededDefectsApply(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git to apply them with")
	}
	patches, err := filepath.Glob(filepath.Join("testdata", "defects", "*.patch"))
	if err != nil || len(patches) != len(seededDefects) {
		t.Fatalf("%d patches for %d defects, %v", len(patches), len(seededDefects), err)
	}
	for _, d := range seededDefects {
		apply(t, root, patchOf(t, d.defect), "--check")
	}
}

// TestSeededDefectsAreCaught builds the module with one defect after the other and runs the test that has to see it: 8 of 8.
func TestSeededDefectsAreCaught(t *testing.T) {
	if !full() {
		t.Skip("it takes minutes: make faults")
	}
	dir := copyModule(t)
	caught := 0
	for _, d := range seededDefects {
		t.Run(d.defect, func(t *testing.T) {
			apply(t, dir, patchOf(t, d.defect))
			defer apply(t, dir, patchOf(t, d.defect), "--reverse")
			began := time.Now()
			cmd := exec.Command("go", "test", "-trimpath", "-count=1", "-run", "^"+d.test+"$", "./"+d.dir)
			cmd.Dir = dir
			cmd.Env = slices.DeleteFunc(append(os.Environ(), "CGO_ENABLED=0"), func(v string) bool { return strings.HasPrefix(v, "REGRANT_FAULTS=") })
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: "+d.test) || !strings.Contains(string(out), d.says) {
				t.Fatalf("%s does not see it: %v\n%s", d.test, err, tail(string(out), 20))
			}
			caught++
			t.Logf("%s caught by %s of %s in %s: %q", d.defect, d.test, d.dir, time.Since(began).Round(time.Second), d.says)
		})
	}
	t.Logf("%d of %d defects caught", caught, len(seededDefects))
}

// copyModule copies the sources to where they can be changed.
func copyModule(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, below)
		switch {
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "bin" || entry.Name() == "node_modules"):
			return filepath.SkipDir
		case entry.IsDir():
			return os.MkdirAll(to, 0o700)
		case entry.Name() == ".git", !entry.Type().IsRegular(), strings.HasPrefix(entry.Name(), "regrant.db"):
			return nil
		}
		return copyFile(to, name)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
