-- Lists of a hundred thousand that had no index of their own: invites that wait, the newest first; the few tenants that are
-- switched off; and who holds a role on a resource, each kind by itself.
CREATE INDEX invites_waiting ON invites (tenant_id, id) WHERE accepted_at IS NULL AND revoked_at IS NULL;
CREATE INDEX tenants_disabled ON tenants (name) WHERE NOT enabled;
CREATE INDEX collaborators_users ON collaborators (resource_id, user_id) WHERE user_id IS NOT NULL;
CREATE INDEX collaborators_teams ON collaborators (resource_id, team_id) WHERE team_id IS NOT NULL;
CREATE INDEX collaborators_principals ON collaborators (resource_id, principal_id) WHERE principal_id IS NOT NULL;
