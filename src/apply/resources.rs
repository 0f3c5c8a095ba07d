//! Resources, and who holds which role on them.

use std::collections::{HashMap, HashSet};

use super::{
    clear::noun,
    desired::{CollaboratorFile, ResourceFile},
    execute::{Result, Work},
    plan::Change,
};
use crate::{
    policy::{email::Email, principal::Kind, role::Role, site::ResourceName},
    store::{
        db::Tx,
        principals,
        resources::{self, Collaborator, Holder, Resource},
        teams,
        tenants::Tenant,
        users,
    },
};

impl Work<'_> {
    pub async fn resource(&mut self, tenant: &Tenant, file: &ResourceFile) -> Result {
        let (kind, name) = (&file.name.kind, &file.name.name);
        let old = resources::find(&mut *self.tx, &tenant.id, kind, name).await?;
        let is_new = old.is_none();
        let resource = match old {
            Some(resource) => resource,
            None => {
                let (kind, name) = (kind.clone(), name.clone());
                let id = self.next_id();
                let resource = Resource { id, tenant_id: tenant.id.clone(), kind, name, created_at: self.now };
                resources::insert(&mut *self.tx, &resource).await?;
                self.resourced.push(ResourceName { kind: resource.kind.clone(), name: resource.name.clone() });
                resource
            }
        };
        let mut wanted = HashMap::new();
        for collaborator in &file.collaborators {
            if let Some(holder) = self.holder(tenant, collaborator).await? {
                wanted.insert(holder, collaborator.role);
            }
        }
        let before = resources::collaborators_named(&mut *self.tx, &resource.id).await?;
        let held = resources::collaborators(&mut *self.tx, &resource.id).await?;
        let mut changed = false;
        for (holder, _) in held.iter().filter(|(holder, _)| !wanted.contains_key(holder)) {
            changed |= resources::take(&mut *self.tx, &resource.id, holder.id()).await?;
        }
        for (holder, role) in &wanted {
            changed |= resources::give(&mut *self.tx, &resource.id, holder, *role).await?;
        }
        let mut changes = Vec::new();
        if changed {
            let after = resources::collaborators_named(&mut *self.tx, &resource.id).await?;
            changes.push(Change::new("collaborators", beyond(&before, &after), beyond(&after, &before)));
        }
        let label = format!("resource {}/{kind} {name}", tenant.name);
        if is_new {
            self.plan.create(label, changes);
        } else {
            self.plan.compare(label, changes);
        }
        Ok(())
    }

    async fn holder(&mut self, tenant: &Tenant, file: &CollaboratorFile) -> Result<Option<Holder>> {
        let found = holder(self.tx, tenant, file.kind, &file.name).await?;
        if found.is_none() {
            self.problem(file.at, stranger(tenant, file.kind, &file.name));
        }
        Ok(found)
    }
}

/// Whoever of the tenant is called so.
pub async fn holder(tx: &mut Tx, tenant: &Tenant, kind: Kind, name: &str) -> Result<Option<Holder>> {
    Ok(match kind {
        Kind::User => match Email::parse(name) {
            Some(email) => users::find_by_email(tx, &tenant.id, &email).await?.map(|user| Holder::User(user.id)),
            None => None,
        },
        Kind::Team => teams::find_by_name(tx, &tenant.id, name).await?.map(|team| Holder::Team(team.id)),
        kind => principals::find_by_name(tx, &tenant.id, kind, name).await?.map(|p| Holder::Principal(p.id)),
    })
}

/// That nobody of the tenant is called so.
pub fn stranger(tenant: &Tenant, kind: Kind, name: &str) -> String {
    let under = match kind {
        Kind::User => "users",
        Kind::Team => "teams",
        Kind::ExternalIdentity => "external_identities",
        Kind::VirtualAccount => "virtual_accounts",
    };
    format!("{name} is no {} of tenant {}; add it under {under}", noun(kind), tenant.name)
}

/// Somebody with their role, in words.
pub fn holding(kind: Kind, name: &str, role: Role) -> String {
    format!("{} {name}: {}", noun(kind), role.as_str())
}

/// Who of `some` holds a role that they do not hold among `others`, in words.
fn beyond(some: &[Collaborator], others: &[Collaborator]) -> Vec<String> {
    let others: HashSet<&Collaborator> = others.iter().collect();
    let some = some.iter().filter(|collaborator| !others.contains(collaborator));
    some.map(|c| holding(c.kind, &c.name, c.role)).collect()
}
