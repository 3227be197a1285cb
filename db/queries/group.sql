-- name: InsertGroup :execrows
-- No row when the name is taken.
INSERT INTO groups (id, name, name_key, description, claim, version, created_at, updated_at)
VALUES (@id, @name, @name_key, @description, @claim, 1, @now, @now)
ON CONFLICT (name_key) DO NOTHING;

-- name: GroupByID :one
SELECT *
FROM groups
WHERE id = @id;

-- name: GroupByName :one
SELECT *
FROM groups
WHERE name_key = @name_key;

-- name: ListGroups :many
SELECT *
FROM groups
ORDER BY name_key;

-- name: UpdateGroup :execrows
-- One row when the version is still the one that the caller has seen.
UPDATE groups
SET name = @name, name_key = @name_key, description = @description, claim = @claim, version = version + 1, updated_at = @now
WHERE id = @id AND version = @version;

-- name: DeleteGroup :execrows
DELETE FROM groups
WHERE id = @id;

-- name: CountMembers :one
SELECT COUNT(*)
FROM group_members m
WHERE m.group_id = @group_id;

-- name: CountClientsOfGroup :one
SELECT COUNT(*)
FROM client_groups c
WHERE c.group_id = @group_id;

-- name: GroupsOfPerson :many
SELECT g.*
FROM groups g
JOIN group_members m ON m.group_id = g.id
WHERE m.person_id = @person_id
ORDER BY g.name_key;

-- name: MembersAfter :many
-- A page of a group's members in the order of their addresses.
SELECT p.*
FROM people p
JOIN group_members m ON m.person_id = p.id
WHERE m.group_id = @group_id AND p.deleted_at IS NULL AND p.email > @after_email
ORDER BY p.email
LIMIT @lim;

-- name: InsertMember :execrows
-- No row when the person is a member already.
INSERT INTO group_members (group_id, person_id, added_at)
VALUES (@group_id, @person_id, @now)
ON CONFLICT (group_id, person_id) DO NOTHING;

-- name: DeleteMember :execrows
DELETE FROM group_members
WHERE group_id = @group_id AND person_id = @person_id;

-- name: DeleteMembersOfGroup :execrows
DELETE FROM group_members
WHERE group_id = @group_id;

-- name: DeleteMembershipsOfPerson :exec
DELETE FROM group_members
WHERE person_id = @person_id;

-- name: RaisePersonVersion :exec
-- A refresh or a redemption that was decided before this commits finds another version and begins again.
UPDATE people
SET version = version + 1
WHERE id = @id;

-- name: RoleClaims :many
SELECT *
FROM role_claims
ORDER BY role;

-- name: PutRoleClaim :exec
INSERT INTO role_claims (role, claim)
VALUES (@role, @claim)
ON CONFLICT (role) DO UPDATE SET claim = excluded.claim;

-- name: DeleteRoleClaim :exec
DELETE FROM role_claims
WHERE role = @role;

-- name: ClaimsOfPerson :many
-- What the claim groups says of a person: of their groups, and of their role.
SELECT CAST(g.claim AS text) AS claim
FROM group_members m
JOIN groups g ON g.id = m.group_id
WHERE m.person_id = @person_id AND g.claim IS NOT NULL
UNION
SELECT r.claim
FROM people p
JOIN role_claims r ON r.role = p.role
WHERE p.id = @person_id;
