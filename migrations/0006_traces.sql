-- Traces of sign-ins, for whoever asks why one failed. They hold no secret: of what came, the names and who it is about.

-- id: a digest of the pending login's id, or a row id where there was none. tenant_id is null where nobody knows whose it was.
-- outcome: under_way, success, failed; cause is a word of the catalogue. hops has one JSON object a line, oldest first.
CREATE TABLE traces (
    id         TEXT PRIMARY KEY,
    tenant_id  TEXT REFERENCES tenants (id) ON DELETE CASCADE,
    at         BIGINT NOT NULL,
    outcome    TEXT NOT NULL,
    cause      TEXT,
    connection TEXT,
    email      TEXT,
    user_id    TEXT,
    address    TEXT NOT NULL,
    hops       TEXT NOT NULL
);
CREATE INDEX traces_by_tenant ON traces (tenant_id, at, id);
CREATE INDEX traces_by_outcome ON traces (tenant_id, outcome, at, id);
CREATE INDEX traces_by_email ON traces (tenant_id, email, at, id);
CREATE INDEX traces_by_cause ON traces (tenant_id, cause, at, id);
CREATE INDEX traces_by_connection ON traces (tenant_id, connection, at, id);
CREATE INDEX traces_by_time ON traces (at, id);

-- The codes that people were shown; one sign-in can fail several times.
CREATE TABLE trace_codes (
    code     TEXT NOT NULL,
    trace_id TEXT NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    PRIMARY KEY (code, trace_id)
);
CREATE INDEX trace_codes_by_trace ON trace_codes (trace_id);
