//! What nodes keep in memory of tenants, issuers, principals and sites: after any change, reading only what has changed
//! comes to the same as reading everything, and whoever changes something all the time keeps nobody from deciding.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use gatehouse::{
    app::App,
    policy::{
        claim_rules::{ClaimRule, MatchType},
        principal::Kind,
        trusted_issuer::IssuerSettings,
    },
    store::{
        mappings::{self, Mapping, Source, Target},
        principals::{self, Principal},
        revisions, sweep, teams, tenants, trusted_issuers,
    },
};

use crate::{
    on_both,
    world::{Backend, START, World},
};

on_both!(
    reading_what_has_changed_is_reading_everything,
    an_older_program_is_read_whole,
    a_tenant_that_changes_all_the_time_stops_nobody,
    nobody_waits_for_what_another_tenant_has_changed,
    gone_tenants_are_forgotten,
);

const STATE: &str = "
tenants:
- name: acme
- name: beta
- name: gamma
";

async fn seeded(backend: Backend) -> World {
    World::with(backend, STATE, &[]).await
}

async fn id(app: &App, name: &str) -> String {
    tenants::find_by_name(&app.db, name).await.unwrap().unwrap().id
}

/// All that a node knows, in one text for each thing.
async fn known(app: &App) -> BTreeMap<String, String> {
    let catalogue = app.trust.catalogue(app.clock.now()).await.unwrap();
    let mut known = BTreeMap::new();
    for issuer in catalogue.issuers() {
        let settings = serde_json::to_string(&issuer.settings).unwrap();
        let by_name = catalogue.issuer_by_name(&issuer.tenant_id, &issuer.name).map(|i| i.id.clone());
        let whom = ["x", "y", "z"].map(|azp| {
            let claims = [("azp".to_owned(), azp.into())].into_iter().collect();
            format!("{:?}", issuer.mapper.matches(&claims))
        });
        let text = format!("{} {:?} {:?} {settings} {whom:?} {by_name:?}", issuer.name, issuer.off, issuer.problem);
        known.insert(format!("issuer {}", issuer.id), text);
    }
    for principal in principals::all(&app.db, None).await.unwrap() {
        known.insert(format!("principal {}", principal.id), format!("{:?}", catalogue.principal(&principal.id)));
    }
    for mapping in mappings::all(&app.db, None).await.unwrap().into_iter().flatten() {
        known.insert(format!("lead {}", mapping.id), format!("{:?}", catalogue.lead(&mapping.id)));
        if let Target::Team(team) = &mapping.target {
            known.insert(format!("team {team}"), format!("{:?}", catalogue.team(team)));
        }
    }
    for name in ["acme", "beta", "gamma"] {
        known.insert(format!("tenant {name}"), format!("{:?}", catalogue.tenant_by_name(name)));
    }
    known
}

fn issuer(id: &str, tenant_id: &str, enabled: bool, audience: &str) -> trusted_issuers::TrustedIssuer {
    let settings = IssuerSettings {
        issuer: Some(format!("https://{id}.example")),
        audience: vec![audience.to_owned()],
        ..IssuerSettings::default()
    };
    let (id, tenant_id, name) = (id.to_owned(), tenant_id.to_owned(), id.to_owned());
    trusted_issuers::TrustedIssuer { id, tenant_id, name, enabled, settings, secrets_sealed: None, created_at: START }
}

/// A virtual account.
pub async fn principal(app: &App, id: &str, tenant_id: &str, enabled: bool) {
    let (id, tenant_id, name) = (id.to_owned(), tenant_id.to_owned(), id.to_owned());
    let row = Principal { id, tenant_id, kind: Kind::VirtualAccount, name, enabled, created_at: START };
    principals::save(&app.db, &row).await.unwrap();
}

async fn mapping(app: &App, id: &str, tenant_id: &str, issuer: &str, target: Target, value: &str) {
    let rule = ClaimRule { claim: "azp".to_owned(), match_type: MatchType::Exact, values: vec![value.into()] };
    let (id, tenant_id, source) = (id.to_owned(), tenant_id.to_owned(), Source::Issuer(issuer.to_owned()));
    let row = Mapping { id, tenant_id, source, target, claims: vec![rule], version: 1, created_at: START };
    mappings::save(&app.db, &row).await.unwrap();
}

