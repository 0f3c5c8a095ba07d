//! The team of a group's own: made for it, called like it, and gone with it. Where the group is renamed to what rules say is
//! another team, it goes too, unless somebody has given it anything by hand: then it stays the group's, under its new name, and
//! nobody else's.

use super::{
    db::{Result, Tx},
    directory_groups::{DirectoryGroup, TeamTaken},
    on::On,
    statement::Statement,
    teams::{self, Team},
};
use crate::{params, policy::directory::GroupOutcome, secret};

/// Deletes the team of a group's own, if it has one.
///
/// # Errors
/// What the database says.
pub async fn disown(tx: &mut Tx, group_id: &str) -> Result<()> {
    On::from(tx).publish("DELETE FROM teams WHERE group_id = $1 RETURNING tenant_id", params![group_id]).await.map(|_| ())
}

/// Locks the group that a team is the own one of, which is about to be deleted: of two who settle it, the second waits.
///
/// # Errors
/// What the database says.
pub async fn hold(tx: &mut Tx, team: &Team) -> Result<()> {
    let Some(group_id) = &team.group_id else { return Ok(()) };
    let mut s = Statement::new("SELECT id FROM directory_groups WHERE id = ");
    s.bind(group_id).locked();
    tx.select::<(String,)>(&s).await.map(|_| ())
}

/// Whether a group's team goes, with all it was given, when the rules of its directory change: whoever changes these is told so
/// before. One that stayed when the group was renamed stays, if no rule wants its name.
///
/// # Errors
/// What the database says.
pub async fn goes(tx: &mut Tx, group_id: &str, was: &GroupOutcome, is: &GroupOutcome) -> Result<bool> {
    if is.has_own_team() {
        return Ok(false);
    }
    let Some(team) = find(tx, group_id).await? else { return Ok(false) };
    let is_wanted = is.teams.iter().any(|name| teams::folded(name) == teams::folded(&team.name));
    Ok(was.has_own_team() || is_wanted || !is_given_to(tx, &team.id).await?)
}

/// The team of the group's own, made or renamed as need be.
pub(super) async fn needed(
    tx: &mut Tx,
    tenant_id: &str,
    group: &DirectoryGroup,
    now: i64,
) -> Result<std::result::Result<String, TeamTaken>> {
    let name = group.display_name();
    let Some(old) = find(tx, &group.id).await? else {
        let team = Team {
            id: secret::row_id(now),
            tenant_id: tenant_id.to_owned(),
            name: name.to_owned(),
            created_at: now,
            group_id: Some(group.id.clone()),
        };
        return Ok(match teams::make(tx, &team).await? {
            Ok(()) => Ok(team.id),
            Err(other) => Err(TeamTaken::by(tx, tenant_id, other, false).await?),
        });
    };
    if old.name == name {
        return Ok(Ok(old.id));
    }
    Ok(match teams::rename(tx, &old, name).await? {
        Ok(()) => Ok(old.id),
        Err(other) => Err(TeamTaken::by(tx, tenant_id, other, false).await?),
    })
}

/// What is left of the team of a group's own where rules name others: it goes, or it stays the group's for what it was given by
/// hand. It keeps its name where the group's is another team's.
pub(super) async fn left(tx: &mut Tx, group: &DirectoryGroup, outcome: &GroupOutcome) -> Result<Option<String>> {
    let Some(old) = find(tx, &group.id).await? else { return Ok(None) };
    if !is_given_to(tx, &old.id).await? {
        disown(tx, &group.id).await?;
        return Ok(None);
    }
    let name = group.display_name();
    let is_wanted = outcome.teams.iter().any(|team| teams::folded(team) == teams::folded(name));
    if old.name != name && !is_wanted {
        // Where it is another's, nothing changes.
        let _ = teams::rename(tx, &old, name).await?;
    }
    Ok(Some(old.id))
}

/// What people have given by hand to the teams of groups' own, each with the team: as many of a kind as are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Roles on resources: the team, the role, and the resource's kind and name.
    pub roles: Vec<(String, String, String, String)>,
    /// Members by hand, in number.
    pub members: Vec<(String, i64)>,
    /// Sources of tokens and their claims, in number.
    pub tokens: Vec<(String, i64)>,
}

/// That of all groups of a directory.
///
/// # Errors
/// What the database says.
pub async fn given_in(on: impl Into<On<'_>>, directory_id: &str, most: i64) -> Result<Given> {
    let mut on = on.into();
    let sql = "SELECT t.name, c.role, r.kind, r.name FROM directory_groups g JOIN teams t ON t.group_id = g.id \
                 JOIN collaborators c ON c.team_id = t.id JOIN resources r ON r.id = c.resource_id \
               WHERE g.directory_id = $1 ORDER BY t.name, r.kind, r.name LIMIT $2";
    let roles = on.all(sql, params![directory_id, most]).await?;
    let sql = "SELECT t.name, COUNT(*) FROM directory_groups g JOIN teams t ON t.group_id = g.id \
                 JOIN team_members m ON m.team_id = t.id WHERE g.directory_id = $1 GROUP BY t.id, t.name ORDER BY t.name LIMIT $2";
    let members = on.all(sql, params![directory_id, most]).await?;
    let sql = "SELECT t.name, COUNT(*) FROM directory_groups g JOIN teams t ON t.group_id = g.id \
                 JOIN mappings p ON p.team_id = t.id WHERE g.directory_id = $1 GROUP BY t.id, t.name ORDER BY t.name LIMIT $2";
    Ok(Given { roles, members, tokens: on.all(sql, params![directory_id, most]).await? })
}

async fn find(tx: &mut Tx, group_id: &str) -> Result<Option<Team>> {
    tx.optional("SELECT * FROM teams WHERE group_id = $1", params![group_id]).await
}

/// Whether somebody has given it roles, members or tokens by hand.
async fn is_given_to(tx: &mut Tx, team_id: &str) -> Result<bool> {
    let sql = "SELECT t.id FROM teams t WHERE t.id = $1 AND (EXISTS (SELECT 1 FROM collaborators c WHERE c.team_id = t.id) \
                 OR EXISTS (SELECT 1 FROM team_members m WHERE m.team_id = t.id) \
                 OR EXISTS (SELECT 1 FROM mappings p WHERE p.team_id = t.id))";
    Ok(tx.optional::<(String,)>(sql, params![team_id]).await?.is_some())
}
