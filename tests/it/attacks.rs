//! Attacks on what lies between the parts: a consent or a proof that changes hands, a limit turned against the people it
//! protects, a switch that one path overlooks. Each has its honest twin.

use serde_json::json;

use crate::{
    browser::{Answer, Browser},
    idp::{CLIENT_ID, CLIENT_SECRET, Idp, change},
    on_both,
    world::{Backend, START, STATE, World, text},
};
use gatehouse::{clock::Clock, store};

on_both!(
    a_consent_is_the_persons_who_gave_it,
    a_proof_is_the_sessions_that_gave_it,
    a_slow_consent_is_not_a_stale_sign_in,
    an_exhausted_address_shuts_nobody_out,
    successes_do_not_exhaust_an_address,
    a_hop_refreshes_only_for_clients_that_may,
    what_a_client_lost_is_not_refreshed,
    a_direct_login_gives_no_code,
    an_absurd_auth_time_is_refused,
);

fn with_bob() -> String {
    let bob = "  - {email: bob@acme.example, name: Bob, password: \"correct horse\", active: true}\n- name: other";
    STATE.replace("- name: other", bob)
}

/// The consent action of a login whose page, of whatever kind, this is.
fn login_of(page: &Answer) -> String {
    let here = url::Url::parse(&page.url).unwrap();
    let in_path = here.path().strip_prefix("/login/").and_then(|rest| rest.split('/').next()).map(str::to_owned);
    in_path.unwrap_or_else(|| page.body.split("action=\"/login/").nth(1).unwrap().split('/').next().unwrap().to_owned())
}

async fn a_consent_is_the_persons_who_gave_it(backend: Backend) {
    let world = World::with(backend, &with_bob(), &[]).await;
    let mut browser = Browser::new();
    world.sign_in(&mut browser, &world.authorize_url("web", &[]), "ada@acme.example", "correct horse").await;
    let page = browser.get(&world.authorize_url("foreign", &[("prompt", "login")])).await;
    let page = browser.follow(page).await;
    let consent = format!("{}/login/{}/consent", world.url, login_of(&page));
    let early = browser.post(&consent, &[("csrf", &page.csrf()), ("decision", "allow")]).await;
    assert!(early.query("code").is_none(), "Ada has not signed in again");
    let bob = world.password(&mut browser, &page, "bob@acme.example", "correct horse").await;
    assert!(bob.query("code").is_none(), "Bob was never asked: {:?}", bob.location());
    assert!(bob.body.contains("bob@acme.example") && bob.body.contains("Foreign"), "{}", bob.body);
    let allowed = browser.post(&consent, &[("csrf", &bob.csrf()), ("decision", "allow")]).await;
    assert!(allowed.query("code").is_some(), "and when he is, he may: {}", allowed.body);
}

async fn a_proof_is_the_sessions_that_gave_it(backend: Backend) {
    let world = World::with(backend, &with_bob(), &[]).await;
    let mut browser = Browser::new();
    world.sign_in(&mut browser, &world.authorize_url("web", &[]), "ada@acme.example", "correct horse").await;
    let ada = browser.cookies["localhost"]["__Host-gatehouse"].clone();
    let page = browser.get(&world.authorize_url("foreign", &[("prompt", "login")])).await;
    let page = browser.follow(page).await;
    let again = format!("{}/oauth2/authorize?login={}", world.url, login_of(&page));
    // Whoever sits at Ada's browser proves who they themselves are, and puts her session back.
    browser.cookies.get_mut("localhost").unwrap().remove("__Host-gatehouse");
    let mallory = world.password(&mut browser, &page, "bob@acme.example", "correct horse").await;
    assert_eq!(mallory.status, 200, "Bob is asked for consent: {}", mallory.body);
    let bob = browser.cookies["localhost"]["__Host-gatehouse"].clone();
    browser.cookies.get_mut("localhost").unwrap().insert("__Host-gatehouse".into(), ada);
    let answer = browser.get(&again).await;
    assert!(answer.location().is_some_and(|l| l.starts_with("/login/")), "Ada proved nothing here: {}", answer.body);
    browser.cookies.get_mut("localhost").unwrap().insert("__Host-gatehouse".into(), bob);
    let honest = browser.get(&again).await;
    assert!(honest.body.contains("bob@acme.example"), "Bob did: {}", honest.body);
}

