// Command regrant is all of Regrant in one binary: the server, and the commands with which an operator looks after it.
// "regrant --help" and, from a running server, /docs are its manual.
//
// Every command opens the database file itself, whether or not a server is running on it, and writes its audit events as
// the operating system's user who ran it. One file here is one subcommand.
package main

import (
	"context"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"regrant/web"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// program is what every command gets: where to read and write, and the settings that all share.
type program struct {
	stdin  *os.File
	stdout io.Writer
	stderr io.Writer
	common
	environment []web.Setting
}

// run does what args say and returns the exit code: 0 done, 1 failed, 2 wrong usage.
func run(args []string, stdin *os.File, stdout, stderr io.Writer) int {
	restrictNewFiles()
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr}
	parsed, err := parse(args, stdout, stderr)
	if err != nil {
		return p.fail(err)
	}
	p.common, p.environment = parsed.grammar.common, parsed.environment()
	ctx := context.Background()
	parsed.BindTo(ctx, (*context.Context)(nil))
	return p.fail(parsed.Run(p))
}

// parsed is a command line that makes sense.
type parsed struct {
	*kong.Context
	grammar *grammar
	file    settingsFile
}
