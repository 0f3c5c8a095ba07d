//! Mix-up (RFC 9700 §4.4): an evil tenant's provider sends its visitor on to an honest provider and hopes to be handed
//! the honest code. A connection with a callback URL of its own withstands it, also where the honest provider does not
//! name itself in its answers.

use std::collections::BTreeMap;

use gatehouse::clock::Clock;
use serde_json::Value;
use url::Url;

use crate::{
    browser::Browser,
    idp::{CLIENT_ID, CLIENT_SECRET, Idp, change},
    on_both,
    world::{Backend, START, World},
};

on_both!(an_evil_provider_gets_no_honest_code);

/// A provider that does not say who it is (no RFC 9207).
async fn silent() -> Idp {
    let idp = Idp::start(Clock::manual(START)).await;
    idp.turn(|k| {
        k.discovery = change(|d: &mut Value| {
            d.as_object_mut().unwrap().remove("authorization_response_iss_parameter_supported");
        });
        k.redirect = change(|a: &mut BTreeMap<String, String>| {
            a.remove("iss");
        });
    });
    idp
}

fn tenant(name: &str, idp: &Idp, own_callback: bool) -> String {
    format!(
        "- name: {name}\n  password_login: false\n  connections:\n  - {{name: idp, protocol: oidc, own_callback: {own_callback}, oidc: \
         {{issuer: \"{}\", client_id: \"{CLIENT_ID}\", client_secret: \"{CLIENT_SECRET}\"}}}}\n  clients:\n  - {{client_id: c-{name}, \
         redirect_uris: [\"https://c-{name}.example/cb\"], secret: x, trusted: true}}\n",
        idp.issuer()
    )
}

async fn an_evil_provider_gets_no_honest_code(backend: Backend) {
    let (honest, evil) = (silent().await, silent().await);
    let state = format!("tenants:\n{}{}", tenant("honest", &honest, true), tenant("evil", &evil, false));
    let world = World::with(backend, &state, &[]).await;
    let depart = async |browser: &mut Browser, client: &str| {
        let answer = browser.get(&world.authorize_url(client, &[])).await;
        Url::parse(answer.location().unwrap()).unwrap()
    };
    let get = |u: &Url, n: &str| u.query_pairs().find(|(k, _)| k == n).unwrap().1.into_owned();

    // The attacker begins at the honest tenant, the victim follows a link to the evil one, whose provider sends them on
    // to the honest provider with the attacker's challenge and nonce and the victim's state.
    let (mut attacker, mut victim) = (Browser::new(), Browser::new());
    let mine = depart(&mut attacker, "c-honest").await;
    assert_eq!(get(&mine, "redirect_uri"), format!("{}/oauth2/callback/honest/idp", world.url));
    let theirs = depart(&mut victim, "c-evil").await;
    assert_eq!(get(&theirs, "redirect_uri"), format!("{}/oauth2/callback", world.url), "shared unless it says otherwise");
    let mut crafted = mine.clone();
    let state = |(n, v): (String, String)| if n == "state" { (n, get(&theirs, "state")) } else { (n, v) };
    crafted.query_pairs_mut().clear().extend_pairs(mine.query_pairs().into_owned().map(state));
    let (back, _) = honest.visit(&crafted).await;
    assert_eq!(victim.get(back.as_str()).await.status, 400);
    assert!(evil.seen("/token").is_empty(), "the evil provider got nothing");
    // Nor does it help to send the honest code by the shared URL.
    let theirs = depart(&mut victim, "c-honest").await;
    let (back, _) = honest.visit(&theirs).await;
    let shared = back.as_str().replace("/oauth2/callback/honest/idp", "/oauth2/callback");
    assert_eq!(victim.get(&shared).await.status, 400);

    let (back, _) = honest.visit(&mine).await;
    let answer = attacker.get(back.as_str()).await;
    assert!(answer.query("code").is_some(), "an honest sign-in works: {}", answer.body);
}
