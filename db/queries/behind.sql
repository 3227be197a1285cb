-- name: AddGrantDay :exec
-- Nothing for a grant that is not there any more.
INSERT INTO grant_days (grant_id, day, rotations, replays, refusals)
SELECT g.id, CAST(@day AS bigint), CAST(@rotations AS bigint), CAST(@replays AS bigint), CAST(@refusals AS bigint)
FROM grants g
WHERE g.id = @grant_id
ON CONFLICT (grant_id, day) DO UPDATE
SET rotations = grant_days.rotations + excluded.rotations, replays = grant_days.replays + excluded.replays,
    refusals = grant_days.refusals + excluded.refusals;

-- name: RaiseUsedHour :exec
-- The hour of the last use, for lists. It rises once an hour at most, since two indexes hold it. A grant that was used is not
-- expired, whatever was written of it while that use was on its way.
UPDATE grants
SET used_hour = (SELECT t.last_used_at / 3600000000 FROM refresh_tokens t WHERE t.grant_id = grants.id),
    state = CASE WHEN grants.state = 'expired' THEN 'open' ELSE grants.state END
WHERE grants.id = @id
  AND grants.used_hour < (SELECT t.last_used_at / 3600000000 FROM refresh_tokens t WHERE t.grant_id = grants.id);

-- name: InsertMoment :execrows
-- No row for a grant that is not there any more.
INSERT INTO grant_moments (grant_id, at, kind, generation, ip, user_agent, detail, request_id)
SELECT g.id, CAST(@at AS bigint), @kind, CAST(@generation AS bigint), @ip, @user_agent, @detail, @request_id
FROM grants g
WHERE g.id = @grant_id;

-- name: Moments :many
-- Newest first.
SELECT *
FROM grant_moments
WHERE grant_id = @grant_id
ORDER BY id DESC
LIMIT @lim;

-- name: TrimMoments :execrows
-- Keeps the last @keep.
DELETE FROM grant_moments
WHERE grant_moments.grant_id = @grant_id
  AND grant_moments.id <= (
      SELECT m.id
      FROM grant_moments m
      WHERE m.grant_id = @grant_id
      ORDER BY m.id DESC
      LIMIT 1 OFFSET @keep);

-- name: DeleteDaysOfGrant :execrows
DELETE FROM grant_days
WHERE grant_id = @grant_id;

-- name: DeleteMomentsOfGrant :execrows
DELETE FROM grant_moments
WHERE grant_id = @grant_id;

-- name: SweepGrantDays :execrows
DELETE FROM grant_days
WHERE (grant_days.grant_id, grant_days.day) IN (
    SELECT d.grant_id, d.day
    FROM grant_days d
    WHERE d.day < @before
    LIMIT @lim);
