-- +goose Up

-- What tells the master key that the keys are sealed with from any other, and since when; null: they are not sealed.
ALTER TABLE server ADD COLUMN seal_check BYTEA;
ALTER TABLE server ADD COLUMN sealed_at BIGINT;

-- The same of the master key that the last server to start was given; null: none.
ALTER TABLE server ADD COLUMN held_check BYTEA;

ALTER TABLE window_keys ADD COLUMN sealed_at BIGINT;
