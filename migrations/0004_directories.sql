-- Directories: what customers push over SCIM. Sizes to expect: a million users in one directory, 50 000 members in one
-- group, a few hundred groups. The texts that filters compare without regard to case are stored in lower case beside
-- the resource as it was sent.

CREATE TABLE directories (
    id            TEXT PRIMARY KEY,
    tenant_id     TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    -- Whose sign-ins are matched by externalId; without one only by e-mail.
    connection_id TEXT REFERENCES connections (id) ON DELETE SET NULL,
    enabled       BOOLEAN NOT NULL,
    settings      TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    UNIQUE (tenant_id, name)
);
CREATE INDEX directories_by_connection ON directories (connection_id);

-- Fingerprints only. A new token ends the older ones, at once or after an overlap (`expires_at`).
CREATE TABLE directory_tokens (
    id           TEXT PRIMARY KEY,
    directory_id TEXT NOT NULL REFERENCES directories (id) ON DELETE CASCADE,
    fingerprint  TEXT NOT NULL UNIQUE,
    -- Given in a declarative file rather than made here.
    declared     BOOLEAN NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT
);
CREATE INDEX directory_tokens_by_directory ON directory_tokens (directory_id);

-- A User of a directory. `user_id` is the local user it stands for: none as long as it has no e-mail address that a user
-- could have. `made_user`: that user came to be by this record, and goes with it.
CREATE TABLE directory_users (
    id           TEXT PRIMARY KEY,
    directory_id TEXT NOT NULL REFERENCES directories (id) ON DELETE CASCADE,
    user_id      TEXT REFERENCES users (id) ON DELETE SET NULL,
    made_user    BOOLEAN NOT NULL,
    user_name    TEXT NOT NULL,
    external_id  TEXT,
    -- The external_id under which an operator has linked it to its user.
    pinned       TEXT,
    display_name TEXT,
    given_name   TEXT,
    family_name  TEXT,
    active       BOOLEAN NOT NULL,
    resource     TEXT NOT NULL,
    version      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    UNIQUE (directory_id, user_name)
);
CREATE INDEX directory_users_by_age ON directory_users (directory_id, created_at, id);
CREATE INDEX directory_users_by_change ON directory_users (directory_id, updated_at);
CREATE INDEX directory_users_by_external_id ON directory_users (directory_id, external_id);
CREATE INDEX directory_users_by_display_name ON directory_users (directory_id, display_name);
CREATE INDEX directory_users_by_family_name ON directory_users (directory_id, family_name);
CREATE INDEX directory_users_by_given_name ON directory_users (directory_id, given_name);
CREATE UNIQUE INDEX directory_users_by_user ON directory_users (user_id, directory_id);

CREATE TABLE directory_emails (
    directory_user_id TEXT NOT NULL REFERENCES directory_users (id) ON DELETE CASCADE,
    position          BIGINT NOT NULL,
    directory_id      TEXT NOT NULL,
    value             TEXT,
    kind              TEXT,
    is_primary        BOOLEAN NOT NULL,
    PRIMARY KEY (directory_user_id, position)
);
CREATE INDEX directory_emails_by_value ON directory_emails (directory_id, value);

-- A Group of a directory. `resource` holds everything but its members.
CREATE TABLE directory_groups (
    id           TEXT PRIMARY KEY,
    directory_id TEXT NOT NULL REFERENCES directories (id) ON DELETE CASCADE,
    display_name TEXT NOT NULL,
    external_id  TEXT,
    resource     TEXT NOT NULL,
    version      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    UNIQUE (directory_id, display_name)
);
CREATE INDEX directory_groups_by_age ON directory_groups (directory_id, created_at, id);
CREATE INDEX directory_groups_by_change ON directory_groups (directory_id, updated_at);
CREATE INDEX directory_groups_by_external_id ON directory_groups (directory_id, external_id);

CREATE TABLE directory_members (
    group_id  TEXT NOT NULL REFERENCES directory_groups (id) ON DELETE CASCADE,
    member_id TEXT NOT NULL REFERENCES directory_users (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, member_id)
);
CREATE INDEX directory_members_by_member ON directory_members (member_id);

-- The teams that a group's members belong to: one made for the group, or those that the directory's rules name.
CREATE TABLE group_teams (
    group_id TEXT NOT NULL REFERENCES directory_groups (id) ON DELETE CASCADE,
    team_id  TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, team_id)
);
CREATE INDEX group_teams_by_team ON group_teams (team_id);

