-- name: AuthorizationRequest :one
SELECT *
FROM authorization_requests
WHERE id = @id;

-- name: InsertAuthorizationRequest :execrows
INSERT INTO authorization_requests (id, browser_hash, client_id, address, parameters, created_at, expires_at)
VALUES (@id, @browser_hash, @client_id, @address, @parameters, @created_at, @expires_at)
ON CONFLICT (id) DO NOTHING;

-- name: SizeAuthorizationRequests :one
SELECT COUNT(*) AS requests, CAST(COALESCE(SUM(LENGTH(parameters)), 0) AS BIGINT) AS bytes
FROM authorization_requests;

-- name: DeleteOldestAuthorizationRequests :execrows
DELETE FROM authorization_requests
WHERE id IN (
    SELECT r.id
    FROM authorization_requests r
    ORDER BY r.expires_at
    LIMIT @lim);

-- name: DeleteAuthorizationRequest :execrows
-- One row for the one caller that ends it.
DELETE FROM authorization_requests
WHERE id = @id;

-- name: SweepAuthorizationRequests :execrows
DELETE FROM authorization_requests
WHERE id IN (
    SELECT r.id
    FROM authorization_requests r
    WHERE r.expires_at <= @now
    ORDER BY r.expires_at
    LIMIT @lim);

-- name: ChangeAuthorizationRequest :execrows
-- No row when it has ended: a request that was answered does not come back.
UPDATE authorization_requests
SET parameters = @parameters
WHERE id = @id AND browser_hash = @browser_hash;

-- name: DeleteExcessAuthorizationRequests :execrows
-- The oldest of one address beyond what it may have, so that nobody pushes out the others'.
DELETE FROM authorization_requests
WHERE id IN (
    SELECT r.id
    FROM authorization_requests r
    WHERE r.address = @address
    ORDER BY r.created_at DESC
    LIMIT 100 OFFSET @keep);
