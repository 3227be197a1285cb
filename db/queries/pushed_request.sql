-- name: PushedRequest :one
SELECT *
FROM pushed_requests
WHERE hash = @hash;

-- name: InsertPushedRequest :exec
INSERT INTO pushed_requests (hash, client_id, holder, authenticated_at, parameters, created_at, expires_at, kept_until)
VALUES (@hash, @client_id, @holder, @authenticated_at, @parameters, @created_at, @expires_at, @kept_until);

-- name: CountPushedRequestsOf :one
-- Bounded: nobody needs to know how many more there are.
SELECT COUNT(*)
FROM (
    SELECT r.hash
    FROM pushed_requests r
    WHERE r.holder = @holder AND r.expires_at > @now
    LIMIT @lim
) AS pending;

-- name: SizePushedRequests :one
SELECT COUNT(*) AS requests, CAST(COALESCE(SUM(LENGTH(parameters)), 0) AS BIGINT) AS bytes
FROM pushed_requests;

-- name: DeleteOldestPushedRequests :execrows
-- Those of clients that did not authenticate first: anybody can push for them.
DELETE FROM pushed_requests
WHERE hash IN (
    SELECT r.hash
    FROM pushed_requests r
    ORDER BY CASE WHEN r.authenticated_at IS NULL THEN 0 ELSE 1 END, r.kept_until
    LIMIT @lim);

-- name: BringPushedRequest :execrows
-- No row when it was used before.
UPDATE pushed_requests
SET browser_hash = @browser_hash, kept_until = @kept_until
WHERE hash = @hash AND spent_at IS NULL;

-- name: SpendPushedRequest :execrows
-- One row for the one caller that completes it, from however many tabs.
UPDATE pushed_requests
SET spent_at = @at
WHERE hash = @hash AND spent_at IS NULL;

-- name: SweepPushedRequests :execrows
DELETE FROM pushed_requests
WHERE hash IN (
    SELECT r.hash
    FROM pushed_requests r
    WHERE r.kept_until <= @now
    ORDER BY r.kept_until
    LIMIT @lim);

-- name: DeleteEveryPushedRequest :execrows
DELETE FROM pushed_requests;
