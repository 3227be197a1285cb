-- name: AuditChain :one
SELECT anchor_seq, anchor_hash, head_seq, head_hash
FROM audit_chain
WHERE id = 1;

-- name: InsertAuditEvent :exec
INSERT INTO audit_events (seq, at, kind, actor, actor_id, ip, user_agent, request_id, person_id, client_id, grant_id, result, detail, hash)
VALUES (@seq, @at, @kind, @actor, @actor_id, @ip, @user_agent, @request_id, @person_id, @client_id, @grant_id, @result, @detail, @hash);

-- name: MoveAuditHead :execrows
-- One row when nobody else appended since the head was read.
UPDATE audit_chain
SET head_seq = head_seq + 1, head_hash = @hash
WHERE id = 1 AND head_seq = @seq;

-- name: MoveAuditAnchor :execrows
UPDATE audit_chain
SET anchor_seq = @seq, anchor_hash = @hash
WHERE id = 1 AND anchor_seq < @seq;

-- name: AuditEventsFrom :many
-- In order, for the walk along the chain.
SELECT *
FROM audit_events
WHERE seq > @after_seq
ORDER BY seq
LIMIT @lim;

-- name: AuditEvent :one
SELECT *
FROM audit_events
WHERE seq = @seq;

-- name: AuditEvents :many
-- Newest first, as are those below; each walks along one index.
SELECT *
FROM audit_events
WHERE seq >= @from_seq AND seq < @before_seq
ORDER BY seq DESC
LIMIT @lim;

-- name: AuditEventsOfPerson :many
SELECT *
FROM audit_events
WHERE person_id = @person_id AND seq >= @from_seq AND seq < @before_seq
ORDER BY seq DESC
LIMIT @lim;

-- name: AuditEventsOfClient :many
SELECT *
FROM audit_events
WHERE client_id = @client_id AND seq >= @from_seq AND seq < @before_seq
ORDER BY seq DESC
LIMIT @lim;

-- name: AuditEventsOfGrant :many
SELECT *
FROM audit_events
WHERE grant_id = @grant_id AND seq >= @from_seq AND seq < @before_seq
ORDER BY seq DESC
LIMIT @lim;

-- name: AuditEventsOfActor :many
SELECT *
FROM audit_events
WHERE actor_id = @actor_id AND seq >= @from_seq AND seq < @before_seq
ORDER BY seq DESC
LIMIT @lim;

-- name: AuditEventsOfKind :many
SELECT *
FROM audit_events
WHERE kind = @kind AND seq >= @from_seq AND seq < @before_seq
ORDER BY seq DESC
LIMIT @lim;

-- name: DeleteAuditEventsTo :execrows
DELETE FROM audit_events
WHERE seq <= @seq;
