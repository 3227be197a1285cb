package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"regrant/db"
)

// greet tells whoever started the server where it is, and what to do next as long as that is not done. The log goes elsewhere.
func (p *program) greet(ctx context.Context, store *db.DB, issuer string) error {
	people, err := store.ListPeople(ctx, "", 1)
	if err != nil {
		return err
	}
	clients, err := store.Clients(ctx)
	if err != nil {
		return err
	}
	fmt.Fprint(p.stdout, greeting(issuer, p.again(), len(people) == 0, len(clients) == 0))
	return nil
}

func greeting(issuer, command string, nobody, nothing bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n  Regrant is running at %s\n", issuer)
	if nobody || nothing {
		b.WriteString("\n  Next, in another terminal:\n")
	}
	if nobody {
		fmt.Fprintf(&b, "    add yourself      %s\n", fmt.Sprintf(command, "user create")+" --email you@example.com --admin")
	}
	if nothing {
		fmt.Fprintf(&b, "    add an app        %s\n", fmt.Sprintf(command, "client create")+" --name \"My app\" --redirect-uri http://localhost:3000/callback")
	}
	fmt.Fprintf(&b, "\n  Guide: %s/docs    Stop: Ctrl+C\n\n", issuer)
	return b.String()
}

// again is how this program is called for another command on the same database, with %s for the command.
func (p *program) again() string {
	name := os.Args[0]
	if found, err := exec.LookPath(filepath.Base(name)); err == nil && filepath.IsAbs(name) && found == name {
		name = filepath.Base(name)
	}
	if p.DB == "regrant.db" {
		return name + " %s"
	}
	return name + " %s --db " + strings.ReplaceAll(p.DB, "%", "%%")
}
