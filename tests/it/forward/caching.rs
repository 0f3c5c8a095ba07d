//! Decisions that are kept: they cost nothing, they are this site's and this credential's, and they fall with what they
//! stand on.

use gatehouse::{
    oauth::client::SigningAlg,
    policy::role::Role,
    store::{self, resources::Holder},
};
use reqwest::Method;
use serde_json::json;

use super::{API, Dialect, Guarded, PROXIES, foreign};
use crate::{
    browser::Browser,
    on_both,
    world::{Backend, World, decode},
};

on_both!(
    a_kept_decision_asks_nobody,
    one_token_at_two_sites_is_two_decisions,
    one_token_by_two_schemes_is_two_decisions,
    what_is_taken_away_is_gone_at_once,
    another_node_hears_of_it_in_time,
    further_tokens_of_a_family_ask_nobody,
    what_a_family_has_lost_is_lost_to_all_its_tokens,
    another_node_hears_of_a_family_in_time,
    a_decision_does_not_outlive_its_token
);

async fn status(world: &Guarded, host: &str, token: &str) -> u16 {
    let value = format!("Bearer {token}");
    world.ask(Dialect::Request, host, "/", &[API, ("authorization", &value)]).await.status
}

async fn a_kept_decision_asks_nobody(backend: Backend) {
    let world = Guarded::new(backend).await;
    let (own, okta) = (world.own().await, foreign(json!({})));
    for token in [&own, &okta] {
        assert_eq!(status(&world, "app.example", token).await, 200);
    }
    // Nothing can be read any more, and no key is at hand.
    world.app.db.close().await;
    world.app.ring.replace(Vec::new());
    for _ in 0..3 {
        for token in [&own, &okta] {
            assert_eq!(status(&world, "app.example", token).await, 200);
        }
    }
    // The twin: what has not been decided cannot be, and an old answer is never given.
    assert_ne!(status(&world, "app.example", &world_less(&own)).await, 200);
    world.clock.advance(6);
    for token in [&own, &okta] {
        assert_eq!(status(&world, "app.example", token).await, 503);
    }
}

/// The same token, said otherwise.
fn world_less(token: &str) -> String {
    token[..token.len() - 2].to_owned()
}

/// What is told by `http` is for that address alone, and nobody who reads it on the way has anything for `https`.
async fn one_token_by_two_schemes_is_two_decisions(backend: Backend) {
    let world = Guarded::new(backend).await;
    let site = json!({"hosts": ["jwt.example"], "issuers": ["okta"], "identity": {"method": "jwt_header"}});
    world.site("jwt", site).await;
    let value = format!("Bearer {}", foreign(json!({})));
    let told = async |scheme: &str| {
        let url = format!("{scheme}://jwt.example/");
        let headers = [("x-original-url", url.as_str()), ("x-original-method", "GET"), API, ("authorization", value.as_str())];
        let answer = Browser::new().send(Method::GET, &format!("{}/auth/request", world.url), &headers, None).await;
        decode(answer.header("x-user-jwt").unwrap()).1
    };
    for scheme in ["http", "https", "http", "https"] {
        assert_eq!(told(scheme).await["aud"], json!(format!("{scheme}://jwt.example")));
    }
    // The twin: each is kept.
    assert_eq!(told("https").await["jti"], told("https").await["jti"]);
}

async fn one_token_at_two_sites_is_two_decisions(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.site("ours", json!({"hosts": ["ours.example"]})).await;
    world.site("secret", json!({"hosts": ["secret.example"], "issuers": ["okta"], "claims": [{"claim": "sub", "values": ["chief"], "match_type": "exact"}]})).await;
    let token = foreign(json!({}));
    for _ in 0..2 {
        assert_eq!(status(&world, "app.example", &token).await, 200);
        assert_eq!(status(&world, "secret.example", &token).await, 403);
        assert_eq!(status(&world, "ours.example", &token).await, 401);
    }
    // The same text in another place is another credential.
    let value = format!("accessToken={token}");
    let answer = world.ask(Dialect::Request, "app.example", "/", &[API, ("cookie", &value)]).await;
    assert_eq!(answer.status, 401);
}

async fn with_role(world: &Guarded) -> (String, Holder) {
    let resource = world.resource().await;
    let settings = json!({"hosts": ["model.example"], "resource": {"type": "model", "name": "gpt"}, "role": "viewer"});
    world.site("model", settings).await;
    let holder = Holder::User(world.user("ada@acme.example").await);
    world.give(&resource, holder.clone(), Role::Viewer).await;
    (resource, holder)
}

