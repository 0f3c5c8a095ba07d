//! Explains a token to an operator by the lines that enforce: the same validator, the same mapper, the same judgement of
//! what is switched on. What is looked up besides is only shown, and decides nothing.

use std::collections::HashSet;

use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::{
    bearer::{Bearer, Denied},
    bearer_of,
    catalogue::{Catalogue, Issuer},
    current, keep_ours,
    own::{self, Asof},
    report::{Access, Footing, Held, Report, Source, Weighed},
    role_on,
};
use crate::{
    app::App,
    error::ApiError,
    policy::{access::Standing, principal::Principal, role::Role, site::ResourceName},
    store,
    token::{Explanation, Refused, Scope, Step, issue::AccessClaims},
};

/// Most mappings and roles that are shown.
const MOST: usize = 50;

/// What an operator asks.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The token.
    pub token: &'a str,
    /// The tenant, by row id.
    pub tenant: Option<&'a str>,
    /// A resource, and the role that is wanted on it.
    pub about: Option<(&'a ResourceName, Option<Role>)>,
    /// The foreign sources that may judge it (row ids), where not all of the tenant may.
    pub sources: Option<&'a HashSet<String>>,
    /// Whom a token of ours must be for; empty: us.
    pub audience: &'a [String],
}

/// Explains a token.
///
/// # Errors
/// When the database does not answer.
pub async fn explain(app: &App, question: Question<'_>) -> Result<Report, Denied> {
    let scope = Scope { tenant: question.tenant, sources: question.sources, audience: question.audience };
    let catalogue = current(app, question.token, &scope).await?;
    let mut report = Report::default();
    match judge(app, &catalogue, question.token, (&scope, Asof::Now), &mut report).await? {
        Ok(bearer) => tell(app, bearer, question.about, &mut report).await?,
        Err(denied) => refuse(&mut report, denied),
    }
    Ok(report)
}

/// As [`super::judge_lately`], for those who tell how they decide: one judgement, and one question to an issuer that is asked,
/// with all that was looked at in `report`. [`tell`] says the rest of a bearer.
///
/// # Errors
/// Why nobody is let in with it.
pub async fn judge_lately(
    app: &App,
    catalogue: &Catalogue,
    token: &str,
    scope: &Scope<'_>,
    report: &mut Report,
) -> Result<Bearer, Denied> {
    judge(app, catalogue, token, (scope, Asof::Lately), report).await?
}

/// The inner error is the judgement; with the outer one there is none.
async fn judge(
    app: &App,
    catalogue: &Catalogue,
    token: &str,
    (scope, asof): (&Scope<'_>, Asof),
    report: &mut Report,
) -> Result<Result<Bearer, Denied>, Denied> {
    let now = app.clock.now();
    let scope = catalogue.narrowed(scope);
    match keep_ours(app, catalogue, token, &scope).await {
        Ok(()) => {}
        Err(e @ Denied::Store(_)) => return Err(e),
        Err(denied) => return Ok(Err(denied)),
    }
    let Explanation { steps, outcome, refused } = catalogue.validator.explain(token, &scope, now).await;
    report.steps = steps.into_iter().map(|step| named(step, catalogue)).collect();
    let accepted = match outcome {
        Ok(accepted) => accepted,
        Err(invalid) => {
            if let Some(Refused { source, claims, proven }) = refused.or_else(|| catalogue.unheard(token, &scope)) {
                report.proven = proven;
                let said = Said { source: source.as_deref(), claims: &claims, accepted: false };
                shed_light(app, catalogue, &said, &scope, report).await?;
            }
            return Ok(Err(catalogue.reason(token, &scope, invalid)));
        }
    };
    (report.accepted, report.proven) = (true, true);
    let said = Said { source: accepted.source.as_deref(), claims: accepted.claims.members(), accepted: true };
    shed_light(app, catalogue, &said, &scope, report).await?;
    match bearer_of(app, catalogue, accepted, &scope, asof, now).await {
        Err(denied @ (Denied::Store(_) | Denied::Unavailable(_))) => Err(denied),
        judged => Ok(judged),
    }
}

fn refuse(report: &mut Report, denied: Denied) {
    let told = ApiError::from(denied);
    report.error = Some(told.error.description.into_owned());
    report.cause = Some(told.cause).filter(|cause| !cause.is_empty());
}

/// What a token says, and whether it was accepted.
struct Said<'a> {
    source: Option<&'a str>,
    claims: &'a Map<String, Value>,
    accepted: bool,
}

/// A source by its name instead of its id.
fn named(step: Step, catalogue: &Catalogue) -> Step {
    if step.what != "source" {
        return step;
    }
    let detail = match catalogue.issuer(&step.detail) {
        Some(issuer) => {
            let tenant = catalogue.tenant(&issuer.tenant_id).map_or("", |tenant| tenant.name.as_str());
            format!("{issuer} of tenant {tenant}")
        }
        None => "gatehouse itself".to_owned(),
    };
    Step { detail, ..step }
}

