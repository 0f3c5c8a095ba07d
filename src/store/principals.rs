//! External identities and virtual accounts.

use super::{
    db::{Result, StoreError},
    on::On,
    statement::Statement,
    window::Window,
};
use crate::{params, policy::principal::Kind};

/// An external identity or a virtual account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Row id.
    pub id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// [`Kind::ExternalIdentity`] or [`Kind::VirtualAccount`].
    pub kind: Kind,
    /// Unique within the tenant and kind.
    pub name: String,
    /// Whether anyone may act as it.
    pub enabled: bool,
    /// Unix seconds.
    pub created_at: i64,
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: String,
    tenant_id: String,
    kind: String,
    name: String,
    enabled: bool,
    created_at: i64,
}

impl Stored {
    fn read(self) -> Result<Principal> {
        let Self { id, tenant_id, kind, name, enabled, created_at } = self;
        let kind = Kind::parse(&kind).ok_or(StoreError::Corrupt("principal kind", kind))?;
        Ok(Principal { id, tenant_id, kind, name, enabled, created_at })
    }
}

/// By row id.
///
/// # Errors
/// What the database says.
pub async fn find(on: impl Into<On<'_>>, id: &str) -> Result<Option<Principal>> {
    on.into().optional::<Stored>("SELECT * FROM principals WHERE id = $1", params![id]).await?.map(Stored::read).transpose()
}

/// By kind and name within a tenant.
///
/// # Errors
/// What the database says.
pub async fn find_by_name(on: impl Into<On<'_>>, tenant_id: &str, kind: Kind, name: &str) -> Result<Option<Principal>> {
    let sql = "SELECT * FROM principals WHERE tenant_id = $1 AND kind = $2 AND name = $3";
    on.into().optional::<Stored>(sql, params![tenant_id, kind.as_str(), name]).await?.map(Stored::read).transpose()
}

/// All of a tenant and kind, in the order they were made.
///
/// # Errors
/// What the database says.
pub async fn of_tenant(on: impl Into<On<'_>>, tenant_id: &str, kind: Kind) -> Result<Vec<Principal>> {
    let sql = "SELECT * FROM principals WHERE tenant_id = $1 AND kind = $2 ORDER BY created_at, id";
    on.into().all::<Stored>(sql, params![tenant_id, kind.as_str()]).await?.into_iter().map(Stored::read).collect()
}

/// What [`window`] asks.
pub const WINDOW: &str = "SELECT * FROM principals WHERE tenant_id = $1 AND kind = $5 AND name > $2 AND LOWER(name) LIKE $3 ESCAPE '!' \
               ORDER BY name LIMIT $4";

/// What [`window`] asks where it is narrowed.
#[must_use]
pub fn narrowed<'a>(kind: Kind, window: &'a Window<'a>) -> Statement<'a> {
    let w = window;
    let mut s = w.switched("SELECT * FROM principals WHERE tenant_id = ", "name");
    s.push(" AND kind = ").bind(kind.as_str());
    if let Some(name) = w.narrow.provider {
        s.push(
            " AND id IN (SELECT m.principal_id FROM mappings m JOIN trusted_issuers i ON i.id = m.issuer_id WHERE i.tenant_id = ",
        );
        s.bind(w.tenant_id).push(" AND i.name = ").bind(name);
        s.push(" UNION SELECT m.principal_id FROM mappings m JOIN connections c ON c.id = m.connection_id WHERE c.tenant_id = ");
        s.bind(w.tenant_id).push(" AND c.name = ").bind(name).push(")");
    }
    s.push(" ORDER BY name LIMIT ").bind(w.limit);
    s
}

/// A part of a tenant's of one kind, by name.
///
/// # Errors
/// What the database says.
pub async fn window(on: impl Into<On<'_>>, kind: Kind, window: &Window<'_>) -> Result<Vec<Principal>> {
    let w = window;
    let rows = match w.narrow.is_narrow() {
        false => on.into().part::<Stored>(w, WINDOW, params![w.tenant_id, w.after, w.like(), w.limit, kind.as_str()]).await?,
        true => on.into().search::<Stored>(&narrowed(kind, w), w.time()).await?,
    };
    rows.into_iter().map(Stored::read).collect()
}

/// All of a tenant, or all there are, in the order they were made.
///
/// # Errors
/// What the database says.
pub async fn all(on: impl Into<On<'_>>, tenant_id: Option<&str>) -> Result<Vec<Principal>> {
    let all = "SELECT * FROM principals ORDER BY created_at, id";
    let of_one = "SELECT * FROM principals WHERE tenant_id = $1 ORDER BY created_at, id";
    on.into().all_of::<Stored>(tenant_id, of_one, all).await?.into_iter().map(Stored::read).collect()
}

/// Inserts, or switches the row of this id on or off: kind, tenant and name never change.
///
/// # Errors
/// A conflict when another one of the tenant and kind has the name.
pub async fn save(on: impl Into<On<'_>>, principal: &Principal) -> Result<()> {
    let sql = "INSERT INTO principals (id, tenant_id, kind, name, enabled, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (id) DO UPDATE SET enabled = excluded.enabled RETURNING tenant_id";
    let p = principal;
    on.into().publish(sql, params![&p.id, &p.tenant_id, p.kind.as_str(), &p.name, p.enabled, p.created_at]).await?;
    Ok(())
}

/// Deletes it with its mapping and every role it holds; whether it was there.
///
/// # Errors
/// What the database says.
pub async fn delete(on: impl Into<On<'_>>, id: &str) -> Result<bool> {
    Ok(on.into().publish("DELETE FROM principals WHERE id = $1 RETURNING tenant_id", params![id]).await? > 0)
}
