-- +goose Up

-- Where the browser may go after a sign-out that the client asked for, separated by spaces; null: nowhere.
ALTER TABLE clients ADD COLUMN post_logout_redirect_uris TEXT;
