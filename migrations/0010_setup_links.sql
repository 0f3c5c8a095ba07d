-- Domains that organisations want to prove, or have proven, and the challenge of each: what stands in a TXT record. Whether a
-- domain counts is for the table domains to say. accepted_by is set where an operator of the deployment did without a record.
CREATE TABLE domain_proofs (
    tenant_id     TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    domain        TEXT NOT NULL,
    challenge     TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    checked_at    BIGINT,
    proven_at     BIGINT,
    accepted_by   TEXT,
    missing_since BIGINT,
    failure       TEXT,
    due_at        BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, domain)
);
CREATE INDEX domain_proofs_due ON domain_proofs (due_at);

-- Links that let a customer's own administrator fill in one connection, by digest alone. connection_id comes with the first
-- save, and the link goes with the connection. with_directory and with_domain say what else it covers, wanted_domain which
-- domain it has asked for, token_id which token of the directory it has made last; usable_at is when the settings were last
-- seen to lead somewhere. A link ends when somebody ends it (ended_by) or its time has come, and opens nothing while maker_id,
-- a user or a service token, could not make it.
CREATE TABLE setup_links (
    id             TEXT PRIMARY KEY,
    link_hash      TEXT NOT NULL UNIQUE,
    tenant_id      TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    connection     TEXT NOT NULL,
    connection_id  TEXT REFERENCES connections (id) ON DELETE CASCADE,
    with_directory BOOLEAN NOT NULL,
    with_domain    BOOLEAN NOT NULL,
    wanted_domain  TEXT,
    token_id       TEXT,
    made_by        TEXT NOT NULL,
    maker_id       TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    opened_at      BIGINT,
    usable_at      BIGINT,
    ended_at       BIGINT,
    ended_by       TEXT
);
CREATE INDEX setup_links_by_tenant ON setup_links (tenant_id, id);
CREATE INDEX setup_links_by_maker ON setup_links (maker_id);
CREATE INDEX setup_links_by_connection ON setup_links (connection_id);

-- Browsers in which such a link was followed, by the digest of their cookie.
CREATE TABLE setup_guests (
    guest_hash TEXT PRIMARY KEY,
    link_id    TEXT NOT NULL REFERENCES setup_links (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL
);
CREATE INDEX setup_guests_by_link ON setup_guests (link_id, created_at);
