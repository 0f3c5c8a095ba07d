-- When somebody last signed in here, to the hour: lists ask who never has. Of those who came before this it is what is still
-- known of them.
ALTER TABLE users ADD COLUMN signed_in_at BIGINT;
UPDATE users SET signed_in_at = (SELECT MAX(last_seen_at) FROM identities WHERE identities.user_id = users.id);
UPDATE users SET signed_in_at = (SELECT MAX(created_at) FROM sessions WHERE sessions.user_id = users.id)
 WHERE signed_in_at IS NULL;
UPDATE users SET signed_in_at = (SELECT MAX(created_at) FROM families WHERE families.user_id = users.id)
 WHERE signed_in_at IS NULL;

-- Of a hundred thousand users those that are few: each in the order of the list.
CREATE INDEX users_deactivated ON users (tenant_id, email) WHERE NOT active;
CREATE INDEX users_administering ON users (tenant_id, email) WHERE admin OR platform;
CREATE INDEX users_who_never_came ON users (tenant_id, email) WHERE signed_in_at IS NULL;
