-- +goose Up

-- Who made a registration: an admin, or the client itself (dynamic). about is what a client that nobody vouches for says of itself, as JSON;
-- registration_hash is of the token with which it looks after its own registration; seen_at is when it was last known to be in use, null
-- for those that never go for want of use.
ALTER TABLE clients ADD COLUMN source TEXT NOT NULL DEFAULT 'admin';
ALTER TABLE clients ADD COLUMN about TEXT;
ALTER TABLE clients ADD COLUMN registration_hash BLOB;
ALTER TABLE clients ADD COLUMN seen_at INTEGER;
CREATE INDEX clients_source_seen_at ON clients (source, seen_at);

-- Who registered clients lately (RFC 7591), also those that are gone again.
CREATE TABLE client_registrations (
    client_id TEXT PRIMARY KEY,
    holder    TEXT NOT NULL,
    at        INTEGER NOT NULL
) STRICT;
CREATE INDEX client_registrations_holder ON client_registrations (holder, at);
CREATE INDEX client_registrations_at ON client_registrations (at);

-- Tokens with which clients may register, as often as uses says (RFC 7591 section 3).
CREATE TABLE initial_access_tokens (
    id         TEXT PRIMARY KEY,
    hash       BLOB NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    hint       TEXT NOT NULL,
    uses       INTEGER NOT NULL,
    used       INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX initial_access_tokens_expires_at ON initial_access_tokens (expires_at);
