-- +goose Up
-- The outbox. What a mail says is sealed; person_id is '' for somebody without an account. asked_at is not null for mails that
-- anybody may cause.
CREATE TABLE mails (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    person_id  TEXT NOT NULL,
    sealed     BLOB NOT NULL,
    attempts   INTEGER NOT NULL,
    next_at    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    asked_at   INTEGER
) STRICT;
CREATE INDEX mails_next_at ON mails (next_at);
CREATE INDEX mails_person ON mails (person_id);
CREATE INDEX mails_asked_at ON mails (asked_at);

-- How many mails of one sort were caused in an hour since 1970.
CREATE TABLE mail_counts (
    name  TEXT NOT NULL,
    hour  INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (name, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX mail_counts_hour ON mail_counts (hour);

-- Up to where the log of events was followed. What happened before there were mails is told to nobody.
CREATE TABLE mail_position (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL
) STRICT;
INSERT INTO mail_position (id, seq) SELECT 1, head_seq FROM audit_chain WHERE id = 1;

-- The address that a person had before the event at seq changed it, until it was told so.
CREATE TABLE former_emails (
    seq       INTEGER PRIMARY KEY,
    person_id TEXT NOT NULL,
    email     TEXT NOT NULL
) STRICT;
CREATE INDEX former_emails_person ON former_emails (person_id);
