//! The core that judges every JWT. What costs nothing and tells nothing is checked first: its shape, its header and that it
//! has not expired. Then comes the signature, and what is wrong with the claims is said of nothing that its issuer has not
//! signed: else anybody could write claims until they find out what is asked for. That an unsigned token may ask for keys
//! costs the issuer no more than one fetch per floor (`jwks`).

use std::{borrow::Cow, sync::Arc};

use serde_json::{Map, Value};

use super::{
    alg::Alg,
    claims::Claims,
    invalid::{Invalid, shown},
    jwk::{KeySource, PublicKey, Wanted},
    rules::{AudienceRule, Expiry, Issuer, Rules, TypeRule},
    steps::Trail,
    unverified::Unverified,
};
use crate::policy::claim_rules::{self, ClaimRules, find};

/// The last second of the year 9999: no honest time lies behind it.
const LATEST: i64 = 253_402_300_799;
/// What a media type may leave out (RFC 7515 §4.1.9).
const APPLICATION: &str = "application/";
const SUBJECT_LIMIT: usize = 255;
/// How many keys a token without a `kid` may be tried with.
const TRIES: usize = 16;

/// What a token is judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand<'a> {
    pub(super) rules: &'a Rules,
    /// Whom it must be for: the rules' own, unless the request asks for another.
    pub(super) audience: &'a AudienceRule,
    /// Unix seconds.
    pub(super) now: i64,
}

impl<'a> Demand<'a> {
    pub(super) fn of(rules: &'a Rules, now: i64) -> Self {
        Self { rules, audience: &rules.audience, now }
    }
}

/// Judges `token` by `rules` with the keys of its issuer. `now` is unix seconds.
///
/// # Errors
/// [`Invalid`] for the first rule that does not hold.
pub async fn verify(token: &str, keys: &dyn KeySource, rules: &Rules, now: i64) -> Result<Claims, Invalid> {
    let token = Unverified::read(token, rules.limit)?;
    let alg = judge(&token, keys, &Demand::of(rules, now), &mut Trail::default()).await?;
    Ok(Claims::signed(token.claims, alg))
}

/// As [`verify`], for a token that has been taken apart to see whose it is.
pub(super) async fn judge(
    token: &Unverified<'_>,
    keys: &dyn KeySource,
    demand: &Demand<'_>,
    trail: &mut Trail,
) -> Result<Alg, Invalid> {
    let rules = demand.rules;
    trail.pass("size", token.refuse_larger(rules.limit), |()| format!("at most {} bytes", rules.limit))?;
    let alg = trail.pass("algorithm and type", judge_header(token, rules), |alg| format!("alg is {alg}"))?;
    let kid = trail.pass("kid", token.kid(), |kid| kid.map_or("the token names no key".to_owned(), shown))?;
    if let Err(expired) = judge_expiry(&token.claims, rules, demand.now) {
        // Who asks why sees it among the times.
        trail.go_on(expired)?;
    }
    let (Some(alg), Some(kid)) = (alg, kid) else {
        trail.step("signature", false, || "not judged: the header is refused".to_owned());
        return unproven(token, demand, trail);
    };
    let key = trail.pass("signature", prove(token, &Wanted { kid, alg }, keys, demand).await, |key| {
        format!("verifies with {}", key.kid().map_or("a key without kid".to_owned(), |kid| format!("key {}", shown(kid))))
    })?;
    let Some(key) = key else { return unproven(token, demand, trail) };
    trail.read(&token.claims, true);
    if rules.key_issuer {
        trail.pass("issuer of the key", judge_key_issuer(&key, &token.claims), |()| "fits".to_owned())?;
    }
    judge_claims(&token.claims, demand, trail)?;
    judge_values(&token.claims, &rules.values, trail)?;
    Ok(alg)
}

