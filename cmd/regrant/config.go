package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

// defaultConfig is read when it exists and no other file is named.
const defaultConfig = "regrant.toml"

// settingsFile is a configuration file: names of flags and their values. A table is a prefix: cert in [tls] is tls-cert.
// Only flags that have a variable are settings; what a single command does is never told by a file or the environment.
type settingsFile struct {
	name   string
	values map[string]any
}

// forgetEmptyVariables makes an empty variable of ours one that is not set, as compose files and unit files mean it.
func forgetEmptyVariables() {
	for _, pair := range os.Environ() {
		if name, value, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "REGRANT_") && value == "" {
			os.Unsetenv(name)
		}
	}
}

// configFile finds and reads the configuration file: --config, then REGRANT_CONFIG, then regrant.toml where we stand.
func configFile(args []string) (settingsFile, error) {
	forgetEmptyVariables()
	name, named := os.Getenv("REGRANT_CONFIG"), true
	if flag, given := traceConfig(args); given {
		name = flag
	}
	if name == "" {
		name, named = defaultConfig, false
	}
	text, err := os.ReadFile(name)
	if !named && errors.Is(err, fs.ErrNotExist) {
		return settingsFile{name: name}, nil
	}
	if err != nil {
		return settingsFile{}, usage("config: %v", err)
	}
	return readSettings(name, string(text))
}

// traceConfig looks for --config in a command line of which nothing else is known yet.
func traceConfig(args []string) (name string, given bool) {
	parser, err := kong.New(&grammar{}, append(parserOptions(), kong.Exit(func(int) {}))...)
	if err != nil {
		panic("main.traceConfig: " + err.Error()) // unreachable: the grammar does not depend on the arguments
	}
	trace, err := kong.Trace(parser, args)
	if err != nil {
		return "", false // the parser proper will say what is wrong
	}
	for _, path := range trace.Path {
		if path.Flag != nil && path.Flag.Name == "config" {
			name, given = trace.FlagValue(path.Flag).(string)
		}
	}
	return name, given
}

func readSettings(name, text string) (settingsFile, error) {
	var tree map[string]any
	if _, err := toml.Decode(text, &tree); err != nil {
		return settingsFile{}, usage("%s: %s", name, strings.TrimPrefix(err.Error(), "toml: "))
	}
	f := settingsFile{name, map[string]any{}}
	var walk func(string, map[string]any)
	walk = func(prefix string, table map[string]any) {
		for key, value := range table {
			if inner, ok := value.(map[string]any); ok {
				walk(prefix+key+"-", inner)
			} else {
				f.values[prefix+key] = value
			}
		}
	}
	walk("", tree)
	return f, nil
}

// Validate refuses keys that are no setting, so that a misspelt one is not ignored.
func (f settingsFile) Validate(app *kong.Application) error {
	unknown := maps.Clone(f.values)
	_ = kong.Visit(app, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok && isSetting(flag) {
			delete(unknown, flag.Name)
		}
		return next(nil)
	})
	if len(unknown) > 0 {
		return fmt.Errorf("%s: unknown settings: %s", f.name, strings.Join(slices.Sorted(maps.Keys(unknown)), ", "))
	}
	return nil
}

func isSetting(flag *kong.Flag) bool { return len(flag.Envs) > 0 && flag.Name != "config" }

// Resolve gives a flag its value from the file, unless a variable gives it one: kong would let the file win, and an
// operator expects the reverse.
func (f settingsFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, found := f.values[flag.Name]
	if !found || !isSetting(flag) {
		return nil, nil
	}
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	if err := fits(value, flag.Target.Type()); err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	return value, nil
}

// fits refuses values that would be read as something else than what was meant.
func fits(value any, target reflect.Type) error {
	_, text := value.(string)
	switch {
	case target == reflect.TypeFor[time.Duration]() && !text:
		return errors.New(`write a duration as text with its unit, such as "30s" or "7d"`)
	case target.Kind() == reflect.String && !text:
		return errors.New("write text in quotes")
	case target.Kind() == reflect.Slice && !text:
		list, ok := value.([]any)
		for _, element := range list {
			if _, text := element.(string); !text {
				ok = false
			}
		}
		if !ok {
			return errors.New(`write a list of texts, such as ["a", "b"]`)
		}
	}
	return nil
}