async fn reading_what_has_changed_is_reading_everything(backend: Backend) {
    let world = seeded(backend).await;
    let app = &world.app;
    let (acme, beta) = (id(app, "acme").await, id(app, "beta").await);
    let mut before = known(app).await;
    let target = |id: &str| Target::Principal(id.to_owned());
    for step in 0..15 {
        match step {
            0 => trusted_issuers::save(&app.db, &issuer("ci", &acme, true, "a")).await.unwrap(),
            1 => principal(app, "robot", &acme, true).await,
            2 => mapping(app, "m1", &acme, "ci", target("robot"), "x").await,
            3 => trusted_issuers::save(&app.db, &issuer("other", &beta, true, "a")).await.unwrap(),
            4 => principal(app, "agent", &beta, true).await,
            5 => mapping(app, "m2", &beta, "other", target("agent"), "x").await,
            6 => mapping(app, "m2", &beta, "other", target("agent"), "y").await,
            7 => principal(app, "robot", &acme, false).await,
            8 => trusted_issuers::save(&app.db, &issuer("ci", &acme, false, "b")).await.unwrap(),
            9 => {
                let team = teams::Team {
                    id: "t".into(),
                    tenant_id: beta.clone(),
                    name: "sre".into(),
                    created_at: START,
                    group_id: None,
                };
                teams::save(&app.db, &team).await.unwrap();
                mapping(app, "m3", &beta, "other", Target::Team("t".to_owned()), "z").await;
            }
            10 => assert!(teams::delete(&app.db, "t").await.unwrap()),
            11 => {
                let mut tenant = tenants::find(&app.db, &beta).await.unwrap().unwrap();
                tenant.enabled = false;
                tenants::save(&app.db, &tenant).await.unwrap();
            }
            12 => assert!(principals::delete(&app.db, "agent").await.unwrap()),
            13 => assert!(trusted_issuers::delete(&app.db, "other").await.unwrap()),
            _ => assert!(tenants::delete(&app.db, &acme).await.unwrap()),
        }
        let (part, whole) = (known(app).await, known(&world.second_node().await.app).await);
        assert_eq!(part, whole, "step {step}");
        assert_ne!(part, before, "step {step} shows");
        before = part;
    }
}

async fn an_older_program_is_read_whole(backend: Backend) {
    let world = seeded(backend).await;
    let app = &world.app;
    let acme = id(app, "acme").await;
    trusted_issuers::save(&app.db, &issuer("ci", &acme, true, "a")).await.unwrap();
    let before = known(app).await;
    // As it wrote: the change, and a number that grows for all.
    world.sql("UPDATE trusted_issuers SET enabled = FALSE").await;
    world.sql("UPDATE revisions SET value = value + 1 WHERE name = 'catalogue'").await;
    world.clock.advance(1);
    let after = known(app).await;
    assert_ne!(after, before);
    assert_eq!(after, known(&world.second_node().await.app).await);
}

async fn a_tenant_that_changes_all_the_time_stops_nobody(backend: Backend) {
    let world = seeded(backend).await;
    let app = Arc::new(world.app.clone());
    let acme = id(&app, "acme").await;
    let done = Arc::new(AtomicBool::new(false));
    let changing = tokio::spawn({
        let (app, done) = (Arc::clone(&app), Arc::clone(&done));
        async move {
            let mut changes = 0;
            while !done.load(Ordering::Relaxed) {
                principal(&app, "robot", &acme, changes % 2 == 0).await;
                changes += 1;
            }
            changes
        }
    });
    for _ in 0..50 {
        app.trust.look().await.unwrap();
        app.trust.catalogue(app.clock.now()).await.unwrap();
    }
    done.store(true, Ordering::Relaxed);
    assert!(changing.await.unwrap() > 0);
    assert_eq!(known(&app).await, known(&world.second_node().await.app).await);
}

