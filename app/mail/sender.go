package mail

import (
	"context"
	"errors"
)

// Sender hands letters over to a mail server.
type Sender interface {
	// Send returns nil once the server has accepted the letter. [ErrRefused] says that it will not take this letter whatever is
	// tried again, [ErrDeferred] that it does not take this one now; any other error is about more than this letter. No error holds a secret or the reader's address.
	Send(ctx context.Context, l Letter) error
}

// ErrRefused says that the mail server does not take a letter, as one to a mailbox that does not exist.
var ErrRefused = errors.New("mail: the mail server refuses it for good")

// ErrDeferred says that the mail server does not take a letter now, and says so of this one alone.
var ErrDeferred = errors.New("mail: the mail server puts it off")

// Writer finds the words.
type Writer interface {
	// WriteLetter gives the letter for a message, in the language of its reader.
	WriteLetter(ctx context.Context, m Message, to Reader) (Letter, error)
}
