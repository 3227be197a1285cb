-- name: Consent :one
SELECT *
FROM consents
WHERE person_id = @person_id AND client_id = @client_id;

-- name: ConsentsOfPerson :many
SELECT *
FROM consents
WHERE person_id = @person_id
ORDER BY client_id
LIMIT @lim;

-- name: PutConsent :exec
INSERT INTO consents (person_id, client_id, scope, resources, claims, given_at)
VALUES (@person_id, @client_id, @scope, @resources, sqlc.narg(claims), @given_at)
ON CONFLICT (person_id, client_id) DO UPDATE
SET scope = excluded.scope, resources = excluded.resources, claims = excluded.claims, given_at = excluded.given_at;

-- name: DeleteConsent :execrows
DELETE FROM consents
WHERE person_id = @person_id AND client_id = @client_id;

-- name: DeleteConsentsOfClient :exec
DELETE FROM consents
WHERE client_id = @client_id;

-- name: DeleteConsentsOfPerson :exec
DELETE FROM consents
WHERE person_id = @person_id;
