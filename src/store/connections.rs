//! Connections: the upstream identity providers of a tenant.

use super::{
    Damaged,
    db::{Result, StoreError},
    left_records,
    on::On,
    statement::Statement,
    window::{Phase, Window},
};
use crate::{
    params,
    policy::connection::{ConnectionSettings, Protocol},
};

/// A configured upstream identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Row id; the context its secret is sealed for is `connection/{id}`.
    pub id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// Unique within the tenant, `[A-Za-z0-9-]`.
    pub name: String,
    /// OIDC or SAML.
    pub protocol: Protocol,
    /// A disabled connection signs nobody in.
    pub enabled: bool,
    /// Whether it is offered for sign-in.
    pub login_enabled: bool,
    /// What the operator said.
    pub settings: ConnectionSettings,
    /// The client secret at the provider, sealed.
    pub secret_sealed: Option<String>,
    /// Grows with every change, so that nodes know when to open a connector anew.
    pub version: i64,
    /// Unix seconds.
    pub created_at: i64,
}

impl Connection {
    /// The context that its secret is sealed for.
    #[must_use]
    pub fn secret_context(id: &str) -> String {
        format!("connection/{id}")
    }
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: String,
    tenant_id: String,
    name: String,
    protocol: String,
    enabled: bool,
    login_enabled: bool,
    settings: String,
    secret_sealed: Option<String>,
    version: i64,
    created_at: i64,
}

impl TryFrom<Stored> for Connection {
    type Error = StoreError;

    fn try_from(row: Stored) -> Result<Self> {
        let settings = serde_json::from_str(&row.settings);
        Ok(Self {
            protocol: Protocol::parse(&row.protocol).ok_or(StoreError::Corrupt("connection protocol", row.protocol))?,
            settings: settings.map_err(|e| StoreError::Corrupt("connection settings", format!("{}: {e}", row.id)))?,
            id: row.id,
            tenant_id: row.tenant_id,
            name: row.name,
            enabled: row.enabled,
            login_enabled: row.login_enabled,
            secret_sealed: row.secret_sealed,
            version: row.version,
            created_at: row.created_at,
        })
    }
}

/// By row id.
///
/// # Errors
/// What the database says; [`StoreError::Corrupt`] for unreadable settings.
pub async fn find(on: impl Into<On<'_>>, id: &str) -> Result<Option<Connection>> {
    let row = on.into().optional::<Stored>("SELECT * FROM connections WHERE id = $1", params![id]).await?;
    row.map(Connection::try_from).transpose()
}

/// By its name within a tenant.
///
/// # Errors
/// As [`find`].
pub async fn find_by_name(on: impl Into<On<'_>>, tenant_id: &str, name: &str) -> Result<Option<Connection>> {
    let sql = "SELECT * FROM connections WHERE tenant_id = $1 AND name = $2";
    let row = on.into().optional::<Stored>(sql, params![tenant_id, name]).await?;
    row.map(Connection::try_from).transpose()
}

