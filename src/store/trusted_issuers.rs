//! Foreign issuers whose tokens a tenant accepts.

use super::{Damaged, db::Result, on::On, read_json, statement::Statement, window::Window, write_json};
use crate::{params, policy::trusted_issuer::IssuerSettings};

/// A trusted issuer.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustedIssuer {
    /// Row id.
    pub id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// Unique within the tenant.
    pub name: String,
    /// Whether its tokens are accepted.
    pub enabled: bool,
    /// The rest.
    pub settings: IssuerSettings,
    /// `IssuerSecrets` as JSON, sealed.
    pub secrets_sealed: Option<String>,
    /// Unix seconds.
    pub created_at: i64,
}

impl TrustedIssuer {
    /// The context that its secrets are sealed for.
    #[must_use]
    pub fn secrets_context(id: &str) -> String {
        format!("trusted_issuer/{id}")
    }
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: String,
    tenant_id: String,
    name: String,
    enabled: bool,
    settings: String,
    secrets_sealed: Option<String>,
    created_at: i64,
}

impl Stored {
    fn read(self) -> Result<TrustedIssuer> {
        let Self { id, tenant_id, name, enabled, settings, secrets_sealed, created_at } = self;
        let settings = read_json("trusted issuer settings", &settings)?;
        Ok(TrustedIssuer { id, tenant_id, name, enabled, settings, secrets_sealed, created_at })
    }
}

/// By row id.
///
/// # Errors
/// As [`find_by_name`].
pub async fn find(on: impl Into<On<'_>>, id: &str) -> Result<Option<TrustedIssuer>> {
    let sql = "SELECT * FROM trusted_issuers WHERE id = $1";
    on.into().optional::<Stored>(sql, params![id]).await?.map(Stored::read).transpose()
}

/// By its name within a tenant.
///
/// # Errors
/// What the database says; `Corrupt` for unreadable settings.
pub async fn find_by_name(on: impl Into<On<'_>>, tenant_id: &str, name: &str) -> Result<Option<TrustedIssuer>> {
    let sql = "SELECT * FROM trusted_issuers WHERE tenant_id = $1 AND name = $2";
    on.into().optional::<Stored>(sql, params![tenant_id, name]).await?.map(Stored::read).transpose()
}

/// All of a tenant, in the order they were made.
///
/// # Errors
/// As [`find_by_name`].
pub async fn of_tenant(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Vec<TrustedIssuer>> {
    let sql = "SELECT * FROM trusted_issuers WHERE tenant_id = $1 ORDER BY created_at, id";
    on.into().all::<Stored>(sql, params![tenant_id]).await?.into_iter().map(Stored::read).collect()
}

/// The enabled ones of a tenant, or of all, whose settings say when a secret ends; those that can be read.
///
/// # Errors
/// What the database says.
pub async fn with_ending_secrets(on: impl Into<On<'_>>, tenant_id: Option<&str>) -> Result<Vec<TrustedIssuer>> {
    let of_one = "SELECT * FROM trusted_issuers WHERE tenant_id = $1 AND enabled AND settings LIKE '%client_secret_expires_on%'";
    let all = "SELECT * FROM trusted_issuers WHERE enabled AND settings LIKE '%client_secret_expires_on%'";
    let rows = on.into().all_of::<Stored>(tenant_id, of_one, all).await?;
    Ok(rows.into_iter().filter_map(|row| row.read().ok()).collect())
}

/// All of a tenant, or all there are, in the order they were made; one whose settings cannot be read as what is known of it.
///
/// # Errors
/// What the database says.
pub async fn all(on: impl Into<On<'_>>, tenant_id: Option<&str>) -> Result<Vec<std::result::Result<TrustedIssuer, Damaged>>> {
    let all = "SELECT * FROM trusted_issuers ORDER BY created_at, id";
    let of_one = "SELECT * FROM trusted_issuers WHERE tenant_id = $1 ORDER BY created_at, id";
    let read = |row: Stored| {
        let damaged = Damaged::new(&row.id, &row.tenant_id, &row.name, row.enabled).naming(&row.settings);
        row.read().map_err(|e| damaged.because(&e))
    };
    Ok(on.into().all_of::<Stored>(tenant_id, of_one, all).await?.into_iter().map(read).collect())
}

/// What [`window`] asks.
pub const WINDOW: &str =
    "SELECT * FROM trusted_issuers WHERE tenant_id = $1 AND name > $2 AND LOWER(name) LIKE $3 ESCAPE '!' ORDER BY name LIMIT $4";

/// What [`window`] asks where it is narrowed.
#[must_use]
pub fn narrowed<'a>(window: &'a Window<'a>) -> Statement<'a> {
    let mut s = window.switched("SELECT * FROM trusted_issuers WHERE tenant_id = ", "name");
    s.push(" ORDER BY name LIMIT ").bind(window.limit);
    s
}

/// A part of a tenant's, by name.
///
/// # Errors
/// As [`find_by_name`].
pub async fn window(on: impl Into<On<'_>>, window: &Window<'_>) -> Result<Vec<TrustedIssuer>> {
    let w = window;
    let rows = match w.narrow.is_narrow() {
        false => on.into().part::<Stored>(w, WINDOW, params![w.tenant_id, w.after, w.like(), w.limit]).await?,
        true => on.into().search::<Stored>(&narrowed(w), w.time()).await?,
    };
    rows.into_iter().map(Stored::read).collect()
}

/// Inserts, or updates the row of this id.
///
/// # Errors
/// A conflict when another issuer of the tenant has the name.
pub async fn save(on: impl Into<On<'_>>, issuer: &TrustedIssuer) -> Result<()> {
    let sql = "INSERT INTO trusted_issuers (id, tenant_id, name, enabled, settings, secrets_sealed, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) \
               ON CONFLICT (id) DO UPDATE SET name = excluded.name, enabled = excluded.enabled, \
                 settings = excluded.settings, secrets_sealed = excluded.secrets_sealed RETURNING tenant_id";
    let i = issuer;
    let settings = write_json("trusted issuer settings", &i.settings)?;
    let params = params![&i.id, &i.tenant_id, &i.name, i.enabled, &settings, &i.secrets_sealed, i.created_at];
    on.into().publish(sql, params).await?;
    Ok(())
}

/// Deletes it with the mappings that lead from it; whether it was there.
///
/// # Errors
/// What the database says.
pub async fn delete(on: impl Into<On<'_>>, id: &str) -> Result<bool> {
    Ok(on.into().publish("DELETE FROM trusted_issuers WHERE id = $1 RETURNING tenant_id", params![id]).await? > 0)
}
