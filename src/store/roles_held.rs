//! Which roles somebody holds on resources, and because of what: given to them, or to a team that they are in. A part at a time,
//! by kind and name of the resource.

use std::time::Duration;

use super::{db::Result, on::On, statement::Statement, window::Window};

/// Whose roles, by row id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of<'a> {
    /// A user's, also by the teams that they are in: by hand, or by groups of directories.
    User(&'a str),
    /// A team's.
    Team(&'a str),
    /// An external identity's or a virtual account's.
    Principal(&'a str),
}

/// A role on a resource. One may be held in several ways, of which each is told.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RoleHeld {
    /// The resource's kind.
    pub kind: String,
    /// And name.
    pub name: String,
    /// The team that holds it; empty: they hold it themselves.
    pub via: String,
    /// The role.
    pub role: String,
    /// `given`, or `rule`: a directory's rule gives it to the team, by a group.
    pub how: String,
}

impl RoleHeld {
    /// Where a list goes on after it.
    #[must_use]
    pub fn place(&self) -> [&str; 5] {
        [&self.kind, &self.name, &self.via, &self.role, &self.how]
    }

    /// Whether a directory's rule gives it.
    #[must_use]
    pub fn is_by_rule(&self) -> bool {
        self.how == "rule"
    }
}

const ON: &str = " JOIN resources r ON r.id = ";

/// Whether somebody holds more roles than this, each way counted: a part of them is made of all of them.
///
/// # Errors
/// What the database says.
pub async fn exceed(on: impl Into<On<'_>>, of: Of<'_>, few: i64) -> Result<bool> {
    let mut s = Statement::new("SELECT COUNT(*) FROM (SELECT one FROM (SELECT 1 AS one FROM collaborators c WHERE ");
    match of {
        Of::User(id) => {
            s.push("c.user_id = ").bind(id).push(" UNION ALL SELECT 1 FROM collaborators c WHERE ");
            teams_of(&mut s, "c.team_id", id);
            s.push(" UNION ALL SELECT 1 FROM group_roles g WHERE ");
            teams_of(&mut s, "g.team_id", id);
        }
        Of::Team(id) => {
            s.push("c.team_id = ").bind(id).push(" UNION ALL SELECT 1 FROM group_roles g WHERE g.team_id = ").bind(id);
        }
        Of::Principal(id) => {
            s.push("c.principal_id = ").bind(id);
        }
    }
    s.push(") AS held LIMIT ").bind(few.saturating_add(1)).push(") AS few");
    let counted = on.into().select::<(i64,)>(&s).await?;
    Ok(counted.first().is_some_and(|(n,)| *n > few))
}

/// A part of somebody's roles, after one ([`RoleHeld::place`]), in at most this time; the search looks at `type:name` of
/// resources.
///
/// # Errors
/// What the database says, also that it took too long.
pub async fn window<'a>(
    on: impl Into<On<'_>>,
    of: Of<'a>,
    after: [&'a str; 5],
    window: &'a Window<'a>,
    time: Option<Duration>,
) -> Result<Vec<RoleHeld>> {
    let mut s = Statement::new("SELECT kind, name, via, role, how FROM (SELECT r.kind AS kind, r.name AS name, '' AS via, ");
    s.push("c.role AS role, 'given' AS how FROM collaborators c").push(ON).push("c.resource_id WHERE ");
    match of {
        Of::User(id) => {
            s.push("c.user_id = ").bind(id);
            s.push(" UNION SELECT r.kind, r.name, t.name, c.role, 'given' FROM collaborators c").push(ON);
            s.push("c.resource_id JOIN teams t ON t.id = c.team_id WHERE ");
            teams_of(&mut s, "c.team_id", id);
            s.push(" UNION SELECT r.kind, r.name, t.name, g.role, 'rule' FROM group_roles g").push(ON);
            s.push("g.resource_id JOIN teams t ON t.id = g.team_id WHERE ");
            teams_of(&mut s, "g.team_id", id);
        }
        Of::Team(id) => {
            s.push("c.team_id = ").bind(id);
            s.push(" UNION SELECT r.kind, r.name, '', g.role, 'rule' FROM group_roles g").push(ON);
            s.push("g.resource_id WHERE g.team_id = ").bind(id);
        }
        Of::Principal(id) => {
            s.push("c.principal_id = ").bind(id);
        }
    }
    s.push(") AS held WHERE (kind, name, via, role, how) > (").bind_each(after).push(") AND ");
    window.holds(&mut s, "kind || ':' || name");
    s.push(" ORDER BY kind, name, via, role, how LIMIT ").bind(window.limit);
    on.into().search(&s, time).await
}

/// That a team is one of a user's: the same that [`super::teams::of_user`] finds.
fn teams_of<'a>(s: &mut Statement<'a>, column: &'static str, user_id: &'a str) {
    s.push(column).push(" IN (SELECT team_id FROM team_members WHERE user_id = ").bind(user_id);
    s.push(" UNION SELECT gt.team_id FROM directory_users du JOIN directory_members m ON m.member_id = du.id ");
    s.push("JOIN group_teams gt ON gt.group_id = m.group_id WHERE du.user_id = ").bind(user_id).push(")");
}
