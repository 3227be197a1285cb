-- +goose Up

-- Since when a client may have the answer to an authorization request posted to it as a form; null: it may not.
ALTER TABLE clients ADD COLUMN form_post_at INTEGER;
