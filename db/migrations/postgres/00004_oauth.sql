-- +goose Up

-- One row: what the server must remember of itself. service_time is in microseconds of service, see app/oauth/clock.go;
-- clock_mark is the highest wall time that the server trusts.
CREATE TABLE server (
    id           BIGINT PRIMARY KEY CHECK (id = 1),
    epoch        BIGINT NOT NULL,
    service_time BIGINT NOT NULL,
    clock_mark   BIGINT NOT NULL
);
INSERT INTO server (id, epoch, service_time, clock_mark) VALUES (1, 0, 0, 0);

CREATE TABLE keys (
    id         TEXT PRIMARY KEY,
    use        TEXT NOT NULL,
    algorithm  TEXT NOT NULL,
    number     BIGINT NOT NULL,
    material   BYTEA NOT NULL,
    sealed_at  BIGINT,
    created_at BIGINT NOT NULL,
    active_at  BIGINT NOT NULL,
    ends_at    BIGINT,
    UNIQUE (use, algorithm, number)
);

CREATE TABLE window_keys (
    id           BIGINT PRIMARY KEY,
    key          BYTEA NOT NULL,
    service_time BIGINT NOT NULL
);

CREATE TABLE clients (
    id                         TEXT PRIMARY KEY,
    name                       TEXT NOT NULL,
    token_endpoint_auth_method TEXT NOT NULL,
    redirect_uris              TEXT NOT NULL,
    grant_types                TEXT NOT NULL,
    scope                      TEXT NOT NULL,
    trusted_at                 BIGINT,
    pkce_waived_at             BIGINT,
    redirect_uri_required_at   BIGINT,
    secret_hash                BYTEA,
    secret_hint                TEXT,
    secret_created_at          BIGINT,
    old_secret_hash            BYTEA,
    old_secret_hint            TEXT,
    old_secret_created_at      BIGINT,
    old_secret_ends_at         BIGINT,
    preset                     TEXT NOT NULL,
    refresh                    TEXT NOT NULL,
    rotation_off_at            BIGINT,
    grace                      BIGINT NOT NULL,
    idle_lifetime              BIGINT NOT NULL,
    absolute_lifetime          BIGINT NOT NULL,
    access_token_lifetime      BIGINT NOT NULL,
    access_token_format        TEXT NOT NULL,
    id_token_alg               TEXT NOT NULL,
    max_grants                 BIGINT NOT NULL,
    refresh_limit              BIGINT NOT NULL,
    scopes_on_refresh          TEXT,
    on_reuse                   TEXT NOT NULL,
    stale_generations          BIGINT NOT NULL,
    disabled_at                BIGINT,
    grants_revoked_before      BIGINT,
    version                    BIGINT NOT NULL,
    created_at                 BIGINT NOT NULL,
    updated_at                 BIGINT NOT NULL
);

CREATE TABLE apis (
    resource            TEXT PRIMARY KEY,
    name                TEXT NOT NULL,
    scope               TEXT NOT NULL,
    access_token_format TEXT,
    client_id           TEXT NOT NULL REFERENCES clients (id),
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL
);
CREATE INDEX apis_client ON apis (client_id);

CREATE TABLE authorization_requests (
    id           TEXT PRIMARY KEY,
    browser_hash BYTEA NOT NULL,
    client_id    TEXT NOT NULL,
    address      TEXT NOT NULL,
    parameters   BYTEA NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX authorization_requests_address ON authorization_requests (address, created_at);
CREATE INDEX authorization_requests_expires_at ON authorization_requests (expires_at);

CREATE TABLE consents (
    person_id  TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    scope      TEXT NOT NULL,
    resources  TEXT NOT NULL,
    given_at   BIGINT NOT NULL,
    PRIMARY KEY (person_id, client_id)
);
CREATE INDEX consents_client ON consents (client_id);

CREATE TABLE codes (
    hash              BYTEA PRIMARY KEY,
    client_id         TEXT NOT NULL,
    person_id         TEXT NOT NULL,
    session_id        TEXT NOT NULL,
    redirect_uri      TEXT NOT NULL,
    scope             TEXT NOT NULL,
    resources         TEXT NOT NULL,
    nonce             TEXT NOT NULL,
    code_challenge    TEXT NOT NULL,
    auth_time         BIGINT NOT NULL,
    acr               TEXT NOT NULL,
    amr               TEXT NOT NULL,
    ip                TEXT NOT NULL,
    user_agent        TEXT NOT NULL,
    created_at        BIGINT NOT NULL,
    expires_at        BIGINT NOT NULL,
    tries             BIGINT NOT NULL,
    spent_at          BIGINT,
    grant_id          TEXT
);
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
    auth_time       BIGINT NOT NULL,
    acr             TEXT NOT NULL,
    amr             TEXT NOT NULL,
    ip              TEXT NOT NULL,
    user_agent      TEXT NOT NULL,
    offline_at      BIGINT,
    created_at      BIGINT NOT NULL,
    ends_at         BIGINT NOT NULL,
    revoked_at      BIGINT,
    revoked_reason  TEXT,
    reuse_class     TEXT,
    version         BIGINT NOT NULL
);
CREATE INDEX grants_person ON grants (person_id, client_id, created_at);
CREATE INDEX grants_client ON grants (client_id, created_at);
CREATE INDEX grants_client_open ON grants (client_id, created_at) WHERE revoked_at IS NULL;
CREATE INDEX grants_created_at ON grants (created_at, id);
CREATE INDEX grants_session ON grants (session_id);
CREATE INDEX grants_ends_at ON grants (ends_at);
CREATE INDEX grants_revoked_at ON grants (revoked_at) WHERE revoked_at IS NOT NULL;

-- One row a grant, updated in place by each rotation. No index holds a column that a rotation changes.
CREATE TABLE refresh_tokens (
    token_id          BYTEA PRIMARY KEY,
    grant_id          TEXT NOT NULL,
    generation        BIGINT NOT NULL,
    epoch             BIGINT NOT NULL,
    current_hash      BYTEA NOT NULL,
    previous_hash     BYTEA,
    nonce             BYTEA,
    window_key_id     BIGINT,
    window_end        BIGINT NOT NULL,
    rotated_at        BIGINT NOT NULL,
    idle_deadline     BIGINT NOT NULL,
    absolute_deadline BIGINT NOT NULL,
    last_used_at      BIGINT NOT NULL,
    last_ip           TEXT NOT NULL,
    last_user_agent   TEXT NOT NULL,
    thumbprint        TEXT,
    ring              BYTEA NOT NULL
);
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
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id  TEXT,
    client_id  TEXT,
    covers     BIGINT NOT NULL,
    reason     TEXT NOT NULL,
    revoked_at BIGINT NOT NULL
);

CREATE TABLE grant_days (
    grant_id  TEXT NOT NULL,
    day       BIGINT NOT NULL,
    rotations BIGINT NOT NULL,
    replays   BIGINT NOT NULL,
    refusals  BIGINT NOT NULL,
    PRIMARY KEY (grant_id, day)
);
CREATE INDEX grant_days_day ON grant_days (day);

CREATE TABLE grant_moments (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    grant_id   TEXT NOT NULL,
    at         BIGINT NOT NULL,
    kind       TEXT NOT NULL,
    generation BIGINT NOT NULL,
    ip         TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    detail     TEXT NOT NULL,
    request_id TEXT NOT NULL
);
CREATE INDEX grant_moments_grant ON grant_moments (grant_id, id);

CREATE TABLE revoked_access_tokens (
    jti        TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX revoked_access_tokens_expires_at ON revoked_access_tokens (expires_at);
