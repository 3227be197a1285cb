package main

import (
	"context"
	"log/slog"
	"strings"
)

// quiet is a log handler for what net/http says by itself. Any scanner can cause failed handshakes, so those are for
// debugging only.
type quiet struct{ slog.Handler }

// Enabled lets Handle decide, since it knows the message.
func (q quiet) Enabled(context.Context, slog.Level) bool { return true }

// Handle writes the record at the level that it deserves.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "TLS handshake error") {
		r.Level = slog.LevelDebug
	}
	if !q.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}
