//! What the file no longer names: it goes, or is listed.

use std::collections::HashSet;

use super::{
    desired::TenantFile,
    execute::{Result, Work},
    plan::Action,
    sso::WaysIn,
};
use crate::{
    policy::principal::Kind,
    store::{
        clients, connections, domains, principals, resources, sites, teams, tenant_tokens, tenants::Tenant, trusted_issuers,
        users,
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
        let ways_in = WaysIn::of(self.tx, self.sealer, &tenant.id).await?;
        self.ways_in.insert(tenant.id.clone(), ways_in);
        self.clear_principals(tenant, file).await?;
        self.clear_sites(tenant, file).await?;
        self.clear_directories(tenant, file).await?;
        for x in connections::of_tenant(&mut *self.tx, &tenant.id).await? {
            if !file.connections.iter().any(|f| f.name == x.name) {
                self.connection_goes(tenant, &x).await?;
            }
        }
        for x in tenant_tokens::of_tenant(&mut *self.tx, &tenant.id).await? {
            if !file.service_tokens.iter().any(|f| f.name == x.name) {
                self.service_token_goes(tenant, &x).await?;
            }
        }
        for x in trusted_issuers::of_tenant(&mut *self.tx, &tenant.id).await? {
            if !file.trusted_issuers.iter().any(|f| f.name == x.name) {
                self.issuer_goes(tenant, &x).await?;
            }
        }
        for x in clients::of_tenant(&mut *self.tx, &tenant.id).await? {
            if !file.clients.iter().any(|f| f.id == x.id) {
                self.client_goes(tenant, &x).await?;
            }
        }
        // Those that groups of directories are: a file does not speak for them.
        let pushed = teams::pushed(&mut *self.tx, &tenant.id).await?;
        for x in teams::of_tenant(&mut *self.tx, &tenant.id).await? {
            if file.teams.iter().any(|f| f.name == x.name) || pushed.contains(&x.id) {
                continue;
            }
            self.team_goes(tenant, &x).await?;
        }
        self.clear_users(tenant, file).await?;
        for x in resources::of_tenant(&mut *self.tx, &tenant.id).await? {
            if !file.resources.iter().any(|f| f.name.kind == x.kind && f.name.name == x.name) {
                self.resource_goes(tenant, &x).await?;
            }
        }
        self.clear_domains(tenant, file).await
    }

    async fn clear_principals(&mut self, tenant: &Tenant, file: &TenantFile) -> Result {
        let named: HashSet<(Kind, &str)> = file.principals.iter().map(|f| (f.kind, f.name.as_str())).collect();
        for kind in [Kind::ExternalIdentity, Kind::VirtualAccount] {
            for x in principals::of_tenant(&mut *self.tx, &tenant.id, kind).await? {
                if !named.contains(&(kind, x.name.as_str())) {
                    self.principal_goes(tenant, &x).await?;
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
                None => self.site_goes(tenant, &x).await?,
            }
        }
        Ok(())
    }

    /// Users whom sign-ins or directories made stay: nobody wrote them down, so a file that lacks them says nothing.
    async fn clear_users(&mut self, tenant: &Tenant, file: &TenantFile) -> Result {
        let declared = users::declared(&mut *self.tx, &tenant.id).await?;
        for x in &declared {
            if !file.users.iter().any(|f| f.email == x.email) {
                self.user_goes(tenant, x).await?;
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
        let proven = self.proven(tenant).await?;
        let stays = |d: &String| proven.contains(d) || file.domains.iter().any(|(_, f)| f == d);
        let kept: Vec<String> = old.iter().filter(|d| stays(d)).cloned().collect();
        if kept.len() < old.len() {
            domains::set(&mut *self.tx, &tenant.id, &kept).await?;
            self.gave_up.insert(tenant.id.clone(), old);
        }
        Ok(())
    }
}
