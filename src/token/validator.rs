//! Whose bearer tokens are accepted: our own issuer and every trusted one, as sources of one table, so own and foreign
//! tokens run the same lines.
//!
//! A token is judged by the sources that its `iss` names; a caller narrows them with a [`Scope`]. The first of its tenant that
//! accepts decides; where no tenant is named and several know it, `rivals` says how. A token without readable claims (opaque)
//! can only be asked about, and only at the introspection endpoint of a tenant that the scope names: it is not shown to
//! strangers. Whoever is asked has the token, and can use it; so where several of that tenant might know it, none is asked until
//! the scope says which, unless the operator has allowed all of them to be shown each other's.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    claims::Claims,
    invalid::Invalid,
    issue::AccessClaims,
    presented::{Presented, is_nearly_a_jwt},
    ring::KeyRing,
    rivals::{self, Question},
    rules::{AudienceRule, Issuer, Rules},
    source::{Proven, Source},
    steps::{Explanation, Trail},
    verify::{Demand, subject},
};

/// What narrows a judgement.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a> {
    /// Only sources of this tenant, and our own tokens, whose tenant the caller compares. Where there is but one tenant the
    /// caller names it. Without it only those sources are asked that are named by `iss` and need nobody's word: a token
    /// is never shown to an endpoint of a tenant that it may not be meant for.
    pub tenant: Option<&'a str>,
    /// Only these foreign sources, by id.
    pub sources: Option<&'a HashSet<String>>,
    /// Whom our own tokens must be for, one of them, instead of us; empty: us.
    pub audience: &'a [String],
}

/// A token that was accepted.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The foreign source that accepted it; `None`: it is ours.
    pub source: Option<String>,
    /// What it says.
    pub claims: Claims,
    /// Whom it is about: the claim that the source's settings name.
    pub subject: String,
    /// Until when (unix seconds) the judgement may be kept, as far as the source goes: `i64::MAX` where a signature was
    /// verified, which stays so until `exp`; for introspection the time for which its answer may be kept, `now` when it is
    /// to be asked each time.
    pub keep_until: i64,
}

/// The table. Clones share it.
#[derive(Clone, Debug)]
pub struct Validator {
    issuer: String,
    own: Source,
    foreign: Arc<Foreign>,
}

/// The sources that may judge a token, in the order in which they do.
struct Candidates<'s> {
    sources: Vec<&'s Source>,
    /// Whether another tenant asks the issuer about its tokens, which happens for nobody who does not name that tenant.
    elsewhere: bool,
}

/// Foreign sources, each in the order they were given in.
#[derive(Debug, Default)]
struct Foreign {
    by_issuer: HashMap<String, Vec<Source>>,
    /// Those that take tokens of anyone, by tenant.
    of_anyone: HashMap<String, Vec<Source>>,
    /// Those that can be asked about any token, by tenant.
    asked: HashMap<String, Vec<Source>>,
}

impl Validator {
    /// Accepts our own access tokens: issued by `issuer`, signed by `ring`, for `audience`; `leeway` is the clock skew
    /// allowed, in seconds.
    #[must_use]
    pub fn new(issuer: &str, ring: KeyRing, audience: AudienceRule, leeway: i64) -> Self {
        let own = Source::with_keys("", "", Arc::new(ring), Rules::own_access(issuer, audience, leeway));
        Self { issuer: issuer.to_owned(), own, foreign: Arc::default() }
    }

    /// The same for our own tokens, and these foreign sources in place of the ones it has; where several of a tenant accept
    /// a token, the first of them has it. One that names our own issuer never gets a token.
    #[must_use]
    pub fn with_sources(&self, sources: impl IntoIterator<Item = Source>) -> Self {
        let mut foreign = Foreign::default();
        for source in sources {
            match &source.rules.issuer {
                Issuer::OneOf(names) => {
                    for name in names {
                        foreign.by_issuer.entry(name.clone()).or_default().push(source.clone());
                    }
                }
                Issuer::Any => foreign.of_anyone.entry(source.tenant.clone()).or_default().push(source.clone()),
            }
            if source.is_asked() {
                foreign.asked.entry(source.tenant.clone()).or_default().push(source);
            }
        }
        Self { foreign: Arc::new(foreign), ..self.clone() }
    }

