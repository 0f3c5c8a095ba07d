//! An issuer whose bearer tokens are accepted: how its tokens are proven, and what must hold of them.

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};
use url::Url;

use super::{
    alg::Alg,
    introspection::{Ask, Introspector, Told},
    invalid::Invalid,
    jwk::KeySource,
    jwks::{Inline, KeySets},
    presented::Presented,
    rules::{AudienceRule, Expiry, Issuer, Rules},
    steps::Trail,
    verify::{self, Demand},
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

/// What showed that a token is the issuer's.
pub(super) enum Proven {
    /// A signature with this algorithm.
    Signed(Alg),
    /// An answer of its introspection endpoint.
    Told(Told),
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
        match &settings.introspection {
            Some(_) => Self::asking(id, tenant, settings, secrets, Arc::new(outbound.clone())),
            None => Ok(Self::with_keys(id, tenant, keys(settings, key_sets)?, rules(settings)?)),
        }
    }

    /// One whose tokens are asked about.
    pub(super) fn asking(
        id: &str,
        tenant: &str,
        settings: &IssuerSettings,
        secrets: IssuerSecrets,
        ask: Arc<dyn Ask>,
    ) -> Result<Self, String> {
        let introspection = settings.introspection.as_ref().ok_or("it has no introspection endpoint")?;
        let endpoint = Introspector::new(id, introspection, secrets.introspection, ask)?;
        // The answer need not say until when (RFC 7662 §2.2): it is what holds now.
        let rules = Rules { expiry: Expiry::IfPresent, ..rules(settings)? };
        let proof = Proof::Introspection(Arc::new(endpoint));
        Ok(Self { id: id.to_owned(), tenant: tenant.to_owned(), proof, rules: Arc::new(rules) })
    }

    /// Judges a token by this source's means. An introspection endpoint is asked by nothing but a token that could hold: one
    /// that reads as a JWT and has expired is refused without a call, unless an operator asks why.
    pub(super) async fn judge(&self, token: &Presented<'_>, demand: &Demand<'_>, trail: &mut Trail) -> Result<Proven, Invalid> {
        match (&self.proof, token.jwt()) {
            (Proof::Keys(keys), Ok(jwt)) => verify::judge(jwt, &**keys, demand, trail).await.map(Proven::Signed),
            (Proof::Keys(_), Err(invalid)) => Err(invalid.clone()),
            (Proof::Introspection(endpoint), jwt) => {
                if let Ok(jwt) = jwt {
                    trail.read(&jwt.claims, false);
                    trail.check("size", jwt.refuse_larger(demand.rules.limit), |()| String::new())?;
                    trail.pass("expiry", verify::judge_expiry(&jwt.claims, demand.rules, demand.now), |()| {
                        "lies ahead".to_owned()
                    })?;
                }
                // Boxed: a call needs much more room than a signature. What is boxed and awaited in one statement has its room
                // here all the same.
                let asking = Box::pin(endpoint.judge(token.text(), demand, trail));
                let told = asking.await?;
                if let Ok(jwt) = jwt {
                    let times = verify::judge_times(&jwt.claims, demand.rules, demand.now);
                    trail.pass("times of the token", times, |()| "fit".to_owned())?;
                }
                // What stands on the token, as one exchanged for it, ends when the first of both does.
                Ok(Proven::Told(match jwt {
                    Ok(jwt) => told.within(&jwt.claims),
                    Err(_) => told,
                }))
            }
        }
    }

    /// Whether it would refuse the claims of a token whose signature it can judge, whoever had signed them.
    pub(super) fn would_refuse(&self, token: &Presented<'_>, demand: &Demand<'_>) -> bool {
        matches!((&self.proof, token.jwt()), (Proof::Keys(_), Ok(jwt)) if verify::would_refuse(&jwt.claims, demand))
    }

    /// Has its keys fetched, if nobody has tried yet.
    pub async fn warm(&self, now: i64) {
        if let Proof::Keys(keys) = &self.proof {
            keys.warm(now).await;
        }
    }

    /// Whether it knows keys of its issuer.
    pub(super) fn has_keys(&self, now: i64) -> bool {
        matches!(&self.proof, Proof::Keys(keys) if keys.has_any(now))
    }

    /// Whom claims are about that this source has accepted before, if it would still accept them: all its rules are asked
    /// again but those of time.
    ///
    /// # Errors
    /// [`Invalid`] for the first rule that does not hold any more.
    pub fn still_holds(&self, claims: &Map<String, Value>) -> Result<String, Invalid> {
        verify::judge_again(claims, &self.rules)
    }

    /// A source whose keys and rules the caller has made.
    #[must_use]
    pub fn with_keys(id: &str, tenant: &str, keys: Arc<dyn KeySource>, rules: Rules) -> Self {
        Self { id: id.to_owned(), tenant: tenant.to_owned(), proof: Proof::Keys(keys), rules: Arc::new(rules) }
    }

    /// Whether its tokens are asked about.
    pub(super) fn is_asked(&self) -> bool {
        matches!(self.proof, Proof::Introspection(_))
    }

    /// Whether it may be shown tokens that another issuer of the tenant may have given.
    pub(super) fn is_shown_others(&self) -> bool {
        matches!(&self.proof, Proof::Introspection(endpoint) if endpoint.is_shown_others())
    }

    /// Whether its issuer said yes to this token lately.
    pub(super) fn knew_lately(&self, token: &str) -> bool {
        matches!(&self.proof, Proof::Introspection(endpoint) if endpoint.knew_lately(token))
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
    let [issuer] = settings.issuers().collect::<Vec<_>>()[..] else {
        return Err("an issuer that is not one alone needs jwks or jwks_uri: there is nothing to discover them by".to_owned());
    };
    key_sets.discovered(issuer, settings.cache_max_age).map(|keys| Arc::new(keys) as Arc<dyn KeySource>)
}

fn rules(settings: &IssuerSettings) -> Result<Rules, String> {
    let names: Vec<String> = settings.issuers().map(str::to_owned).collect();
    let issuer = if names.is_empty() { Issuer::Any } else { Issuer::OneOf(names) };
    let audience = match settings.audience.as_slice() {
        [] => AudienceRule::Any,
        names => AudienceRule::Contains(names.to_vec()),
    };
    Ok(Rules {
        required: settings.required_claims.clone(),
        values: ClaimRules::compile(&settings.claim_values)?,
        subject: Some(settings.unique_id_claim.clone()),
        numeric_subject: true,
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
