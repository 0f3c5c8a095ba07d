//! The local users that a directory's records stand for: who is proven to be one, and which record
//! speaks for them.

use super::{db::Result, on::On};
use crate::params;

/// [`of_subject`]'s question. Asked inside the transaction that writes a record, of a connection with any number of people: a test
/// asks the databases how they go about it, as of the two others like it.
pub const OF_SUBJECT: &str = "SELECT DISTINCT user_id FROM identities WHERE connection_id = $1 AND subject = $2 LIMIT 2";

/// [`is_anothers`]' question.
pub const IS_ANOTHERS: &str =
    "SELECT user_id FROM identities WHERE connection_id = $1 AND subject = $2 AND user_id <> $3 LIMIT 1";

/// The user who has signed in over a connection as `subject`. Of two (one connection may have several issuers) it is
/// neither; one under two issuers is one.
///
/// # Errors
/// What the database says.
pub async fn of_subject(on: impl Into<On<'_>>, connection_id: &str, subject: &str) -> Result<Option<String>> {
    let rows = on.into().all::<(String,)>(OF_SUBJECT, params![connection_id, subject]).await?;
    Ok(<[(String,); 1]>::try_from(rows).ok().map(|[(id,)]| id))
}

/// Whether somebody other than `user_id` has signed in over a connection as `subject`.
///
/// # Errors
/// What the database says.
pub async fn is_anothers(on: impl Into<On<'_>>, connection_id: &str, subject: &str, user_id: &str) -> Result<bool> {
    Ok(on.into().optional::<(String,)>(IS_ANOTHERS, params![connection_id, subject, user_id]).await?.is_some())
}

/// Whether a record of the directory stands for the user.
///
/// # Errors
/// What the database says.
pub async fn has_record(on: impl Into<On<'_>>, user_id: &str, directory_id: &str) -> Result<bool> {
    let sql = "SELECT id FROM directory_users WHERE user_id = $1 AND directory_id = $2";
    Ok(on.into().optional::<(String,)>(sql, params![user_id, directory_id]).await?.is_some())
}

/// The users who are in although a record of the directory says that they are not: it was switched off when somebody let them
/// in. Of who administers the deployment no directory says so.
///
/// # Errors
/// What the database says.
pub async fn in_against(on: impl Into<On<'_>>, directory_id: &str) -> Result<Vec<String>> {
    let sql = "SELECT u.id FROM directory_users d JOIN users u ON u.id = d.user_id \
               WHERE d.directory_id = $1 AND NOT d.active AND u.active AND NOT u.platform ORDER BY u.id";
    Ok(on.into().all::<(String,)>(sql, params![directory_id]).await?.into_iter().map(|(id,)| id).collect())
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
