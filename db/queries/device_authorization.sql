-- name: DeviceAuthorization :one
SELECT *
FROM device_authorizations
WHERE hash = @hash;

-- name: DeviceAuthorizationOf :one
SELECT *
FROM device_authorizations
WHERE user_code = @user_code;

-- name: InsertDeviceAuthorization :execrows
-- No row when the user code is taken.
INSERT INTO device_authorizations (hash, user_code, client_id, holder, authenticated_at, scope, resources, ip, user_agent, poll_interval, created_at, expires_at)
VALUES (@hash, @user_code, @client_id, @holder, @authenticated_at, @scope, @resources, @ip, @user_agent, @poll_interval, @created_at, @expires_at)
ON CONFLICT (user_code) DO NOTHING;

-- name: CountDeviceAuthorizationsOf :one
-- Bounded: nobody needs to know how many more there are.
SELECT COUNT(*)
FROM (
    SELECT d.hash
    FROM device_authorizations d
    WHERE d.holder = @holder AND d.expires_at > @now AND d.allowed_at IS NULL AND d.denied_at IS NULL
    LIMIT @lim
) AS waiting;

-- name: SizeDeviceAuthorizations :one
SELECT COUNT(*)
FROM device_authorizations;

-- name: DeleteOldestDeviceAuthorizations :execrows
-- What nobody waits for any more goes first, then those of clients that did not authenticate: anybody can ask for them. What a person
-- has allowed is not theirs.
DELETE FROM device_authorizations
WHERE hash IN (
    SELECT d.hash
    FROM device_authorizations d
    ORDER BY CASE WHEN d.expires_at <= @now THEN 0 WHEN d.authenticated_at IS NULL AND d.allowed_at IS NULL THEN 1 ELSE 2 END, d.expires_at
    LIMIT @lim);

-- name: NotePoll :execrows
-- A poll in time.
UPDATE device_authorizations
SET polled_at = @at
WHERE hash = @hash AND allowed_at IS NULL AND denied_at IS NULL
  AND (polled_at IS NULL OR polled_at + poll_interval <= CAST(@at_and_tolerance AS bigint));

-- name: NoteEarlyPoll :execrows
-- For any other poll the interval grows, for good.
UPDATE device_authorizations
SET polled_at = @at, poll_interval = poll_interval + CAST(@more AS bigint)
WHERE hash = @hash AND allowed_at IS NULL AND denied_at IS NULL;

-- name: AllowDevice :execrows
-- One row for the one decision, and none when it comes too late.
UPDATE device_authorizations
SET allowed_at = @at
WHERE hash = @hash AND allowed_at IS NULL AND denied_at IS NULL AND expires_at > CAST(@at AS bigint);

-- name: DenyDevice :execrows
-- One row for the one decision.
UPDATE device_authorizations
SET denied_at = @at
WHERE hash = @hash AND allowed_at IS NULL AND denied_at IS NULL;

-- name: SweepDeviceAuthorizations :execrows
DELETE FROM device_authorizations
WHERE hash IN (
    SELECT d.hash
    FROM device_authorizations d
    WHERE d.expires_at <= @before
    ORDER BY d.expires_at
    LIMIT @lim);

-- name: DeleteEveryDeviceAuthorization :execrows
DELETE FROM device_authorizations;
