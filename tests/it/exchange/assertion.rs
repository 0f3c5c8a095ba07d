//! A trusted issuer's token as an assertion (RFC 7523): made for us, and good once.

use gatehouse::{
    policy::trusted_issuer::IssuerSettings,
    store::trusted_issuers::{self, TrustedIssuer},
};
use serde_json::json;

use super::{BEARER, refusal, refused, world};
use crate::{
    browser::Browser,
    on_both,
    trusted::API,
    world::{Backend, START, text},
};

on_both!(an_assertion_does_the_same, an_assertion_is_good_once, an_assertion_is_made_for_us);

async fn an_assertion_does_the_same(backend: Backend) {
    let world = world(backend).await;
    let token = world.job_for_us(json!({}));
    let answer = world.assertion("ci", &token).await;
    let json = answer.json();
    assert_eq!((answer.status, json.get("issued_token_type"), json.get("refresh_token")), (200, None, None), "{json}");
    assert_eq!(world.name(text(&json, "access_token")).await, "ci-runner");
    let token = world.job_for_us(json!({}));
    assert_eq!(refusal(&world.assertion("deployer", &token).await), refused("unauthorized_client"));
    for (claims, description) in [
        (json!({"repository_id": "1"}), "the assertion is not accepted: it maps to nobody"),
        (json!({"exp": START - 100}), "the assertion is not accepted: Token is expired"),
        (json!({"aud": "https://another.example"}), "the assertion is not accepted: Invalid audience"),
    ] {
        let answer = world.assertion("ci", &world.job_for_us(claims)).await;
        assert_eq!(refusal(&answer), refused("invalid_grant"));
        assert_eq!(answer.json()["error_description"], description);
    }
    for opaque in ["opaque", "a.b.c", &token[..token.len() - 1]] {
        assert_eq!(refusal(&world.assertion("ci", opaque).await), refused("invalid_grant"), "{opaque}");
    }
    let missing = world.ask("ci", &[("grant_type", BEARER)]).await;
    assert_eq!(refusal(&missing), refused("invalid_request"));
}

/// RFC 7523 §3: a token that the same issuer made for another server is no assertion at ours, whoever got hold of it.
async fn an_assertion_is_made_for_us(backend: Backend) {
    let world = world(backend).await;
    let endpoint = format!("{}/oauth2/token", world.url);
    for aud in [json!(API), json!([API]), json!([API, "https://elsewhere.example"])] {
        let token = world.job(json!({"aud": aud}));
        let answer = world.assertion("ci", &token).await;
        assert_eq!(refusal(&answer), refused("invalid_grant"), "{aud}");
        let text = text(&answer.json(), "error_description").to_owned();
        assert!(text.contains(&world.url) && text.contains(&endpoint) && text.contains("token exchange"), "{text}");
        // It is exchanged instead, as any token that the operator accepts.
        assert_eq!(world.exchange("ci", &token, &[]).await.status, 200, "{aud}");
    }
    for aud in [json!(format!("{}/", world.url)), json!(format!("{endpoint}/"))] {
        assert_eq!(world.assertion("ci", &world.job(json!({"aud": [API, aud]}))).await.status, 400, "{aud}, byte for byte");
    }
    for aud in [json!(world.url), json!([endpoint]), json!([API, world.url])] {
        assert_eq!(world.assertion("ci", &world.job(json!({"aud": aud}))).await.status, 200, "{aud}");
    }
    // Also where the operator takes tokens for anyone: that is said of bearers.
    let issuer = world.issuer("acme", "idp").await;
    let settings = IssuerSettings { audience: Vec::new(), ..issuer.settings.clone() };
    trusted_issuers::save(&world.app.db, &TrustedIssuer { settings, ..issuer }).await.unwrap();
    let unnamed = world.job(json!({"aud": null}));
    assert_eq!((world.name(&unnamed).await.as_str(), world.assertion("ci", &unnamed).await.status), ("ci-runner", 400));
    assert_eq!(world.assertion("ci", &world.job_for_us(json!({}))).await.status, 200);
}

async fn an_assertion_is_good_once(backend: Backend) {
    let world = world(backend).await;
    let endpoint = format!("{}/oauth2/token", world.url);
    let other = world.second_node().await;
    for aud in [json!(world.url), json!([endpoint, API])] {
        let assertion = world.job(json!({"aud": aud}));
        assert_eq!(world.assertion("ci", &assertion).await.status, 200, "{aud}");
        assert_eq!(refusal(&world.assertion("ci", &assertion).await), refused("invalid_grant"), "{aud}, again");
        let form = [("grant_type", BEARER), ("assertion", &assertion)];
        let there = Browser::new().post_as(&format!("{}/oauth2/token", other.url), "ci", None, &form).await;
        assert_eq!(refusal(&there), refused("invalid_grant"), "{aud}, on another node");
    }
    let assertion = world.job(json!({"aud": world.url}));
    let all = futures_util::future::join_all((0..10).map(|_| world.assertion("ci", &assertion))).await;
    assert_eq!(all.iter().filter(|a| a.status == 200).count(), 1);
    // What was refused for something else is not used up.
    let assertion = world.job(json!({"aud": world.url}));
    let form = [("grant_type", BEARER), ("assertion", &assertion), ("scope", "admin")];
    assert_eq!(refusal(&world.ask("ci", &form).await), refused("invalid_scope"));
    assert_eq!(world.assertion("ci", &assertion).await.status, 200);
    // What is no text cannot be known again.
    for jti in [json!(7), json!(["a"]), json!({"a": 1}), json!(true)] {
        let assertion = world.job(json!({"aud": world.url, "jti": jti}));
        assert_eq!(refusal(&world.assertion("ci", &assertion).await), refused("invalid_grant"), "{jti}");
        let assertion = world.job(json!({"aud": world.url, "jti": jti.to_string()}));
        assert_eq!(world.assertion("ci", &assertion).await.status, 200, "{jti}");
    }
    let unnamed = world.job(json!({"aud": world.url, "jti": null}));
    for _ in 0..2 {
        assert_eq!(world.assertion("ci", &unnamed).await.status, 200, "it has no jti to know it by");
    }
}
