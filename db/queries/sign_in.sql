-- name: InsertSignIn :exec
INSERT INTO sign_ins (hash, browser_hash, person_id, amr, request_id, return_to, stay_at, created_at, expires_at)
VALUES (@hash, @browser_hash, @person_id, @amr, @request_id, @return_to, @stay_at, @created_at, @expires_at);

-- name: SignIn :one
-- Only to the browser in which it began.
SELECT *
FROM sign_ins
WHERE hash = @hash AND browser_hash = @browser_hash AND expires_at > @now;

-- name: EndSignIn :execrows
-- One row for the one caller that finishes it.
DELETE FROM sign_ins
WHERE hash = @hash AND browser_hash = @browser_hash AND expires_at > @now;

-- name: TrimSignIns :exec
-- Keeps the @keep newest of a person.
DELETE FROM sign_ins
WHERE hash IN (
    SELECT s.hash
    FROM sign_ins s
    WHERE s.person_id = @person_id
    ORDER BY s.created_at DESC, s.hash
    LIMIT 100 OFFSET @keep);

-- name: DeleteSignInsOfPerson :exec
DELETE FROM sign_ins
WHERE person_id = @person_id;

-- name: SweepSignIns :execrows
DELETE FROM sign_ins
WHERE hash IN (
    SELECT s.hash
    FROM sign_ins s
    WHERE s.expires_at < @now
    LIMIT @lim);
