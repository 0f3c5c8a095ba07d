-- What a group is called as it was sent: who lists users reads the names of their groups, and no whole groups.
ALTER TABLE directory_groups ADD COLUMN shown_name TEXT;
--postgres CREATE FUNCTION json_extract(resource TEXT, path TEXT) RETURNS TEXT LANGUAGE SQL AS 'SELECT CAST(resource AS json) ->> SUBSTR(path, 3)';
UPDATE directory_groups SET shown_name = json_extract(resource, '$.displayName');
--postgres DROP FUNCTION json_extract(TEXT, TEXT);

-- The externalId of a record's user when they were made, or were last given nothing by hand: what somebody gives them is
-- given to who they were then.
ALTER TABLE directory_users ADD COLUMN made_as TEXT;
UPDATE directory_users SET made_as = external_id WHERE made_user;
