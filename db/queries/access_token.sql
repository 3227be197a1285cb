-- name: InsertRevokedAccessToken :execrows
-- No row when it was revoked before.
INSERT INTO revoked_access_tokens (jti, expires_at)
VALUES (@jti, @expires_at)
ON CONFLICT (jti) DO NOTHING;

-- name: AccessTokenRevoked :one
SELECT COUNT(*)
FROM revoked_access_tokens
WHERE jti = @jti;

-- name: SweepRevokedAccessTokens :execrows
DELETE FROM revoked_access_tokens
WHERE jti IN (
    SELECT r.jti
    FROM revoked_access_tokens r
    WHERE r.expires_at <= @now
    ORDER BY r.expires_at
    LIMIT @lim);
