-- name: NarrowGrant :execrows
-- One row when the grant is as it was read and nothing has ended it. The version makes a rotation that was decided on the wider
-- scope miss.
UPDATE grants
SET scope = @scope, claims = sqlc.narg(claims), offline_at = sqlc.narg(offline_at), version = version + 1
WHERE grants.id = @id AND grants.version = @version AND grants.revoked_at IS NULL
  AND EXISTS (
      SELECT 1
      FROM people p, clients c
      WHERE p.id = grants.person_id AND c.id = grants.client_id AND p.deleted_at IS NULL AND p.disabled_at IS NULL
        AND (p.grants_revoked_before IS NULL OR p.grants_revoked_before < grants.created_at)
        AND (c.grants_revoked_before IS NULL OR c.grants_revoked_before < grants.created_at));

-- name: ChangeGrantEnd :execrows
-- As NarrowGrant. The refresh token's deadline follows in the same transaction.
UPDATE grants
SET ends_at = @ends_at, version = version + 1
WHERE grants.id = @id AND grants.version = @version AND grants.revoked_at IS NULL
  AND EXISTS (
      SELECT 1
      FROM people p, clients c
      WHERE p.id = grants.person_id AND c.id = grants.client_id AND p.deleted_at IS NULL AND p.disabled_at IS NULL
        AND (p.grants_revoked_before IS NULL OR p.grants_revoked_before < grants.created_at)
        AND (c.grants_revoked_before IS NULL OR c.grants_revoked_before < grants.created_at));

-- name: ChangeAbsoluteDeadline :execrows
UPDATE refresh_tokens
SET absolute_deadline = @absolute_deadline
WHERE grant_id = @grant_id;
