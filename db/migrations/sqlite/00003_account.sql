-- +goose Up

-- A deleted person keeps a row, so that an id is never given twice: e-mail null, name and hash empty. All grants of a person
-- that were made at or before grants_revoked_before are dead.
CREATE TABLE people (
    id                    TEXT PRIMARY KEY,
    email                 TEXT UNIQUE,
    name                  TEXT NOT NULL,
    role                  TEXT NOT NULL,
    email_verified_at     INTEGER,
    password_hash         TEXT NOT NULL,
    password_changed_at   INTEGER,
    disabled_at           INTEGER,
    deleted_at            INTEGER,
    grants_revoked_before INTEGER,
    version               INTEGER NOT NULL,
    created_at            INTEGER NOT NULL,
    updated_at            INTEGER NOT NULL
) STRICT;
CREATE INDEX people_admins ON people (id) WHERE role = 'admin';

-- Browser sessions. token_hash is null between two tokens of one session. The row goes when idle_at is over, which is never after
-- expires_at; a row with ended_at stays for an hour, so that a request under way when the session was ended cannot write it back.
CREATE TABLE sessions (
    id           TEXT PRIMARY KEY,
    token_hash   TEXT UNIQUE,
    person_id    TEXT NOT NULL REFERENCES people (id),
    auth_time    INTEGER NOT NULL,
    amr          TEXT NOT NULL,
    acr          TEXT NOT NULL,
    ip           TEXT NOT NULL,
    user_agent   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    idle_at      INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    ended_at     INTEGER,
    data         BLOB NOT NULL
) STRICT;
CREATE INDEX sessions_person ON sessions (person_id);
CREATE INDEX sessions_idle_at ON sessions (idle_at);

-- Browsers that have signed a person in before.
CREATE TABLE devices (
    person_id    TEXT NOT NULL REFERENCES people (id),
    device_hash  TEXT NOT NULL,
    last_used_at INTEGER NOT NULL,
    PRIMARY KEY (person_id, device_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_last_used_at ON devices (last_used_at);

-- Counters of failed sign-ins, see app/account/throttle.go.
CREATE TABLE throttle (
    counter    TEXT PRIMARY KEY,
    failures   INTEGER NOT NULL,
    failed_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX throttle_expires_at ON throttle (expires_at);
