//! One user into a team, or out of it: by hand, as the `members` of a file put them in. Whoever is in it by a group of a
//! directory stays, until the group changes at its source.

use super::{Noun, Order, Refusal, hold, trail};
use crate::{
    apply::plan::{Change, Plan},
    store::{
        db::Tx,
        team_members,
        teams::{self, Team},
        tenants::Tenant,
        users::User,
    },
};

/// A directory says who is in its own teams.
const OF_DIRECTORY: &str = "the team is that of a group of a directory: who is in it changes with the group, at its source";
const BY_GROUP: &str = "the user is in the team by a group of a directory: take them out of the group, at its source";

/// Puts users, who are the tenant's, into one of its teams; how many were not in it by hand before. All or none.
///
/// # Errors
/// Why not.
pub async fn join(tx: &mut Tx, order: &Order<'_>, tenant: &Tenant, team: &str, users: &[User]) -> Result<usize, Refusal> {
    let team = held(tx, tenant, team).await?;
    if team.group_id.is_some() {
        return Err(Refusal::Conflict(OF_DIRECTORY));
    }
    let mut joined = Vec::new();
    for user in users {
        if teams::add_member(&mut *tx, &team.id, &user.id).await? {
            joined.push(user.email.as_str());
        }
    }
    note(tx, order, tenant, &team, (&[], &joined));
    Ok(joined.len())
}

/// Takes a user out who was put in by hand.
///
/// # Errors
/// [`Refusal::Missing`]: there is no such team, or they are not in it; else why not.
pub async fn leave(tx: &mut Tx, order: &Order<'_>, tenant: &Tenant, team: &str, user: &User) -> Result<(), Refusal> {
    let team = held(tx, tenant, team).await?;
    if teams::remove_member(&mut *tx, &team.id, &user.id).await? {
        note(tx, order, tenant, &team, (&[user.email.as_str()], &[]));
        return Ok(());
    }
    match team_members::find(&mut *tx, &team.id, &user.id).await? {
        Some(_) => Err(Refusal::Conflict(BY_GROUP)),
        None => Err(Refusal::Missing),
    }
}

/// The team, which nobody else changes until the transaction ends.
async fn held(tx: &mut Tx, tenant: &Tenant, name: &str) -> Result<Team, Refusal> {
    hold(tx, tenant, Noun::Teams).await?;
    // Databases do not agree on what a NUL is.
    match name.contains('\0') {
        true => Err(Refusal::Missing),
        false => teams::find_by_name(tx, &tenant.id, name).await?.ok_or(Refusal::Missing),
    }
}

fn note(tx: &mut Tx, order: &Order<'_>, tenant: &Tenant, team: &Team, (left, joined): (&[&str], &[&str])) {
    let mut plan = Plan { tenant_id: Some(tenant.id.clone()), ..Plan::default() };
    if !left.is_empty() || !joined.is_empty() {
        plan.compare(format!("team {}/{}", tenant.name, team.name), vec![Change::new("members", left, joined)]);
    }
    trail::note(tx, order.sealer, order.actor, &plan, order.now);
}
