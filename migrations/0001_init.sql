-- The first schema, in SQL that SQLite and PostgreSQL read alike: TEXT, BIGINT (unix seconds), BOOLEAN; JSON is TEXT.
-- Hashes and fingerprints are base64url text; "sealed" columns are AEAD ciphertexts under the master key.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE tenants (
    id                     TEXT PRIMARY KEY,
    name                   TEXT NOT NULL UNIQUE,
    display_name           TEXT NOT NULL,
    provisioning           TEXT NOT NULL,
    enabled                BOOLEAN NOT NULL,
    password_login         BOOLEAN NOT NULL,
    access_token_lifetime  BIGINT,
    refresh_token_lifetime BIGINT,
    created_at             BIGINT NOT NULL
);

CREATE TABLE domains (
    domain    TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE
);
CREATE INDEX domains_by_tenant ON domains (tenant_id);

-- settings: JSON of policy- and protocol-specific fields without secrets; secret_sealed: the upstream client secret.
-- version grows with every change, so that nodes know when to open a connector anew.
CREATE TABLE connections (
    id               TEXT PRIMARY KEY,
    tenant_id        TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name             TEXT NOT NULL,
    protocol         TEXT NOT NULL,
    enabled          BOOLEAN NOT NULL,
    login_enabled    BOOLEAN NOT NULL,
    settings         TEXT NOT NULL,
    secret_sealed    TEXT,
    version          BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    UNIQUE (tenant_id, name)
);

CREATE TABLE clients (
    id                 TEXT PRIMARY KEY,
    tenant_id          TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name               TEXT NOT NULL,
    secret_fingerprint TEXT,
    trusted            BOOLEAN NOT NULL,
    enabled            BOOLEAN NOT NULL,
    settings           TEXT NOT NULL,
    created_at         BIGINT NOT NULL
);
CREATE INDEX clients_by_tenant ON clients (tenant_id);

-- email is the normalised address; email_proven says that an operator or a trusted provider vouched for it; declared,
-- that a declarative file made the user, so that `apply --prune` may delete them.
CREATE TABLE users (
    id            TEXT PRIMARY KEY,
    tenant_id     TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    email         TEXT NOT NULL,
    email_proven  BOOLEAN NOT NULL,
    declared      BOOLEAN NOT NULL DEFAULT FALSE,
    name          TEXT,
    password_hash TEXT,
    admin         BOOLEAN NOT NULL,
    active        BOOLEAN NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    UNIQUE (tenant_id, email)
);

-- An identity is keyed by connection, issuer and subject, never by e-mail.
CREATE TABLE identities (
    id            TEXT PRIMARY KEY,
    connection_id TEXT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    issuer        TEXT NOT NULL,
    subject       TEXT NOT NULL,
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    email         TEXT,
    groups_json   TEXT,
    created_at    BIGINT NOT NULL,
    last_seen_at  BIGINT NOT NULL,
    UNIQUE (connection_id, issuer, subject),
    UNIQUE (connection_id, user_id)
);
CREATE INDEX identities_by_user ON identities (user_id);

CREATE TABLE teams (
    id         TEXT PRIMARY KEY,
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (tenant_id, name)
);

CREATE TABLE team_members (
    team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (team_id, user_id)
);
CREATE INDEX team_members_by_user ON team_members (user_id);

-- A browser session; id_hash is SHA-256 of the cookie's id, sid the name of the sign-in in tokens.
CREATE TABLE sessions (
    id_hash    TEXT PRIMARY KEY,
    user_id    TEXT REFERENCES users (id) ON DELETE CASCADE,
    sid        TEXT,
    data       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_sid ON sessions (sid);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- A pending login: one authorization request of one browser. proven_by is the sid of the sign-in that proved within it who
-- the person is, consented_by the user who allowed the client.
CREATE TABLE logins (
    id            TEXT PRIMARY KEY,
    browser_hash  TEXT NOT NULL,
    tenant_id     TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    client_id     TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    request       TEXT NOT NULL,
    proven_by     TEXT,
    consented_by  TEXT,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX logins_by_expiry ON logins (expires_at);

-- A browser that left for an identity provider; taken once, by the same browser.
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

-- A token family: what one authorization gave to one client. Refresh tokens rotate on this one row.
CREATE TABLE families (
    id              TEXT PRIMARY KEY,
    tenant_id       TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    client_id       TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    user_id         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    connection_id   TEXT REFERENCES connections (id) ON DELETE CASCADE,
    sid             TEXT,
    scope           TEXT NOT NULL,
    resources       TEXT NOT NULL,
    auth_time       BIGINT NOT NULL,
    amr             TEXT NOT NULL,
    current_hash    TEXT,
    previous_hash   TEXT,
    rotated_at      BIGINT,
    revoked_at      BIGINT,
    created_at      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL
);
CREATE INDEX families_by_user ON families (user_id);
CREATE INDEX families_by_sid ON families (sid);
CREATE INDEX families_by_expiry ON families (expires_at);

-- An authorization code. family_id is chosen with the code and redeemed_at set once; the row outlives its redemption
-- so that a second one can be told from an unknown code and ends the family.
CREATE TABLE codes (
    code_hash          TEXT PRIMARY KEY,
    family_id          TEXT NOT NULL,
    tenant_id          TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    client_id          TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    user_id            TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    connection_id      TEXT REFERENCES connections (id) ON DELETE CASCADE,
    sid                TEXT,
    request            TEXT NOT NULL,
    auth_time          BIGINT NOT NULL,
    amr                TEXT NOT NULL,
    redeemed_at        BIGINT,
    created_at         BIGINT NOT NULL,
    expires_at         BIGINT NOT NULL
);
CREATE INDEX codes_by_user ON codes (user_id);
CREATE INDEX codes_by_sid ON codes (sid);
CREATE INDEX codes_by_expiry ON codes (expires_at);

CREATE TABLE consents (
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id  TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scope      TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);

-- A signing key is published from created_at, signs from active_from until a younger one does, and leaves the JWKS at
-- expires_at (null while it is its algorithm's youngest).
CREATE TABLE signing_keys (
    kid            TEXT PRIMARY KEY,
    alg            TEXT NOT NULL,
    generation     BIGINT NOT NULL,
    private_sealed TEXT NOT NULL,
    imported       BOOLEAN NOT NULL,
    created_at     BIGINT NOT NULL,
    active_from    BIGINT NOT NULL,
    expires_at     BIGINT,
    UNIQUE (alg, generation)
);

-- Ids that may be used once: client assertions now, SAML assertions next.
CREATE TABLE replays (
    id_hash    TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX replays_by_expiry ON replays (expires_at);

-- Failed attempts in a window, by the fingerprint of what is limited.
CREATE TABLE throttles (
    key        TEXT PRIMARY KEY,
    count      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX throttles_by_expiry ON throttles (expires_at);
