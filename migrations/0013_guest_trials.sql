-- Test sign-ins by guests of set-up links.

-- A guest's browser that left for an identity provider to test the link's connection: bound to the browser in which the link was
-- followed, and gone with that. As trial_departures, beside which it stands: neither can pass for the other.
CREATE TABLE guest_departures (
    state_hash    TEXT PRIMARY KEY,
    guest_hash    TEXT NOT NULL REFERENCES setup_guests (guest_hash) ON DELETE CASCADE,
    link_id       TEXT NOT NULL REFERENCES setup_links (id) ON DELETE CASCADE,
    connection_id TEXT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    fingerprint   TEXT NOT NULL,
    memo_sealed   TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX guest_departures_by_guest ON guest_departures (guest_hash);
CREATE INDEX guest_departures_by_link ON guest_departures (link_id, created_at);
CREATE INDEX guest_departures_by_connection ON guest_departures (connection_id);
CREATE INDEX guest_departures_by_expiry ON guest_departures (expires_at);

-- What came of the newest test by a link, for a day; the report holds what the provider says of a person.
CREATE TABLE guest_trials (
    link_id       TEXT PRIMARY KEY REFERENCES setup_links (id) ON DELETE CASCADE,
    connection_id TEXT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    passed        BOOLEAN NOT NULL,
    fingerprint   TEXT NOT NULL,
    report_sealed TEXT NOT NULL,
    at            BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX guest_trials_by_connection ON guest_trials (connection_id, at);
CREATE INDEX guest_trials_by_expiry ON guest_trials (expires_at);

-- The settings under which a guest's test has passed last, and when: for the link's page, and no proof for require_sso, since a
-- guest is told nothing of who would be let in.
ALTER TABLE setup_links ADD COLUMN tested TEXT;
ALTER TABLE setup_links ADD COLUMN tested_at BIGINT;
