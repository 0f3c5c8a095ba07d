//! Whether the bearer of a token that holds may come to a site: the site's rules, in the order in which they decide.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{decide::Refusal, witness::Witness};
use crate::{
    app::App,
    policy::{
        claim_rules::{Verdict, is_within, shown},
        role::Role,
        site::{Login, OURSELVES},
    },
    token::Invalid,
    trust::{
        self, Bearer, Denied,
        sites::{Accepts, Site},
    },
};

/// The claim by which rules ask for the teams here that somebody belongs to.
const TEAMS: &str = "teams";
/// The claim by which they ask for an address.
const EMAIL: &str = "email";

/// Somebody who is known, at a site.
pub struct Visit<'a> {
    /// The site.
    pub site: &'a Site,
    /// Whose tokens it takes.
    pub accepts: &'a Accepts,
    /// Who it is.
    pub bearer: &'a Bearer,
    /// With a token, not with a session of the site's own sign-in.
    pub presented: bool,
}

/// Whether they may come.
pub async fn may_come(app: &App, visit: &Visit<'_>, witness: &mut Witness<'_>) -> Result<(), Refusal> {
    let Visit { site, bearer, .. } = *visit;
    // Whoever watches goes no further either: nothing of another tenant is compared with this one's rules.
    if bearer.tenant_id != site.tenant_id {
        let refusal = visit.no("another tenant");
        witness.saw("tenant", false, || refusal.cause());
        return Err(refusal);
    }
    witness.saw("tenant", true, || format!("{}, the site's", bearer.tenant));
    witness.weighs("issuer", visit.of_accepted_issuer(), || {
        let issuers = &site.settings.issuers;
        let names = if issuers.is_empty() { OURSELVES.to_owned() } else { issuers.join(", ") };
        format!("{}; the site takes tokens of {names}", bearer.issuer)
    })?;
    witness.weighs("client", visit.of_known_client(), || visit.about_client())?;
    witness.weighs("audience", visit.for_the_site(), || visit.about_audience())?;
    witness.weighs("scopes", visit.with_scopes(), || match site.settings.scopes.as_slice() {
        [] => "the site asks for none".to_owned(),
        wanted => format!("it has {}", wanted.join(" ")),
    })?;
    let claims = visit.claims();
    witness.saw_claims(|| visit.verdicts(&claims));
    witness.goes_on(if site.rules.hold(&claims) { Ok(()) } else { Err(visit.no(&visit.failed(&claims))) })?;
    let Some(resource) = &site.settings.resource else {
        witness.saw("role", true, || "the site asks for none".to_owned());
        return witness.concludes();
    };
    let asking = Box::pin(trust::role_on(app, bearer, resource));
    let held = asking.await.map_err(Denied::from)?;
    let needed = site.settings.role.unwrap_or(Role::Viewer);
    let outcome = if held.is_none_or(|held| held < needed) {
        Err(visit.no(&format!("the role {} on {} {} is needed", needed.as_str(), resource.kind, resource.name)))
    } else {
        Ok(())
    };
    let held = || held.map_or("no role", Role::as_str);
    witness.weighs("role", outcome, || {
        format!("{} on {} {}; {} is needed", held(), resource.kind, resource.name, needed.as_str())
    })?;
    witness.concludes()
}

/// Whether the token is one that we issued: also one that a foreign token was exchanged for, whose source is the issuer of
/// that one.
pub fn is_ours(bearer: &Bearer) -> bool {
    bearer.own.is_some() || bearer.family.is_some()
}

