-- Whom an invite has let a directory bring in: it lets in nobody else that way. A row id of users.
ALTER TABLE invites ADD COLUMN admitted TEXT;
CREATE INDEX invites_by_admitted ON invites (admitted) WHERE admitted IS NOT NULL;

-- How many teams rules of directories have made and people by hand, beside those that are a group's own.
CREATE INDEX teams_of_no_group ON teams (tenant_id) WHERE group_id IS NULL;
