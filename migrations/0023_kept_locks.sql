-- What directories called people that an operator has shut out, kept when the directory is deleted or matched with the sign-ins of
-- another connection, and when its connection is deleted: the lock holds for whoever comes under that externalId. `connection_id` is
-- the connection that it had, or empty where it had none; once the row of that is gone, the lock holds over every other.
CREATE TABLE left_locks (
    tenant_id     TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    external_id   TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant_id, external_id, connection_id, user_id)
);
CREATE INDEX left_locks_by_user ON left_locks (user_id);

-- What a team is called whatever its case: a new one is not called like another but for that. Those that are there may be.
ALTER TABLE teams ADD COLUMN folded TEXT;
UPDATE teams SET folded = LOWER(name);
CREATE INDEX teams_by_folded ON teams (tenant_id, folded);
