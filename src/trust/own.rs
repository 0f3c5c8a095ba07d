//! The bearers of our own tokens: users, whose tokens stand on their family, and principals, whose tokens stand on the
//! mappings that led to them.

use serde_json::{Map, Value, json};

use super::{
    STALE, Team,
    bearer::{Bearer, Denied},
    catalogue::{Catalogue, Issuer, Known},
    footings::{Footings, Read},
};
use crate::{
    app::App,
    policy::{
        access::{Refusal, Standing, judge},
        principal::{Kind, Principal},
        trusted_issuer::Matching,
    },
    store::{
        self,
        standing::{Footing, Ground},
    },
    token::issue::{AccessClaims, Actor, Origin},
};

/// When what a token stands on was so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asof {
    /// Now.
    Now,
    /// Now or up to [`STALE`] seconds ago.
    Lately,
}

/// The bearer of an access token of ours that holds and has these `claims`, for the tenant (by row id) that is asked for, if
/// one is.
pub(super) async fn bearer(
    app: &App,
    catalogue: &Catalogue,
    own: AccessClaims,
    claims: Map<String, Value>,
    for_whom: (Option<&str>, Asof),
    now: i64,
) -> Result<Bearer, Denied> {
    let (tenant, asof) = for_whom;
    // First of all: what becomes of another tenant's tokens is nobody's business here.
    let theirs = catalogue.tenant_by_name(&own.tenant).map(|t| t.id.as_str());
    if tenant.is_some() && tenant != theirs {
        return Err(Denied::NotActive("it is of another tenant than was asked for".to_owned()));
    }
    match own.fam.clone() {
        Some(family) => of_user(app, &family, own, claims, asof, now).await,
        None => {
            // Boxed: the tokens of users, and of others, need no room for it.
            let asking = Box::pin(of_principal(app, catalogue, own, claims, now));
            asking.await
        }
    }
}

/// The claims of an access token of ours as it says them.
pub(super) fn members(own: &AccessClaims) -> Result<Map<String, Value>, Denied> {
    match serde_json::to_value(own) {
        Ok(Value::Object(claims)) => Ok(claims),
        _ => Err(Denied::NotActive("its claims are unreadable".to_owned())),
    }
}

async fn of_user(
    app: &App,
    family: &str,
    own: AccessClaims,
    claims: Map<String, Value>,
    asof: Asof,
    now: i64,
) -> Result<Bearer, Denied> {
    let (footing, at) = footing(app, family, asof, now).await?;
    if !is_of(&own, &footing) {
        return Err(Denied::NotActive("its family is not its own".to_owned()));
    }
    let mut claims = claims;
    as_of_now(&mut claims, &footing);
    let bearer = user(app, footing, claims, own.exp, at);
    Ok(Bearer { own: Some(own), ..bearer })
}

/// What a token says of its person was so when it was made, and a day may have passed: another may have the address by now.
/// What it does not say it was not given for.
fn as_of_now(claims: &mut Map<String, Value>, footing: &Footing) {
    let now = [
        ("email", footing.email.as_str().into()),
        ("email_verified", footing.email_proven.into()),
        ("name", footing.name.as_deref().into()),
    ];
    for (name, value) in now {
        if let Some(said) = claims.get_mut(name) {
            *said = value;
        }
    }
}

/// Whether a token is of the family that it names.
pub fn is_of(own: &AccessClaims, footing: &Footing) -> bool {
    let family = &footing.family;
    family.user_id == own.sub && family.client_id == own.client_id && footing.tenant == own.tenant
}

/// The bearer of a family, as of a token that it would have now.
pub(super) async fn of_family(app: &App, family: &str, tenant_id: &str, now: i64) -> Result<Bearer, Denied> {
    let (footing, at) = footing(app, family, Asof::Now, now).await?;
    let f = &footing.family;
    if f.tenant_id != tenant_id {
        return Err(Denied::NotActive("its family is another tenant's".to_owned()));
    }
    let claims = json!({
        "iss": app.issuer(),
        "sub": f.user_id,
        "client_id": f.client_id,
        "scope": f.scope,
        "tenant": footing.tenant,
        "auth_time": f.auth_time,
        "email": footing.email,
        "email_verified": footing.email_proven,
        "name": footing.name,
    });
    let Value::Object(mut claims) = claims else { return Err(Denied::NotActive("no claims".to_owned())) };
    claims.retain(|_, value| !value.is_null());
    let expires_at = f.expires_at;
    Ok(user(app, footing, claims, expires_at, at))
}

/// The footing of a family on which everything is switched on, and when that was so.
async fn footing(app: &App, family: &str, asof: Asof, now: i64) -> Result<(Footing, i64), Denied> {
    let gone = || Denied::NotActive("its family, or what that stands on, is gone".to_owned());
    let (footing, at) = match asof {
        Asof::Now => {
            let reading = Box::pin(Footings::read(&app.db, family, now));
            reading.await?.map(|Read { footing, at, .. }| (footing, at))
        }
        Asof::Lately => app.trust.footings().of(&app.db, family, now).await?.map(|read| (read.footing.clone(), read.at)),
    }
    .ok_or_else(gone)?;
    footing.standing.map_err(|refusal| Denied::NotActive(refusal.to_string()))?;
    Ok((footing, at))
}

