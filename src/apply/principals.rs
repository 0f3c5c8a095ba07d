//! External identities and virtual accounts, and which tokens lead to them and to teams.

use std::collections::HashMap;

use serde_json::json;

use super::{
    clear::noun,
    desired::{PrincipalFile, TokensFile},
    difference::Pair,
    execute::{Result, Work},
    plan::Change,
};
use crate::{
    policy::{claim_rules::ClaimRule, principal::Kind},
    secret,
    store::{
        connections,
        mappings::{self, Mapping, Source, Target},
        principals::{self, Principal},
        tenants::Tenant,
        trusted_issuers,
    },
};

/// What the names of issuers stand for, or why they stand for nothing.
type Sources = HashMap<String, std::result::Result<Source, String>>;

/// Which tokens lead to somebody.
#[derive(Default, PartialEq)]
pub struct Origin {
    issuer: Option<String>,
    claims: Option<Vec<ClaimRule>>,
}

/// How an external identity or virtual account changes, with its tokens.
pub fn principal_differs((old, was): (Option<&Principal>, &Origin), (new, is): (Option<&Principal>, &Origin)) -> Vec<Change> {
    let tokens = Pair::new(Some(was), Some(is)).field("issuer", |x| &x.issuer).field("claims", |x| &x.claims).changes();
    Pair::new(old, new).field("enabled", |x| x.enabled).changes().into_iter().chain(tokens).collect()
}

