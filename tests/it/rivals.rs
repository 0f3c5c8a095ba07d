//! Two tenants that know one issuer: neither can take the answer, or the time, from those who call the other.

use std::time::Duration;

use gatehouse::{
    policy::{principal::Kind, trusted_issuer::IssuerSettings},
    store::{
        mappings::Source,
        trusted_issuers::{self, TrustedIssuer},
    },
};
use serde_json::json;
use tokio::{net::TcpListener, time::timeout};

use crate::{
    idp::{Signing, keys::key},
    on_both,
    trusted::{API, Trusted, named},
    world::Backend,
};

on_both!(keys_that_never_come_delay_nobody_else, a_name_that_is_somebodys_is_nobody_elses);

/// Where whoever asks waits for ever.
async fn silence() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok(caller) = listener.accept().await {
            held.push(caller);
        }
    });
    url
}

async fn keys_that_never_come_delay_nobody_else(backend: Backend) {
    let world = Trusted::new(backend).await;
    world.identity("ours", json!({})).await;
    let (silent, tenant) = (silence().await, world.tenant_id("other").await);
    for n in 0..6 {
        let settings = IssuerSettings { jwks_uri: Some(format!("{silent}/{n}")), ..world.issuer("acme", "idp").await.settings };
        let (id, name) = (format!("0-{n}"), format!("evil-{n}"));
        // Made first, so that theirs would be asked first.
        let evil =
            TrustedIssuer { id, tenant_id: tenant.clone(), name, enabled: true, settings, secrets_sealed: None, created_at: 1 };
        trusted_issuers::save(&world.app.db, &evil).await.unwrap();
    }
    let token = world.token(json!({}));
    let soon = Duration::from_secs(8);
    // Nobody's keys are known yet; then ours are, and theirs never.
    for what in ["cold", "warm"] {
        let answer = timeout(soon, world.whoami(&token)).await.expect(what);
        assert_eq!(named(&answer), "ours", "{what}");
    }
    assert_eq!(timeout(soon, world.check(&token, ("model", "gpt"), "viewer")).await.expect("check").1, json!(null));
    // The next floor: theirs are asked again.
    world.clock.advance(61);
    let token = world.token(json!({}));
    assert_eq!(named(&timeout(soon, world.whoami(&token)).await.expect("later")), "ours");
    // Who names the tenant never knew of them.
    assert_eq!(named(&world.get("/api/v1/whoami?tenant=acme", &token).await), "ours");
}

/// An issuer that may be anyone cannot be one that the tenant knows by name.
async fn a_name_that_is_somebodys_is_nobody_elses(backend: Backend) {
    let world = Trusted::new(backend).await;
    world.identity("ours", json!({})).await;
    // Without their ids, so that they are tried for whatever a token says.
    let keys = key(7).public().map(|mut key| {
        key.as_object_mut().unwrap().remove("kid");
        key
    });
    let settings =
        IssuerSettings { audience: vec![API.to_owned()], jwks: Some(json!({"keys": keys})), ..IssuerSettings::default() };
    let loose = world.trust("acme", "loose", |s| *s = settings).await;
    let rules = json!({"azp": "runner"});
    world.principal(Kind::ExternalIdentity, "anybody", Some((Source::Issuer(loose.id), rules))).await;
    let honest = world.token(json!({}));
    world.idp.turn(|knobs| knobs.signing = Signing::WrongKey);
    let token = |iss: &str| world.token(json!({"iss": iss, "azp": "runner"}));
    let ask = async |token: &str| world.get("/api/v1/whoami?tenant=acme", token).await;
    let answer = ask(&token("spiffe://acme.example")).await;
    assert_eq!((named(&answer), answer.json()["issuer"].clone()), ("anybody".to_owned(), json!("any:loose")));
    assert_eq!(named(&ask(&token(world.idp.issuer())).await), "401 JWT validation failed");
    assert_eq!(named(&ask(&honest).await), "ours", "the one whose name it is");
}