/// What a token stands on, and what its claims are compared with: of one that is refused, what it would.
async fn shed_light(
    app: &App,
    catalogue: &Catalogue,
    said: &Said<'_>,
    scope: &Scope<'_>,
    report: &mut Report,
) -> Result<(), Denied> {
    let issuer = said.source.and_then(|id| catalogue.issuer(id));
    if let Some(issuer) = issuer {
        let kind = if issuer.connection { "connection" } else { "trusted_issuer" };
        report.issuer = Some(Source { kind, name: issuer.name.clone() });
        if let Some(tenant) = catalogue.tenant(&issuer.tenant_id) {
            report.tenant = Some(tenant.name.clone());
            report.standing.push(Footing { what: "tenant".to_owned(), on: tenant.enabled });
        }
        report.standing.push(Footing { what: "issuer".to_owned(), on: issuer.off.is_none() });
        weigh(issuer, said, report);
        return Ok(());
    }
    report.issuer = Some(Source { kind: "gatehouse", name: app.issuer().to_owned() });
    // Whoever makes a token up chooses the family and the accounts that it names.
    if !report.proven {
        return Ok(());
    }
    let Ok(own) = AccessClaims::deserialize(Value::Object(said.claims.clone())) else { return Ok(()) };
    let tenant = catalogue.tenant_by_name(&own.tenant);
    // What another tenant's token stands on is not shown.
    if scope.tenant.is_some_and(|id| tenant.is_none_or(|tenant| tenant.id != id)) {
        return Ok(());
    }
    report.tenant = Some(own.tenant.clone());
    match &own.fam {
        Some(family) => {
            let footing = store::standing::of_family(&app.db, family, app.clock.now()).await?;
            report.standing = footing.map_or_else(Vec::new, |footing| footings(footing.state));
        }
        None => report.standing = of_machine(app, catalogue, &own).await?,
    }
    Ok(())
}

fn footings(state: Standing) -> Vec<Footing> {
    let all = [
        ("tenant", Some(state.tenant)),
        ("client", state.client),
        ("user", state.user),
        ("password sign-in", state.password),
        ("connection", state.connection),
        ("token family", state.family),
    ];
    all.into_iter().filter_map(|(what, on)| Some(Footing { what: what.to_owned(), on: on? })).collect()
}

/// What a token that was exchanged, or given for client credentials, stands on.
async fn of_machine(app: &App, catalogue: &Catalogue, own: &AccessClaims) -> Result<Vec<Footing>, Denied> {
    let gone = |what: &str| vec![Footing { what: what.to_owned(), on: false }];
    let Some(tenant) = catalogue.tenant_by_name(&own.tenant) else { return Ok(gone("tenant")) };
    let ground = store::standing::of_client(&app.db, &tenant.id, &own.client_id, &own.jti).await?;
    let Some(ground) = ground else { return Ok(gone("client")) };
    let rows = own::grounds(catalogue, &tenant.id, &ground, own).into_iter().map(|(what, on)| Footing { what, on });
    Ok(footings(ground.state).into_iter().chain(rows).collect())
}

fn weigh(issuer: &Issuer, said: &Said<'_>, report: &mut Report) {
    let shown = issuer.mapper.explain(said.claims, MOST);
    report.more_mappings = issuer.mapper.len() - shown.len();
    for one in shown {
        if one.chosen || (one.matched && !one.candidate.enabled) {
            let what = called(&one.candidate.target);
            report.standing.push(Footing { what, on: one.candidate.enabled });
        }
        report.mappings.push(Weighed {
            target: one.candidate.target.clone(),
            enabled: one.candidate.enabled,
            matched: one.matched,
            score: one.score,
            chosen: one.chosen && said.accepted,
            note: if said.accepted { one.note } else { format!("if the token held: {}", one.note) },
            rules: one.verdicts,
        });
    }
}

fn called(principal: &Principal) -> String {
    format!("{} {}", principal.kind.as_str().replace('_', " "), principal.name)
}

/// Who it is, and what it may do.
///
/// # Errors
/// When the database does not answer.
pub async fn tell(
    app: &App,
    bearer: Bearer,
    about: Option<(&ResourceName, Option<Role>)>,
    report: &mut Report,
) -> Result<(), Denied> {
    report.allowed = bearer.principal().is_some();
    if !report.allowed {
        report.error = Some("the token maps to no identity".to_owned());
        report.cause = Some("no mapping of its issuer matches its claims".to_owned());
    }
    if let Some((resource, asked)) = about {
        let role = role_on(app, &bearer, resource).await?;
        let allowed = role.is_some_and(|role| asked.is_none_or(|asked| role >= asked));
        if report.allowed && !allowed {
            report.error = Some("the role is not held".to_owned());
        }
        report.allowed &= allowed;
        report.access = Some(Access { resource: resource.clone(), asked, role, allowed });
    }
    let principals = bearer.principals.iter().map(|p| (&p.id, &p.name));
    for (id, name) in principals.chain(bearer.teams.iter().map(|t| (&t.id, &t.name))) {
        let held = store::resources::some_held_by(&app.db, id, MOST + 1).await?;
        report.roles.extend(held.into_iter().map(|(kind, resource, role)| Held {
            resource: ResourceName { kind, name: resource },
            role,
            by: name.clone(),
        }));
    }
    report.more_roles = report.roles.len() > MOST;
    report.roles.truncate(MOST);
    report.principal = bearer.principal();
    report.teams = bearer.team_names().map(str::to_owned).collect();
    report.tenant = Some(bearer.tenant);
    report.subject = Some(bearer.subject);
    report.email = bearer.email;
    report.principals = bearer.principals;
    Ok(())
}
