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

-- name: AuditEvents :many
-- Newest first.
SELECT *
FROM audit_events
WHERE seq < @before_seq
  AND (CAST(sqlc.narg(person_id) AS text) IS NULL OR person_id = sqlc.narg(person_id))
  AND (CAST(sqlc.narg(client_id) AS text) IS NULL OR client_id = sqlc.narg(client_id))
  AND (CAST(sqlc.narg(grant_id) AS text) IS NULL OR grant_id = sqlc.narg(grant_id))
  AND (CAST(sqlc.narg(kind) AS text) IS NULL OR kind = sqlc.narg(kind))
  AND at >= @since AND at < @until
ORDER BY seq DESC
LIMIT @lim;

-- name: DeleteAuditEventsTo :execrows
DELETE FROM audit_events
WHERE seq <= @seq;
