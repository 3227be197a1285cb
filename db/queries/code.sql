-- name: Code :one
SELECT *
FROM codes
WHERE hash = @hash;

-- name: InsertCode :execrows
-- One row while client and person are there: what is deleted is not given anything any more.
INSERT INTO codes (hash, client_id, person_id, session_id, redirect_uri, scope, resources, nonce, code_challenge, auth_time,
    acr, amr, ip, user_agent, created_at, expires_at, tries, dpop_key, claims)
SELECT @hash, c.id, p.id, @session_id, @redirect_uri, @scope, @resources, @nonce, @code_challenge,
    CAST(@auth_time AS bigint), @acr, @amr, @ip, @user_agent,
    CAST(@created_at AS bigint), CAST(@expires_at AS bigint), 0, sqlc.narg(dpop_key), sqlc.narg(claims)
FROM clients c, people p
WHERE c.id = @client_id AND p.id = @person_id AND p.deleted_at IS NULL;

-- name: CountCodeTry :execrows
UPDATE codes
SET tries = tries + 1
WHERE hash = @hash;

-- name: SpendCode :execrows
-- One row for the one caller that spends it, and only while person and client are as they were read and have not revoked what
-- the code stands for. A second caller finds spent_at set and gets none.
UPDATE codes
SET spent_at = @at, grant_id = @grant_id
WHERE hash = @hash AND spent_at IS NULL
  AND EXISTS (
      SELECT 1
      FROM people p, clients c
      WHERE p.id = codes.person_id AND c.id = codes.client_id
        AND p.version = @person_version AND c.version = @client_version
        AND p.disabled_at IS NULL AND p.deleted_at IS NULL
        AND (p.grants_revoked_before IS NULL OR p.grants_revoked_before < codes.created_at)
        AND (c.grants_revoked_before IS NULL OR c.grants_revoked_before < codes.created_at));

-- name: DeleteCodesOfPair :execrows
DELETE FROM codes
WHERE person_id = @person_id AND client_id = @client_id;

-- name: DeleteCodesOfClient :exec
DELETE FROM codes
WHERE client_id = @client_id;

-- name: SweepCodes :execrows
DELETE FROM codes
WHERE hash IN (
    SELECT k.hash
    FROM codes k
    WHERE k.expires_at <= @before
    ORDER BY k.expires_at
    LIMIT @lim);
