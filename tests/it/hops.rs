//! The control-plane hops, as promised: JSON with `authorizationEndpoint`, 201 with both cookies, refresh and sign-out
//! on the same family, and nothing for a browser that did not begin.

use serde_json::{Value, json};
use url::Url;

use crate::{
    browser::{Answer, Browser},
    on_both,
    world::{Backend, World, decode, text},
};

on_both!(the_whole_journey, only_the_browser_that_began, wrong_words_are_refused, lifetimes_are_the_tenants, two_tabs);

const REDIRECT: &str = "https://app.example/cb";

fn begin_url(world: &World, tenant: &str, redirect: &str) -> String {
    let pairs = [("tenantName", tenant), ("controlPlaneURL", "https://app.example"), ("redirectURL", redirect)];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{}/api/svc/v1/oauth2/authorize?{query}", world.url)
}

async fn begin(world: &World, browser: &mut Browser) -> Answer {
    let answer = browser.get(&begin_url(world, "acme", REDIRECT)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    browser.sign_in_at(world, text(&answer.json(), "authorizationEndpoint")).await
}

impl Browser {
    async fn sign_in_at(&mut self, world: &World, url: &str) -> Answer {
        world.sign_in(self, url, "ada@acme.example", "correct horse").await
    }
}

fn redemption(code: &str) -> Value {
    json!({"tenantName": "acme", "code": code, "grantType": "authorization_code", "redirectURI": REDIRECT})
}

fn token_url(world: &World) -> String {
    format!("{}/api/svc/v1/oauth2/token", world.url)
}

fn cookie<'a>(lines: &'a [String], name: &str) -> &'a str {
    lines.iter().find(|l| l.starts_with(&format!("{name}="))).unwrap_or_else(|| panic!("no {name} in {lines:?}"))
}

async fn the_whole_journey(backend: Backend) {
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    let first = browser.get(&begin_url(&world, "acme", REDIRECT)).await;
    let body = first.json();
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["authorizationEndpoint"]);
    let endpoint = Url::parse(text(&body, "authorizationEndpoint")).unwrap();
    assert!(endpoint.as_str().starts_with(&format!("{}/oauth2/authorize?client_id=web&response_type=code&scope=openid+email+profile+offline_access&redirect_uri=https%3A%2F%2Fapp.example%2Fcb", world.url)), "{endpoint}");

    let back = browser.sign_in_at(&world, endpoint.as_str()).await;
    assert!(back.location().unwrap().starts_with("https://app.example/cb?code="));
    assert_eq!(back.query("userState").as_deref(), Some("Authenticated"));
    let answer = browser
        .post_json(&token_url(&world), &[("origin", "https://app.example")], &redemption(&back.query("code").unwrap()))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let lines = answer.cookie_lines();
    for (name, seconds) in [("accessToken", 86_400), ("refreshToken", 604_800)] {
        let line = cookie(&lines, name);
        for attribute in ["HttpOnly", "Path=/", &format!("Max-Age={seconds}"), "Secure", "SameSite=Lax", "Expires="] {
            assert!(line.contains(attribute), "{attribute} in {line}");
        }
    }
    let access = browser.cookies["localhost"]["accessToken"].clone();
    assert_eq!(decode(&access).0["typ"], json!("at+jwt"));
    assert_eq!(world.userinfo(&access).await.status, 200);
    assert!(!answer.body.contains(&access), "tokens travel in cookies only");

    world.clock.advance(5);
    let refreshed = browser
        .post_json(
            &token_url(&world),
            &[("origin", "https://app.example")],
            &json!({"tenantName": "acme", "grantType": "refresh_token"}),
        )
        .await;
    assert_eq!(refreshed.status, 201, "{}", refreshed.body);
    assert!(cookie(&refreshed.cookie_lines(), "refreshToken").contains("Max-Age=604800"));
    let newer = browser.cookies["localhost"]["accessToken"].clone();
    assert_ne!(newer, access);

    let before_sign_out = browser.clone();
    browser.cookies.get_mut("localhost").unwrap().remove("__Host-gatehouse");
    let signed_out = browser
        .post_json(
            &format!("{}/api/svc/v1/oauth2/logout", world.url),
            &[("origin", "https://app.example")],
            &json!({"tenantName": "acme"}),
        )
        .await;
    assert_eq!(signed_out.status, 200, "{}", signed_out.body);
    assert!(
        !browser.cookies["localhost"].contains_key("accessToken") && !browser.cookies["localhost"].contains_key("refreshToken")
    );
    assert_eq!(world.userinfo(&newer).await.status, 401, "the family has ended");
    let mut elsewhere = before_sign_out;
    assert_eq!(
        elsewhere.get(&world.authorize_url("web", &[("prompt", "none")])).await.query("error").as_deref(),
        Some("login_required"),
        "also where the session's cookie is another host's"
    );
    let silent = browser.get(&world.authorize_url("web", &[("prompt", "none")])).await;
    assert_eq!(silent.query("error").as_deref(), Some("login_required"), "the session on this host has ended too");
}

