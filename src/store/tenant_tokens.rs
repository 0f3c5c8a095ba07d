//! Service tokens: a tenant's programs at the admin API. By fingerprint alone: a token is shown once, when it is made.

use std::collections::HashMap;

use super::{
    db::{Result, StoreError},
    directory_tokens,
    lineage::{self, With},
    on::On,
    read_json,
    statement::Statement,
    token_state::{Signs, TokenState},
    window::{Phase, Window},
    write_json,
};
use crate::{params, policy::api_scope::ApiScopes, seal::Sealer, secret};

/// What those that are made here begin with, so that scanners of leaked secrets know one.
pub const PREFIX: &str = secret::SERVICE_TOKEN;

/// A service token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceToken {
    /// Row id.
    pub id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// Unique within the tenant.
    pub name: String,
    /// What it is recognised by; `None`: none was made yet.
    pub fingerprint: Option<String>,
    /// Whether a declarative file gave it.
    pub declared: bool,
    /// That of a file's token which was replaced since.
    pub retired: Option<String>,
    /// A disabled one opens nothing.
    pub enabled: bool,
    /// What it may.
    pub scopes: ApiScopes,
    /// What the token was made with, where that was a token ([`super::lineage`]).
    pub made_with: Option<String>,
    /// When it ends.
    pub expires_at: Option<i64>,
    /// When it was last seen to be used, to the minute.
    pub last_used_at: Option<i64>,
    /// Unix seconds.
    pub created_at: i64,
}

impl ServiceToken {
    /// What a new token of this service is made with by somebody who asks `with` a token: one that renews itself stands on what it
    /// stood on before.
    #[must_use]
    pub fn renewed_with(&self, with: Option<&str>) -> Option<String> {
        let itself = with.is_some() && self.fingerprint.as_deref() == with;
        if itself { self.made_with.clone() } else { with.map(str::to_owned) }
    }

    /// Why it opens nothing at `now` (unix seconds).
    #[must_use]
    pub fn refusal(&self, now: i64) -> Option<&'static str> {
        match self {
            _ if !self.enabled => Some("the service token is disabled"),
            _ if self.expires_at.is_some_and(|end| end <= now) => Some("the service token has ended"),
            _ => None,
        }
    }
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: String,
    tenant_id: String,
    name: String,
    fingerprint: Option<String>,
    declared: bool,
    retired: Option<String>,
    enabled: bool,
    scopes: String,
    made_with: Option<String>,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
    created_at: i64,
}

impl TryFrom<Stored> for ServiceToken {
    type Error = StoreError;

