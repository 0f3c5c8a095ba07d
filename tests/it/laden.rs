//! Claim rules that are much to compile: every node compiles those of all tenants, and all tenants wait for that.

use gatehouse::{
    policy::{
        claim_rules::{ClaimRule, MatchType, shorthand},
        principal::Kind,
    },
    secret,
    store::{
        mappings::{self, Mapping, Source, Target},
        principals::{self, Principal},
    },
};
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    on_both,
    trusted::{Trusted, foreign_token, named},
    world::{Backend, STATE},
};

on_both!(
    what_is_too_much_is_refused_at_writing,
    what_one_tenant_has_harms_nobody_else,
    a_token_that_takes_too_much_is_refused,
    what_has_not_changed_is_not_compiled_again
);

const TOKEN: &str = "writes-0123456789abcdef0123456789abcdef";
const THEIRS: &str = "https://other.example";

/// Two tenants that trust the provider; `other` has a token of the admin API.
async fn world(backend: Backend) -> Trusted {
    let state = format!("{STATE}  service_tokens:\n  - {{name: ci, token: \"{TOKEN}\", scopes: [admin]}}\n");
    let world = Trusted::with(backend, &state).await;
    world.trust("other", "theirs", |s| s.audience = vec![THEIRS.to_owned()]).await;
    world
}

fn expressions(name: &str, n: usize, text: &str) -> Vec<ClaimRule> {
    let values = (0..n).map(|i| json!(format!("{name}{text}{i}"))).collect();
    vec![ClaimRule { claim: "sub".to_owned(), values, match_type: MatchType::Regex }]
}

/// An identity of the tenant, as an older release might have taken it: its row id.
async fn kept(world: &Trusted, tenant: &str, issuer: &str, name: &str, claims: Vec<ClaimRule>) -> String {
    let (id, tenant_id, created_at) = (secret::random_id(), world.tenant_id(tenant).await, world.clock.now());
    let (kind, name) = (Kind::ExternalIdentity, name.to_owned());
    let principal = Principal { id: id.clone(), tenant_id: tenant_id.clone(), kind, name, enabled: true, created_at };
    principals::save(&world.app.db, &principal).await.unwrap();
    let source = Source::Issuer(world.issuer(tenant, issuer).await.id);
    let mapping = secret::random_id();
    let row = Mapping { id: mapping.clone(), tenant_id, source, target: Target::Principal(id), claims, version: 1, created_at };
    mappings::save(&world.app.db, &row).await.unwrap();
    mapping
}

async fn put(world: &Trusted, name: &str, claims: Value) -> Answer {
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let url = format!("{}/api/v1/tenants/other/external_identities/{name}", world.url);
    let body = json!({"issuer": "theirs", "claims": claims}).to_string();
    Browser::new().send(reqwest::Method::PUT, &url, &headers, Some(body)).await
}

async fn what_is_too_much_is_refused_at_writing(backend: Backend) {
    let world = world(backend).await;
    let many = |n: usize, text: &str| {
        let values: Vec<String> = (0..n).map(|i| format!("{text}{i}")).collect();
        json!({"sub": {"values": values, "match_type": "regex"}})
    };
    for (claims, why) in [
        (many(1000, r"\w{4}N"), "1000 expressions where at most 100"),
        (many(40, r"\w{4}N"), "more than 1024 KiB"),
        (json!({"sub": (0..1001).collect::<Vec<_>>()}), "1001 values where at most 1000"),
    ] {
        let answer = put(&world, "probe", claims).await;
        assert!(answer.status == 422 && answer.body.contains(why), "{why}: {} {}", answer.status, answer.body);
    }
    assert_eq!(put(&world, "probe", many(100, "x")).await.status, 201, "the honest twin");
    // Nor by many small ones.
    for n in 0..9 {
        kept(&world, "other", "theirs", &format!("kept-{n}"), expressions("k", 100, "x")).await;
    }
    let answer = put(&world, "more", many(1, "x")).await;
    assert!(answer.status == 422 && answer.body.contains("1001 expressions where at most 1000"), "{}", answer.body);
    assert_eq!(
        put(&world, "more", json!({"sub": "caller-*"})).await.status,
        201,
        "what is no expression is as many as they like"
    );
    // Nor what every token is compared with.
    let edgeless = |n: usize| json!({"sub": (0..n).map(|i| format!("*b*{i}c*")).collect::<Vec<_>>()});
    let answer = put(&world, "edgeless", edgeless(501)).await;
    assert!(answer.status == 422 && answer.body.contains("501 patterns that neither begin nor end"), "{}", answer.body);
    for n in 0..10 {
        let rules = shorthand("sub", &edgeless(500)["sub"]).unwrap();
        kept(&world, "other", "theirs", &format!("patterns-{n}"), vec![rules]).await;
    }
    let answer = put(&world, "edgeless", edgeless(1)).await;
    assert!(answer.status == 422 && answer.body.contains("5001 patterns that neither begin nor end"), "{}", answer.body);
    assert_eq!(put(&world, "edged", json!({"sub": "caller-2*"})).await.status, 201, "the honest twin");
}

