//! Groups: each function is one transaction. What a group is here (teams, roles) is settled when it is made or renamed;
//! members come and go without a look at the others.

use serde_json::Value;

use super::{
    caller::Caller,
    error::ScimError,
    fault::Fault,
    own_team::{self, OwnTeam},
    patch::{self, GroupChange},
    resource::Versions,
    schema::canonical_group,
    trail,
    users::{require_version, stale},
};
use crate::{
    app::App,
    limit::turns::Turn,
    policy::directory::can_name_a_team,
    secret,
    store::{
        db::Tx,
        directory_groups::{self, DirectoryGroup},
        directory_members::{self, Turnover},
        directory_users::Updated,
        group_rules, teams,
    },
};

/// How many members that come or go count as one more request.
const AT_ONCE: usize = 1_000;
/// Teams of a tenant, those apart that are a group's own, with which rules make no more: one that a rule has made stays, whatever
/// its group is called later.
const TEAMS: i64 = 10_000;
/// As how many members a change of them counts at least: each is a statement.
const AT_LEAST: usize = 50;

/// The group of this id.
///
/// # Errors
/// 404.
pub async fn find(app: &App, caller: &Caller, id: &str) -> Result<DirectoryGroup, ScimError> {
    let found = directory_groups::find(&app.db, &caller.directory.id, id).await?;
    found.ok_or_else(|| Fault::not_found(id).into())
}