    fn try_from(row: Stored) -> Result<Self> {
        Ok(Self {
            scopes: read_json("service token scopes", &row.scopes)?,
            id: row.id,
            tenant_id: row.tenant_id,
            name: row.name,
            fingerprint: row.fingerprint,
            declared: row.declared,
            retired: row.retired,
            enabled: row.enabled,
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
    sealer.fingerprint("service token", token)
}

/// By its row id.
///
/// # Errors
/// As [`find_by_name`].
pub async fn find(on: impl Into<On<'_>>, id: &str) -> Result<Option<ServiceToken>> {
    let sql = "SELECT * FROM service_tokens WHERE id = $1";
    on.into().optional::<Stored>(sql, params![id]).await?.map(ServiceToken::try_from).transpose()
}

/// By its name within a tenant.
///
/// # Errors
/// What the database says.
pub async fn find_by_name(on: impl Into<On<'_>>, tenant_id: &str, name: &str) -> Result<Option<ServiceToken>> {
    let sql = "SELECT * FROM service_tokens WHERE tenant_id = $1 AND name = $2";
    on.into().optional::<Stored>(sql, params![tenant_id, name]).await?.map(ServiceToken::try_from).transpose()
}

#[derive(sqlx::FromRow)]
struct Known {
    known: bool,
}

/// Whether a text is the token of a service or of a directory, by whichever way it came to be: those that stand in files have
/// no beginning of their own.
///
/// # Errors
/// What the database says.
pub async fn is_ours(on: impl Into<On<'_>>, sealer: &Sealer, text: &str) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM service_tokens WHERE fingerprint = $1) \
               OR EXISTS (SELECT 1 FROM directory_tokens WHERE fingerprint = $2) AS known";
    let (service, directory) = (fingerprint(sealer, text), directory_tokens::fingerprint(sealer, text));
    Ok(on.into().optional::<Known>(sql, params![&service, &directory]).await?.is_some_and(|row| row.known))
}

/// The one whose token has this [`fingerprint`]; whether it opens anything is [`ServiceToken::refusal`]'s word.
///
/// # Errors
/// As [`find_by_name`].
pub async fn by_fingerprint(on: impl Into<On<'_>>, fingerprint: &str) -> Result<Option<ServiceToken>> {
    let sql = "SELECT * FROM service_tokens WHERE fingerprint = $1";
    on.into().optional::<Stored>(sql, params![fingerprint]).await?.map(ServiceToken::try_from).transpose()
}

/// All of a tenant, in the order they were made.
///
/// # Errors
/// As [`find_by_name`].
pub async fn of_tenant(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Vec<ServiceToken>> {
    let sql = "SELECT * FROM service_tokens WHERE tenant_id = $1 ORDER BY created_at, id";
    on.into().all::<Stored>(sql, params![tenant_id]).await?.into_iter().map(ServiceToken::try_from).collect()
}

/// A part of a tenant's, by name.
///
/// # Errors
/// As [`find_by_name`].
pub async fn window(on: impl Into<On<'_>>, window: &Window<'_>) -> Result<Vec<ServiceToken>> {
    let w = window;
    let mut s = Statement::new("SELECT * FROM service_tokens WHERE tenant_id = ");
    s.bind(w.tenant_id).push(" AND name > ").bind(w.after);
    s.push(" AND LOWER(name) LIKE ").bind(w.like()).push(" ESCAPE '!'");
    match w.narrow.state {
        Some(Phase::Open) => {
            s.push(" AND enabled AND (expires_at IS NULL OR expires_at > ").bind(w.narrow.now).push(") AND ");
            lineage::living(&mut s, With::Column("service_tokens.made_with"), w.narrow.now);
        }
        Some(Phase::Expired) => {
            s.push(" AND expires_at <= ").bind(w.narrow.now);
        }
        Some(Phase::Ended) => {
            s.push(" AND (NOT enabled OR expires_at <= ").bind(w.narrow.now).push(" OR NOT ");
            lineage::living(&mut s, With::Column("service_tokens.made_with"), w.narrow.now);
            s.push(")");
        }
        _ => {}
    }
    s.push(" ORDER BY name LIMIT ").bind(w.limit);
    let rows = on.into().search::<Stored>(&s, w.time()).await?;
    rows.into_iter().map(ServiceToken::try_from).collect()
}

#[derive(sqlx::FromRow)]
struct Judged {
    name: String,
    enabled: bool,
    expires_at: Option<i64>,
    lives: bool,
}

/// Whether those of these names open something at `now` (unix seconds): by name.
///
/// # Errors
/// What the database says.
pub async fn states(on: impl Into<On<'_>>, tenant_id: &str, names: &[&str], now: i64) -> Result<HashMap<String, TokenState>> {
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let mut s = Statement::new("SELECT k.name, k.enabled, k.expires_at, ");
    lineage::living(&mut s, With::Column("k.made_with"), now);
    s.push(" AS lives FROM service_tokens k WHERE k.tenant_id = ").bind(tenant_id).push(" AND k.name IN (");
    s.bind_each(names.iter().copied()).push(")");
    let state = |row: Judged| {
        let signs = Signs { enabled: row.enabled, expires_at: row.expires_at, lives: row.lives };
        (row.name, TokenState::of(signs, now))
    };
    Ok(on.into().select::<Judged>(&s).await?.into_iter().map(state).collect())
}

/// Of a tenant, or of all, those that open something and end after `since` (unix seconds), the soonest first and of each tenant
/// at most `most`, without those whose maker has ended by `now`: tenant, name and end (unix seconds).
///
/// # Errors
/// What the database says.
pub async fn ending(
    on: impl Into<On<'_>>,
    tenant_id: Option<&str>,
    (since, now): (i64, i64),
    most: i64,
) -> Result<Vec<(String, String, i64)>> {
    let mut s = Statement::new(
        "SELECT tenant_id, name, expires_at FROM (SELECT k.tenant_id, k.name, k.expires_at, \
           ROW_NUMBER() OVER (PARTITION BY k.tenant_id ORDER BY k.expires_at) AS place FROM service_tokens k \
         WHERE k.enabled AND k.fingerprint IS NOT NULL AND k.expires_at > ",
    );
    s.bind(since).push(" AND ");
    lineage::living(&mut s, With::Column("k.made_with"), now);
    if let Some(id) = tenant_id {
        s.push(" AND k.tenant_id = ").bind(id);
    }
    s.push(") AS ranked WHERE place <= ").bind(most).push(" ORDER BY expires_at");
    on.into().select(&s).await
}

/// Inserts, or updates the row of this id: all but when it was last used.
///
/// # Errors
/// A conflict when another of the tenant has the name, or any has the token.
pub async fn save(on: impl Into<On<'_>>, token: &ServiceToken) -> Result<()> {
    let sql = "INSERT INTO service_tokens (id, tenant_id, name, fingerprint, declared, retired, enabled, scopes, expires_at, \
                 created_at, made_with) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
               ON CONFLICT (id) DO UPDATE SET fingerprint = excluded.fingerprint, declared = excluded.declared, \
                 retired = excluded.retired, enabled = excluded.enabled, scopes = excluded.scopes, \
                 expires_at = excluded.expires_at, made_with = excluded.made_with";
    let scopes = write_json("service token scopes", &token.scopes)?;
    let t = token;
    let params = params![
        &t.id,
        &t.tenant_id,
        &t.name,
        &t.fingerprint,
        t.declared,
        &t.retired,
        t.enabled,
        &scopes,
        t.expires_at,
        t.created_at,
        &t.made_with,
    ];
    on.into().execute(sql, params).await.map(|_| ())
}

/// Deletes it; whether it was there.
///
/// # Errors
/// What the database says.
pub async fn delete(on: impl Into<On<'_>>, id: &str) -> Result<bool> {
    Ok(on.into().execute("DELETE FROM service_tokens WHERE id = $1", params![id]).await? > 0)
}

/// Notes that it was used at `now`, `last_seen` being what was noted before; nothing is written twice in a minute.
///
/// # Errors
/// What the database says.
pub async fn touch(on: impl Into<On<'_>>, id: &str, now: i64, last_seen: Option<i64>) -> Result<()> {
    if last_seen.is_some_and(|at| at > now - 60) {
        return Ok(());
    }
    let sql = "UPDATE service_tokens SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $2 - 60)";
    on.into().execute(sql, params![id, now]).await.map(|_| ())
}
