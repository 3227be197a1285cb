-- +goose Up

-- Claims that were asked for one by one (OpenID Connect Core 1.0, section 5.5): with their wishes as JSON, null for none, and of a
-- consent their names, separated by spaces.
ALTER TABLE codes ADD COLUMN claims TEXT;
ALTER TABLE grants ADD COLUMN claims TEXT;
ALTER TABLE consents ADD COLUMN claims TEXT;

DROP VIEW grant_states;
CREATE VIEW grant_states AS
SELECT g.id, g.person_id, g.client_id, g.session_id, g.scope, g.resources, g.auth_time, g.acr, g.amr, g.ip,
       g.user_agent, g.offline_at, g.created_at, g.ends_at, g.revoked_at, g.revoked_reason, g.reuse_class, g.version,
       g.state, g.used_hour, g.bulk_id, g.claims,
       p.name AS person_name, p.email AS person_email, p.email_verified_at AS person_email_verified_at,
       p.disabled_at AS person_disabled_at, p.deleted_at AS person_deleted_at,
       p.grants_revoked_before AS person_grants_revoked_before, p.version AS person_version,
       c.disabled_at AS client_disabled_at, c.restricted_at AS client_restricted_at,
       c.grants_revoked_before AS client_grants_revoked_before, c.version AS client_version,
       t.token_id, t.generation, t.epoch, t.current_hash, t.previous_hash, t.nonce, t.window_key_id, t.window_end, t.rotated_at,
       t.idle_deadline, t.absolute_deadline, t.last_used_at, t.last_ip, t.last_user_agent, t.ring, t.thumbprint,
       t.bound_generation
FROM grants g
LEFT JOIN people p ON p.id = g.person_id
LEFT JOIN clients c ON c.id = g.client_id
LEFT JOIN refresh_tokens t ON t.grant_id = g.id;
