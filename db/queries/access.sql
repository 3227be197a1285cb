-- name: MayUse :one
-- Whether a person is in one of the groups that a client is limited to.
SELECT COUNT(*)
FROM client_groups c
JOIN group_members m ON m.group_id = c.group_id
WHERE c.client_id = @client_id AND m.person_id = @person_id;

-- name: GroupsOfClient :many
SELECT g.id, g.name
FROM client_groups c
JOIN groups g ON g.id = c.group_id
WHERE c.client_id = @client_id
ORDER BY g.name_key;

-- name: GroupsOfClients :many
SELECT c.client_id, g.id, g.name
FROM client_groups c
JOIN groups g ON g.id = c.group_id
ORDER BY g.name_key;

-- name: InsertClientGroup :execrows
-- No row when there is no such group.
INSERT INTO client_groups (client_id, group_id)
SELECT CAST(@client_id AS text), g.id
FROM groups g
WHERE g.id = @group_id;

-- name: DeleteGroupsOfClient :exec
DELETE FROM client_groups
WHERE client_id = @client_id;

-- name: ClientsOfGroup :many
SELECT c.id, c.name, c.on_access_lost
FROM clients c
JOIN client_groups k ON k.client_id = c.id
WHERE k.group_id = @group_id
ORDER BY c.name, c.id;

-- name: DeleteClientsOfGroup :exec
DELETE FROM client_groups
WHERE group_id = @group_id;

-- name: RaiseClientVersion :exec
-- As RaisePersonVersion.
UPDATE clients
SET version = version + 1
WHERE id = @id;

-- name: CountLosers :one
-- Members of a group who are in no other group of a client, up to @lim.
SELECT COUNT(*)
FROM (
    SELECT m.person_id
    FROM group_members m
    WHERE m.group_id = @group_id
      AND NOT EXISTS (
          SELECT 1
          FROM client_groups k, group_members o
          WHERE k.client_id = @client_id AND k.group_id <> m.group_id AND o.group_id = k.group_id AND o.person_id = m.person_id)
    LIMIT @lim
) AS losers;

-- name: LostClientsOfPerson :many
-- The clients of a group that revoke on a loss of access and that the person may not use, whoever asks in the transaction that
-- took the membership away.
SELECT c.id
FROM clients c
JOIN client_groups k ON k.client_id = c.id
WHERE k.group_id = @group_id AND c.restricted_at IS NOT NULL AND c.on_access_lost = 'revoke'
  AND NOT EXISTS (
      SELECT 1
      FROM client_groups o, group_members m
      WHERE o.client_id = c.id AND m.group_id = o.group_id AND m.person_id = @person_id);

-- name: PutAccessLoss :exec
INSERT INTO access_losses (client_id, lost_at)
VALUES (@client_id, @lost_at)
ON CONFLICT (client_id) DO UPDATE SET lost_at = excluded.lost_at;

-- name: NextAccessLoss :one
SELECT *
FROM access_losses
ORDER BY lost_at, client_id
LIMIT 1;

-- name: DeleteAccessLoss :exec
DELETE FROM access_losses
WHERE client_id = @client_id;

-- name: RevokeWithoutAccess :many
-- A batch of a client's grants whose people may not use it, as long as it is limited and revokes on that.
UPDATE grants
SET revoked_at = @at, state = 'revoked', revoked_reason = 'access_lost', version = version + 1
WHERE id IN (
    SELECT g.id
    FROM grants g
    JOIN clients c ON c.id = g.client_id
    WHERE g.client_id = @client_id AND g.revoked_at IS NULL AND c.restricted_at IS NOT NULL AND c.on_access_lost = 'revoke'
      AND NOT EXISTS (
          SELECT 1
          FROM client_groups k, group_members m
          WHERE k.client_id = g.client_id AND m.group_id = k.group_id AND m.person_id = g.person_id)
    LIMIT @lim)
RETURNING *;

-- name: ClientsOnlyByGroup :many
-- The clients that a member may use by this group alone.
SELECT c.id, c.name, c.on_access_lost
FROM clients c
JOIN client_groups k ON k.client_id = c.id
JOIN group_members own ON own.group_id = k.group_id
WHERE k.group_id = @group_id AND own.person_id = @person_id
  AND NOT EXISTS (
      SELECT 1
      FROM client_groups o, group_members m
      WHERE o.client_id = c.id AND o.group_id <> k.group_id AND m.group_id = o.group_id AND m.person_id = own.person_id)
ORDER BY c.name, c.id;
