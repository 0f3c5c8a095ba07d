-- Tokens of the admin API. Fingerprints only; scopes are a JSON list of texts.

-- A tenant's: for programs, whoever made it. Without a fingerprint it has no token yet. declared: a declarative file gave the
-- token. retired is the fingerprint of a file's token that was replaced since: the same file does not bring it back.
CREATE TABLE service_tokens (
    id           TEXT PRIMARY KEY,
    tenant_id    TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    fingerprint  TEXT UNIQUE,
    declared     BOOLEAN NOT NULL,
    retired      TEXT,
    enabled      BOOLEAN NOT NULL,
    scopes       TEXT NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT,
    created_at   BIGINT NOT NULL,
    UNIQUE (tenant_id, name)
);

-- An administrator's own: it may at most what they may.
CREATE TABLE personal_tokens (
    id           TEXT PRIMARY KEY,
    user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    fingerprint  TEXT NOT NULL UNIQUE,
    scopes       TEXT NOT NULL,
    expires_at   BIGINT NOT NULL,
    last_used_at BIGINT,
    created_at   BIGINT NOT NULL
);
CREATE INDEX personal_tokens_by_user ON personal_tokens (user_id, created_at);
CREATE INDEX personal_tokens_by_expiry ON personal_tokens (expires_at);

-- How far the audit log was sent to its webhook: one row. seq is the last entry that has arrived, upto the last one of the
-- batch under way, which goes again as it was. node has it until leased_until; due_at is when it may be tried again.
CREATE TABLE audit_stream (
    id           BIGINT PRIMARY KEY,
    seq          BIGINT NOT NULL,
    upto         BIGINT,
    attempts     BIGINT NOT NULL,
    due_at       BIGINT NOT NULL,
    node         TEXT NOT NULL,
    leased_until BIGINT NOT NULL
);
INSERT INTO audit_stream (id, seq, attempts, due_at, node, leased_until) VALUES (1, 0, 0, 0, '', 0);

--postgres ALTER TABLE service_tokens ALTER COLUMN name TYPE TEXT COLLATE "C";
