-- name: OpenGrantsOfClient :one
-- Up to @lim of those that no revocation of everything has ended yet, whose rows follow later.
SELECT CAST(COUNT(*) AS bigint)
FROM (
    SELECT g.id
    FROM grants g
    WHERE g.client_id = @client_id AND g.state = 'open'
      AND g.created_at > (SELECT COALESCE(MAX(c.grants_revoked_before), 0) FROM clients c WHERE c.id = @client_id)
    LIMIT @lim
) AS counted;

-- name: ConsentsOfClient :one
SELECT CAST(COUNT(*) AS bigint)
FROM (
    SELECT person_id
    FROM consents
    WHERE client_id = @client_id
    LIMIT @lim
) AS counted;

-- name: LastDayOfClient :one
-- 0 where it was not used.
SELECT CAST(COALESCE(MAX(day), 0) AS bigint)
FROM client_days
WHERE client_id = @client_id AND rotations + replays > 0;
