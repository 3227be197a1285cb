package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/term"
)

// passwordFlags say where a password comes from. It is never an argument: other users could read it in the process list.
type passwordFlags struct {
	PasswordStdin bool `help:"Read the password from standard input."`
}

// read gives the password from standard input, or asks for it twice on the terminal without showing it.
func (f passwordFlags) read(p *program) (string, error) {
	if f.PasswordStdin {
		return readPassword(p.stdin)
	}
	if !term.IsTerminal(int(p.stdin.Fd())) {
		return "", usage("there is no terminal to ask for a password; use --password-stdin")
	}
	first, err := p.ask("Password: ")
	if err != nil {
		return "", err
	}
	second, err := p.ask("The same again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the two passwords differ")
	}
	return first, nil
}

func (p *program) ask(prompt string) (string, error) {
	fmt.Fprint(p.stderr, prompt)
	answer, err := term.ReadPassword(int(p.stdin.Fd()))
	fmt.Fprintln(p.stderr)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return string(answer), nil
}

// readPassword takes all of r without the line end that echo and files have.
func readPassword(r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, 64<<10))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if bytes.ContainsAny(text, "\r\n") {
		return "", errors.New("the password on standard input has more than one line")
	}
	return string(text), nil
}
