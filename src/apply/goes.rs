//! What goes, one thing at a time, with what is lost with it (`losses`) and what it was: for files that no longer name it, and
//! for whoever deletes it.

use serde_json::json;

use super::{
    clear::noun,
    difference::Pair,
    execute::{Result, Work},
    issuers,
    losses::{Losses, lost_with_tenant},
    nouns,
    plan::{Action, Change},
    principals as mapped, sites as places, tenant_end, tenant_tokens as services,
};
use crate::{
    oauth::client::Client,
    store::{
        clients,
        connections::{self, Connection},
        directories::{self, Directory},
        directory_tokens, domains, lineage, mappings,
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
    /// What the file no longer names goes with `--prune` and is listed without: then nothing more is asked about it.
    fn stays(&mut self, name: &str) -> bool {
        if !self.prune {
            self.plan.add(Action::Keep, name.to_owned(), Vec::new());
        }
        !self.prune
    }

    pub async fn tenant_goes(&mut self, x: &Tenant) -> Result {
        let name = format!("tenant {}", x.name);
        if self.stays(&name) {
            return Ok(());
        }
        let lost = lost_with_tenant(&mut *self.tx, &x.id, self.now).await?;
        let domains = domains::of_tenant(&mut *self.tx, &x.id).await?;
        let was = nouns::tenant_differs(Some(x), None, Some(Change::new("domains", domains, ())));
        self.plan.goes(name, lost, was);
        if self.looks {
            return Ok(());
        }
        if self.apart.contains(&x.id) {
            return tenant_end::shut(self.tx, x).await;
        }
        tenants::delete(&mut *self.tx, &x.id).await?;
        Ok(())
    }

    pub async fn connection_goes(&mut self, tenant: &Tenant, x: &Connection) -> Result {
        let name = format!("connection {}/{}", tenant.name, x.name);
        if self.stays(&name) {
            return Ok(());
        }
        let lost = self.lost_with_connection(tenant, x).await?;
        self.plan.goes(name, lost, nouns::connection_differs(Some(x), None));
        if self.looks {
            return Ok(());
        }
        connections::delete(&mut *self.tx, &x.id).await?;
        Ok(())
    }

    pub async fn directory_goes(&mut self, tenant: &Tenant, x: &Directory) -> Result {
        let name = format!("directory {}/{}", tenant.name, x.name);
        if self.stays(&name) {
            return Ok(());
        }
        let lost = self.lost_with_directory(tenant, x).await?;
        let had = !directory_tokens::of_directory(&mut *self.tx, &x.id).await?.is_empty();
        let was = self.directory_differs((Some(x), None), had.then_some((true, false))).await?;
        self.plan.goes(name, lost, was);
        if self.looks {
            return Ok(());
        }
        directories::delete(&mut *self.tx, &x.id).await?;
        Ok(())
    }

    pub async fn service_token_goes(&mut self, tenant: &Tenant, x: &ServiceToken) -> Result {
        let name = format!("service token {}/{}", tenant.name, x.name);
        if self.stays(&name) {
            return Ok(());
        }
        let made = match &x.fingerprint {
            Some(fingerprint) => lineage::descent(&mut *self.tx, fingerprint, self.now).await?,
            None => Vec::new(),
        };
        self.plan.goes(name, Losses::named(made), services::service_token_differs(Some(x), None));
        if self.looks {
            return Ok(());
        }
        tenant_tokens::delete(&mut *self.tx, &x.id).await?;
        Ok(())
    }

    pub async fn issuer_goes(&mut self, tenant: &Tenant, x: &TrustedIssuer) -> Result {
        let name = format!("trusted issuer {}/{}", tenant.name, x.name);
        if self.stays(&name) {
            return Ok(());
        }
        let lost = self.lost_with_issuer(tenant, x).await?;
        let secrets = issuers::secrets_of(self.sealer, x)?;
        self.plan.goes(name, lost, issuers::issuer_differs((Some(x), &secrets), (None, &Default::default())));
        if self.looks {
            return Ok(());
        }
        trusted_issuers::delete(&mut *self.tx, &x.id).await?;
        Ok(())
    }

    pub async fn client_goes(&mut self, tenant: &Tenant, x: &Client) -> Result {
        let name = format!("client {}", x.id);
        if self.stays(&name) {
            return Ok(());
        }
        let lost = self.lost_with_client(tenant, x).await?;
        self.plan.goes(name, lost, nouns::client_differs(Some(x), None));
        if self.looks {
            return Ok(());
        }
        clients::delete(&mut *self.tx, &x.id).await?;
        Ok(())
    }

    pub async fn team_goes(&mut self, tenant: &Tenant, x: &Team) -> Result {
        let name = format!("team {}/{}", tenant.name, x.name);
        if self.stays(&name) {
            return Ok(());
        }
        let lost = self.lost_with_team(x).await?;
        if self.looks {
            self.plan.goes(name, lost, Vec::new());
            return Ok(());
        }
        let members = teams::addresses(&mut *self.tx, &x.id).await?;
        let mut tokens = Vec::new();
        for mapping in mappings::of_team(&mut *self.tx, &x.id).await? {
            tokens.push(json!({"issuer": self.source_name(&mapping.source).await?, "claims": mapping.claims}));
        }
        let was = Pair::new(Some(x), None).field("members", |_| &members).field("tokens", |_| &tokens).changes();
        self.plan.goes(name, lost, was);
        teams::delete(&mut *self.tx, &x.id).await?;
        Ok(())
    }

    pub async fn resource_goes(&mut self, tenant: &Tenant, x: &Resource) -> Result {
        let name = format!("resource {}/{} {}", tenant.name, x.kind, x.name);
        if self.stays(&name) {
            return Ok(());
        }
        let lost = self.lost_with_resource(tenant, x).await?;
        if self.looks {
            self.plan.goes(name, lost, Vec::new());
            return Ok(());
        }
        let held = resources::collaborators_named(&mut *self.tx, &x.id).await?;
        let held: Vec<String> = held.iter().map(|c| format!("{} {}: {}", noun(c.kind), c.name, c.role.as_str())).collect();
        let was = Pair::new(Some(x), None).field("collaborators", |_| &held).changes();
        self.plan.goes(name, lost, was);
        resources::delete(&mut *self.tx, &x.id).await?;
        Ok(())
    }

    pub async fn principal_goes(&mut self, tenant: &Tenant, x: &Principal) -> Result {
        let name = format!("{} {}/{}", noun(x.kind), tenant.name, x.name);
        if self.stays(&name) {
            return Ok(());
        }
        let lost = self.lost_with_principal(tenant, x).await?;
        let mapping = mappings::of_principal(&mut *self.tx, &x.id).await?;
        let was = self.origin(mapping.as_ref()).await?;
        self.plan.goes(name, lost, mapped::principal_differs((Some(x), &was), (None, &Default::default())));
        if self.looks {
            return Ok(());
        }
        principals::delete(&mut *self.tx, &x.id).await?;
        Ok(())
    }

    pub async fn site_goes(&mut self, tenant: &Tenant, x: &Site) -> Result {
        let name = format!("site {}/{}", tenant.name, x.name);
        if self.stays(&name) {
            return Ok(());
        }
        let lost = self.lost_with_site(x).await?;
        self.plan.goes(name, lost, places::site_differs(Some(x), None));
        if self.looks {
            return Ok(());
        }
        sites::delete(&mut *self.tx, &x.id).await?;
        Ok(())
    }

    /// The entry in the audit log is that of [`users::remove`].
    pub async fn user_goes(&mut self, tenant: &Tenant, x: &User) -> Result {
        let name = format!("user {}/{}", tenant.name, x.email.as_str());
        if self.stays(&name) {
            return Ok(());
        }
        let lost = Losses::roles(self.roles(&x.id).await?);
        self.plan.goes(name, lost, Vec::new());
        if self.looks {
            return Ok(());
        }
        let (by, actor, cause) = (By::Operator, self.actor, "deleted");
        let out = ShutOut { user_id: &x.id, by, actor, cause, force: true, sealer: self.sealer, now: self.now };
        // Forced, so there is no last administrator to spare: who asks has said so, or looks at who is left.
        let _ = users::remove(self.tx, &out).await?;
        Ok(())
    }
}