/// Nothing shows that the issuer says what the token says. Who asks why is shown what would come of it; let in it is nobody's.
fn unproven<T>(token: &Unverified<'_>, demand: &Demand<'_>, trail: &mut Trail) -> Result<T, Invalid> {
    trail.read(&token.claims, false);
    judge_claims(&token.claims, demand, trail)?;
    judge_values(&token.claims, &demand.rules.values, trail)?;
    Err(Invalid::Signature)
}

/// Whether the claims would be refused whoever had signed them. For ourselves: who has proven nothing is not told.
pub(super) fn would_refuse(claims: &Map<String, Value>, demand: &Demand<'_>) -> bool {
    judge_claims(claims, demand, &mut Trail::default()).is_err()
}

/// The key that signed.
async fn prove(
    token: &Unverified<'_>,
    wanted: &Wanted<'_>,
    keys: &dyn KeySource,
    demand: &Demand<'_>,
) -> Result<Arc<PublicKey>, Invalid> {
    let unfetched = |cause| Invalid::Keys(cause, keys.again_in(demand.now));
    let mut found = keys.find(wanted, demand.now).await.map_err(unfetched)?;
    let good = judge_signature(token, wanted, &found, demand.rules);
    if good.is_ok() || found.is_empty() || !keys.renew(demand.now).await {
        return good;
    }
    found = keys.find(wanted, demand.now).await.map_err(unfetched)?;
    judge_signature(token, wanted, &found, demand.rules)
}

fn judge_header(token: &Unverified<'_>, rules: &Rules) -> Result<Alg, Invalid> {
    let name = token.header_text("alg")?.unwrap_or_default();
    let alg = Alg::from_name(name).filter(|alg| rules.algorithms.contains(alg));
    let alg = alg.ok_or_else(|| Invalid::Algorithm { found: name.to_owned(), allowed: rules.algorithms.clone() })?;
    token.refuse_extensions()?;
    let typ = token.header_text("typ")?.unwrap_or_default();
    let short = match typ.split_at_checked(APPLICATION.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(APPLICATION) => rest,
        _ => typ,
    };
    let is_among = |types: &[&str]| types.iter().any(|name| name.eq_ignore_ascii_case(short));
    let expected = match &rules.typ {
        TypeRule::OneOf(types) if !is_among(types) => types.join(" or "),
        TypeRule::NoneOf(types) if is_among(types) => "that of an ID token or bearer token".to_owned(),
        _ => return Ok(alg),
    };
    Err(Invalid::Type { found: typ.to_owned(), expected })
}

fn judge_signature(
    token: &Unverified<'_>,
    wanted: &Wanted<'_>,
    found: &[Arc<PublicKey>],
    rules: &Rules,
) -> Result<Arc<PublicKey>, Invalid> {
    if found.is_empty() {
        let kid = wanted.kid.map_or("no kid".to_owned(), |kid| format!("kid {}", shown(kid)));
        return Err(Invalid::UnknownKey(format!("the issuer has no {} key for {kid}", wanted.alg)));
    }
    if wanted.kid.is_none() && found.len() > 1 && !rules.try_each_key {
        let count = found.len();
        return Err(Invalid::UnknownKey(format!("the token names no key and {count} of the issuer's fit {}", wanted.alg)));
    }
    let key = found.iter().take(TRIES).find(|key| key.verifies(token.signed, token.signature, wanted.alg));
    key.cloned().ok_or(Invalid::Signature)
}

/// A key of Entra's shared set signs for the issuer it is labelled with, `{tenantid}` standing for the token's `tid`.
fn judge_key_issuer(key: &PublicKey, claims: &Map<String, Value>) -> Result<(), Invalid> {
    let Some(label) = key.issuer() else { return Ok(()) };
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let expected = label.replace("{tenantid}", text("tid"));
    if expected == text("iss") { Ok(()) } else { Err(Invalid::Issuer { found: text("iss").to_owned(), expected }) }
}

