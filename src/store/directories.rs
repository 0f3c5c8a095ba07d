//! Directories: where a tenant's users and groups are pushed from.

use super::{
    db::{Result, StoreError},
    left_records,
    on::On,
    read_json,
    statement::Statement,
    tenants,
    window::Window,
    write_json,
};
use crate::{
    params,
    policy::{directory::DirectorySettings, identity::Provisioning},
};

/// A directory.
#[derive(Clone, Debug, PartialEq)]
pub struct Directory {
    /// Row id.
    pub id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// Unique within the tenant.
    pub name: String,
    /// Whose sign-ins are matched by `externalId`.
    pub connection_id: Option<String>,
    /// A disabled directory may push nothing.
    pub enabled: bool,
    /// The rest.
    pub settings: DirectorySettings,
    /// Unix seconds.
    pub created_at: i64,
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: String,
    tenant_id: String,
    name: String,
    connection_id: Option<String>,
    enabled: bool,
    settings: String,
    created_at: i64,
}

impl TryFrom<Stored> for Directory {
    type Error = StoreError;

    fn try_from(row: Stored) -> Result<Self> {
        Ok(Self {
            settings: read_json("directory settings", &row.settings)?,
            id: row.id,
            tenant_id: row.tenant_id,
            name: row.name,
            connection_id: row.connection_id,
            enabled: row.enabled,
            created_at: row.created_at,
        })
    }
}

/// By row id.
///
/// # Errors
/// What the database says; `Corrupt` for unreadable settings.
pub async fn find(on: impl Into<On<'_>>, id: &str) -> Result<Option<Directory>> {
    let row = on.into().optional::<Stored>("SELECT * FROM directories WHERE id = $1", params![id]).await?;
    row.map(Directory::try_from).transpose()
}

/// By its name within a tenant.
///
/// # Errors
/// As [`find`].
pub async fn find_by_name(on: impl Into<On<'_>>, tenant_id: &str, name: &str) -> Result<Option<Directory>> {
    let sql = "SELECT * FROM directories WHERE tenant_id = $1 AND name = $2";
    on.into().optional::<Stored>(sql, params![tenant_id, name]).await?.map(Directory::try_from).transpose()
}

/// All of a tenant, in the order they were made.
///
/// # Errors
/// As [`find`].
pub async fn of_tenant(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Vec<Directory>> {
    let sql = "SELECT * FROM directories WHERE tenant_id = $1 ORDER BY created_at, id";
    on.into().all::<Stored>(sql, params![tenant_id]).await?.into_iter().map(Directory::try_from).collect()
}

/// All there are, in the order they were made.
///
/// # Errors
/// As [`find`].
pub async fn all(on: impl Into<On<'_>>) -> Result<Vec<Directory>> {
    let rows = on.into().all::<Stored>("SELECT * FROM directories ORDER BY created_at, id", &[]).await?;
    rows.into_iter().map(Directory::try_from).collect()
}

/// What [`window`] asks.
pub const WINDOW: &str =
    "SELECT * FROM directories WHERE tenant_id = $1 AND name > $2 AND LOWER(name) LIKE $3 ESCAPE '!' ORDER BY name LIMIT $4";

/// What [`window`] asks where it is narrowed.
#[must_use]
pub fn narrowed<'a>(window: &'a Window<'a>) -> Statement<'a> {
    let mut s = window.switched("SELECT * FROM directories WHERE tenant_id = ", "name");
    s.push(" ORDER BY name LIMIT ").bind(window.limit);
    s
}

/// A part of a tenant's, by name.
///
/// # Errors
/// As [`find`].
pub async fn window(on: impl Into<On<'_>>, window: &Window<'_>) -> Result<Vec<Directory>> {
    let w = window;
    let rows = match w.narrow.is_narrow() {
        false => on.into().part::<Stored>(w, WINDOW, params![w.tenant_id, w.after, w.like(), w.limit]).await?,
        true => on.into().search::<Stored>(&narrowed(w), w.time()).await?,
    };
    rows.into_iter().map(Directory::try_from).collect()
}

/// Inserts, or updates the row of this id. Whom an operator has shut out stays out of the sign-ins that it was matched with.
///
/// # Errors
/// A conflict when another directory of the tenant has the name.
pub async fn save(on: impl Into<On<'_>>, directory: &Directory) -> Result<()> {
    let mut on = on.into();
    let sql = "SELECT connection_id FROM directories WHERE id = $1";
    if let Some((old @ Some(_),)) = on.optional::<(Option<String>,)>(sql, params![&directory.id]).await?
        && old != directory.connection_id
    {
        left_records::keep(&mut on, &directory.id).await?;
    }
    let sql = "INSERT INTO directories (id, tenant_id, name, connection_id, enabled, settings, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) \
               ON CONFLICT (id) DO UPDATE SET name = excluded.name, connection_id = excluded.connection_id, \
                 enabled = excluded.enabled, settings = excluded.settings";
    let settings = write_json("directory settings", &directory.settings)?;
    let d = directory;
    let params = params![&d.id, &d.tenant_id, &d.name, &d.connection_id, d.enabled, &settings, d.created_at];
    on.alter(sql, params).await?;
    Ok(())
}

/// Deletes it with its records and groups, and the teams made for these; whether it was there. The users that it made
/// stay: nobody is deleted because a directory is, and nobody whom an operator has shut out comes in for it.
///
/// # Errors
/// What the database says.
pub async fn delete(on: impl Into<On<'_>>, id: &str) -> Result<bool> {
    let mut on = on.into();
    left_records::keep(&mut on, id).await?;
    // The mappings of its groups' teams go too, which every node remembers.
    Ok(on.publish("DELETE FROM directories WHERE id = $1 RETURNING tenant_id", params![id]).await? > 0)
}

/// How many users and how many groups it has.
///
/// # Errors
/// What the database says.
pub async fn counts(on: impl Into<On<'_>>, id: &str) -> Result<(i64, i64)> {
    let sql = "SELECT (SELECT COUNT(*) FROM directory_users WHERE directory_id = $1), \
                 (SELECT COUNT(*) FROM directory_groups WHERE directory_id = $1)";
    Ok(on.into().optional::<(i64, i64)>(sql, params![id]).await?.unwrap_or_default())
}

/// What a directory's caller has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A token of the directory.
    Token {
        /// Its row id.
        id: String,
        /// What it was made with, where that was a token ([`super::lineage`]).
        made_with: Option<String>,
        /// When it ends.
        expires_at: Option<i64>,
        /// When it was last seen to be used.
        last_used_at: Option<i64>,
    },
    /// An access token of the client of this id.
    Client(String),
}

