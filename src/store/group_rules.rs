//! What the rules of a directory make of its groups: asked when a group is made or renamed, when the rules change, and when
//! a resource that they may name is made. The one place that brings rules and groups together.

use super::{
    db::{Result, Tx},
    directories::{self, Directory},
    directory_groups::{self, DirectoryGroup, TeamTaken},
    on::On,
    own_teams,
    teams::Team,
};
use crate::{
    params,
    policy::{
        directory::{GroupRule, GroupRules},
        site::ResourceName,
    },
};

/// Makes a group what its directory's rules say.
///
/// # Errors
/// What the database says. The inner error leaves a transaction that must not be committed.
pub async fn settle(
    tx: &mut Tx,
    directory: &Directory,
    group: &DirectoryGroup,
    now: i64,
) -> Result<std::result::Result<(), TeamTaken>> {
    let outcome = GroupRules::compile(&directory.settings.group_rules).outcome(group.display_name());
    directory_groups::settle(tx, &directory.tenant_id, group, &outcome, now).await
}

/// Whether a team is a group's own that its directory's rules make other teams: it stays for what people have given it, and nobody
/// needs it.
///
/// # Errors
/// What the database says.
pub async fn is_left(on: impl Into<On<'_>>, team: &Team) -> Result<bool> {
    let mut on = on.into();
    let Some(group_id) = &team.group_id else { return Ok(false) };
    let sql = "SELECT directory_id FROM directory_groups WHERE id = $1";
    let Some((directory,)) = on.optional::<(String,)>(sql, params![group_id]).await? else { return Ok(false) };
    let Some(directory) = directories::find(&mut on, &directory).await? else { return Ok(false) };
    let Some(group) = directory_groups::find(&mut on, &directory.id, group_id).await? else { return Ok(false) };
    Ok(!GroupRules::compile(&directory.settings.group_rules).outcome(group.display_name()).has_own_team())
}

/// The same for every group of a directory whose rules were `before`; the teams that stand in the way, each leaving a transaction
/// that must not be committed.
///
/// # Errors
/// What the database says.
pub async fn settle_all(tx: &mut Tx, directory: &Directory, before: &[GroupRule], now: i64) -> Result<Vec<TeamTaken>> {
    let (rules, before) = (GroupRules::compile(&directory.settings.group_rules), GroupRules::compile(before));
    let groups = directory_groups::of_directory(&mut *tx, &directory.id).await?;
    let settled: Vec<_> = groups.into_iter().map(|group| (rules.outcome(group.display_name()), group)).collect();
    // The team that one group gives up may have the name that a rule gives to another.
    for (outcome, group) in &settled {
        if own_teams::goes(tx, &group.id, &before.outcome(group.display_name()), outcome).await? {
            own_teams::disown(tx, &group.id).await?;
        }
    }
    let mut taken = Vec::new();
    for (outcome, group) in &settled {
        taken.extend(directory_groups::settle(tx, &directory.tenant_id, group, outcome, now).await?.err());
    }
    Ok(taken)
}

/// The same for the groups whose rules give a role on one of these resources, which have been made and which rules may have waited
/// for. Whatever else there is stays as it is: a directory may have any number of groups, and others wait meanwhile.
///
/// # Errors
/// As [`settle_all`].
pub async fn settle_made(tx: &mut Tx, tenant_id: &str, made: &[ResourceName], now: i64) -> Result<Vec<TeamTaken>> {
    let mut taken = Vec::new();
    for directory in directories::of_tenant(&mut *tx, tenant_id).await? {
        let named: Vec<GroupRule> = directory.settings.group_rules.iter().filter(|rule| rule.may_name(made)).cloned().collect();
        if named.is_empty() {
            continue;
        }
        let (waiting, rules) = (GroupRules::compile(&named), GroupRules::compile(&directory.settings.group_rules));
        for group in directory_groups::of_directory(&mut *tx, &directory.id).await? {
            let outcome = waiting.outcome(group.display_name());
            if outcome.roles.iter().any(|role| made.contains(&role.resource)) {
                let outcome = rules.outcome(group.display_name());
                taken.extend(directory_groups::settle(tx, tenant_id, &group, &outcome, now).await?.err());
            }
        }
    }
    Ok(taken)
}
