-- +goose Up
-- Without a mail server the outbox is emptied by the sweeper alone.
CREATE INDEX mails_expires_at ON mails (expires_at);
