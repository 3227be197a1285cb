-- name: Owner :one
SELECT *
FROM people
WHERE id = @id AND deleted_at IS NULL;

-- name: GrantState :one
-- One statement, so one snapshot.
SELECT *
FROM grant_states
WHERE id = @id;

-- name: GrantStates :many
SELECT *
FROM grant_states
ORDER BY created_at DESC, id DESC
LIMIT @lim;

-- name: GrantStatesOfPerson :many
-- Of one client too, if it is named.
SELECT *
FROM grant_states
WHERE person_id = @person_id
  AND (CAST(sqlc.narg(client_id) AS text) IS NULL OR client_id = sqlc.narg(client_id))
ORDER BY created_at DESC, id DESC
LIMIT @lim;

-- name: AppsOfPerson :many
-- Those at which the person may still have an open grant; whether one is alive, the grants themselves say.
SELECT DISTINCT client_id
FROM grants
WHERE person_id = @person_id AND state = 'open'
ORDER BY client_id
LIMIT @lim;

-- name: GrantStatesOfClient :many
SELECT *
FROM grant_states
WHERE client_id = @client_id
ORDER BY created_at DESC, id DESC
LIMIT @lim;

-- name: GrantFloor :one
-- What a new grant must be younger than in order to be alive.
SELECT CAST(COALESCE(p.grants_revoked_before, 0) AS bigint) AS person, CAST(COALESCE(c.grants_revoked_before, 0) AS bigint) AS client
FROM people p, clients c
WHERE p.id = @person_id AND c.id = @client_id;

-- name: InsertGrant :exec
INSERT INTO grants (id, person_id, client_id, session_id, scope, resources, auth_time, acr, amr, ip, user_agent,
    offline_at, created_at, ends_at, version, state, used_hour, claims)
VALUES (@id, @person_id, @client_id, @session_id, @scope, @resources, @auth_time, @acr, @amr, @ip, @user_agent,
    @offline_at, @created_at, @ends_at, 1, 'open', @used_hour, sqlc.narg(claims));

-- name: GrantsToEvict :many
-- The living grants of a pair beyond the @keep that were used last, except @new_id.
SELECT g.id
FROM grants g
LEFT JOIN refresh_tokens t ON t.grant_id = g.id
WHERE g.person_id = @person_id AND g.client_id = @client_id AND g.id <> @new_id
  AND g.revoked_at IS NULL AND g.created_at > @floor AND g.ends_at > @now
  AND (t.idle_deadline IS NULL OR t.idle_deadline > @now)
ORDER BY COALESCE(t.last_used_at, g.created_at) DESC, g.created_at DESC, g.id
LIMIT @lim OFFSET @keep;

-- name: EvictGrant :many
UPDATE grants
SET revoked_at = @at, state = 'revoked', revoked_reason = 'evicted', version = version + 1
WHERE id = @id AND revoked_at IS NULL
RETURNING *;

-- name: RevokeGrant :many
-- One row for the one caller that ends it. What a grants_revoked_before covers, or a deleted person or client had, has ended
-- already, and keeps its first reason.
UPDATE grants
SET revoked_at = @at, state = 'revoked', revoked_reason = @reason, version = version + 1
WHERE grants.id = @id AND grants.revoked_at IS NULL
  AND EXISTS (
      SELECT 1
      FROM people p, clients c
      WHERE p.id = grants.person_id AND c.id = grants.client_id AND p.deleted_at IS NULL
        AND (p.grants_revoked_before IS NULL OR p.grants_revoked_before < grants.created_at)
        AND (c.grants_revoked_before IS NULL OR c.grants_revoked_before < grants.created_at))
RETURNING *;

-- name: RevokeGrantsOfPair :many
UPDATE grants
SET revoked_at = @at, state = 'revoked', revoked_reason = @reason, version = version + 1
WHERE grants.person_id = @person_id AND grants.client_id = @client_id AND grants.revoked_at IS NULL
  AND EXISTS (
      SELECT 1
      FROM people p, clients c
      WHERE p.id = grants.person_id AND c.id = grants.client_id AND p.deleted_at IS NULL
        AND (p.grants_revoked_before IS NULL OR p.grants_revoked_before < grants.created_at)
        AND (c.grants_revoked_before IS NULL OR c.grants_revoked_before < grants.created_at))
RETURNING *;

-- name: RevokePersonBefore :execrows
-- As RevokeClientBefore.
UPDATE people
SET grants_revoked_before = @before, version = version + 1
WHERE id = @id AND (grants_revoked_before IS NULL OR grants_revoked_before < @before);

-- name: LastOfPerson :one
-- As LastOfClient.
SELECT CAST(COALESCE(MAX(last.at), 0) AS bigint)
FROM (
    SELECT MAX(g.created_at) AS at FROM grants g WHERE g.person_id = @person_id
    UNION ALL
    SELECT MAX(k.created_at) AS at FROM codes k WHERE k.person_id = @person_id
) AS last;

-- name: CountOpenGrantsOfPerson :one
SELECT COUNT(*)
FROM (
    SELECT g.id
    FROM grants g
    WHERE g.person_id = @person_id AND g.revoked_at IS NULL AND g.created_at > @after
    LIMIT @lim
) AS open;

-- name: InsertRevocation :exec
INSERT INTO revocations (person_id, client_id, covers, reason, revoked_at)
VALUES (@person_id, @client_id, @covers, @reason, @revoked_at);

-- name: NextRevocation :one
SELECT *
FROM revocations
ORDER BY id
LIMIT 1;

-- name: DeleteRevocation :exec
DELETE FROM revocations
WHERE id = @id;

-- name: FollowRevocationOfPerson :execrows
-- The grants have ended already; this only writes it into a batch of their rows.
UPDATE grants
SET revoked_at = @at, state = 'revoked', revoked_reason = @reason, version = version + 1
WHERE id IN (
    SELECT g.id
    FROM grants g
    WHERE g.person_id = @person_id AND g.revoked_at IS NULL AND g.created_at <= @covers
    LIMIT @lim);

-- name: FollowRevocationOfClient :execrows
UPDATE grants
SET revoked_at = @at, state = 'revoked', revoked_reason = @reason, version = version + 1
WHERE id IN (
    SELECT g.id
    FROM grants g
    WHERE g.client_id = @client_id AND g.revoked_at IS NULL AND g.created_at <= @covers
    LIMIT @lim);

-- name: RevokedTombstones :many
SELECT id
FROM grants
WHERE revoked_at IS NOT NULL AND revoked_at <= @before
ORDER BY revoked_at
LIMIT @lim;

-- name: ExpiredTombstones :many
SELECT id
FROM grants
WHERE ends_at <= @before AND revoked_at IS NULL
ORDER BY ends_at
LIMIT @lim;

-- name: DeleteGrant :execrows
DELETE FROM grants
WHERE id = @id;
