//! Who was given a role on one resource, a part at a time: there may be as many as the tenant has users. Each kind is read for
//! itself, in the order of its names.

use tokio::time::Instant;

use super::{
    db::{Result, StoreError},
    on::On,
    resources::Collaborator,
    statement::Statement,
    window::Window,
};
use crate::{
    params,
    policy::{principal::Kind, role::Role},
};

#[derive(sqlx::FromRow)]
struct Named {
    kind: String,
    name: String,
    role: String,
}

impl Named {
    fn read(self) -> Result<Collaborator> {
        let kind = Kind::parse(&self.kind).ok_or(StoreError::Corrupt("principal kind", self.kind))?;
        let role = Role::parse(&self.role).ok_or(StoreError::Corrupt("role", self.role))?;
        Ok(Collaborator { kind, name: self.name, role })
    }
}

/// In the order of their names, which is that of a list of all.
const KINDS: [Kind; 4] = [Kind::ExternalIdentity, Kind::Team, Kind::User, Kind::VirtualAccount];
/// Where more than this many of a kind hold a role, the tenant's are walked in their order; fewer are put in order.
const FEW: i64 = 1_000;

/// What [`window`] asks of one kind, in the one way or the other; both go along an index and read no more than they must.
#[must_use]
pub fn statement<'a>(resource_id: &'a str, kind: Kind, window: &'a Window<'a>, is_large: bool) -> Statement<'a> {
    let (w, name) = (window, if kind == Kind::User { "h.email" } else { "h.name" });
    let mut s = Statement::new("SELECT ");
    s.bind(kind.as_str()).push(" AS kind, ").push(name).push(" AS name, ");
    if is_large {
        // Asked of each by itself (LIMIT), or PostgreSQL would read all roles on the resource first.
        let role = |s: &mut Statement<'a>| {
            s.push("(SELECT c.role FROM collaborators c WHERE c.holder = h.id AND c.resource_id = ").bind(resource_id);
            s.push(match kind {
                Kind::User => " AND c.user_id = h.id LIMIT 1)",
                Kind::Team => " AND c.team_id = h.id LIMIT 1)",
                Kind::ExternalIdentity | Kind::VirtualAccount => " AND c.principal_id = h.id LIMIT 1)",
            });
        };
        role(&mut s);
        s.push(match kind {
            Kind::User => " AS role FROM users h",
            Kind::Team => " AS role FROM teams h",
            Kind::ExternalIdentity | Kind::VirtualAccount => " AS role FROM principals h",
        });
        s.push(" WHERE h.tenant_id = ").bind(w.tenant_id).push(" AND ");
        role(&mut s);
        s.push(" IS NOT NULL");
    } else {
        // In this order (CROSS JOIN): SQLite might begin with whoever there is, for the few who hold a role.
        s.push("c.role AS role FROM collaborators c CROSS JOIN ").push(match kind {
            Kind::User => "users h WHERE h.id = c.user_id AND c.user_id IS NOT NULL",
            Kind::Team => "teams h WHERE h.id = c.team_id AND c.team_id IS NOT NULL",
            Kind::ExternalIdentity | Kind::VirtualAccount => {
                "principals h WHERE h.id = c.principal_id AND c.principal_id IS NOT NULL"
            }
        });
        s.push(" AND c.resource_id = ").bind(resource_id);
    }
    if matches!(kind, Kind::ExternalIdentity | Kind::VirtualAccount) {
        s.push(" AND h.kind = ").bind(kind.as_str());
    }
    s.push(" AND ").push(name).push(" > ").bind(w.after).push(" AND ");
    w.holds(&mut s, name);
    s.push(" ORDER BY ").push(name).push(" LIMIT ").bind(w.limit);
    s
}

