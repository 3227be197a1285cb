-- name: PeopleAfter :many
-- A page of people in the order of their addresses. A search reads on until the page is full.
SELECT *
FROM people
WHERE deleted_at IS NULL AND email > @after_email
  AND (CAST(sqlc.narg(role) AS text) IS NULL OR role = sqlc.narg(role))
  AND (CAST(sqlc.narg(disabled) AS text) IS NULL OR (sqlc.narg(disabled) = 'yes' AND disabled_at IS NOT NULL) OR (sqlc.narg(disabled) = 'no' AND disabled_at IS NULL))
  AND (CAST(sqlc.narg(spelled) AS text) IS NULL OR name LIKE sqlc.narg(spelled) ESCAPE '!' OR LOWER(name) LIKE CAST(sqlc.narg(lowered) AS text) ESCAPE '!' OR email LIKE CAST(sqlc.narg(lowered) AS text) ESCAPE '!')
ORDER BY email
LIMIT @lim;

-- name: PeopleBefore :many
-- The page before an address, its last first.
SELECT *
FROM people
WHERE deleted_at IS NULL AND email < @before_email
  AND (CAST(sqlc.narg(role) AS text) IS NULL OR role = sqlc.narg(role))
  AND (CAST(sqlc.narg(disabled) AS text) IS NULL OR (sqlc.narg(disabled) = 'yes' AND disabled_at IS NOT NULL) OR (sqlc.narg(disabled) = 'no' AND disabled_at IS NULL))
  AND (CAST(sqlc.narg(spelled) AS text) IS NULL OR name LIKE sqlc.narg(spelled) ESCAPE '!' OR LOWER(name) LIKE CAST(sqlc.narg(lowered) AS text) ESCAPE '!' OR email LIKE CAST(sqlc.narg(lowered) AS text) ESCAPE '!')
ORDER BY email DESC
LIMIT @lim;

-- name: LastSignIn :one
-- Among the last events of a person, so that a long life costs no more than a short one; 0 for none.
SELECT CAST(COALESCE(MAX(latest.at), 0) AS bigint)
FROM (
    SELECT e.at AS at, e.kind AS kind
    FROM audit_events e
    WHERE e.person_id = @person_id
    ORDER BY e.seq DESC
    LIMIT 200
) AS latest
WHERE latest.kind = 'sign_in.succeeded';

-- name: CountLivingGrantsOfPerson :one
-- Counts no further than @lim.
SELECT COUNT(*)
FROM (
    SELECT g.id
    FROM grants g
    WHERE g.person_id = @person_id AND g.revoked_at IS NULL AND g.created_at > @after AND g.ends_at > @now
    LIMIT @lim
) AS living;
