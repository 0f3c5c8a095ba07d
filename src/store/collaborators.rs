//! Who was given a role on one resource, a part at a time: there may be as many as the tenant has users.

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
    let w = window;
    let mut s = Statement::new("SELECT kind, name, role FROM (SELECT 'user' AS kind, u.email AS name, c.role AS role ");
    s.push("FROM collaborators c JOIN users u ON u.id = c.user_id WHERE c.resource_id = ").bind(resource_id);
    s.push(" UNION ALL SELECT 'team' AS kind, t.name AS name, c.role AS role FROM collaborators c ");
    s.push("JOIN teams t ON t.id = c.team_id WHERE c.resource_id = ").bind(resource_id);
    s.push(" UNION ALL SELECT p.kind AS kind, p.name AS name, c.role AS role FROM collaborators c ");
    s.push("JOIN principals p ON p.id = c.principal_id WHERE c.resource_id = ").bind(resource_id);
    s.push(") AS held WHERE (kind, name) > (").bind(after_kind).push(", ").bind(w.after).push(") AND ");
    w.holds(&mut s, "name");
    if let Some(only) = only {
        s.push(" AND kind = ").bind(only.as_str());
    }
    s.push(" ORDER BY kind, name LIMIT ").bind(w.limit);
    on.into().search::<Named>(&s, w.time()).await?.into_iter().map(Named::read).collect()
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