    /// Our own issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Judges a bearer token; `now` is unix seconds.
    ///
    /// # Errors
    /// [`Invalid`] for the first rule that does not hold, [`Invalid::Issuer`] for an issuer that no source has,
    /// [`Invalid::Ambiguous`] where no tenant is named and sources of several accept it, [`Invalid::Unnamed`] where several
    /// might be asked about it.
    pub async fn validate(&self, token: &str, scope: &Scope<'_>, now: i64) -> Result<Accepted, Invalid> {
        self.judge(token, scope, now, &mut Trail::default()).await
    }

    /// The same judgement, and what it looked at. After a step that fails it goes on as far as it can, and refuses all the
    /// same.
    pub async fn explain(&self, token: &str, scope: &Scope<'_>, now: i64) -> Explanation {
        let mut trail = Trail::told();
        let outcome = self.judge(token, scope, now, &mut trail).await;
        trail.into_explanation(outcome)
    }

    async fn judge(&self, token: &str, scope: &Scope<'_>, now: i64, trail: &mut Trail) -> Result<Accepted, Invalid> {
        let token = Presented::new(token);
        let found = trail.check("who may judge it", self.candidates(&token, scope), |found| match found.sources.len() {
            1 => "one issuer".to_owned(),
            several => format!("{several} issuers"),
        })?;
        let asked_for = (!scope.audience.is_empty()).then(|| AudienceRule::Contains(scope.audience.to_vec()));
        let own = found.sources.iter().all(|source| self.is_own(source));
        let question = Question { token: &token, audience: asked_for.as_ref().filter(|_| own), now };
        let (source, proven) = rivals::judge(&question, found.sources, found.elsewhere, trail).await?;
        self.accept(token, source, proven)
    }

    fn accept(&self, token: Presented<'_>, source: &Source, proven: Proven) -> Result<Accepted, Invalid> {
        let (claims, keep_until) = match proven {
            Proven::Signed(alg) => (Claims::signed(token.into_jwt()?.claims, alg), i64::MAX),
            Proven::Told(told) => (Claims::told(told.claims), told.keep_until),
        };
        let subject = subject(claims.members(), &source.rules)?.unwrap_or_default().into_owned();
        Ok(Accepted { source: (!self.is_own(source)).then(|| source.id.clone()), claims, subject, keep_until })
    }

    fn is_own(&self, source: &Source) -> bool {
        std::ptr::eq(source, &raw const self.own)
    }

