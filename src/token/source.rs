//! An issuer whose bearer tokens are accepted: how its tokens are proven, and what must hold of them.

use std::{fmt, sync::Arc};

use url::Url;

use super::{
    alg::Alg,
    introspection::Introspector,
    jwk::KeySource,
    jwks::{Inline, KeySets},
    rules::{AudienceRule, Issuer, Rules},
};
use crate::{
    outbound::Outbound,
    policy::{
        claim_rules::ClaimRules,
        connection::DEFAULT_ALGS,
        trusted_issuer::{IssuerSecrets, IssuerSettings},
    },
};

/// An issuer whose tokens are accepted. Clones share its keys and what is kept of its answers.
#[derive(Clone)]
pub struct Source {
    pub(super) id: String,
    pub(super) tenant: String,
    pub(super) proof: Proof,
    pub(super) rules: Arc<Rules>,
}

/// What shows that a token is the issuer's.
#[derive(Clone)]
pub(super) enum Proof {
    /// Its signature.
    Keys(Arc<dyn KeySource>),
    /// The word of its introspection endpoint.
    Introspection(Arc<Introspector>),
}

impl Source {
    /// A source by what is stored of it. `id` is unique over all tenants, `tenant` the id of the one that trusts it. Nothing
    /// is fetched yet.
    ///
    /// # Errors
    /// In words, when the settings cannot work.
    pub fn of(
        id: &str,
        tenant: &str,
        settings: &IssuerSettings,
        secrets: IssuerSecrets,
        key_sets: &KeySets,
        outbound: &Outbound,
    ) -> Result<Self, String> {
        let proof = match &settings.introspection {
            Some(introspection) => {
                Proof::Introspection(Arc::new(Introspector::new(id, introspection, secrets.introspection, outbound)?))
            }
            None => Proof::Keys(keys(settings, key_sets)?),
        };
        Ok(Self { id: id.to_owned(), tenant: tenant.to_owned(), proof, rules: Arc::new(rules(settings)?) })
    }

    /// A source whose keys and rules the caller has made.
    #[must_use]
    pub fn with_keys(id: &str, tenant: &str, keys: Arc<dyn KeySource>, rules: Rules) -> Self {
        Self { id: id.to_owned(), tenant: tenant.to_owned(), proof: Proof::Keys(keys), rules: Arc::new(rules) }
    }

    /// Names it to the caller, unique over all; our own has an empty one.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id of the tenant that trusts it.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("id", &self.id).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

fn keys(settings: &IssuerSettings, key_sets: &KeySets) -> Result<Arc<dyn KeySource>, String> {
    if let Some(jwks) = &settings.jwks {
        return Ok(Arc::new(Inline::new(jwks.to_string().as_bytes())?));
    }
    if let Some(uri) = &settings.jwks_uri {
        let url = Url::parse(uri).map_err(|e| format!("jwks_uri is no URL ({e})"))?;
        return Ok(Arc::new(key_sets.kept(&url, settings.cache_max_age)));
    }
    Err("it has neither jwks nor jwks_uri".to_owned())
}

fn rules(settings: &IssuerSettings) -> Result<Rules, String> {
    let issuer = settings.issuer.clone().map_or(Issuer::Any, |issuer| Issuer::OneOf(vec![issuer]));
    let audience = match settings.audience.as_slice() {
        [] => AudienceRule::Any,
        names => AudienceRule::Contains(names.to_vec()),
    };
    Ok(Rules {
        required: settings.required_claims.clone(),
        values: ClaimRules::compile(&settings.claim_values)?,
        subject: Some(settings.unique_id_claim.clone()),
        max_age: settings.max_token_age,
        try_each_key: true,
        key_issuer: true,
        ..Rules::bearer(issuer, audience, algorithms(&settings.algorithms)?, settings.clock_tolerance)
    })
}

fn algorithms(names: &[String]) -> Result<Vec<Alg>, String> {
    if names.is_empty() {
        return Ok(DEFAULT_ALGS.iter().filter_map(|name| Alg::from_name(name)).collect());
    }
    let known = || Alg::ALL.map(Alg::as_str).join(", ");
    let alg =
        |name: &String| Alg::from_name(name).ok_or_else(|| format!("algorithm {name:?} is not verified; known are {}", known()));
    names.iter().map(alg).collect()
}
