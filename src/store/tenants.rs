//! Tenants: customer organisations.

use super::{
    db::{Db, Result, StoreError, Tx},
    on::On,
    statement::Statement,
    window::{Phase, Window},
};
use crate::{params, policy::identity::Provisioning};

/// A customer organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Row id.
    pub id: String,
    /// Unique name, `[a-z0-9-]`.
    pub name: String,
    /// What people read.
    pub display_name: String,
    /// How its users come to be.
    pub provisioning: Provisioning,
    /// A disabled tenant is refused on every path.
    pub enabled: bool,
    /// Whether its people may sign in with a password, where single sign-on is not required: see [`Self::takes_passwords`].
    pub password_login: bool,
    /// Whether they come in by single sign-on alone.
    pub require_sso: bool,
    /// Seconds an access token lives, when not the deployment's.
    pub access_token_lifetime: Option<i64>,
    /// Seconds a refresh token family lives, when not the deployment's.
    pub refresh_token_lifetime: Option<i64>,
    /// Unix seconds.
    pub created_at: i64,
}

impl Tenant {
    /// Whether a password signs anybody in here.
    #[must_use]
    pub fn takes_passwords(&self) -> bool {
        self.password_login && !self.require_sso
    }
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: String,
    name: String,
    display_name: String,
    provisioning: String,
    enabled: bool,
    password_login: bool,
    require_sso: bool,
    access_token_lifetime: Option<i64>,
    refresh_token_lifetime: Option<i64>,
    created_at: i64,
}

impl TryFrom<Stored> for Tenant {
    type Error = StoreError;

    fn try_from(row: Stored) -> Result<Self> {
        Ok(Self {
            provisioning: provisioning(row.provisioning)?,
            id: row.id,
            name: row.name,
            display_name: row.display_name,
            enabled: row.enabled,
            password_login: row.password_login,
            require_sso: row.require_sso,
            access_token_lifetime: row.access_token_lifetime,
            refresh_token_lifetime: row.refresh_token_lifetime,
            created_at: row.created_at,
        })
    }
}

/// The mode of this spelling.
pub(super) fn provisioning(text: String) -> Result<Provisioning> {
    let mut all = [Provisioning::Jit, Provisioning::Invite, Provisioning::Scim].into_iter();
    all.find(|mode| mode.as_str() == text).ok_or(StoreError::Corrupt("tenant provisioning", text))
}

/// By row id.
///
/// # Errors
/// What the database says.
pub async fn find(on: impl Into<On<'_>>, id: &str) -> Result<Option<Tenant>> {
    let row = on.into().optional::<Stored>("SELECT * FROM tenants WHERE id = $1", params![id]).await?;
    row.map(Tenant::try_from).transpose()
}

/// By its unique name.
///
/// # Errors
/// What the database says.
pub async fn find_by_name(on: impl Into<On<'_>>, name: &str) -> Result<Option<Tenant>> {
    let row = on.into().optional::<Stored>("SELECT * FROM tenants WHERE name = $1", params![name]).await?;
    row.map(Tenant::try_from).transpose()
}

/// All, in the order they were made.
///
/// # Errors
/// What the database says.
pub async fn all(on: impl Into<On<'_>>) -> Result<Vec<Tenant>> {
    let rows = on.into().all::<Stored>("SELECT * FROM tenants ORDER BY created_at, id", params![]).await?;
    rows.into_iter().map(Tenant::try_from).collect()
}

/// What [`window`] asks.
pub const WINDOW: &str = "SELECT * FROM tenants WHERE name > $1 AND (name LIKE $2 ESCAPE '!' OR LOWER(display_name) LIKE $2 ESCAPE '!') \
               ORDER BY name LIMIT $3";

/// What [`window`] asks where it is narrowed to a state: of the few that are switched off there is an index.
#[must_use]
pub fn narrowed<'a>(window: &'a Window<'a>) -> Statement<'a> {
    let w = window;
    let mut s = Statement::new("SELECT * FROM tenants WHERE name > ");
    s.bind(w.after).push(" AND (name LIKE ").bind(w.like()).push(" ESCAPE '!' OR ");
    w.holds(&mut s, "display_name");
    s.push(")").push(match w.narrow.state {
        Some(Phase::On) => " AND enabled",
        Some(Phase::Off) => " AND NOT enabled",
        _ => "",
    });
    s.push(" ORDER BY name LIMIT ").bind(w.limit);
    s
}

/// A part of all of them, by name; the window's own tenant plays no part.
///
/// # Errors
/// What the database says.
pub async fn window(on: impl Into<On<'_>>, window: &Window<'_>) -> Result<Vec<Tenant>> {
    let w = window;
    let rows = match w.narrow.state.is_some() || w.is_beyond_ascii() {
        true => on.into().search::<Stored>(&narrowed(w), w.time()).await?,
        false => on.into().part::<Stored>(w, WINDOW, params![w.after, w.like(), w.limit]).await?,
    };
    rows.into_iter().map(Tenant::try_from).collect()
}