/// What claims say of issuer, audience, time and subject, and whether the required ones are there.
pub(super) fn judge_claims(claims: &Map<String, Value>, demand: &Demand<'_>, trail: &mut Trail) -> Result<(), Invalid> {
    let rules = demand.rules;
    let text = |name: &str| claims.get(name).map_or("absent".to_owned(), claim_rules::shown);
    trail.pass("issuer", judge_issuer(claims, rules), |()| text("iss"))?;
    trail.pass("audience", judge_audience(claims, demand.audience), |()| text("aud"))?;
    trail.pass("required claims", judge_presence(claims, rules), |()| rules.required.join(", "))?;
    trail.pass("times", judge_times(claims, rules, demand.now), |()| format!("exp is {}", text("exp")))?;
    trail.pass("subject", subject(claims, rules), |name| name.as_deref().map_or("not asked for".to_owned(), shown))?;
    Ok(())
}

fn judge_presence(claims: &Map<String, Value>, rules: &Rules) -> Result<(), Invalid> {
    let exp = (rules.expiry != Expiry::IfPresent).then_some("exp");
    let always = rules.subject.iter().map(String::as_str).chain(exp).chain(rules.max_age.map(|_| "iat"));
    let mut missing: Vec<String> = Vec::new();
    for name in always.chain(rules.required.iter().map(String::as_str)) {
        if find(claims, name).is_none_or(Value::is_null) && !missing.iter().any(|m| m == name) {
            missing.push(name.to_owned());
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(Invalid::Missing(missing)) }
}

/// Judges claims that were judged before, and whom they are about: what is asked of them may have changed since. Their times
/// had their say then.
pub(super) fn judge_again(claims: &Map<String, Value>, rules: &Rules) -> Result<String, Invalid> {
    judge_issuer(claims, rules)?;
    judge_audience(claims, &rules.audience)?;
    judge_presence(claims, rules)?;
    judge_values(claims, &rules.values, &mut Trail::default())?;
    Ok(subject(claims, rules)?.unwrap_or_default().into_owned())
}

/// Whom the token is about; `None` where the rules do not ask.
pub(super) fn subject<'a>(claims: &'a Map<String, Value>, rules: &Rules) -> Result<Option<Cow<'a, str>>, Invalid> {
    let Some(name) = &rules.subject else { return Ok(None) };
    match find(claims, name) {
        Some(Value::String(text)) if (1..=SUBJECT_LIMIT).contains(&text.chars().count()) => Ok(Some(Cow::Borrowed(text))),
        Some(Value::Number(number)) if rules.numeric_subject && (number.is_i64() || number.is_u64()) => {
            Ok(Some(Cow::Owned(number.to_string())))
        }
        _ => {
            let or = if rules.numeric_subject { " or a whole number" } else { "" };
            Err(Invalid::Claim { name: name.clone(), cause: format!("is not a string of 1 to {SUBJECT_LIMIT} characters{or}") })
        }
    }
}

/// What further claims must be. Judged last: what is asked of them is nobody's business who cannot sign.
pub(super) fn judge_values(claims: &Map<String, Value>, values: &ClaimRules, trail: &mut Trail) -> Result<(), Invalid> {
    let held = values.hold(claims);
    if held && !trail.is_told() {
        return Ok(());
    }
    let mut failed = None;
    for verdict in values.judge(claims) {
        trail.step(&format!("claim {}", verdict.claim), verdict.passed, || verdict.why.clone());
        if !verdict.passed && failed.is_none() {
            failed = Some(Invalid::Value { claim: verdict.claim, cause: verdict.why });
        }
    }
    let unnamed = || Invalid::Value { claim: "a claim".to_owned(), cause: "is not what is asked for".to_owned() };
    if held { Ok(()) } else { trail.go_on(failed.unwrap_or_else(unnamed)) }
}

fn judge_issuer(claims: &Map<String, Value>, rules: &Rules) -> Result<(), Invalid> {
    let found = claims.get("iss").and_then(Value::as_str);
    match &rules.issuer {
        Issuer::OneOf(names) if !found.is_some_and(|iss| names.iter().any(|name| name == iss)) => {
            Err(Invalid::Issuer { found: found.unwrap_or_default().to_owned(), expected: names.join(" or ") })
        }
        _ => Ok(()),
    }
}

