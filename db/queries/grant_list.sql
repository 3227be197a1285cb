-- name: NewestByState :many
-- Walks along one index each, for the pages of grants; db/grant_list.go merges and filters them. A walk begins after a grant, which
-- is given by its id and its key, the time or hour that the walk goes by.
SELECT *
FROM grant_keys
WHERE state = @state AND (created_at, id) < (CAST(@key AS bigint), CAST(@id AS text))
ORDER BY created_at DESC, id DESC
LIMIT @lim;

-- name: OldestByState :many
SELECT *
FROM grant_keys
WHERE state = @state AND (created_at, id) > (CAST(@key AS bigint), CAST(@id AS text))
ORDER BY created_at, id
LIMIT @lim;

-- name: LastUsedByState :many
SELECT *
FROM grant_keys
WHERE state = @state AND (used_hour, id) < (CAST(@key AS bigint), CAST(@id AS text))
ORDER BY used_hour DESC, id DESC
LIMIT @lim;

-- name: LongUnusedByState :many
SELECT *
FROM grant_keys
WHERE state = @state AND (used_hour, id) > (CAST(@key AS bigint), CAST(@id AS text))
ORDER BY used_hour, id
LIMIT @lim;

-- name: NewestByClientState :many
SELECT *
FROM grant_keys
WHERE client_id = @client_id AND state = @state AND (created_at, id) < (CAST(@key AS bigint), CAST(@id AS text))
ORDER BY created_at DESC, id DESC
LIMIT @lim;

-- name: OldestByClientState :many
SELECT *
FROM grant_keys
WHERE client_id = @client_id AND state = @state AND (created_at, id) > (CAST(@key AS bigint), CAST(@id AS text))
ORDER BY created_at, id
LIMIT @lim;

-- name: LastUsedByClientState :many
SELECT *
FROM grant_keys
WHERE client_id = @client_id AND state = @state AND (used_hour, id) < (CAST(@key AS bigint), CAST(@id AS text))
ORDER BY used_hour DESC, id DESC
LIMIT @lim;

-- name: LongUnusedByClientState :many
SELECT *
FROM grant_keys
WHERE client_id = @client_id AND state = @state AND (used_hour, id) > (CAST(@key AS bigint), CAST(@id AS text))
ORDER BY used_hour, id
LIMIT @lim;

-- name: NewestByReuse :many
SELECT *
FROM grant_keys
WHERE reuse_class = @reuse_class AND (created_at, id) < (CAST(@key AS bigint), CAST(@id AS text))
  AND (CAST(sqlc.narg(client_id) AS text) IS NULL OR client_id = sqlc.narg(client_id))
ORDER BY created_at DESC, id DESC
LIMIT @lim;

-- name: OldestByReuse :many
SELECT *
FROM grant_keys
WHERE reuse_class = @reuse_class AND (created_at, id) > (CAST(@key AS bigint), CAST(@id AS text))
  AND (CAST(sqlc.narg(client_id) AS text) IS NULL OR client_id = sqlc.narg(client_id))
ORDER BY created_at, id
LIMIT @lim;

-- name: LastUsedByReuse :many
SELECT *
FROM grant_keys
WHERE reuse_class = @reuse_class AND (used_hour, id) < (CAST(@key AS bigint), CAST(@id AS text))
  AND (CAST(sqlc.narg(client_id) AS text) IS NULL OR client_id = sqlc.narg(client_id))
ORDER BY used_hour DESC, id DESC
LIMIT @lim;

-- name: LongUnusedByReuse :many
SELECT *
FROM grant_keys
WHERE reuse_class = @reuse_class AND (used_hour, id) > (CAST(@key AS bigint), CAST(@id AS text))
  AND (CAST(sqlc.narg(client_id) AS text) IS NULL OR client_id = sqlc.narg(client_id))
ORDER BY used_hour, id
LIMIT @lim;

-- name: NewestByPair :many
SELECT *
FROM grant_keys
WHERE person_id = @person_id AND client_id = @client_id AND (created_at, id) < (CAST(@key AS bigint), CAST(@id AS text))
ORDER BY created_at DESC, id DESC
LIMIT @lim;

