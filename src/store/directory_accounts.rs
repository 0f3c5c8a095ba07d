//! The local users that a directory's records stand for: who is proven to be one, and what a record may change of them.

use super::{
    db::{Result, Tx},
    on::On,
};
use crate::{params, policy::email::Email};

/// The user who has signed in over a connection as `subject`. Of two (one connection may have several issuers) it is
/// neither.
///
/// # Errors
/// What the database says.
pub async fn of_subject(on: impl Into<On<'_>>, connection_id: &str, subject: &str) -> Result<Option<String>> {
    let sql = "SELECT user_id FROM identities WHERE connection_id = $1 AND subject = $2 LIMIT 2";
    let rows = on.into().all::<(String,)>(sql, params![connection_id, subject]).await?;
    Ok(<[(String,); 1]>::try_from(rows).ok().map(|[(id,)]| id))
}

/// Whether a record of the directory stands for the user.
///
/// # Errors
/// What the database says.
pub async fn has_record(on: impl Into<On<'_>>, user_id: &str, directory_id: &str) -> Result<bool> {
    let sql = "SELECT id FROM directory_users WHERE user_id = $1 AND directory_id = $2";
    Ok(on.into().optional::<(String,)>(sql, params![user_id, directory_id]).await?.is_some())
}

/// Whether a record speaks for a user's name and address: of several the one that an operator has linked, else the one that
/// made the user, else the oldest. Another directory of the same tenant then rewrites nobody whom the first one brought. One
/// that is not stored yet is the youngest.
///
/// # Errors
/// What the database says.
pub async fn speaks(on: impl Into<On<'_>>, record_id: &str, user_id: &str) -> Result<bool> {
    let sql = "SELECT id FROM directory_users WHERE user_id = $1 \
               ORDER BY CASE WHEN pinned = external_id THEN 0 WHEN made_user THEN 1 ELSE 2 END, created_at, id LIMIT 1";
    let first = on.into().optional::<(String,)>(sql, params![user_id]).await?;
    Ok(first.is_none_or(|(first,)| first == record_id))
}

/// Takes over a name, unless a declarative file says it.
///
/// # Errors
/// What the database says.
pub async fn rename(on: impl Into<On<'_>>, user_id: &str, name: &str, now: i64) -> Result<()> {
    let sql = "UPDATE users SET name = $2, updated_at = $3 WHERE id = $1 AND name IS DISTINCT FROM $2 AND NOT declared";
    on.into().alter(sql, params![user_id, name, now]).await.map(|_| ())
}

/// How a change of address ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readdressed {
    /// It is the user's.
    Done,
    /// The user keeps the old one: a declarative file says it, or they are an administrator, and whoever has their address
    /// could sign in as one, or an operator has shut them out, and the address with them.
    Kept,
    /// Another user of the tenant has it.
    Taken,
}

/// Takes over an address.
///
/// # Errors
/// A conflict when another user gets it at this moment.
pub async fn readdress(tx: &mut Tx, user_id: &str, email: &Email, proven: bool, now: i64) -> Result<Readdressed> {
    // Proven for whom nobody else knows yet: else whoever pushes gives somebody who is there an address of their own.
    let sql = "UPDATE users SET email = $2, updated_at = $4, \
                 email_proven = ($3 AND NOT EXISTS (SELECT 1 FROM identities i WHERE i.user_id = users.id)) \
               WHERE id = $1 AND email <> $2 AND NOT declared AND NOT (admin OR platform) AND COALESCE(shut_by, '') <> 'operator' \
               AND NOT EXISTS (SELECT 1 FROM users o WHERE o.tenant_id = users.tenant_id AND o.email = $2)";
    if On::from(&mut *tx).alter(sql, params![user_id, email.as_str(), proven, now]).await? > 0 {
        return Ok(Readdressed::Done);
    }
    let sql = "SELECT o.id FROM users u JOIN users o ON o.tenant_id = u.tenant_id AND o.email = $2 WHERE u.id = $1";
    let holder: Option<(String,)> = tx.optional(sql, params![user_id, email.as_str()]).await?;
    Ok(match holder {
        Some((holder,)) if holder == user_id => Readdressed::Done,
        Some(_) => Readdressed::Taken,
        None => Readdressed::Kept,
    })
}
