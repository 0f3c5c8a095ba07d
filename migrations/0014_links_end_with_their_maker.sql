-- What a set-up link was made with, and when at the latest ends what is made by it. made_with is the row of a personal token or
-- the fingerprint of a service token: when that is gone or renewed, the link opens nothing. It is NULL where somebody made the
-- link who was signed in, and ends_at where nothing that they have ends.
ALTER TABLE setup_links ADD COLUMN made_with TEXT;
ALTER TABLE setup_links ADD COLUMN ends_at BIGINT;