-- name: OldestByPair :many
SELECT *
FROM grant_keys
WHERE person_id = @person_id AND client_id = @client_id AND (created_at, id) > (CAST(@key AS bigint), CAST(@id AS text))
ORDER BY created_at, id
LIMIT @lim;

-- name: NewestByAddress :many
SELECT *
FROM grant_keys
WHERE ip = @ip AND (created_at, id) < (CAST(@key AS bigint), CAST(@id AS text))
ORDER BY created_at DESC, id DESC
LIMIT @lim;

-- name: OldestByAddress :many
SELECT *
FROM grant_keys
WHERE ip = @ip AND (created_at, id) > (CAST(@key AS bigint), CAST(@id AS text))
ORDER BY created_at, id
LIMIT @lim;

-- name: LastByBulk :many
SELECT *
FROM grant_keys
WHERE bulk_id = @bulk_id AND id < CAST(@id AS text)
ORDER BY id DESC
LIMIT @lim;

-- name: FirstByBulk :many
SELECT *
FROM grant_keys
WHERE bulk_id = @bulk_id AND id > CAST(@id AS text)
ORDER BY id
LIMIT @lim;

-- name: GrantKey :one
SELECT *
FROM grant_keys
WHERE id = @id;

-- name: ClientsOfPerson :many
-- The clients that a person has grants of, whatever their state.
SELECT DISTINCT g.client_id
FROM grants g
WHERE g.person_id = @person_id
LIMIT @lim;

-- name: CountByState :one
-- The counts read an index alone, and no further than the limit.
SELECT COUNT(*)
FROM (SELECT g.id FROM grants g WHERE g.state = @state AND g.used_hour < CAST(@below AS bigint) LIMIT @lim) AS few;

-- name: CountByClientState :one
SELECT COUNT(*)
FROM (
    SELECT g.id
    FROM grants g
    WHERE g.client_id = @client_id AND g.state = @state AND g.used_hour < CAST(@below AS bigint)
    LIMIT @lim
) AS few;

-- name: CountByReuse :one
SELECT COUNT(*)
FROM (
    SELECT g.id
    FROM grants g
    WHERE g.reuse_class = @reuse_class AND g.used_hour < CAST(@below AS bigint)
      AND (CAST(sqlc.narg(client_id) AS text) IS NULL OR g.client_id = sqlc.narg(client_id))
    LIMIT @lim
) AS few;

-- name: CountByBulk :one
SELECT COUNT(*)
FROM (SELECT g.id FROM grants g WHERE g.bulk_id = @bulk_id LIMIT @lim) AS few;

-- name: PeopleMailed :many
-- People whose address holds what is searched for, among the first @among; reads the index of addresses alone.
SELECT p.id
FROM (SELECT a.email FROM people a WHERE a.email > '' ORDER BY a.email LIMIT @among) AS few
JOIN people p ON p.email = few.email
WHERE few.email LIKE CAST(@pattern AS text) ESCAPE '!'
LIMIT @lim;

-- name: PeopleNamed :many
-- As PeopleMailed, by name.
SELECT p.id
FROM (SELECT a.name FROM people a WHERE a.name > '' ORDER BY a.name LIMIT @among) AS few
JOIN people p ON p.name = few.name
WHERE LOWER(few.name) LIKE CAST(@pattern AS text) ESCAPE '!' OR few.name LIKE CAST(@exact AS text) ESCAPE '!'
LIMIT @lim;

-- name: PeopleAddressed :many
-- People whose address begins with what is searched for.
SELECT p.id
FROM people p
WHERE p.email >= CAST(@from_email AS text) AND p.email < CAST(@to_email AS text)
ORDER BY p.email
LIMIT @lim;

-- name: ClientsSpelled :many
SELECT id
FROM clients
WHERE id = @id OR LOWER(name) LIKE CAST(@pattern AS text) ESCAPE '!' OR name LIKE CAST(@exact AS text) ESCAPE '!'
ORDER BY name
LIMIT @lim;
