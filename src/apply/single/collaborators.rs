//! A role on a resource for one, or for some at once, as the `collaborators` of a file give it. Everybody else keeps theirs, and
//! nobody has to say who they are.

use super::{Expect, Fault, Noun, Order, Refusal, hold, noun::resource_parts, trail};
use crate::{
    apply::{
        plan::{Change, Plan},
        resources::{holder, holding, stranger},
    },
    policy::{principal::Kind, role::Role},
    store::{
        collaborators,
        db::Tx,
        resources::{self, Resource},
        tenants::Tenant,
    },
};

/// Gives a role to some of the tenant, in place of the one that they held; how many held none before. All or none. With
/// [`Expect::There`], to those alone who hold one.
///
/// # Errors
/// Why not: [`Refusal::Missing`] where there is no such resource, [`Refusal::Faults`] where the tenant has nobody of that name.
pub async fn give(
    tx: &mut Tx,
    order: &Order<'_>,
    tenant: &Tenant,
    resource: &str,
    whom: &[(Kind, &str)],
    role: Role,
    expect: Expect,
) -> Result<usize, Refusal> {
    let resource = held(tx, tenant, resource).await?;
    let (mut was, mut is, mut new) = (Vec::new(), Vec::new(), 0);
    let mut faults = Vec::new();
    for (kind, name) in whom {
        let Some(holder) = holder(tx, tenant, *kind, name).await? else {
            faults.push(Fault::new("", stranger(tenant, *kind, name)));
            continue;
        };
        match collaborators::role(&mut *tx, &resource.id, holder.id()).await? {
            Some(before) if before == role => continue,
            Some(before) => was.push(holding(*kind, name, before)),
            None if expect == Expect::There => return Err(Refusal::Missing),
            None => new += 1,
        }
        resources::give(&mut *tx, &resource.id, &holder, role).await?;
        is.push(holding(*kind, name, role));
    }
    if !faults.is_empty() {
        return Err(Refusal::Faults(faults));
    }
    note(tx, order, tenant, &resource, (was, is));
    Ok(new)
}

/// Takes somebody's role on a resource.
///
/// # Errors
/// [`Refusal::Missing`]: there is no such resource, or they hold none; else why not.
pub async fn take(
    tx: &mut Tx,
    order: &Order<'_>,
    tenant: &Tenant,
    resource: &str,
    (kind, name): (Kind, &str),
) -> Result<(), Refusal> {
    let resource = held(tx, tenant, resource).await?;
    let holder = holder(tx, tenant, kind, name).await?.ok_or(Refusal::Missing)?;
    let role = collaborators::role(&mut *tx, &resource.id, holder.id()).await?.ok_or(Refusal::Missing)?;
    resources::take(&mut *tx, &resource.id, holder.id()).await?;
    note(tx, order, tenant, &resource, (vec![holding(kind, name, role)], Vec::new()));
    Ok(())
}

/// The resource, which nobody else changes until the transaction ends.
async fn held(tx: &mut Tx, tenant: &Tenant, name: &str) -> Result<Resource, Refusal> {
    hold(tx, tenant, Noun::Resources).await?;
    // Databases do not agree on what a NUL is.
    let Some((kind, name)) = resource_parts(name).filter(|_| !name.contains('\0')) else { return Err(Refusal::Missing) };
    resources::find(tx, &tenant.id, &kind, name).await?.ok_or(Refusal::Missing)
}

fn note(tx: &mut Tx, order: &Order<'_>, tenant: &Tenant, resource: &Resource, (was, is): (Vec<String>, Vec<String>)) {
    let mut plan = Plan { tenant_id: Some(tenant.id.clone()), ..Plan::default() };
    if !was.is_empty() || !is.is_empty() {
        let label = format!("resource {}/{} {}", tenant.name, resource.kind, resource.name);
        plan.compare(label, vec![Change::new("collaborators", was, is)]);
    }
    trail::note(tx, order.sealer, order.actor, &plan, order.now);
}
