-- name: SessionByToken :one
-- Only one that is alive, of a person who is.
SELECT s.*
FROM sessions s
JOIN people p ON p.id = s.person_id
WHERE s.token_hash = @token_hash AND s.ended_at IS NULL AND s.idle_at > @now
  AND p.disabled_at IS NULL AND p.deleted_at IS NULL;

-- name: SessionByID :one
SELECT *
FROM sessions
WHERE id = @id;

-- name: SessionsOfPerson :many
SELECT *
FROM sessions
WHERE person_id = @person_id AND ended_at IS NULL AND token_hash IS NOT NULL AND idle_at > @now
ORDER BY last_seen_at DESC, id;

-- name: InsertSession :exec
INSERT INTO sessions (id, token_hash, person_id, auth_time, amr, acr, ip, user_agent, created_at, last_seen_at, idle_at, expires_at, data, stay_at)
VALUES (@id, @token_hash, @person_id, @auth_time, @amr, @acr, @ip, @user_agent, @created_at, @last_seen_at, @idle_at, @expires_at, @data, @stay_at);

-- name: UpdateSession :execrows
UPDATE sessions
SET token_hash = @token_hash, auth_time = @auth_time, amr = @amr, acr = @acr, last_seen_at = @last_seen_at,
    idle_at = @idle_at, expires_at = @expires_at, data = @data, stay_at = @stay_at
WHERE id = @id AND person_id = @person_id AND ended_at IS NULL;

-- name: DetachSessionToken :exec
UPDATE sessions
SET token_hash = NULL
WHERE token_hash = @token_hash;

-- name: TouchSession :execrows
-- Nothing when somebody touched it since @not_since, or it is over.
UPDATE sessions
SET last_seen_at = @now, idle_at = @idle_at
WHERE id = @id AND ended_at IS NULL AND last_seen_at <= @not_since AND idle_at > @now;

-- name: MarkSessionEnded :execrows
UPDATE sessions
SET ended_at = @now, token_hash = NULL, idle_at = @idle_at
WHERE id = @id AND ended_at IS NULL;

-- name: MarkSessionsEnded :execrows
-- All of one person but @keep, which is empty to end every one.
UPDATE sessions
SET ended_at = @now, token_hash = NULL, idle_at = @idle_at
WHERE person_id = @person_id AND id <> @keep AND ended_at IS NULL;

-- name: RevokeGrantsOfSession :many
-- Signing out ends what was not meant to outlive the session (OpenID Connect Back-Channel Logout §2.7).
UPDATE grants
SET revoked_at = @now, state = 'revoked', revoked_reason = 'logout', version = version + 1
WHERE session_id = @session_id AND offline_at IS NULL AND revoked_at IS NULL
RETURNING *;

-- name: RevokeGrantsOfOtherSessions :many
UPDATE grants
SET revoked_at = @now, state = 'revoked', revoked_reason = 'logout', version = version + 1
WHERE person_id = @person_id AND session_id <> @keep AND offline_at IS NULL AND revoked_at IS NULL
RETURNING *;

-- name: RevokeGrantsElsewhere :many
-- After a change of a factor: everything but what hangs on the session in which it was changed.
UPDATE grants
SET revoked_at = @now, state = 'revoked', revoked_reason = @reason, version = version + 1
WHERE person_id = @person_id AND session_id <> @keep AND revoked_at IS NULL
RETURNING *;

-- name: DeleteOpenCodesOfSession :exec
DELETE FROM codes
WHERE session_id = @session_id AND spent_at IS NULL;

-- name: DeleteOpenCodesOfOtherSessions :exec
DELETE FROM codes
WHERE person_id = @person_id AND session_id <> @keep AND spent_at IS NULL;

-- name: SweepSessions :execrows
-- idle_at is never after expires_at. No grant ends here: expiry is not signing out.
DELETE FROM sessions
WHERE id IN (
    SELECT s.id
    FROM sessions s
    WHERE s.idle_at < @now
    LIMIT @lim);
