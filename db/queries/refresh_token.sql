-- name: RefreshState :one
-- One statement, so one snapshot.
SELECT *
FROM grant_states
WHERE token_id = @token_id;

-- name: InsertRefreshToken :exec
INSERT INTO refresh_tokens (token_id, grant_id, generation, epoch, current_hash, previous_hash, nonce, window_key_id, window_end,
    rotated_at, idle_deadline, absolute_deadline, last_used_at, last_ip, last_user_agent, thumbprint, bound_generation, ring)
VALUES (@token_id, @grant_id, @generation, @epoch, @current_hash, @previous_hash, @nonce, @window_key_id, @window_end,
    @rotated_at, @idle_deadline, @absolute_deadline, @last_used_at, @last_ip, @last_user_agent, @thumbprint, @bound_generation, @ring);

-- name: RotateRefreshToken :execrows
-- The whole rotation is this one statement: a compare-and-swap on generation and epoch, under the condition that grant, person
-- and client are as they were read. Of any number of callers with one generation the first gets the row; the others find
-- another generation and get none. A revocation that commits before it makes it miss; one that commits after it ends
-- what it made.
UPDATE refresh_tokens
SET generation = @next_generation, epoch = @next_epoch, current_hash = @current_hash, previous_hash = @previous_hash, nonce = @nonce,
    window_key_id = @window_key_id, window_end = @window_end, rotated_at = @rotated_at, idle_deadline = @idle_deadline,
    last_used_at = @last_used_at, last_ip = @last_ip, last_user_agent = @last_user_agent, thumbprint = COALESCE(thumbprint, sqlc.narg(thumbprint)),
    bound_generation = COALESCE(bound_generation, sqlc.narg(bound_generation)), ring = @ring
WHERE token_id = @token_id AND generation = @generation AND epoch = @epoch
  AND (thumbprint IS NULL OR sqlc.narg(thumbprint) IS NULL OR thumbprint = sqlc.narg(thumbprint))
  AND EXISTS (
      SELECT 1
      FROM grants g, people p, clients c
      WHERE g.id = refresh_tokens.grant_id AND p.id = g.person_id AND c.id = g.client_id
        AND g.version = @grant_version AND p.version = @person_version AND c.version = @client_version
        AND g.revoked_at IS NULL AND p.disabled_at IS NULL AND p.deleted_at IS NULL
        AND (p.grants_revoked_before IS NULL OR p.grants_revoked_before < g.created_at)
        AND (c.grants_revoked_before IS NULL OR c.grants_revoked_before < g.created_at));

-- name: TouchRefreshToken :execrows
-- The same conditions; the generation stays, so any number of callers may win, unless a backup was restored: then the first of them
-- sets the epoch, and with it the generation and its hash.
UPDATE refresh_tokens
SET generation = @next_generation, epoch = @next_epoch, current_hash = @current_hash, idle_deadline = @idle_deadline, last_used_at = @last_used_at, last_ip = @last_ip, last_user_agent = @last_user_agent, thumbprint = COALESCE(thumbprint, sqlc.narg(thumbprint)),
    bound_generation = COALESCE(bound_generation, sqlc.narg(bound_generation)), ring = @ring
WHERE token_id = @token_id AND generation = @generation AND epoch = @epoch
  AND (thumbprint IS NULL OR sqlc.narg(thumbprint) IS NULL OR thumbprint = sqlc.narg(thumbprint))
  AND EXISTS (
      SELECT 1
      FROM grants g, people p, clients c
      WHERE g.id = refresh_tokens.grant_id AND p.id = g.person_id AND c.id = g.client_id
        AND g.version = @grant_version AND p.version = @person_version AND c.version = @client_version
        AND g.revoked_at IS NULL AND p.disabled_at IS NULL AND p.deleted_at IS NULL
        AND (p.grants_revoked_before IS NULL OR p.grants_revoked_before < g.created_at)
        AND (c.grants_revoked_before IS NULL OR c.grants_revoked_before < g.created_at));

-- name: RevokeReused :many
-- One row when the token is still at the generation that proved two holders, and nothing had ended its grant.
UPDATE grants
SET revoked_at = @at, state = 'revoked', revoked_reason = 'reuse', reuse_class = @reuse_class, version = version + 1
WHERE grants.id = @grant_id AND grants.revoked_at IS NULL
  AND EXISTS (
      SELECT 1
      FROM refresh_tokens t, people p, clients c
      WHERE t.grant_id = grants.id AND t.token_id = @token_id AND t.generation = @generation AND t.epoch = @epoch
        AND p.id = grants.person_id AND c.id = grants.client_id
        AND p.disabled_at IS NULL AND p.deleted_at IS NULL
        AND (p.grants_revoked_before IS NULL OR p.grants_revoked_before < grants.created_at)
        AND (c.grants_revoked_before IS NULL OR c.grants_revoked_before < grants.created_at))
RETURNING *;

-- name: Ring :one
SELECT ring
FROM refresh_tokens
WHERE token_id = @token_id;

-- name: PutRing :exec
UPDATE refresh_tokens
SET ring = @ring
WHERE token_id = @token_id;

-- name: DeleteRefreshTokenOfGrant :execrows
DELETE FROM refresh_tokens
WHERE grant_id = @grant_id;
