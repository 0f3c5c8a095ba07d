//! How a domain becomes an organisation's: it publishes a text that nobody could guess at a name below the domain, and whoever
//! can do that runs the domain. Then the domain joins the tenant's others by `apply::single`, as if the deployment's operator
//! had written it down. `dns` asks, `store::domain_proofs` remembers.
//!
//! A challenge is random, and one tenant's for one domain: seeing another's helps nobody, and one that was removed is worth
//! nothing afterwards. Of several who publish theirs, the first that is seen has the domain. Each name is proven by itself: who
//! has `acme.example` has no say about `lab.acme.example` here, which may be another organisation's. A record that goes away
//! later takes no domain along, since an accident in a zone would lock people out: the page says so, and the log.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use crate::{
    app::App,
    apply::single::{self, Expect, Noun, Order, Refusal},
    guest,
    policy::own_domain,
    secret,
    store::{
        StoreError,
        audit::{self, Action, Actor, Changes, Event},
        db::Tx,
        domain_proofs::{self, Proof},
        domains,
        setup_links::{self, SetupLink},
        tenants::{self, Tenant},
    },
};

/// Most domains that one tenant may be about to prove.
pub const MOST: usize = 50;
/// Seconds between looks at a record that is not there yet: soon at first, then more seldom.
const WAITS: [(i64, i64); 3] = [(3_600, 120), (86_400, 900), (i64::MAX, 6 * 3_600)];
/// Seconds between looks at one that is.
const AGAIN: i64 = 86_400;
/// Domains that one round looks for, and how many of one tenant: one with name servers that do not answer keeps nobody waiting.
const ROUND: (i64, i64) = (64, 8);
/// And how many of them at a time.
const AT_ONCE: usize = 8;

/// What a look gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The record is there, and the domain the tenant's.
    Proven,
    /// It is not there, and why if it is known.
    Missing(Option<String>),
    /// It is there, and another tenant was first.
    Taken,
}

/// Why nothing was done.
#[derive(Debug)]
pub enum No {
    /// It cannot be this tenant's, in words.
    Unfit(String),
    /// There is none.
    Missing,
    /// What apply says.
    Refused(Refusal),
    /// The database.
    Store(StoreError),
}

impl From<StoreError> for No {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

/// A tenant's domain, as its administrators see it.
#[derive(Clone, Debug)]
pub struct Domain {
    /// The name.
    pub name: String,
    /// Whether it counts.
    pub counts: bool,
    /// Its challenge, if it has one.
    pub proof: Option<Proof>,
}

/// All of a tenant's domains by name: those that count, and those that are to be proven.
async fn all(app: &App, tenant: &Tenant) -> Result<BTreeMap<String, Domain>, StoreError> {
    let given = domains::of_tenant(&app.db, &tenant.id).await?.into_iter();
    let given = given.map(|name| (name.clone(), Domain { name, counts: true, proof: None }));
    let mut all: BTreeMap<String, Domain> = given.collect();
    for proof in domain_proofs::of_tenant(&app.db, &tenant.id).await? {
        let name = proof.domain.clone();
        let domain = all.entry(name.clone()).or_insert(Domain { name, counts: false, proof: None });
        domain.proof = Some(proof);
    }
    Ok(all)
}

/// A part of a tenant's domains, by name: those that hold what is searched for, after one, at most so many; and where the next
/// part begins, if there is one. All are read for it, as at every sign-in.
///
/// # Errors
/// What the database says.
pub async fn part(
    app: &App,
    tenant: &Tenant,
    (search, after): (&str, &str),
    limit: usize,
) -> Result<(Vec<Domain>, Option<String>), StoreError> {
    let search = search.trim().to_lowercase();
    let all = all(app, tenant).await?.into_values();
    let meant = all.filter(|domain| domain.name.as_str() > after && domain.name.contains(&search));
    let mut found: Vec<Domain> = meant.take(limit.saturating_add(1)).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.name.clone());
    Ok((found, next))
}

/// One of them.
///
/// # Errors
/// What the database says.
pub async fn one(app: &App, tenant: &Tenant, name: &str) -> Result<Option<Domain>, StoreError> {
    Ok(all(app, tenant).await?.remove(name))
}

