//! What a token that was exchanged ends with besides, and what it does not say.

use std::sync::Arc;

use gatehouse::{
    oauth::client::GrantType,
    policy::trusted_issuer::IssuerSettings,
    store::{
        clients,
        trusted_issuers::{self, TrustedIssuer},
    },
};
use serde_json::json;
use tokio::{net::TcpListener, sync::Notify};

use super::world;
use crate::{
    browser::Browser,
    idp::keys::key,
    on_both,
    sso::Log,
    trusted::{API, rules},
    world::{Backend, decode, text},
};

on_both!(
    it_ends_with_its_issuers_rules_and_its_clients_grant,
    it_stands_on_what_it_was_judged_by,
    an_operator_sees_each_thing_it_stands_on,
    a_foreign_address_is_not_said_by_us,
    what_is_exchanged_leaves_a_line
);

/// An operator can see afterwards who was let in, whatever the token says.
async fn what_is_exchanged_leaves_a_line(backend: Backend) {
    let world = world(backend).await;
    let token = world.job(json!({"sub": "repo:evil\nforged line", "email": "ci@partner.example"}));
    let log = Log::down_to(tracing::Level::INFO);
    assert_eq!(world.exchange("ci", &token, &[]).await.status, 200);
    let text = log.text();
    let line = text.lines().find(|line| line.contains("a foreign token holds")).expect("a line");
    for said in ["acme", "trusted issuer idp", r"repo:evil\nforged line", "ci@partner.example", "ci-runner"] {
        assert!(line.contains(said), "{said}: {line}");
    }
    assert!(!text.contains(&token) && !text.contains("\nforged"), "{text}");
}

