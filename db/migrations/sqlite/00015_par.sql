-- +goose Up

-- Authorization requests that their clients sent ahead (RFC 9126). expires_at is until when one must be brought to the authorization
-- endpoint; one that was brought there is kept until kept_until for the browser that it came with.
CREATE TABLE pushed_requests (
    hash             BLOB PRIMARY KEY,
    client_id        TEXT NOT NULL,
    holder           TEXT NOT NULL,
    authenticated_at INTEGER,
    parameters       TEXT NOT NULL,
    browser_hash     BLOB,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    kept_until       INTEGER NOT NULL,
    spent_at         INTEGER
) STRICT;
CREATE INDEX pushed_requests_holder ON pushed_requests (holder, expires_at);
CREATE INDEX pushed_requests_kept_until ON pushed_requests (kept_until);

ALTER TABLE clients ADD COLUMN par_required_at INTEGER;
