-- name: SetEpoch :exec
UPDATE server
SET epoch = @epoch
WHERE id = 1;

-- name: RevokeEveryGrant :execrows
UPDATE grants
SET revoked_at = @at, state = 'revoked', revoked_reason = 'restore', version = version + 1
WHERE revoked_at IS NULL;

-- name: CountGrantsNotRevoked :one
SELECT COUNT(*)
FROM grants
WHERE revoked_at IS NULL;

-- name: PutOffIdleDeadlines :execrows
-- One that was over when the state was that of the database is still over.
UPDATE refresh_tokens
SET idle_deadline = idle_deadline + @age
WHERE EXISTS (SELECT 1 FROM grants g WHERE g.id = refresh_tokens.grant_id AND g.state = 'open');

-- name: DeleteEveryCode :execrows
DELETE FROM codes;

-- name: DeleteEveryAuthorizationRequest :execrows
DELETE FROM authorization_requests;

-- name: DeleteEverySession :execrows
DELETE FROM sessions;

-- name: DeleteEverySignIn :execrows
DELETE FROM sign_ins;

-- name: DeleteEveryLink :execrows
DELETE FROM links;

-- name: DeleteEveryMail :execrows
DELETE FROM mails;

-- name: DeleteEveryWindowKey :execrows
DELETE FROM window_keys;
