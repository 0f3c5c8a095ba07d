-- SAML: our own keys towards identity providers, what we know of them, and the sessions to end with theirs.

-- Keys with certificates, shared by all nodes; the private half is sealed under "saml-key/{id}". usage: sign | encrypt. A
-- key is published from created_at, used from active_from until a younger one is, and leaves the metadata at expires_at.
CREATE TABLE saml_keys (
    id             TEXT PRIMARY KEY,
    usage          TEXT NOT NULL,
    generation     BIGINT NOT NULL,
    private_sealed TEXT NOT NULL,
    certificate    TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    active_from    BIGINT NOT NULL,
    expires_at     BIGINT,
    UNIQUE (usage, generation)
);

-- What is known of a provider that publishes metadata. source: digest of the settings that decide what is fetched and
-- taken; another one's row is not used. provider: what was read from the metadata last accepted, as JSON, missing before the
-- first; version grows with it. held: a later one that shares no key with it and waits for an operator. failure: why the
-- last fetch brought nothing. due_at: when it is to be fetched again.
CREATE TABLE provider_metadata (
    connection_id TEXT PRIMARY KEY REFERENCES connections (id) ON DELETE CASCADE,
    source        TEXT NOT NULL,
    version       BIGINT NOT NULL,
    provider      TEXT,
    held          TEXT,
    failure       TEXT,
    tried_at      BIGINT NOT NULL,
    fetched_at    BIGINT,
    changed_at    BIGINT,
    due_at        BIGINT NOT NULL
);
CREATE INDEX provider_metadata_by_due ON provider_metadata (due_at);

-- Which session at a provider a sign-in of ours rests on. subject_hash names its subject (the NameID) for lookups;
-- detail_sealed holds what a logout request needs, under "provider-session/{sid}".
CREATE TABLE provider_sessions (
    sid           TEXT PRIMARY KEY,
    connection_id TEXT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    subject_hash  TEXT NOT NULL,
    session_index TEXT,
    detail_sealed TEXT NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX provider_sessions_by_subject ON provider_sessions (connection_id, subject_hash);
CREATE INDEX provider_sessions_by_expiry ON provider_sessions (expires_at);

-- A browser that left to sign out at its provider: where it goes when it comes back. Taken once.
CREATE TABLE farewells (
    state_hash    TEXT PRIMARY KEY,
    connection_id TEXT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    memo          TEXT NOT NULL,
    way           TEXT,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX farewells_by_expiry ON farewells (expires_at);
CREATE INDEX farewells_by_connection ON farewells (connection_id);

-- How many sign-ins of one browser wait for one provider.
CREATE INDEX departures_by_browser ON departures (browser_hash, connection_id);
