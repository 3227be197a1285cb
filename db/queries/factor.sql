-- name: FactorKey :one
SELECT *
FROM keys
WHERE use = 'factor'
ORDER BY number
LIMIT 1;

-- name: TOTP :one
SELECT *
FROM totps
WHERE person_id = @person_id;

-- name: CountRecoveryCodes :one
-- Those that were not used yet.
SELECT COUNT(*)
FROM recovery_codes
WHERE person_id = @person_id AND used_at IS NULL;

-- name: InsertTOTP :execrows
-- Nothing when the person has one.
INSERT INTO totps (person_id, secret, last_step, created_at, last_used_at)
VALUES (@person_id, @secret, @last_step, @now, @now)
ON CONFLICT (person_id) DO NOTHING;

-- name: UseTOTPStep :execrows
-- One row for the first caller with this step or a later one.
UPDATE totps
SET last_step = @step, last_used_at = @now
WHERE person_id = @person_id AND last_step < @step;

-- name: DeleteTOTP :execrows
DELETE FROM totps
WHERE person_id = @person_id;

-- name: InsertRecoveryCode :exec
INSERT INTO recovery_codes (person_id, hash, created_at)
VALUES (@person_id, @hash, @now);

-- name: UseRecoveryCode :execrows
-- One row for the first caller only.
UPDATE recovery_codes
SET used_at = @now
WHERE person_id = @person_id AND hash = @hash AND used_at IS NULL;

-- name: DeleteRecoveryCodes :exec
DELETE FROM recovery_codes
WHERE person_id = @person_id;