/// The first `limit`, in the order they were made.
///
/// # Errors
/// What the database says.
pub async fn first(on: impl Into<On<'_>>, limit: i64) -> Result<Vec<Tenant>> {
    let rows = on.into().all::<Stored>("SELECT * FROM tenants ORDER BY created_at, id LIMIT $1", params![limit]).await?;
    rows.into_iter().map(Tenant::try_from).collect()
}

/// Inserts, or updates the row of this id.
///
/// # Errors
/// A conflict ([`StoreError::is_conflict`]) when another tenant has the name.
pub async fn save(on: impl Into<On<'_>>, tenant: &Tenant) -> Result<()> {
    let sql = "INSERT INTO tenants (id, name, display_name, provisioning, enabled, password_login, \
                 access_token_lifetime, refresh_token_lifetime, created_at, require_sso) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
               ON CONFLICT (id) DO UPDATE SET name = excluded.name, display_name = excluded.display_name, \
                 provisioning = excluded.provisioning, enabled = excluded.enabled, \
                 password_login = excluded.password_login, \
                 require_sso = excluded.require_sso, access_token_lifetime = excluded.access_token_lifetime, \
                 refresh_token_lifetime = excluded.refresh_token_lifetime RETURNING id";
    let t = tenant;
    let params = params![
        &t.id,
        &t.name,
        &t.display_name,
        t.provisioning.as_str(),
        t.enabled,
        t.password_login,
        t.access_token_lifetime,
        t.refresh_token_lifetime,
        t.created_at,
        t.require_sso,
    ];
    on.into().publish(sql, params).await?;
    Ok(())
}

/// Deletes it and everything it owns; whether it was there.
///
/// # Errors
/// What the database says.
pub async fn delete(on: impl Into<On<'_>>, id: &str) -> Result<bool> {
    Ok(on.into().publish("DELETE FROM tenants WHERE id = $1 RETURNING id", params![id]).await? > 0)
}

/// Whether it has more users, records of directories, or external identities and virtual accounts than this.
///
/// # Errors
/// What the database says.
pub async fn has_many(on: impl Into<On<'_>>, id: &str, most: i64) -> Result<bool> {
    let sql = "SELECT (SELECT COUNT(*) FROM (SELECT 1 AS one FROM users WHERE tenant_id = $1 LIMIT $2) AS a), \
                 (SELECT COUNT(*) FROM (SELECT 1 AS one FROM directory_users r JOIN directories d ON d.id = r.directory_id \
                    WHERE d.tenant_id = $1 LIMIT $2) AS b), \
                 (SELECT COUNT(*) FROM (SELECT 1 AS one FROM principals WHERE tenant_id = $1 LIMIT $2) AS c)";
    let found = on.into().optional::<(i64, i64, i64)>(sql, params![id, most.saturating_add(1)]).await?;
    let (users, records, principals) = found.unwrap_or_default();
    Ok(users.max(records).max(principals) > most)
}

/// Deletes at most `most` records of directories of a tenant, external identities and virtual accounts, and users, with what is
/// theirs; how many of them. Of a tenant that is switched on, none.
///
/// # Errors
/// What the database says.
pub async fn empty(db: &Db, id: &str, most: i64) -> Result<u64> {
    let mut gone = 0;
    for sql in [
        "DELETE FROM directory_users WHERE id IN (SELECT r.id FROM directory_users r JOIN directories d ON d.id = r.directory_id \
           JOIN tenants t ON t.id = d.tenant_id WHERE t.id = $1 AND NOT t.enabled LIMIT $2)",
        "DELETE FROM principals WHERE id IN (SELECT p.id FROM principals p JOIN tenants t ON t.id = p.tenant_id \
           WHERE t.id = $1 AND NOT t.enabled LIMIT $2)",
        "DELETE FROM users WHERE id IN (SELECT u.id FROM users u JOIN tenants t ON t.id = u.tenant_id \
           WHERE t.id = $1 AND NOT t.enabled LIMIT $2)",
    ] {
        gone += On::from(db).alter(sql, params![id, most]).await?;
    }
    Ok(gone)
}

/// Makes declarative changes wait for one another: of two transactions that call this, the second goes on when the
/// first has ended.
///
/// # Errors
/// What the database says.
pub async fn lock(tx: &mut Tx) -> Result<()> {
    let sql = "INSERT INTO meta (name, value) VALUES ('apply', '') ON CONFLICT (name) DO UPDATE SET value = ''";
    tx.execute(sql, params![]).await?;
    Ok(())
}