impl Shown {
    /// What the directory's token was made with, where that was a token.
    #[must_use]
    pub fn made_with(&self) -> Option<&str> {
        match self {
            Self::Token { made_with, .. } => made_with.as_deref(),
            Self::Client(_) => None,
        }
    }
}

/// Who pushes: a directory, by a token of it or by a client of ours.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The directory.
    pub directory: Directory,
    /// Its tenant's name.
    pub tenant: String,
    /// Whether the tenant is enabled.
    pub tenant_enabled: bool,
    /// How the tenant's users come to be.
    pub provisioning: Provisioning,
    /// By what it is known.
    pub shown: Shown,
}

impl Caller {
    /// Why it may not push at `now`.
    #[must_use]
    pub fn refusal(&self, now: i64) -> Option<&'static str> {
        let ended = matches!(self.shown, Shown::Token { expires_at: Some(end), .. } if end <= now);
        match self {
            _ if ended => Some("the directory token has ended"),
            _ if !self.directory.enabled => Some("the directory is disabled"),
            _ if !self.tenant_enabled => Some("the tenant is disabled"),
            _ => None,
        }
    }
}

#[derive(sqlx::FromRow)]
struct OwnerRow {
    #[sqlx(flatten)]
    directory: Stored,
    tenant_name: String,
    tenant_enabled: bool,
    provisioning: String,
}

impl OwnerRow {
    fn caller(self, shown: Shown) -> Result<Caller> {
        Ok(Caller {
            directory: self.directory.try_into()?,
            tenant: self.tenant_name,
            tenant_enabled: self.tenant_enabled,
            provisioning: tenants::provisioning(self.provisioning)?,
            shown,
        })
    }
}

#[derive(sqlx::FromRow)]
struct CallerRow {
    #[sqlx(flatten)]
    owner: OwnerRow,
    token_id: String,
    made_with: Option<String>,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
}

/// The directory whose token has this fingerprint ([`super::directory_tokens::fingerprint`]). Whether it may push is
/// [`Caller::refusal`]'s word.
///
/// # Errors
/// As [`find`].
pub async fn by_token(on: impl Into<On<'_>>, fingerprint: &str) -> Result<Option<Caller>> {
    let sql = "SELECT d.*, t.name AS tenant_name, t.enabled AS tenant_enabled, t.provisioning, k.id AS token_id, k.made_with, k.expires_at, k.last_used_at \
               FROM directory_tokens k \
               JOIN directories d ON d.id = k.directory_id \
               JOIN tenants t ON t.id = d.tenant_id \
               WHERE k.fingerprint = $1";
    let row = on.into().optional::<CallerRow>(sql, params![fingerprint]).await?;
    row.map(|row| {
        let shown = Shown::Token {
            id: row.token_id,
            made_with: row.made_with,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
        };
        row.owner.caller(shown)
    })
    .transpose()
}

/// The directory of this id, of this tenant (by row id), for a client of that tenant. Whether the client is one of the directory is
/// for the caller to look up; whether the directory may push is [`Caller::refusal`]'s word.
///
/// # Errors
/// As [`find`].
pub async fn for_client(on: impl Into<On<'_>>, id: &str, tenant_id: &str, client_id: &str) -> Result<Option<Caller>> {
    let sql = "SELECT d.*, t.name AS tenant_name, t.enabled AS tenant_enabled, t.provisioning \
               FROM directories d JOIN tenants t ON t.id = d.tenant_id WHERE d.id = $1 AND d.tenant_id = $2";
    let row = on.into().optional::<OwnerRow>(sql, params![id, tenant_id]).await?;
    row.map(|row| row.caller(Shown::Client(client_id.to_owned()))).transpose()
}
