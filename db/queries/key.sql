-- name: Keys :many
SELECT *
FROM keys
ORDER BY created_at, id;

-- name: InsertKey :execrows
-- No row when another process added this number first.
INSERT INTO keys (id, use, algorithm, number, material, sealed_at, created_at, active_at, ends_at)
VALUES (@id, @use, @algorithm, @number, @material, @sealed_at, @created_at, @active_at, @ends_at)
ON CONFLICT DO NOTHING;

-- name: EndKey :execrows
UPDATE keys
SET ends_at = @ends_at
WHERE id = @id;

-- name: DeleteEndedKeys :many
DELETE FROM keys
WHERE ends_at <= @now
RETURNING id, use, algorithm;

-- name: WindowKeys :many
SELECT *
FROM window_keys
ORDER BY id;

-- name: InsertWindowKey :execrows
-- No row when the id does not rise.
INSERT INTO window_keys (id, key, service_time, sealed_at)
SELECT CAST(@id AS bigint), @key, CAST(@service_time AS bigint), CAST(sqlc.narg(sealed_at) AS bigint)
WHERE NOT EXISTS (SELECT 1 FROM window_keys w WHERE w.id >= @id);

-- name: DeleteWindowKeys :execrows
DELETE FROM window_keys
WHERE id <= @up_to;

-- name: CountWindowKeys :one
SELECT COUNT(*)
FROM window_keys;

-- name: CountKeys :one
SELECT COUNT(*)
FROM keys;

-- name: DeleteAllKeys :exec
-- Without a condition, so that every page of the table is emptied, and with it what older rows have left there.
DELETE FROM keys;

-- name: DeleteAllWindowKeys :exec
-- As DeleteAllKeys.
DELETE FROM window_keys;