/// Makes a challenge for a domain; the one that there is, if it was made before. A guest of a set-up `link` proves one domain:
/// another one takes the place of one that waits.
///
/// # Errors
/// Why not.
pub async fn begin(app: &App, actor: &Actor, tenant: &Tenant, text: &str, link: Option<&SetupLink>) -> Result<Proof, No> {
    let domain = own_domain::judge(text).map_err(No::Unfit)?;
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    tenants::lock(&mut tx).await?;
    if let Some(there) = domain_proofs::find(&mut tx, &tenant.id, &domain).await? {
        return Ok(there);
    }
    if let Some(link) = link {
        // It may have ended meanwhile.
        if !setup_links::find(&mut tx, &tenant.id, &link.id).await?.is_some_and(|link| link.is_open(now)) {
            return Err(No::Missing);
        }
        for before in domain_proofs::forget_of_link(&mut tx, &link.id, Some(&domain)).await? {
            note(app, &mut tx, actor, tenant, &before, Action::Delete, Changes::default().is("instead", domain.as_str()));
        }
    }
    let waiting = domain_proofs::of_tenant(&mut tx, &tenant.id).await?.into_iter().filter(|p| p.proven_at.is_none()).count();
    if waiting >= MOST {
        return Err(No::Unfit(format!("{MOST} domains wait to be proven already: prove or remove some first")));
    }
    let proof = Proof {
        tenant_id: tenant.id.clone(),
        domain,
        challenge: secret::random(),
        created_at: now,
        checked_at: None,
        proven_at: None,
        accepted_by: None,
        missing_since: None,
        failure: None,
        begun_by: Some(actor.name.clone()),
        begun_id: actor.id.clone(),
        link_id: link.map(|link| link.id.clone()),
        due_at: now + WAITS[0].1,
    };
    domain_proofs::insert(&mut tx, &proof).await?;
    note(app, &mut tx, actor, tenant, &proof.domain, Action::Create, Changes::default());
    tx.commit().await?;
    Ok(proof)
}

/// Looks for the record now; when it is there, the domain is the tenant's.
///
/// # Errors
/// Why there was no look.
pub async fn check(app: &App, actor: &Actor, tenant: &Tenant, domain: &str) -> Result<Outcome, No> {
    let proof = domain_proofs::find(&app.db, &tenant.id, domain).await?.ok_or(No::Missing)?;
    look(app, actor, tenant, proof).await
}

async fn look(app: &App, actor: &Actor, tenant: &Tenant, mut proof: Proof) -> Result<Outcome, No> {
    let texts = app.dns.texts(&own_domain::record(&proof.domain)).await;
    let now = app.clock.now();
    let wanted = own_domain::value(&proof.challenge);
    let there = texts.as_ref().is_ok_and(|texts| texts.iter().any(|text| text.trim() == wanted));
    let mut tx = app.db.begin().await?;
    tenants::lock(&mut tx).await?;
    (proof.checked_at, proof.failure) = (Some(now), texts.as_ref().err().cloned());
    if !there {
        let known = texts.is_ok();
        if known && proof.proven_at.is_some() && proof.accepted_by.is_none() && proof.missing_since.is_none() {
            proof.missing_since = Some(now);
            tracing::warn!(
                tenant = tenant.name,
                domain = proof.domain,
                "the record that proved a domain is gone; the domain stays"
            );
        }
        proof.due_at = now + wait(&proof, now);
        domain_proofs::update(&mut tx, &proof).await?;
        tx.commit().await?;
        return Ok(Outcome::Missing(match texts {
            Ok(texts) if !texts.is_empty() => Some("there is a record, and it says something else".to_owned()),
            Ok(_) => None,
            Err(why) => Some(why),
        }));
    }
    let outcome = match domains::tenant_of(&mut tx, &proof.domain).await? {
        Some(owner) if owner != tenant.id => Outcome::Taken,
        owner => {
            if owner.is_none() {
                join(app, &mut tx, actor, tenant, &proof.domain).await?;
            }
            (proof.missing_since, proof.proven_at) = (None, proof.proven_at.or(Some(now)));
            Outcome::Proven
        }
    };
    proof.due_at = now + AGAIN;
    // A challenge that was removed meanwhile proves nothing.
    if !domain_proofs::update(&mut tx, &proof).await? {
        return Err(No::Missing);
    }
    tx.commit().await?;
    Ok(outcome)
}

