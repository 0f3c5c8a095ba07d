//! What records of directories were called that are gone, while their users are still there: an operator's lock on such a user
//! holds for whoever comes under the same `externalId`. Else a directory would take the record away and bring the person in
//! anew, by another address. What a directory leaves that is itself gone, or is matched with other sign-ins, is its tenant's.

use super::{
    db::{Result, StoreError, Tx},
    on::On,
};
use crate::{
    params,
    policy::{
        email::Email,
        linking::{Candidate, Record},
    },
};

/// Whom an operator has shut out, and whom a directory calls, or has called, by some `externalId`.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Locked {
    /// The user.
    pub user_id: String,
    /// Whether it is the same directory, whose record is gone.
    pub is_own: bool,
    /// Whether they came to be by that record, under this very id.
    pub made: bool,
}

/// Remembers what a record is called that is about to go, or with `changes` to be called otherwise: of a user who is shut out
/// then, for any other stays the directory's own. The first hundred of a user count, so that nobody fills the database, or
/// drives out what the person was called first.
///
/// # Errors
/// What the database says.
pub async fn leave(tx: &mut Tx, record_id: &str, changes: bool, now: i64) -> Result<()> {
    let sql = "INSERT INTO left_records (directory_id, external_id, user_id, made, left_at) \
               SELECT r.directory_id, r.external_id, r.user_id, r.made_user AND COALESCE(r.made_as = r.external_id, FALSE), $3 \
               FROM directory_users r JOIN users u ON u.id = r.user_id \
               WHERE r.id = $1 AND COALESCE(r.external_id, '') <> '' \
                 AND (NOT $2 OR NOT u.active AND COALESCE(u.shut_by, '') = 'operator') \
                 AND (SELECT COUNT(*) FROM left_records l WHERE l.user_id = r.user_id) < 100 \
               ON CONFLICT (directory_id, external_id, user_id) DO UPDATE SET made = excluded.made";
    tx.execute(sql, params![record_id, changes, now]).await.map(|_| ())
}

/// Keeps for the tenant whom an operator has shut out, and what a directory calls, or has called, them: it is about to go, or to be
/// matched with the sign-ins of another connection.
///
/// # Errors
/// What the database says.
pub(super) async fn keep(on: &mut On<'_>, directory_id: &str) -> Result<()> {
    let sql = "INSERT INTO left_locks (tenant_id, external_id, connection_id, user_id) \
               SELECT d.tenant_id, k.external_id, COALESCE(d.connection_id, ''), k.user_id \
               FROM (SELECT r.directory_id, r.external_id, r.user_id FROM directory_users r WHERE r.directory_id = $1 \
                     UNION SELECT l.directory_id, l.external_id, l.user_id FROM left_records l WHERE l.directory_id = $1) k \
               JOIN users u ON u.id = k.user_id JOIN directories d ON d.id = k.directory_id \
               WHERE COALESCE(k.external_id, '') <> '' AND NOT u.active AND u.shut_by = 'operator' \
               ON CONFLICT (tenant_id, external_id, connection_id, user_id) DO NOTHING";
    on.execute(sql, params![directory_id]).await.map(|_| ())
}

/// The same of all directories that are matched with the sign-ins of a connection, which is about to go: they stay, and do not know
/// then what it was.
///
/// # Errors
/// What the database says.
pub(super) async fn keep_of_connection(on: &mut On<'_>, connection_id: &str) -> Result<()> {
    let sql = "SELECT id FROM directories WHERE connection_id = $1";
    for (id,) in on.all::<(String,)>(sql, params![connection_id]).await? {
        keep(on, &id).await?;
    }
    Ok(())
}

/// What an operator's lock holds for beside what records say now: nobody else gets this `externalId` as long as it does.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Kept {
    /// What the person was called.
    pub external_id: String,
    /// The directory that called them so; none where it is gone or matched otherwise.
    pub directory: Option<String>,
    /// The connection whose sign-ins it was matched with, as far as that is there.
    pub connection: Option<String>,
    /// Whether that connection is gone.
    pub is_replaced: bool,
}

impl Kept {
    /// For whom it is refused.
    #[must_use]
    pub fn reach(&self) -> String {
        let connection = self.connection.as_ref();
        match (&self.directory, connection) {
            (Some(directory), None) => format!("in directory {directory}"),
            (Some(directory), Some(connection)) => format!("in directory {directory}, and over connection {connection}"),
            (None, Some(connection)) => format!("over connection {connection}, and in directories of none"),
            (None, None) if self.is_replaced => {
                "in every directory and over every connection: the one it was of is gone".to_owned()
            }
            (None, None) => "in every directory: the one it was of had no connection".to_owned(),
        }
    }
}

/// Those of a user, as long as an operator has shut them out.
///
/// # Errors
/// What the database says.
pub async fn kept_for(on: impl Into<On<'_>>, user_id: &str) -> Result<Vec<Kept>> {
    kept_from(on, user_id, (0, i64::MAX)).await
}

