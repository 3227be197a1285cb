-- name: InsertBulkRevocation :exec
INSERT INTO bulk_revocations (id, query, actor, actor_id, ip, user_agent, request_id, created_at, position, revoked)
VALUES (@id, @query, @actor, @actor_id, @ip, @user_agent, @request_id, @created_at, '', 0);

-- name: BulkRevocation :one
SELECT *
FROM bulk_revocations
WHERE id = @id;

-- name: NextBulkRevocation :one
SELECT *
FROM bulk_revocations
WHERE finished_at IS NULL
ORDER BY created_at
LIMIT 1;

-- name: AdvanceBulkRevocation :execrows
-- A compare-and-swap on the position: of two that follow one revocation, the second finds that the batch is done.
UPDATE bulk_revocations
SET position = @position, revoked = revoked + CAST(@revoked AS bigint), finished_at = @finished_at
WHERE id = @id AND position = @was AND finished_at IS NULL;

-- name: RevokeGrantInBulk :many
-- As RevokeGrant.
UPDATE grants
SET revoked_at = @at, state = 'revoked', revoked_reason = 'admin', bulk_id = @bulk_id, version = version + 1
WHERE grants.id = @id AND grants.revoked_at IS NULL AND grants.created_at <= @covers
  AND EXISTS (
      SELECT 1
      FROM people p, clients c
      WHERE p.id = grants.person_id AND c.id = grants.client_id AND p.deleted_at IS NULL
        AND (p.grants_revoked_before IS NULL OR p.grants_revoked_before < grants.created_at)
        AND (c.grants_revoked_before IS NULL OR c.grants_revoked_before < grants.created_at))
RETURNING *;

-- name: CountBulkByClient :many
-- What one revocation of many has ended, by client; it reads the revocation's own grants alone.
SELECT g.client_id, COUNT(*) AS grants
FROM grants g
WHERE g.bulk_id = @bulk_id
GROUP BY g.client_id
ORDER BY COUNT(*) DESC, g.client_id
LIMIT @lim;

-- name: SweepBulkRevocations :execrows
-- What was chosen may name people, so it goes when the rows of what it ended have gone.
DELETE FROM bulk_revocations
WHERE bulk_revocations.id IN (
    SELECT b.id
    FROM bulk_revocations b
    WHERE b.finished_at IS NOT NULL AND b.finished_at <= @before
    LIMIT @lim);
