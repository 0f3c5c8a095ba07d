//! Who is in a team, and why: by hand, or by groups of directories, which are read and copied nowhere. A part at a time, in the
//! order of their addresses: a team may have as many members as the tenant has users.

use std::collections::HashMap;

use super::{
    db::Result,
    on::On,
    statement::Statement,
    window::{TIME, Window},
};
use crate::params;

/// A user who is in a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The user's row id.
    pub user_id: String,
    /// Their address.
    pub email: String,
    /// Their name.
    pub name: Option<String>,
    /// Whether they may come in.
    pub active: bool,
    /// Whether somebody has put them in by hand.
    pub by_hand: bool,
    /// The groups that they are in it by.
    pub groups: Vec<TeamGroup>,
}

/// A group of a directory whose members are in the team.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct TeamGroup {
    /// The directory's name.
    pub directory: String,
    /// The group's, as it was sent.
    #[sqlx(rename = "group_name")]
    pub group: String,
    /// A rule of the directory names the team; else it is the group's own.
    pub by_rule: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    email: String,
    name: Option<String>,
    active: bool,
    by_hand: bool,
}

#[derive(sqlx::FromRow)]
struct Way {
    user_id: String,
    directory: String,
    group_name: String,
    by_rule: bool,
}

/// Teams of more than this many are walked along their tenant's addresses, smaller ones are put in order.
const FEW: i64 = 1_000;
/// Groups of a team that are named.
const GROUPS: i64 = 20;

const PUSHED: &str = "SELECT r.user_id FROM group_teams gt JOIN directory_members m ON m.group_id = gt.group_id \
                        JOIN directory_users r ON r.id = m.member_id WHERE r.user_id IS NOT NULL AND gt.team_id = ";

/// What [`window`] asks, in the one way or the other; both go along an index and read no more than they must.
#[must_use]
pub fn statement<'a>(team_id: &'a str, window: &'a Window<'a>, is_large: bool) -> Statement<'a> {
    let w = window;
    let mut s = Statement::new("SELECT u.id, u.email, u.name, u.active, ");
    // Asked of each row by itself (LIMIT), or PostgreSQL would read the whole team first.
    s.push("(SELECT 1 FROM team_members h WHERE h.user_id = u.id AND h.team_id = ").bind(team_id);
    s.push(" LIMIT 1) IS NOT NULL AS by_hand FROM users u WHERE u.tenant_id = ")
        .bind(w.tenant_id)
        .push(" AND u.email > ")
        .bind(w.after);
    s.push(" AND (u.email LIKE ").bind(w.like()).push(" ESCAPE '!' OR ");
    w.holds(&mut s, "u.name");
    s.push(")");
    if is_large {
        s.push(" AND ((SELECT 1 FROM team_members t WHERE t.user_id = u.id AND t.team_id = ").bind(team_id);
        s.push(" LIMIT 1) IS NOT NULL OR (SELECT 1 FROM directory_users r ");
        // In this order (CROSS JOIN): SQLite might begin with the group, for each user anew.
        s.push("CROSS JOIN directory_members m CROSS JOIN group_teams gt WHERE r.user_id = u.id AND m.member_id = r.id ");
        s.push("AND gt.group_id = m.group_id AND gt.team_id = ").bind(team_id);
        s.push(" LIMIT 1) IS NOT NULL)");
    } else {
        s.push(" AND u.id IN (SELECT user_id FROM team_members WHERE team_id = ").bind(team_id);
        s.push(" UNION ").push(PUSHED).bind(team_id).push(")");
    }
    s.push(" ORDER BY u.email LIMIT ").bind(w.limit);
    s
}

/// A part of a team's members, by address; the search looks at names too.
///
/// # Errors
/// What the database says; of a large team also that it took too long.
pub async fn window(on: impl Into<On<'_>>, team_id: &str, window: &Window<'_>) -> Result<Vec<Member>> {
    let mut on = on.into();
    let is_large = is_large(&mut on, team_id).await?;
    let time = if is_large { Some(TIME) } else { window.time() };
    let rows: Vec<Row> = on.search(&statement(team_id, window, is_large), time).await?;
    with_groups(&mut on, team_id, rows).await
}

