package main

import (
	"os"
	"os/exec"
	"testing"
)

// needPython gives an interpreter that has the libraries.
func needPython(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("programs in other languages take their time, and are not watched by the race detector")
	}
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import authlib, requests_oauthlib").Run() == nil {
			return name
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("python3-authlib and python3-requests-oauthlib are not installed, and CI=true")
	}
	t.Skip("python3-authlib and python3-requests-oauthlib are not installed")
	return ""
}

func TestPythonClientsStaySignedIn(t *testing.T) {
	t.Parallel()
	python := needPython(t)
	s := newCertified(t)
	for _, script := range []string{"authlib_client.py", "requests_oauthlib_client.py"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			c := &clientProgram{party: s.registerAt(nodeCallback, "client_secret_basic").of(t), dir: "testdata/python", command: []string{python, script}}
			if done := c.run(); done.Email != "alice@example.com" || done.AccessTokens != 11 {
				t.Errorf("%+v", done)
			}
		})
	}
}
