//! Named things of the platform, and who holds which role on them.

use std::collections::HashMap;

use super::{
    db::{Param, Result, StoreError},
    on::On,
    statement::Statement,
    window::Window,
};
use crate::{
    params,
    policy::{principal::Kind, role::Role},
};

/// A resource.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Resource {
    /// Row id.
    pub id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// Its kind (`type` outside).
    pub kind: String,
    /// Unique within tenant and kind.
    pub name: String,
    /// Unix seconds.
    pub created_at: i64,
}

/// Who holds a role, by row id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Holder {
    User(String),
    Team(String),
    /// An external identity or virtual account.
    Principal(String),
}

impl Holder {
    /// The row's id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::User(id) | Self::Team(id) | Self::Principal(id) => id,
        }
    }
}

#[derive(sqlx::FromRow)]
struct Held {
    user_id: Option<String>,
    team_id: Option<String>,
    principal_id: Option<String>,
    role: String,
}

#[derive(sqlx::FromRow)]
struct HeldOn {
    kind: String,
    name: String,
    role: String,
}

fn role(name: String) -> Result<Role> {
    Role::parse(&name).ok_or(StoreError::Corrupt("role", name))
}

/// By kind and name within a tenant.
///
/// # Errors
/// What the database says.
pub async fn find(on: impl Into<On<'_>>, tenant_id: &str, kind: &str, name: &str) -> Result<Option<Resource>> {
    let sql = "SELECT * FROM resources WHERE tenant_id = $1 AND kind = $2 AND name = $3";
    on.into().optional(sql, params![tenant_id, kind, name]).await
}

/// All of a tenant, in the order they were made.
///
/// # Errors
/// What the database says.
pub async fn of_tenant(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Vec<Resource>> {
    on.into().all("SELECT * FROM resources WHERE tenant_id = $1 ORDER BY created_at, id", params![tenant_id]).await
}

/// What [`window`] asks.
pub const WINDOW: &str = "SELECT * FROM resources WHERE tenant_id = $1 AND (kind, name) > ($5, $2) \
               AND LOWER(kind || ':' || name) LIKE $3 ESCAPE '!' ORDER BY kind, name LIMIT $4";

/// A part of a tenant's, by kind and name, after the resource of this kind that the window names.
///
/// # Errors
/// What the database says.
pub async fn window(on: impl Into<On<'_>>, after_kind: &str, window: &Window<'_>) -> Result<Vec<Resource>> {
    let w = window;
    if w.is_beyond_ascii() {
        let mut s = Statement::new("SELECT * FROM resources WHERE tenant_id = ");
        s.bind(w.tenant_id).push(" AND (kind, name) > (").bind(after_kind).push(", ").bind(w.after).push(") AND ");
        w.holds(&mut s, "kind || ':' || name");
        s.push(" ORDER BY kind, name LIMIT ").bind(w.limit);
        return on.into().search(&s, w.time()).await;
    }
    on.into().part(w, WINDOW, params![w.tenant_id, w.after, w.like(), w.limit, after_kind]).await
}

/// Inserts it.
///
/// # Errors
/// A conflict when there is one of this kind and name.
pub async fn insert(on: impl Into<On<'_>>, resource: &Resource) -> Result<()> {
    let sql = "INSERT INTO resources (id, tenant_id, kind, name, created_at) VALUES ($1, $2, $3, $4, $5)";
    let r = resource;
    on.into().alter(sql, params![&r.id, &r.tenant_id, &r.kind, &r.name, r.created_at]).await?;
    Ok(())
}

/// Deletes it with every role on it; whether it was there.
///
/// # Errors
/// What the database says.
pub async fn delete(on: impl Into<On<'_>>, id: &str) -> Result<bool> {
    Ok(on.into().alter("DELETE FROM resources WHERE id = $1", params![id]).await? > 0)
}

/// Who holds a role, by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Collaborator {
    /// A user, a team, an external identity or a virtual account.
    pub kind: Kind,
    /// A user's address, anyone else's name.
    pub name: String,
    /// The role.
    pub role: Role,
}

#[derive(sqlx::FromRow)]
struct Named {
    kind: String,
    name: String,
    role: String,
}

