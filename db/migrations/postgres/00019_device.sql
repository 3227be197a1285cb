-- +goose Up

-- Devices that wait for a person to allow them (RFC 8628). hash is of the device code. What was allowed stands in codes under the same
-- hash. poll_interval is in microseconds.
CREATE TABLE device_authorizations (
    hash             BYTEA PRIMARY KEY,
    user_code        TEXT NOT NULL UNIQUE,
    client_id        TEXT NOT NULL,
    holder           TEXT NOT NULL,
    authenticated_at BIGINT,
    scope            TEXT NOT NULL,
    resources        TEXT NOT NULL,
    ip               TEXT NOT NULL,
    user_agent       TEXT NOT NULL,
    poll_interval    BIGINT NOT NULL,
    polled_at        BIGINT,
    allowed_at       BIGINT,
    denied_at        BIGINT,
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL
);
CREATE INDEX device_authorizations_holder ON device_authorizations (holder, expires_at);
CREATE INDEX device_authorizations_expires_at ON device_authorizations (expires_at);
