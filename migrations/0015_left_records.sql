-- What records of directories were called that have gone, or have another externalId by now, while the user they stood for is still
-- there: a lock that an operator has put on that user holds for whoever comes under the same externalId. `made`: the user came to
-- be by the record, under this very id.
CREATE TABLE left_records (
    directory_id TEXT NOT NULL REFERENCES directories (id) ON DELETE CASCADE,
    external_id  TEXT NOT NULL,
    user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    made         BOOLEAN NOT NULL,
    left_at      BIGINT NOT NULL,
    PRIMARY KEY (directory_id, external_id, user_id)
);
CREATE INDEX left_records_by_user ON left_records (user_id);
