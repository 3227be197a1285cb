-- name: InsertPasskey :execrows
-- No row if the credential is registered already, whoever has it.
INSERT INTO passkeys (id, credential_id, person_id, name, record, sign_count, backup_eligible_at, backed_up_at, created_at)
VALUES (@id, @credential_id, @person_id, @name, @record, @sign_count, @backup_eligible_at, @backed_up_at, @created_at)
ON CONFLICT (credential_id) DO NOTHING;

-- name: PasskeyByCredential :one
SELECT *
FROM passkeys
WHERE credential_id = @credential_id;

-- name: Passkey :one
SELECT *
FROM passkeys
WHERE id = @id AND person_id = @person_id;

-- name: PasskeysOfPerson :many
SELECT *
FROM passkeys
WHERE person_id = @person_id
ORDER BY created_at, id;

-- name: CountPasskeys :one
SELECT COUNT(*)
FROM passkeys
WHERE person_id = @person_id;

-- name: UsePasskey :execrows
UPDATE passkeys
SET sign_count = @sign_count, backed_up_at = @backed_up_at, last_used_at = @now
WHERE id = @id AND person_id = @person_id;

-- name: RenamePasskey :execrows
UPDATE passkeys
SET name = @name
WHERE id = @id AND person_id = @person_id;

-- name: DeletePasskey :one
-- One row for the first caller only.
DELETE FROM passkeys
WHERE id = @id AND person_id = @person_id
RETURNING *;

-- name: DeletePasskeysOfPerson :exec
DELETE FROM passkeys
WHERE person_id = @person_id;

-- name: SpendChallenge :execrows
-- One row for the first caller only.
INSERT INTO spent_challenges (hash, expires_at)
VALUES (@hash, @expires_at)
ON CONFLICT (hash) DO NOTHING;

-- name: SweepSpentChallenges :execrows
DELETE FROM spent_challenges
WHERE hash IN (
    SELECT s.hash
    FROM spent_challenges s
    WHERE s.expires_at < @before
    LIMIT @lim);
