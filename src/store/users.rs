//! Users: the local accounts that identities are linked to. `access` ends what they have, `opening` lets them in again.

mod access;
mod opening;

pub use access::{
    AtStake, By, LastAdministrator, ShutOut, at_stake, end_access, end_with_receipt, find_locked, hold_administrator,
    hold_administrators, hold_for_record, remove, set_password, shut_out, sign_out,
};
pub use opening::{Opened, Opening, open_again};

use super::{
    db::{Result, StoreError},
    invites,
    on::On,
    personal_tokens, setup_links,
    statement::Statement,
    window::{Phase, Window},
};
use crate::{
    params,
    policy::{email::Email, provisioning::Admitted},
};

/// A local account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Row id, `sub` of our tokens.
    pub id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// Unique within the tenant.
    pub email: Email,
    /// Whether an operator or a trusted provider vouched for the address.
    pub email_proven: bool,
    /// The person's name.
    pub name: Option<String>,
    /// Argon2id in PHC form, when the person has a password.
    pub password_hash: Option<String>,
    /// May administer the tenant.
    pub admin: bool,
    /// May administer every tenant and the deployment ([`set_platform`]).
    pub platform: bool,
    /// A deactivated user is refused on every path.
    pub active: bool,
    /// Who has shut them out, while they are.
    pub shut_by: Option<By>,
    /// When they last signed in, to the hour (unix seconds); never, as far as anybody knows. Only [`note_sign_in`] writes it.
    pub signed_in_at: Option<i64>,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub updated_at: i64,
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: String,
    tenant_id: String,
    email: String,
    email_proven: bool,
    name: Option<String>,
    password_hash: Option<String>,
    admin: bool,
    platform: bool,
    active: bool,
    shut_by: Option<String>,
    signed_in_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Stored> for User {
    type Error = StoreError;

    fn try_from(row: Stored) -> Result<Self> {
        Ok(Self {
            email: Email::parse(&row.email).ok_or(StoreError::Corrupt("user e-mail address", row.email))?,
            id: row.id,
            tenant_id: row.tenant_id,
            email_proven: row.email_proven,
            name: row.name,
            password_hash: row.password_hash,
            admin: row.admin,
            platform: row.platform,
            active: row.active,
            shut_by: row.shut_by.as_deref().map(By::read).transpose()?,
            signed_in_at: row.signed_in_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// By row id.
///
/// # Errors
/// What the database says.
pub async fn find(on: impl Into<On<'_>>, id: &str) -> Result<Option<User>> {
    let row = on.into().optional::<Stored>("SELECT * FROM users WHERE id = $1", params![id]).await?;
    row.map(User::try_from).transpose()
}

/// By address within a tenant.
///
/// # Errors
/// What the database says.
pub async fn find_by_email(on: impl Into<On<'_>>, tenant_id: &str, email: &Email) -> Result<Option<User>> {
    let sql = "SELECT * FROM users WHERE tenant_id = $1 AND email = $2";
    let row = on.into().optional::<Stored>(sql, params![tenant_id, email.as_str()]).await?;
    row.map(User::try_from).transpose()
}

/// All of a tenant, in the order they were made.
///
/// # Errors
/// What the database says.
pub async fn of_tenant(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Vec<User>> {
    let sql = "SELECT * FROM users WHERE tenant_id = $1 ORDER BY created_at, id";
    let rows = on.into().all::<Stored>(sql, params![tenant_id]).await?;
    rows.into_iter().map(User::try_from).collect()
}

/// The next `limit` of a tenant after an address, by address; from the beginning after none.
///
/// # Errors
/// What the database says.
pub async fn page(on: impl Into<On<'_>>, tenant_id: &str, after: &str, limit: i64) -> Result<Vec<User>> {
    let sql = "SELECT * FROM users WHERE tenant_id = $1 AND email > $2 ORDER BY email LIMIT $3";
    let rows = on.into().all::<Stored>(sql, params![tenant_id, after, limit]).await?;
    rows.into_iter().map(User::try_from).collect()
}

/// What [`window`] asks.
pub const WINDOW: &str = "SELECT * FROM users WHERE tenant_id = $1 AND email > $2 \
               AND (email LIKE $3 ESCAPE '!' OR LOWER(name) LIKE $3 ESCAPE '!') ORDER BY email LIMIT $4";

/// What [`window`] asks where it is narrowed to a state: of the few there is an index, of the many who are active the list's own.
#[must_use]
pub fn narrowed<'a>(window: &'a Window<'a>) -> Statement<'a> {
    let w = window;
    let mut s = Statement::new("SELECT * FROM users WHERE tenant_id = ");
    s.bind(w.tenant_id).push(" AND email > ").bind(w.after).push(" AND (email LIKE ").bind(w.like());
    s.push(" ESCAPE '!' OR ");
    w.holds(&mut s, "name");
    s.push(")").push(match w.narrow.state {
        Some(Phase::Active) => " AND active",
        Some(Phase::Deactivated) => " AND NOT active",
        Some(Phase::Administrators) => " AND (admin OR platform)",
        Some(Phase::NeverSignedIn) => " AND signed_in_at IS NULL",
        _ => "",
    });
    s.push(" ORDER BY email LIMIT ").bind(w.limit);
    s
}

/// A part of a tenant's, by address; the search looks at names too.
///
/// # Errors
/// What the database says.
pub async fn window(on: impl Into<On<'_>>, window: &Window<'_>) -> Result<Vec<User>> {
    let w = window;
    let rows = match w.narrow.state {
        Some(_) => on.into().search::<Stored>(&narrowed(w), w.time()).await?,
        None if w.is_beyond_ascii() => on.into().search::<Stored>(&narrowed(w), w.time()).await?,
        None => on.into().part::<Stored>(w, WINDOW, params![w.tenant_id, w.after, w.like(), w.limit]).await?,
    };
    rows.into_iter().map(User::try_from).collect()
}

/// Inserts a new user, of whom it was asked whether they may become one. `false`: the tenant has one with this address
/// already, and nothing was changed.
///
/// # Errors
/// What the database says.
pub async fn insert(on: impl Into<On<'_>>, user: &User, _: Admitted) -> Result<bool> {
    let sql = "INSERT INTO users (id, tenant_id, email, email_proven, name, password_hash, admin, active, shut_by, \
                 created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
               ON CONFLICT (tenant_id, email) DO NOTHING";
    let u = user;
    let params = params![
        &u.id,
        &u.tenant_id,
        u.email.as_str(),
        u.email_proven,
        &u.name,
        &u.password_hash,
        u.admin,
        u.active,
        u.shut_by.map(By::as_str),
        u.created_at,
        u.updated_at,
    ];
    Ok(on.into().execute(sql, params).await? > 0)
}

/// Whether a declarative file made this user.
///
/// # Errors
/// What the database says.
pub async fn is_declared(on: impl Into<On<'_>>, id: &str) -> Result<bool> {
    Ok(on.into().optional::<(String,)>("SELECT id FROM users WHERE id = $1 AND declared", params![id]).await?.is_some())
}

/// Notes that a declarative file made this user.
///
/// # Errors
/// What the database says.
pub async fn declare(on: impl Into<On<'_>>, id: &str) -> Result<()> {
    on.into().execute("UPDATE users SET declared = TRUE WHERE id = $1", params![id]).await.map(|_| ())
}

/// A tenant's users whom a declarative file made: everyone else came by a sign-in or from a directory, which a file does
/// not speak for.
///
/// # Errors
/// What the database says.
pub async fn declared(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Vec<User>> {
    let sql = "SELECT * FROM users WHERE tenant_id = $1 AND declared ORDER BY created_at, id";
    let rows = on.into().all::<Stored>(sql, params![tenant_id]).await?;
    rows.into_iter().map(User::try_from).collect()
}

/// How many users of a tenant no file made, and the addresses of the first `some` of them.
///
/// # Errors
/// What the database says.
pub async fn undeclared(on: impl Into<On<'_>>, tenant_id: &str, some: usize) -> Result<(i64, Vec<String>)> {
    let mut on = on.into();
    let sql = "SELECT COUNT(*) FROM users WHERE tenant_id = $1 AND NOT declared";
    let count = on.optional::<(i64,)>(sql, params![tenant_id]).await?.map_or(0, |(count,)| count);
    let sql = "SELECT email FROM users WHERE tenant_id = $1 AND NOT declared ORDER BY created_at, id LIMIT $2";
    let some = i64::try_from(some).unwrap_or(i64::MAX);
    let rows = on.all::<(String,)>(sql, params![tenant_id, some]).await?;
    Ok((count, rows.into_iter().map(|(email,)| email).collect()))
}

/// Whether anybody can administer the tenant.
///
/// # Errors
/// What the database says.
pub async fn is_administered(on: impl Into<On<'_>>, tenant_id: &str) -> Result<bool> {
    let sql = "SELECT id FROM users WHERE tenant_id = $1 AND admin AND active LIMIT 1";
    Ok(on.into().optional::<(String,)>(sql, params![tenant_id]).await?.is_some())
}

/// Who administers a tenant, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Led {
    /// Active administrators, of the deployment too.
    pub administrators: i64,
    /// Those of them who have signed in over a connection that is enabled and offered for sign-in.
    pub over_connections: i64,
}

/// How many administer a tenant, and how many of them came in over a connection that people can use. An identity that an
/// operator has given and nobody has used yet proves nothing.
///
/// # Errors
/// What the database says.
pub async fn led(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Led> {
    let sql = "SELECT COUNT(*) AS administrators, \
                      (SELECT COUNT(*) FROM users u WHERE u.tenant_id = $1 AND (u.admin OR u.platform) AND u.active \
                       AND EXISTS (SELECT 1 FROM identities i JOIN connections c ON c.id = i.connection_id \
                                   WHERE i.user_id = u.id AND i.last_seen_at > 0 AND c.enabled AND c.login_enabled)) \
                        AS over_connections \
               FROM users WHERE tenant_id = $1 AND (admin OR platform) AND active";
    Ok(on.into().optional(sql, params![tenant_id]).await?.unwrap_or_default())
}

/// Whether somebody can administer the deployment: whose organisation is switched off can not.
///
/// # Errors
/// What the database says.
pub async fn is_governed(on: impl Into<On<'_>>) -> Result<bool> {
    let sql = "SELECT u.id FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE u.platform AND u.active AND t.enabled LIMIT 1";
    Ok(on.into().optional::<(String,)>(sql, params![]).await?.is_some())
}

/// Whether somebody could administer a tenant, and the deployment, without this user.
///
/// # Errors
/// What the database says.
pub async fn led_without(on: impl Into<On<'_>>, tenant_id: &str, user_id: &str) -> Result<(bool, bool)> {
    let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE tenant_id = $1 AND admin AND active AND id <> $2), \
                 EXISTS (SELECT 1 FROM users u JOIN tenants t ON t.id = u.tenant_id \
                   WHERE u.platform AND u.active AND t.enabled AND u.id <> $2)";
    Ok(on.into().optional::<(bool, bool)>(sql, params![tenant_id, user_id]).await?.unwrap_or_default())
}

/// Whether those of one tenant alone can: with it, nobody could any more.
///
/// # Errors
/// What the database says.
pub async fn is_governed_from(on: impl Into<On<'_>>, tenant_id: &str) -> Result<bool> {
    let sql = "SELECT (SELECT COUNT(*) FROM users WHERE platform AND active), \
                      (SELECT COUNT(*) FROM users WHERE platform AND active AND tenant_id = $1)";
    let (all, own) = on.into().optional::<(i64, i64)>(sql, params![tenant_id]).await?.unwrap_or_default();
    Ok(all > 0 && all == own)
}

/// Writes name, `email_proven`, `admin` and `updated_at`; whether the user is there. Address and tenant never change;
/// `active` changes through [`shut_out`] and [`open_again`] only, the password through [`set_password`].
///
/// # Errors
/// What the database says.
pub async fn update(on: impl Into<On<'_>>, user: &User) -> Result<bool> {
    let sql = "UPDATE users SET name = $2, email_proven = $3, admin = $4, updated_at = $5 WHERE id = $1";
    let params = params![&user.id, &user.name, user.email_proven, user.admin, user.updated_at];
    let mut on = on.into();
    let there = on.alter(sql, params).await? > 0;
    personal_tokens::delete_of_demoted(&mut on, &user.id).await?;
    setup_links::end_of_demoted(&mut on, &user.id, user.updated_at).await?;
    Ok(there)
}

/// Notes that somebody has signed in; to the hour, so that a busy hour writes once.
///
/// # Errors
/// What the database says.
pub async fn note_sign_in(on: impl Into<On<'_>>, id: &str, now: i64) -> Result<()> {
    let sql = "UPDATE users SET signed_in_at = $2 WHERE id = $1 AND (signed_in_at IS NULL OR signed_in_at <= $2 - 3600)";
    on.into().execute(sql, params![id, now]).await.map(|_| ())
}

/// All who administer anything, also those who are deactivated: of the deployment first, then by address.
///
/// # Errors
/// What the database says.
pub async fn administrators(on: impl Into<On<'_>>) -> Result<Vec<User>> {
    let sql = "SELECT * FROM users WHERE admin OR platform \
               ORDER BY CASE WHEN platform THEN 0 ELSE 1 END, email, tenant_id";
    let rows = on.into().all::<Stored>(sql, params![]).await?;
    rows.into_iter().map(User::try_from).collect()
}

/// Makes a user an administrator of the whole deployment, or one no more; whether the user is there. Nothing else writes
/// this: neither a sign-in nor a directory nor another administrator's form may.
///
/// # Errors
/// What the database says.
pub async fn set_platform(on: impl Into<On<'_>>, id: &str, platform: bool, now: i64) -> Result<bool> {
    let sql = "UPDATE users SET platform = $2, updated_at = $3 WHERE id = $1";
    let mut on = on.into();
    let there = on.alter(sql, params![id, platform, now]).await? > 0;
    personal_tokens::delete_of_demoted(&mut on, id).await?;
    setup_links::end_of_demoted(&mut on, id, now).await?;
    Ok(there)
}

/// Whether anybody administers anything yet: with nobody, a new deployment is set up by whoever reads its output.
///
/// # Errors
/// What the database says.
pub async fn is_deployment_administered(on: impl Into<On<'_>>) -> Result<bool> {
    let sql = "SELECT u.id FROM users u JOIN tenants t ON t.id = u.tenant_id \
               WHERE (u.admin OR u.platform) AND u.active AND t.enabled LIMIT 1";
    Ok(on.into().optional::<(String,)>(sql, params![]).await?.is_some())
}

/// Deletes a user with everything that is theirs; whether they were there. [`remove`] says what ended with them.
async fn delete(on: impl Into<On<'_>>, id: &str) -> Result<bool> {
    let mut on = on.into();
    // Records that stay have made nobody any more, and whom they come to stand for does not go with them.
    on.execute("UPDATE directory_users SET made_user = FALSE, made_as = NULL WHERE user_id = $1", params![id]).await?;
    invites::forget(&mut on, id).await?;
    Ok(on.alter("DELETE FROM users WHERE id = $1", params![id]).await? > 0)
}
