//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// service starts regrant serve as systemd would: with a notification socket and, for each listener, a socket that is open.
func service(t *testing.T, sockets ...*net.TCPListener) (notified *net.UnixConn, cmd *exec.Cmd, log *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	notified, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { notified.Close() })
	if err := notified.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	log = &bytes.Buffer{}
	// The shell becomes regrant and so knows the process id, as systemd does.
	cmd = exec.Command("sh", "-c", fmt.Sprintf("LISTEN_FDS=%d LISTEN_PID=$$ exec regrant serve --listen 127.0.0.1:0", len(sockets)))
	cmd.Dir, cmd.Stderr = dir, log
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+filepath.Join(dir, "notify"))
	for _, socket := range sockets {
		f, err := socket.File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it may have ended
	return notified, cmd, log
}

func next(t *testing.T, notified *net.UnixConn, log *bytes.Buffer) string {
	t.Helper()
	b := make([]byte, 1000)
	n, err := notified.Read(b)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return string(b[:n])
}

func TestSystemdIsToldWhenTheServerIsReadyAndWhenItStops(t *testing.T) {
	notified, cmd, log := service(t)

	if got := next(t, notified, log); got != "READY=1" {
		t.Fatalf("told %q", got)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := next(t, notified, log); got != "STOPPING=1" {
		t.Errorf("told %q", got)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, log)
	}
}

func TestSystemdMayOpenTheSocket(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	notified, cmd, log := service(t, l.(*net.TCPListener))
	next(t, notified, log)

	response, err := http.Get("http://" + l.Addr().String() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("status %d", response.StatusCode)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, log)
	}
}

func TestRequirementsOfSocketsFromSystemd(t *testing.T) {
	t.Run("GEN-01 a socket of systemd that others can reach needs TLS, too", openSocketNeedsTLS)
}

func openSocketNeedsTLS(t *testing.T) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, cmd, log := service(t, l.(*net.TCPListener))

	err = cmd.Wait()
	if cmd.ProcessState.ExitCode() != exitUsage || !strings.Contains(log.String(), "regrant: listen: ") {
		t.Errorf("%v: %s", err, log)
	}
}
