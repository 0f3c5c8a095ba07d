//! The admin API: who may ask, what of other tenants is there (nothing), and what comes of it.

use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    on_both,
    pushed::Pushed,
    world::{Backend, World, decode, text},
};

on_both!(
    an_administrator_shuts_out_and_lets_in,
    nobody_else_may,
    other_tenants_users_are_not_there,
    a_cookie_opens_nothing,
    the_last_administrator_stays,
    an_inactive_record_is_opened_there,
);

const STATE: &str = r#"
tenants:
- name: acme
  display_name: Acme
  clients:
  - {client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true, admin_api: true}
  users:
  - {email: ada@acme.example, password: "correct horse", admin: true, active: true}
  - {email: bob@acme.example, password: "correct horse", active: true}
  teams:
  - {name: sre, members: [bob@acme.example]}
- name: other
  display_name: Other
  clients:
  - {client_id: other-web, secret: other-secret, redirect_uris: ["https://other.example/cb"], trusted: true, admin_api: true}
  users:
  - {email: carl@other.example, password: "correct horse", admin: true, active: true}
"#;

async fn world(backend: Backend) -> World {
    World::with(backend, STATE, &[]).await
}

/// Somebody's tokens.
pub async fn tokens(world: &World, client: &str, email: &str) -> Value {
    from(world, client, &world.authorize_url(client, &[]), email).await
}

/// An administrator's tokens, with which to administer.
pub async fn administrators(world: &World, client: &str, email: &str) -> Value {
    from(world, client, &world.admin_url(client), email).await
}

