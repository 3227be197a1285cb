-- name: APIs :many
SELECT *
FROM apis
ORDER BY resource;

-- name: API :one
SELECT *
FROM apis
WHERE resource = @resource;

-- name: InsertAPI :execrows
-- No row when the resource is taken.
INSERT INTO apis (resource, name, scope, access_token_format, client_id, created_at, updated_at)
VALUES (@resource, @name, @scope, @access_token_format, @client_id, @created_at, @updated_at)
ON CONFLICT (resource) DO NOTHING;

-- name: UpdateAPI :execrows
UPDATE apis
SET name = @name, scope = @scope, access_token_format = @access_token_format, updated_at = @updated_at
WHERE resource = @resource;

-- name: DeleteAPI :execrows
DELETE FROM apis
WHERE resource = @resource;
