-- name: Setting :one
SELECT value
FROM settings
WHERE name = @name;

-- name: PutSetting :exec
-- Creates or replaces: the last writer wins.
INSERT INTO settings (name, value)
VALUES (@name, @value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: DeleteSetting :exec
DELETE FROM settings
WHERE name = @name;