/// Who holds which role on a resource, by name; not those who hold it by a group of a directory. Sorted.
///
/// # Errors
/// What the database says; `Corrupt` for a role or kind that this version does not know.
pub async fn collaborators_named(on: impl Into<On<'_>>, resource_id: &str) -> Result<Vec<Collaborator>> {
    let sql = "SELECT 'user' AS kind, u.email AS name, c.role FROM collaborators c JOIN users u ON u.id = c.user_id \
                 WHERE c.resource_id = $1 \
               UNION ALL SELECT 'team', t.name, c.role FROM collaborators c JOIN teams t ON t.id = c.team_id \
                 WHERE c.resource_id = $1 \
               UNION ALL SELECT p.kind, p.name, c.role FROM collaborators c JOIN principals p ON p.id = c.principal_id \
                 WHERE c.resource_id = $1";
    let mut all = Vec::new();
    for Named { kind, name, role: held } in on.into().all::<Named>(sql, params![resource_id]).await? {
        let kind = Kind::parse(&kind).ok_or(StoreError::Corrupt("principal kind", kind))?;
        all.push(Collaborator { kind, name, role: role(held)? });
    }
    all.sort_unstable();
    Ok(all)
}

/// A team that holds a role because of a group of a directory.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ByGroup {
    /// The team.
    pub team: String,
    /// The role.
    pub role: String,
}

/// At most `most` of those that groups of directories give a role on a resource, by name.
///
/// # Errors
/// What the database says.
pub async fn by_groups(on: impl Into<On<'_>>, resource_id: &str, most: i64) -> Result<Vec<ByGroup>> {
    let sql = "SELECT DISTINCT t.name AS team, g.role FROM group_roles g JOIN teams t ON t.id = g.team_id \
               WHERE g.resource_id = $1 ORDER BY t.name, g.role LIMIT $2";
    on.into().all(sql, params![resource_id, most]).await
}

/// Everyone who was given a role on it; the roles that groups of directories bring are not among them.
///
/// # Errors
/// What the database says.
pub async fn collaborators(on: impl Into<On<'_>>, resource_id: &str) -> Result<Vec<(Holder, Role)>> {
    let sql = "SELECT user_id, team_id, principal_id, role FROM collaborators WHERE resource_id = $1 ORDER BY holder";
    let mut all = Vec::new();
    for row in on.into().all::<Held>(sql, params![resource_id]).await? {
        let holder = row.user_id.map(Holder::User).or(row.team_id.map(Holder::Team)).or(row.principal_id.map(Holder::Principal));
        if let Some(holder) = holder {
            all.push((holder, role(row.role)?));
        }
    }
    Ok(all)
}

/// Gives `holder` the role, in place of one that it held; whether anything changed.
///
/// # Errors
/// When resource or holder do not exist.
pub async fn give(on: impl Into<On<'_>>, resource_id: &str, holder: &Holder, role: Role) -> Result<bool> {
    let sql = "INSERT INTO collaborators (resource_id, holder, user_id, team_id, principal_id, role) \
               VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (resource_id, holder) DO UPDATE SET role = excluded.role \
               WHERE collaborators.role <> excluded.role";
    let (user, team, principal) = match holder {
        Holder::User(id) => (Some(id.as_str()), None, None),
        Holder::Team(id) => (None, Some(id.as_str()), None),
        Holder::Principal(id) => (None, None, Some(id.as_str())),
    };
    Ok(on.into().alter(sql, params![resource_id, holder.id(), user, team, principal, role.as_str()]).await? > 0)
}

/// Takes every role on the resource from `holder`; whether it held one.
///
/// # Errors
/// What the database says.
pub async fn take(on: impl Into<On<'_>>, resource_id: &str, holder: &str) -> Result<bool> {
    let sql = "DELETE FROM collaborators WHERE resource_id = $1 AND holder = $2";
    Ok(on.into().alter(sql, params![resource_id, holder]).await? > 0)
}

/// Every role that `holder` was given or has from groups of directories: kind and name of the resource, and the role. What
/// is lost when it is deleted.
///
/// # Errors
/// What the database says.
pub async fn held_by(on: impl Into<On<'_>>, holder: &str) -> Result<Vec<(String, String, Role)>> {
    let sql = "SELECT r.kind, r.name, c.role FROM collaborators c JOIN resources r ON r.id = c.resource_id WHERE c.holder = $1 \
               UNION SELECT r.kind, r.name, g.role FROM group_roles g JOIN resources r ON r.id = g.resource_id \
               WHERE g.team_id = $1 ORDER BY 1, 2";
    let rows = on.into().all::<HeldOn>(sql, params![holder]).await?;
    rows.into_iter().map(|row| Ok((row.kind, row.name, role(row.role)?))).collect()
}