/// At most `limit` of them, without the first `from`.
///
/// # Errors
/// What the database says.
pub async fn kept_from(on: impl Into<On<'_>>, user_id: &str, (from, limit): (i64, i64)) -> Result<Vec<Kept>> {
    let sql = "SELECT k.external_id, k.directory, c.name AS connection, (k.connection_id <> '' AND c.id IS NULL) AS is_replaced FROM \
                 (SELECT l.user_id, l.external_id, d.name AS directory, COALESCE(d.connection_id, '') AS connection_id \
                  FROM left_records l JOIN directories d ON d.id = l.directory_id WHERE l.user_id = $1 \
                  UNION \
                  SELECT t.user_id, t.external_id, NULL AS directory, t.connection_id FROM left_locks t WHERE t.user_id = $1) k \
               JOIN users u ON u.id = k.user_id LEFT JOIN connections c ON c.id = k.connection_id \
               WHERE NOT u.active AND u.shut_by = 'operator' ORDER BY k.external_id, c.name, k.directory LIMIT $2 OFFSET $3";
    on.into().all(sql, params![user_id, limit, from]).await
}

/// Whom an operator has shut out under the `externalId` that a record of the directory gets now: the directory's own first.
/// From now on it is this record's. Of directories that are gone, those count that had the same connection, or one that is gone
/// too, or none, since nothing else says then whose ids they were; where the directory has none, all of the tenant.
///
/// # Errors
/// What the database says.
pub async fn met(tx: &mut Tx, directory_id: &str, connection_id: Option<&str>, external_id: &str) -> Result<Vec<Locked>> {
    let sql = "SELECT k.user_id, k.is_own, k.made FROM \
                 (SELECT l.user_id, l.directory_id = $1 AS is_own, l.made FROM left_records l \
                  WHERE l.external_id = $3 AND l.directory_id IN (SELECT id FROM directories WHERE id = $1 OR connection_id = $2) \
                  UNION ALL \
                  SELECT r.user_id, FALSE, FALSE FROM directory_users r \
                  WHERE r.external_id = $3 AND r.directory_id IN (SELECT id FROM directories WHERE id = $1 OR connection_id = $2) \
                  UNION ALL \
                  SELECT t.user_id, FALSE, FALSE FROM directories d JOIN left_locks t ON t.tenant_id = d.tenant_id \
                  WHERE d.id = $1 AND t.external_id = $3 AND ($2 IS NULL OR t.connection_id = $2 \
                    OR NOT EXISTS (SELECT 1 FROM connections o WHERE o.id = t.connection_id))) k \
               JOIN users u ON u.id = k.user_id \
               WHERE NOT u.active AND u.shut_by = 'operator' ORDER BY k.is_own DESC, k.user_id";
    let locked = tx.all::<Locked>(sql, params![directory_id, connection_id, external_id]).await?;
    let sql = "DELETE FROM left_records WHERE directory_id = $1 AND external_id = $2";
    tx.execute(sql, params![directory_id, external_id]).await?;
    Ok(locked)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    email: String,
    email_proven: bool,
    administers: bool,
}

/// The same of who signs in as `subject`, in all directories that a connection has or had, and in those whose connection is gone, for
/// this one may have come in its place: a record that leads to nobody but them.
///
/// # Errors
/// What the database says.
pub async fn by_subject(on: impl Into<On<'_>>, connection_id: &str, subject: &str) -> Result<Option<Record>> {
    let sql = "SELECT u.id, u.email, u.email_proven, u.admin OR u.platform AS administers FROM users u WHERE NOT u.active AND u.shut_by = 'operator' AND u.id IN \
                 (SELECT l.user_id FROM directories d JOIN left_records l ON l.directory_id = d.id AND l.external_id = $2 \
                  WHERE d.connection_id = $1 \
                  UNION \
                  SELECT r.user_id FROM directories d JOIN directory_users r ON r.directory_id = d.id AND r.external_id = $2 \
                  WHERE d.connection_id = $1 \
                  UNION \
                  SELECT t.user_id FROM connections c JOIN left_locks t ON t.tenant_id = c.tenant_id \
                  WHERE c.id = $1 AND t.external_id = $2 AND (t.connection_id = c.id \
                    OR t.connection_id <> '' AND NOT EXISTS (SELECT 1 FROM connections o WHERE o.id = t.connection_id))) \
               ORDER BY u.id LIMIT 1";
    let Some(row) = on.into().optional::<Row>(sql, params![connection_id, subject]).await? else { return Ok(None) };
    let user = Candidate {
        email: Email::parse(&row.email).ok_or(StoreError::Corrupt("user e-mail address", row.email))?,
        user_id: row.id.clone(),
        active: false,
        email_proven: row.email_proven,
        has_identity_here: false,
        administers: row.administers,
    };
    Ok(Some(Record { id: row.id, active: true, leads: true, pinned: false, home_only: false, user: Some(user) }))
}
