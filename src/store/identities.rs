//! Identities: which upstream subject is which user. The key is (connection, issuer, subject), never the e-mail.

use super::{
    db::{Db, Result, StoreError},
    on::On,
};
use crate::{
    params,
    policy::{email::Email, identity::Identity, linking::Candidate},
};

#[derive(sqlx::FromRow)]
struct Row {
    user_id: String,
    email: String,
    active: bool,
    email_proven: bool,
    has_identity_here: bool,
    administers: bool,
}

impl TryFrom<Row> for Candidate {
    type Error = StoreError;

    fn try_from(r: Row) -> Result<Self> {
        Ok(Self {
            email: Email::parse(&r.email).ok_or(StoreError::Corrupt("user e-mail address", r.email))?,
            user_id: r.user_id,
            active: r.active,
            email_proven: r.email_proven,
            has_identity_here: r.has_identity_here,
            administers: r.administers,
        })
    }
}

/// The user who holds (connection, issuer, subject).
///
/// # Errors
/// What the database says.
pub async fn owner(db: &Db, connection_id: &str, issuer: &str, subject: &str) -> Result<Option<Candidate>> {
    let row: Option<Row> = db
        .optional(
            "SELECT u.id AS user_id, u.email, u.active, u.email_proven, TRUE AS has_identity_here,
                    u.admin OR u.platform AS administers
             FROM identities i JOIN users u ON u.id = i.user_id
             WHERE i.connection_id = $1 AND i.issuer = $2 AND i.subject = $3",
            params![connection_id, issuer, subject],
        )
        .await?;
    row.map(TryInto::try_into).transpose()
}

/// The tenant's user with this address, and whether they already have an identity on the connection.
///
/// # Errors
/// What the database says.
pub async fn with_email(db: &Db, tenant_id: &str, email: &Email, connection_id: &str) -> Result<Option<Candidate>> {
    let row: Option<Row> = db
        .optional(
            "SELECT u.id AS user_id, u.email, u.active, u.email_proven,
                    EXISTS (SELECT 1 FROM identities i WHERE i.user_id = u.id AND i.connection_id = $3) AS has_identity_here,
                    u.admin OR u.platform AS administers
             FROM users u WHERE u.tenant_id = $1 AND u.email = $2",
            params![tenant_id, email.as_str(), connection_id],
        )
        .await?;
    row.map(TryInto::try_into).transpose()
}

/// Gives an identity to a user. `false` when (connection, issuer, subject) is taken meanwhile, or the
/// user got another identity of the connection: the caller decides anew.
///
/// # Errors
/// What the database says.
pub async fn insert(
    on: impl Into<On<'_>>,
    id: &str,
    connection_id: &str,
    user_id: &str,
    identity: &Identity,
    now: i64,
) -> Result<bool> {
    let n = on
        .into()
        .execute(
            "INSERT INTO identities (id, connection_id, issuer, subject, user_id, email, groups_json, created_at, last_seen_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT DO NOTHING",
            params![
                id,
                connection_id,
                &identity.issuer,
                &identity.subject,
                user_id,
                &identity.email,
                &groups_json(identity),
                now
            ],
        )
        .await?;
    Ok(n == 1)
}

/// What a connection's provider calls a user, if they have signed in over it.
///
/// # Errors
/// What the database says.
pub async fn subject(db: &Db, user_id: &str, connection_id: &str) -> Result<Option<String>> {
    let sql = "SELECT subject FROM identities WHERE user_id = $1 AND connection_id = $2";
    Ok(db.optional::<(String,)>(sql, params![user_id, connection_id]).await?.map(|(subject,)| subject))
}

/// Whether anybody has signed in over the connection.
///
/// # Errors
/// What the database says.
pub async fn any_of_connection(on: impl Into<On<'_>>, connection_id: &str) -> Result<bool> {
    let sql = "SELECT user_id FROM identities WHERE connection_id = $1 LIMIT 1";
    let one: Option<(String,)> = on.into().optional(sql, params![connection_id]).await?;
    Ok(one.is_some())
}

