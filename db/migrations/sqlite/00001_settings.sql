-- +goose Up
-- Facts about this installation that the server sets for itself, one row each.
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
