-- +goose Up

-- Token exchange (RFC 8693): the APIs whose tokens a client may exchange beside its own, and those for which it gets tokens; resource
-- indicators, separated by spaces; null: none.
ALTER TABLE clients ADD COLUMN exchange_subjects TEXT;
ALTER TABLE clients ADD COLUMN exchange_audiences TEXT;