impl Work<'_> {
    pub async fn principals(&mut self, tenant: &Tenant, files: &[PrincipalFile]) -> Result {
        if files.is_empty() {
            return Ok(());
        }
        let mut known: HashMap<(Kind, String), Principal> = HashMap::new();
        let mut mapped: HashMap<Target, Mapping> = HashMap::new();
        if let [file] = files {
            let found = principals::find_by_name(&mut *self.tx, &tenant.id, file.kind, &file.name).await?;
            if let Some(principal) = found {
                let mapping = mappings::of_principal(&mut *self.tx, &principal.id).await?;
                mapped.extend(mapping.into_iter().map(|m| (m.target.clone(), m)));
                known.insert((file.kind, file.name.clone()), principal);
            }
        } else {
            // There may be very many: they are read at once.
            for kind in [Kind::ExternalIdentity, Kind::VirtualAccount] {
                let all = principals::of_tenant(&mut *self.tx, &tenant.id, kind).await?;
                known.extend(all.into_iter().map(|p| ((kind, p.name.clone()), p)));
            }
            mapped.extend(mappings::of_tenant(&mut *self.tx, &tenant.id).await?.into_iter().map(|m| (m.target.clone(), m)));
        }
        let mut sources = Sources::new();
        for file in files {
            let wanted = match &file.tokens {
                Some(tokens) => match self.found(tenant, tokens, &mut sources).await? {
                    Some(source) => Some((tokens, source)),
                    None => continue,
                },
                None => None,
            };
            let old = known.get(&(file.kind, file.name.clone()));
            let mapping = old.and_then(|old| mapped.get(&Target::Principal(old.id.clone())));
            self.principal(tenant, file, old, mapping, wanted).await?;
        }
        Ok(())
    }

    async fn principal(
        &mut self,
        tenant: &Tenant,
        file: &PrincipalFile,
        old: Option<&Principal>,
        mapping: Option<&Mapping>,
        wanted: Option<(&TokensFile, Source)>,
    ) -> Result {
        let name = format!("{} {}/{}", noun(file.kind), tenant.name, file.name);
        let new = Principal {
            id: old.map_or_else(|| self.next_id(), |o| o.id.clone()),
            tenant_id: tenant.id.clone(),
            kind: file.kind,
            name: file.name.clone(),
            enabled: file.enabled.unwrap_or(old.is_none_or(|o| o.enabled)),
            created_at: old.map_or(self.now, |o| o.created_at),
        };
        let other = match (mapping, &wanted) {
            (Some(mapping), Some((_, source))) => mapping.source != *source,
            _ => false,
        };
        if let (true, Kind::ExternalIdentity, Some((tokens, _))) = (other, file.kind, &wanted) {
            self.problem(
                tokens.at,
                format!(
                    "of an external identity only the claims can be changed, not the issuer; delete it (gatehouse identities \
                     delete {} {}) and apply again",
                    tenant.name, file.name
                ),
            );
            return Ok(());
        }
        let was = self.origin(mapping).await?;
        let is = wanted.as_ref().map(|(tokens, _)| (tokens.issuer.clone(), tokens.claims.clone()));
        let is = is.map(|(issuer, claims)| Origin { issuer: Some(issuer), claims: Some(claims) }).unwrap_or_default();
        let remapped = other || was != is;
        let fields = principal_differs((old, &was), (Some(&new), &is));
        if old != Some(&new) {
            principals::save(&mut *self.tx, &new).await?;
        }
        if remapped {
            self.remap(tenant, Target::Principal(new.id.clone()), mapping, wanted).await?;
        }
        match old {
            None => self.plan.create(name, fields),
            Some(_) => {
                if mapping.is_some() && remapped {
                    self.plan.warn(format!(
                        "{name}: other tokens match than before, and what was exchanged for one before is no longer good"
                    ));
                }
                self.plan.compare(name, fields);
            }
        }
        Ok(())
    }

    /// Where the tokens come from that lead to somebody.
    pub async fn origin(&mut self, mapping: Option<&Mapping>) -> Result<Origin> {
        let Some(mapping) = mapping else { return Ok(Origin::default()) };
        let issuer = self.source_name(&mapping.source).await?;
        Ok(Origin { issuer, claims: Some(mapping.claims.clone()) })
    }

    async fn remap(
        &mut self,
        tenant: &Tenant,
        target: Target,
        old: Option<&Mapping>,
        wanted: Option<(&TokensFile, Source)>,
    ) -> Result {
        let Some((tokens, source)) = wanted else {
            if let Some(old) = old {
                mappings::delete(&mut *self.tx, &old.id).await?;
            }
            return Ok(());
        };
        let id = match old {
            Some(old) => old.id.clone(),
            None => self.next_mapping_id().await?,
        };
        let mapping = Mapping {
            id,
            tenant_id: tenant.id.clone(),
            source,
            target,
            claims: tokens.claims.clone(),
            version: old.map_or(1, |o| o.version),
            created_at: old.map_or(self.now, |o| o.created_at),
        };
        mappings::save(&mut *self.tx, &mapping).await
    }

    /// Of equal mappings the older one counts, and the clock tells seconds apart: the id goes on after those of this second,
    /// whichever node has made them.
    async fn next_mapping_id(&mut self) -> Result<String> {
        if !self.counted {
            let last = mappings::last_id_before(&mut *self.tx, &secret::row_ids_end(self.now)).await?;
            self.go_on_after(last.and_then(|id| secret::nth_of(&id, self.now)).unwrap_or_default());
        }
        Ok(self.next_id())
    }

    /// The source that the file names; nothing when that is a problem, which is noted.
    async fn found(&mut self, tenant: &Tenant, tokens: &TokensFile, sources: &mut Sources) -> Result<Option<Source>> {
        if !sources.contains_key(&tokens.issuer) {
            let source = self.source(tenant, &tokens.issuer).await?;
            sources.insert(tokens.issuer.clone(), source);
        }
        match sources.get(&tokens.issuer) {
            Some(Ok(source)) => Ok(Some(source.clone())),
            Some(Err(why)) => {
                self.problem(tokens.at, why.clone());
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// What a source is called, while it is there.
    pub async fn source_name(&mut self, source: &Source) -> Result<Option<String>> {
        Ok(match source {
            Source::Issuer(id) => trusted_issuers::find(&mut *self.tx, id).await?.map(|issuer| issuer.name),
            Source::Connection(id) => connections::find(&mut *self.tx, id).await?.map(|connection| connection.name),
        })
    }

    /// Makes the tokens that belong to a team those of the file; how that changes them.
    pub async fn belonging(&mut self, tenant: &Tenant, team_id: &str, files: &[TokensFile]) -> Result<Option<Change>> {
        let target = Target::Team(team_id.to_owned());
        let mut old = mappings::of_team(&mut *self.tx, team_id).await?;
        let mut sources = Sources::new();
        let mut new = Vec::new();
        for tokens in files {
            let Some(source) = self.found(tenant, tokens, &mut sources).await? else { continue };
            match old.iter().position(|m| m.source == source && m.claims == tokens.claims) {
                Some(same) => drop(old.swap_remove(same)),
                None => new.push((tokens, source)),
            }
        }
        let (mut left, mut added) = (Vec::new(), Vec::new());
        for mapping in &old {
            left.push(json!({"issuer": self.source_name(&mapping.source).await?, "claims": mapping.claims}));
            mappings::delete(&mut *self.tx, &mapping.id).await?;
        }
        for (tokens, source) in new {
            added.push(json!({"issuer": tokens.issuer, "claims": tokens.claims}));
            self.remap(tenant, target.clone(), None, Some((tokens, source))).await?;
        }
        Ok((!left.is_empty() || !added.is_empty()).then(|| Change::new("tokens", left, added)))
    }
}
