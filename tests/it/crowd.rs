//! Many people at once, and a provider or a connection that changes under them.

use std::time::Duration;

use gatehouse::secret;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    idp::{CLIENT_SECRET, Idp, change},
    on_both,
    sso::{Sso, state},
    world::{Backend, decode, text},
};

on_both!(everyone_is_themselves, keys_change_in_the_middle, a_changed_connection_takes_effect_at_once);

const PEOPLE: usize = 150;

fn address(nonce: &str) -> String {
    let name: String = secret::digest(nonce).bytes().map(|b| format!("{b:02x}")).collect();
    format!("{}@acme.example", &name[..32])
}

/// Threat O12: shared state that mixes people up.
async fn everyone_is_themselves(backend: Backend) {
    let sso = Sso::with(backend, "jit", "verified", "  password_login: false").await;
    // The provider knows each person by the nonce of their own request, so that the test can say who must come out.
    sso.idp.turn(|k| {
        k.claims = change(|claims: &mut Value| {
            let nonce = text(claims, "nonce").to_owned();
            claims["email"] = address(&nonce).into();
            claims["sub"] = nonce.into();
        });
    });
    let url = sso.authorize_url("web", &[]);
    let journeys = (0..PEOPLE).map(|_| async {
        let mut browser = Browser::new();
        let departure = browser.get(&url).await;
        let me = address(&departure.query("nonce").unwrap());
        let answer = browser.get(&sso.back(&departure).await).await;
        let tokens = sso.tokens_of(&answer).await;
        let claims = decode(text(&tokens, "id_token")).1;
        assert_eq!(text(&claims, "email"), me);
        let account = browser.get(&format!("{}/account", sso.url)).await;
        assert!(account.body.contains(&me), "{me} in {}", account.body);
        let cookie = browser.cookies["localhost"]["__Host-gatehouse"].clone();
        (text(&claims, "sub").to_owned(), text(&claims, "sid").to_owned(), cookie)
    });
    let all = tokio::time::timeout(Duration::from_secs(60), futures_util::future::join_all(journeys)).await.unwrap();
    let distinct =
        |of: fn(&(String, String, String)) -> &String| all.iter().map(of).collect::<std::collections::HashSet<_>>().len();
    assert_eq!((distinct(|p| &p.0), distinct(|p| &p.1), distinct(|p| &p.2)), (PEOPLE, PEOPLE, PEOPLE));
}

async fn keys_change_in_the_middle(backend: Backend) {
    let sso = Sso::new(backend).await;
    assert!(sso.fresh().await.query("code").is_some());
    for keep_old in [true, false] {
        sso.clock.advance(120);
        let mut browser = Browser::new();
        let departure = sso.depart(&mut browser, &sso.authorize_url("web", &[])).await;
        let back = sso.back(&departure).await;
        sso.idp.rotate(keep_old);
        let answer = browser.get(&back).await;
        assert!(answer.query("code").is_some(), "old key kept {keep_old}: {}", answer.body);
    }
    assert!(sso.idp.seen("/jwks").len() <= 3, "fetched once for each change");
}

async fn a_changed_connection_takes_effect_at_once(backend: Backend) {
    let sso = Sso::new(backend).await;
    let other_node = sso.second_node().await;
    let file = |idp: &Idp, secret: &str| state(idp, "jit", "verified", "").replace(CLIENT_SECRET, secret);
    assert!(sso.fresh().await.query("code").is_some());
    sso.apply(&file(&sso.idp, "a new secret that the provider does not know")).await;
    let refused = sso.fresh().await;
    assert_eq!((refused.status, refused.location()), (502, None), "{}", refused.body);
    sso.apply(&file(&sso.idp, CLIENT_SECRET)).await;
    assert!(sso.fresh().await.query("code").is_some(), "and back");

    // To another provider, while somebody is away at the first one.
    let mut away = Browser::new();
    let departure = sso.depart(&mut away, &sso.authorize_url("web", &[])).await;
    let back = sso.back(&departure).await;
    let moved = Idp::start(sso.clock.clone()).await;
    moved.person(|p| {
        p["sub"] = json!("moved|ada");
        p["email"] = json!("ada@moved.example");
    });
    sso.apply(&file(&moved, CLIENT_SECRET)).await;
    let late = away.get(&back).await;
    assert_eq!((late.status, late.location()), (400, None), "the first provider's answer counts no more: {}", late.body);
    let moved = Sso { world: other_node, idp: moved };
    // Cookies know hosts, not ports: the other node is asked directly.
    let url = moved.authorize_url("web", &[]);
    let mut browser = Browser::new();
    let departure = moved.depart(&mut browser, &url).await;
    let back = moved.back(&departure).await;
    let answer = browser.get(&back).await;
    let tokens = sso.tokens_of(&answer).await;
    assert_eq!(text(&decode(text(&tokens, "id_token")).1, "email"), "ada@moved.example");
    sso.apply(&format!("{}\n", file(&moved.idp, CLIENT_SECRET).replace("Sign in with Okta", "Sign in with the new one"))).await;
    let mut browser = Browser::new();
    let answer = browser.get(&url).await;
    assert!(browser.follow(answer).await.body.contains("Sign in with the new one"), "on the other node as well");
}
