-- name: FailureCounter :one
SELECT failures, failed_at, expires_at
FROM throttle
WHERE counter = @counter;

-- name: InsertFailureCounter :execrows
INSERT INTO throttle (counter, failures, failed_at, expires_at)
VALUES (@counter, @failures, @failed_at, @expires_at)
ON CONFLICT (counter) DO NOTHING;

-- name: SwapFailureCounter :execrows
-- One row when nobody else counted since it was read.
UPDATE throttle
SET failures = @failures, failed_at = @failed_at, expires_at = @expires_at
WHERE counter = @counter AND failures = @seen_failures AND failed_at = @seen_failed_at AND expires_at = @seen_expires_at;

-- name: DeleteFailureCounter :exec
DELETE FROM throttle
WHERE counter = @counter;

-- name: SweepFailureCounters :execrows
DELETE FROM throttle
WHERE counter IN (
    SELECT t.counter
    FROM throttle t
    WHERE t.expires_at < @now
    ORDER BY t.expires_at
    LIMIT @lim);

-- name: CapFailureCounters :execrows
-- Keeps the @keep longest-lived ones: many failures live long, so a flood of single ones pushes out itself.
DELETE FROM throttle
WHERE counter IN (
    SELECT t.counter
    FROM throttle t
    ORDER BY t.expires_at DESC
    LIMIT 10000 OFFSET @keep);
