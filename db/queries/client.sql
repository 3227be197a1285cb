-- name: Client :one
SELECT *
FROM clients
WHERE id = @id;

-- name: Clients :many
SELECT *
FROM clients
ORDER BY name, id;

-- name: InsertClient :execrows
-- No row when the id is taken.
INSERT INTO clients (id, name, token_endpoint_auth_method, redirect_uris, grant_types, scope, trusted_at, pkce_waived_at,
    redirect_uri_required_at, secret_hash, secret_hint, secret_created_at, old_secret_hash, old_secret_hint,
    old_secret_created_at, old_secret_ends_at, preset, refresh, rotation_off_at, grace, idle_lifetime, absolute_lifetime,
    access_token_lifetime, access_token_format, id_token_alg, max_grants, refresh_limit, scopes_on_refresh, on_reuse, stale_generations,
    disabled_at, grants_revoked_before, version, created_at, updated_at, second_factor_at, restricted_at, on_access_lost, par_required_at,
    dpop_required_at, form_post_at, jwks, jwks_uri, auth_signing_alg, post_logout_redirect_uris,
    backchannel_logout_uri, logout_session_required_at, exchange_subjects, exchange_audiences,
    source, about, registration_hash, seen_at,
    webhook_url, webhook_secret, webhook_secret_created_at, old_webhook_secret, old_webhook_secret_created_at, old_webhook_secret_ends_at,
    security_event_url, security_event_authorization, read_at, fresh_until)
VALUES (@id, @name, @token_endpoint_auth_method, @redirect_uris, @grant_types, @scope, @trusted_at, @pkce_waived_at,
    @redirect_uri_required_at, @secret_hash, @secret_hint, @secret_created_at, @old_secret_hash, @old_secret_hint,
    @old_secret_created_at, @old_secret_ends_at, @preset, @refresh, @rotation_off_at, @grace, @idle_lifetime, @absolute_lifetime,
    @access_token_lifetime, @access_token_format, @id_token_alg, @max_grants, @refresh_limit, @scopes_on_refresh, @on_reuse, @stale_generations,
    @disabled_at, @grants_revoked_before, @version, @created_at, @updated_at, @second_factor_at, @restricted_at, @on_access_lost, @par_required_at,
    @dpop_required_at, @form_post_at, @jwks, @jwks_uri, @auth_signing_alg, @post_logout_redirect_uris,
    @backchannel_logout_uri, @logout_session_required_at, @exchange_subjects, @exchange_audiences,
    @source, @about, @registration_hash, @seen_at,
    @webhook_url, @webhook_secret, @webhook_secret_created_at, @old_webhook_secret, @old_webhook_secret_created_at, @old_webhook_secret_ends_at,
    @security_event_url, @security_event_authorization, @read_at, @fresh_until)
ON CONFLICT (id) DO NOTHING;

-- name: UpdateClient :execrows
-- One row when the version is still the one that the caller has seen. Of two callers with the same version the second gets
-- none. The columns stand in the table's order, id too, so that the parameters have the shape of its row.
UPDATE clients
SET id = @id, name = @name, token_endpoint_auth_method = @token_endpoint_auth_method, redirect_uris = @redirect_uris,
    grant_types = @grant_types, scope = @scope, trusted_at = @trusted_at, pkce_waived_at = @pkce_waived_at,
    redirect_uri_required_at = @redirect_uri_required_at, secret_hash = @secret_hash, secret_hint = @secret_hint,
    secret_created_at = @secret_created_at, old_secret_hash = @old_secret_hash, old_secret_hint = @old_secret_hint,
    old_secret_created_at = @old_secret_created_at, old_secret_ends_at = @old_secret_ends_at, preset = @preset, refresh = @refresh,
    rotation_off_at = @rotation_off_at, grace = @grace, idle_lifetime = @idle_lifetime, absolute_lifetime = @absolute_lifetime,
    access_token_lifetime = @access_token_lifetime, access_token_format = @access_token_format, id_token_alg = @id_token_alg,
    max_grants = @max_grants, refresh_limit = @refresh_limit, scopes_on_refresh = @scopes_on_refresh, on_reuse = @on_reuse, stale_generations = @stale_generations,
    disabled_at = @disabled_at, grants_revoked_before = @grants_revoked_before, version = CAST(@version AS bigint) + 1, created_at = @created_at,
    updated_at = @updated_at, second_factor_at = @second_factor_at, restricted_at = @restricted_at, on_access_lost = @on_access_lost,
    par_required_at = @par_required_at, dpop_required_at = @dpop_required_at, form_post_at = @form_post_at,
    jwks = @jwks, jwks_uri = @jwks_uri, auth_signing_alg = @auth_signing_alg,
    post_logout_redirect_uris = @post_logout_redirect_uris, backchannel_logout_uri = @backchannel_logout_uri,
    logout_session_required_at = @logout_session_required_at, exchange_subjects = @exchange_subjects, exchange_audiences = @exchange_audiences,
    source = @source, about = @about, registration_hash = @registration_hash, seen_at = @seen_at,
    webhook_url = @webhook_url, webhook_secret = @webhook_secret, webhook_secret_created_at = @webhook_secret_created_at,
    old_webhook_secret = @old_webhook_secret, old_webhook_secret_created_at = @old_webhook_secret_created_at,
    old_webhook_secret_ends_at = @old_webhook_secret_ends_at, security_event_url = @security_event_url,
    security_event_authorization = @security_event_authorization,
    read_at = @read_at, fresh_until = @fresh_until
WHERE id = @id AND version = @version;

-- name: DeleteClient :execrows
DELETE FROM clients
WHERE id = @id;

-- name: RevokeClientBefore :execrows
-- The one fact that ends every grant made at or before it. A rotation that was decided before this commits finds another
-- version and changes nothing.
UPDATE clients
SET grants_revoked_before = @before, version = version + 1
WHERE id = @id AND (grants_revoked_before IS NULL OR grants_revoked_before < @before);

-- name: LastOfClient :one
-- The newest grant or code, so that grants_revoked_before covers every one, even when the clock went back since.
SELECT CAST(COALESCE(MAX(last.at), 0) AS bigint)
FROM (
    SELECT MAX(g.created_at) AS at FROM grants g WHERE g.client_id = @client_id
    UNION ALL
    SELECT MAX(k.created_at) AS at FROM codes k WHERE k.client_id = @client_id
) AS last;

-- name: CountOpenGrantsOfClient :one
-- Bounded: nobody needs to know how many more there are.
SELECT COUNT(*)
FROM (
    SELECT g.id
    FROM grants g
    WHERE g.client_id = @client_id AND g.revoked_at IS NULL AND g.created_at > @after
    LIMIT @lim
) AS open;
