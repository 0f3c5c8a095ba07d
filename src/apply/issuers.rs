//! Trusted issuers, and what is named as one.

use std::collections::HashMap;

use super::{
    desired::{IssuerFile, TenantFile},
    difference::Pair,
    execute::{Result, Work},
    plan::Change,
    rivals,
    yaml::At,
};
use crate::{
    policy::{
        claim_rules::ClaimRule,
        connection::Protocol,
        principal::Kind,
        public_issuer,
        trusted_issuer::{IssuerSecrets, IssuerSettings},
    },
    seal::Sealer,
    store::{
        StoreError,
        connections::{self, Connection},
        mappings::{self, Source, Target},
        principals, teams,
        tenants::Tenant,
        trusted_issuers::{self, TrustedIssuer},
    },
    suggest,
};

/// Whether a connection is an issuer of bearer tokens under its own name.
pub fn serves(connection: &Connection) -> bool {
    connection.protocol == Protocol::Oidc && !connection.login_enabled
}

/// Most issuers of a tenant that judge tokens of one `iss`: each of them looks at every such token, whoever sends it.
pub const MOST_OF_ONE: usize = 100;

impl Work<'_> {
    /// How many of a tenant judge tokens of each `iss`.
    pub async fn judging(&mut self, tenant: &Tenant) -> Result<HashMap<String, usize>> {
        let issuers = trusted_issuers::of_tenant(&mut *self.tx, &tenant.id).await?;
        let connections = connections::of_tenant(&mut *self.tx, &tenant.id).await?;
        let serving = connections.iter().filter(|c| serves(c));
        let of_connections = serving.flat_map(|c| rivals::of_connection(&c.settings)).map(|reach| reach.issuer);
        let of_issuers = issuers.iter().flat_map(|i| i.settings.issuers().map(str::to_owned));
        let mut counts = HashMap::new();
        for issuer in of_issuers.chain(of_connections) {
            *counts.entry(issuer).or_default() += 1;
        }
        Ok(counts)
    }

    /// No more of them than there may be, where there are more than there were `before`.
    pub async fn crowded(&mut self, tenant: &Tenant, file: &TenantFile, before: &HashMap<String, usize>) -> Result {
        for (issuer, count) in self.judging(tenant).await? {
            if count <= MOST_OF_ONE || before.get(&issuer).is_some_and(|before| count <= *before) {
                continue;
            }
            let names = |f: &&IssuerFile| f.settings.issuers().any(|name| name == issuer);
            let at = file.trusted_issuers.iter().rev().find(names).map(|f| f.at);
            let at = at.or(file.connections.last().map(|c| c.at)).unwrap_or(file.at);
            let text = format!(
                "{count} trusted issuers of tenant {} would judge the tokens of {issuer}, and each looks at every one; at most \
                 {MOST_OF_ONE} may: name several audiences in one of them, and tell callers apart by claims of external \
                 identities",
                tenant.name
            );
            self.problem(at, text);
        }
        Ok(())
    }

    pub async fn issuer(&mut self, tenant: &Tenant, file: &IssuerFile) -> Result {
        let old = trusted_issuers::find_by_name(&mut *self.tx, &tenant.id, &file.name).await?;
        let id = old.as_ref().map_or_else(|| self.next_id(), |o| o.id.clone());
        let context = TrustedIssuer::secrets_context(&id);
        let was = old.as_ref().map_or_else(|| Ok(IssuerSecrets::default()), |old| secrets_of(self.sealer, old))?;
        let same = was == file.secrets;
        let kept = old.as_ref().filter(|_| same).and_then(|o| o.secrets_sealed.clone());
        let new = TrustedIssuer {
            tenant_id: tenant.id.clone(),
            name: file.name.clone(),
            enabled: file.enabled.unwrap_or(old.as_ref().is_none_or(|o| o.enabled)),
            settings: file.settings.clone(),
            secrets_sealed: match kept {
                Some(kept) => Some(kept),
                None => self.sealed(&file.secrets, &context)?,
            },
            created_at: old.as_ref().map_or(self.now, |o| o.created_at),
            id,
        };
        let name = format!("trusted issuer {}/{}", tenant.name, new.name);
        let namesake = connections::find_by_name(&mut *self.tx, &tenant.id, &file.name).await?;
        if namesake.is_some_and(|connection| serves(&connection)) {
            self.one_name(tenant, file.at, &file.name, old.is_some());
        }
        for warning in new.settings.warnings() {
            self.plan.warn(format!("{name} {warning}"));
        }
        let changes = issuer_differs((old.as_ref(), &was), (Some(&new), &file.secrets));
        if old.is_none() {
            trusted_issuers::save(&mut *self.tx, &new).await?;
            self.plan.create(name, changes);
        } else if self.plan.compare(name, changes) {
            trusted_issuers::save(&mut *self.tx, &new).await?;
        }
        Ok(())
    }

    /// A name of what tokens come from means one thing: whoever writes it into a site or a mapping would else have the other
    /// one's tokens in. Two that have one name `already` stay as they are until one of them goes.
    pub fn one_name(&mut self, tenant: &Tenant, at: At, name: &str, already: bool) {
        let both =
            format!("a trusted issuer and a connection of tenant {} that serves as one are both called {name}", tenant.name);
        if already {
            self.plan
                .warn(format!("{both}: sites, identities and teams that name it mean the trusted issuer; make one of them anew"));
        } else {
            self.problem(at, format!("{both}, so nobody could tell whose tokens are meant; give this one another name"));
        }
    }

    fn sealed(&self, secrets: &IssuerSecrets, context: &str) -> Result<Option<String>> {
        if *secrets == IssuerSecrets::default() {
            return Ok(None);
        }
        let json = serde_json::to_string(secrets).map_err(|e| StoreError::Corrupt("trusted issuer secrets", e.to_string()))?;
        Ok(Some(self.sealer.seal(context, json.as_bytes())))
    }

    /// What tokens come from: a trusted issuer, or a connection that is not offered for sign-in; else why not.
    pub async fn source(&mut self, tenant: &Tenant, name: &str) -> Result<std::result::Result<Source, String>> {
        if let Some(issuer) = trusted_issuers::find_by_name(&mut *self.tx, &tenant.id, name).await? {
            return Ok(Ok(Source::Issuer(issuer.id)));
        }
        let Some(connection) = connections::find_by_name(&mut *self.tx, &tenant.id, name).await? else {
            let known = trusted_issuers::of_tenant(&mut *self.tx, &tenant.id).await?;
            let hint = suggest::hint(name, known.iter().map(|i| i.name.as_str()));
            return Ok(Err(format!("{name} is no trusted issuer of tenant {}{hint}; add it under trusted_issuers", tenant.name)));
        };
        Ok(match connection {
            c if c.protocol == Protocol::Saml => {
                Err(format!("connection {name} speaks SAML, which has no bearer tokens; name a trusted issuer"))
            }
            c if c.login_enabled => Err(format!(
                "connection {name} is offered for sign-in, so it is no issuer of bearer tokens; set login_enabled: false on it, or \
                 name a trusted issuer"
            )),
            c => Ok(Source::Connection(c.id)),
        })
    }

    /// Of what tokens come from, an issuer of which anybody can have one, if neither its settings nor `more` say whose count.
    pub async fn open_to_anybody(&mut self, source: &Source, more: &[ClaimRule]) -> Result<Option<&'static str>> {
        let all = match source {
            Source::Issuer(id) => trusted_issuers::find(&mut *self.tx, id).await?.map(|i| vec![i.settings]),
            Source::Connection(id) => connections::find(&mut *self.tx, id).await?.map(|c| rivals::issuers_of(&c.settings)),
        };
        Ok(all.unwrap_or_default().iter().find_map(|settings| settings.open_to_anybody(more)))
    }

    /// All that tokens come from of which too many have some.
    async fn wide(&mut self, tenant: &Tenant) -> Result<Vec<Wide>> {
        let issuers = trusted_issuers::of_tenant(&mut *self.tx, &tenant.id).await?;
        let connections = connections::of_tenant(&mut *self.tx, &tenant.id).await?;
        let issuers = issuers.into_iter().map(|i| Wide {
            source: Source::Issuer(i.id),
            noun: "trusted issuer",
            name: i.name,
            settings: vec![i.settings],
        });
        let serving = connections.into_iter().filter(serves).map(|c| Wide {
            source: Source::Connection(c.id),
            noun: "connection",
            name: c.name,
            settings: rivals::issuers_of(&c.settings),
        });
        Ok(issuers.chain(serving).filter(|wide| wide.settings.iter().any(is_wide)).collect())
    }

    /// Whoever has no claims acts for every token of the issuer; where that issuer takes tokens of anyone or for anyone, or
    /// gives them to anybody, that would be everybody. Of one that gives them to anybody, so would whoever has claims that do
    /// not say whose.
    pub async fn fallbacks(&mut self, tenant: &Tenant, file: &TenantFile) -> Result {
        let wide = self.wide(tenant).await?;
        if wide.is_empty() {
            return Ok(());
        }
        for mapping in &mappings::of_tenant(&mut *self.tx, &tenant.id).await? {
            let Some(issuer) = wide.iter().find(|wide| mapping.source == wide.source) else { continue };
            let public = issuer.settings.iter().find_map(|settings| settings.open_to_anybody(&mapping.claims));
            // One that nobody can have tokens of without being named takes them all the same of anyone, or for anyone.
            let pins_issuer = issuer.settings.iter().all(IssuerSettings::pins_issuer);
            let pins_all = pins_issuer && issuer.settings.iter().all(IssuerSettings::pins_audience);
            if public.is_none() && (!mapping.claims.is_empty() || pins_all) {
                continue;
            }
            let (kind, name) = match &mapping.target {
                Target::Team(id) => {
                    let team = teams::of_tenant(&mut *self.tx, &tenant.id).await?.into_iter().find(|t| t.id == *id);
                    (Kind::Team, team.map(|t| t.name).unwrap_or_default())
                }
                Target::Principal(id) => match principals::find(&mut *self.tx, id).await? {
                    Some(principal) => (principal.kind, principal.name),
                    None => continue,
                },
            };
            let written = match issuer.source {
                Source::Connection(_) => file.connections.iter().find(|f| f.name == issuer.name).map(|f| f.at),
                Source::Issuer(_) => file.trusted_issuers.iter().find(|f| f.name == issuer.name).map(|f| f.at),
            };
            let said = tokens_at(file, kind, &name, &issuer.name).or(written);
            let at = said.unwrap_or(file.at);
            let noun = super::clear::noun(kind);
            let issuer_name = format!("{} {}", issuer.noun, issuer.name);
            let text = if let Some(public) = public {
                let has = if mapping.claims.is_empty() { "has no claims" } else { "has claims that anybody can have" };
                let fix = public_issuer::fix(public);
                let or = if issuer.is_connection() { "" } else { " or the issuer's claim_values" };
                let text = format!("{noun} {name} {has}, as anybody can have tokens of {issuer_name}: in its claims{or} {fix}");
                // What was taken once, and is not what is changed now, keeps nobody from changing something else.
                if said.is_none() {
                    self.plan.warn(text);
                    continue;
                }
                text
            } else {
                let what = if pins_issuer { "audience" } else { "issuer" };
                format!(
                    "{noun} {name} has no claims, and {issuer_name} takes any {what}: too many tokens would match; name claims, or \
                     the {what} of the issuer"
                )
            };
            self.problem(at, text);
        }
        Ok(())
    }
}