fn judge_audience(claims: &Map<String, Value>, rule: &AudienceRule) -> Result<(), Invalid> {
    let names: Option<Vec<&str>> = match claims.get("aud") {
        Some(Value::String(one)) => Some(vec![one]),
        Some(Value::Array(many)) => many.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let azp = claims.get("azp");
    let good = match (rule, &names) {
        (AudienceRule::Any, _) => true,
        (_, None) => false,
        (AudienceRule::Contains(ours), Some(names)) => ours.iter().any(|our| names.contains(&our.as_str())),
        (AudienceRule::Only(ours), Some(names)) => {
            !names.is_empty() && names.iter().all(|name| ours.iter().any(|our| our == name))
        }
        (AudienceRule::Client(us), Some(names)) => {
            let alone = names.iter().all(|name| name == us);
            names.contains(&us.as_str()) && (alone || azp.is_some_and(|azp| azp == us.as_str()))
        }
    };
    if !good {
        let expected = match rule {
            AudienceRule::Contains(ours) | AudienceRule::Only(ours) => ours.join(" or "),
            AudienceRule::Client(us) => us.clone(),
            AudienceRule::Any => String::new(),
        };
        let found = claims.get("aud").map_or("missing".to_owned(), claim_rules::shown);
        return Err(Invalid::Audience { found, expected });
    }
    match (rule, azp) {
        (AudienceRule::Client(us), Some(azp)) if azp != us.as_str() => {
            Err(Invalid::Party { found: claim_rules::shown(azp), expected: us.clone() })
        }
        _ => Ok(()),
    }
}

/// Whether `exp`, where it is a time at all, has passed: what whoever wrote the token can see for themselves.
pub(super) fn judge_expiry(claims: &Map<String, Value>, rules: &Rules, now: i64) -> Result<(), Invalid> {
    let leeway = rules.leeway.max(0);
    let enforced = rules.expiry != Expiry::MayHavePassed;
    match instant(claims, "exp") {
        Ok(Some(exp)) if enforced && now >= exp.saturating_add(leeway) => Err(Invalid::Expired { ago: now - exp, leeway }),
        _ => Ok(()),
    }
}

pub(super) fn judge_times(claims: &Map<String, Value>, rules: &Rules, now: i64) -> Result<(), Invalid> {
    let (exp, nbf, iat) = (instant(claims, "exp")?, instant(claims, "nbf")?, instant(claims, "iat")?);
    let leeway = rules.leeway.max(0);
    judge_expiry(claims, rules, now)?;
    if let (Some(longest), Some(exp)) = (rules.longest, exp)
        && exp - now > longest.saturating_add(leeway)
    {
        let cause = format!("is {} s ahead; at most {longest} s are accepted", exp - now);
        return Err(Invalid::Claim { name: "exp".to_owned(), cause });
    }
    for (claim, at) in [("nbf", nbf), ("iat", iat)] {
        if let Some(at) = at.filter(|at| *at > now.saturating_add(leeway)) {
            return Err(Invalid::NotYet { claim, ahead: at - now, leeway });
        }
    }
    if let (Some(max_age), Some(iat)) = (rules.max_age, iat)
        && now - iat > max_age.saturating_add(leeway)
    {
        return Err(Invalid::TooOld { age: now - iat, max_age });
    }
    Ok(())
}

/// A time in whole seconds. Another type or an impossible value is refused and never counts as absent (jsonwebtoken
/// CVE-2026-25537).
fn instant(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, Invalid> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let at = value.as_i64().filter(|at| (0..=LATEST).contains(at));
    let cause = "is not a number of whole seconds since 1970".to_owned();
    at.map(Some).ok_or_else(|| Invalid::Claim { name: name.to_owned(), cause })
}

#[cfg(test)]
mod tests;
