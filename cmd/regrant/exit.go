package main

import (
	"errors"
	"fmt"
	"strings"

	"regrant/app/account"
	"regrant/app/oauth"
)

// The exit codes.
const (
	exitFailed = 1
	exitUsage  = 2 // the command line or a setting is wrong; trying again will not help
)

// usageError is a mistake in the command line or in the settings.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func usage(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// fail writes the one line that says why, if err is not nil, and gives the exit code.
func (p *program) fail(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(p.stderr, "regrant: "+oneLine(plainly(err)))
	if u := (usageError{}); errors.As(err, &u) {
		return exitUsage
	}
	return exitFailed
}

func oneLine(s string) string {
	lines := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "; ")
}

// plainly says an error in the words of the person at the terminal.
func plainly(err error) string {
	var verdict *oauth.Error
	var password *account.PasswordError
	var invalid *account.InvalidError
	switch {
	case errors.As(err, &verdict) && verdict.Err != nil:
		return verdict.Err.Error()
	case errors.As(err, &verdict):
		text := inFlags(verdict.Description)
		if id, found := strings.CutPrefix(verdict.Detail, "client_id="); found {
			text = strings.Replace(text, " ID", " "+id, 1)
		}
		return text
	case errors.As(err, &password):
		return password.Error()
	case errors.As(err, &invalid) && invalid.Field == "email":
		return "email: this is not an e-mail address"
	case errors.As(err, &invalid) && invalid.Key == "group.description_invalid":
		return "description: at most 300 characters, on one line"
	case errors.As(err, &invalid) && invalid.Key == "group.name_invalid":
		return "name: 1 to 60 characters that can be seen, on one line"
	case errors.As(err, &invalid):
		return invalid.Field + ": at most 100 characters, and none that control the text around them"
	case errors.Is(err, account.ErrEmailTaken):
		return "another person has this e-mail address"
	case errors.Is(err, account.ErrNameTaken):
		return "another group has this name"
	case errors.Is(err, oauth.ErrNoGroup), errors.Is(err, account.ErrNoGroup):
		return "the group was deleted at the same time"
	case errors.Is(err, oauth.ErrConflict), errors.Is(err, account.ErrChanged):
		return "somebody else changed this at the same time; try again"
	}
	return err.Error()
}
