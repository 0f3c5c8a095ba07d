//! Changes by the admin API: nobody waits for another tenant's, whatever they cost, and none tells what a password was.

use std::time::Duration;

use gatehouse::store::tenants;
use serde_json::{Value, json};
use tokio::task::yield_now;

use crate::{
    browser::{Answer, Browser},
    on_both,
    world::{Backend, World},
};

on_both!(
    a_password_is_hashed_while_nobody_waits,
    a_tenant_changes_one_thing_at_a_time,
    a_refused_change_costs_the_same_whatever_the_password,
    what_is_too_much_is_not_read,
    another_secret_is_another_version,
);

const STATE: &str = r#"
tenants:
- name: acme
  users:
  - {email: ada@acme.example, password: "correct horse", admin: true, active: true}
  - {email: bob@acme.example, password: "correct horse", active: true}
  service_tokens:
  - {name: ci, token: "ci-0123456789abcdef0123456789abcdef", scopes: [admin]}
  - {name: people, token: "pe-0123456789abcdef0123456789abcdef", scopes: ["users:write"]}
- name: other
  clients:
  - {client_id: other-web, secret: other-secret, redirect_uris: ["https://other.example/cb"], trusted: true}
  users:
  - {email: ada@other.example, password: "battery staple", active: true}
  service_tokens:
  - {name: ci, token: "ot-0123456789abcdef0123456789abcdef", scopes: [admin]}
"#;
const CI: &str = "ci-0123456789abcdef0123456789abcdef";
const PEOPLE: &str = "pe-0123456789abcdef0123456789abcdef";
const OTHERS: &str = "ot-0123456789abcdef0123456789abcdef";

async fn put(world: &World, token: &str, path: &str, body: Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let url = format!("{}/api/v1/tenants/{path}", world.url);
    Browser::new().send("PUT".parse().unwrap(), &url, &headers, Some(body.to_string())).await
}

/// Another tenant's people come in, and its programs change something.
async fn others_go_on(world: &World) {
    let mut browser = Browser::new();
    let answer = browser.get(&world.authorize_url("other-web", &[])).await;
    let page = browser.follow(answer).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let named = put(world, OTHERS, "other/users/ada@other.example", json!({"name": "Ada"})).await;
    assert_eq!(named.status, 200, "{}", named.body);
}

async fn a_password_is_hashed_while_nobody_waits(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let gate = world.app.passwords.shut().await.unwrap();
    let mut change = Box::pin(put(&world, CI, "acme/users/bob@acme.example", json!({"password": "a new one of his"})));
    let waits = async {
        while world.app.passwords.waiting() == 0 {
            yield_now().await;
        }
    };
    tokio::select! {
        biased;
        answer = &mut change => panic!("it was hashed elsewhere: {}", answer.status),
        () = waits => {}
    }
    // It waits where sign-ins do, and holds nothing that others need.
    others_go_on(&world).await;
    let mut tx = world.app.db.begin().await.unwrap();
    tenants::lock(&mut tx).await.unwrap();
    drop(tx);
    let done = world.app.passwords.done();
    drop(gate);
    let changed = change.await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(world.app.passwords.done(), done + 1, "once, and nowhere else");
}

async fn a_tenant_changes_one_thing_at_a_time(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let acme = tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap();
    let turn = world.app.limits.writes.take(&acme.id, Duration::ZERO).await.expect("nobody is at it");
    let mut changes = Box::pin(async {
        let path = "acme/users/bob@acme.example";
        tokio::join!(put(&world, CI, path, json!({"name": "Bob"})), put(&world, PEOPLE, path, json!({"name": "Bob"})))
    });
    tokio::select! {
        biased;
        (one, two) = &mut changes => panic!("{} {}", one.status, two.status),
        () = others_go_on(&world) => {}
    }
    drop(turn);
    let (one, two) = changes.await;
    assert_eq!((one.status, two.status), (200, 200), "each in its turn");
}

