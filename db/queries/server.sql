-- name: Server :one
SELECT *
FROM server
WHERE id = 1;

-- name: SaveClock :exec
-- Neither ever goes back, whatever order two saves arrive in.
UPDATE server
SET service_time = CASE WHEN service_time < @service_time THEN @service_time ELSE service_time END,
    clock_mark = CASE WHEN clock_mark < @clock_mark THEN @clock_mark ELSE clock_mark END
WHERE id = 1;

-- name: ResetClockMark :exec
UPDATE server
SET clock_mark = @clock_mark
WHERE id = 1;

-- name: SetSeal :exec
UPDATE server
SET seal_check = @seal_check, sealed_at = @sealed_at
WHERE id = 1;

-- name: HoldMasterKey :exec
UPDATE server
SET held_check = @held_check
WHERE id = 1;