/// What too many have tokens of.
struct Wide {
    source: Source,
    noun: &'static str,
    name: String,
    settings: Vec<IssuerSettings>,
}

impl Wide {
    fn is_connection(&self) -> bool {
        matches!(self.source, Source::Connection(_))
    }
}

/// How a trusted issuer changes, with its secrets.
pub fn issuer_differs(
    (old, was): (Option<&TrustedIssuer>, &IssuerSecrets),
    (new, is): (Option<&TrustedIssuer>, &IssuerSecrets),
) -> Vec<Change> {
    let there = |was: &Option<String>, is: &Option<String>| ([was.is_some(), is.is_some()], was != is);
    let (asking, asked) = there(&was.introspection, &is.introspection);
    let (signing, signed) = there(&was.oauth_client, &is.oauth_client);
    Pair::new(old, new)
        .field("enabled", |x| x.enabled)
        .settings(|x| &x.settings)
        .secret("introspection_client_secret", asking, asked)
        .secret("oauth_client.client_secret", signing, signed)
        .changes()
}

/// Whether too many have its tokens for all of them to be somebody here.
fn is_wide(settings: &IssuerSettings) -> bool {
    !settings.pins_issuer() || !settings.pins_audience() || settings.open_to_anybody(&[]).is_some()
}

/// The secrets of a trusted issuer.
pub fn secrets_of(sealer: &Sealer, issuer: &TrustedIssuer) -> Result<IssuerSecrets> {
    const WHAT: &str = "trusted issuer secrets";
    let Some(sealed) = &issuer.secrets_sealed else { return Ok(IssuerSecrets::default()) };
    let json = sealer.open_text(&TrustedIssuer::secrets_context(&issuer.id), sealed).map_err(|e| StoreError::Sealed(WHAT, e))?;
    serde_json::from_str(&json).map_err(|e| StoreError::Corrupt(WHAT, e.to_string()))
}

/// Where the file says which tokens lead to somebody.
fn tokens_at(file: &TenantFile, kind: Kind, name: &str, issuer: &str) -> Option<super::yaml::At> {
    let principals = file.principals.iter().filter(|p| p.kind == kind && p.name == name).filter_map(|p| p.tokens.as_ref());
    let teams = file.teams.iter().filter(|t| kind == Kind::Team && t.name == name).flat_map(|t| &t.tokens);
    principals.chain(teams).find(|t| t.issuer == issuer).map(|t| t.at)
}