impl Visit<'_> {
    fn no(&self, why: &str) -> Refusal {
        let Self { site, bearer, .. } = self;
        Refusal::Forbidden(format!("{} does not let {} of {} in: {why}", site.name, bearer.subject, bearer.issuer))
    }

    fn of_accepted_issuer(&self) -> Result<(), Refusal> {
        let Self { accepts, bearer, .. } = self;
        let accepted = match &bearer.source {
            // One that a foreign token was exchanged for is still that issuer's word about its bearer.
            source if is_ours(bearer) => accepts.own && source.as_ref().is_none_or(|source| accepts.holds(source)),
            Some(source) => accepts.holds(source),
            None => false,
        };
        if accepted {
            return Ok(());
        }
        let expected = "an issuer of the site".to_owned();
        Err(Denied::Invalid(Invalid::Issuer { found: bearer.issuer.clone(), expected }).into())
    }

    /// A token that any application had of any sign-in names nobody but us: it says who the person is, and not that they
    /// are to be here.
    fn of_known_client(&self) -> Result<(), Refusal> {
        let Self { site, bearer, presented, .. } = *self;
        if !presented || site.settings.audience.is_some() || is_of_known_client(site, bearer) {
            return Ok(());
        }
        let client = bearer.family.as_ref().map_or("", |family| family.client_id.as_str());
        let found = format!("gatehouse itself, for the client {client}");
        let expected = "a client with trusted, the one of the site's login, or an audience that the site names".to_owned();
        Err(Denied::Invalid(Invalid::Audience { found, expected }).into())
    }

    /// Ours were judged for the site's audience. An issuer that serves several must say so too: a token for another server is
    /// none for this one (RFC 9728, RFC 8707).
    fn for_the_site(&self) -> Result<(), Refusal> {
        let Self { site, bearer, presented, .. } = *self;
        let Some(audience) = site.settings.audience.as_deref().filter(|_| presented && !is_ours(bearer)) else { return Ok(()) };
        let found = bearer.claims.get("aud").cloned().unwrap_or_default();
        if words(&found).any(|name| name == audience) {
            return Ok(());
        }
        Err(Denied::Invalid(Invalid::Audience { found: shown(&found), expected: audience.to_owned() }).into())
    }

    fn with_scopes(&self) -> Result<(), Refusal> {
        let given = scopes(self.bearer);
        let has_all = self.site.settings.scopes.iter().all(|wanted| given.contains(&wanted.as_str()));
        if has_all { Ok(()) } else { Err(Refusal::Scope) }
    }

    /// What the rules about claims are compared with: what the token says and, where they ask for `teams`, those here that its
    /// bearer belongs to now. No token says that, of ours or of others: whoever keys a foreign one could write the name of any
    /// team of ours into it. Nor does a user's address fulfil a rule while nobody has vouched for it.
    fn claims(&self) -> Cow<'_, Map<String, Value>> {
        let Self { site, bearer, .. } = *self;
        let mut claims = Cow::Borrowed(&bearer.claims);
        if self.is_unproven() && claims.contains_key(EMAIL) {
            claims.to_mut().remove(EMAIL);
        }
        if site.settings.claims.iter().any(|rule| is_about_teams(&rule.claim)) {
            let claims = claims.to_mut();
            // Also one whose literal name looks like a way into it.
            claims.retain(|name, _| !is_about_teams(name));
            claims.insert(TEAMS.to_owned(), bearer.team_names().collect());
        }
        claims
    }

    /// What each of the site's rules says of the claims.
    fn verdicts(&self, claims: &Map<String, Value>) -> Vec<Verdict> {
        let mut verdicts = self.site.rules.judge(claims);
        for verdict in &mut verdicts {
            if is_about_teams(&verdict.claim) {
                verdict.why = verdict.why.replacen("the token has", "by what is known here, its bearer is in", 1);
            } else if is_within(&verdict.claim, EMAIL) && self.is_unproven() {
                verdict.why.push_str("; nobody has vouched for the user's address, so no rule counts it");
            }
        }
        verdicts
    }

    /// Whether it is a user whose address nobody has vouched for.
    fn is_unproven(&self) -> bool {
        self.bearer.family.is_some() && !self.bearer.email_proven
    }

    /// Which of the site's rules the claims do not fulfil, for the log.
    fn failed(&self, claims: &Map<String, Value>) -> String {
        let verdicts = self.verdicts(claims).into_iter().filter(|verdict| !verdict.passed);
        let rules: Vec<String> = verdicts.map(|verdict| format!("claim {}: {}", verdict.claim, verdict.why)).collect();
        format!("the claims are not as its rules have them: {}", rules.join("; "))
    }

    fn about_client(&self) -> String {
        match &self.bearer.family {
            None => "it is no user's token, so no client is asked about".to_owned(),
            _ if !self.presented => "it is a session of the site's own sign-in".to_owned(),
            _ if self.site.settings.audience.is_some() => "the site names an audience, so any client may have it".to_owned(),
            Some(family) if self.bearer.first_party => format!("{}, which is trusted", family.client_id),
            Some(family) => format!("{}, the one of the site's login", family.client_id),
        }
    }

    fn about_audience(&self) -> String {
        match &self.site.settings.audience {
            _ if !self.presented => "it is a session of the site's own sign-in".to_owned(),
            Some(audience) => format!("it is for {audience}"),
            None => "the site names none".to_owned(),
        }
    }
}

fn is_about_teams(claim: &str) -> bool {
    is_within(claim, TEAMS)
}

/// Whether a user's token comes from a client that the operator has given the run of sites without an audience: one of the
/// platform's own, or the one that browsers sign in to the site over. Whom a token acts as otherwise, the operator has said.
fn is_of_known_client(site: &Site, bearer: &Bearer) -> bool {
    let Some(family) = &bearer.family else { return true };
    bearer.first_party || matches!(&site.settings.login, Some(Login::Client(id)) if *id == family.client_id)
}

/// What a token was given for: `scope` of ours, `scope` or `scp` (Okta, Entra) of others.
fn scopes(bearer: &Bearer) -> Vec<&str> {
    if is_ours(bearer) {
        let own = bearer.own.as_ref().map(|own| own.scope.as_str());
        return own.or(bearer.family.as_ref().map(|f| f.scope.as_str())).unwrap_or_default().split(' ').collect();
    }
    ["scope", "scp"].iter().filter_map(|name| bearer.claims.get(*name)).flat_map(words).flat_map(|text| text.split(' ')).collect()
}

/// The texts of a claim that is one or a list of them.
fn words(claim: &Value) -> impl Iterator<Item = &str> {
    let list = claim.as_array().map(Vec::as_slice).unwrap_or_default();
    claim.as_str().into_iter().chain(list.iter().filter_map(Value::as_str))
}