async fn only_the_browser_that_began(backend: Backend) {
    let world = World::new(backend).await;
    let mut attacker = Browser::new();
    let code = begin(&world, &mut attacker).await.query("code").unwrap();
    let mut victim = Browser::new();
    let stranger = victim.post_json(&token_url(&world), &[], &redemption(&code)).await;
    assert_eq!(text(&stranger.json(), "error"), "invalid_grant", "without the cookie");
    begin(&world, &mut victim).await;
    let injected = victim.post_json(&token_url(&world), &[], &redemption(&code)).await;
    assert_eq!(text(&injected.json(), "error"), "invalid_grant", "with a cookie of another sign-in");
    assert!(injected.cookie_lines().is_empty());

    let code = begin(&world, &mut attacker).await.query("code").unwrap();
    let foreign = attacker.post_json(&token_url(&world), &[("origin", "https://evil.example")], &redemption(&code)).await;
    assert_eq!(text(&foreign.json(), "error"), "invalid_request", "from a foreign page");
    let own = attacker.post_json(&token_url(&world), &[("origin", "https://app.example")], &redemption(&code)).await;
    assert_eq!(own.status, 201, "a refusal before the grant leaves the code good: {}", own.body);
    // A code of a plain authorization request has no challenge, so the hop cannot redeem it.
    let plain = world.code("web", &[]).await;
    begin(&world, &mut attacker).await;
    let answer = attacker.post_json(&token_url(&world), &[], &redemption(&plain)).await;
    assert_eq!(text(&answer.json(), "error"), "invalid_grant", "stripped PKCE");
}

async fn wrong_words_are_refused(backend: Backend) {
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    for (tenant, redirect) in
        [("acme", "https://evil.example/cb"), ("nobody", REDIRECT), ("other", REDIRECT), ("acme", "https://foreign.example/cb")]
    {
        let answer = browser.get(&begin_url(&world, tenant, redirect)).await;
        assert_eq!((answer.status, text(&answer.json(), "error")), (400, "invalid_request"), "{tenant} {redirect}");
    }
    let url = token_url(&world);
    let form = browser.post(&url, &[("tenantName", "acme"), ("grantType", "refresh_token")]).await;
    assert_eq!(text(&form.json(), "error"), "invalid_request", "a form");
    for body in [json!({}), json!({"tenantName": "acme"}), json!({"tenantName": 1, "grantType": "x"}), json!([])] {
        assert_eq!(text(&browser.post_json(&url, &[], &body).await.json(), "error"), "invalid_request", "{body}");
    }
    let unknown = browser.post_json(&url, &[], &json!({"tenantName": "acme", "grantType": "password"})).await;
    assert_eq!(text(&unknown.json(), "error"), "unsupported_grant_type");
    let none = browser.post_json(&url, &[], &json!({"tenantName": "acme", "grantType": "refresh_token"})).await;
    assert_eq!(text(&none.json(), "error"), "invalid_grant", "no cookie");
}

async fn lifetimes_are_the_tenants(backend: Backend) {
    let world = World::new(backend).await;
    world.sql("UPDATE tenants SET access_token_lifetime = 600, refresh_token_lifetime = 7200 WHERE name = 'acme'").await;
    let mut browser = Browser::new();
    let code = begin(&world, &mut browser).await.query("code").unwrap();
    let answer = browser.post_json(&token_url(&world), &[], &redemption(&code)).await;
    let lines = answer.cookie_lines();
    assert!(cookie(&lines, "accessToken").contains("Max-Age=600") && cookie(&lines, "refreshToken").contains("Max-Age=7200"));
}

async fn two_tabs(backend: Backend) {
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    let endpoints =
        [browser.get(&begin_url(&world, "acme", REDIRECT)).await, browser.get(&begin_url(&world, "acme", REDIRECT)).await];
    let mut backs = Vec::new();
    for endpoint in &endpoints {
        backs.push(browser.sign_in_at(&world, text(&endpoint.json(), "authorizationEndpoint")).await);
    }
    for back in backs.iter().rev() {
        let mut body = redemption(&back.query("code").unwrap());
        body["state"] = json!(back.query("state").unwrap());
        let answer = browser.post_json(&token_url(&world), &[], &body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    assert!(!browser.cookies["localhost"].keys().any(|k| k.contains("-hop-")), "finished sign-ins leave no cookie");
    for _ in 0..20 {
        browser.get(&begin_url(&world, "acme", REDIRECT)).await;
    }
    let under_way = browser.cookies["localhost"].keys().filter(|k| k.contains("-hop-")).count();
    assert_eq!(under_way, 5, "and unfinished ones do not pile up");
}
