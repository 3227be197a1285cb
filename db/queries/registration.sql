-- name: UseInitialToken :execrows
-- One row for each use that is left. Of any number of callers no more get one.
UPDATE initial_access_tokens
SET used = used + 1
WHERE hash = @hash AND used < uses AND expires_at > @now;

-- name: InitialTokenByHash :one
SELECT *
FROM initial_access_tokens
WHERE hash = @hash;

-- name: InitialTokens :many
SELECT *
FROM initial_access_tokens
ORDER BY created_at DESC, id
LIMIT @lim;

-- name: SizeInitialTokens :one
SELECT COUNT(*)
FROM initial_access_tokens;

-- name: InsertInitialToken :exec
INSERT INTO initial_access_tokens (id, hash, name, hint, uses, used, created_by, created_at, expires_at)
VALUES (@id, @hash, @name, @hint, @uses, @used, @created_by, @created_at, @expires_at);

-- name: DeleteInitialToken :execrows
DELETE FROM initial_access_tokens
WHERE id = @id;

-- name: SweepInitialTokens :execrows
DELETE FROM initial_access_tokens
WHERE id IN (
    SELECT i.id
    FROM initial_access_tokens i
    WHERE i.expires_at <= @before
    ORDER BY i.expires_at
    LIMIT @lim);

-- name: InsertRegistration :exec
INSERT INTO client_registrations (client_id, holder, at)
VALUES (@client_id, @holder, @at);

-- name: CountRegistrationsOf :one
-- Bounded: nobody needs to know how many more there are.
SELECT COUNT(*)
FROM (
    SELECT n.client_id
    FROM client_registrations n
    WHERE n.holder = @holder AND n.at > @after
    LIMIT @lim
) AS lately;

-- name: SweepRegistrations :execrows
DELETE FROM client_registrations
WHERE client_id IN (
    SELECT n.client_id
    FROM client_registrations n
    WHERE n.at <= @before
    ORDER BY n.at
    LIMIT @lim);

-- name: CountClientsOfSource :one
SELECT COUNT(*)
FROM (
    SELECT c.id
    FROM clients c
    WHERE c.source = @source
    LIMIT @lim
) AS counted;

-- name: ClientsNotSeen :many
-- Those that may have to go, the longest unseen first. What an admin has forbidden stays where it would come back by itself.
SELECT id, name, seen_at
FROM clients
WHERE source = @source AND seen_at <= @before AND (source <> 'document' OR disabled_at IS NULL AND restricted_at IS NULL)
ORDER BY seen_at
LIMIT @lim;

-- name: SeeClient :exec
-- Use is no change of a registration, so the version stays. Only of clients that go for want of use.
UPDATE clients
SET seen_at = @at
WHERE id = @id AND seen_at < @at;

-- name: NoteDocument :exec
-- A reading is no change of a registration, so the version stays.
UPDATE clients
SET read_at = @read_at, fresh_until = @fresh_until
WHERE id = @id AND source = 'document';
