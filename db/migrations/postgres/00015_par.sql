-- +goose Up

-- Authorization requests that their clients sent ahead (RFC 9126). expires_at is until when one must be brought to the authorization
-- endpoint; one that was brought there is kept until kept_until for the browser that it came with.
CREATE TABLE pushed_requests (
    hash             BYTEA PRIMARY KEY,
    client_id        TEXT NOT NULL,
    holder           TEXT NOT NULL,
    authenticated_at BIGINT,
    parameters       TEXT NOT NULL,
    browser_hash     BYTEA,
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    kept_until       BIGINT NOT NULL,
    spent_at         BIGINT
);
CREATE INDEX pushed_requests_holder ON pushed_requests (holder, expires_at);
CREATE INDEX pushed_requests_kept_until ON pushed_requests (kept_until);

ALTER TABLE clients ADD COLUMN par_required_at BIGINT;