/// Whether a team has so many members that a part of them is looked for among all of the tenant's users.
///
/// # Errors
/// What the database says.
pub async fn is_large(on: impl Into<On<'_>>, team_id: &str) -> Result<bool> {
    Ok(count(on, team_id, FEW).await? > FEW)
}

/// One member; `None`: the user is not in the team.
///
/// # Errors
/// What the database says.
pub async fn find(on: impl Into<On<'_>>, team_id: &str, user_id: &str) -> Result<Option<Member>> {
    let mut on = on.into();
    let sql = "SELECT u.id, u.email, u.name, u.active, \
                 EXISTS (SELECT 1 FROM team_members h WHERE h.user_id = u.id AND h.team_id = $1) AS by_hand \
               FROM users u WHERE u.id = $2";
    let rows: Vec<Row> = on.all(sql, params![team_id, user_id]).await?;
    let found = with_groups(&mut on, team_id, rows).await?.pop();
    Ok(found.filter(|member| member.by_hand || !member.groups.is_empty()))
}

async fn with_groups(on: &mut On<'_>, team_id: &str, rows: Vec<Row>) -> Result<Vec<Member>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut s = Statement::new("SELECT r.user_id, d.name AS directory, COALESCE(g.shown_name, g.display_name) AS group_name, ");
    s.push("NOT EXISTS (SELECT 1 FROM teams t WHERE t.id = gt.team_id AND t.group_id = g.id) AS by_rule ");
    s.push("FROM directory_users r CROSS JOIN directory_members m CROSS JOIN group_teams gt ");
    s.push("JOIN directory_groups g ON g.id = gt.group_id JOIN directories d ON d.id = g.directory_id ");
    s.push("WHERE m.member_id = r.id AND gt.group_id = m.group_id AND gt.team_id = ").bind(team_id);
    s.push(" AND r.user_id IN (").bind_each(rows.iter().map(|row| row.id.as_str())).push(") ORDER BY d.name, group_name");
    let mut ways: HashMap<String, Vec<TeamGroup>> = HashMap::new();
    for Way { user_id, directory, group_name, by_rule } in on.select::<Way>(&s).await? {
        ways.entry(user_id).or_default().push(TeamGroup { directory, group: group_name, by_rule });
    }
    let member = |row: Row| Member {
        groups: ways.remove(&row.id).unwrap_or_default(),
        user_id: row.id,
        email: row.email,
        name: row.name,
        active: row.active,
        by_hand: row.by_hand,
    };
    Ok(rows.into_iter().map(member).collect())
}

/// How many ways there are into a team, counted a little beyond `most`.
///
/// # Errors
/// What the database says.
pub async fn count(on: impl Into<On<'_>>, team_id: &str, most: i64) -> Result<i64> {
    let sql = "SELECT (SELECT COUNT(*) FROM (SELECT 1 AS one FROM team_members WHERE team_id = $1 LIMIT $2) AS h) \
                    + (SELECT COUNT(*) FROM (SELECT 1 AS one FROM group_teams gt \
                         JOIN directory_members m ON m.group_id = gt.group_id WHERE gt.team_id = $1 LIMIT $2) AS p)";
    let found: Option<(i64,)> = on.into().optional(sql, params![team_id, most + 1]).await?;
    Ok(found.map_or(0, |(count,)| count))
}

/// The groups whose members are in a team, the first of them.
///
/// # Errors
/// What the database says.
pub async fn groups(on: impl Into<On<'_>>, team_id: &str) -> Result<Vec<TeamGroup>> {
    let sql = "SELECT d.name AS directory, COALESCE(g.shown_name, g.display_name) AS group_name, \
                 NOT EXISTS (SELECT 1 FROM teams t WHERE t.id = gt.team_id AND t.group_id = g.id) AS by_rule \
               FROM group_teams gt JOIN directory_groups g ON g.id = gt.group_id JOIN directories d ON d.id = g.directory_id \
               WHERE gt.team_id = $1 ORDER BY d.name, group_name LIMIT $2";
    on.into().all(sql, params![team_id, GROUPS]).await
}
