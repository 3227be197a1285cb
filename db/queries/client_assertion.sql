-- name: UseClientAssertion :execrows
-- No row when it was used before.
INSERT INTO client_assertions (id, keep_until)
VALUES (@id, @keep_until)
ON CONFLICT (id) DO NOTHING;

-- name: SweepClientAssertions :execrows
DELETE FROM client_assertions
WHERE id IN (
    SELECT a.id
    FROM client_assertions a
    WHERE a.keep_until <= @now
    ORDER BY a.keep_until
    LIMIT @lim);
