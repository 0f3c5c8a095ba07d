//! Tenants with their domains, connections and clients.

use super::{
    desired::{ClientFile, ConnectionFile, Secret, TenantFile},
    difference::Pair,
    execute::{Result, Work},
    issuers::serves,
    plan::Change,
    sso::RequireSso,
};
use crate::{
    oauth::client::Client,
    policy::{principal::Kind, saml::SamlSettings},
    seal::Sealer,
    secret,
    store::{
        StoreError, clients,
        connections::{self, Connection},
        directories, domain_proofs, domains, principals, setup_links,
        tenants::{self, Tenant},
        trusted_issuers,
    },
};

impl Work<'_> {
    pub async fn tenant(&mut self, file: &TenantFile) -> Result<Tenant> {
        let old = tenants::find_by_name(&mut *self.tx, &file.name).await?;
        let new = Tenant {
            id: old.as_ref().map_or_else(|| secret::row_id(self.now), |o| o.id.clone()),
            name: file.name.clone(),
            display_name: file.display_name.clone(),
            provisioning: file.provisioning,
            enabled: file.enabled.unwrap_or(old.as_ref().is_none_or(|o| o.enabled)),
            password_login: match file.password_login {
                Some((_, said)) => said,
                None => old.as_ref().is_none_or(|o| o.password_login),
            },
            require_sso: match file.require_sso {
                Some((_, said)) => said != RequireSso::Off,
                None => old.as_ref().is_some_and(|o| o.require_sso),
            },
            access_token_lifetime: file.access_token_lifetime,
            refresh_token_lifetime: file.refresh_token_lifetime,
            created_at: old.as_ref().map_or(self.now, |o| o.created_at),
        };
        self.plan.tenant_id = Some(new.id.clone());
        if old.as_ref() != Some(&new) {
            tenants::save(&mut *self.tx, &new).await?;
        }
        let moved = self.domains(&new, file).await?;
        let name = format!("tenant {}", new.name);
        let changes = tenant_differs(old.as_ref(), Some(&new), moved);
        for directory in directories::of_tenant(&mut *self.tx, &new.id).await? {
            // Those that the file names are told of when it is their turn.
            if file.directories.iter().all(|named| named.name != directory.name) {
                self.pushes_in_vain(&new, &directory);
            }
        }
        match old {
            Some(_) => drop(self.plan.compare(name, changes)),
            None => self.plan.create(name, changes),
        }
        Ok(new)
    }

    /// How the tenant's domains change.
    async fn domains(&mut self, tenant: &Tenant, file: &TenantFile) -> Result<Option<Change>> {
        let mut free = Vec::new();
        for (at, domain) in &file.domains {
            match domains::tenant_of(&mut *self.tx, domain).await? {
                Some(owner) if owner != tenant.id => {
                    let owner = tenants::find(&mut *self.tx, &owner).await?.map_or(owner, |t| t.name);
                    self.problem(*at, format!("domain {domain} belongs to tenant {owner}; remove it there first"));
                }
                _ => free.push(domain.clone()),
            }
        }
        let old = domains::of_tenant(&mut *self.tx, &tenant.id).await?;
        let proven = self.proven(tenant).await?;
        free.extend(old.iter().filter(|d| proven.contains(d) && !file.domains.iter().any(|(_, f)| f == *d)).cloned());
        free.sort_unstable();
        if old != free {
            domains::set(&mut *self.tx, &tenant.id, &free).await?;
        }
        let gave_up = self.gave_up.get(&tenant.id);
        Ok((old != free || gave_up.is_some()).then(|| Change::new("domains", gave_up.unwrap_or(&old), &free)))
    }

    /// The domains that the tenant has by proof, which a file does not take: it cannot know of them.
    pub async fn proven(&mut self, tenant: &Tenant) -> Result<Vec<String>> {
        if self.single { Ok(Vec::new()) } else { domain_proofs::proven(&mut *self.tx, &tenant.id).await }
    }

    pub async fn connection(&mut self, tenant: &Tenant, file: &ConnectionFile) -> Result {
        let old = connections::find_by_name(&mut *self.tx, &tenant.id, &file.name).await?;
        let id = old.as_ref().map_or_else(|| secret::row_id(self.now), |o| o.id.clone());
        let context = Connection::secret_context(&id);
        let was = match &old {
            Some(old) => secret_of(self.sealer, old)?,
            None => None,
        };
        let same = match (&was, &file.secret) {
            (Some(was), Some(is)) => secret::same(was, is),
            (was, is) => was.is_none() && is.is_none(),
        };
        let kept = old.as_ref().filter(|_| same).and_then(|o| o.secret_sealed.clone());
        let new = Connection {
            tenant_id: tenant.id.clone(),
            name: file.name.clone(),
            protocol: file.protocol,
            enabled: file.enabled.unwrap_or(old.as_ref().is_none_or(|o| o.enabled)),
            login_enabled: file.login_enabled.unwrap_or(old.as_ref().is_none_or(|o| o.login_enabled)),
            settings: file.settings.clone(),
            secret_sealed: kept.or_else(|| file.secret.as_ref().map(|s| self.sealer.seal(&context, s.as_bytes()))),
            version: old.as_ref().map_or(1, |o| o.version),
            created_at: old.as_ref().map_or(self.now, |o| o.created_at),
            id,
        };
        let name = format!("connection {}/{}", tenant.name, new.name);
        if serves(&new) && trusted_issuers::find_by_name(&mut *self.tx, &tenant.id, &new.name).await?.is_some() {
            self.one_name(tenant, file.at, &new.name, old.as_ref().is_some_and(serves));
        }
        let changes = connection_differs(old.as_ref(), Some(&new));
        if old.is_none() {
            connections::save(&mut *self.tx, &new).await?;
            self.plan.create(name, changes);
        } else if self.plan.compare(name, changes) {
            if let Some(old) = &old {
                let lost = self.lost_with_change(old, &new).await?;
                self.plan.takes(lost);
            }
            connections::save(&mut *self.tx, &new).await?;
        }
        // From now on it is no guest's any more.
        if new.enabled && !old.is_some_and(|old| old.enabled) {
            setup_links::end_of_connection(self.tx, self.sealer, self.actor, (tenant, &new.name), self.now).await?;
        }
        Ok(())
    }

    /// Sign-ins that begin at a provider happen for a client of the tenant, and land on an origin of its.
    pub async fn landing(&mut self, tenant: &Tenant, file: &ConnectionFile) -> Result {
        let Some(saml) = file.settings.saml.as_ref().filter(|saml| saml.idp_initiated) else { return Ok(()) };
        let (Some(id), Some(url)) = (&saml.idp_initiated_client, &saml.idp_initiated_url) else { return Ok(()) };
        let client = clients::find(&mut *self.tx, id).await?.filter(|c| c.tenant_id == tenant.id);
        let (client_at, url_at) = file.landing;
        match client {
            None => {
                let text = format!("idp_initiated_client {id} is no client of tenant {}; name one of its own", tenant.name);
                self.problem(client_at, text);
            }
            Some(client) if !SamlSettings::may_land(url, &client.settings.redirect_uris) => {
                self.problem(url_at, format!("idp_initiated_url is on no origin of the redirect_uris of client {id}"));
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// Sign-ins that begin at a provider still land on an origin of the client that they are for.
    pub async fn landings(&mut self, tenant: &Tenant, file: &ClientFile) -> Result {
        for connection in connections::of_tenant(&mut *self.tx, &tenant.id).await? {
            let Some(saml) = connection.settings.saml.as_ref().filter(|saml| saml.idp_initiated) else { continue };
            let Some(url) = saml.idp_initiated_url.as_ref().filter(|_| saml.idp_initiated_client.as_ref() == Some(&file.id))
            else {
                continue;
            };
            if !SamlSettings::may_land(url, &file.settings.redirect_uris) {
                let text = format!(
                    "redirect_uris lack the origin of {url}, where sign-ins that begin at the provider of connection {} land; keep \
                     one there, or change idp_initiated_url first",
                    connection.name
                );
                self.problem(file.uris_at, text);
            }
        }
        Ok(())
    }

    pub async fn client(&mut self, tenant: &Tenant, file: &ClientFile) -> Result {
        let old = clients::find(&mut *self.tx, &file.id).await?;
        if let Some(other) = old.as_ref().filter(|o| o.tenant_id != tenant.id) {
            let text = if self.single {
                format!("client_id {} is taken; choose another", file.id)
            } else {
                let owner = tenants::find(&mut *self.tx, &other.tenant_id).await?.map_or_else(String::new, |t| t.name);
                format!("client_id {} belongs to tenant {owner}; choose another, or remove it there", file.id)
            };
            self.problem(file.at, text);
            return Ok(());
        }
        let context = clients::secret_context(&file.id);
        let new = Client {
            id: file.id.clone(),
            tenant_id: tenant.id.clone(),
            name: file.name.clone(),
            secret_fingerprint: match &file.secret {
                Some(Secret::Said(secret)) => Some(self.sealer.fingerprint(&context, secret)),
                Some(Secret::Kept) => old.as_ref().and_then(|old| old.secret_fingerprint.clone()),
                None => None,
            },
            trusted: file.trusted,
            enabled: file.enabled.unwrap_or(old.as_ref().is_none_or(|o| o.enabled)),
            settings: file.settings.clone(),
        };
        if let Some(account) = &new.settings.virtual_account
            && principals::find_by_name(&mut *self.tx, &tenant.id, Kind::VirtualAccount, account).await?.is_none()
        {
            let text = format!("{account} is no virtual account of tenant {}; add it under virtual_accounts", tenant.name);
            self.problem(file.at, text);
        }
        if let Some(directory) = &new.settings.directory
            && directories::find_by_name(&mut *self.tx, &tenant.id, directory).await?.is_none()
        {
            let text = format!("{directory} is no directory of tenant {}; add it under directories", tenant.name);
            self.problem(file.at, text);
        }
        let name = format!("client {}", new.id);
        let changes = client_differs(old.as_ref(), Some(&new));
        if old.is_none() {
            clients::save(&mut *self.tx, &new, self.now).await?;
            self.plan.create(name, changes);
        } else if self.plan.compare(name, changes) {
            clients::save(&mut *self.tx, &new, self.now).await?;
        }
        Ok(())
    }
}

/// How a tenant changes; its domains are kept apart.
pub fn tenant_differs(old: Option<&Tenant>, new: Option<&Tenant>, domains: Option<Change>) -> Vec<Change> {
    Pair::new(old, new)
        .field("display_name", |x| &x.display_name)
        .with(domains)
        .field("provisioning", |x| x.provisioning)
        .field("enabled", |x| x.enabled)
        .field("password_login", |x| x.password_login)
        .field("require_sso", |x| x.require_sso)
        .field("access_token_lifetime", |x| x.access_token_lifetime)
        .field("refresh_token_lifetime", |x| x.refresh_token_lifetime)
        .changes()
}

/// How a connection changes. A secret that stays the same stays as it is sealed.
pub fn connection_differs(old: Option<&Connection>, new: Option<&Connection>) -> Vec<Change> {
    let sealed = |x: Option<&Connection>| x.and_then(|x| x.secret_sealed.clone());
    Pair::new(old, new)
        .field("protocol", |x| x.protocol)
        .field("enabled", |x| x.enabled)
        .field("login_enabled", |x| x.login_enabled)
        .settings(|x| &x.settings)
        .secret("oidc.client_secret", [old, new].map(|x| sealed(x).is_some()), sealed(old) != sealed(new))
        .changes()
}

/// How a client changes.
pub fn client_differs(old: Option<&Client>, new: Option<&Client>) -> Vec<Change> {
    let known = |x: Option<&Client>| x.and_then(|x| x.secret_fingerprint.clone());
    Pair::new(old, new)
        .field("name", |x| &x.name)
        .field("trusted", |x| x.trusted)
        .field("enabled", |x| x.enabled)
        .settings(|x| &x.settings)
        .secret("secret", [old, new].map(|x| known(x).is_some()), known(old) != known(new))
        .changes()
}

/// The secret of ours at a connection's provider.
pub fn secret_of(sealer: &Sealer, connection: &Connection) -> Result<Option<String>> {
    let Some(sealed) = &connection.secret_sealed else { return Ok(None) };
    let opened = sealer.open_text(&Connection::secret_context(&connection.id), sealed);
    opened.map(Some).map_err(|e| StoreError::Sealed("connection secret", e))
}
