-- Test sign-ins: an operator signs in over a connection to see what would come of it, and nothing does.

-- A browser that left for an identity provider to test a connection: bound to the operator's browser, sign-in (sid) and user,
-- and taken once. fingerprint is of the settings that it left under. No login belongs to it, so that neither can pass for the
-- other.
CREATE TABLE trial_departures (
    state_hash    TEXT PRIMARY KEY,
    browser_hash  TEXT NOT NULL,
    sid           TEXT NOT NULL,
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    connection_id TEXT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    fingerprint   TEXT NOT NULL,
    memo_sealed   TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX trial_departures_by_user ON trial_departures (user_id);
CREATE INDEX trial_departures_by_connection ON trial_departures (connection_id);
CREATE INDEX trial_departures_by_expiry ON trial_departures (expires_at);

-- What came of an operator's newest test of a connection, for a day; the report holds what the provider says of a person.
CREATE TABLE trials (
    connection_id TEXT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    passed        BOOLEAN NOT NULL,
    fingerprint   TEXT NOT NULL,
    report_sealed TEXT NOT NULL,
    at            BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    PRIMARY KEY (connection_id, user_id)
);
CREATE INDEX trials_by_user ON trials (user_id);
CREATE INDEX trials_by_expiry ON trials (expires_at);

-- The settings under which a test of the connection has passed, and nothing of who came: kept until the next one passes.
CREATE TABLE trial_proofs (
    connection_id TEXT PRIMARY KEY REFERENCES connections (id) ON DELETE CASCADE,
    fingerprint   TEXT NOT NULL,
    at            BIGINT NOT NULL
);

-- require_sso: nobody of the tenant signs in with a password.
ALTER TABLE tenants ADD COLUMN require_sso BOOLEAN NOT NULL DEFAULT FALSE;
