//! Sites, and what they refer to.

use super::{
    desired::{SiteFile, TenantFile},
    difference::Pair,
    execute::{Result, Work},
    plan::Change,
};
use crate::{
    oauth::{
        client::{Client, GrantType},
        redirect_uri::RedirectUri,
    },
    policy::{
        place::host_name,
        public_issuer,
        site::{Login, OURSELVES, SiteSettings},
        trusted_issuer::OauthClient,
    },
    store::{
        StoreError, clients,
        mappings::Source,
        resources,
        sites::{self, Site},
        tenants::Tenant,
        trusted_issuers,
    },
};

impl Work<'_> {
    pub async fn site(&mut self, tenant: &Tenant, file: &SiteFile) -> Result {
        let old = sites::find_by_name(&mut *self.tx, &tenant.id, &file.name).await?;
        let new = Site {
            id: old.as_ref().map_or_else(|| self.next_id(), |o| o.id.clone()),
            tenant_id: tenant.id.clone(),
            name: file.name.clone(),
            enabled: file.enabled.unwrap_or(old.as_ref().is_none_or(|o| o.enabled)),
            settings: file.settings.clone(),
            created_at: old.as_ref().map_or(self.now, |o| o.created_at),
        };
        let free = self.place_is_free(&new, file).await?;
        self.references(tenant, file).await?;
        if !free {
            return Ok(());
        }
        let name = format!("site {}/{}", tenant.name, new.name);
        let changes = site_differs(old.as_ref(), Some(&new));
        if old.is_none() {
            sites::save(self.tx, &new).await?;
            self.plan.create(name, changes);
        } else if self.plan.compare(name, changes) {
            sites::save(self.tx, &new).await?;
        }
        Ok(())
    }

    /// No two sites share a place, and no two tenants a host name: whoever serves one path or port of it is sent the cookies
    /// of all (RFC 6265 §8.5).
    async fn place_is_free(&mut self, site: &Site, file: &SiteFile) -> Result<bool> {
        let everywhere = ["/".to_owned()];
        let paths = if site.settings.paths.is_empty() { &everywhere[..] } else { &site.settings.paths };
        let mut free = true;
        for host in &site.settings.hosts {
            let host_name = host_name(host);
            for place in sites::at_name(&mut *self.tx, host_name).await?.iter().filter(|p| p.site_id != site.id) {
                let owner = format!("site {} of tenant {}", place.site, place.tenant);
                let text = match place.tenant_id == site.tenant_id {
                    true if place.host != *host || !paths.contains(&place.path) => continue,
                    true => format!("{host}{} is the place of {owner}; choose another host or path", place.path),
                    false => format!("host {host_name} is that of {owner}; sites of two tenants share no host, on no port"),
                };
                free = false;
                self.problem(file.places.hosts, text);
            }
        }
        Ok(free)
    }

    /// What the site names must be there, and be fit for it.
    async fn references(&mut self, tenant: &Tenant, file: &SiteFile) -> Result {
        let (settings, at) = (&file.settings, &file.places);
        let mut asked: Vec<(&str, Option<String>, bool)> = Vec::new();
        for name in settings.issuers.iter().filter(|name| *name != OURSELVES) {
            let source = match self.source(tenant, name).await? {
                Ok(source) => source,
                Err(why) => {
                    self.problem(at.issuers, why);
                    continue;
                }
            };
            if let Source::Issuer(id) = &source
                && let Some(issuer) = trusted_issuers::find(&mut *self.tx, id).await?
                && let Some(introspection) = issuer.settings.introspection
            {
                let header = issuer.settings.header_key.map(|name| name.to_ascii_lowercase());
                asked.push((name, header, introspection.shared));
            }
            let open = self.open_to_anybody(&source, &settings.claims).await?;
            if let Some(public) = open.filter(|_| settings.resource.is_none()) {
                let noun = if matches!(source, Source::Issuer(_)) { "trusted issuer" } else { "connection" };
                let text = format!(
                    "anybody can have tokens of {noun} {name} that would pass: name a resource of the site, or in its claims{} {}",
                    if noun == "connection" { "" } else { " or the issuer's claim_values" },
                    public_issuer::fix(public)
                );
                self.problem(at.issuers, text);
            }
        }
        for (at, (name, header, shared)) in asked.iter().enumerate() {
            let other = asked.iter().take(at).find(|(_, theirs, is)| theirs == header && !(*shared && *is));
            if let Some((other, ..)) = other {
                self.plan.warn(format!(
                    "site {}/{} takes no opaque tokens of {other} and {name}, as nobody could tell whose one is: give them a \
                     header_key each, or set introspection_shared on both",
                    tenant.name, file.name
                ));
            }
        }
        if let Some(resource) = &settings.resource
            && resources::find(&mut *self.tx, &tenant.id, &resource.kind, &resource.name).await?.is_none()
        {
            let (kind, name) = (&resource.kind, &resource.name);
            self.problem(at.resource, format!("{kind} {name} is no resource of tenant {}; add it under resources", tenant.name));
        }
        for text in self.no_way_in(tenant, settings).await? {
            self.problem(at.login, text);
        }
        Ok(())
    }

    /// Why browsers could not sign in to a site with these settings, as things are now.
    async fn no_way_in(&mut self, tenant: &Tenant, settings: &SiteSettings) -> Result<Vec<String>> {
        Ok(match &settings.login {
            None => Vec::new(),
            Some(Login::Client(id)) => {
                match clients::find(&mut *self.tx, id).await?.filter(|client| client.tenant_id == tenant.id) {
                    Some(client) => unfit(&client, settings),
                    None => vec![format!("{id} is no client of tenant {}; add it under clients", tenant.name)],
                }
            }
            Some(Login::Issuer(name)) => {
                let issuer = trusted_issuers::find_by_name(&mut *self.tx, &tenant.id, name).await?;
                unfit_issuer(tenant, name, issuer.and_then(|issuer| issuer.settings.oauth_client).as_ref(), settings)
            }
        })
    }

    /// Sites of which nothing is said, that browsers sign in to over a client or an issuer of which something is: whoever
    /// changes one of these learns whom they would keep out.
    pub async fn stranded(&mut self, tenant: &Tenant, file: &TenantFile) -> Result {
        if file.clients.is_empty() && file.trusted_issuers.is_empty() {
            return Ok(());
        }
        let sites = match sites::of_tenant(&mut *self.tx, &tenant.id).await {
            // One that cannot be read lets nobody in as it is.
            Err(StoreError::Corrupt(..)) => return Ok(()),
            sites => sites?,
        };
        for site in sites.into_iter().filter(|site| !file.sites.iter().any(|said| said.name == site.name)) {
            let stands_on_it = match &site.settings.login {
                Some(Login::Client(id)) => file.clients.iter().any(|client| client.id == *id),
                Some(Login::Issuer(name)) => file.trusted_issuers.iter().any(|issuer| issuer.name == *name),
                None => false,
            };
            if !stands_on_it {
                continue;
            }
            for text in self.no_way_in(tenant, &site.settings).await? {
                self.plan.warn(format!("site {}/{}: {text}", tenant.name, site.name));
            }
        }
        Ok(())
    }
}

