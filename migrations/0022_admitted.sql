-- Whom an invite has let a directory bring in: it lets in nobody else that way. A row id of users.
ALTER TABLE invites ADD COLUMN admitted TEXT;
CREATE INDEX invites_by_admitted ON invites (admitted) WHERE admitted IS NOT NULL;
