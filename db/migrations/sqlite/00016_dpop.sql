-- +goose Up

-- Sender-constrained tokens (RFC 9449). dpop_key is the thumbprint of the only key that may redeem a code; null: any.
ALTER TABLE clients ADD COLUMN dpop_required_at INTEGER;
ALTER TABLE codes ADD COLUMN dpop_key TEXT;
-- The first generation that the thumbprint binds; what came before was issued to whoever bore it.
ALTER TABLE refresh_tokens ADD COLUMN bound_generation INTEGER;

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
       t.idle_deadline, t.absolute_deadline, t.last_used_at, t.last_ip, t.last_user_agent, t.ring, t.thumbprint,
       t.bound_generation
FROM grants g
LEFT JOIN people p ON p.id = g.person_id
LEFT JOIN clients c ON c.id = g.client_id
LEFT JOIN refresh_tokens t ON t.grant_id = g.id;
