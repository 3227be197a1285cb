-- +goose Up

-- The authenticator app of a person. The secret is sealed, see app/account/sealer.go; last_step is the last time step of which a
-- code was used, so that each is good once.
CREATE TABLE totps (
    person_id    TEXT PRIMARY KEY REFERENCES people (id),
    secret       BLOB NOT NULL,
    last_step    INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL
) STRICT;

-- Codes that stand in for a second factor, each once.
CREATE TABLE recovery_codes (
    person_id  TEXT NOT NULL REFERENCES people (id),
    hash       BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    used_at    INTEGER,
    PRIMARY KEY (person_id, hash)
) STRICT, WITHOUT ROWID;

-- Sign-ins in which one factor was shown and another one is missing: whose, in which browser, and what for. amr says which
-- factors were shown. stay_at is not null if the person wants to stay signed in.
CREATE TABLE sign_ins (
    hash         BLOB PRIMARY KEY,
    browser_hash BLOB NOT NULL,
    person_id    TEXT NOT NULL REFERENCES people (id),
    amr          TEXT NOT NULL,
    request_id   TEXT NOT NULL,
    return_to    TEXT NOT NULL,
    stay_at      INTEGER,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_ins_person ON sign_ins (person_id, created_at);
CREATE INDEX sign_ins_expires_at ON sign_ins (expires_at);

-- Of the link with which an expired password is renewed: the factors that were shown before.
ALTER TABLE links ADD COLUMN amr TEXT NOT NULL DEFAULT '';

-- Not null: the person asked to stay signed in with this browser.
ALTER TABLE sessions ADD COLUMN stay_at INTEGER;

-- Not null: an authorization of this client needs two factors.
ALTER TABLE clients ADD COLUMN second_factor_at INTEGER;
