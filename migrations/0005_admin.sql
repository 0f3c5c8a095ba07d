-- Administration: who may administer what, how they come in for the first time, and what they have done.

-- platform: administers every tenant, the deployment's own things too; tenant administrators (admin) their own tenant alone.
ALTER TABLE users ADD COLUMN platform BOOLEAN NOT NULL DEFAULT FALSE;

-- A link that lets somebody in without a sign-in, once: kind is "setup" (the first administrator of a new deployment, user_id
-- is null) or "break_glass" (as this administrator, when their provider is down). made_by says who made it.
CREATE TABLE admin_links (
    link_hash  TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    user_id    TEXT REFERENCES users (id) ON DELETE CASCADE,
    made_by    TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);

-- Who has done what, oldest first: never updated, and deleted only from its beginning, when it is old. mac is a keyed digest
-- of the entry and of the mac before it, so that whoever alters the table without the master key is found out.
-- actor is for people to read, actor_id the user's row where there is one, via how they came: page, api, command, file, scim,
-- sign-in, system. changes is JSON: per field what it was and what it is, secrets redacted.
CREATE TABLE audit (
    seq       BIGINT PRIMARY KEY,
    at        BIGINT NOT NULL,
    tenant_id TEXT,
    actor     TEXT NOT NULL,
    actor_id  TEXT,
    via       TEXT NOT NULL,
    address   TEXT,
    action    TEXT NOT NULL,
    subject   TEXT NOT NULL,
    changes   TEXT NOT NULL,
    mac       TEXT NOT NULL
);
CREATE INDEX audit_by_tenant ON audit (tenant_id, seq);
CREATE INDEX audit_by_subject ON audit (subject, seq);

-- Where the log ends (1: its last entry; the row that writers take turns at) and where it begins (2: the last entry that is
-- no longer kept). mac is that entry's; seal is a keyed digest of the row, so that whoever cuts the log at either end cannot
-- make the row fit.
CREATE TABLE audit_head (
    id   BIGINT PRIMARY KEY,
    seq  BIGINT NOT NULL,
    mac  TEXT NOT NULL,
    seal TEXT NOT NULL
);
INSERT INTO audit_head (id, seq, mac, seal) VALUES (1, 0, '', ''), (2, 0, '', '');

-- What is put in order, or found by how it begins, is compared byte by byte, as SQLite does with all texts: PostgreSQL would
-- go by the language of its database, and no index of that language finds a beginning. Lines that begin with --postgres are
-- PostgreSQL's alone.
--postgres ALTER TABLE directory_users ALTER COLUMN user_name TYPE TEXT COLLATE "C", ALTER COLUMN external_id TYPE TEXT COLLATE "C",
--postgres     ALTER COLUMN display_name TYPE TEXT COLLATE "C", ALTER COLUMN given_name TYPE TEXT COLLATE "C",
--postgres     ALTER COLUMN family_name TYPE TEXT COLLATE "C";
--postgres ALTER TABLE directory_emails ALTER COLUMN value TYPE TEXT COLLATE "C", ALTER COLUMN kind TYPE TEXT COLLATE "C";
--postgres ALTER TABLE directory_groups ALTER COLUMN display_name TYPE TEXT COLLATE "C",
--postgres     ALTER COLUMN external_id TYPE TEXT COLLATE "C";
--postgres ALTER TABLE users ALTER COLUMN email TYPE TEXT COLLATE "C";
--postgres ALTER TABLE teams ALTER COLUMN name TYPE TEXT COLLATE "C";
--postgres ALTER TABLE directories ALTER COLUMN name TYPE TEXT COLLATE "C";
--postgres ALTER TABLE resources ALTER COLUMN kind TYPE TEXT COLLATE "C", ALTER COLUMN name TYPE TEXT COLLATE "C";
--postgres ALTER TABLE site_places ALTER COLUMN host TYPE TEXT COLLATE "C", ALTER COLUMN path TYPE TEXT COLLATE "C";
--postgres ALTER TABLE signing_keys ALTER COLUMN alg TYPE TEXT COLLATE "C";
