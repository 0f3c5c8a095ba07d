//! When what connections depend on ends, kept beside them: what is in their settings and their provider's metadata is read
//! once for each version of both, by whoever looks first.

use super::{db::Result, on::On};
use crate::params;

/// When what a connection depends on ends (unix seconds); what does not end has no time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Our secret at the provider.
    pub secret: Option<i64>,
    /// The last of the provider's certificates.
    pub certificate: Option<i64>,
    /// Its metadata.
    pub metadata: Option<i64>,
    /// Whether that is fetched again before.
    pub fetched: bool,
}

/// A connection of which it is not known as it is now.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Unread {
    /// Which.
    pub connection_id: String,
    /// Its version.
    pub version: i64,
    /// The version of its provider's metadata; 0 without any.
    pub metadata_version: i64,
}

/// Those of a tenant, or of all, after this id; at most `limit`.
///
/// # Errors
/// What the database says.
pub async fn unread(on: impl Into<On<'_>>, tenant_id: Option<&str>, after: &str, limit: i64) -> Result<Vec<Unread>> {
    match tenant_id {
        Some(id) => {
            let sql = "SELECT c.id AS connection_id, c.version, COALESCE(m.version, 0) AS metadata_version FROM connections c
                         LEFT JOIN connection_ends e ON e.connection_id = c.id LEFT JOIN provider_metadata m ON m.connection_id = c.id
                       WHERE c.tenant_id = $1 AND c.id > $2 AND (e.connection_id IS NULL OR e.version <> c.version
                         OR e.metadata_version <> COALESCE(m.version, 0)) ORDER BY c.id LIMIT $3";
            on.into().all(sql, params![id, after, limit]).await
        }
        None => {
            let sql = "SELECT c.id AS connection_id, c.version, COALESCE(m.version, 0) AS metadata_version FROM connections c
                         LEFT JOIN connection_ends e ON e.connection_id = c.id LEFT JOIN provider_metadata m ON m.connection_id = c.id
                       WHERE c.id > $1 AND (e.connection_id IS NULL OR e.version <> c.version
                         OR e.metadata_version <> COALESCE(m.version, 0)) ORDER BY c.id LIMIT $2";
            on.into().all(sql, params![after, limit]).await
        }
    }
}

/// Notes what was read; a connection that is gone has nothing.
///
/// # Errors
/// What the database says.
pub async fn note(on: impl Into<On<'_>>, of: &Unread, ends: &Ends) -> Result<()> {
    let soonest = [ends.secret, ends.certificate, ends.metadata].into_iter().flatten().min();
    let mut on = on.into();
    on.execute(
        "INSERT INTO connection_ends (connection_id, version, metadata_version, secret_at, certificate_at, metadata_at, fetched,
           soonest)
         SELECT id, $2, $3, $4, $5, $6, $7, $8 FROM connections WHERE id = $1
         ON CONFLICT (connection_id) DO UPDATE SET version = excluded.version, metadata_version = excluded.metadata_version,
           secret_at = excluded.secret_at, certificate_at = excluded.certificate_at, metadata_at = excluded.metadata_at,
           fetched = excluded.fetched, soonest = excluded.soonest",
        params![
            &of.connection_id,
            of.version,
            of.metadata_version,
            ends.secret,
            ends.certificate,
            ends.metadata,
            ends.fetched,
            soonest,
        ],
    )
    .await?;
    Ok(())
}

/// A connection of which something ends.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Ending {
    /// Whose.
    pub tenant_id: String,
    /// Its name.
    pub name: String,
    /// Whether people sign in over it.
    pub enabled: bool,
    /// See [`Ends::secret`].
    pub secret_at: Option<i64>,
    /// See [`Ends::certificate`].
    pub certificate_at: Option<i64>,
    /// See [`Ends::metadata`].
    pub metadata_at: Option<i64>,
    /// See [`Ends::fetched`].
    pub fetched: bool,
    /// Whether the last fetch of its metadata failed, or brought what is held.
    pub troubled: bool,
}

/// Those of all tenants that [`of`] finds.
pub const ALL: &str = "SELECT c.tenant_id, c.name, c.enabled, e.secret_at, e.certificate_at, e.metadata_at, e.fetched,
       (m.failure IS NOT NULL OR m.held IS NOT NULL) AS troubled
     FROM connection_ends e JOIN connections c ON c.id = e.connection_id
       LEFT JOIN provider_metadata m ON m.connection_id = e.connection_id
     WHERE e.soonest <= $1";

/// Those of a tenant, or of all, of which something has ended by `until`.
///
/// # Errors
/// What the database says.
pub async fn of(on: impl Into<On<'_>>, tenant_id: Option<&str>, until: i64) -> Result<Vec<Ending>> {
    match tenant_id {
        Some(id) => {
            let sql = "SELECT c.tenant_id, c.name, c.enabled, e.secret_at, e.certificate_at, e.metadata_at, e.fetched,
                         (m.failure IS NOT NULL OR m.held IS NOT NULL) AS troubled
                       FROM connection_ends e JOIN connections c ON c.id = e.connection_id
                         LEFT JOIN provider_metadata m ON m.connection_id = e.connection_id
                       WHERE e.soonest <= $1 AND c.tenant_id = $2";
            on.into().all(sql, params![until, id]).await
        }
        None => on.into().all(ALL, params![until]).await,
    }
}
