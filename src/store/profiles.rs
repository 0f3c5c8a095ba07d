//! Name and address of a user as somebody else says them: their provider at a sign-in, or their directory. What a
//! declarative file says stays; what a directory says, no sign-in changes.

use super::{db::Result, on::On};
use crate::{params, policy::email::Email};

/// Who says what a user is called and where they are written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Their provider, which vouches for the address.
    SignIn,
    /// A record of a directory.
    Directory {
        /// Whether the tenant has proven the address's domain. It then counts as the user's, unless somebody has signed in as
        /// them, or can by a password, or has given them anything by hand: else whoever pushes gives somebody who is there an
        /// address of their own.
        proven: bool,
    },
}

impl Source {
    fn is_directory(self) -> bool {
        self != Self::SignIn
    }

    fn is_proven(self) -> bool {
        matches!(self, Self::SignIn | Self::Directory { proven: true })
    }
}

/// Takes over a name; whether that changed anything.
///
/// # Errors
/// What the database says.
pub async fn rename(on: impl Into<On<'_>>, source: Source, user_id: &str, name: &str, now: i64) -> Result<bool> {
    let sql = "UPDATE users SET name = $2, updated_at = $3 \
               WHERE id = $1 AND name IS DISTINCT FROM $2 AND NOT declared \
                 AND ($4 OR NOT EXISTS (SELECT 1 FROM directory_users d WHERE d.user_id = users.id))";
    Ok(on.into().alter(sql, params![user_id, name, now, source.is_directory()]).await? > 0)
}

/// Takes a user's address for proven no more; whether it was until now.
///
/// # Errors
/// What the database says.
pub async fn unprove(on: impl Into<On<'_>>, user_id: &str, now: i64) -> Result<bool> {
    let sql = "UPDATE users SET email_proven = FALSE, updated_at = $2 WHERE id = $1 AND email_proven";
    Ok(on.into().alter(sql, params![user_id, now]).await? > 0)
}

/// Takes a user's address for proven, if this is theirs still; whether it was not until now.
///
/// # Errors
/// What the database says.
pub async fn prove(on: impl Into<On<'_>>, user_id: &str, email: &Email, now: i64) -> Result<bool> {
    let sql =
        "UPDATE users SET email_proven = TRUE, updated_at = $3 WHERE id = $1 AND email = $2 AND active AND NOT email_proven";
    Ok(on.into().alter(sql, params![user_id, email.as_str(), now]).await? > 0)
}

/// What became of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readdressed {
    /// It is the user's already.
    Theirs,
    /// It is the user's now.
    Changed,
    /// The user keeps the old one, which a file says, or to a provider a directory. From a directory it is also kept by an
    /// administrator, as whom the owner of the new one could sign in, and by whom an operator has shut out with the old one.
    Kept,
    /// Another user of the tenant has it. In a transaction nothing more can be done.
    Taken,
}

#[derive(sqlx::FromRow)]
struct Why {
    theirs: bool,
    taken: bool,
}

/// Takes over an address, never one that another user of the tenant has: whoever signs in stays who they are.
///
/// # Errors
/// What the database says.
pub async fn readdress(on: impl Into<On<'_>>, source: Source, user_id: &str, email: &Email, now: i64) -> Result<Readdressed> {
    let mut on = on.into();
    let sql = "UPDATE users SET email = $2, updated_at = $3, \
                 email_proven = $5 AND NOT ($4 AND ( \
                   password_hash IS NOT NULL OR signed_in_at IS NOT NULL \
                   OR EXISTS (SELECT 1 FROM identities i WHERE i.user_id = users.id) \
                   OR EXISTS (SELECT 1 FROM personal_tokens p WHERE p.user_id = users.id) \
                   OR EXISTS (SELECT 1 FROM team_members m WHERE m.user_id = users.id) \
                   OR EXISTS (SELECT 1 FROM collaborators c WHERE c.user_id = users.id) \
                   OR EXISTS (SELECT 1 FROM invites v WHERE v.accepted_by = users.id))) \
               WHERE id = $1 AND email <> $2 AND NOT declared \
                 AND CASE WHEN $4 THEN NOT admin AND NOT platform AND COALESCE(shut_by, '') <> 'operator' \
                     ELSE NOT EXISTS (SELECT 1 FROM directory_users d WHERE d.user_id = users.id) END \
                 AND NOT EXISTS (SELECT 1 FROM users o WHERE o.tenant_id = users.tenant_id AND o.email = $2)";
    match on.alter(sql, params![user_id, email.as_str(), now, source.is_directory(), source.is_proven()]).await {
        Ok(0) => {}
        Ok(_) => return Ok(Readdressed::Changed),
        // Somebody got it at this moment.
        Err(e) if e.is_conflict() => return Ok(Readdressed::Taken),
        Err(e) => return Err(e),
    }
    // To a provider whose word does not count it makes no difference whose it is.
    let sql = "SELECT u.email = $2 AS theirs, \
                 EXISTS (SELECT 1 FROM users o WHERE o.tenant_id = u.tenant_id AND o.email = $2 AND o.id <> u.id) \
                   AND ($3 OR NOT u.declared AND NOT EXISTS (SELECT 1 FROM directory_users d WHERE d.user_id = u.id)) AS taken \
               FROM users u WHERE u.id = $1";
    let why: Option<Why> = on.optional(sql, params![user_id, email.as_str(), source.is_directory()]).await?;
    Ok(match why {
        Some(Why { theirs: true, .. }) => Readdressed::Theirs,
        Some(Why { taken: true, .. }) => Readdressed::Taken,
        _ => Readdressed::Kept,
    })
}
