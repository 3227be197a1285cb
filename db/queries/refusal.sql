-- name: InsertRefusal :exec
INSERT INTO refusals (request_id, at, endpoint, code, rule, detail, client_id, person_id, grant_id, generation, of_generation, found, ip, user_agent)
VALUES (@request_id, @at, @endpoint, @code, @rule, @detail, @client_id, @person_id, @grant_id, sqlc.narg(generation), sqlc.narg(of_generation), @found, @ip, @user_agent);

-- name: Refusal :one
SELECT *
FROM refusals
WHERE id = @id;

-- name: Refusals :many
-- Newest first, of all clients.
SELECT *
FROM refusals
WHERE id < @before
ORDER BY id DESC
LIMIT @lim;

-- name: RefusalsOfRule :many
SELECT *
FROM refusals
WHERE rule = @rule AND id < @before
  AND (CAST(sqlc.narg(code) AS text) IS NULL OR code = sqlc.narg(code))
ORDER BY id DESC
LIMIT @lim;

-- name: RefusalsOfCode :many
SELECT *
FROM refusals
WHERE code = @code AND id < @before
ORDER BY id DESC
LIMIT @lim;

-- name: RefusalsOfClient :many
SELECT *
FROM refusals
WHERE client_id = @client_id AND id < @before
  AND (CAST(sqlc.narg(rule) AS text) IS NULL OR rule = sqlc.narg(rule))
  AND (CAST(sqlc.narg(code) AS text) IS NULL OR code = sqlc.narg(code))
ORDER BY id DESC
LIMIT @lim;

-- name: RefusalsOfGrant :many
SELECT *
FROM refusals
WHERE grant_id = @grant_id AND id < @before
  AND (CAST(sqlc.narg(rule) AS text) IS NULL OR rule = sqlc.narg(rule))
  AND (CAST(sqlc.narg(code) AS text) IS NULL OR code = sqlc.narg(code))
ORDER BY id DESC
LIMIT @lim;

-- name: RefusalsOfRequest :many
SELECT *
FROM refusals
WHERE request_id = @request_id AND id < @before
ORDER BY id DESC
LIMIT @lim;

-- name: TrimRefusalsOfGrant :execrows
-- Keeps the last @keep.
DELETE FROM refusals
WHERE refusals.grant_id = @grant_id
  AND refusals.id <= (
      SELECT r.id
      FROM refusals r
      WHERE r.grant_id = @grant_id
      ORDER BY r.id DESC
      LIMIT 1 OFFSET @keep);

-- name: TrimRefusalsOfClient :execrows
-- Keeps the last @keep.
DELETE FROM refusals
WHERE refusals.client_id = @client_id
  AND refusals.id <= (
      SELECT r.id
      FROM refusals r
      WHERE r.client_id = @client_id
      ORDER BY r.id DESC
      LIMIT 1 OFFSET @keep);

-- name: OldestRefusalKept :many
-- The time of the @keep-th newest, if there are more: an index is counted along, so it is for a reader.
SELECT at
FROM refusals
ORDER BY at DESC
LIMIT 1 OFFSET @keep;

-- name: SweepRefusals :execrows
DELETE FROM refusals
WHERE id IN (
    SELECT r.id
    FROM refusals r
    WHERE r.at < @before
    ORDER BY r.at
    LIMIT @lim);
