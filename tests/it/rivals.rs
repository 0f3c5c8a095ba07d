//! Two tenants that know one issuer: neither can take the answer, or the time, from those who call the other.

use std::time::Duration;

use gatehouse::{
    policy::{
        principal::Kind,
        trusted_issuer::{Introspection, IntrospectionAuth, IssuerSettings},
    },
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

on_both!(
    keys_that_never_come_delay_nobody_else,
    whose_keys_cannot_be_had_may_be_meant,
    an_answer_is_no_guess_cold_or_warm,
    whom_an_issuer_must_be_asked_for_is_nobody_elses,
    a_name_that_is_somebodys_is_nobody_elses
);

/// What a caller is told who must name the tenant.
const NAME_IT: &str = "400 several tenants accept this token; name one with tenant=";

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
    let usual = world.issuer("acme", "idp").await.settings;
    let silent = async |audience: &str| {
        for n in 0..6 {
            let (audience, jwks_uri) = (vec![audience.to_owned()], Some(format!("{silent}/{n}")));
            let settings = IssuerSettings { audience, jwks_uri, ..usual.clone() };
            let (id, name) = (format!("0-{n}"), format!("evil-{n}"));
            // Made first, so that theirs would be asked first.
            let tenant_id = tenant.clone();
            let evil = TrustedIssuer { id, tenant_id, name, enabled: true, settings, secrets_sealed: None, created_at: 1 };
            trusted_issuers::save(&world.app.db, &evil).await.unwrap();
        }
    };
    let soon = Duration::from_secs(8);
    // For whom the token is not, is not asked.
    silent("https://elsewhere.example").await;
    let token = world.token(json!({}));
    for what in ["cold", "warm"] {
        assert_eq!(named(&timeout(soon, world.whoami(&token)).await.expect(what)), "ours", "{what}");
    }
    assert_eq!(timeout(soon, world.check(&token, ("model", "gpt"), "viewer")).await.expect("check").1, json!(null));
    // Who might be meant, and cannot say, leaves it open whose the token is: soon, and on the next floor as well.
    silent(API).await;
    for what in ["first", "again", "later"] {
        let token = world.token(json!({}));
        assert_eq!(named(&timeout(soon, world.whoami(&token)).await.expect(what)), NAME_IT, "{what}");
        // Who names the tenant never knew of them.
        assert_eq!(named(&world.get("/api/v1/whoami?tenant=acme", &token).await), "ours");
        world.clock.advance(if what == "again" { 61 } else { 0 });
    }
}

/// Whoever cannot look leaves it open whose the token is, also when they say so at once.
async fn whose_keys_cannot_be_had_may_be_meant(backend: Backend) {
    let world = Trusted::new(backend).await;
    world.identity("ours", json!({})).await;
    let theirs = world.trust("other", "theirs", |s| s.jwks_uri = Some(format!("{}/no-such-keys", world.idp.issuer()))).await;
    let token = world.token(json!({}));
    assert_eq!(world.name(&token).await, NAME_IT);
    assert_eq!(named(&world.get("/api/v1/whoami?tenant=acme", &token).await), "ours", "the honest twins");
    let settings = IssuerSettings { audience: vec!["https://elsewhere.example".to_owned()], ..theirs.settings.clone() };
    trusted_issuers::save(&world.app.db, &TrustedIssuer { settings, ..theirs }).await.unwrap();
    assert_eq!(world.name(&token).await, "ours");
}

/// Keys that are written down are at hand before any others are fetched.
async fn an_answer_is_no_guess_cold_or_warm(backend: Backend) {
    let world = Trusted::new(backend).await;
    world.identity("ours", json!({})).await;
    let copied = async |keys: usize, audience: &str| {
        let (jwks, audience) = (json!({"keys": key(keys).public()}), audience.to_owned());
        world
            .trust("other", &audience.replace("https://", ""), |s| {
                (s.jwks_uri, s.jwks, s.audience) = (None, Some(jwks), vec![audience.clone()]);
            })
            .await
    };
    let theirs = copied(0, API).await;
    let (token, resource) = (world.token(json!({})), json!({"type": "model", "name": "gpt"}));
    for what in ["cold", "warm"] {
        assert_eq!(named(&world.whoami(&token).await), NAME_IT, "{what}");
        let check = world.post("/api/v1/access/check", &token, &json!({"resource": resource, "role": "viewer"})).await;
        assert_eq!(check.status, 400, "{what} {}", check.body);
        assert_eq!(named(&world.get("/api/v1/whoami?tenant=acme", &token).await), "ours", "{what}");
    }
    trusted_issuers::delete(&world.app.db, &theirs.id).await.unwrap();
    // Whose keys have not signed it, or for whom it is not, is not meant.
    copied(7, API).await;
    copied(0, "https://elsewhere.example").await;
    assert_eq!(named(&world.whoami(&token).await), "ours");
    let both = world.token(json!({"aud": [API, "https://elsewhere.example"]}));
    assert_eq!(named(&world.whoami(&both).await), NAME_IT);
}

/// An issuer that says itself of which tokens it is.
async fn whom_an_issuer_must_be_asked_for_is_nobody_elses(backend: Backend) {
    let world = Trusted::new(backend).await;
    let iss = "https://opaque.example";
    let keyed = |s: &mut IssuerSettings| {
        let jwks = Some(json!({"keys": key(0).public()}));
        *s = IssuerSettings { issuer: Some(iss.to_owned()), jwks_uri: None, jwks, ..s.clone() };
    };
    let ours = Source::Issuer(world.trust("acme", "keyed", keyed).await.id);
    world.principal(Kind::ExternalIdentity, "ours", Some((ours, json!({})))).await;
    let token = world.token(json!({"iss": iss}));
    assert_eq!(named(&world.whoami(&token).await), "ours", "alone");
    let endpoint = format!("{}/introspect", world.idp.issuer());
    let introspection = Introspection { endpoint, auth: IntrospectionAuth::None, ..Introspection::default() };
    world
        .trust("other", "asked", |s| {
            keyed(s);
            (s.jwks, s.introspection) = (None, Some(introspection));
        })
        .await;
    assert_eq!(named(&world.whoami(&token).await), NAME_IT);
    assert_eq!(named(&world.get("/api/v1/whoami?tenant=acme", &token).await), "ours");
    assert_eq!(world.idp.seen("/introspect").len(), 0, "nobody is asked for a tenant that is not named");
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
