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

-- name: ReplaceAPI :execrows
-- One row when it is as it was seen.
UPDATE apis
SET name = @name, scope = @scope, access_token_format = @access_token_format, updated_at = @updated_at
WHERE resource = @resource AND updated_at = @seen;

-- name: OpenGrantScopes :many
SELECT scope
FROM grants
WHERE client_id = @client_id AND state = 'open'
ORDER BY created_at DESC
LIMIT @lim;

-- name: DeleteAPI :execrows
DELETE FROM apis
WHERE resource = @resource;
