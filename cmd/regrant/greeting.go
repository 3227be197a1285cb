package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"regrant/app/account"
	"regrant/app/audit"
	"regrant/db"
)

// greet tells whoever started the server where it is, and what to do next as long as that is not done. The log goes elsewhere:
// the setup link is a secret.
func (p *program) greet(ctx context.Context, store *db.DB, all *account.People, issuer string) error {
	setup, err := account.NewLinks(all, store, issuer).Setup(ctx, audit.Origin{Actor: audit.ByServer}, now())
	if err != nil && !errors.Is(err, account.ErrHasAdmin) {
		return err
	}
	clients, err := store.Clients(ctx)
	if err != nil {
		return err
	}
	fmt.Fprint(p.stdout, greeting(issuer, p.again(), setup, len(clients) == 0))
	return nil
}

// greeting is what is said. setup is the link for the first admin, "" once there is one; nothing says that there is no client.
func greeting(issuer, command, setup string, nothing bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n  Regrant is running at %s\n", issuer)
	switch {
	case setup != "":
		fmt.Fprintf(&b, "\n  Open this link to create the first admin. It works once, for one hour; a restart prints a new one.\n\n    %s\n", setup)
	case nothing:
		fmt.Fprintf(&b, "\n  Next, at %s/admin or in another terminal:\n", issuer)
		fmt.Fprintf(&b, "    add an app        %s\n", fmt.Sprintf(command, "client create")+" --name \"My app\" --redirect-uri http://localhost:3000/callback")
	}
	admin := "    Admin: " + issuer + "/admin"
	if setup != "" {
		admin = ""
	}
	fmt.Fprintf(&b, "\n  Guide: %s/docs%s    Stop: Ctrl+C\n\n", issuer, admin)
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