async fn a_slow_consent_is_not_a_stale_sign_in(backend: Backend) {
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    let url = world.authorize_url("foreign", &[("max_age", "0")]);
    let page = world.sign_in(&mut browser, &url, "ada@acme.example", "correct horse").await;
    world.clock.advance(30);
    let consent = format!("{}/login/{}/consent", world.url, login_of(&page));
    let allowed = browser.post(&consent, &[("csrf", &page.csrf()), ("decision", "allow")]).await;
    assert!(allowed.query("code").is_some(), "she signed in within this very login: {:?}", allowed.location());
    let stale = browser.get(&url).await;
    assert!(stale.location().is_some_and(|l| l.starts_with("/login/")), "another login asks anew");
}

/// Counts attempts from the address of all test browsers.
async fn exhaust(world: &World, attempts: usize) {
    let key = world.app.sealer.fingerprint("throttle/address", "127.0.0.1");
    for _ in 0..attempts {
        store::throttles::count(&world.app.db, &key, 900, world.clock.now()).await.unwrap();
    }
}

async fn an_exhausted_address_shuts_nobody_out(backend: Backend) {
    let world = World::new(backend).await;
    let url = world.authorize_url("web", &[("prompt", "login")]);
    let mut owner = Browser::new();
    world.sign_in(&mut owner, &url, "ada@acme.example", "correct horse").await;
    exhaust(&world, 100).await;
    let mut attacker = Browser::new();
    let page = attacker.get(&url).await;
    let page = attacker.follow(page).await;
    let action = format!("{}/login/{}/password", world.url, login_of(&page));
    for _ in 0..12 {
        let guess = [("csrf", page.csrf()), ("email", "ada@acme.example".into()), ("password", "wrong".into())];
        let guess: Vec<(&str, &str)> = guess.iter().map(|(n, v)| (*n, v.as_str())).collect();
        assert_eq!(attacker.post(&action, &guess).await.status, 429, "the address has had its share");
    }
    let again = world.sign_in(&mut owner, &url, "ada@acme.example", "correct horse").await;
    assert!(
        again.query("code").is_some(),
        "a browser that the account knows does not share the address's limit: {}",
        again.status
    );
    let key = world.app.sealer.fingerprint("throttle/address", "127.0.0.1");
    store::throttles::clear(&world.app.db, &key).await.unwrap();
    let elsewhere = world.sign_in(&mut Browser::new(), &url, "ada@acme.example", "correct horse").await;
    assert!(elsewhere.query("code").is_some(), "what was refused was no attempt on the account: {}", elsewhere.status);
}

async fn successes_do_not_exhaust_an_address(backend: Backend) {
    let world = World::new(backend).await;
    exhaust(&world, 98).await;
    for colleague in 0..4 {
        let answer =
            world.sign_in(&mut Browser::new(), &world.authorize_url("web", &[]), "ada@acme.example", "correct horse").await;
        assert!(answer.query("code").is_some(), "sign-in {colleague} of one office: {}", answer.status);
    }
    let url = world.authorize_url("web", &[]);
    let wrong = async || world.sign_in(&mut Browser::new(), &url, "nobody@acme.example", "wrong").await.status;
    assert_eq!((wrong().await, wrong().await, wrong().await), (422, 422, 429), "failures do");
}

async fn a_hop_refreshes_only_for_clients_that_may(backend: Backend) {
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    let redirect = "https://app.example/cb";
    let begin = format!("{}/api/svc/v1/oauth2/authorize?tenantName=acme&redirectURL={redirect}", world.url);
    let endpoint = browser.get(&begin).await.json();
    let back = world.sign_in(&mut browser, text(&endpoint, "authorizationEndpoint"), "ada@acme.example", "correct horse").await;
    let body =
        json!({"tenantName": "acme", "code": back.query("code"), "grantType": "authorization_code", "redirectURI": redirect});
    let token = format!("{}/api/svc/v1/oauth2/token", world.url);
    assert_eq!(browser.post_json(&token, &[], &body).await.status, 201);
    let refresh = json!({"tenantName": "acme", "grantType": "refresh_token"});
    assert_eq!(browser.post_json(&token, &[], &refresh).await.status, 201);
    world.sql("UPDATE clients SET settings = REPLACE(settings, ',\"refresh_token\"', '') WHERE id = 'web'").await;
    let refused = browser.post_json(&token, &[], &refresh).await;
    assert_eq!((refused.status, text(&refused.json(), "error")), (400, "unauthorized_client"));
}

