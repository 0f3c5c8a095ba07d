//! What the file no longer names: it goes, or is listed.

use std::collections::HashSet;

use super::{
    desired::TenantFile,
    execute::{Result, Work},
    plan::Action,
};
use crate::{
    policy::principal::Kind,
    store::{
        clients, connections, domains, principals, resources, sites, teams,
        tenants::Tenant,
        trusted_issuers,
        users::{self, By, ShutOut},
    },
};

/// How many of those who are kept are named.
const NAMED: usize = 10;

/// What an external identity or virtual account is called in plans and problems.
pub fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::ExternalIdentity => "external identity",
        Kind::VirtualAccount => "virtual account",
        Kind::Team => "team",
        Kind::User => "user",
    }
}

impl Work<'_> {
    /// What the file no longer names goes with `--prune` and is listed without; `lost` is what goes with it.
    pub fn goes(&mut self, name: String, lost: Vec<String>) -> bool {
        let (action, lost) = if self.prune { (Action::Delete, lost) } else { (Action::Keep, Vec::new()) };
        self.plan.add(action, name, lost);
        self.prune
    }

    /// Every role that somebody holds, in words.
    pub async fn roles(&mut self, holder: &str) -> Result<Vec<String>> {
        let held = resources::held_by(&mut *self.tx, holder).await?;
        Ok(held.into_iter().map(|(kind, name, role)| format!("{} on {kind} {name}", role.as_str())).collect())
    }

    /// Says so when this leaves nobody who could administer the tenant: its file is believed, as its operator is.
    pub async fn leaderless(&mut self, tenant: &Tenant) -> Result {
        if self.administered.contains(&tenant.id) && !users::is_administered(&mut *self.tx, &tenant.id).await? {
            self.plan.warn(format!("tenant {} has no active administrator left", tenant.name));
        }
        Ok(())
    }

    /// External identities first: whoever reads the plan sees who loses what before what is lost.
    pub async fn clear(&mut self, tenant: &Tenant, file: &TenantFile) -> Result {
        if users::is_administered(&mut *self.tx, &tenant.id).await? {
            self.administered.push(tenant.id.clone());
        }
        self.clear_principals(tenant, file).await?;
        self.clear_sites(tenant, file).await?;
        self.clear_directories(tenant, file).await?;
        for x in connections::of_tenant(&mut *self.tx, &tenant.id).await? {
            let named = file.connections.iter().any(|f| f.name == x.name);
            if !named && self.goes(format!("connection {}/{}", tenant.name, x.name), Vec::new()) {
                connections::delete(&mut *self.tx, &x.id).await?;
            }
        }
        for x in trusted_issuers::of_tenant(&mut *self.tx, &tenant.id).await? {
            let named = file.trusted_issuers.iter().any(|f| f.name == x.name);
            if !named && self.goes(format!("trusted issuer {}/{}", tenant.name, x.name), Vec::new()) {
                trusted_issuers::delete(&mut *self.tx, &x.id).await?;
            }
        }
        for x in clients::of_tenant(&mut *self.tx, &tenant.id).await? {
            let named = file.clients.iter().any(|f| f.id == x.id);
            if !named && self.goes(format!("client {}", x.id), Vec::new()) {
                clients::delete(&mut *self.tx, &x.id).await?;
            }
        }
        // Those that groups of directories are: a file does not speak for them.
        let pushed = teams::pushed(&mut *self.tx, &tenant.id).await?;
        for x in teams::of_tenant(&mut *self.tx, &tenant.id).await? {
            if file.teams.iter().any(|f| f.name == x.name) || pushed.contains(&x.id) {
                continue;
            }
            let lost = self.roles(&x.id).await?;
            if self.goes(format!("team {}/{}", tenant.name, x.name), lost) {
                teams::delete(&mut *self.tx, &x.id).await?;
            }
        }
        self.clear_users(tenant, file).await?;
        for x in resources::of_tenant(&mut *self.tx, &tenant.id).await? {
            let named = file.resources.iter().any(|f| f.name.kind == x.kind && f.name.name == x.name);
            if !named && self.goes(format!("resource {}/{} {}", tenant.name, x.kind, x.name), Vec::new()) {
                resources::delete(&mut *self.tx, &x.id).await?;
            }
        }
        self.clear_domains(tenant, file).await
    }

    async fn clear_principals(&mut self, tenant: &Tenant, file: &TenantFile) -> Result {
        let named: HashSet<(Kind, &str)> = file.principals.iter().map(|f| (f.kind, f.name.as_str())).collect();
        for kind in [Kind::ExternalIdentity, Kind::VirtualAccount] {
            for x in principals::of_tenant(&mut *self.tx, &tenant.id, kind).await? {
                if named.contains(&(kind, x.name.as_str())) {
                    continue;
                }
                let lost = self.roles(&x.id).await?;
                if self.goes(format!("{} {}/{}", noun(kind), tenant.name, x.name), lost) {
                    principals::delete(&mut *self.tx, &x.id).await?;
                }
            }
        }
        Ok(())
    }

    /// Places that a site gives up may be another's in the same file.
    async fn clear_sites(&mut self, tenant: &Tenant, file: &TenantFile) -> Result {
        for x in sites::of_tenant(&mut *self.tx, &tenant.id).await? {
            match file.sites.iter().find(|f| f.name == x.name) {
                Some(f) if f.settings.hosts != x.settings.hosts || f.settings.paths != x.settings.paths => {
                    sites::give_up(&mut *self.tx, &x.id).await?;
                }
                Some(_) => {}
                None => {
                    if self.goes(format!("site {}/{}", tenant.name, x.name), Vec::new()) {
                        sites::delete(&mut *self.tx, &x.id).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Users whom sign-ins or directories made stay: nobody wrote them down, so a file that lacks them says nothing.
    async fn clear_users(&mut self, tenant: &Tenant, file: &TenantFile) -> Result {
        let declared = users::declared(&mut *self.tx, &tenant.id).await?;
        for x in &declared {
            if file.users.iter().any(|f| f.email == x.email) {
                continue;
            }
            let lost = self.roles(&x.id).await?;
            if self.goes(format!("user {}/{}", tenant.name, x.email.as_str()), lost) {
                let (by, actor, cause) = (By::Operator, self.actor, "deleted");
                let out = ShutOut { user_id: &x.id, by, actor, cause, force: true, sealer: self.sealer, now: self.now };
                // Forced, so there is no last administrator to spare.
                let _ = users::remove(self.tx, &out).await?;
            }
        }
        if self.prune { self.spare(tenant, file, &declared).await } else { Ok(()) }
    }

    /// Says who stays: a directory may have made a million, so they are counted, and the first are named.
    async fn spare(&mut self, tenant: &Tenant, file: &TenantFile, declared: &[users::User]) -> Result {
        let (count, mut others) = users::undeclared(&mut *self.tx, &tenant.id, NAMED + 1 + file.users.len()).await?;
        let mut named = 0;
        for f in file.users.iter().filter(|f| !declared.iter().any(|x| x.email == f.email)) {
            named += i64::from(users::find_by_email(&mut *self.tx, &tenant.id, &f.email).await?.is_some());
        }
        others.retain(|email| !file.users.iter().any(|f| f.email.as_str() == email));
        let count = count - named;
        if count > 0 {
            let noun = if count == 1 { "user" } else { "users" };
            if others.len() > NAMED {
                others.truncate(NAMED);
                others.push("…".into());
            }
            self.plan.add(Action::Spare, format!("{count} {noun} of tenant {}", tenant.name), others);
        }
        Ok(())
    }

    /// Domains that this tenant gives up may be another's in the same file. They count as a change further down.
    async fn clear_domains(&mut self, tenant: &Tenant, file: &TenantFile) -> Result {
        let old = domains::of_tenant(&mut *self.tx, &tenant.id).await?;
        let kept: Vec<String> = old.iter().filter(|d| file.domains.iter().any(|(_, f)| f == *d)).cloned().collect();
        if kept.len() < old.len() {
            domains::set(&mut *self.tx, &tenant.id, &kept).await?;
            self.gave_up.push(tenant.id.clone());
        }
        Ok(())
    }
}