/// The bearer of a family by what it stood on `at` a time.
fn user(app: &App, footing: Footing, claims: Map<String, Value>, expires_at: i64, at: i64) -> Bearer {
    let Footing { family, tenant, email, email_proven, name, teams, first_party, .. } = footing;
    Bearer {
        tenant_id: family.tenant_id.clone(),
        tenant,
        principals: vec![Principal { kind: Kind::User, name: email.clone(), id: family.user_id.clone() }],
        teams: teams.into_iter().map(|t| Team { id: t.id, name: t.name }).collect(),
        acts_as: Vec::new(),
        subject: family.user_id.clone(),
        email: Some(email),
        email_proven,
        name,
        issuer: app.issuer().to_owned(),
        source: None,
        claims,
        own: None,
        family: Some(family),
        first_party,
        expires_at: Some(expires_at),
        fresh_until: (at + STALE).min(expires_at),
    }
}

async fn of_principal(
    app: &App,
    catalogue: &Catalogue,
    own: AccessClaims,
    mut claims: Map<String, Value>,
    now: i64,
) -> Result<Bearer, Denied> {
    let gone = |what: &str| Denied::NotActive(what.to_owned());
    let tenant = catalogue.tenant_by_name(&own.tenant).ok_or_else(|| gone("its tenant is gone"))?;
    let ground = store::standing::of_client(&app.db, &tenant.id, &own.client_id, &own.jti).await?;
    let ground = ground.ok_or_else(|| Denied::NotActive(Refusal::Gone.to_string()))?;
    ground.standing.map_err(|refusal| Denied::NotActive(refusal.to_string()))?;
    if ground.revoked {
        return Err(gone("it was revoked"));
    }
    if let Some(origin) = &own.origin {
        for (_, holds) in of_origin(catalogue, &tenant.id, &ground, origin) {
            holds.map_err(Denied::NotActive)?;
        }
        // Whatever it says, nobody has proven this address to us.
        ["email", "email_verified"].into_iter().for_each(|name| drop(claims.remove(name)));
    }
    let standing = Standings::new(catalogue, &tenant.id, &ground, &own);
    let (mut principals, mut teams, mut acts_as) = (Vec::new(), Vec::new(), Vec::new());
    for actor in &own.acts_as {
        match standing.of(actor) {
            Ok(Stands::Principal(principal)) => principals.push(principal),
            Ok(Stands::Team(team)) => teams.push(team),
            // As with the token it was exchanged for: nobody becomes somebody lesser because the best match is switched off.
            Err(cause) if actor.kind != Kind::Team && standing.best_alone() => return Err(Denied::NotActive(cause)),
            Err(cause) => {
                tracing::debug!(actor = actor.id, cause, "drops out of whom a token acts as");
                continue;
            }
        }
        acts_as.push(actor.clone());
    }
    if acts_as.is_empty() {
        return Err(gone("nothing is left of whom it acts as"));
    }
    Ok(Bearer {
        tenant_id: tenant.id.clone(),
        tenant: tenant.name.clone(),
        principals,
        teams,
        acts_as,
        subject: own.origin.as_ref().map_or_else(|| own.sub.clone(), |origin| origin.sub.clone()),
        email: own.origin.as_ref().and_then(|origin| origin.email.clone()),
        email_proven: false,
        name: None,
        issuer: own.origin.as_ref().map_or_else(|| own.iss.clone(), |origin| origin.iss.clone()),
        source: own.origin.as_ref().map(|origin| origin.source.clone()),
        claims,
        expires_at: Some(own.exp),
        fresh_until: (catalogue.checked_at().min(now) + STALE).min(own.exp),
        family: None,
        first_party: false,
        own: Some(own),
    })
}

/// The issuer of the token that one of a tenant's was exchanged for.
fn source<'c>(catalogue: &'c Catalogue, tenant_id: &str, origin: &Origin) -> Option<&'c Issuer> {
    catalogue.issuer(&origin.source).map(|issuer| &**issuer).filter(|issuer| issuer.tenant_id == tenant_id)
}

/// What a token that was exchanged stands on by that, in the order in which it decides.
fn of_origin(
    catalogue: &Catalogue,
    tenant_id: &str,
    ground: &Ground,
    origin: &Origin,
) -> [(&'static str, Result<(), String>); 3] {
    let Origin { terms, grant, .. } = origin;
    let issuer = source(catalogue, tenant_id, origin);
    let trusted = match issuer {
        None => Err("the issuer of the token it was exchanged for is trusted no longer".to_owned()),
        Some(issuer) => issuer.off.map_or(Ok(()), |refusal| Err(refusal.to_string())),
    };
    let unchanged = issuer.is_some_and(|issuer| issuer.terms() == terms);
    let granted = grant.is_some_and(|grant| ground.client.may(grant));
    [
        ("issuer of the token it was exchanged for", trusted),
        (
            "what is asked of that issuer's tokens, unchanged",
            must(unchanged, "what is asked of its issuer's tokens has changed since it was exchanged"),
        ),
        ("grant of its client", must(granted, "its client may not exchange tokens any more")),
    ]
}

fn must(holds: bool, why: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why.to_owned()) }
}