async fn from(world: &World, client: &str, url: &str, email: &str) -> Value {
    let answer = world.sign_in(&mut Browser::new(), url, email, "correct horse").await;
    let answer = world.redeem(client, &answer.query("code").unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

pub fn id(tokens: &Value) -> String {
    text(&decode(text(tokens, "access_token")).1, "sub").to_owned()
}

async fn post(world: &World, tokens: &Value, path: &str, body: Option<Value>) -> Answer {
    let bearer = format!("Bearer {}", text(tokens, "access_token"));
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let url = format!("{}/api/v1/users/{path}", world.url);
    Browser::new().send(reqwest::Method::POST, &url, &headers, body.map(|b| b.to_string())).await
}

async fn get(world: &World, tokens: &Value, path: &str) -> Answer {
    let bearer = format!("Bearer {}", text(tokens, "access_token"));
    Browser::new().get_with(&format!("{}/api/v1/{path}", world.url), &[("authorization", &bearer)]).await
}

async fn an_administrator_shuts_out_and_lets_in(backend: Backend) {
    let world = world(backend).await;
    let with_groups = world.authorize_url("web", &[("scope", "openid email groups")]);
    let bobs = async || from(&world, "web", &with_groups, "bob@acme.example").await;
    let (ada, bob) = (administrators(&world, "web", "ada@acme.example").await, bobs().await);
    let bob_id = id(&bob);
    assert_eq!(get(&world, &bob, "whoami").await.json()["teams"], json!(["sre"]));
    let answer = post(&world, &ada, &format!("{bob_id}/deactivate"), None).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    let answer = answer.json();
    assert_eq!((&answer["active"], &answer["email"]), (&json!(false), &json!("bob@acme.example")));
    let receipt = &answer["receipt"];
    assert_eq!(receipt["ended"]["sessions"], 1);
    assert_eq!(receipt["ended"]["token_families"], 1);
    assert_eq!(receipt["held"]["teams"], 1);
    assert_eq!((text(receipt, "actor"), text(receipt, "cause")), ("administrator ada@acme.example", "deactivated"));
    assert!(receipt.get("tenant_id").is_none());
    assert_eq!(get(&world, &bob, "whoami").await.status, 401);
    let again = post(&world, &ada, &format!("{bob_id}/deactivate"), Some(json!({}))).await.json();
    assert_eq!(again["receipt"], Value::Null);
    let receipts = get(&world, &ada, &format!("users/{bob_id}/receipts")).await.json();
    assert_eq!(receipts, json!({"receipts": [receipt]}));

    for _ in 0..2 {
        let answer = post(&world, &ada, &format!("{bob_id}/activate"), None).await;
        assert_eq!((answer.status, &answer.json()["active"]), (200, &json!(true)));
    }
    assert_eq!(get(&world, &bob, "whoami").await.status, 401, "the old token stays dead");
    let fresh = bobs().await;
    assert_eq!(get(&world, &fresh, "whoami").await.json()["teams"], json!(["sre"]), "and the membership is back");
    // Of somebody who is gone.
    world.remove(&bob_id).await.unwrap();
    assert_eq!(get(&world, &ada, &format!("users/{bob_id}/receipts")).await.json()["receipts"].as_array().unwrap().len(), 2);
    assert_eq!(post(&world, &ada, &format!("{bob_id}/activate"), None).await.status, 404);
}

async fn nobody_else_may(backend: Backend) {
    let world = world(backend).await;
    let (ada, bob) = (administrators(&world, "web", "ada@acme.example").await, tokens(&world, "web", "bob@acme.example").await);
    let path = format!("{}/deactivate", id(&bob));
    assert_eq!(post(&world, &bob, &path, None).await.status, 403, "no administrator");
    world.apply(&STATE.replace(", admin_api: true", "")).await;
    assert_eq!(post(&world, &ada, &path, None).await.status, 403, "a client that may not administer");
    world.apply(STATE).await;
    let url = format!("{}/api/v1/users/{path}", world.url);
    assert_eq!(Browser::new().post_json(&url, &[], &json!({})).await.status, 401);
    for token in ["junk", text(&ada, "refresh_token"), text(&ada, "id_token")] {
        let bearer = format!("Bearer {token}");
        assert_eq!(Browser::new().post_json(&url, &[("authorization", &bearer)], &json!({})).await.status, 401);
    }
    assert_eq!(get(&world, &bob, "whoami").await.status, 200);
    for (body, status) in [(json!({"force": "yes"}), 400), (json!({"cause": "x"}), 400), (json!({"force": false}), 200)] {
        assert_eq!(post(&world, &ada, &path, Some(body.clone())).await.status, status, "{body}");
    }
}

async fn other_tenants_users_are_not_there(backend: Backend) {
    let world = world(backend).await;
    let (ada, carl) = (
        administrators(&world, "web", "ada@acme.example").await,
        administrators(&world, "other-web", "carl@other.example").await,
    );
    for unknown in [id(&ada).as_str(), "nobody", "%00"] {
        for path in ["deactivate", "activate"] {
            let answer = post(&world, &carl, &format!("{unknown}/{path}"), None).await;
            assert_eq!((answer.status, text(&answer.json(), "error")), (404, "not_found"), "{unknown}");
        }
        assert_eq!(get(&world, &carl, &format!("users/{unknown}/receipts")).await.status, 404, "{unknown}");
    }
    assert_eq!(get(&world, &ada, "tenants/acme").await.status, 200);
}

async fn a_cookie_opens_nothing(backend: Backend) {
    let world = world(backend).await;
    let (ada, bob) = (administrators(&world, "web", "ada@acme.example").await, tokens(&world, "web", "bob@acme.example").await);
    let cookie = format!("accessToken={}", text(&ada, "access_token"));
    let url = format!("{}/api/v1/users/{}/deactivate", world.url, id(&bob));
    for headers in [vec![("cookie", cookie.as_str())], vec![("cookie", cookie.as_str()), ("origin", "https://evil.example")]] {
        assert_eq!(Browser::new().post_json(&url, &headers, &json!({})).await.status, 401);
    }
    // Nor may a page of another origin ask with a token that it has come by.
    let preflight = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
    let answer = Browser::new().send(reqwest::Method::OPTIONS, &url, &preflight, None).await;
    assert!(answer.header("access-control-allow-origin").is_none());
    assert_eq!(get(&world, &bob, "whoami").await.status, 200);
}

async fn the_last_administrator_stays(backend: Backend) {
    let world = world(backend).await;
    let ada = administrators(&world, "web", "ada@acme.example").await;
    let path = format!("{}/deactivate", id(&ada));
    let answer = post(&world, &ada, &path, None).await;
    assert_eq!((answer.status, text(&answer.json(), "error")), (409, "conflict"));
    assert_eq!(get(&world, &ada, "tenants/acme").await.status, 200, "nothing has ended");
    assert_eq!(post(&world, &ada, &path, Some(json!({"force": true}))).await.status, 200);
    assert_eq!(get(&world, &ada, "tenants/acme").await.status, 401);
}

async fn an_inactive_record_is_opened_there(backend: Backend) {
    let world = world(backend).await;
    let (ada, bob) = (administrators(&world, "web", "ada@acme.example").await, tokens(&world, "web", "bob@acme.example").await);
    let tenant = gatehouse::store::tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap().id;
    let now = world.clock.now();
    let pushed = Pushed::link(&world.app.db, &world.app.sealer, &tenant, &id(&bob), "bob@acme.example", now).await;
    let answer = pushed.active(&world.url, false).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let receipts = get(&world, &ada, &format!("users/{}/receipts", id(&bob))).await.json();
    assert_eq!(text(&receipts["receipts"][0], "actor"), "directory okta");
    let answer = post(&world, &ada, &format!("{}/activate", id(&bob)), None).await;
    assert_eq!((answer.status, text(&answer.json(), "error")), (409, "conflict"));
    // An operator's lock outlasts what the directory says.
    assert_eq!(post(&world, &ada, &format!("{}/deactivate", id(&bob)), None).await.status, 200);
    assert_eq!(pushed.active(&world.url, true).await.status, 200);
    let page = world.sign_in(&mut Browser::new(), &world.authorize_url("web", &[]), "bob@acme.example", "correct horse").await;
    assert!(page.query("code").is_none());
    assert_eq!(post(&world, &ada, &format!("{}/activate", id(&bob)), None).await.status, 200);
    tokens(&world, "web", "bob@acme.example").await;
}
