//! An operator asks what becomes of an opaque token at a site: its issuer is asked once, by the decision that is told of, and
//! nothing of that stays for requests.

use gatehouse::{
    policy::trusted_issuer::{Introspection, IntrospectionAuth},
    secret,
};
use serde_json::{Value, json};

use super::{API, AUDIENCE, Dialect, Guarded, bearer};
use crate::{
    browser::Browser,
    on_both,
    site_explained::guarded,
    trust::introspector,
    world::{Backend, text},
};

on_both!(however_an_operator_asks, what_is_kept_is_neither_told_nor_written);

const PAGE: &str = "/admin/acme/explain";

/// The site `asked.example`, which takes tokens of an issuer that is asked at `endpoint`.
async fn site(world: &Guarded, endpoint: String) {
    let introspection = Introspection { endpoint, auth: IntrospectionAuth::None, ..Introspection::default() };
    let more = json!({"jwks": null, "introspection": serde_json::to_value(introspection).unwrap()});
    world.issuer("asked", "https://as.example", more).await;
    world.site("asked", json!({"hosts": ["asked.example"], "issuers": ["asked"]})).await;
}

fn yes(audience: &str) -> Value {
    json!({"active": true, "sub": "job-7", "aud": audience})
}

async fn explained(world: &Guarded, admin: &str, token: &str) -> Value {
    let (name, value) = bearer(admin);
    let body = json!({"token": token, "site": "asked.example"});
    let answer = Browser::new().post_json(&format!("{}/api/v1/access/explain", world.url), &[(name, &value)], &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// By the API, on the page and on the command line, whatever comes of it.
async fn however_an_operator_asks(backend: Backend) {
    let (world, admin) = guarded(backend).await;
    let (endpoint, says, seen) = introspector().await;
    site(&world, endpoint).await;
    let mut ada = Browser::new();
    let sign_in = format!("{}/login?tenant=acme&to=/account", world.url);
    world.sign_in(&mut ada, &sign_in, "ada@acme.example", "correct horse").await;
    let page = format!("{}{PAGE}", world.url);
    let csrf = ada.get(&page).await.csrf();
    for (answer, outcome, step) in [
        (yes(AUDIENCE), "allow", "introspection"),
        (yes("https://else.example"), "401", "audience"),
        (json!({"active": false}), "401", "introspection"),
    ] {
        says.lock().unwrap().clone_from(&answer);
        let asked = || std::mem::take(&mut *seen.lock().unwrap()).len();
        // Nobody has seen a token before: what an issuer says no to is not asked again at once.
        let token = secret::random();
        let report = explained(&world, &admin, &token).await;
        assert_eq!((asked(), text(&report["site"], "outcome")), (1, outcome), "{answer}: {report:#}");
        // One judgement: what the token is worth is what the site has found.
        let (holds, token_step) = (outcome == "allow", report["steps"].as_array().unwrap().iter().find(|s| s["what"] == step));
        assert_eq!((&report["accepted"], &token_step.unwrap()["passed"]), (&json!(holds), &json!(holds)), "{report:#}");
        let token = secret::random();
        let fields = [("csrf", csrf.as_str()), ("token", token.as_str()), ("site", "asked.example")];
        let shown = ada.post(&page, &fields).await;
        assert!(shown.status == 200 && shown.body.contains(if holds { "Let in" } else { "Refused" }), "{}", shown.body);
        assert_eq!(asked(), 1, "{answer}, on the page");
        let token = secret::random().replace('-', "_");
        let (code, out) = world.command(&["token", "explain", "--site", "asked.example", &token]).await;
        assert_eq!((asked(), code), (1, i32::from(!holds)), "{answer}, on the command line: {out}");
    }
}

/// What our rules have refused is kept for requests, and mended at the issuer it is good for the operator who looks.
async fn what_is_kept_is_neither_told_nor_written(backend: Backend) {
    let (world, admin) = guarded(backend).await;
    let (endpoint, says, seen) = introspector().await;
    site(&world, endpoint).await;
    let token = secret::random();
    let (name, value) = bearer(&token);
    let asked = || std::mem::take(&mut *seen.lock().unwrap()).len();
    let request = async || world.ask(Dialect::Forward, "asked.example", "/", &[API, (name, &value)]).await.status;
    let outcome = async || text(&explained(&world, &admin, &token).await["site"], "outcome").to_owned();
    *says.lock().unwrap() = yes("https://else.example");
    for _ in 0..2 {
        assert_eq!((outcome().await.as_str(), asked()), ("401", 1));
    }
    // An explanation has kept nothing that a request goes by.
    assert_eq!((request().await, asked()), (401, 1));
    assert_eq!((request().await, asked()), (401, 0), "what a request has found is kept");
    *says.lock().unwrap() = yes(AUDIENCE);
    assert_eq!((request().await, asked()), (401, 0));
    // The twin: both halves of the explanation speak of now.
    let report = explained(&world, &admin, &token).await;
    assert_eq!((text(&report["site"], "outcome"), &report["accepted"], asked()), ("allow", &json!(true), 1), "{report:#}");
    world.clock.advance(5);
    assert_eq!((request().await, asked()), (200, 1));
}
