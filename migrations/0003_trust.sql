-- Whose tokens are accepted, whom they act as, what those may do, and the sites (services) that gatehouse stands before.

-- settings: JSON without secrets; secrets_sealed: what we prove ourselves with to its introspection and token endpoints.
CREATE TABLE trusted_issuers (
    id             TEXT PRIMARY KEY,
    tenant_id      TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name           TEXT NOT NULL,
    enabled        BOOLEAN NOT NULL,
    settings       TEXT NOT NULL,
    secrets_sealed TEXT,
    created_at     BIGINT NOT NULL,
    UNIQUE (tenant_id, name)
);

-- External identities and virtual accounts.
CREATE TABLE principals (
    id         TEXT PRIMARY KEY,
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    name       TEXT NOT NULL,
    enabled    BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (tenant_id, kind, name)
);

-- Which tokens act as a principal, or belong to a team: the issuer (a trusted one, or a connection that is not offered for
-- sign-in) and what its claims must be. version grows with each change, so that tokens made of an older one end with it.
CREATE TABLE mappings (
    id            TEXT PRIMARY KEY,
    tenant_id     TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    principal_id  TEXT UNIQUE REFERENCES principals (id) ON DELETE CASCADE,
    team_id       TEXT REFERENCES teams (id) ON DELETE CASCADE,
    issuer_id     TEXT REFERENCES trusted_issuers (id) ON DELETE CASCADE,
    connection_id TEXT REFERENCES connections (id) ON DELETE CASCADE,
    claims        TEXT NOT NULL,
    version       BIGINT NOT NULL,
    created_at    BIGINT NOT NULL
);
CREATE INDEX mappings_by_tenant ON mappings (tenant_id);
CREATE INDEX mappings_by_team ON mappings (team_id);
CREATE INDEX mappings_by_issuer ON mappings (issuer_id);
CREATE INDEX mappings_by_connection ON mappings (connection_id);

CREATE TABLE resources (
    id         TEXT PRIMARY KEY,
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    name       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (tenant_id, kind, name)
);

-- holder is the id in the one of the three columns that is set.
CREATE TABLE collaborators (
    resource_id  TEXT NOT NULL REFERENCES resources (id) ON DELETE CASCADE,
    holder       TEXT NOT NULL,
    user_id      TEXT REFERENCES users (id) ON DELETE CASCADE,
    team_id      TEXT REFERENCES teams (id) ON DELETE CASCADE,
    principal_id TEXT REFERENCES principals (id) ON DELETE CASCADE,
    role         TEXT NOT NULL,
    PRIMARY KEY (resource_id, holder)
);
CREATE INDEX collaborators_by_holder ON collaborators (holder);
CREATE INDEX collaborators_by_user ON collaborators (user_id);
CREATE INDEX collaborators_by_team ON collaborators (team_id);
CREATE INDEX collaborators_by_principal ON collaborators (principal_id);

-- Sites: the services that proxies ask about (forward auth).
CREATE TABLE sites (
    id         TEXT PRIMARY KEY,
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    enabled    BOOLEAN NOT NULL,
    settings   TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (tenant_id, name)
);

-- Where a site is: a host, and the beginning of its paths. No two sites share a place.
CREATE TABLE site_places (
    host       TEXT NOT NULL,
    path       TEXT NOT NULL,
    site_id TEXT NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    PRIMARY KEY (host, path)
);
CREATE INDEX site_places_by_site ON site_places (site_id);

-- A browser that has signed in to a site: over us (family_id), or at the issuer itself (issuer_id, claims_sealed).
CREATE TABLE site_sessions (
    id_hash       TEXT PRIMARY KEY,
    site_id    TEXT NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    family_id     TEXT REFERENCES families (id) ON DELETE CASCADE,
    issuer_id     TEXT REFERENCES trusted_issuers (id) ON DELETE CASCADE,
    claims_sealed TEXT,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX site_sessions_by_site ON site_sessions (site_id);
CREATE INDEX site_sessions_by_family ON site_sessions (family_id);
CREATE INDEX site_sessions_by_issuer ON site_sessions (issuer_id);
CREATE INDEX site_sessions_by_expiry ON site_sessions (expires_at);

-- Numbers that grow with each change of what nodes keep in memory.
CREATE TABLE revisions (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
