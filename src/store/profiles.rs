//! Name and address of a user as their provider says them at a sign-in. Who comes from a directory or from a declarative
//! file has them from there, and a sign-in changes nothing.

use super::db::{Db, Result};
use crate::{params, policy::email::Email, store::on::On};

/// Takes over a name; whether that changed anything.
///
/// # Errors
/// What the database says.
pub async fn rename(db: &Db, user_id: &str, name: &str, now: i64) -> Result<bool> {
    let sql = "UPDATE users SET name = $2, updated_at = $3
               WHERE id = $1 AND name IS DISTINCT FROM $2 AND NOT declared
                 AND NOT EXISTS (SELECT 1 FROM directory_users d WHERE d.user_id = users.id)";
    Ok(On::from(db).alter(sql, params![user_id, name, now]).await? > 0)
}

/// What became of an address that a provider vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readdressed {
    /// It is the user's already, or theirs comes from a directory or a file.
    Kept,
    /// It is the user's now.
    Changed,
    /// Another user has it.
    Taken,
}

#[derive(sqlx::FromRow)]
struct Asked {
    follows: bool,
    taken: bool,
}

/// Takes over an address that somebody vouches for, never one that another user of the tenant has: whoever signs in stays
/// who they are.
///
/// # Errors
/// What the database says.
pub async fn readdress(db: &Db, user_id: &str, email: &Email, now: i64) -> Result<Readdressed> {
    let sql = "UPDATE users SET email = $2, email_proven = TRUE, updated_at = $3
               WHERE id = $1 AND email <> $2 AND NOT declared
                 AND NOT EXISTS (SELECT 1 FROM directory_users d WHERE d.user_id = users.id)
                 AND NOT EXISTS (SELECT 1 FROM users o WHERE o.tenant_id = users.tenant_id AND o.email = $2)";
    match On::from(db).alter(sql, params![user_id, email.as_str(), now]).await {
        Ok(0) => {}
        Ok(_) => return Ok(Readdressed::Changed),
        // Somebody got it at this moment.
        Err(e) if e.is_conflict() => return Ok(Readdressed::Taken),
        Err(e) => return Err(e),
    }
    let asked: Option<Asked> = db
        .optional(
            "SELECT NOT u.declared AND NOT EXISTS (SELECT 1 FROM directory_users d WHERE d.user_id = u.id) AS follows,
                    EXISTS (SELECT 1 FROM users o WHERE o.tenant_id = u.tenant_id AND o.email = $2 AND o.id <> u.id) AS taken
             FROM users u WHERE u.id = $1",
            params![user_id, email.as_str()],
        )
        .await?;
    let taken = asked.is_some_and(|asked| asked.follows && asked.taken);
    Ok(if taken { Readdressed::Taken } else { Readdressed::Kept })
}