async fn a_refused_change_costs_the_same_whatever_the_password(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    for (token, who, with, status) in [
        // Whoever may not make administrators, and the last of them.
        (PEOPLE, "bob@acme.example", json!({"admin": true}), 403),
        (CI, "ada@acme.example", json!({"admin": false}), 409),
        // And where nothing is refused.
        (PEOPLE, "bob@acme.example", json!({"admin": false}), 200),
    ] {
        let mut costs = Vec::new();
        for guess in ["correct horse", "battery staple", "correct horse"] {
            let before = world.app.passwords.done();
            let mut body = with.clone();
            body["password"] = guess.into();
            let answer = put(&world, token, &format!("acme/users/{who}"), body).await;
            assert_eq!(answer.status, status, "{who} {guess}: {}", answer.body);
            costs.push((world.app.passwords.done() - before, answer.body.len()));
        }
        assert!(costs.iter().all(|cost| *cost == costs[0] && cost.0 == 1), "{who}: {costs:?}");
    }
    // What is refused before costs nothing.
    let before = world.app.passwords.done();
    let body = json!({"password": "correct horse", "colour": "red"});
    assert_eq!(put(&world, CI, "acme/users/bob@acme.example", body).await.status, 422);
    let body = json!({"password": "correct horse"});
    assert_eq!(put(&world, PEOPLE, "acme/users/ada@acme.example", body).await.status, 403);
    assert_eq!(world.app.passwords.done(), before);
}

async fn what_is_too_much_is_not_read(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let faults = async |path: &str, body: Value| {
        let answer = put(&world, CI, path, body).await;
        assert_eq!(answer.status, 422, "{}", answer.body);
        answer.json()["faults"].as_array().unwrap().clone()
    };
    // Each of them would be refused for its own sake.
    let rules = |n: usize| json!({"name": "okta", "group_rules": vec![json!({"group": "{"}); n]});
    let found = faults("acme/directories/okta", rules(201)).await;
    assert_eq!((found.len(), found[0]["path"].as_str()), (1, Some("group_rules[0]")), "{found:?}");
    assert_eq!(faults("acme/directories/okta", rules(200)).await.len(), 200, "the honest twin");
    let strange: serde_json::Map<String, Value> = (0..10_000).map(|n| (format!("k{n}"), json!(1))).collect();
    assert_eq!(faults("acme/teams/sre", strange.into()).await.len(), 100, "of keys that mean nothing, some are named");
}

/// Of two who have seen the same, the second is told, also where only a secret became another.
async fn another_secret_is_another_version(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    for (path, body, secret) in [
        (
            "other/clients/other-web",
            json!({"redirect_uris": ["https://other.example/cb"]}),
            json!({"secret": "another-secret-0123456789abcdef0123456789"}),
        ),
        ("other/users/ada@other.example", json!({}), json!({"password": "another one of hers"})),
        ("other/directories/okta", json!({}), json!({"token": "0123456789abcdef0123456789abcdef"})),
        ("other/service_tokens/job", json!({"scopes": ["users:read"]}), json!({"token": "fedcba9876543210fedcba9876543210"})),
    ] {
        let tag = |answer: &Answer| answer.header("etag").unwrap().to_owned();
        let first = tag(&put(&world, OTHERS, path, body.clone()).await);
        assert_eq!(tag(&put(&world, OTHERS, path, body.clone()).await), first, "{path}: the honest twin");
        let mut with = body.clone();
        with.as_object_mut().unwrap().extend(secret.as_object().unwrap().clone());
        let changed = put(&world, OTHERS, path, with).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        assert_ne!(tag(&changed), first, "{path}");
        let bearer = format!("Bearer {OTHERS}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json"), ("if-match", first.as_str())];
        let url = format!("{}/api/v1/tenants/{path}", world.url);
        let late = Browser::new().send("PUT".parse().unwrap(), &url, &headers, Some(body.to_string())).await;
        assert_eq!(late.status, 412, "{path}: {}", late.body);
        let shown = Browser::new().get_with(&url, &headers[..1]).await;
        assert_eq!(tag(&shown), tag(&changed), "{path}");
    }
}
