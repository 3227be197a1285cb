-- +goose Up

-- How a person wants pages and mails: a BCP 47 tag and an IANA time zone; '' leaves it to the browser.
ALTER TABLE people ADD COLUMN language TEXT NOT NULL DEFAULT '';
ALTER TABLE people ADD COLUMN time_zone TEXT NOT NULL DEFAULT '';