-- Roles that a directory's rules give to the teams of its groups, beside what collaborators hold.
CREATE TABLE group_roles (
    group_id    TEXT NOT NULL REFERENCES directory_groups (id) ON DELETE CASCADE,
    team_id     TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    resource_id TEXT NOT NULL REFERENCES resources (id) ON DELETE CASCADE,
    role        TEXT NOT NULL,
    PRIMARY KEY (group_id, team_id, resource_id)
);
CREATE INDEX group_roles_by_team ON group_roles (team_id, resource_id);
CREATE INDEX group_roles_by_resource ON group_roles (resource_id);

-- A team that was made for a group goes with it.
ALTER TABLE teams ADD COLUMN group_id TEXT REFERENCES directory_groups (id) ON DELETE CASCADE;
CREATE INDEX teams_by_group ON teams (group_id);

-- Who shut a user out: `operator` or `directory`. A directory opens again only what a directory has shut.
ALTER TABLE users ADD COLUMN shut_by TEXT;
UPDATE users SET shut_by = 'operator' WHERE NOT active;

-- What ended when a user was shut out; kept when the user is deleted.
CREATE TABLE receipts (
    id        TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    user_id   TEXT NOT NULL,
    email     TEXT NOT NULL,
    cause     TEXT NOT NULL,
    actor     TEXT NOT NULL,
    ended     TEXT NOT NULL,
    at        BIGINT NOT NULL
);
CREATE INDEX receipts_by_tenant ON receipts (tenant_id, at);
CREATE INDEX receipts_by_age ON receipts (at);
CREATE INDEX receipts_by_user ON receipts (user_id, at);

-- mailed: its link went to the address and nowhere else, so whoever follows it has shown that the mailbox is theirs. sent:
-- how many links were made, of which the last one works. teams: row ids, as JSON.
CREATE TABLE invites (
    id          TEXT PRIMARY KEY,
    tenant_id   TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    email       TEXT NOT NULL,
    name        TEXT,
    teams       TEXT NOT NULL,
    token_hash  TEXT NOT NULL UNIQUE,
    mailed      BOOLEAN NOT NULL,
    invited_by  TEXT NOT NULL,
    sent        BIGINT NOT NULL,
    sent_at     BIGINT,
    accepted_at BIGINT,
    accepted_by TEXT REFERENCES users (id) ON DELETE SET NULL,
    revoked_at  BIGINT,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX invites_open ON invites (tenant_id, email) WHERE accepted_at IS NULL AND revoked_at IS NULL;
CREATE INDEX invites_by_tenant ON invites (tenant_id, created_at);
CREATE INDEX invites_by_accepted_by ON invites (accepted_by);
CREATE INDEX invites_by_expiry ON invites (expires_at);

-- What is to be sent to others, mails and logout tokens alike, until it has been. receiver names who takes it, so that
-- one who is slow or away holds up nobody else.
CREATE TABLE deliveries (
    id             TEXT PRIMARY KEY,
    tenant_id      TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    kind           TEXT NOT NULL,
    receiver       TEXT NOT NULL,
    payload_sealed TEXT NOT NULL,
    attempts       BIGINT NOT NULL,
    due_at         BIGINT NOT NULL,
    created_at     BIGINT NOT NULL
);
CREATE INDEX deliveries_by_due ON deliveries (due_at);
CREATE INDEX deliveries_by_receiver ON deliveries (receiver, due_at);
CREATE INDEX deliveries_by_tenant ON deliveries (tenant_id);

-- A login may be begun here, by whoever follows an invite, and then no client asks for it. SQLite cannot take a NOT NULL
-- back, so the two tables are made anew; who is signing in at that moment begins again.
DROP TABLE departures;
DROP TABLE logins;

-- A pending login: one authorization request of one browser, or the acceptance of an invite. proven_by is the sid of the
-- sign-in that proved within it who the person is, consented_by the user who allowed the client, invite_hash the digest of
-- the link that the browser followed.
CREATE TABLE logins (
    id            TEXT PRIMARY KEY,
    browser_hash  TEXT NOT NULL,
    tenant_id     TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    client_id     TEXT REFERENCES clients (id) ON DELETE CASCADE,
    invite_hash   TEXT,
    request       TEXT NOT NULL,
    proven_by     TEXT,
    consented_by  TEXT,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX logins_by_expiry ON logins (expires_at);

CREATE TABLE departures (
    state_hash    TEXT PRIMARY KEY,
    login_id      TEXT NOT NULL REFERENCES logins (id) ON DELETE CASCADE,
    browser_hash  TEXT NOT NULL,
    connection_id TEXT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    memo_sealed   TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX departures_by_login ON departures (login_id);
CREATE INDEX departures_by_expiry ON departures (expires_at);
CREATE INDEX departures_by_browser ON departures (browser_hash, connection_id);
