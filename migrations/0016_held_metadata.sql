-- Since when a provider's metadata is held: kept while what comes says the same, anew when it says something else.
ALTER TABLE provider_metadata ADD COLUMN held_since BIGINT;
UPDATE provider_metadata SET held_since = fetched_at WHERE held IS NOT NULL;
