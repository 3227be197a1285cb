-- name: AddHour :exec
INSERT INTO hours (hour, rotations, replays, refusals, reuses)
VALUES (@hour, @rotations, @replays, @refusals, @reuses)
ON CONFLICT (hour) DO UPDATE
SET rotations = hours.rotations + excluded.rotations, replays = hours.replays + excluded.replays,
    refusals = hours.refusals + excluded.refusals, reuses = hours.reuses + excluded.reuses;

-- name: AddClientDay :exec
INSERT INTO client_days (client_id, day, rotations, replays, refusals, reuses)
VALUES (@client_id, @day, @rotations, @replays, @refusals, @reuses)
ON CONFLICT (client_id, day) DO UPDATE
SET rotations = client_days.rotations + excluded.rotations, replays = client_days.replays + excluded.replays,
    refusals = client_days.refusals + excluded.refusals, reuses = client_days.reuses + excluded.reuses;

-- name: AddClientHistogram :exec
INSERT INTO client_histograms (client_id, day, kind, bucket, count)
VALUES (@client_id, @day, @kind, @bucket, @count)
ON CONFLICT (client_id, day, kind, bucket) DO UPDATE
SET count = client_histograms.count + excluded.count;

-- name: HoursSince :many
SELECT *
FROM hours
WHERE hour >= @since
ORDER BY hour;

-- name: ClientDaysSince :many
SELECT *
FROM client_days
WHERE client_id = @client_id AND day >= @since
ORDER BY day;

-- name: ClientHistogramsSince :many
SELECT kind, bucket, CAST(SUM(count) AS bigint) AS count
FROM client_histograms
WHERE client_id = @client_id AND day >= @since
GROUP BY kind, bucket;

-- name: CountOpenGrants :one
-- Along an index, and no further than the limit.
SELECT COUNT(*)
FROM (SELECT g.id FROM grants g WHERE g.state = 'open' LIMIT @lim) AS few;

-- name: CountOpenGrantsBefore :one
SELECT COUNT(*)
FROM (SELECT g.id FROM grants g WHERE g.client_id = @client_id AND g.state = 'open' AND g.created_at < @before LIMIT @lim) AS few;

-- name: CountPeople :one
-- Along the index of e-mail addresses, which those who were deleted do not have, and no further than the limit.
SELECT COUNT(*)
FROM (SELECT p.email FROM people p WHERE p.email > '' LIMIT @lim) AS few;

-- name: CountClients :one
-- Those with which APIs introspect are not counted.
SELECT COUNT(*)
FROM clients c
WHERE NOT EXISTS (SELECT 1 FROM apis a WHERE a.client_id = c.id);

-- name: OpenBulkRevocations :many
-- Oldest first.
SELECT id, revoked, created_at
FROM bulk_revocations
WHERE finished_at IS NULL
ORDER BY created_at
LIMIT @lim;

-- name: SweepHours :execrows
DELETE FROM hours
WHERE hours.hour IN (SELECT h.hour FROM hours h WHERE h.hour < @before LIMIT @lim);

-- name: SweepClientDays :execrows
DELETE FROM client_days
WHERE (client_days.client_id, client_days.day) IN (
    SELECT d.client_id, d.day
    FROM client_days d
    WHERE d.day < @before
    LIMIT @lim);

-- name: SweepClientHistograms :execrows
DELETE FROM client_histograms
WHERE (client_histograms.client_id, client_histograms.day, client_histograms.kind, client_histograms.bucket) IN (
    SELECT h.client_id, h.day, h.kind, h.bucket
    FROM client_histograms h
    WHERE h.day < @before
    LIMIT @lim);

-- name: CountSessions :one
-- Those that are neither over nor ended; along the index of their ends, and no further than the limit.
SELECT COUNT(*)
FROM (SELECT s.id FROM sessions s WHERE s.idle_at > @now AND s.ended_at IS NULL LIMIT @lim) AS few;
