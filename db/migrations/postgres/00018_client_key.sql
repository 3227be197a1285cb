-- +goose Up

-- The public keys of a client that authenticates by private_key_jwt, or where they stand, and the one algorithm that it signs with;
-- null: it has none, or any.
ALTER TABLE clients ADD COLUMN jwks TEXT;
ALTER TABLE clients ADD COLUMN jwks_uri TEXT;
ALTER TABLE clients ADD COLUMN auth_signing_alg TEXT;

-- Client assertions that were used, by a hash of client_id and jti, as long as they could be used again.
CREATE TABLE client_assertions (
    id         BYTEA PRIMARY KEY,
    keep_until BIGINT NOT NULL
);
CREATE INDEX client_assertions_keep_until ON client_assertions (keep_until);
