//! OAuth clients of ours; `client_id` is the row id, unique over all tenants.

use super::{
    db::{Result, StoreError},
    on::On,
    statement::Statement,
    window::Window,
};
use crate::{oauth::client::Client, params};

#[derive(sqlx::FromRow)]
pub(super) struct Stored {
    id: String,
    tenant_id: String,
    name: String,
    secret_fingerprint: Option<String>,
    trusted: bool,
    enabled: bool,
    settings: String,
}

impl TryFrom<Stored> for Client {
    type Error = StoreError;

    fn try_from(row: Stored) -> Result<Self> {
        let settings = serde_json::from_str(&row.settings);
        Ok(Self {
            settings: settings.map_err(|e| StoreError::Corrupt("client settings", format!("{}: {e}", row.id)))?,
            id: row.id,
            tenant_id: row.tenant_id,
            name: row.name,
            secret_fingerprint: row.secret_fingerprint,
            trusted: row.trusted,
            enabled: row.enabled,
        })
    }
}

/// The context of the fingerprint of a client's secret.
#[must_use]
pub fn secret_context(client_id: &str) -> String {
    format!("client/{client_id}")
}

/// By `client_id`.
///
/// # Errors
/// What the database says; [`StoreError::Corrupt`] for unreadable settings.
pub async fn find(on: impl Into<On<'_>>, client_id: &str) -> Result<Option<Client>> {
    let sql = "SELECT id, tenant_id, name, secret_fingerprint, trusted, enabled, settings FROM clients WHERE id = $1";
    let row = on.into().optional::<Stored>(sql, params![client_id]).await?;
    row.map(Client::try_from).transpose()
}

/// All of a tenant, in the order they were made.
///
/// # Errors
/// As [`find`].
pub async fn of_tenant(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Vec<Client>> {
    let sql = "SELECT id, tenant_id, name, secret_fingerprint, trusted, enabled, settings FROM clients \
               WHERE tenant_id = $1 ORDER BY created_at, id";
    let rows = on.into().all::<Stored>(sql, params![tenant_id]).await?;
    rows.into_iter().map(Client::try_from).collect()
}

/// What [`window`] asks.
pub const WINDOW: &str = "SELECT id, tenant_id, name, secret_fingerprint, trusted, enabled, settings FROM clients WHERE tenant_id = $1 AND id > $2 AND LOWER(id) LIKE $3 ESCAPE '!' ORDER BY id LIMIT $4";

/// What [`window`] asks where it is narrowed.
#[must_use]
pub fn narrowed<'a>(window: &'a Window<'a>) -> Statement<'a> {
    let mut s = window.switched(
        "SELECT id, tenant_id, name, secret_fingerprint, trusted, enabled, settings FROM clients WHERE tenant_id = ",
        "id",
    );
    s.push(" ORDER BY id LIMIT ").bind(window.limit);
    s
}

/// A part of a tenant's, by name.
///
/// # Errors
/// As [`find`].
pub async fn window(on: impl Into<On<'_>>, window: &Window<'_>) -> Result<Vec<Client>> {
    let w = window;
    let rows = match w.narrow.is_narrow() {
        false => on.into().part::<Stored>(w, WINDOW, params![w.tenant_id, w.after, w.like(), w.limit]).await?,
        true => on.into().search::<Stored>(&narrowed(w), w.time()).await?,
    };
    rows.into_iter().map(Client::try_from).collect()
}

/// Inserts, or updates the tenant's own row of this id. `now` (unix seconds) becomes the time a new one was made.
/// `false`: the id belongs to another tenant, and nothing was changed.
///
/// # Errors
/// What the database says.
pub async fn save(on: impl Into<On<'_>>, client: &Client, now: i64) -> Result<bool> {
    let sql = "INSERT INTO clients (id, tenant_id, name, secret_fingerprint, trusted, enabled, settings, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
               ON CONFLICT (id) DO UPDATE SET name = excluded.name, secret_fingerprint = excluded.secret_fingerprint, \
                 trusted = excluded.trusted, enabled = excluded.enabled, settings = excluded.settings \
               WHERE clients.tenant_id = excluded.tenant_id";
    let settings = serde_json::to_string(&client.settings).map_err(|e| StoreError::Corrupt("client settings", e.to_string()))?;
    let c = client;
    let params = params![&c.id, &c.tenant_id, &c.name, &c.secret_fingerprint, c.trusted, c.enabled, &settings, now];
    Ok(on.into().alter(sql, params).await? > 0)
}

/// Deletes it with its codes and token families; whether it was there.
///
/// # Errors
/// What the database says.
pub async fn delete(on: impl Into<On<'_>>, client_id: &str) -> Result<bool> {
    Ok(on.into().alter("DELETE FROM clients WHERE id = $1", params![client_id]).await? > 0)
}
