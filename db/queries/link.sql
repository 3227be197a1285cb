-- name: InsertLink :exec
INSERT INTO links (hash, id, kind, person_id, email, name, role, created_by, created_at, expires_at, amr, browser_hash)
VALUES (@hash, @id, @kind, @person_id, @email, @name, @role, @created_by, @created_at, @expires_at, @amr, @browser_hash);

-- name: LinkByHash :one
SELECT *
FROM links
WHERE hash = @hash AND kind = @kind AND used_at IS NULL AND expires_at > @now;

-- name: UseLink :one
-- One row for the first caller only.
UPDATE links
SET used_at = @now
WHERE hash = @hash AND kind = @kind AND used_at IS NULL AND expires_at > @now
RETURNING *;

-- name: Invitations :many
SELECT *
FROM links
WHERE kind = 'invite' AND used_at IS NULL AND expires_at > @now
ORDER BY created_at DESC, id
LIMIT @lim;

-- name: DeleteInvitation :execrows
DELETE FROM links
WHERE id = @id AND kind = 'invite' AND used_at IS NULL AND expires_at > @now;

-- name: DeleteLinksOfKind :exec
DELETE FROM links
WHERE kind = @kind AND used_at IS NULL;

-- name: DeleteLinksTo :exec
DELETE FROM links
WHERE kind = @kind AND email = @email AND used_at IS NULL;

-- name: DeleteLinksOfPerson :exec
-- Those that a person could use, to choose a password or another address; of one kind, or of all.
DELETE FROM links
WHERE person_id = @person_id AND used_at IS NULL
  AND (CAST(sqlc.narg(kind) AS text) IS NULL OR kind = sqlc.narg(kind));

-- name: GiveUsedLink :exec
-- A link that has become an account is that person's, so that it goes with them.
UPDATE links
SET person_id = @person_id
WHERE hash = @hash;

-- name: ForgetLinks :exec
-- All that tell of a person, those that were used too.
DELETE FROM links
WHERE person_id = @person_id OR email = @email;

-- name: DeleteAskedLinks :exec
-- Those of one kind that no admin made.
DELETE FROM links
WHERE person_id = @person_id AND kind = @kind AND created_by = '' AND used_at IS NULL;

-- name: DeleteLinksMadeBy :exec
DELETE FROM links
WHERE created_by = @created_by AND used_at IS NULL;

-- name: SweepLinks :execrows
DELETE FROM links
WHERE hash IN (
    SELECT l.hash
    FROM links l
    WHERE l.expires_at < @before
    LIMIT @lim);
