-- When what connections depend on ends, so that no list reads the settings and metadata of all: of one version of the
-- connection and of its provider's metadata, and read anew for another.
CREATE TABLE connection_ends (
  connection_id TEXT PRIMARY KEY REFERENCES connections (id) ON DELETE CASCADE,
  version BIGINT NOT NULL,
  metadata_version BIGINT NOT NULL,
  -- Our secret there, the last of the provider's certificates, and its metadata (validUntil); nothing: that does not end.
  secret_at BIGINT,
  certificate_at BIGINT,
  metadata_at BIGINT,
  -- Whether the metadata is fetched again before it ends.
  fetched BOOLEAN NOT NULL,
  -- The first of them.
  soonest BIGINT
);
CREATE INDEX connection_ends_soonest ON connection_ends (soonest);
