-- +goose Up

-- No session begins with a proof older than this: what ended the sessions of a person ends those too that were about to begin.
ALTER TABLE people ADD COLUMN sessions_ended_before BIGINT;

-- Links are found by whom they were sent to, by who made them and by what they are for.
CREATE INDEX links_email ON links (email);
CREATE INDEX links_created_by ON links (created_by);
CREATE INDEX links_kind ON links (kind, created_at);
