//! Personal tokens: an administrator's own programs at the admin API. By fingerprint alone, as all tokens.

use super::{
    db::{Result, StoreError},
    lineage::{self, With},
    on::On,
    read_json,
    statement::Statement,
    token_state::{Signs, TokenState},
    write_json,
};
use crate::{params, policy::api_scope::ApiScopes, seal::Sealer, secret};

/// What each begins with: scanners of leaked secrets know one by it, and so do we.
pub const PREFIX: &str = secret::PERSONAL_TOKEN;
/// Most that one administrator has.
pub const MOST: usize = 50;
/// Seconds that one lasts at most.
pub const LONGEST: i64 = 365 * 86_400;

/// A personal token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonalToken {
    /// Row id.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// What they call it.
    pub name: String,
    /// What it is recognised by.
    pub fingerprint: String,
    /// What it may, as far as they may.
    pub scopes: ApiScopes,
    /// What it was made with, where that was a token ([`super::lineage`]).
    pub made_with: Option<String>,
    /// When it ends.
    pub expires_at: i64,
    /// When it was last seen to be used, to the minute.
    pub last_used_at: Option<i64>,
    /// Unix seconds.
    pub created_at: i64,
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: String,
    user_id: String,
    name: String,
    fingerprint: String,
    scopes: String,
    made_with: Option<String>,
    expires_at: i64,
    last_used_at: Option<i64>,
    created_at: i64,
}

impl TryFrom<Stored> for PersonalToken {
    type Error = StoreError;

    fn try_from(row: Stored) -> Result<Self> {
        Ok(Self {
            scopes: read_json("personal token scopes", &row.scopes)?,
            id: row.id,
            user_id: row.user_id,
            name: row.name,
            fingerprint: row.fingerprint,
            made_with: row.made_with,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            created_at: row.created_at,
        })
    }
}

/// How a token is stored and looked up.
#[must_use]
pub fn fingerprint(sealer: &Sealer, token: &str) -> String {
    sealer.fingerprint("personal token", token)
}

/// The one with this [`fingerprint`].
///
/// # Errors
/// What the database says.
pub async fn by_fingerprint(on: impl Into<On<'_>>, fingerprint: &str) -> Result<Option<PersonalToken>> {
    let sql = "SELECT * FROM personal_tokens WHERE fingerprint = $1";
    on.into().optional::<Stored>(sql, params![fingerprint]).await?.map(PersonalToken::try_from).transpose()
}

/// Those of a user, the newest first.
///
/// # Errors
/// What the database says.
pub async fn of_user(on: impl Into<On<'_>>, user_id: &str) -> Result<Vec<PersonalToken>> {
    let sql = "SELECT * FROM personal_tokens WHERE user_id = $1 ORDER BY created_at DESC, id DESC";
    on.into().all::<Stored>(sql, params![user_id]).await?.into_iter().map(PersonalToken::try_from).collect()
}

#[derive(sqlx::FromRow)]
struct Judged {
    #[sqlx(flatten)]
    token: Stored,
    lives: bool,
}

/// Those of a user, the newest first, and whether each opens something at `now` (unix seconds).
///
/// # Errors
/// What the database says.
pub async fn judged(on: impl Into<On<'_>>, user_id: &str, now: i64) -> Result<Vec<(PersonalToken, TokenState)>> {
    let mut s = Statement::new("SELECT k.*, ");
    lineage::living(&mut s, With::Column("k.made_with"), now);
    s.push(" AS lives FROM personal_tokens k WHERE k.user_id = ").bind(user_id).push(" ORDER BY k.created_at DESC, k.id DESC");
    let state = |row: Judged| {
        let signs = Signs { enabled: true, expires_at: Some(row.token.expires_at), lives: row.lives };
        Ok((PersonalToken::try_from(row.token)?, TokenState::of(signs, now)))
    };
    on.into().select::<Judged>(&s).await?.into_iter().map(state).collect()
}

/// Of active users of a tenant, or of all, those that end after `since` (unix seconds), the soonest first and of each tenant at
/// most `most`, without those whose maker has ended by `now`: the tenant, whose it is, what they call it, and its end (unix seconds).
///
/// # Errors
/// What the database says.
pub async fn ending(
    on: impl Into<On<'_>>,
    tenant_id: Option<&str>,
    (since, now): (i64, i64),
    most: i64,
) -> Result<Vec<(String, String, String, i64)>> {
    let mut s = Statement::new(
        "SELECT tenant_id, email, name, expires_at FROM (SELECT u.tenant_id, u.email, k.name, k.expires_at, \
           ROW_NUMBER() OVER (PARTITION BY u.tenant_id ORDER BY k.expires_at) AS place \
         FROM personal_tokens k JOIN users u ON u.id = k.user_id WHERE u.active AND k.expires_at > ",
    );
    s.bind(since).push(" AND ");
    lineage::living(&mut s, With::Column("k.made_with"), now);
    if let Some(id) = tenant_id {
        s.push(" AND u.tenant_id = ").bind(id);
    }
    s.push(") AS ranked WHERE place <= ").bind(most).push(" ORDER BY expires_at");
    on.into().select(&s).await
}

/// Inserts it.
///
/// # Errors
/// What the database says.
pub async fn insert(on: impl Into<On<'_>>, token: &PersonalToken) -> Result<()> {
    let sql = "INSERT INTO personal_tokens (id, user_id, name, fingerprint, scopes, made_with, expires_at, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let scopes = write_json("personal token scopes", &token.scopes)?;
    let t = token;
    let params = params![&t.id, &t.user_id, &t.name, &t.fingerprint, &scopes, &t.made_with, t.expires_at, t.created_at];
    on.into().execute(sql, params).await.map(|_| ())
}

/// Deletes one of a user's; whether it was there.
///
/// # Errors
/// What the database says.
pub async fn delete(on: impl Into<On<'_>>, user_id: &str, id: &str) -> Result<bool> {
    Ok(on.into().execute("DELETE FROM personal_tokens WHERE id = $1 AND user_id = $2", params![id, user_id]).await? > 0)
}

/// Deletes all of a user; how many they were.
///
/// # Errors
/// What the database says.
pub async fn delete_all(on: impl Into<On<'_>>, user_id: &str) -> Result<u64> {
    on.into().execute("DELETE FROM personal_tokens WHERE user_id = $1", params![user_id]).await
}

/// Deletes all of a user who administers nothing: being made an administrator again brings none of them back.
///
/// # Errors
/// What the database says.
pub async fn delete_of_demoted(on: impl Into<On<'_>>, user_id: &str) -> Result<u64> {
    let sql = "DELETE FROM personal_tokens WHERE user_id = $1 \
               AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = $1 AND (u.admin OR u.platform))";
    on.into().execute(sql, params![user_id]).await
}

/// Notes that it was used at `now`, `last_seen` being what was noted before; nothing is written twice in a minute.
///
/// # Errors
/// What the database says.
pub async fn touch(on: impl Into<On<'_>>, id: &str, now: i64, last_seen: Option<i64>) -> Result<()> {
    if last_seen.is_some_and(|at| at > now - 60) {
        return Ok(());
    }
    let sql = "UPDATE personal_tokens SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $2 - 60)";
    on.into().execute(sql, params![id, now]).await.map(|_| ())
}
