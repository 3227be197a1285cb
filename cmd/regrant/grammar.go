package main

import (
	"errors"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// grammar is the whole command line, design.md section 6.
type grammar struct {
	common

	Serve   serveCommand   `cmd:"" group:"run" help:"Run the server."`
	Demo    demoCommand    `cmd:"" group:"run" help:"Show in a browser what an application, the server and an API say to each other."`
	User    userCommand    `cmd:"" group:"manage" help:"People who sign in."`
	Group   groupCommand   `cmd:"" group:"manage" help:"Groups of people, to whom applications can be limited."`
	Client  clientCommand  `cmd:"" group:"manage" help:"Applications that people sign in to."`
	API     apiCommand     `cmd:"" name:"api" group:"manage" help:"Resource servers that access tokens are for."`
	Grant   grantCommand   `cmd:"" group:"manage" help:"What people have allowed applications; end it here."`
	Key     keyCommand     `cmd:"" group:"manage" help:"Keys of the server."`
	Backup  backupCommand  `cmd:"" group:"run" help:"Write a copy of the database while the server runs."`
	Restore restoreCommand `cmd:"" group:"run" help:"Put a backup in the place of the database."`
	Doctor  doctorCommand  `cmd:"" group:"run" help:"Check the database, the audit log, the keys and the clock."`
	Version versionCommand `cmd:"" group:"run" help:"Print the versions of Regrant, Go and SQLite."`
}

// common are the flags of every command.
type common struct {
	DB     string `name:"db" env:"REGRANT_DB" default:"regrant.db" placeholder:"FILE" help:"The database file (default ${default})."`
	JSON   bool   `name:"json" help:"Print JSON."`
	Config string `name:"config" env:"REGRANT_CONFIG" placeholder:"FILE" help:"Read settings from this file (default regrant.toml, if there is one)."`
}

const about = `Regrant is an OAuth 2.1 and OpenID Connect server: one binary, one database file.

Begin with "regrant serve". Settings are read from flags, then from REGRANT_* variables, then from regrant.toml.`

// parse reads the command line, and the settings that it leaves open from the environment and the configuration file.
func parse(args []string, stdout, stderr io.Writer) (*parsed, error) {
	exit := os.Exit
	if len(args) == 0 {
		// Nothing asked for is wrong usage, and the list of commands is the help that is needed.
		args, stdout = []string{"--help"}, stderr
		exit = func(int) { os.Exit(exitUsage) }
	}
	if i := slices.Index(args, "--version"); i >= 0 && !slices.ContainsFunc(args, isWord) {
		args = slices.Concat(args[:i], []string{"version"}, args[i+1:])
	}
	file, err := configFile(args)
	if err != nil {
		return nil, err
	}
	g := &grammar{}
	parser, err := kong.New(g, append(parserOptions(), kong.Writers(stdout, stderr), kong.Exit(exit), kong.Resolvers(file))...)
	if err != nil {
		return nil, err
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return nil, wrongUsage(err)
	}
	return &parsed{ctx, g, file}, nil
}

// isWord says whether an argument is no flag. Among flags alone, --version is the command of that name.
func isWord(arg string) bool { return !strings.HasPrefix(arg, "-") }

func parserOptions() []kong.Option {
	return []kong.Option{
		kong.Name("regrant"),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(decodeDuration)),
		kong.Description(about),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 110}),
		kong.ExplicitGroups([]kong.Group{{Key: "run", Title: "Run"}, {Key: "manage", Title: "Manage"}}),
	}
}

// wrongUsage says what is wrong with the command line, and where to read how it goes.
func wrongUsage(err error) error {
	var p *kong.ParseError
	if !errors.As(err, &p) || p.Context == nil {
		return usage("%s", inWords(err.Error()))
	}
	command := "regrant"
	if node := p.Context.Selected(); node != nil {
		command = node.FullPath()
	}
	return usage("%s (see: %s --help)", inWords(err.Error()), command)
}