async fn what_a_client_lost_is_not_refreshed(backend: Backend) {
    let world = World::new(backend).await;
    let tokens = world.tokens("web").await;
    let one = world.redeem("api", &world.code("api", &[("resource", "https://one.example")]).await).await.json();
    let two = world.redeem("api", &world.code("api", &[("resource", "https://two.example")]).await).await.json();
    world.sql("UPDATE clients SET settings = REPLACE(settings, '\"email\",', '') WHERE id = 'web'").await;
    world.sql("UPDATE clients SET settings = REPLACE(settings, '\"https://one.example\",', '') WHERE id = 'api'").await;
    let narrower = world.refresh("web", text(&tokens, "refresh_token")).await.json();
    assert_eq!(text(&narrower, "scope"), "openid profile offline_access", "the operator took email from the client");
    let refused = world.refresh("api", text(&one, "refresh_token")).await;
    assert_eq!(text(&refused.json(), "error"), "invalid_target", "and one.example from this one");
    assert_eq!(world.refresh("api", text(&two, "refresh_token")).await.status, 200, "which keeps two.example");
}

/// A deployment in direct mode, its provider, and where the control plane is returned to.
async fn direct(backend: Backend) -> (World, Idp, String) {
    let idp = Idp::start(Clock::manual(START)).await;
    let settings = [
        ("MODE", "direct"),
        ("DIRECT_ISSUER", idp.issuer()),
        ("DIRECT_CLIENT_ID", CLIENT_ID),
        ("DIRECT_CLIENT_SECRET", CLIENT_SECRET),
    ];
    let world = World::with(backend, STATE, &settings).await;
    let begin = format!("{0}/api/svc/v1/oauth2/authorize?tenantName=default&redirectURL={0}/auth/callback", world.url);
    (world, idp, begin)
}

async fn arrive(browser: &mut Browser, idp: &Idp, begin: &str) -> Answer {
    let first = browser.get(begin).await;
    assert_eq!(first.status, 200, "{}", first.body);
    let (back, _) = idp.visit(&text(&first.json(), "authorizationEndpoint").parse().unwrap()).await;
    browser.get(back.as_str()).await
}

async fn a_direct_login_gives_no_code(backend: Backend) {
    let (world, idp, begin) = direct(backend).await;
    let mut browser = Browser::new();
    idp.turn(|k| {
        k.redirect = change(|answer: &mut std::collections::BTreeMap<String, String>| {
            answer.remove("code");
            answer.insert("error".into(), "access_denied".into());
        });
    });
    let failed = arrive(&mut browser, &idp, &begin).await;
    let unfinished = failed.body.split("/login/").nth(1).expect("a way to try again").split('"').next().unwrap().to_owned();
    idp.turn(|k| k.redirect = None);
    let landed = arrive(&mut browser, &idp, &begin).await;
    assert!(browser.cookies["localhost"].contains_key("accessToken"), "{} {}", landed.status, landed.body);
    let mut other = Browser { cookies: browser.cookies.clone() };
    other.cookies.get_mut("localhost").unwrap().remove("accessToken");
    let answer = other.get(&format!("{}/oauth2/authorize?login={unfinished}", world.url)).await;
    assert!(answer.query("code").is_none(), "a public client's code without PKCE: {:?}", answer.location());
    assert!(other.cookies["localhost"].contains_key("accessToken"), "a direct login ends as it was begun");
}

async fn an_absurd_auth_time_is_refused(backend: Backend) {
    let (_world, idp, begin) = direct(backend).await;
    let mut browser = Browser::new();
    for absurd in [i64::MIN, -1, i64::MAX] {
        idp.turn(|k| k.claims = change(move |claims: &mut serde_json::Value| claims["auth_time"] = json!(absurd)));
        let answer = arrive(&mut browser, &idp, &begin).await;
        assert_eq!(answer.status, 400, "{absurd}: {}", answer.body);
    }
    idp.turn(|k| k.claims = None);
    assert_eq!(arrive(&mut browser, &idp, &begin).await.status, 302, "the honest twin");
}