async fn gone_tenants_are_forgotten(backend: Backend) {
    let world = seeded(backend).await;
    let app = &world.app;
    let gamma = id(app, "gamma").await;
    assert!(tenants::delete(&app.db, &gamma).await.unwrap());
    assert_eq!(revisions::changed_since(&app.db, 0).await.unwrap().len(), 3, "until then others hear of it");
    sweep::sweep(&app.db, &app.sealer, 86_400, START).await.unwrap();
    let left = revisions::changed_since(&app.db, 0).await.unwrap();
    assert!(left.len() == 2 && !left.contains(&gamma), "{left:?}");
}

/// What one tenant has may be much to read, and it may change all the time.
async fn nobody_waits_for_what_another_tenant_has_changed(backend: Backend) {
    let world = seeded(backend).await;
    let (app, now) = (&world.app, world.clock.now());
    let (acme, beta, gamma) = (id(app, "acme").await, id(app, "beta").await, id(app, "gamma").await);
    let before = app.trust.catalogue(now).await.unwrap();
    for step in 0..3 {
        trusted_issuers::save(&app.db, &issuer(&format!("ci-{step}"), &acme, true, "a")).await.unwrap();
        let theirs = app.trust.catalogue_of(now, &beta).await.unwrap();
        assert!(Arc::ptr_eq(&theirs, &before), "nothing was read for it");
    }
    trusted_issuers::save(&app.db, &issuer("other", &gamma, true, "a")).await.unwrap();
    // A look of the background's kind does not make anybody's less current, and whoever made a change sees it.
    let own = app.trust.catalogue_of(now, &acme).await.unwrap();
    assert!(own.issuer("ci-2").is_some() && own.issuer("other").is_some() && before.issuer("ci-2").is_none());
    assert!(Arc::ptr_eq(&own, &app.trust.catalogue_of(now, &beta).await.unwrap()), "what was read is for all");
    // One's own changes among those of others.
    trusted_issuers::save(&app.db, &issuer("ci-3", &acme, true, "a")).await.unwrap();
    trusted_issuers::save(&app.db, &issuer("late", &beta, true, "a")).await.unwrap();
    assert!(app.trust.catalogue_of(now, &beta).await.unwrap().issuer("late").is_some());
    assert!(app.trust.catalogue(now).await.unwrap().issuer("ci-3").is_some());
    // What did not say whose it is may be anybody's.
    world.sql("UPDATE trusted_issuers SET enabled = FALSE WHERE name = 'late'").await;
    world.sql("UPDATE revisions SET value = value + 1 WHERE name = 'catalogue'").await;
    world.clock.advance(1);
    let after = app.trust.catalogue_of(world.clock.now(), &beta).await.unwrap();
    assert!(after.issuer("late").is_some_and(|issuer| issuer.off.is_some()));
}

/// Where a read can be made to wait for a lock, which SQLite does not know.
mod where_reads_wait {
    use super::*;

    #[tokio::test]
    async fn others_are_answered_while_it_is_read() {
        if crate::world::postgres().is_none() {
            return;
        }
        let world = seeded(Backend::Postgres).await;
        let (app, now) = (&world.app, world.clock.now());
        let (acme, beta) = (id(app, "acme").await, id(app, "beta").await);
        app.trust.catalogue(now).await.unwrap();
        principal(app, "robot", &acme, true).await;
        let mut lock = app.db.begin().await.unwrap();
        lock.execute("LOCK TABLE principals IN ACCESS EXCLUSIVE MODE", &[]).await.unwrap();
        let mut own = Box::pin(app.trust.catalogue_of(now, &acme));
        for _ in 0..3 {
            // It has begun, and waits.
            tokio::select! {
                biased;
                read = &mut own => panic!("read, {}", read.is_ok()),
                theirs = app.trust.catalogue_of(now, &beta) => assert!(theirs.unwrap().principal("robot").is_none()),
            }
            // Anybody's change, of whatever kind, does not make others wait for acme's.
            app.db.changed();
        }
        drop(lock);
        assert!(own.await.unwrap().principal("robot").is_some());
    }
}
