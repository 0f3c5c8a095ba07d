-- What a token was made with, as for set-up links (0014): the row of a personal token, the fingerprint of a service token, or the
-- token family of a sign-in. When that is gone, renewed or revoked, what was made with it opens nothing, nor does what was made
-- with that. NULL where somebody made it who was signed in at the pages or had a shell, and where a file gave it.
ALTER TABLE personal_tokens ADD COLUMN made_with TEXT;
ALTER TABLE service_tokens ADD COLUMN made_with TEXT;
ALTER TABLE directory_tokens ADD COLUMN made_with TEXT;
CREATE INDEX personal_tokens_by_maker ON personal_tokens (made_with);
CREATE INDEX service_tokens_by_maker ON service_tokens (made_with);
CREATE INDEX directory_tokens_by_maker ON directory_tokens (made_with);
CREATE INDEX setup_links_by_token ON setup_links (made_with);

-- Who began to prove a domain, in words and, where it is a user, by row; and by which set-up link, if it was a guest. Without a
-- record that was seen, the proof goes with the link.
ALTER TABLE domain_proofs ADD COLUMN begun_by TEXT;
ALTER TABLE domain_proofs ADD COLUMN begun_id TEXT;
ALTER TABLE domain_proofs ADD COLUMN link_id TEXT;
CREATE INDEX domain_proofs_by_link ON domain_proofs (link_id);
