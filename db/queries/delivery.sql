-- name: LogoutTargetsOfSession :many
-- Every client that the session has signed the person in to and that wants to be told.
SELECT DISTINCT g.client_id, g.session_id, c.backchannel_logout_uri, c.logout_session_required_at
FROM grants g
JOIN clients c ON c.id = g.client_id
WHERE g.session_id = @session_id AND c.backchannel_logout_uri IS NOT NULL
ORDER BY g.client_id;

-- name: LogoutTargetsOfPerson :many
-- The same for every session of a person but @keep that has not ended, and for what is left of others.
SELECT DISTINCT g.client_id, g.session_id, c.backchannel_logout_uri, c.logout_session_required_at
FROM grants g
JOIN clients c ON c.id = g.client_id
LEFT JOIN sessions s ON s.id = g.session_id AND s.ended_at IS NULL
WHERE g.person_id = @person_id AND g.session_id <> @keep AND c.backchannel_logout_uri IS NOT NULL AND (g.state = 'open' OR s.id IS NOT NULL)
ORDER BY g.client_id, g.session_id;

-- name: InsertDelivery :exec
INSERT INTO deliveries (id, kind, client_id, person_id, url, body, attempts, next_at, last_error, created_at, expires_at)
VALUES (@id, @kind, @client_id, @person_id, @url, @body, 0, @next_at, '', @created_at, @expires_at);

-- name: CountDeliveriesOfClient :one
-- Bounded: nobody needs to know how many more there are.
SELECT COUNT(*)
FROM (
    SELECT d.id
    FROM deliveries d
    WHERE d.client_id = @client_id
    LIMIT @lim
) AS few;

-- name: DueAddresses :many
-- Walks from one address to the next along the index, and looks at the first delivery of each: however many wait for one.
WITH RECURSIVE addresses (url) AS (
    SELECT MIN(d.url)
    FROM deliveries d
    WHERE d.dead_at IS NULL
    UNION ALL
    SELECT (
        SELECT MIN(d.url)
        FROM deliveries d
        WHERE d.dead_at IS NULL AND d.url > a.url)
    FROM addresses a
    WHERE a.url IS NOT NULL
)
SELECT CAST(first.url AS text) AS url
FROM (
    SELECT a.url, (
        SELECT MIN(d.next_at)
        FROM deliveries d
        WHERE d.dead_at IS NULL AND d.url = a.url) AS next_at
    FROM addresses a
    WHERE a.url IS NOT NULL
) AS first
WHERE first.next_at <= CAST(@now AS bigint)
ORDER BY first.next_at, first.url
LIMIT @lim;

-- name: NextDelivery :one
SELECT *
FROM deliveries
WHERE url = @url AND dead_at IS NULL AND next_at <= @now
ORDER BY next_at, id
LIMIT 1;

-- name: ClaimDelivery :execrows
-- One row for the first who has seen so many attempts.
UPDATE deliveries
SET attempts = attempts + 1, next_at = @next_at
WHERE id = @id AND attempts = @seen AND dead_at IS NULL;

-- name: DeleteDelivery :exec
DELETE FROM deliveries
WHERE id = @id;

-- name: NoteDeliveryFailure :one
UPDATE deliveries
SET last_error = @last_error
WHERE id = @id
RETURNING *;

-- name: PostponeDeliveries :exec
UPDATE deliveries
SET next_at = @next_at
WHERE url = @url AND dead_at IS NULL AND next_at <= @now;

-- name: KillDelivery :exec
UPDATE deliveries
SET dead_at = @now
WHERE id = @id;

-- name: OverdueDeliveries :many
-- What nobody has delivered in time.
SELECT *
FROM deliveries
WHERE expires_at < @now AND dead_at IS NULL
LIMIT @lim;

-- name: SweepDeliveries :execrows
DELETE FROM deliveries
WHERE id IN (
    SELECT d.id
    FROM deliveries d
    WHERE d.dead_at < @before
    LIMIT @lim);

-- name: TroubledDeliveries :many
-- What was tried in vain, the latest first.
SELECT *
FROM deliveries
WHERE client_id = @client_id AND last_error <> ''
ORDER BY created_at DESC, id
LIMIT @lim;

-- name: CountDeadDeliveries :many
-- Of the @most that were given up last.
SELECT given_up.client_id, COUNT(*) AS dead
FROM (
    SELECT d.client_id
    FROM deliveries d
    WHERE d.dead_at IS NOT NULL
    ORDER BY d.dead_at DESC
    LIMIT @most
) AS given_up
GROUP BY given_up.client_id
ORDER BY dead DESC, given_up.client_id
LIMIT @lim;

-- name: RetryDeliveries :execrows
UPDATE deliveries
SET dead_at = NULL, attempts = 0, next_at = @now, expires_at = @expires_at
WHERE client_id = @client_id AND last_error <> '';

-- name: DiscardDeliveries :execrows
DELETE FROM deliveries
WHERE client_id = @client_id AND last_error <> '';

-- name: RedirectDeliveries :exec
-- The client has another address for this kind of news.
UPDATE deliveries
SET url = @url
WHERE client_id = @client_id AND kind = @kind;

-- name: DeleteDeliveriesOfKind :exec
DELETE FROM deliveries
WHERE client_id = @client_id AND kind = @kind;

-- name: DeleteDeliveriesOfClient :exec
DELETE FROM deliveries
WHERE client_id = @client_id;

-- name: DeleteEveryDelivery :execrows
DELETE FROM deliveries;

-- name: TargetOfEnds :one
-- Where a client is told of the end of its grants. No row for one that is not.
SELECT id AS client_id, webhook_url, security_event_url
FROM clients
WHERE id = @id AND (webhook_url IS NOT NULL OR security_event_url IS NOT NULL);

-- name: TargetsOfPersonsEnd :many
-- The same for every client at which a person may have an open grant at @now.
SELECT DISTINCT g.client_id, c.webhook_url, c.security_event_url
FROM grants g
JOIN clients c ON c.id = g.client_id
WHERE g.person_id = @person_id AND g.state = 'open' AND g.ends_at > @now AND (c.webhook_url IS NOT NULL OR c.security_event_url IS NOT NULL)
ORDER BY g.client_id;

-- name: TargetsOfEveryEnd :many
-- The same for all clients, of which there are few.
SELECT id AS client_id, webhook_url, security_event_url
FROM clients
WHERE webhook_url IS NOT NULL OR security_event_url IS NOT NULL
ORDER BY id;