/// Rules that are within what a tenant may have, and a token that takes too much to compare with them: it is refused, whatever
/// else it matches, and others are judged.
async fn a_token_that_takes_too_much_is_refused(backend: Backend) {
    let world = world(backend).await;
    world.identity("caller", json!({"sub": "caller-1"})).await;
    for n in 0..10 {
        let patterns: Vec<String> = (0..500).map(|i| format!("*b*{n}c{i}*")).collect();
        kept(&world, "acme", "idp", &format!("kept-{n}"), vec![shorthand("x", &json!(patterns)).unwrap()]).await;
    }
    let at = async |x: &str| named(&world.get("/api/v1/whoami?tenant=acme", &world.token(json!({"x": x}))).await);
    assert_eq!(at(&"ab".repeat(1000)).await, "401 Token is not active");
    assert_eq!(at("short").await, "caller", "the honest twin");
}

async fn what_one_tenant_has_harms_nobody_else(backend: Backend) {
    let world = world(backend).await;
    kept(&world, "other", "theirs", "honest", Vec::new()).await;
    for n in 0..10 {
        kept(&world, "acme", "idp", &format!("kept-{n}"), expressions("k", 100, "x")).await;
    }
    world.identity("caller", json!({"sub": "caller-1"})).await;
    let theirs = foreign_token(&world.idp, world.clock.now(), json!({"aud": THEIRS}));
    let at = async |tenant: &str, token: &str| named(&world.get(&format!("/api/v1/whoami?tenant={tenant}"), token).await);
    assert_eq!(at("acme", &world.token(json!({}))).await, "caller", "as many as a tenant may have");
    // One more, and much more than a rule may hold: nobody compiles it, and nobody acts by what is left.
    let beyond = kept(&world, "acme", "idp", "beyond", expressions("b", 1, "x")).await;
    assert_ne!(at("acme", &world.token(json!({}))).await, "caller");
    let problem = |issuer: &str| {
        let (app, issuer) = (&world.app, issuer.to_owned());
        async move {
            let catalogue = app.trust.catalogue(app.clock.now()).await.unwrap();
            catalogue.issuer(&issuer).unwrap().problem.clone().unwrap_or_default()
        }
    };
    let ours = world.issuer("acme", "idp").await.id;
    assert!(problem(&ours).await.contains("too much to compile"), "{}", problem(&ours).await);
    assert_eq!(at("other", &theirs).await, "honest", "the honest twin: the other tenant goes on");
    let huge = kept(&world, "acme", "idp", "huge", expressions("h", 1000, r"\w{4}N")).await;
    assert_eq!(at("other", &theirs).await, "honest");
    let catalogue = world.app.trust.catalogue(world.clock.now()).await.unwrap();
    let compiled: Vec<&str> = catalogue.issuer(&ours).unwrap().mapper.rules().map(|(mapping, _)| mapping).collect();
    // Which it is that goes beyond is a matter of their order; ten lists and the two without expressions are within.
    assert!(compiled.len() < 12 && !compiled.contains(&huge.as_str()), "{compiled:?}");
    for row in [&beyond, &huge] {
        let sql = "DELETE FROM mappings WHERE id = $1 RETURNING tenant_id";
        gatehouse::store::On::from(&world.app.db).publish(sql, gatehouse::params![row]).await.unwrap();
    }
    assert_eq!(at("acme", &world.token(json!({}))).await, "caller");
}

/// Each change of a tenant is read by every node before anybody is judged again.
async fn what_has_not_changed_is_not_compiled_again(backend: Backend) {
    let world = world(backend).await;
    let stays = kept(&world, "acme", "idp", "stays", expressions("s", 3, ".*")).await;
    let changes = kept(&world, "acme", "idp", "changes", expressions("c", 3, ".*")).await;
    let elsewhere = kept(&world, "other", "theirs", "elsewhere", expressions("e", 3, ".*")).await;
    let (ours, theirs) = (world.issuer("acme", "idp").await.id, world.issuer("other", "theirs").await.id);
    let rules = async |issuer: &str, mapping: &str| {
        let catalogue = world.app.trust.catalogue(world.clock.now()).await.unwrap();
        let mapper = &catalogue.issuer(issuer).unwrap().mapper;
        mapper.rules().find(|(id, _)| *id == mapping).unwrap().1.clone()
    };
    let before = [rules(&ours, &stays).await, rules(&ours, &changes).await, rules(&theirs, &elsewhere).await];
    let row = mappings::of_tenant(&world.app.db, &world.tenant_id("acme").await).await.unwrap();
    let row = row.into_iter().find(|row| row.id == changes).unwrap();
    mappings::save(&world.app.db, &Mapping { claims: expressions("n", 3, ".*"), ..row }).await.unwrap();
    let after = [rules(&ours, &stays).await, rules(&ours, &changes).await, rules(&theirs, &elsewhere).await];
    let shared: Vec<bool> = before.iter().zip(&after).map(|(before, after)| before.are_shared_with(after)).collect();
    assert_eq!(shared, [true, false, true]);
    assert!(after[1].hold(json!({"sub": "nabc0"}).as_object().unwrap()), "what has changed counts");
}