/// Notes what the provider said this time. Groups that it did not send are not known from now on: who has left the last
/// one is often told by leaving the claim out, and would be in it here for ever. `false`: it is not this user's any more.
///
/// # Errors
/// What the database says.
pub async fn touch(db: &Db, user_id: &str, connection_id: &str, identity: &Identity, now: i64) -> Result<bool> {
    let n = db
        .execute(
            "UPDATE identities SET email = $4, groups_json = $5, last_seen_at = $6
             WHERE connection_id = $1 AND issuer = $2 AND subject = $3 AND user_id = $7",
            params![connection_id, &identity.issuer, &identity.subject, &identity.email, &groups_json(identity), now, user_id],
        )
        .await?;
    Ok(n == 1)
}

/// An identity as its user's.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Held {
    /// Whose it is.
    pub user_id: String,
    /// The provider's issuer or entity id.
    pub issuer: String,
    /// The unique id there.
    pub subject: String,
    /// The address that it sent last.
    pub email: Option<String>,
}

/// The one that a user has on a connection.
///
/// # Errors
/// What the database says.
pub async fn of_user(on: impl Into<On<'_>>, user_id: &str, connection_id: &str) -> Result<Option<Held>> {
    let sql = "SELECT user_id, issuer, subject, email FROM identities WHERE user_id = $1 AND connection_id = $2";
    on.into().optional(sql, params![user_id, connection_id]).await
}

/// Whoever holds (connection, issuer, subject).
///
/// # Errors
/// What the database says.
pub async fn holder(on: impl Into<On<'_>>, connection_id: &str, issuer: &str, subject: &str) -> Result<Option<Held>> {
    let sql = "SELECT user_id, issuer, subject, email FROM identities
               WHERE connection_id = $1 AND issuer = $2 AND subject = $3";
    on.into().optional(sql, params![connection_id, issuer, subject]).await
}

/// Gives an identity that nobody has signed in with yet to a user, by an operator's word; `false` as with [`insert`].
///
/// # Errors
/// What the database says.
pub async fn give(
    on: impl Into<On<'_>>,
    id: &str,
    connection_id: &str,
    user_id: &str,
    (issuer, subject): (&str, &str),
    now: i64,
) -> Result<bool> {
    let sql = "INSERT INTO identities (id, connection_id, issuer, subject, user_id, created_at, last_seen_at)
               VALUES ($1, $2, $3, $4, $5, $6, 0) ON CONFLICT DO NOTHING";
    Ok(on.into().execute(sql, params![id, connection_id, issuer, subject, user_id, now]).await? == 1)
}

/// Takes the identity that a user has on a connection from them; whether they had one.
///
/// # Errors
/// What the database says.
pub async fn take(on: impl Into<On<'_>>, user_id: &str, connection_id: &str) -> Result<bool> {
    let sql = "DELETE FROM identities WHERE user_id = $1 AND connection_id = $2";
    Ok(on.into().alter(sql, params![user_id, connection_id]).await? == 1)
}

#[derive(sqlx::FromRow)]
struct Groups {
    groups_json: Option<String>,
}

/// The groups that a user's provider last sent over a connection.
///
/// # Errors
/// What the database says.
pub async fn groups(db: &Db, user_id: &str, connection_id: &str) -> Result<Option<Vec<String>>> {
    let row: Option<Groups> = db
        .optional(
            "SELECT groups_json FROM identities WHERE user_id = $1 AND connection_id = $2 ORDER BY last_seen_at DESC LIMIT 1",
            params![user_id, connection_id],
        )
        .await?;
    Ok(row.and_then(|r| r.groups_json).and_then(|text| serde_json::from_str(&text).ok()))
}

fn groups_json(identity: &Identity) -> Option<String> {
    identity.groups.as_ref().and_then(|g| serde_json::to_string(g).ok())
}
