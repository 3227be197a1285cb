-- +goose Up

-- The hash of the cookie of the browser in which alone a link is good; null: in any.
ALTER TABLE links ADD COLUMN browser_hash BYTEA;
