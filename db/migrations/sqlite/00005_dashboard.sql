-- +goose Up

-- What the dashboard asks for. state says where a grant is listed: open, revoked or expired. It follows revoked_at in the same
-- statement, and the passing of time in batches (db/sweep.go), so it chooses rows and never decides whether a grant is alive.
-- used_hour is the hour (since 1970) of the last use, written behind: rotations touch no index. bulk_id names the revocation of
-- many that ended it.
ALTER TABLE grants ADD COLUMN state TEXT NOT NULL DEFAULT 'open';
ALTER TABLE grants ADD COLUMN used_hour INTEGER NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN bulk_id TEXT;
UPDATE grants SET state = 'revoked' WHERE revoked_at IS NOT NULL;
UPDATE grants SET used_hour = COALESCE((SELECT t.last_used_at FROM refresh_tokens t WHERE t.grant_id = grants.id), created_at) / 3600000000;
CREATE INDEX grants_state_created ON grants (state, created_at, id);
CREATE INDEX grants_state_used ON grants (state, used_hour, id);
CREATE INDEX grants_client_state_created ON grants (client_id, state, created_at, id);
CREATE INDEX grants_client_state_used ON grants (client_id, state, used_hour, id);
CREATE INDEX grants_reuse_created ON grants (reuse_class, created_at, id) WHERE reuse_class IS NOT NULL;
CREATE INDEX grants_reuse_used ON grants (reuse_class, used_hour, id) WHERE reuse_class IS NOT NULL;
CREATE INDEX grants_ip ON grants (ip, created_at, id);
CREATE INDEX grants_bulk ON grants (bulk_id, id) WHERE bulk_id IS NOT NULL;

DROP VIEW grant_states;
CREATE VIEW grant_states AS
SELECT g.id, g.person_id, g.client_id, g.session_id, g.scope, g.resources, g.auth_time, g.acr, g.amr, g.ip,
       g.user_agent, g.offline_at, g.created_at, g.ends_at, g.revoked_at, g.revoked_reason, g.reuse_class, g.version,
       g.state, g.used_hour, g.bulk_id,
       p.name AS person_name, p.email AS person_email, p.email_verified_at AS person_email_verified_at,
       p.disabled_at AS person_disabled_at, p.deleted_at AS person_deleted_at,
       p.grants_revoked_before AS person_grants_revoked_before, p.version AS person_version,
       c.disabled_at AS client_disabled_at, c.grants_revoked_before AS client_grants_revoked_before, c.version AS client_version,
       t.token_id, t.generation, t.epoch, t.current_hash, t.previous_hash, t.nonce, t.window_key_id, t.window_end, t.rotated_at,
       t.idle_deadline, t.absolute_deadline, t.last_used_at, t.last_ip, t.last_user_agent, t.ring
FROM grants g
LEFT JOIN people p ON p.id = g.person_id
LEFT JOIN clients c ON c.id = g.client_id
LEFT JOIN refresh_tokens t ON t.grant_id = g.id;

-- A grant in the lists of the dashboard: its keys, and all that says whether it is alive. Narrow, since a list may have to look at
-- thousands of rows for one page.
CREATE VIEW grant_keys AS
SELECT g.id, g.person_id, g.client_id, g.state, g.created_at, g.used_hour, g.ends_at, g.revoked_at, g.reuse_class, g.bulk_id, g.ip,
       p.version AS person_version, p.disabled_at AS person_disabled_at, p.deleted_at AS person_deleted_at,
       p.grants_revoked_before AS person_grants_revoked_before,
       c.version AS client_version, c.grants_revoked_before AS client_grants_revoked_before, t.idle_deadline, t.last_used_at
FROM grants g
LEFT JOIN people p ON p.id = g.person_id
LEFT JOIN clients c ON c.id = g.client_id
LEFT JOIN refresh_tokens t ON t.grant_id = g.id;

-- Revocations of many grants at once: what was chosen, how far it has come, who asked. Rows follow in batches.
CREATE TABLE bulk_revocations (
    id          TEXT PRIMARY KEY,
    query       TEXT NOT NULL,
    actor       TEXT NOT NULL,
    actor_id    TEXT NOT NULL,
    ip          TEXT NOT NULL,
    user_agent  TEXT NOT NULL,
    request_id  TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    position    TEXT NOT NULL,
    revoked     INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE INDEX bulk_revocations_open ON bulk_revocations (created_at) WHERE finished_at IS NULL;
CREATE INDEX bulk_revocations_finished ON bulk_revocations (finished_at) WHERE finished_at IS NOT NULL;

-- Refusals of genuine tokens and known clients, written behind; bounded in number and time.
CREATE TABLE refusals (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id    TEXT NOT NULL,
    at            INTEGER NOT NULL,
    endpoint      TEXT NOT NULL,
    code          TEXT NOT NULL,
    rule          TEXT NOT NULL,
    detail        TEXT NOT NULL,
    client_id     TEXT NOT NULL,
    person_id     TEXT NOT NULL,
    grant_id      TEXT NOT NULL,
    generation    INTEGER,
    of_generation INTEGER,
    found         TEXT NOT NULL,
    ip            TEXT NOT NULL,
    user_agent    TEXT NOT NULL
) STRICT;
CREATE INDEX refusals_request ON refusals (request_id);
CREATE INDEX refusals_client ON refusals (client_id, id);
CREATE INDEX refusals_grant ON refusals (grant_id, id);
CREATE INDEX refusals_rule ON refusals (rule, id);
CREATE INDEX refusals_code ON refusals (code, id);
CREATE INDEX refusals_at ON refusals (at);

-- Counters of the whole server by hour, and of each client by day, written behind; times are hours and days since 1970.
CREATE TABLE hours (
    hour      INTEGER PRIMARY KEY,
    rotations INTEGER NOT NULL,
    replays   INTEGER NOT NULL,
    refusals  INTEGER NOT NULL,
    reuses    INTEGER NOT NULL
) STRICT;
CREATE TABLE client_days (
    client_id TEXT NOT NULL,
    day       INTEGER NOT NULL,
    rotations INTEGER NOT NULL,
    replays   INTEGER NOT NULL,
    refusals  INTEGER NOT NULL,
    reuses    INTEGER NOT NULL,
    PRIMARY KEY (client_id, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX client_days_day ON client_days (day);

-- Histograms of a client's refreshes by day: kind says of what (idle: how long a grant had rested; replay: how long after its
-- rotation the previous token came again), bucket is the place in the list of bounds, see app/oauth/histogram.go.
CREATE TABLE client_histograms (
    client_id TEXT NOT NULL,
    day       INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    bucket    INTEGER NOT NULL,
    count     INTEGER NOT NULL,
    PRIMARY KEY (client_id, day, kind, bucket)
) STRICT, WITHOUT ROWID;
CREATE INDEX client_histograms_day ON client_histograms (day);

-- Links that let somebody in once: the first admin (setup), an invited person (invite), a password to choose anew (reset).
CREATE TABLE links (
    hash       BLOB PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    kind       TEXT NOT NULL,
    person_id  TEXT NOT NULL,
    email      TEXT,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;
CREATE INDEX links_expires_at ON links (expires_at);
CREATE INDEX links_person ON links (person_id);

-- Not null: the person has to choose another password at the next sign-in.
ALTER TABLE people ADD COLUMN password_expired_at INTEGER;
CREATE INDEX people_name ON people (name);

-- The log by what happened and by who did it.
CREATE INDEX audit_events_kind ON audit_events (kind, seq);
CREATE INDEX audit_events_actor ON audit_events (actor_id, seq);
