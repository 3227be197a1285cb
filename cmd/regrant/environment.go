package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"

	"regrant/web"
)

// environment says what each setting of the command is and by what it was set, for the page of settings. No setting is a secret:
// keys are named by their files.
func (p *parsed) environment() []web.Setting {
	typed := map[string]bool{}
	for _, path := range p.Path {
		if path.Flag != nil && !path.Resolved {
			typed[path.Flag.Name] = true
		}
	}
	var settings []web.Setting
	for _, flag := range p.Flags() {
		if !isSetting(flag) && flag.Name != "config" {
			continue
		}
		s := web.Setting{Name: flag.Name, Value: settingText(flag), Source: "default"}
		switch {
		case typed[flag.Name]:
			s.Source = "flag"
		case anySet(flag.Envs):
			s.Source = "environment"
		default:
			if _, found := p.file.values[flag.Name]; found {
				s.Source = "file"
			}
		}
		settings = append(settings, s)
	}
	return settings
}

// settingText is the value of a flag as it would be typed.
func settingText(flag *kong.Flag) string {
	value := flag.Target
	if value.Kind() == reflect.Slice {
		var parts []string
		for i := range value.Len() {
			parts = append(parts, fmt.Sprint(value.Index(i).Interface()))
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(value.Interface())
}

func anySet(names []string) bool {
	for _, name := range names {
		if _, set := os.LookupEnv(name); set {
			return true
		}
	}
	return false
}
