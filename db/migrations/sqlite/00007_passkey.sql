-- +goose Up

-- Passkeys: WebAuthn credentials with which people sign in. record is the credential as it was registered, in JSON. What changes
-- with each use stands in columns. backup_eligible_at is set for a passkey that may be copied to other devices, backed_up_at once it
-- has been.
CREATE TABLE passkeys (
    id                 TEXT PRIMARY KEY,
    credential_id      BLOB NOT NULL UNIQUE,
    person_id          TEXT NOT NULL REFERENCES people (id),
    name               TEXT NOT NULL,
    record             BLOB NOT NULL,
    sign_count         INTEGER NOT NULL,
    backup_eligible_at INTEGER,
    backed_up_at       INTEGER,
    created_at         INTEGER NOT NULL,
    last_used_at       INTEGER
) STRICT;
CREATE INDEX passkeys_person ON passkeys (person_id, created_at, id);

-- Challenges that an answer was accepted for, until nobody could take one for new any more.
CREATE TABLE spent_challenges (
    hash       BLOB PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_challenges_expires_at ON spent_challenges (expires_at);
