-- +goose Up

-- Where a client is told that a session has ended, and since when it has to be told which one.
ALTER TABLE clients ADD COLUMN backchannel_logout_uri TEXT;
ALTER TABLE clients ADD COLUMN logout_session_required_at BIGINT;

-- News on its way to an address that a client has registered. A row goes when the other side has taken it; one with dead_at was given up
-- and waits for an admin. person_id is '' where it is about nobody.
CREATE TABLE deliveries (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    person_id  TEXT NOT NULL,
    url        TEXT NOT NULL,
    body       BYTEA NOT NULL,
    attempts   BIGINT NOT NULL,
    next_at    BIGINT NOT NULL,
    last_error TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    dead_at    BIGINT
);
CREATE INDEX deliveries_url ON deliveries (url, next_at) WHERE dead_at IS NULL;
CREATE INDEX deliveries_client ON deliveries (client_id, created_at);
CREATE INDEX deliveries_dead_at ON deliveries (dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX deliveries_expires_at ON deliveries (expires_at) WHERE dead_at IS NULL;