/// At most `most` of them.
///
/// # Errors
/// What the database says.
pub async fn some_held_by(on: impl Into<On<'_>>, holder: &str, most: usize) -> Result<Vec<(String, String, Role)>> {
    let sql = "SELECT r.kind, r.name, c.role FROM collaborators c JOIN resources r ON r.id = c.resource_id WHERE c.holder = $1 \
               UNION SELECT r.kind, r.name, g.role FROM group_roles g JOIN resources r ON r.id = g.resource_id \
               WHERE g.team_id = $1 ORDER BY 1, 2 LIMIT $2";
    let rows = on.into().all::<HeldOn>(sql, params![holder, i64::try_from(most).unwrap_or(i64::MAX)]).await?;
    rows.into_iter().map(|row| Ok((row.kind, row.name, role(row.role)?))).collect()
}

/// Most holders that one statement asks about, and most resources.
const HOLDERS: usize = 16;
const RESOURCES: usize = 20;

#[derive(sqlx::FromRow)]
struct Strong {
    kind: String,
    name: String,
    role: String,
}

/// The strongest role that any of `holders` holds on a resource of the tenant; `None` also when there is no such
/// resource.
///
/// # Errors
/// What the database says.
pub async fn strongest(on: impl Into<On<'_>>, tenant_id: &str, kind: &str, name: &str, holders: &[&str]) -> Result<Option<Role>> {
    let sql = "SELECT c.role FROM resources r JOIN collaborators c ON c.resource_id = r.id \
               WHERE r.tenant_id = $1 AND r.kind = $2 AND r.name = $3 AND c.holder IN \
                 ($4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) \
               UNION ALL SELECT g.role FROM resources r JOIN group_roles g ON g.resource_id = r.id \
               WHERE r.tenant_id = $1 AND r.kind = $2 AND r.name = $3 AND g.team_id IN \
                 ($4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";
    let mut on = on.into();
    let mut best = None;
    for holders in holders.chunks(HOLDERS) {
        let mut params = vec![Param::from(tenant_id), Param::from(kind), Param::from(name)];
        params.extend(padded(holders, HOLDERS).map(|holder| Param::from(*holder)));
        for (found,) in on.all::<(String,)>(sql, &params).await? {
            best = best.max(Some(role(found)?));
        }
    }
    Ok(best)
}

/// As [`strongest`], for many resources by kind and name: in their order.
///
/// # Errors
/// What the database says.
pub async fn strongest_each(
    on: impl Into<On<'_>>,
    tenant_id: &str,
    resources: &[(&str, &str)],
    holders: &[&str],
) -> Result<Vec<Option<Role>>> {
    // VALUES makes each resource a look-up in the index, which a row of ORs does not on SQLite.
    let sql = "WITH asked (kind, name) AS (VALUES \
                 ($18, $19), ($20, $21), ($22, $23), ($24, $25), ($26, $27), ($28, $29), ($30, $31), ($32, $33), ($34, $35), \
                 ($36, $37), ($38, $39), ($40, $41), ($42, $43), ($44, $45), ($46, $47), ($48, $49), ($50, $51), ($52, $53), \
                 ($54, $55), ($56, $57)) \
               SELECT r.kind, r.name, c.role FROM asked \
               JOIN resources r ON r.tenant_id = $1 AND r.kind = asked.kind AND r.name = asked.name \
               JOIN collaborators c ON c.resource_id = r.id AND c.holder IN \
                 ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
               UNION ALL SELECT r.kind, r.name, g.role FROM asked \
               JOIN resources r ON r.tenant_id = $1 AND r.kind = asked.kind AND r.name = asked.name \
               JOIN group_roles g ON g.resource_id = r.id AND g.team_id IN \
                 ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
    let mut on = on.into();
    let mut best: HashMap<(String, String), Role> = HashMap::new();
    for holders in holders.chunks(HOLDERS) {
        for resources in resources.chunks(RESOURCES) {
            let mut params = vec![Param::from(tenant_id)];
            params.extend(padded(holders, HOLDERS).map(|holder| Param::from(*holder)));
            let pairs = padded(resources, RESOURCES).flat_map(|(kind, name)| [*kind, *name]);
            params.extend(pairs.map(Param::from));
            for row in on.all::<Strong>(sql, &params).await? {
                let found = role(row.role)?;
                best.entry((row.kind, row.name)).and_modify(|held| *held = found.max(*held)).or_insert(found);
            }
        }
    }
    let of = |(kind, name): &(&str, &str)| best.get(&((*kind).to_owned(), (*name).to_owned())).copied();
    Ok(resources.iter().map(of).collect())
}

/// As many as a statement has places for: the last once more for each that is free.
fn padded<T>(some: &[T], places: usize) -> impl Iterator<Item = &T> {
    some.iter().chain(some.last().into_iter().flat_map(std::iter::repeat)).take(places)
}