/// How a site changes.
pub fn site_differs(old: Option<&Site>, new: Option<&Site>) -> Vec<Change> {
    Pair::new(old, new).field("enabled", |x| x.enabled).settings(|x| &x.settings).changes()
}

/// Why browsers could not sign in to the site over this client.
fn unfit(client: &Client, settings: &SiteSettings) -> Vec<String> {
    let id = &client.id;
    let mut found = Vec::new();
    if !client.may(GrantType::AuthorizationCode) {
        found.push(format!("client {id} cannot sign anybody in; add authorization_code to its grant_types"));
    }
    for callback in settings.callbacks().iter().filter(|uri| !lands(client, uri)) {
        found.push(format!("client {id} lacks the redirect URI of this site; add {callback} to its redirect_uris"));
    }
    if let Some(audience) = settings.audience.as_ref().filter(|audience| !client.settings.resources.contains(audience)) {
        found.push(format!("client {id} gets no tokens for this site; add its audience {audience} to the client's resources"));
    }
    for scope in settings.scopes.iter().filter(|scope| !client.settings.scopes.has(scope)) {
        found.push(format!("client {id} may not ask for the scope {scope} that this site needs; add it to the client's scopes"));
    }
    found
}

/// The same of an issuer itself, at which `client` is ours.
fn unfit_issuer(tenant: &Tenant, name: &str, client: Option<&OauthClient>, settings: &SiteSettings) -> Vec<String> {
    let Some(client) = client else {
        return vec![format!(
            "browsers cannot sign in at {name}: it must be a trusted issuer of tenant {} with oauth_client",
            tenant.name
        )];
    };
    if settings.scopes.is_empty() || !client.scopes.iter().any(|scope| scope == "openid") {
        return Vec::new();
    }
    vec![format!(
        "browsers that sign in at {name} bring its ID tokens, which have no scopes, so nobody would pass: remove the site's \
         scopes, or sign in over a client"
    )]
}

/// On this machine itself http will do.
fn lands(client: &Client, callback: &str) -> bool {
    let plain = callback.replacen("https://", "http://", 1);
    let is = |uri: &RedirectUri| uri.as_str() == callback || uri.as_str() == plain;
    client.settings.redirect_uris.iter().any(is)
}
