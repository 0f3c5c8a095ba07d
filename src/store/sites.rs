//! Sites: the services behind forward auth.

use super::{db::Result, on::On, read_json, statement::Statement, window::Window, write_json};
use crate::{params, policy::site::SiteSettings};

/// A site.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Row id.
    pub id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// Unique within the tenant.
    pub name: String,
    /// Whether anybody passes.
    pub enabled: bool,
    /// The rest.
    pub settings: SiteSettings,
    /// Unix seconds.
    pub created_at: i64,
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: String,
    tenant_id: String,
    name: String,
    enabled: bool,
    settings: String,
    created_at: i64,
}

impl Stored {
    fn read(self) -> Result<Site> {
        let settings = read_json("site settings", &self.settings)?;
        Ok(self.with(settings))
    }

    fn with(self, settings: SiteSettings) -> Site {
        let Self { id, tenant_id, name, enabled, created_at, .. } = self;
        Site { id, tenant_id, name, enabled, settings, created_at }
    }
}

/// By its name within a tenant.
///
/// # Errors
/// What the database says; `Corrupt` for unreadable settings.
pub async fn find_by_name(on: impl Into<On<'_>>, tenant_id: &str, name: &str) -> Result<Option<Site>> {
    let sql = "SELECT * FROM sites WHERE tenant_id = $1 AND name = $2";
    on.into().optional::<Stored>(sql, params![tenant_id, name]).await?.map(Stored::read).transpose()
}

/// All of a tenant, in the order they were made.
///
/// # Errors
/// As [`find_by_name`].
pub async fn of_tenant(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Vec<Site>> {
    let sql = "SELECT * FROM sites WHERE tenant_id = $1 ORDER BY created_at, id";
    on.into().all::<Stored>(sql, params![tenant_id]).await?.into_iter().map(Stored::read).collect()
}

/// What [`window`] asks.
pub const WINDOW: &str =
    "SELECT * FROM sites WHERE tenant_id = $1 AND name > $2 AND LOWER(name) LIKE $3 ESCAPE '!' ORDER BY name LIMIT $4";

/// What [`window`] asks where it is narrowed.
#[must_use]
pub fn narrowed<'a>(window: &'a Window<'a>) -> Statement<'a> {
    let mut s = window.switched("SELECT * FROM sites WHERE tenant_id = ", "name");
    s.push(" ORDER BY name LIMIT ").bind(window.limit);
    s
}

/// A part of a tenant's, by name.
///
/// # Errors
/// As [`find_by_name`].
pub async fn window(on: impl Into<On<'_>>, window: &Window<'_>) -> Result<Vec<Site>> {
    let w = window;
    let rows = match w.narrow.is_narrow() {
        false => on.into().part::<Stored>(w, WINDOW, params![w.tenant_id, w.after, w.like(), w.limit]).await?,
        true => on.into().search::<Stored>(&narrowed(w), w.time()).await?,
    };
    rows.into_iter().map(Stored::read).collect()
}

/// All there are, in the order they were made. One whose settings cannot be read has its places alone, and the reason.
///
/// # Errors
/// What the database says.
pub async fn all(on: impl Into<On<'_>>) -> Result<Vec<(Site, Option<String>)>> {
    let mut on = on.into();
    let rows = on.all::<Stored>("SELECT * FROM sites ORDER BY created_at, id", &[]).await?;
    let mut sites = Vec::with_capacity(rows.len());
    for mut row in rows {
        let settings = std::mem::take(&mut row.settings);
        sites.push(match read_json("site settings", &settings) {
            Ok(settings) => (row.with(settings), None),
            Err(e) => {
                let sql = "SELECT host, path FROM site_places WHERE site_id = $1 ORDER BY host, path";
                let places = on.all::<(String, String)>(sql, params![&row.id]).await?;
                (row.with(at_alone(places)), Some(e.to_string()))
            }
        });
    }
    Ok(sites)
}

/// The settings of a site of which only its places are known: each host is there with each path.
fn at_alone(places: Vec<(String, String)>) -> SiteSettings {
    let (mut hosts, mut paths): (Vec<_>, Vec<_>) = places.into_iter().unzip();
    for list in [&mut hosts, &mut paths] {
        list.sort();
        list.dedup();
    }
    SiteSettings { hosts, paths, ..SiteSettings::default() }
}

/// A place of a site, and whose site that is.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Place {
    /// The host, with the port where it is not the scheme's own.
    pub host: String,
    /// The beginning of its paths.
    pub path: String,
    /// The site's row id.
    pub site_id: String,
    /// The site's name.
    pub site: String,
    /// The row id of the site's tenant.
    pub tenant_id: String,
    /// That tenant's name.
    pub tenant: String,
}

/// Every place of a host name, on whichever port.
///
/// # Errors
/// What the database says.
pub async fn at_name(on: impl Into<On<'_>>, name: &str) -> Result<Vec<Place>> {
    let sql = "SELECT p.host, p.path, p.site_id, s.name AS site, s.tenant_id, t.name AS tenant FROM site_places p \
               JOIN sites s ON s.id = p.site_id JOIN tenants t ON t.id = s.tenant_id \
               WHERE p.host = $1 OR p.host LIKE $2 ORDER BY p.host, p.path";
    on.into().all(sql, params![name, &format!("{name}:%")]).await
}

/// Gives up the places of a site, so that another one can have them before it is saved anew.
///
/// # Errors
/// What the database says.
pub async fn give_up(on: impl Into<On<'_>>, id: &str) -> Result<()> {
    on.into()
        .publish(
            "DELETE FROM site_places WHERE site_id = $1 RETURNING (SELECT tenant_id FROM sites WHERE id = site_id)",
            params![id],
        )
        .await?;
    Ok(())
}

/// Inserts, or updates the row of this id, with its places: each host with each path, `/` for all.
///
/// # Errors
/// A conflict when another site has the name or one of the places.
pub async fn save(tx: &mut super::db::Tx, site: &Site) -> Result<()> {
    let sql = "INSERT INTO sites (id, tenant_id, name, enabled, settings, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (id) DO UPDATE SET name = excluded.name, enabled = excluded.enabled, settings = excluded.settings \
               RETURNING tenant_id";
    let s = site;
    let settings = write_json("site settings", &s.settings)?;
    let params = params![&s.id, &s.tenant_id, &s.name, s.enabled, &settings, s.created_at];
    On::from(&mut *tx).publish(sql, params).await?;
    tx.execute("DELETE FROM site_places WHERE site_id = $1", params![&s.id]).await?;
    let everywhere = ["/".to_owned()];
    let paths = if s.settings.paths.is_empty() { &everywhere[..] } else { &s.settings.paths };
    for host in &s.settings.hosts {
        for path in paths {
            let sql = "INSERT INTO site_places (host, path, site_id) VALUES ($1, $2, $3)";
            tx.execute(sql, params![host, path, &s.id]).await?;
        }
    }
    Ok(())
}

/// Deletes it with its sessions; whether it was there.
///
/// # Errors
/// What the database says.
pub async fn delete(on: impl Into<On<'_>>, id: &str) -> Result<bool> {
    Ok(on.into().publish("DELETE FROM sites WHERE id = $1 RETURNING tenant_id", params![id]).await? > 0)
}