/// The issuer's keys take their time, and meanwhile its operator lets fewer in.
async fn it_stands_on_what_it_was_judged_by(backend: Backend) {
    let world = world(backend).await;
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (seen, may) = (Arc::clone(&asked), Arc::clone(&go));
    let slow = axum::Router::new().fallback(move || {
        let (seen, may) = (Arc::clone(&seen), Arc::clone(&may));
        async move {
            seen.notify_one();
            may.notified().await;
            axum::Json(json!({"keys": key(0).public()}))
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let jwks_uri = Some(format!("http://{}/jwks", listener.local_addr().unwrap()));
    tokio::spawn(async move { axum::serve(listener, slow).await.unwrap() });
    let issuer = world.issuer("acme", "idp").await;
    let save = async |settings: IssuerSettings| {
        trusted_issuers::save(&world.app.db, &TrustedIssuer { settings, ..issuer.clone() }).await.unwrap();
    };
    let settings = IssuerSettings { jwks_uri, ..issuer.settings.clone() };
    save(settings.clone()).await;
    let fewer = IssuerSettings { claim_values: rules(&json!({"event_name": "schedule"})), ..settings.clone() };
    let meanwhile = async {
        asked.notified().await;
        save(fewer).await;
        go.notify_one();
    };
    let (token, ()) = tokio::join!(world.exchanged(), meanwhile);
    assert_eq!(world.name(&token).await, "401 Token is not active");
    // By settings that stay it holds, and ends with them.
    save(settings.clone()).await;
    let token = world.exchanged().await;
    assert!(world.active(&token).await);
}

async fn it_ends_with_its_issuers_rules_and_its_clients_grant(backend: Backend) {
    let world = world(backend).await;
    let db = &world.app.db;
    let issuer = world.issuer("acme", "idp").await;
    let save = async |settings: IssuerSettings| {
        trusted_issuers::save(db, &TrustedIssuer { settings, ..issuer.clone() }).await.unwrap();
    };
    let usual = issuer.settings.clone();
    for (what, settings) in [
        ("other keys", IssuerSettings { jwks_uri: Some(format!("{}/jwks?new", world.idp.issuer())), ..usual.clone() }),
        (
            "another audience besides",
            IssuerSettings { audience: vec![API.to_owned(), "https://b.example".to_owned()], ..usual.clone() },
        ),
        ("other values", IssuerSettings { claim_values: rules(&json!({"event_name": "push"})), ..usual.clone() }),
        ("fewer algorithms", IssuerSettings { algorithms: vec!["RS256".to_owned()], ..usual.clone() }),
        ("a largest age", IssuerSettings { max_token_age: Some(3_600), ..usual.clone() }),
    ] {
        save(usual.clone()).await;
        let before = world.exchanged().await;
        assert!(world.active(&before).await, "{what}");
        save(settings).await;
        assert_eq!(world.name(&before).await, "401 Token is not active", "{what}");
        assert!(world.active(&world.exchanged().await).await, "{what}: one that was exchanged by them holds");
    }
    // What no token is judged by ends nothing.
    save(usual.clone()).await;
    let token = world.exchanged().await;
    save(IssuerSettings { cache_max_age: 60, clock_tolerance: 5, header_key: Some("X-Job".to_owned()), ..usual }).await;
    assert!(world.active(&token).await);

    // Each grant for itself.
    let client = clients::find(db, "ci").await.unwrap().unwrap();
    let asserted = text(&world.assertion("ci", &world.job_for_us(json!({}))).await.json(), "access_token").to_owned();
    for (grants, exchanged, by_assertion) in [
        (vec![GrantType::JwtBearer], false, true),
        (vec![GrantType::TokenExchange], true, false),
        (vec![GrantType::RefreshToken], false, false),
        (vec![GrantType::TokenExchange, GrantType::JwtBearer], true, true),
    ] {
        let mut changed = client.clone();
        changed.settings.grant_types = grants.clone();
        assert!(clients::save(db, &changed, 1).await.unwrap());
        let found = (world.active(&token).await, world.active(&asserted).await);
        assert_eq!(found, (exchanged, by_assertion), "{grants:?}");
    }
}

/// By the comparisons that decide: also where several things are off at once.
async fn an_operator_sees_each_thing_it_stands_on(backend: Backend) {
    const ISSUER: &str = "issuer of the token it was exchanged for";
    const TERMS: &str = "what is asked of that issuer's tokens, unchanged";
    const GRANT: &str = "grant of its client";
    let world = world(backend).await;
    let db = &world.app.db;
    let (client, issuer) = (clients::find(db, "ci").await.unwrap().unwrap(), world.issuer("acme", "idp").await);
    let token = world.exchanged().await;
    let (off, report) = world.footing(&token).await;
    assert_eq!((off.len(), &report["allowed"]), (0, &json!(true)), "{report:#}");
    let all: Vec<&str> = report["standing"].as_array().unwrap().iter().map(|row| text(row, "what")).collect();
    let led = "the mapping that led to it, unchanged";
    let expected = ["tenant", "client", "token, not revoked", ISSUER, TERMS, GRANT, "external identity ci-runner", led];
    assert_eq!(all, expected);
    for (enabled, trusted, named, granted, expected) in [
        (false, true, true, true, vec!["client"]),
        (true, false, true, true, vec![ISSUER]),
        (true, true, false, true, vec![TERMS]),
        (true, true, true, false, vec![GRANT]),
        (false, false, false, false, vec!["client", ISSUER, TERMS, GRANT]),
        (true, true, true, true, vec![]),
    ] {
        let mut changed = client.clone();
        changed.enabled = enabled;
        changed.settings.grant_types = if granted { client.settings.grant_types.clone() } else { vec![GrantType::JwtBearer] };
        assert!(clients::save(db, &changed, 1).await.unwrap());
        let algorithms = if named { Vec::new() } else { vec!["RS256".to_owned()] };
        let settings = IssuerSettings { algorithms, ..issuer.settings.clone() };
        trusted_issuers::save(db, &TrustedIssuer { enabled: trusted, settings, ..issuer.clone() }).await.unwrap();
        let (off, report) = world.footing(&token).await;
        assert_eq!(off, expected, "{report:#}");
        assert_eq!(report["allowed"], json!(expected.is_empty()), "{report:#}");
        assert_eq!(world.name(&token).await == "ci-runner", expected.is_empty(), "the same decides");
    }
    let revoked = Browser::new().post_as(&format!("{}/oauth2/revoke", world.url), "ci", None, &[("token", &token)]).await;
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    assert_eq!(world.footing(&token).await.0, ["token, not revoked"]);
    assert_eq!(world.name(&token).await, "401 Token is not active");
}

/// Whoever reads our tokens believes our `iss` that the address is the bearer's.
async fn a_foreign_address_is_not_said_by_us(backend: Backend) {
    let world = world(backend).await;
    let job = world.job(json!({"email": "ada@acme.example", "email_verified": true}));
    let answer = world.exchange("deployer", &job, &[]).await.json();
    let token = text(&answer, "access_token");
    let (_, claims) = decode(token);
    assert_eq!((claims.get("email"), claims.get("email_verified")), (None, None), "{claims}");
    assert_eq!(claims["origin"]["email"], "ada@acme.example", "it is the issuer's word");
    let url = format!("{}/oauth2/introspect", world.url);
    let told = Browser::new().post_as(&url, "deployer", Some("deployer-secret"), &[("token", token)]).await.json();
    assert_eq!((&told["active"], told.get("username")), (&json!(true), None), "{told}");
    // The twins: the bearer of the issuer's token, and Ada herself.
    assert_eq!(world.whoami(&job).await.json()["email"], "ada@acme.example");
    let own = world.tokens("web").await;
    assert_eq!(world.introspect("web", text(&own, "access_token")).await["username"], "ada@acme.example");
}