fn wait(proof: &Proof, now: i64) -> i64 {
    if proof.proven_at.is_some() {
        return AGAIN;
    }
    let age = now - proof.created_at;
    WAITS.iter().find(|(until, _)| age < *until).map_or(AGAIN, |(_, wait)| *wait)
}

/// Accepts a domain without a record, because whoever runs the deployment says so.
///
/// # Errors
/// Why not.
pub async fn accept(app: &App, actor: &Actor, tenant: &Tenant, domain: &str) -> Result<(), No> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    // Before the tenant is read, which is written as a whole.
    tenants::lock(&mut tx).await?;
    let mut proof = domain_proofs::find(&mut tx, &tenant.id, domain).await?.ok_or(No::Missing)?;
    join(app, &mut tx, actor, tenant, domain).await?;
    (proof.proven_at, proof.accepted_by) = (proof.proven_at.or(Some(now)), Some(actor.name.clone()));
    proof.due_at = now + AGAIN;
    if !domain_proofs::update(&mut tx, &proof).await? {
        return Err(No::Missing);
    }
    note(app, &mut tx, actor, tenant, domain, Action::Accept, Changes::default().is("without_proof", true));
    tx.commit().await?;
    Ok(())
}

/// Takes a domain from the tenant, with its challenge. One that it was given without any is only for the deployment's
/// operators to take.
///
/// # Errors
/// Why not.
pub async fn remove(app: &App, actor: &Actor, platform: bool, tenant: &Tenant, domain: &str) -> Result<(), No> {
    let mut tx = app.db.begin().await?;
    tenants::lock(&mut tx).await?;
    let proof = domain_proofs::find(&mut tx, &tenant.id, domain).await?;
    let counts = domains::of_tenant(&mut tx, &tenant.id).await?.iter().any(|d| d == domain);
    let own = proof.as_ref().is_some_and(|proof| proof.proven_at.is_some());
    match (&proof, counts) {
        (None, false) => return Err(No::Missing),
        (_, true) if !own && !platform => {
            return Err(No::Unfit("it was given by whoever runs gatehouse, who can take it back".to_owned()));
        }
        _ => {}
    }
    if counts {
        set(app, &mut tx, actor, tenant, &|domains| domains.retain(|d| d != domain)).await?;
    }
    if domain_proofs::delete(&mut tx, &tenant.id, domain).await? {
        note(app, &mut tx, actor, tenant, domain, Action::Delete, Changes::default());
    }
    tx.commit().await?;
    Ok(())
}

async fn join(app: &App, tx: &mut Tx, actor: &Actor, tenant: &Tenant, domain: &str) -> Result<(), No> {
    set(app, tx, actor, tenant, &|domains| domains.push(domain.into())).await
}

/// Changes the tenant's domains, and nothing else of it, as a file would.
async fn set(
    app: &App,
    tx: &mut Tx,
    actor: &Actor,
    tenant: &Tenant,
    change: &(dyn Fn(&mut Vec<Value>) + Sync),
) -> Result<(), No> {
    let tenant = tenants::find(&mut *tx, &tenant.id).await?.ok_or(No::Missing)?;
    let body = single::show(&mut *tx, &app.sealer, &tenant, Noun::Tenant, &tenant.name).await?;
    let mut body = body.ok_or(No::Missing)?;
    if let Some(domains) = body["domains"].as_array_mut() {
        change(domains);
    }
    // The record is what lets a tenant's own administrator do what is otherwise the deployment's.
    let order = Order { sealer: &app.sealer, ahead: None, actor, platform: true, force: false, now: app.clock.now() };
    let plan = single::put(tx, &order, &tenant, Noun::Tenant, Some(&tenant.name), &body, Expect::There).await;
    plan.map(drop).map_err(No::Refused)
}

