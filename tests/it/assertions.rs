//! Clients that authenticate with a signed assertion (RFC 7523, private_key_jwt): once on any node, for us, soon over,
//! and signed with a key of their own.

use gatehouse::secret;
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    idp::{Idp, Signing, change},
    on_both,
    sso::Sso,
    world::{Backend, World, text},
};

on_both!(
    an_assertion_is_good_once,
    what_is_wrong_is_refused,
    keys_at_an_address_may_change,
    nothing_else_counts_for_such_a_client,
    keys_that_cannot_be_had_are_no_fault_of_the_client
);

/// A world with two such clients: `inline` and `remote`, whose keys are those of the provider that the test signs with.
async fn world(backend: Backend) -> Sso {
    let state = |idp: &Idp| {
        let keys = json!({"keys": crate::idp::keys::key(0).public()});
        format!(
            r#"
tenants:
- name: acme
  clients:
  - {{client_id: inline, jwks: {keys}, redirect_uris: ["https://inline.example/cb"]}}
  - {{client_id: remote, jwks_uri: "{0}/jwks", redirect_uris: ["https://remote.example/cb"]}}
  - {{client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"]}}
"#,
            idp.issuer()
        )
    };
    Sso::made(backend, state).await
}

fn claims(world: &World, client: &str) -> Value {
    let now = world.clock.now();
    json!({"iss": client, "sub": client, "aud": world.url, "jti": secret::random(), "iat": now, "exp": now + 60})
}

async fn present(world: &World, form: &[(&str, &str)]) -> Answer {
    let mut all = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", "none"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
    ];
    all.extend_from_slice(form);
    Browser::new().post(&format!("{}/oauth2/token", world.url), &all).await
}

/// The token endpoint's error: `invalid_grant` says that the client was let in.
async fn outcome(world: &World, assertion: &str) -> String {
    text(&present(world, &[("client_assertion", assertion)]).await.json(), "error").to_owned()
}

async fn an_assertion_is_good_once(backend: Backend) {
    let sso = world(backend).await;
    let other = sso.second_node().await;
    for client in ["inline", "remote"] {
        let assertion = sso.idp.sign(&claims(&sso, client), "JWT");
        assert_eq!(outcome(&sso, &assertion).await, "invalid_grant", "{client}");
        assert_eq!(outcome(&sso, &assertion).await, "invalid_client", "{client}, again");
        assert_eq!(outcome(&other, &assertion).await, "invalid_client", "{client}, on another node");
    }
    // Twenty at once on two nodes.
    let assertion = sso.idp.sign(&claims(&sso, "inline"), "JWT");
    let nodes = [&sso.world, &other];
    let all = futures_util::future::join_all((0..20).map(|i| outcome(nodes[i % 2], &assertion))).await;
    assert_eq!(all.iter().filter(|o| *o == "invalid_grant").count(), 1, "{all:?}");
    // The same jti of another client is another one.
    let mut shared = claims(&sso, "inline");
    shared["jti"] = json!("chosen by both");
    assert_eq!(outcome(&sso, &sso.idp.sign(&shared, "JWT")).await, "invalid_grant");
    (shared["iss"], shared["sub"]) = (json!("remote"), json!("remote"));
    assert_eq!(outcome(&sso, &sso.idp.sign(&shared, "JWT")).await, "invalid_grant");
}

async fn what_is_wrong_is_refused(backend: Backend) {
    let sso = world(backend).await;
    let now = sso.clock.now();
    for (name, value) in [
        ("aud", json!(format!("{}/oauth2/token", sso.url))),
        ("aud", json!([sso.url, format!("{}/oauth2/token", sso.url)])),
        ("exp", json!(now + 3_600)),
        ("exp", json!(now - 30)),
    ] {
        let mut good = claims(&sso, "inline");
        good[name] = value.clone();
        assert_eq!(outcome(&sso, &sso.idp.sign(&good, "JWT")).await, "invalid_grant", "{name} {value}");
    }
    for (name, value) in [
        ("aud", json!("https://another.example")),
        ("aud", json!([sso.url, "https://another.example"])),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("exp", json!(now + 3_601)),
        ("exp", json!(now - 61)),
        ("exp", json!(1e30)),
        ("exp", json!("soon")),
        ("exp", Value::Null),
        ("jti", Value::Null),
        ("jti", json!(7)),
        ("sub", json!("remote")),
        ("sub", Value::Null),
        ("iss", json!("remote")),
        ("iss", json!("nobody")),
        ("nbf", json!(now + 600)),
    ] {
        let mut bad = claims(&sso, "inline");
        match value {
            Value::Null => drop(bad.as_object_mut().unwrap().remove(name)),
            _ => bad[name] = value.clone(),
        }
        assert_eq!(outcome(&sso, &sso.idp.sign(&bad, "JWT")).await, "invalid_client", "{name} {value}");
        sso.sql("DELETE FROM throttles").await;
    }
    for signing in [
        Signing::None("none"),
        Signing::None("nOnE"),
        Signing::WrongKey,
        Signing::Altered,
        Signing::HmacOfPublicKey,
        Signing::HmacOfSecret,
    ] {
        sso.idp.turn(|k| k.signing = signing);
        assert_eq!(outcome(&sso, &sso.idp.sign(&claims(&sso, "inline"), "JWT")).await, "invalid_client", "{signing:?}");
    }
    sso.idp.turn(|k| k.signing = Signing::Es256);
    assert_eq!(outcome(&sso, &sso.idp.sign(&claims(&sso, "inline"), "JWT")).await, "invalid_grant", "ES256 is as good");
    assert_eq!(outcome(&sso, "a.b.c").await, "invalid_client");
}

async fn keys_at_an_address_may_change(backend: Backend) {
    let sso = world(backend).await;
    let signed = async || outcome(&sso, &sso.idp.sign(&claims(&sso, "remote"), "JWT")).await;
    assert_eq!(signed().await, "invalid_grant");
    sso.clock.advance(120);
    let old = sso.idp.sign(&claims(&sso, "remote"), "JWT");
    sso.idp.rotate(false);
    assert_eq!(signed().await, "invalid_grant", "an unknown kid fetches the keys again");
    assert_eq!(outcome(&sso, &old).await, "invalid_client", "the key that is gone counts no more");
    assert!(sso.idp.seen("/jwks").len() <= 3);
}

async fn nothing_else_counts_for_such_a_client(backend: Backend) {
    let sso = world(backend).await;
    let good = || sso.idp.sign(&claims(&sso, "inline"), "JWT");
    let error = async |form: &[(&str, &str)]| text(&present(&sso, form).await.json(), "error").to_owned();
    assert_eq!(error(&[("client_id", "inline")]).await, "invalid_client", "no proof at all");
    assert_eq!(error(&[("client_id", "inline"), ("client_secret", "")]).await, "invalid_client");
    assert_eq!(error(&[("client_id", "web"), ("client_assertion", &good())]).await, "invalid_request", "two names");
    assert_eq!(error(&[("client_secret", "x"), ("client_assertion", &good())]).await, "invalid_request", "two methods");
    assert_eq!(error(&[("client_id", "inline"), ("client_assertion", &good())]).await, "invalid_grant", "one name twice");
    let mut web = claims(&sso, "web");
    web["jti"] = json!("x");
    let web = sso.idp.sign(&web, "JWT");
    assert_eq!(error(&[("client_assertion", &web)]).await, "invalid_client", "a client with a secret has no keys");
    let url = format!("{}/oauth2/token", sso.url);
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_assertion", "junk")];
    let both = Browser::new().post_as(&url, "web", Some("web-secret"), &form).await;
    assert_eq!(text(&both.json(), "error"), "invalid_request", "Basic beside an assertion");
}

/// Their server is out of order, and then is not.
async fn keys_that_cannot_be_had_are_no_fault_of_the_client(backend: Backend) {
    let sso = world(backend).await;
    let out_of_order = |document: &mut Value| *document = json!("out of order");
    sso.idp.turn(|k| k.jwks = change(out_of_order));
    let sign = || sso.idp.sign(&claims(&sso, "remote"), "JWT");
    // More often than a client may fail.
    for n in 0..35 {
        let answer = present(&sso, &[("client_assertion", &sign())]).await;
        let retry = answer.header("retry-after").is_some();
        assert_eq!((answer.status, text(&answer.json(), "error"), retry), (503, "temporarily_unavailable", true), "{n}");
    }
    sso.idp.turn(|k| k.jwks = change(|_| {}));
    sso.clock.advance(61);
    assert_eq!(outcome(&sso, &sign()).await, "invalid_grant", "as soon as they are there");
    // What is no assertion of the client's is its failure, whether keys can be had or not.
    sso.idp.turn(|k| k.jwks = change(out_of_order));
    let mut bad = claims(&sso, "remote");
    bad["aud"] = json!("https://another.example");
    assert_eq!(outcome(&sso, &sso.idp.sign(&bad, "JWT")).await, "invalid_client");
}
