-- +goose Up

-- Where a client is told that its grants have ended: by a webhook, which is signed with a secret, and by security event tokens, sent with a
-- header that their receiver wants to see. The secrets and the header are sealed with the factor key.
ALTER TABLE clients ADD COLUMN webhook_url TEXT;
ALTER TABLE clients ADD COLUMN webhook_secret BLOB;
ALTER TABLE clients ADD COLUMN webhook_secret_created_at INTEGER;
ALTER TABLE clients ADD COLUMN old_webhook_secret BLOB;
ALTER TABLE clients ADD COLUMN old_webhook_secret_created_at INTEGER;
ALTER TABLE clients ADD COLUMN old_webhook_secret_ends_at INTEGER;
ALTER TABLE clients ADD COLUMN security_event_url TEXT;
ALTER TABLE clients ADD COLUMN security_event_authorization BLOB;
