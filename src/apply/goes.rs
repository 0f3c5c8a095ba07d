//! What goes, one thing at a time, with what is lost with it: for files that no longer name it, and for whoever deletes it.

use super::{
    clear::noun,
    execute::{Result, Work},
    plan::Action,
};
use crate::{
    oauth::client::Client,
    store::{
        clients,
        connections::{self, Connection},
        principals::{self, Principal},
        resources::{self, Resource},
        sites::{self, Site},
        teams::{self, Team},
        tenant_tokens::{self, ServiceToken},
        tenants::{self, Tenant},
        trusted_issuers::{self, TrustedIssuer},
        users::{self, By, ShutOut, User},
    },
};

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

    pub async fn tenant_goes(&mut self, tenant: &Tenant) -> Result {
        if self.goes(format!("tenant {}", tenant.name), Vec::new()) {
            tenants::delete(&mut *self.tx, &tenant.id).await?;
        }
        Ok(())
    }

    pub async fn connection_goes(&mut self, tenant: &Tenant, x: &Connection) -> Result {
        if self.goes(format!("connection {}/{}", tenant.name, x.name), Vec::new()) {
            connections::delete(&mut *self.tx, &x.id).await?;
        }
        Ok(())
    }

    pub async fn service_token_goes(&mut self, tenant: &Tenant, x: &ServiceToken) -> Result {
        if self.goes(format!("service token {}/{}", tenant.name, x.name), Vec::new()) {
            tenant_tokens::delete(&mut *self.tx, &x.id).await?;
        }
        Ok(())
    }

    pub async fn issuer_goes(&mut self, tenant: &Tenant, x: &TrustedIssuer) -> Result {
        if self.goes(format!("trusted issuer {}/{}", tenant.name, x.name), Vec::new()) {
            trusted_issuers::delete(&mut *self.tx, &x.id).await?;
        }
        Ok(())
    }

    pub async fn client_goes(&mut self, x: &Client) -> Result {
        if self.goes(format!("client {}", x.id), Vec::new()) {
            clients::delete(&mut *self.tx, &x.id).await?;
        }
        Ok(())
    }

    pub async fn team_goes(&mut self, tenant: &Tenant, x: &Team) -> Result {
        let lost = self.roles(&x.id).await?;
        if self.goes(format!("team {}/{}", tenant.name, x.name), lost) {
            teams::delete(&mut *self.tx, &x.id).await?;
        }
        Ok(())
    }

    pub async fn resource_goes(&mut self, tenant: &Tenant, x: &Resource) -> Result {
        if self.goes(format!("resource {}/{} {}", tenant.name, x.kind, x.name), Vec::new()) {
            resources::delete(&mut *self.tx, &x.id).await?;
        }
        Ok(())
    }

    pub async fn principal_goes(&mut self, tenant: &Tenant, x: &Principal) -> Result {
        let lost = self.roles(&x.id).await?;
        if self.goes(format!("{} {}/{}", noun(x.kind), tenant.name, x.name), lost) {
            principals::delete(&mut *self.tx, &x.id).await?;
        }
        Ok(())
    }

    pub async fn site_goes(&mut self, tenant: &Tenant, x: &Site) -> Result {
        if self.goes(format!("site {}/{}", tenant.name, x.name), Vec::new()) {
            sites::delete(&mut *self.tx, &x.id).await?;
        }
        Ok(())
    }

    pub async fn user_goes(&mut self, tenant: &Tenant, x: &User) -> Result {
        let lost = self.roles(&x.id).await?;
        if self.goes(format!("user {}/{}", tenant.name, x.email.as_str()), lost) {
            let (by, actor, cause) = (By::Operator, self.actor, "deleted");
            let out = ShutOut { user_id: &x.id, by, actor, cause, force: true, sealer: self.sealer, now: self.now };
            // Forced, so there is no last administrator to spare: who asks has said so, or looks at who is left.
            let _ = users::remove(self.tx, &out).await?;
        }
        Ok(())
    }
}
