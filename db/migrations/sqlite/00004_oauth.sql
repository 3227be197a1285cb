-- +goose Up

-- One row: what the server must remember of itself. service_time is in microseconds of service, see app/oauth/clock.go;
-- clock_mark is the highest wall time that the server trusts.
CREATE TABLE server (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    epoch        INTEGER NOT NULL,
    service_time INTEGER NOT NULL,
    clock_mark   INTEGER NOT NULL
) STRICT;
INSERT INTO server (id, epoch, service_time, clock_mark) VALUES (1, 0, 0, 0);

CREATE TABLE keys (
    id         TEXT PRIMARY KEY,
    use        TEXT NOT NULL,
    algorithm  TEXT NOT NULL,
    number     INTEGER NOT NULL,
    material   BLOB NOT NULL,
    sealed_at  INTEGER,
    created_at INTEGER NOT NULL,
    active_at  INTEGER NOT NULL,
    ends_at    INTEGER,
    UNIQUE (use, algorithm, number)
) STRICT;

CREATE TABLE window_keys (
    id           INTEGER PRIMARY KEY,
    key          BLOB NOT NULL,
    service_time INTEGER NOT NULL
) STRICT;

CREATE TABLE clients (
    id                         TEXT PRIMARY KEY,
    name                       TEXT NOT NULL,
    token_endpoint_auth_method TEXT NOT NULL,
    redirect_uris              TEXT NOT NULL,
    grant_types                TEXT NOT NULL,
    scope                      TEXT NOT NULL,
    trusted_at                 INTEGER,
    pkce_waived_at             INTEGER,
    redirect_uri_required_at   INTEGER,
    secret_hash                BLOB,
    secret_hint                TEXT,
    secret_created_at          INTEGER,
    old_secret_hash            BLOB,
    old_secret_hint            TEXT,
    old_secret_created_at      INTEGER,
    old_secret_ends_at         INTEGER,
    preset                     TEXT NOT NULL,
    refresh                    TEXT NOT NULL,
    rotation_off_at            INTEGER,
    grace                      INTEGER NOT NULL,
    idle_lifetime              INTEGER NOT NULL,
    absolute_lifetime          INTEGER NOT NULL,
    access_token_lifetime      INTEGER NOT NULL,
    access_token_format        TEXT NOT NULL,
    id_token_alg               TEXT NOT NULL,
    max_grants                 INTEGER NOT NULL,
    refresh_limit              INTEGER NOT NULL,
    scopes_on_refresh          TEXT,
    on_reuse                   TEXT NOT NULL,
    stale_generations          INTEGER NOT NULL,
    disabled_at                INTEGER,
    grants_revoked_before      INTEGER,
    version                    INTEGER NOT NULL,
    created_at                 INTEGER NOT NULL,
    updated_at                 INTEGER NOT NULL
) STRICT;

CREATE TABLE apis (
    resource            TEXT PRIMARY KEY,
    name                TEXT NOT NULL,
    scope               TEXT NOT NULL,
    access_token_format TEXT,
    client_id           TEXT NOT NULL REFERENCES clients (id),
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL
) STRICT;
CREATE INDEX apis_client ON apis (client_id);