/// What a token without a family stands on beside its tenant and client, each with whether it holds: by the comparisons that
/// decide, in their order.
pub(super) fn grounds(catalogue: &Catalogue, tenant_id: &str, ground: &Ground, own: &AccessClaims) -> Vec<(String, bool)> {
    let mut rows = vec![("token, not revoked".to_owned(), !ground.revoked)];
    if let Some(origin) = &own.origin {
        let all = of_origin(catalogue, tenant_id, ground, origin);
        rows.extend(all.into_iter().map(|(what, holds)| (what.to_owned(), holds.is_ok())));
    }
    let standing = Standings::new(catalogue, tenant_id, ground, own);
    rows.extend(own.acts_as.iter().flat_map(|actor| standing.rows(actor)));
    rows
}

/// Whom an actor of a token is, as long as it stands as it did when the token was made.
enum Stands {
    Principal(Principal),
    Team(Team),
}

struct Standings<'a> {
    catalogue: &'a Catalogue,
    tenant_id: &'a str,
    /// The issuer of the token that it was exchanged for.
    issuer: Option<&'a Issuer>,
    /// The virtual account that the token's client may act as, by name.
    account: Option<&'a str>,
}

impl<'a> Standings<'a> {
    fn new(catalogue: &'a Catalogue, tenant_id: &'a str, ground: &'a Ground, own: &AccessClaims) -> Self {
        let issuer = own.origin.as_ref().and_then(|origin| source(catalogue, tenant_id, origin));
        // Without an origin it stands on its client's record alone, as that is now.
        let account = ground.client.account().filter(|_| own.origin.is_none());
        Self { catalogue, tenant_id, issuer, account }
    }

    fn of(&self, actor: &Actor) -> Result<Stands, String> {
        self.is_led(actor)?;
        if actor.kind == Kind::Team {
            let team = self.catalogue.team(&actor.id).ok_or("the team is gone")?;
            return Ok(Stands::Team(team.clone()));
        }
        let known = self.known(actor).ok_or("it is gone")?;
        self.is_its_clients(actor)?;
        is_on(known)?;
        Ok(Stands::Principal(known.principal.clone()))
    }

    /// Whether what led to it is as it was.
    fn is_led(&self, actor: &Actor) -> Result<(), String> {
        match (&actor.mapping, self.issuer) {
            (Some((mapping, version)), Some(issuer)) => {
                let lead = self.catalogue.lead(mapping).ok_or("the mapping that led to it is gone")?;
                if lead.version != *version || lead.issuer != issuer.id || lead.target != actor.id {
                    return Err("the mapping that led to it has changed".to_owned());
                }
                Ok(())
            }
            (None, None) if actor.kind == Kind::VirtualAccount => Ok(()),
            _ => Err("it does not say what led to it".to_owned()),
        }
    }

    fn known(&self, actor: &Actor) -> Option<&'a Known> {
        let known = self.catalogue.principal(&actor.id);
        known.filter(|known| known.tenant_id == self.tenant_id && known.principal.kind == actor.kind)
    }

    /// Whether its client still acts as it, where that alone says so.
    fn is_its_clients(&self, actor: &Actor) -> Result<(), String> {
        let name = self.known(actor).map(|known| known.principal.name.as_str());
        must(actor.mapping.is_some() || (name.is_some() && self.account == name), "its client acts as it no longer")
    }

    /// The same as [`Standings::of`], one by one.
    fn rows(&self, actor: &Actor) -> Vec<(String, bool)> {
        let kind = actor.kind.as_str().replace('_', " ");
        let mut rows = match (actor.kind, self.catalogue.team(&actor.id), self.known(actor)) {
            (Kind::Team, Some(team), _) => vec![(format!("{kind} {}", team.name), true)],
            (_, _, Some(known)) => vec![(format!("{kind} {}", known.principal.name), is_on(known).is_ok())],
            _ => vec![(format!("{kind} {}", actor.id), false)],
        };
        rows.push(match actor.mapping {
            Some(_) => ("the mapping that led to it, unchanged".to_owned(), self.is_led(actor).is_ok()),
            None => {
                let holds = self.is_led(actor).and_then(|()| self.is_its_clients(actor));
                ("its client acts as it".to_owned(), holds.is_ok())
            }
        });
        rows
    }

    fn best_alone(&self) -> bool {
        self.issuer.is_none_or(|issuer| issuer.settings.matching == Matching::Best)
    }
}

fn is_on(known: &Known) -> Result<(), String> {
    judge(Standing { principal: Some(known.enabled), ..Standing::of_tenant(true) }).map_err(|refusal| refusal.to_string())
}
