//! Keys that the operator brings: they sign what is issued, whatever their kind.

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use gatehouse::{clock::Clock, oauth::client::SigningAlg, token::material::KeyMaterial};
use rsa::{
    RsaPrivateKey,
    pkcs8::DecodePrivateKey as _,
    traits::{PrivateKeyParts as _, PublicKeyParts as _},
};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use url::Url;

use crate::{
    browser::Browser,
    idp::{CLIENT_ID, CLIENT_SECRET, Idp},
    on_both,
    world::{Backend, START, STATE, World, decode, text},
};

on_both!(
    an_rsa_key_alone_signs_everything,
    direct_mode_signs_with_the_given_key,
    an_algorithm_without_a_given_key_has_a_made_one
);

/// A private JWKS of one RSA key, made once: making it takes long.
fn jwks() -> &'static str {
    static JWKS: OnceLock<String> = OnceLock::new();
    JWKS.get_or_init(|| {
        let made = KeyMaterial::generate(SigningAlg::RS256).unwrap();
        let key = RsaPrivateKey::from_pkcs8_der(made.pkcs8.expose_secret()).unwrap();
        let number = |n: &rsa::BigUint| B64.encode(n.to_bytes_be());
        let [p, q] = key.primes() else { panic!("two primes") };
        json!({"keys": [{"kty": "RSA", "kid": "our-own", "alg": "RS256", "use": "sig", "n": number(key.n()),
            "e": number(key.e()), "d": number(key.d()), "p": number(p), "q": number(q)}]})
        .to_string()
    })
}

fn signer(token: &str) -> (Value, Value) {
    let head = decode(token).0;
    (head["alg"].clone(), head["kid"].clone())
}

fn ours() -> (Value, Value) {
    (json!("RS256"), json!("our-own"))
}

async fn published(world: &World) -> Vec<Value> {
    Browser::new().get(&format!("{}/oauth2/jwks", world.url)).await.json()["keys"].as_array().unwrap().clone()
}

async fn an_rsa_key_alone_signs_everything(backend: Backend) {
    let world = World::with(backend, STATE, &[("JWKS", jwks())]).await;
    let tokens = world.tokens("web").await;
    for name in ["access_token", "refresh_token", "id_token"] {
        assert_eq!(signer(text(&tokens, name)), ours(), "{name}");
    }
    let access = text(&tokens, "access_token");
    assert_eq!(world.userinfo(access).await.status, 200);
    assert_eq!(world.introspect("web", access).await["active"], json!(true));
    let refreshed = world.refresh("web", text(&tokens, "refresh_token")).await;
    assert_eq!(signer(text(&refreshed.json(), "access_token")), ours());
    assert_eq!(published(&world).await.iter().filter(|k| k["kid"] == "our-own").count(), 1);
}

async fn direct_mode_signs_with_the_given_key(backend: Backend) {
    let clock = Clock::manual(START);
    let idp = Idp::start(clock.clone()).await;
    let settings = [
        ("MODE", "direct"),
        ("DIRECT_ISSUER", idp.issuer()),
        ("DIRECT_CLIENT_ID", CLIENT_ID),
        ("DIRECT_CLIENT_SECRET", CLIENT_SECRET),
        ("JWKS", jwks()),
    ];
    let world = World::bare(backend, clock, &settings).await;
    let mut browser = Browser::new();
    let landing = format!("{}/auth/callback", world.url);
    let pairs = [("tenantName", "default"), ("controlPlaneURL", &world.url), ("redirectURL", &landing)];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let begun = browser.get(&format!("{}/api/svc/v1/oauth2/authorize?{query}", world.url)).await;
    assert_eq!(begun.status, 200, "{}", begun.body);
    let there = Url::parse(text(&begun.json(), "authorizationEndpoint")).unwrap();
    let back = browser.get(idp.visit(&there).await.0.as_str()).await;
    assert!(back.location().is_some_and(|l| l.starts_with(&landing)), "{} {}", back.status, back.body);
    let access = browser.cookies["localhost"]["accessToken"].clone();
    assert_eq!(signer(&access), ours());
    assert_eq!(world.userinfo(&access).await.status, 200);
}

async fn an_algorithm_without_a_given_key_has_a_made_one(backend: Backend) {
    let world = World::with(backend, STATE, &[("JWKS", jwks()), ("ACCESS_TOKEN_ALG", "ES256")]).await;
    let tokens = world.tokens("web").await;
    let (alg, kid) = signer(text(&tokens, "access_token"));
    assert_eq!(alg, "ES256", "what was asked for");
    assert!(published(&world).await.iter().any(|k| k["kid"] == kid), "and verifiers find it");
    assert_eq!(signer(text(&tokens, "id_token")), ours());
}
