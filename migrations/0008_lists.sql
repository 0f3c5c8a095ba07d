-- Lists of a hundred thousand: what each is put in order by, and narrowed by, in an index that has that order.

DROP INDEX clients_by_tenant;
CREATE INDEX clients_by_tenant ON clients (tenant_id, id);
DROP INDEX invites_by_tenant;
CREATE INDEX invites_by_tenant ON invites (tenant_id, id);
CREATE INDEX invites_by_tenant_end ON invites (tenant_id, expires_at);
CREATE INDEX audit_by_action ON audit (action, seq);

-- Names are put in order byte by byte, as SQLite does with all texts; see 0005.
--postgres ALTER TABLE connections ALTER COLUMN name TYPE TEXT COLLATE "C";
--postgres ALTER TABLE tenants ALTER COLUMN name TYPE TEXT COLLATE "C";
--postgres ALTER TABLE trusted_issuers ALTER COLUMN name TYPE TEXT COLLATE "C";
--postgres ALTER TABLE principals ALTER COLUMN kind TYPE TEXT COLLATE "C", ALTER COLUMN name TYPE TEXT COLLATE "C";
--postgres ALTER TABLE sites ALTER COLUMN name TYPE TEXT COLLATE "C";
