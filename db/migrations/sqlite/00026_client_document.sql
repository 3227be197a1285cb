-- +goose Up

-- A client whose source is document is known by the address of a document, which is its id: when that was read last, and until when it is
-- believed. Null for all others.
ALTER TABLE clients ADD COLUMN read_at INTEGER;
ALTER TABLE clients ADD COLUMN fresh_until INTEGER;
