//! The bearers of foreign tokens: whom the claims map to.

use serde_json::{Map, Value};

use super::{
    STALE, Team,
    bearer::{Bearer, Denied},
    catalogue::{Catalogue, Issuer},
};
use crate::{
    policy::{
        access::{Standing, judge},
        claim_rules::{BEYOND, find},
        mapping::{Candidate, Matched},
    },
    token::issue::Actor,
};

/// Claims that an issuer vouches for.
pub(super) struct Vouched {
    /// What they say.
    pub claims: Map<String, Value>,
    /// Whom they are about, by the claim that names it.
    pub subject: String,
    /// When they end (unix seconds), if they do.
    pub expires_at: Option<i64>,
    /// Until when that may be remembered, as far as the issuer goes (unix seconds).
    pub keep_until: i64,
}

/// Whose the claims are: `iss`, where the settings say which may stand there. Where it may be anyone, whoever has the keys
/// could name another issuer of the tenant, so only the name here says whose they are.
fn name(issuer: &Issuer, iss: Option<String>) -> String {
    if !issuer.settings.pins_issuer() {
        return format!("any:{}", issuer.name);
    }
    iss.or_else(|| issuer.settings.issuer.clone()).unwrap_or_default()
}

/// The bearer of claims that `issuer` vouches for.
pub(super) fn bearer(catalogue: &Catalogue, issuer: &Issuer, vouched: Vouched, now: i64) -> Result<Bearer, Denied> {
    let gone = || Denied::NotActive("its issuer's tenant is gone".to_owned());
    let tenant = catalogue.tenant(&issuer.tenant_id).ok_or_else(gone)?;
    let Vouched { claims, subject, expires_at, keep_until } = vouched;
    let Matched { principals, teams, disabled, beyond } = issuer.mapper.matches(&claims);
    if beyond {
        return Err(Denied::NotActive(format!("{issuer} of tenant {}: {BEYOND}", tenant.name)));
    }
    if let Some(off) = issuer.off {
        return Err(Denied::NotActive(format!("{issuer} of tenant {}: {off}", tenant.name)));
    }
    let enabled = (!principals.is_empty() || disabled.is_some()).then_some(disabled.is_none());
    let standing = Standing { issuer: Some(true), principal: enabled, ..Standing::of_tenant(tenant.enabled) };
    judge(standing).map_err(|refusal| {
        let who = disabled.map_or_else(String::new, |c| format!(": {} {}", c.target.kind.as_str(), c.target.name));
        Denied::NotActive(format!("{refusal}{who}"))
    })?;
    tracing::debug!(
        tenant = tenant.name,
        issuer = %issuer,
        subject,
        mappings = ?principals.iter().chain(&teams).map(|c| (&c.mapping, &c.target.name)).collect::<Vec<_>>(),
        "whom a foreign token acts as"
    );
    let actor =
        |c: &&Candidate| Actor { kind: c.target.kind, id: c.target.id.clone(), mapping: Some((c.mapping.clone(), c.version)) };
    let text = |name: &str| find(&claims, name).and_then(Value::as_str).map(str::to_owned);
    Ok(Bearer {
        tenant_id: tenant.id.clone(),
        tenant: tenant.name.clone(),
        acts_as: principals.iter().chain(&teams).map(actor).collect(),
        principals: principals.iter().map(|c| c.target.clone()).collect(),
        teams: teams.iter().map(|c| Team { id: c.target.id.clone(), name: c.target.name.clone() }).collect(),
        subject,
        email: text(&issuer.settings.email_claim),
        email_proven: false,
        name: None,
        issuer: name(issuer, text("iss")),
        source: Some(issuer.id.clone()),
        own: None,
        family: None,
        first_party: false,
        expires_at,
        fresh_until: (catalogue.checked_at().min(now) + STALE).min(keep_until).min(expires_at.unwrap_or(i64::MAX)),
        claims,
    })
}
