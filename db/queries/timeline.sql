-- name: DaysOfGrant :many
-- Oldest first.
SELECT *
FROM grant_days
WHERE grant_id = @grant_id
ORDER BY day;