    /// The sources that may judge a token.
    fn candidates(&self, token: &Presented<'_>, scope: &Scope<'_>) -> Result<Candidates<'_>, Invalid> {
        let alone = |sources| Candidates { sources, elsewhere: false };
        let jwt = match token.jwt() {
            Ok(jwt) => jwt,
            Err(invalid) => {
                let found = self.asked_about_opaque(token, scope).ok_or_else(|| invalid.clone())?;
                return unguessed(found).map(alone);
            }
        };
        let issuer = jwt.issuer();
        if issuer == Some(self.issuer.as_str()) {
            return Ok(alone(vec![&self.own]));
        }
        let named = scope.pick(issuer.and_then(|issuer| self.foreign.by_issuer.get(issuer)));
        // Where an issuer is asked about its tokens they are not judged by keys beside: its word may be that one is revoked.
        let asked: Vec<&Source> = named.iter().copied().filter(|source| source.is_asked()).collect();
        let elsewhere = scope.tenant.is_none() && !asked.is_empty();
        let sources: Vec<&Source> = match scope.tenant {
            Some(_) if !asked.is_empty() => asked,
            // Of a name that another source of the tenant has, one that takes any name hears nothing: whoever has its keys
            // could say that they are the other.
            Some(tenant) if self.is_taken(tenant, issuer) => named,
            Some(tenant) => unguessed(scope.pick(self.foreign.of_anyone.get(tenant)))?,
            None if asked.is_empty() => named,
            None => {
                let asking: HashSet<&str> = asked.iter().map(|source| source.tenant()).collect();
                named.into_iter().filter(|source| !asking.contains(source.tenant())).collect()
            }
        };
        if sources.is_empty() {
            return Err(self.unknown(issuer.unwrap_or_default(), scope));
        }
        Ok(Candidates { sources, elsewhere })
    }

    /// Whether a source of the tenant has this issuer's name, whatever the scope leaves of them.
    fn is_taken(&self, tenant: &str, issuer: Option<&str>) -> bool {
        let sources = issuer.and_then(|issuer| self.foreign.by_issuer.get(issuer));
        sources.is_some_and(|sources| sources.iter().any(|source| source.tenant == tenant))
    }

    /// Whether a token that is no JWT would be shown to the endpoint of an issuer within the scope. Who takes tokens of another
    /// kind besides looks first whether it is one of those.
    #[must_use]
    pub fn would_ask_about(&self, token: &str, scope: &Scope<'_>) -> bool {
        let asked = scope.tenant.and_then(|tenant| self.foreign.asked.get(tenant));
        asked.is_some_and(|sources| sources.iter().any(|source| scope.holds(source))) && !is_nearly_a_jwt(token)
    }

    /// The sources that can be asked about a token which is no JWT.
    fn asked_about_opaque(&self, token: &Presented<'_>, scope: &Scope<'_>) -> Option<Vec<&Source>> {
        let found = scope.pick(self.foreign.asked.get(scope.tenant?));
        (!found.is_empty() && token.may_be_asked_about()).then_some(found)
    }

    /// No source has the issuer; the detail names one within the scope that looks like it, and none of anybody else's.
    fn unknown(&self, found: &str, scope: &Scope<'_>) -> Invalid {
        let alike = |name: &str| name.trim_end_matches('/').eq_ignore_ascii_case(found.trim_end_matches('/'));
        let in_scope = self.foreign.by_issuer.iter().filter(|(_, sources)| sources.iter().any(|source| scope.holds(source)));
        let mut names = std::iter::once(self.issuer.as_str()).chain(in_scope.map(|(name, _)| name.as_str()));
        let expected = match names.find(|name| *name != found && alike(name)) {
            Some(name) => name,
            None if self.is_left_out(found, scope) => {
                "one that is taken here: trusted, but left out by issuers or exchanged_only"
            }
            None if scope.tenant.is_none() && self.foreign.by_issuer.contains_key(found) => {
                "the tenant to be named, whose issuer is asked about it"
            }
            None => "an issuer that is trusted here",
        };
        Invalid::Issuer { found: found.to_owned(), expected: expected.to_owned() }
    }

    /// Whether it is the scope alone that leaves the issuer out, of those that its tenant trusts.
    fn is_left_out(&self, issuer: &str, scope: &Scope<'_>) -> bool {
        let Some(tenant) = scope.tenant else { return false };
        let trusted = self.foreign.by_issuer.get(issuer).into_iter().flatten();
        trusted.filter(|source| source.tenant == tenant).any(|source| !scope.holds(source))
    }

    /// Judges an access token of our own; `now` is unix seconds. Whether its user, client and family still live is for
    /// the caller to look up.
    ///
    /// # Errors
    /// [`Invalid`] for the first rule that does not hold.
    pub async fn validate_access(&self, token: &str, now: i64) -> Result<AccessClaims, Invalid> {
        let token = Presented::new(token);
        token.jwt().map_err(Clone::clone)?;
        let proven = self.own.judge(&token, &Demand::of(&self.own.rules, now), &mut Trail::default()).await?;
        self.accept(token, &self.own, proven)?.claims.read()
    }
}

/// Of sources that nobody has named, those to which the token may be shown.
fn unguessed(sources: Vec<&Source>) -> Result<Vec<&Source>, Invalid> {
    let asked: HashSet<&str> = sources.iter().filter(|source| source.is_asked()).map(|source| source.id()).collect();
    if asked.len() < 2 || sources.iter().filter(|source| source.is_asked()).all(|source| source.is_shown_others()) {
        return Ok(sources);
    }
    let by_keys: Vec<&Source> = sources.into_iter().filter(|source| !source.is_asked()).collect();
    if by_keys.is_empty() { Err(Invalid::Unnamed) } else { Ok(by_keys) }
}

impl Scope<'_> {
    fn holds(&self, source: &Source) -> bool {
        self.tenant.is_none_or(|tenant| source.tenant == tenant) && self.sources.is_none_or(|ids| ids.contains(&source.id))
    }

    fn pick<'s>(&self, sources: Option<&'s Vec<Source>>) -> Vec<&'s Source> {
        sources.map_or_else(Vec::new, |all| all.iter().filter(|source| self.holds(source)).collect())
    }
}

#[cfg(test)]
mod tests;