/// All of a tenant, in the order they were made.
///
/// # Errors
/// As [`find`].
pub async fn of_tenant(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Vec<Connection>> {
    let sql = "SELECT * FROM connections WHERE tenant_id = $1 ORDER BY created_at, id";
    let rows = on.into().all::<Stored>(sql, params![tenant_id]).await?;
    rows.into_iter().map(Connection::try_from).collect()
}

/// Those that people may sign in over: enabled and offered for sign-in.
///
/// # Errors
/// As [`find`].
pub async fn offered(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Vec<Connection>> {
    let sql = "SELECT * FROM connections WHERE tenant_id = $1 AND enabled AND login_enabled ORDER BY created_at, id";
    let rows = on.into().all::<Stored>(sql, params![tenant_id]).await?;
    rows.into_iter().map(Connection::try_from).collect()
}

/// Those of OpenID Connect that are not offered for sign-in, of a tenant or of all: they serve as issuers of tokens. Enabled or not; one whose
/// settings cannot be read as what is known of it.
///
/// # Errors
/// What the database says.
pub async fn serving(on: impl Into<On<'_>>, tenant_id: Option<&str>) -> Result<Vec<std::result::Result<Connection, Damaged>>> {
    let all = "SELECT * FROM connections WHERE protocol = 'oidc' AND NOT login_enabled ORDER BY created_at, id";
    let of_one =
        "SELECT * FROM connections WHERE tenant_id = $1 AND protocol = 'oidc' AND NOT login_enabled ORDER BY created_at, id";
    let read = |row: Stored| {
        let damaged = Damaged::new(&row.id, &row.tenant_id, &row.name, row.enabled);
        Connection::try_from(row).map_err(|e| damaged.because(&e))
    };
    Ok(on.into().all_of::<Stored>(tenant_id, of_one, all).await?.into_iter().map(read).collect())
}

/// Of a tenant or of all, enabled or not; one whose settings cannot be read as what is known of it.
///
/// # Errors
/// What the database says.
pub async fn all(on: impl Into<On<'_>>, tenant_id: Option<&str>) -> Result<Vec<std::result::Result<Connection, Damaged>>> {
    let read = |row: Stored| {
        let damaged = Damaged::new(&row.id, &row.tenant_id, &row.name, row.enabled);
        Connection::try_from(row).map_err(|e| damaged.because(&e))
    };
    let rows = match tenant_id {
        Some(id) => on.into().all::<Stored>("SELECT * FROM connections WHERE tenant_id = $1", params![id]).await?,
        None => on.into().all::<Stored>("SELECT * FROM connections", params![]).await?,
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Whether any connection speaks `protocol`, whatever its state.
///
/// # Errors
/// What the database says.
pub async fn any(on: impl Into<On<'_>>, protocol: Protocol) -> Result<bool> {
    let sql = "SELECT id FROM connections WHERE protocol = $1 LIMIT 1";
    Ok(on.into().optional::<(String,)>(sql, params![protocol.as_str()]).await?.is_some())
}

/// What [`window`] asks.
pub const WINDOW: &str =
    "SELECT * FROM connections WHERE tenant_id = $1 AND name > $2 AND LOWER(name) LIKE $3 ESCAPE '!' ORDER BY name LIMIT $4";

/// What [`window`] asks where it is narrowed.
#[must_use]
pub fn narrowed<'a>(window: &'a Window<'a>) -> Statement<'a> {
    let w = window;
    let mut s = Statement::new("SELECT * FROM connections WHERE tenant_id = ");
    s.bind(w.tenant_id).push(" AND name > ").bind(w.after);
    s.push(" AND LOWER(name) LIKE ").bind(w.like()).push(" ESCAPE '!'");
    s.push(match w.narrow.state {
        Some(Phase::Draft) => " AND NOT enabled",
        Some(Phase::Live) => " AND enabled",
        _ => "",
    });
    if let Some(protocol) = w.narrow.protocol {
        s.push(" AND protocol = ").bind(protocol.as_str());
    }
    if w.narrow.provider.is_some() {
        s.push(" AND LOWER(settings) LIKE ").bind(w.preset());
    }
    s.push(" ORDER BY name LIMIT ").bind(w.limit);
    s
}

/// A part of a tenant's, by name.
///
/// # Errors
/// As [`find`].
pub async fn window(on: impl Into<On<'_>>, window: &Window<'_>) -> Result<Vec<Connection>> {
    let w = window;
    let rows = match w.narrow.is_narrow() {
        false => on.into().part::<Stored>(w, WINDOW, params![w.tenant_id, w.after, w.like(), w.limit]).await?,
        true => on.into().search::<Stored>(&narrowed(w), w.time()).await?,
    };
    rows.into_iter().map(Connection::try_from).collect()
}

/// Inserts, or updates the row of this id; its version grows when anything differs. Tells whether it did.
///
/// # Errors
/// A conflict when another connection of the tenant has the name.
pub async fn save(on: impl Into<On<'_>>, connection: &Connection) -> Result<bool> {
    let sql = "INSERT INTO connections (id, tenant_id, name, protocol, enabled, login_enabled, settings, secret_sealed, \
                 version, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9) \
               ON CONFLICT (id) DO UPDATE SET name = excluded.name, protocol = excluded.protocol, \
                 enabled = excluded.enabled, login_enabled = excluded.login_enabled, settings = excluded.settings, \
                 secret_sealed = excluded.secret_sealed, version = connections.version + 1 \
               WHERE connections.name <> excluded.name OR connections.protocol <> excluded.protocol \
                 OR connections.enabled <> excluded.enabled OR connections.login_enabled <> excluded.login_enabled \
                 OR connections.settings <> excluded.settings \
                 OR connections.secret_sealed IS DISTINCT FROM excluded.secret_sealed RETURNING tenant_id";
    let settings =
        serde_json::to_string(&connection.settings).map_err(|e| StoreError::Corrupt("connection settings", e.to_string()))?;
    let c = connection;
    let params = params![
        &c.id,
        &c.tenant_id,
        &c.name,
        c.protocol.as_str(),
        c.enabled,
        c.login_enabled,
        &settings,
        &c.secret_sealed,
        c.created_at,
    ];
    Ok(on.into().publish(sql, params).await? > 0)
}

/// Deletes it with its identities; whether it was there. Whom an operator has shut out, and a directory of it knows, stays out.
///
/// # Errors
/// What the database says.
pub async fn delete(on: impl Into<On<'_>>, id: &str) -> Result<bool> {
    let mut on = on.into();
    left_records::keep_of_connection(&mut on, id).await?;
    Ok(on.publish("DELETE FROM connections WHERE id = $1 RETURNING tenant_id", params![id]).await? > 0)
}