CREATE TABLE authorization_requests (
    id           TEXT PRIMARY KEY,
    browser_hash BLOB NOT NULL,
    client_id    TEXT NOT NULL,
    address      TEXT NOT NULL,
    parameters   BLOB NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX authorization_requests_address ON authorization_requests (address, created_at);
CREATE INDEX authorization_requests_expires_at ON authorization_requests (expires_at);

CREATE TABLE consents (
    person_id  TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    scope      TEXT NOT NULL,
    resources  TEXT NOT NULL,
    given_at   INTEGER NOT NULL,
    PRIMARY KEY (person_id, client_id)
) STRICT;
CREATE INDEX consents_client ON consents (client_id);

CREATE TABLE codes (
    hash              BLOB PRIMARY KEY,
    client_id         TEXT NOT NULL,
    person_id         TEXT NOT NULL,
    session_id        TEXT NOT NULL,
    redirect_uri      TEXT NOT NULL,
    scope             TEXT NOT NULL,
    resources         TEXT NOT NULL,
    nonce             TEXT NOT NULL,
    code_challenge    TEXT NOT NULL,
    auth_time         INTEGER NOT NULL,
    acr               TEXT NOT NULL,
    amr               TEXT NOT NULL,
    ip                TEXT NOT NULL,
    user_agent        TEXT NOT NULL,
    created_at        INTEGER NOT NULL,
    expires_at        INTEGER NOT NULL,
    tries             INTEGER NOT NULL,
    spent_at          INTEGER,
    grant_id          TEXT
) STRICT;
CREATE INDEX codes_person ON codes (person_id, client_id);
CREATE INDEX codes_session ON codes (session_id);
CREATE INDEX codes_client ON codes (client_id, created_at);
CREATE INDEX codes_expires_at ON codes (expires_at);

-- What one person allowed one client at one sign-in on one device. It is alive while revoked_at is null, ends_at is not
-- over and created_at is after the grants_revoked_before of its person and of its client.
CREATE TABLE grants (
    id              TEXT PRIMARY KEY,
    person_id       TEXT NOT NULL,
    client_id       TEXT NOT NULL,
    session_id      TEXT NOT NULL,
    scope           TEXT NOT NULL,
    resources       TEXT NOT NULL,
    auth_time       INTEGER NOT NULL,
    acr             TEXT NOT NULL,
    amr             TEXT NOT NULL,
    ip              TEXT NOT NULL,
    user_agent      TEXT NOT NULL,
    offline_at      INTEGER,
    created_at      INTEGER NOT NULL,
    ends_at         INTEGER NOT NULL,
    revoked_at      INTEGER,
    revoked_reason  TEXT,
    reuse_class     TEXT,
    version         INTEGER NOT NULL
) STRICT;
CREATE INDEX grants_person ON grants (person_id, client_id, created_at);
CREATE INDEX grants_client ON grants (client_id, created_at);
CREATE INDEX grants_client_open ON grants (client_id, created_at) WHERE revoked_at IS NULL;
CREATE INDEX grants_created_at ON grants (created_at, id);
CREATE INDEX grants_session ON grants (session_id);
CREATE INDEX grants_ends_at ON grants (ends_at);
CREATE INDEX grants_revoked_at ON grants (revoked_at) WHERE revoked_at IS NOT NULL;

-- One row a grant, updated in place by each rotation. No index holds a column that a rotation changes.
CREATE TABLE refresh_tokens (
    token_id          BLOB PRIMARY KEY,
    grant_id          TEXT NOT NULL,
    generation        INTEGER NOT NULL,
    epoch             INTEGER NOT NULL,
    current_hash      BLOB NOT NULL,
    previous_hash     BLOB,
    nonce             BLOB,
    window_key_id     INTEGER,
    window_end        INTEGER NOT NULL,
    rotated_at        INTEGER NOT NULL,
    idle_deadline     INTEGER NOT NULL,
    absolute_deadline INTEGER NOT NULL,
    last_used_at      INTEGER NOT NULL,
    last_ip           TEXT NOT NULL,
    last_user_agent   TEXT NOT NULL,
    thumbprint        TEXT,
    ring              BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX refresh_tokens_grant ON refresh_tokens (grant_id);

-- A grant with its refresh token, if it has one, and with all that decides whether it is alive. A person or client that is
-- gone leaves its columns null.
CREATE VIEW grant_states AS
SELECT g.id, g.person_id, g.client_id, g.session_id, g.scope, g.resources, g.auth_time, g.acr, g.amr, g.ip,
       g.user_agent, g.offline_at, g.created_at, g.ends_at, g.revoked_at, g.revoked_reason, g.reuse_class, g.version,
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

-- What a grants_revoked_before has ended and whose rows have not followed yet: the grants of one person or one client that were
-- made at or before covers. See db/revocation.go.
CREATE TABLE revocations (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    person_id  TEXT,
    client_id  TEXT,
    covers     INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    revoked_at INTEGER NOT NULL
) STRICT;

CREATE TABLE grant_days (
    grant_id  TEXT NOT NULL,
    day       INTEGER NOT NULL,
    rotations INTEGER NOT NULL,
    replays   INTEGER NOT NULL,
    refusals  INTEGER NOT NULL,
    PRIMARY KEY (grant_id, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX grant_days_day ON grant_days (day);

CREATE TABLE grant_moments (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    grant_id   TEXT NOT NULL,
    at         INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    generation INTEGER NOT NULL,
    ip         TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    detail     TEXT NOT NULL,
    request_id TEXT NOT NULL
) STRICT;
CREATE INDEX grant_moments_grant ON grant_moments (grant_id, id);

CREATE TABLE revoked_access_tokens (
    jti        TEXT PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_access_tokens_expires_at ON revoked_access_tokens (expires_at);