/// Makes one.
///
/// # Errors
/// 400 for what is no group, or a member that the directory does not have; 409 when its name is taken, by a group or by a
/// team.
pub async fn create(app: &App, caller: &Caller, body: &Value) -> Result<DirectoryGroup, ScimError> {
    let now = app.clock.now();
    let body = canonical_group(body)?;
    let members = body.members.unwrap_or_default();
    caller.room(app).await?;
    let _turn = afford(app, caller, members.len()).await?;
    // Whoever takes a name that is being taken waits for that too.
    let _alone = caller.alone(app, "new group").await?;
    let group = DirectoryGroup {
        id: secret::row_id(now),
        directory_id: caller.directory.id.clone(),
        resource: body.resource,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let mut tx = app.db.begin().await?;
    if !directory_groups::insert(&mut tx, &group).await? {
        return Err(name_taken(&group));
    }
    settle(&mut tx, caller, &group, now).await?;
    known(directory_members::add(&mut tx, &group.directory_id, &group.id, &members).await?)?;
    trail::group_made(&mut tx, app, caller, &group, &members, now);
    tx.commit().await?;
    Ok(group)
}

/// Replaces it: what is not sent is cleared.
///
/// # Errors
/// As [`create`]; 404, 412.
pub async fn replace(
    app: &App,
    caller: &Caller,
    id: &str,
    if_match: Option<&Versions>,
    body: &Value,
) -> Result<DirectoryGroup, ScimError> {
    let body = canonical_group(body)?;
    let members = body.members.unwrap_or_default();
    let _turn = afford(app, caller, members.len() + there(app, caller, id).await?).await?;
    let mut change = Change::begin(app, caller, id, if_match).await?;
    change.group.resource = body.resource;
    change.members = known(directory_members::replace(&mut change.tx, &change.group.directory_id, id, &members).await?)?;
    change.finish(app, caller).await
}

/// Applies the operations of a PATCH, all or none.
///
/// # Errors
/// As [`replace`], and what an operation may be refused for.
pub async fn patch(
    app: &App,
    caller: &Caller,
    id: &str,
    if_match: Option<&Versions>,
    body: &Value,
) -> Result<DirectoryGroup, ScimError> {
    let changes = patch::group_changes(&patch::parse(body)?)?;
    let of_members = changes.iter().filter(|change| change.is_of_members());
    let mut touched: usize = of_members.map(|change| change.named().max(AT_LEAST)).sum();
    if changes.iter().any(GroupChange::is_of_all) {
        touched += there(app, caller, id).await?;
    }
    let _turn = afford(app, caller, touched).await?;
    let mut change = Change::begin(app, caller, id, if_match).await?;
    let directory = change.group.directory_id.clone();
    patch::apply_set(&mut change.group.resource, &changes)?;
    for step in changes {
        let tx = &mut change.tx;
        change.members.then(match step {
            GroupChange::Set(..) => Turnover::default(),
            GroupChange::Add(members) => known(directory_members::add(tx, &directory, id, &members).await?)?,
            GroupChange::Remove(members) => directory_members::remove(tx, id, &members).await?,
            GroupChange::RemoveAll => directory_members::clear(tx, id).await?,
            GroupChange::Replace(members) => known(directory_members::replace(tx, &directory, id, &members).await?)?,
        });
    }
    change.finish(app, caller).await
}

/// A group under change.
struct Change {
    _alone: Turn,
    tx: Tx,
    old: DirectoryGroup,
    group: DirectoryGroup,
    /// What becomes of its members.
    members: Turnover,
    now: i64,
}

impl Change {
    async fn begin(app: &App, caller: &Caller, id: &str, if_match: Option<&Versions>) -> Result<Self, ScimError> {
        let alone = caller.alone(app, id).await?;
        let mut tx = app.db.begin().await?;
        let old = directory_groups::find_locked(&mut tx, &caller.directory.id, id).await?;
        let old = old.ok_or_else(|| Fault::not_found(id))?;
        require_version(if_match, old.version)?;
        let now = app.clock.now();
        let group = DirectoryGroup { updated_at: now, ..old.clone() };
        Ok(Self { _alone: alone, tx, group, old, members: Turnover::default(), now })
    }

    /// Writes it, if anything is another now: else sources that send whole groups over and over would fill the audit log, and
    /// nobody's version would hold.
    async fn finish(self, app: &App, caller: &Caller) -> Result<DirectoryGroup, ScimError> {
        let Self { _alone, mut tx, old, group, members, now } = self;
        if group.resource == old.resource && members.is_none() {
            return Ok(old);
        }
        if group.resource == old.resource {
            directory_groups::touch(&mut tx, &group.id, now).await?;
        } else {
            match directory_groups::update(&mut tx, &group).await? {
                Updated::Done => {}
                Updated::Taken => return Err(name_taken(&group)),
                Updated::Stale => return Err(stale()),
            }
        }
        if group.display_name() != old.display_name() {
            let team = OwnTeam::of(&mut tx, &group.id).await?;
            settle(&mut tx, caller, &group, now).await?;
            if let Some(team) = team {
                team.note_end(&mut tx, app, caller, &group.id, now).await?;
            }
        }
        trail::group_changed(&mut tx, app, caller, (&old, &group), &members, now);
        tx.commit().await?;
        Ok(DirectoryGroup { version: old.version + 1, ..group })
    }
}

/// Deletes it, with the team made for it.
///
/// # Errors
/// 404, 412.
pub async fn delete(app: &App, caller: &Caller, id: &str, if_match: Option<&Versions>) -> Result<(), ScimError> {
    let _turn = afford(app, caller, there(app, caller, id).await?).await?;
    let change = Change::begin(app, caller, id, if_match).await?;
    let Change { _alone, mut tx, old, now, .. } = change;
    let team = OwnTeam::of(&mut tx, id).await?;
    directory_groups::delete(&mut tx, &caller.directory.id, id).await?;
    if let Some(team) = team {
        team.note_end(&mut tx, app, caller, id, now).await?;
    }
    trail::group_deleted(&mut tx, app, caller, &old, now);
    Ok(tx.commit().await?)
}

/// Counts what a change of so many members costs beyond the one request that it is, and waits for its turn if they are
/// many: SQLite has one writer, and a source that replaces fifty thousand members over and over would keep everybody else
/// from signing in.
async fn afford(app: &App, caller: &Caller, members: usize) -> Result<Option<Turn>, ScimError> {
    let requests = i64::try_from(members / AT_ONCE).unwrap_or(i64::MAX);
    caller.pay(app, requests, "changes too many members")?;
    match requests {
        0 => Ok(None),
        _ => caller.turn(app, &app.limits.heavy, "changes many members side by side").await.map(Some),
    }
}

/// How many members there are to be taken out, roughly: others may come and go at the same time.
async fn there(app: &App, caller: &Caller, id: &str) -> Result<usize, ScimError> {
    Ok(directory_members::count(&app.db, &caller.directory.id, id).await?)
}

async fn settle(tx: &mut Tx, caller: &Caller, group: &DirectoryGroup, now: i64) -> Result<(), ScimError> {
    if !can_name_a_team(group.display_name()) {
        let detail =
            "displayName must not be . or .., begin or end with white space or hold signs that nobody sees: it names a team";
        return Err(Fault::invalid_value(detail).into());
    }
    let tenant = &caller.directory.tenant_id;
    let before = match caller.directory.settings.group_rules.is_empty() {
        true => 0,
        false => teams::count_of_no_group(&mut *tx, tenant).await?,
    };
    group_rules::settle(tx, &caller.directory, group, now).await?.map_err(|taken| own_team::stands_in_the_way(caller, &taken))?;
    if before >= TEAMS && teams::count_of_no_group(tx, tenant).await? > before {
        let detail = format!("a rule would make one more team, and the tenant has {before}: delete those that nobody needs");
        return Err(Fault::new(403, detail).into());
    }
    Ok(())
}

/// The id is the caller's own, and whether another directory has it is not said.
fn known(added: Result<Turnover, String>) -> Result<Turnover, ScimError> {
    added.map_err(|id| Fault::invalid_value(format!("{id} is no user of this directory, so it cannot be a member")).into())
}

fn name_taken(group: &DirectoryGroup) -> ScimError {
    Fault::uniqueness(format!("displayName {} is already in use", group.display_name())).into()
}
