-- name: InsertMail :exec
INSERT INTO mails (id, kind, person_id, sealed, attempts, next_at, created_at, expires_at, asked_at)
VALUES (@id, @kind, @person_id, @sealed, 0, @next_at, @created_at, @expires_at, @asked_at);

-- name: CountAskedMails :one
SELECT COUNT(*)
FROM mails
WHERE asked_at IS NOT NULL;

-- name: DueMails :many
SELECT *
FROM mails
WHERE next_at <= @now
ORDER BY next_at, id
LIMIT @lim;

-- name: ClaimMail :execrows
-- One row for the first who has seen so many attempts.
UPDATE mails
SET attempts = attempts + 1, next_at = @next_at
WHERE id = @id AND attempts = @seen;

-- name: DeleteMail :execrows
DELETE FROM mails
WHERE id = @id;

-- name: DeleteMailsOfPerson :exec
DELETE FROM mails
WHERE person_id = @person_id;

-- name: SweepMails :many
-- What was of use until then at most.
DELETE FROM mails
WHERE id IN (
    SELECT m.id
    FROM mails m
    WHERE m.expires_at < @before
    LIMIT @lim)
RETURNING id, kind, person_id, attempts;

-- name: CountMail :execrows
-- One row as long as there are fewer than @most.
INSERT INTO mail_counts (name, hour, count)
VALUES (@name, @hour, 1)
ON CONFLICT (name, hour) DO UPDATE SET count = mail_counts.count + 1 WHERE mail_counts.count < @most;

-- name: SweepMailCounts :execrows
DELETE FROM mail_counts
WHERE (mail_counts.name, mail_counts.hour) IN (
    SELECT c.name, c.hour
    FROM mail_counts c
    WHERE c.hour < @before
    LIMIT @lim);

-- name: MailPosition :one
SELECT seq
FROM mail_position
WHERE id = 1;

-- name: MoveMailPosition :execrows
-- One row when nobody has followed the log further than was seen.
UPDATE mail_position
SET seq = @next
WHERE id = 1 AND seq = @seen;

-- name: InsertFormerEmail :exec
INSERT INTO former_emails (seq, person_id, email)
VALUES (@seq, @person_id, @email);

-- name: FormerEmail :one
SELECT email
FROM former_emails
WHERE seq = @seq;

-- name: DeleteFormerEmailsTo :exec
DELETE FROM former_emails
WHERE seq <= @seq;

-- name: DeleteFormerEmailsOfPerson :exec
DELETE FROM former_emails
WHERE person_id = @person_id;

-- name: ChangeEmail :execrows
UPDATE people
SET email = @email, email_verified_at = @now, version = version + 1, updated_at = @updated_at
WHERE id = @id AND deleted_at IS NULL AND disabled_at IS NULL;