/// Whether more hold a role on a resource, of this kind or one that is kept with it, than are put in order.
async fn are_many(on: &mut On<'_>, resource_id: &str, kind: Kind) -> Result<bool> {
    let sql = match kind {
        Kind::User => {
            "SELECT COUNT(*) FROM (SELECT 1 AS one FROM collaborators \
               WHERE resource_id = $1 AND user_id IS NOT NULL LIMIT $2) AS few"
        }
        Kind::Team => {
            "SELECT COUNT(*) FROM (SELECT 1 AS one FROM collaborators \
               WHERE resource_id = $1 AND team_id IS NOT NULL LIMIT $2) AS few"
        }
        Kind::ExternalIdentity | Kind::VirtualAccount => {
            "SELECT COUNT(*) FROM (SELECT 1 AS one FROM collaborators \
               WHERE resource_id = $1 AND principal_id IS NOT NULL LIMIT $2) AS few"
        }
    };
    let found = on.optional::<(i64,)>(sql, params![resource_id, FEW + 1]).await?;
    Ok(found.is_some_and(|(count,)| count > FEW))
}

/// A part of those who were given a role on a resource, by kind and name, after the one of this kind that the window names; of
/// one kind where that is asked for. Those who hold one by a group of a directory are not among them.
///
/// # Errors
/// What the database says; `Corrupt` for a role or kind that this version does not know.
pub async fn window(
    on: impl Into<On<'_>>,
    resource_id: &str,
    only: Option<Kind>,
    after_kind: &str,
    window: &Window<'_>,
) -> Result<Vec<Collaborator>> {
    let mut on: On<'_> = on.into();
    let (began, w) = (Instant::now(), window);
    let mut found = Vec::new();
    let asked = |kind: &Kind| only.is_none_or(|only| only == *kind) && kind.as_str() >= after_kind;
    for kind in KINDS.into_iter().filter(asked) {
        let left = w.limit - i64::try_from(found.len()).unwrap_or(i64::MAX);
        if left <= 0 {
            break;
        }
        let part = w.part(if kind.as_str() == after_kind { w.after } else { "" }, left);
        let is_large = are_many(&mut on, resource_id, kind).await?;
        // All of them together have the time of one search.
        let time = w.time().map(|time| time.saturating_sub(began.elapsed()));
        for named in on.search::<Named>(&statement(resource_id, kind, &part, is_large), time).await? {
            found.push(named.read()?);
        }
    }
    Ok(found)
}

/// Those of these names, of one kind, who were given a role on a resource; in no order.
///
/// # Errors
/// As [`window`].
pub async fn among<'a>(
    on: impl Into<On<'_>>,
    resource_id: &'a str,
    kind: Kind,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Collaborator>> {
    // Databases do not agree on what a NUL is.
    let names: Vec<&str> = names.into_iter().filter(|name| !name.contains('\0')).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut s = Statement::new("SELECT ");
    s.bind(kind.as_str()).push(match kind {
        Kind::User => " AS kind, h.email AS name, c.role AS role FROM users h JOIN collaborators c ON c.holder = h.id AND c.user_id = h.id",
        Kind::Team => " AS kind, h.name AS name, c.role AS role FROM teams h JOIN collaborators c ON c.holder = h.id AND c.team_id = h.id",
        Kind::ExternalIdentity | Kind::VirtualAccount => {
            " AS kind, h.name AS name, c.role AS role FROM principals h JOIN collaborators c ON c.holder = h.id AND c.principal_id = h.id"
        }
    });
    s.push(" WHERE c.resource_id = ").bind(resource_id);
    s.push(" AND h.tenant_id = (SELECT tenant_id FROM resources WHERE id = ").bind(resource_id).push(")");
    match kind {
        Kind::User => s.push(" AND h.email IN ("),
        Kind::Team => s.push(" AND h.name IN ("),
        Kind::ExternalIdentity | Kind::VirtualAccount => s.push(" AND h.kind = ").bind(kind.as_str()).push(" AND h.name IN ("),
    };
    s.bind_each(names).push(")");
    on.into().select::<Named>(&s).await?.into_iter().map(Named::read).collect()
}

/// The role that somebody was given on a resource, by their row id.
///
/// # Errors
/// As [`window`].
pub async fn role(on: impl Into<On<'_>>, resource_id: &str, holder: &str) -> Result<Option<Role>> {
    let sql = "SELECT role FROM collaborators WHERE resource_id = $1 AND holder = $2";
    let found = on.into().optional::<(String,)>(sql, params![resource_id, holder]).await?;
    found.map(|(name,)| Role::parse(&name).ok_or(StoreError::Corrupt("role", name))).transpose()
}
