-- name: InsertPerson :execrows
-- No row when the e-mail is taken.
INSERT INTO people (id, email, name, role, email_verified_at, password_hash, password_changed_at, version, created_at, updated_at)
VALUES (@id, @email, @name, @role, @email_verified_at, @password_hash, @password_changed_at, 1, @now, @now)
ON CONFLICT (email) DO NOTHING;

-- name: PersonByID :one
SELECT *
FROM people
WHERE id = @id;

-- name: PersonByEmail :one
SELECT *
FROM people
WHERE email = @email;

-- name: PersonAtOrAfterEmail :one
-- The person with that address, or somebody else in their place when nobody has it: the work is the same, and the caller compares the
-- address (WEB-33). Somebody else is the next in the order of addresses, so that they lie as far apart as those who are found.
SELECT *
FROM people
WHERE email = COALESCE(
    (SELECT MIN(k.email) FROM people k WHERE k.email >= @email),
    (SELECT MIN(k.email) FROM people k));

-- name: ListPeople :many
SELECT *
FROM people
WHERE deleted_at IS NULL AND email > @after_email
ORDER BY email
LIMIT @lim;

-- name: CountAdmins :one
SELECT COUNT(*)
FROM people
WHERE role = 'admin' AND deleted_at IS NULL AND disabled_at IS NULL;

-- name: CountAdminsEver :one
-- Those who cannot sign in too.
SELECT COUNT(*)
FROM people
WHERE role = 'admin' AND deleted_at IS NULL;

-- name: PutRole :execrows
-- None when the person has that role.
UPDATE people
SET role = @role, version = version + 1, updated_at = @now
WHERE id = @id AND role <> @role AND deleted_at IS NULL;

-- name: ExpirePassword :execrows
UPDATE people
SET password_expired_at = @now, version = version + 1, updated_at = @updated_at
WHERE id = @id AND deleted_at IS NULL;

-- name: UpdateProfile :execrows
UPDATE people
SET name = @name, email = @email, email_verified_at = @email_verified_at, version = version + 1, updated_at = @now
WHERE id = @id AND version = @version AND deleted_at IS NULL;

-- name: PutPreferences :execrows
UPDATE people
SET name = @name, language = @language, time_zone = @time_zone, version = version + 1, updated_at = @now
WHERE id = @id AND version = @version AND deleted_at IS NULL;

-- name: DisablePerson :execrows
UPDATE people
SET disabled_at = @now, grants_revoked_before = @revoked_before, version = version + 1, updated_at = @now
WHERE id = @id AND disabled_at IS NULL AND deleted_at IS NULL;

-- name: EnablePerson :execrows
UPDATE people
SET disabled_at = NULL, version = version + 1, updated_at = @now
WHERE id = @id AND disabled_at IS NOT NULL AND deleted_at IS NULL;

-- name: DeletePerson :execrows
-- Leaves the id: a subject identifier is never given to somebody else (OpenID Connect Core §2).
UPDATE people
SET email = NULL, name = '', email_verified_at = NULL, password_hash = '', password_changed_at = NULL, language = '',
    time_zone = '', deleted_at = @now, grants_revoked_before = @revoked_before, version = version + 1, updated_at = @now
WHERE id = @id AND deleted_at IS NULL;

-- name: PutPassword :execrows
-- One row when the hash is still the one that the caller has seen.
UPDATE people
SET password_hash = @password_hash, password_changed_at = @now, password_expired_at = NULL, grants_revoked_before = @revoked_before,
    version = version + 1, updated_at = @now
WHERE id = @id AND password_hash = @seen_hash AND deleted_at IS NULL;

-- name: EndSessionsBefore :exec
-- Another value each time, and never lowered. Nobody need notice it but who begins a session, so the version stays.
UPDATE people
SET sessions_ended_before = CASE WHEN sessions_ended_before >= @before THEN sessions_ended_before + 1 ELSE @before END
WHERE id = @id;

-- name: RehashPassword :execrows
-- The same password under other parameters: no change that anybody need notice, so the version stays.
UPDATE people
SET password_hash = @password_hash
WHERE id = @id AND password_hash = @seen_hash;

-- name: DeleteOpenCodesOfPerson :exec
DELETE FROM codes
WHERE person_id = @person_id AND spent_at IS NULL;

-- name: DeviceKnown :one
SELECT COUNT(*)
FROM devices
WHERE person_id = @person_id AND device_hash = @device_hash;

-- name: CountWays :one
-- The browsers that have signed the person in before, and those that are signed in.
SELECT (SELECT COUNT(*) FROM devices d WHERE d.person_id = @person_id)
    + (SELECT COUNT(*) FROM sessions s WHERE s.person_id = @person_id AND s.ended_at IS NULL AND s.idle_at > @now);

-- name: PutDevice :exec
INSERT INTO devices (person_id, device_hash, last_used_at)
VALUES (@person_id, @device_hash, @now)
ON CONFLICT (person_id, device_hash) DO UPDATE SET last_used_at = excluded.last_used_at;

-- name: TrimDevices :exec
-- Keeps the @keep most recently used ones.
DELETE FROM devices
WHERE devices.person_id = @person_id
  AND devices.device_hash IN (
      SELECT d.device_hash
      FROM devices d
      WHERE d.person_id = @person_id
      ORDER BY d.last_used_at DESC, d.device_hash
      LIMIT 1000 OFFSET @keep);

-- name: DeleteDevice :exec
DELETE FROM devices
WHERE person_id = @person_id AND device_hash = @device_hash;

-- name: DeleteDevicesOfPerson :exec
DELETE FROM devices
WHERE person_id = @person_id;

-- name: SweepDevices :execrows
DELETE FROM devices
WHERE (devices.person_id, devices.device_hash) IN (
    SELECT d.person_id, d.device_hash
    FROM devices d
    WHERE d.last_used_at < @before
    LIMIT @lim);