async fn what_is_taken_away_is_gone_at_once(backend: Backend) {
    let world = Guarded::new(backend).await;
    let (resource, holder) = with_role(&world).await;
    let own = world.own().await;
    assert_eq!(status(&world, "model.example", &own).await, 200);
    assert!(store::resources::take(&world.app.db, &resource, holder.id()).await.unwrap());
    assert_eq!(status(&world, "model.example", &own).await, 403);
    world.give(&resource, holder, Role::Viewer).await;
    assert_eq!(status(&world, "model.example", &own).await, 200, "and back at once");
    // Settings of the site.
    assert_eq!(status(&world, "app.example", &own).await, 200);
    world.site("app", json!({"hosts": ["app.example"], "issuers": ["okta"]})).await;
    assert_eq!(status(&world, "app.example", &own).await, 401);
    world.site_of(&world.tenant, "app", json!({"hosts": ["app.example"]}), false).await;
    assert_eq!(status(&world, "app.example", &own).await, 403);
    world.site("app", json!({"hosts": ["app.example"]})).await;
    assert_eq!(status(&world, "app.example", &own).await, 200);
    // The issuer, and whom its tokens act as.
    world.site("app", json!({"hosts": ["app.example"], "issuers": ["gatehouse", "okta"]})).await;
    world.external_identity("ci", "repo:acme").await;
    let okta = foreign(json!({"sub": "repo:acme"}));
    for (off, on) in [
        ("UPDATE principals SET enabled = FALSE", "UPDATE principals SET enabled = TRUE"),
        ("UPDATE trusted_issuers SET enabled = FALSE", "UPDATE trusted_issuers SET enabled = TRUE"),
    ] {
        assert_eq!(status(&world, "app.example", &okta).await, 200, "{off}");
        for (sql, expected) in [(off, 401), (on, 200)] {
            world.sql(sql).await;
            world.sql("UPDATE revisions SET value = value + 1 WHERE name = 'catalogue'").await;
            world.app.db.changed();
            assert_eq!(status(&world, "app.example", &okta).await, expected, "{sql}");
        }
    }
    // The family of the token.
    let family = decode(&own).1["fam"].as_str().unwrap().to_owned();
    store::families::revoke(&world.app.db, &family, world.clock.now()).await.unwrap();
    assert_eq!(status(&world, "app.example", &own).await, 401);
}

async fn another_node_hears_of_it_in_time(backend: Backend) {
    let world = Guarded::new(backend).await;
    let (resource, holder) = with_role(&world).await;
    let second = Guarded { world: second_node(&world).await, tenant: world.tenant.clone() };
    let own = world.own().await;
    let sites = ["model.example", "app.example"];
    for host in sites {
        assert_eq!(status(&second, host, &own).await, 200, "{host}");
    }
    assert!(store::resources::take(&world.app.db, &resource, holder.id()).await.unwrap());
    world.site("app", json!({"hosts": ["app.example"], "issuers": ["okta"]})).await;
    world.clock.advance(5);
    assert_eq!(status(&second, "model.example", &own).await, 403);
    assert_eq!(status(&second, "app.example", &own).await, 401);
}

/// Another token of the same family, as a refresh would give it.
fn another(world: &Guarded, token: &str) -> String {
    let mut claims = decode(token).1;
    claims["jti"] = gatehouse::secret::random_id().into();
    world.app.ring.sign(SigningAlg::ES256, "at+jwt", &claims, world.clock.now()).unwrap()
}

async fn further_tokens_of_a_family_ask_nobody(backend: Backend) {
    let world = Guarded::new(backend).await;
    let (first, stranger) = (world.own().await, world.own().await);
    assert_eq!(status(&world, "app.example", &first).await, 200);
    world.app.db.close().await;
    assert_eq!(status(&world, "app.example", &another(&world, &first)).await, 200);
    assert_eq!(status(&world, "app.example", &stranger).await, 503, "of another family");
    world.clock.advance(5);
    assert_eq!(status(&world, "app.example", &another(&world, &first)).await, 503, "too old");
}

async fn what_a_family_has_lost_is_lost_to_all_its_tokens(backend: Backend) {
    let world = Guarded::new(backend).await;
    let (first, other) = (world.own().await, world.own().await);
    for token in [&first, &other] {
        assert_eq!(status(&world, "app.example", token).await, 200);
    }
    let family = decode(&first).1["fam"].as_str().unwrap().to_owned();
    store::families::revoke(&world.app.db, &family, world.clock.now()).await.unwrap();
    assert_eq!(status(&world, "app.example", &another(&world, &first)).await, 401);
    assert_eq!(status(&world, "app.example", &another(&world, &other)).await, 200, "its twin lives on");
    let user = world.user("ada@acme.example").await;
    let mut tx = world.app.db.begin().await.unwrap();
    store::users::end_access(&mut tx, &world.app.sealer, &user, world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(status(&world, "app.example", &another(&world, &other)).await, 401);
}

/// Who is shut out is out sooner; whatever else is said of a family's user is as old as promised, and no older.
async fn another_node_hears_of_a_family_in_time(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.site("told", json!({"hosts": ["told.example"], "identity": {"method": "headers"}})).await;
    let second = Guarded { world: second_node(&world).await, tenant: world.tenant.clone() };
    let name = async |token: &str| {
        let value = format!("Bearer {token}");
        let answer = second.ask(Dialect::Request, "told.example", "/", &[API, ("authorization", &value)]).await;
        answer.header("remote-name").unwrap().to_owned()
    };
    let first = world.own().await;
    assert_eq!(name(&first).await, "Ada");
    world.sql("UPDATE users SET name = 'Ada Byron' WHERE name = 'Ada'").await;
    world.clock.advance(4);
    let late = another(&world, &first);
    assert_eq!(name(&late).await, "Ada", "within the bound");
    // What was decided last, by what was read first, has no time of its own.
    world.clock.advance(1);
    for token in [&late, &another(&world, &first)] {
        assert_eq!(name(token).await, "Ada Byron");
    }
}

/// A second node that believes the same proxies.
async fn second_node(world: &World) -> World {
    world.second_node_with(&[PROXIES]).await
}

async fn a_decision_does_not_outlive_its_token(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.okta(json!({"clock_tolerance": 0})).await;
    let token = foreign(json!({"exp": crate::world::START + 3}));
    assert_eq!(status(&world, "app.example", &token).await, 200);
    world.clock.advance(2);
    assert_eq!(status(&world, "app.example", &token).await, 200);
    world.clock.advance(1);
    assert_eq!(status(&world, "app.example", &token).await, 401);
}
