-- +goose Up

-- Groups of people. name_key is the name as it is compared, so that no two read alike. claim is the value that stands for the
-- group in the claim groups; null: none.
CREATE TABLE groups (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    name_key    TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    claim       TEXT,
    version     BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);

CREATE TABLE group_members (
    group_id  TEXT NOT NULL REFERENCES groups (id),
    person_id TEXT NOT NULL REFERENCES people (id),
    added_at  BIGINT NOT NULL,
    PRIMARY KEY (group_id, person_id)
);
CREATE INDEX group_members_person ON group_members (person_id, group_id);

-- What stands in the claim groups for everybody with a role.
CREATE TABLE role_claims (
    role  TEXT PRIMARY KEY,
    claim TEXT NOT NULL
);

-- Only members of these groups may use a client that has restricted_at. One that has it and no group is for nobody.
-- on_access_lost says what becomes of the grants of somebody who may not use it any more: suspend or revoke.
ALTER TABLE clients ADD COLUMN restricted_at BIGINT;
ALTER TABLE clients ADD COLUMN on_access_lost TEXT NOT NULL DEFAULT 'suspend';
UPDATE clients SET on_access_lost = 'revoke' WHERE preset = 'strict';

CREATE TABLE client_groups (
    client_id TEXT NOT NULL REFERENCES clients (id),
    group_id  TEXT NOT NULL REFERENCES groups (id),
    PRIMARY KEY (client_id, group_id)
);
CREATE INDEX client_groups_group ON client_groups (group_id);

-- Clients whose grants of people who may not use them any more are to be revoked. What was suspended by one fact follows in
-- batches; see db/access.go.
CREATE TABLE access_losses (
    client_id TEXT PRIMARY KEY,
    lost_at   BIGINT NOT NULL
);

DROP VIEW grant_states;
CREATE VIEW grant_states AS
SELECT g.id, g.person_id, g.client_id, g.session_id, g.scope, g.resources, g.auth_time, g.acr, g.amr, g.ip,
       g.user_agent, g.offline_at, g.created_at, g.ends_at, g.revoked_at, g.revoked_reason, g.reuse_class, g.version,
       g.state, g.used_hour, g.bulk_id,
       p.name AS person_name, p.email AS person_email, p.email_verified_at AS person_email_verified_at,
       p.disabled_at AS person_disabled_at, p.deleted_at AS person_deleted_at,
       p.grants_revoked_before AS person_grants_revoked_before, p.version AS person_version,
       c.disabled_at AS client_disabled_at, c.restricted_at AS client_restricted_at,
       c.grants_revoked_before AS client_grants_revoked_before, c.version AS client_version,
       t.token_id, t.generation, t.epoch, t.current_hash, t.previous_hash, t.nonce, t.window_key_id, t.window_end, t.rotated_at,
       t.idle_deadline, t.absolute_deadline, t.last_used_at, t.last_ip, t.last_user_agent, t.ring
FROM grants g
LEFT JOIN people p ON p.id = g.person_id
LEFT JOIN clients c ON c.id = g.client_id
LEFT JOIN refresh_tokens t ON t.grant_id = g.id;
