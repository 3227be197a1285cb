package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"regrant/db"
)

type versionCommand struct{}

// Help is shown by --help.
func (versionCommand) Help() string {
	return "The same as: regrant --version\n\nExample:\n\n    regrant version --json"
}

// versionView is what this program is made of.
type versionView struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	SQLite   string `json:"sqlite"`
	Platform string `json:"platform"`
}

func (versionCommand) Run(p *program) error {
	v := thisVersion()
	return p.print(v, func(w io.Writer) {
		sheet(w, "Regrant", v.Version, "Revision", v.Revision, "Go", v.Go, "SQLite", v.SQLite, "Platform", v.Platform)
	})
}

func thisVersion() versionView {
	v := versionView{Version: "(devel)", Go: runtime.Version(), SQLite: db.SQLiteVersion, Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			v.Revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			v.Revision = fmt.Sprintf("%s, changed", v.Revision)
		}
	}
	return v
}