fn note(app: &App, tx: &mut Tx, actor: &Actor, tenant: &Tenant, domain: &str, action: Action, changes: Changes) {
    let event = Event::new(tenant.id.as_str(), action, format!("domain {}/{domain}", tenant.name)).with(changes);
    audit::append(tx, &app.sealer, actor, event, app.clock.now());
}

/// Looks for what is due, each by the one node that takes it. Failures are logged and tried again.
pub async fn look_again(app: &App) {
    let now = app.clock.now();
    let due = match domain_proofs::due(&app.db, now, ROUND).await {
        Ok(due) => due,
        Err(e) => return tracing::error!(cause = %e, "domains cannot be looked for"),
    };
    // A name server that does not answer takes as long as anybody waits for it.
    stream::iter(due)
        .for_each_concurrent(AT_ONCE, |proof| async move {
            if let Err(no) = again(app, proof, now).await {
                tracing::error!(cause = ?no, "a domain cannot be looked for");
            }
        })
        .await;
}

async fn again(app: &App, proof: Proof, now: i64) -> Result<(), No> {
    if !domain_proofs::claim(&app.db, &proof, now + WAITS[0].1).await? {
        return Ok(());
    }
    let Some(tenant) = tenants::find(&app.db, &proof.tenant_id).await? else { return Ok(()) };
    if is_forsaken(app, &tenant, &proof).await? {
        return forsake(app, &tenant, &proof).await;
    }
    // Whoever took a proven domain away did so on purpose: only somebody who asks gets it back.
    let taken_away = proof.proven_at.is_some() && domains::tenant_of(&app.db, &proof.domain).await?.as_ref() != Some(&tenant.id);
    if taken_away || !tenant.enabled {
        domain_proofs::update(&app.db, &Proof { due_at: now + AGAIN, ..proof }).await?;
        return Ok(());
    }
    let actor = beginner(&proof);
    look(app, &actor, &tenant, proof).await.map(drop)
}

/// In whose name gatehouse looks by itself: what comes of it is the doing of whoever began.
fn beginner(proof: &Proof) -> Actor {
    match &proof.begun_by {
        Some(name) => Actor::earlier(name, proof.begun_id.as_deref()),
        None => Actor::itself(),
    }
}

/// Whether it was begun by a link that opens nothing any more, and nobody has proven it.
async fn is_forsaken(app: &App, tenant: &Tenant, proof: &Proof) -> Result<bool, No> {
    let Some(id) = proof.link_id.as_ref().filter(|_| proof.proven_at.is_none()) else { return Ok(false) };
    let Some(link) = setup_links::find(&app.db, &tenant.id, id).await? else { return Ok(true) };
    let may = guest::may(app, &link).await?;
    Ok(!may)
}

async fn forsake(app: &App, tenant: &Tenant, proof: &Proof) -> Result<(), No> {
    let mut tx = app.db.begin().await?;
    if domain_proofs::delete(&mut tx, &tenant.id, &proof.domain).await? {
        let why = Changes::default().is("cause", "the end of its set-up link");
        note(app, &mut tx, &Actor::itself(), tenant, &proof.domain, Action::Delete, why);
    }
    tx.commit().await?;
    Ok(())
}

/// How far a domain has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its record has not been seen.
    Waiting,
    /// It has been, and still is as far as is known.
    Proven,
    /// It has been, and is gone.
    Gone,
    /// Accepted without a record.
    Accepted,
    /// Written down by whoever runs the deployment.
    Given,
    /// It was the tenant's, and was taken away.
    Lost,
}

impl State {
    /// As the API says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Proven => "proven",
            Self::Gone => "gone",
            Self::Accepted => "accepted",
            Self::Given => "given",
            Self::Lost => "lost",
        }
    }
}

impl Domain {
    /// How far it has come.
    #[must_use]
    pub fn state(&self) -> State {
        match &self.proof {
            None => State::Given,
            Some(proof) if self.counts && proof.missing_since.is_some() => State::Gone,
            Some(proof) if self.counts && proof.accepted_by.is_some() => State::Accepted,
            Some(_) if self.counts => State::Proven,
            Some(proof) if proof.proven_at.is_some() => State::Lost,
            Some(_) => State::Waiting,
        }
    }
}
