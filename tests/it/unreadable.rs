//! A trusted issuer whose row cannot be read (a bad restore, a half-written edit): nobody is let in by it, no client is told
//! that its token is bad, and the operator is told which row it is.

use gatehouse::{
    params,
    store::{On, trusted_issuers},
};
use serde_json::json;

use crate::{
    browser::Browser,
    forward::{API as PROGRAM, Guarded, OKTA, bearer, foreign},
    on_both,
    sso::Log,
    trusted::{Trusted, named},
    world::{Backend, World, text},
};

on_both!(its_tokens_meet_a_fault_of_ours, of_whom_nothing_is_legible_any_stranger_may_be, sites_and_exchanges_too);

async fn damage(world: &World, id: &str, settings: &str) {
    let sql = "UPDATE trusted_issuers SET settings = $2 WHERE id = $1 RETURNING tenant_id";
    assert_eq!(On::from(&world.app.db).publish(sql, params![id, settings]).await.unwrap(), 1);
}

/// Settings in which nothing but the issuer's name can be read.
fn legible(issuer: &str) -> String {
    json!({"issuer": issuer, "audience": {"from": "a later version"}}).to_string()
}

async fn its_tokens_meet_a_fault_of_ours(backend: Backend) {
    let world = Trusted::new(backend).await;
    world.identity("caller", json!({})).await;
    world.apply("tenants:\n- name: acme\n  users:\n  - {email: ada@acme.example, name: Ada, admin: true}\n").await;
    let admin = world.administering("web").await;
    let (token, stranger) = (world.token(json!({})), world.token(json!({"iss": "https://nobody.example"})));
    assert_eq!(world.name(&token).await, "caller");
    let row = world.issuer("acme", "idp").await;
    damage(&world, &row.id, &legible(world.idp.issuer())).await;
    let log = Log::capture();
    let at = async |query: &str, token: &str| world.get(&format!("/api/v1/whoami{query}"), token).await;
    for query in ["", "?tenant=acme"] {
        let answer = at(query, &token).await;
        assert_eq!((answer.status, text(&answer.json(), "error")), (503, "temporarily_unavailable"), "{query}");
        assert!(!answer.body.contains("idp"), "the client learns nothing of it: {}", answer.body);
        assert_eq!(named(&at(query, &stranger).await), "401 Invalid issuer", "{query}: a stranger is a stranger");
    }
    // An opaque token might be its own too, and what is no token is nobody's.
    for (query, token, status) in [("?tenant=acme", "opaque", 503), ("?tenant=other", "opaque", 401), ("", "opaque", 401)] {
        assert_eq!(at(query, token).await.status, status, "{query} {token}");
    }
    assert_eq!(at("?tenant=acme", "eyJ.damaged.jwt").await.status, 401);
    let logged = log.text();
    let line = logged.lines().find(|line| line.contains("trusted issuer idp of tenant acme cannot be read"));
    assert!(line.is_some_and(|line| line.contains("trusted issuer settings") && line.contains("restore")), "{logged}");
    assert_eq!(named(&at("?tenant=other", &token).await), "401 Invalid issuer", "another tenant has nothing to do with it");
    let report = world.post("/api/v1/access/explain", &admin, &json!({"token": token})).await;
    let report = (report.status, report.json());
    assert_eq!((report.0, &report.1["allowed"]), (200, &json!(false)));
    assert!(text(&report.1, "cause").contains("trusted issuer idp of tenant acme cannot be read"), "{}", report.1);
    // Switched off, it is as if it were not there; and mended, all is well.
    world.sql("UPDATE trusted_issuers SET enabled = FALSE").await;
    damage(&world, &row.id, &legible(world.idp.issuer())).await;
    assert_eq!(at("?tenant=acme", "opaque").await.status, 401);
    assert_eq!(named(&at("", &token).await), "401 Invalid issuer");
    trusted_issuers::save(&world.app.db, &row).await.unwrap();
    assert_eq!(world.name(&token).await, "caller");
}

async fn of_whom_nothing_is_legible_any_stranger_may_be(backend: Backend) {
    let world = Trusted::new(backend).await;
    world.identity("caller", json!({})).await;
    let lost = world.trust("acme", "lost", |s| s.issuer = Some("https://lost.example".to_owned())).await;
    let (token, theirs) = (world.token(json!({})), world.token(json!({"iss": "https://lost.example"})));
    let at = async |query: &str, token: &str| named(&world.get(&format!("/api/v1/whoami{query}"), token).await);
    for settings in ["", "{", "null", "{\"issuer\": 7}"] {
        damage(&world, &lost.id, settings).await;
        assert_eq!(at("?tenant=acme", &theirs).await, "503 try again later", "{settings}");
        assert_eq!(at("?tenant=other", &theirs).await, "401 Invalid issuer", "{settings}");
        assert_eq!(at("", &token).await, "caller", "{settings}: nobody else notices");
        assert_eq!(at("", &world.token(json!({"aud": "elsewhere"}))).await, "401 Invalid audience", "{settings}");
    }
    trusted_issuers::save(&world.app.db, &lost).await.unwrap();
    assert_ne!(at("?tenant=acme", &theirs).await, "503 try again later");
    assert_eq!(at("?tenant=acme", &world.token(json!({"iss": "https://nobody.example"}))).await, "401 Invalid issuer");
}

async fn sites_and_exchanges_too(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.site("ours", json!({"hosts": ["ours.example"]})).await;
    world.external_identity("ci", "repo:acme").await;
    let clients = "tenants:\n- name: acme\n  clients:\n  - {client_id: ci, token_endpoint_auth_method: none, grant_types: [token_exchange, jwt_bearer]}\n";
    world.apply(clients).await;
    let (okta, own) = (foreign(json!({"sub": "repo:acme"})), world.own().await);
    let status = async |host: &str, token: &str| {
        let (name, value) = bearer(token);
        world.status(host, "/", &[PROGRAM, (name, &value)]).await
    };
    let exchanged = async |token: &str| {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ];
        Browser::new().post_as(&format!("{}/oauth2/token", world.url), "ci", None, &form).await.status
    };
    assert_eq!((status("app.example", &okta).await, exchanged(&okta).await), (200, 200));
    for settings in [legible(OKTA), "{".to_owned()] {
        damage(&world, "issuer-okta", &settings).await;
        assert_eq!((status("app.example", &okta).await, exchanged(&okta).await), (503, 503), "{settings}");
        assert_eq!(status("ours.example", &okta).await, 401, "{settings}: a site that takes no token of its own");
        assert_eq!(status("app.example", &own).await, 200, "{settings}: and ours are judged as ever");
    }
}
