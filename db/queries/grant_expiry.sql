-- name: IdleCandidates :many
-- Writes into the grants which of them time has ended, for lists; see db/grant_expiry.go.
-- Open grants of a client that have rested for so long that their idle lifetime may be over, after (@used_hour, @id).
SELECT few.id, few.used_hour, t.idle_deadline
FROM (
    SELECT o.id, o.used_hour
    FROM grants o
    WHERE o.client_id = @client_id AND o.state = 'open' AND o.used_hour <= CAST(@until AS bigint)
      AND (o.used_hour, o.id) > (CAST(@used_hour AS bigint), CAST(@id AS text))
    ORDER BY o.used_hour, o.id
    LIMIT @lim
) AS few
LEFT JOIN refresh_tokens t ON t.grant_id = few.id
ORDER BY few.used_hour, few.id;

-- name: EndedCandidates :many
-- Grants by the end of their absolute lifetime, after (@ends_at, @id).
SELECT g.id, g.ends_at, g.state
FROM grants g
WHERE g.ends_at <= CAST(@now AS bigint) AND (g.ends_at, g.id) > (CAST(@ends_at AS bigint), CAST(@id AS text))
ORDER BY g.ends_at, g.id
LIMIT @lim;

-- name: IdleLifetimes :many
SELECT id, idle_lifetime
FROM clients
ORDER BY id;

-- name: ExpireGrant :execrows
-- Where it is listed; whether it is alive is never read from here. A rotation that came between leaves it open.
UPDATE grants
SET state = 'expired'
WHERE grants.id = @id AND grants.state = 'open'
  AND (grants.ends_at <= @now OR EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.grant_id = grants.id AND t.idle_deadline <= @now));
