//! The groups of a directory, and what they are here: teams, and roles that rules give to these. Who is in them is
//! `directory_members`.

use serde_json::{Map, Value};

use super::{
    db::{Result, StoreError, Tx},
    directory_users::Updated,
    on::On,
    own_teams, read_json, resources,
    search::{self, Listed, Search, Table},
    statement::Statement,
    teams::{self, Team},
    write_json,
};
use crate::{
    params,
    policy::{directory::GroupOutcome, role::Role},
    secret,
};

/// A group of a directory.
#[derive(Clone, Debug, PartialEq)]
pub struct DirectoryGroup {
    /// Row id, the `id` of SCIM.
    pub id: String,
    /// Whose it is.
    pub directory_id: String,
    /// All that it sent but `id`, `meta` and `members`.
    pub resource: Map<String, Value>,
    /// Grows with each change, of members too.
    pub version: i64,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub updated_at: i64,
}

impl DirectoryGroup {
    /// Its name, as it was sent.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.resource.get("displayName").and_then(Value::as_str).unwrap_or_default()
    }

    /// What the directory's source calls it.
    #[must_use]
    pub fn external_id(&self) -> Option<&str> {
        self.resource.get("externalId").and_then(Value::as_str)
    }
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: String,
    directory_id: String,
    resource: String,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Stored> for DirectoryGroup {
    type Error = StoreError;

    fn try_from(row: Stored) -> Result<Self> {
        Ok(Self {
            resource: read_json("directory group", &row.resource)?,
            id: row.id,
            directory_id: row.directory_id,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// By row id within a directory.
///
/// # Errors
/// What the database says; `Corrupt` for an unreadable resource.
pub async fn find(on: impl Into<On<'_>>, directory_id: &str, id: &str) -> Result<Option<DirectoryGroup>> {
    let sql = "SELECT * FROM directory_groups WHERE id = $1 AND directory_id = $2";
    on.into().optional::<Stored>(sql, params![id, directory_id]).await?.map(DirectoryGroup::try_from).transpose()
}

/// The same, for a transaction that changes it or its members: of two, the second waits.
///
/// # Errors
/// As [`find`].
pub async fn find_locked(tx: &mut Tx, directory_id: &str, id: &str) -> Result<Option<DirectoryGroup>> {
    let mut s = Statement::new("SELECT * FROM directory_groups WHERE id = ");
    s.bind(id).push(" AND directory_id = ").bind(directory_id).locked();
    tx.select::<Stored>(&s).await?.pop().map(DirectoryGroup::try_from).transpose()
}

/// By its name within a directory, whatever its case.
///
/// # Errors
/// As [`find`].
pub async fn find_by_display_name(on: impl Into<On<'_>>, directory_id: &str, name: &str) -> Result<Option<DirectoryGroup>> {
    let sql = "SELECT * FROM directory_groups WHERE directory_id = $1 AND display_name = $2";
    let row = on.into().optional::<Stored>(sql, params![directory_id, &name.to_lowercase()]).await?;
    row.map(DirectoryGroup::try_from).transpose()
}

/// All of a directory, in the order they were made.
///
/// # Errors
/// As [`find`].
pub async fn of_directory(on: impl Into<On<'_>>, directory_id: &str) -> Result<Vec<DirectoryGroup>> {
    let sql = "SELECT * FROM directory_groups WHERE directory_id = $1 ORDER BY created_at, id";
    on.into().all::<Stored>(sql, params![directory_id]).await?.into_iter().map(DirectoryGroup::try_from).collect()
}

/// A part of a directory's groups.
///
/// # Errors
/// As [`find`].
pub async fn list(on: impl Into<On<'_>>, search: &Search<'_>) -> Result<Listed<DirectoryGroup>> {
    let listed = search::list::<Stored>(&mut on.into(), Table::Groups, search).await?;
    let rows = listed.rows.into_iter().map(DirectoryGroup::try_from).collect::<Result<_>>()?;
    Ok(Listed { rows, total: listed.total })
}

/// How many groups a search looks at, counted up to `most`; nothing where an index leads straight to what is asked for.
///
/// # Errors
/// What the database says.
pub async fn looks(on: impl Into<On<'_>>, search: &Search<'_>, most: i64) -> Result<i64> {
    search::looks(&mut on.into(), Table::Groups, search, most).await
}

/// Inserts it. `false`: the directory has one of this name, and nothing was changed.
///
/// # Errors
/// What the database says.
pub async fn insert(tx: &mut Tx, group: &DirectoryGroup) -> Result<bool> {
    let sql = "INSERT INTO directory_groups (id, directory_id, display_name, external_id, resource, version, created_at, updated_at, \
                 shown_name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
               ON CONFLICT (directory_id, display_name) DO NOTHING";
    let (g, resource) = (group, write_json("directory group", &group.resource)?);
    let (name, external_id) = (g.display_name().to_lowercase(), g.external_id());
    let (shown, created_at, updated_at) = (g.display_name(), g.created_at, g.updated_at);
    let params = params![&g.id, &g.directory_id, &name, external_id, &resource, g.version, created_at, updated_at, shown];
    Ok(tx.execute(sql, params).await? > 0)
}

/// Writes its resource and what is taken from that, and `updated_at`; its version grows. It is changed only if it is of the
/// version that `group` has.
///
/// # Errors
/// A conflict when another gets the name at this moment.
pub async fn update(tx: &mut Tx, group: &DirectoryGroup) -> Result<Updated> {
    let sql = "UPDATE directory_groups SET display_name = $4, external_id = $5, resource = $6, updated_at = $7, \
                 shown_name = $8, version = version + 1 \
               WHERE id = $1 AND directory_id = $2 AND version = $3 AND NOT EXISTS \
                 (SELECT 1 FROM directory_groups o WHERE o.directory_id = $2 AND o.display_name = $4 AND o.id <> $1)";
    let (g, resource) = (group, write_json("directory group", &group.resource)?);
    let (name, external_id) = (g.display_name().to_lowercase(), g.external_id());
    let params = params![&g.id, &g.directory_id, g.version, &name, external_id, &resource, g.updated_at, g.display_name()];
    if tx.execute(sql, params).await? > 0 {
        return Ok(Updated::Done);
    }
    let other = find_by_display_name(tx, &g.directory_id, g.display_name()).await?;
    Ok(if other.is_some_and(|other| other.id != g.id) { Updated::Taken } else { Updated::Stale })
}

/// Notes that its members change; whether it is there.
///
/// # Errors
/// What the database says.
pub async fn touch(tx: &mut Tx, id: &str, now: i64) -> Result<bool> {
    let sql = "UPDATE directory_groups SET version = version + 1, updated_at = $2 WHERE id = $1";
    Ok(tx.execute(sql, params![id, now]).await? > 0)
}

/// Locks the groups that a user of the directory is in, who is about to be deleted: whoever changes members locks the group
/// first and then meets the user, so this one does too. In one order, for two that go have groups in common.
///
/// # Errors
/// What the database says.
pub async fn hold_of_member(tx: &mut Tx, directory_id: &str, member_id: &str) -> Result<()> {
    // An expression, of which there is no index: the groups of the user are few, and those of the directory may be many.
    let mut s = Statement::new("SELECT id FROM directory_groups WHERE (directory_id || '') = ");
    s.bind(directory_id).push(" AND id IN (SELECT group_id FROM directory_members WHERE member_id = ").bind(member_id);
    // What only points to a group has no reason to wait.
    s.push(") ORDER BY id").either("", " FOR NO KEY UPDATE");
    tx.select::<(String,)>(&s).await.map(|_| ())
}

/// Notes of each group that a user of the directory is in that its members change, by one statement.
///
/// # Errors
/// What the database says.
pub async fn touch_of_member(tx: &mut Tx, directory_id: &str, member_id: &str, now: i64) -> Result<()> {
    let sql = "UPDATE directory_groups SET version = version + 1, updated_at = $3 WHERE (directory_id || '') = $1 \
                 AND id IN (SELECT group_id FROM directory_members WHERE member_id = $2)";
    tx.execute(sql, params![directory_id, member_id, now]).await.map(|_| ())
}

/// Deletes it with the team made for it; whether it was there.
///
/// # Errors
/// What the database says.
pub async fn delete(on: impl Into<On<'_>>, directory_id: &str, id: &str) -> Result<bool> {
    // The mappings of its team go too, which every node remembers.
    let sql = "DELETE FROM directory_groups WHERE id = $1 AND directory_id = $2 \
               RETURNING (SELECT tenant_id FROM directories WHERE id = directory_id)";
    Ok(on.into().publish(sql, params![id, directory_id]).await? > 0)
}

/// A team that a group would be, and is not: the tenant has one of this name that is not the group's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamTaken {
    /// Its name.
    pub name: String,
    /// Whether a rule says that the group is this team. Then it is another group's own.
    pub by_rule: bool,
    /// Whose own it is, if it is a group's.
    pub owner: Option<Owner>,
}

/// The group whose own a team is.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Owner {
    /// The group's directory, by row id.
    pub directory_id: String,
    /// What that is called.
    pub directory: String,
    /// What the group is called.
    pub group_name: String,
}

impl TeamTaken {
    /// That the team of this name stands in the way.
    pub(super) async fn by(tx: &mut Tx, tenant_id: &str, name: String, by_rule: bool) -> Result<Self> {
        let sql = "SELECT d.id AS directory_id, d.name AS directory, COALESCE(g.shown_name, g.display_name) AS group_name \
                   FROM teams t JOIN directory_groups g ON g.id = t.group_id JOIN directories d ON d.id = g.directory_id \
                   WHERE t.tenant_id = $1 AND t.name = $2";
        Ok(Self { owner: tx.optional(sql, params![tenant_id, &name]).await?, name, by_rule })
    }
}

/// Makes the group what `outcome` says: the team of its own or those that rules name, and the roles these hold. A team that
/// a rule names and nobody has made is made now, and stays; the group's own stays beside it for what it was given by hand. Roles on resources that do not exist are left out: settle again
/// when they do.
///
/// # Errors
/// What the database says. The inner error leaves a transaction that must not be committed.
pub async fn settle(
    tx: &mut Tx,
    tenant_id: &str,
    group: &DirectoryGroup,
    outcome: &GroupOutcome,
    now: i64,
) -> Result<std::result::Result<(), TeamTaken>> {
    let own = match outcome.has_own_team() {
        true => match own_teams::needed(tx, tenant_id, group, now).await? {
            Ok(id) => Some(id),
            Err(taken) => return Ok(Err(taken)),
        },
        false => own_teams::left(tx, group, outcome).await?,
    };
    let mut named: Vec<(&str, String)> = Vec::new();
    for name in &outcome.teams {
        match named_team(tx, tenant_id, name, now).await? {
            Ok(id) => named.push((name.as_str(), id)),
            Err(taken) => return Ok(Err(taken)),
        }
    }
    join(tx, &group.id, &own.iter().chain(named.iter().map(|(_, id)| id)).map(String::as_str).collect::<Vec<_>>()).await?;

    let mut roles: Vec<(&str, String, Role)> = Vec::new();
    for held in &outcome.roles {
        let team = match &held.team {
            Some(name) => named.iter().find(|(known, _)| known == name).map(|(_, id)| id),
            None => own.as_ref(),
        };
        let resource = resources::find(&mut *tx, tenant_id, &held.resource.kind, &held.resource.name).await?;
        let Some((team, resource)) = team.zip(resource) else { continue };
        // Two rules may name one team by two spellings: the strongest role counts.
        match roles.iter_mut().find(|(known, on, _)| known == team && *on == resource.id) {
            Some((_, _, role)) => *role = held.role.max(*role),
            None => roles.push((team, resource.id, held.role)),
        }
    }
    hold(tx, &group.id, &roles).await?;
    Ok(Ok(()))
}

/// The team that a rule names, made if need be: patterns fit whatever the case, and what they name is one team whatever its case.
async fn named_team(tx: &mut Tx, tenant_id: &str, name: &str, now: i64) -> Result<std::result::Result<String, TeamTaken>> {
    if let Some(known) = known_team(tx, tenant_id, name).await? {
        return Ok(known);
    }
    let (id, tenant, name) = (secret::row_id(now), tenant_id.to_owned(), name.to_owned());
    let team = Team { id, tenant_id: tenant, name, created_at: now, group_id: None };
    Ok(match teams::make(tx, &team).await? {
        Ok(()) => Ok(team.id),
        // Made meanwhile, if it is no group's own.
        Err(other) => match known_team(tx, tenant_id, &team.name).await? {
            Some(known) => known,
            None => Err(TeamTaken::by(tx, tenant_id, other, true).await?),
        },
    })
}

/// The same of one that is there. One of a group's own is none: of several groups, it would go with the one that it was made for.
async fn known_team(tx: &mut Tx, tenant_id: &str, name: &str) -> Result<Option<std::result::Result<String, TeamTaken>>> {
    let found = match teams::find_by_name(&mut *tx, tenant_id, name).await? {
        None => teams::find_alike(&mut *tx, tenant_id, name).await?,
        exact => exact,
    };
    Ok(match found {
        Some(own) if own.group_id.is_some() => Some(Err(TeamTaken::by(tx, tenant_id, own.name, true).await?)),
        found => found.map(|team| Ok(team.id)),
    })
}

/// Makes `teams` those of the group's members, and no others.
async fn join(tx: &mut Tx, group_id: &str, teams: &[&str]) -> Result<()> {
    let old: Vec<(String,)> = tx.all("SELECT team_id FROM group_teams WHERE group_id = $1", params![group_id]).await?;
    for (gone,) in old.iter().filter(|(id,)| !teams.contains(&id.as_str())) {
        let sql = "DELETE FROM group_teams WHERE group_id = $1 AND team_id = $2";
        On::from(&mut *tx).alter(sql, params![group_id, gone]).await?;
    }
    for new in teams.iter().filter(|id| !old.iter().any(|(known,)| known == *id)) {
        let sql = "INSERT INTO group_teams (group_id, team_id) VALUES ($1, $2) ON CONFLICT (group_id, team_id) DO NOTHING";
        On::from(&mut *tx).alter(sql, params![group_id, *new]).await?;
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Held {
    team_id: String,
    resource_id: String,
}

/// Makes `roles` (team, resource, role) those that the group brings, and no others.
async fn hold(tx: &mut Tx, group_id: &str, roles: &[(&str, String, Role)]) -> Result<()> {
    let old: Vec<Held> = tx.all("SELECT team_id, resource_id FROM group_roles WHERE group_id = $1", params![group_id]).await?;
    let is_kept = |held: &Held| roles.iter().any(|(team, resource, _)| *team == held.team_id && *resource == held.resource_id);
    for gone in old.iter().filter(|held| !is_kept(held)) {
        let sql = "DELETE FROM group_roles WHERE group_id = $1 AND team_id = $2 AND resource_id = $3";
        On::from(&mut *tx).alter(sql, params![group_id, &gone.team_id, &gone.resource_id]).await?;
    }
    for (team, resource, role) in roles {
        let sql = "INSERT INTO group_roles (group_id, team_id, resource_id, role) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (group_id, team_id, resource_id) DO UPDATE SET role = excluded.role \
                   WHERE group_roles.role <> excluded.role";
        On::from(&mut *tx).alter(sql, params![group_id, *team, resource, role.as_str()]).await?;
    }
    Ok(())
}
