//! Direct mode: gatehouse on the control plane's own host, the browser straight to the one provider and back with its
//! cookies set, tokens signed with the imported key.

use gatehouse::clock::Clock;
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    idp::{CLIENT_ID, CLIENT_SECRET, Idp},
    on_both,
    sso::{Log, Sso},
    world::{Backend, START, World, decode, text},
};

on_both!(the_whole_journey, only_the_browser_that_began, the_deactivated_stay_out, the_imported_key_signs_at_once);

/// RFC 7515 A.3, RFC 8037 A.1.
const JWKS: &str = r#"{"keys": [
    {"kty": "EC", "crv": "P-256", "kid": "mine", "use": "sig", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
     "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}]}"#;

async fn direct(backend: Backend) -> Sso {
    let clock = Clock::manual(START);
    let idp = Idp::start(clock.clone()).await;
    let settings = [
        ("MODE", "direct"),
        ("DIRECT_ISSUER", idp.issuer()),
        ("DIRECT_CLIENT_ID", CLIENT_ID),
        ("DIRECT_CLIENT_SECRET", CLIENT_SECRET),
        ("JWKS", JWKS),
        ("OUTBOUND_ALLOW", idp.issuer().trim_start_matches("http://")),
    ];
    let world = World::bare(backend, clock, &settings).await;
    Sso { world, idp }
}

fn cp(sso: &Sso) -> String {
    format!("{}/auth/callback", sso.url)
}

async fn begin(sso: &Sso, browser: &mut Browser) -> String {
    let pairs = [("tenantName", "default"), ("controlPlaneURL", &sso.url), ("redirectURL", &cp(sso))];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let answer = browser.get(&format!("{}/api/svc/v1/oauth2/authorize?{query}", sso.url)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json().as_object().unwrap().len(), 1);
    text(&answer.json(), "authorizationEndpoint").to_owned()
}

async fn sign_in(sso: &Sso, browser: &mut Browser) -> Answer {
    let url = begin(sso, browser).await;
    assert!(url.starts_with(&format!("{}/authorize?", sso.idp.issuer())), "the provider's own address: {url}");
    let back = sso.idp.visit(&url::Url::parse(&url).unwrap()).await.0;
    browser.get(back.as_str()).await
}

async fn hop(sso: &Sso, browser: &mut Browser, which: &str, mut body: Value) -> Answer {
    body["tenantName"] = json!("default");
    browser.post_json(&format!("{}/api/svc/v1/oauth2/{which}", sso.url), &[("origin", &sso.url)], &body).await
}

async fn the_whole_journey(backend: Backend) {
    let sso = direct(backend).await;
    let log = Log::capture();
    let mut browser = Browser::new();
    let answer = sign_in(&sso, &mut browser).await;
    assert_eq!(answer.status, 302, "{}", answer.body);
    assert_eq!(answer.location(), Some(format!("{}?userState=Authenticated", cp(&sso)).as_str()));
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-cache, no-store"), Some("no-cache")));
    let lines = answer.cookie_lines();
    for (name, seconds) in [("accessToken", 86_400), ("refreshToken", 604_800)] {
        let line = lines.iter().find(|l| l.starts_with(&format!("{name}="))).unwrap_or_else(|| panic!("{name} in {lines:?}"));
        for attribute in ["HttpOnly", "Path=/", "Secure", "SameSite=Lax", &format!("Max-Age={seconds}")] {
            assert!(line.contains(attribute), "{attribute} in {line}");
        }
    }
    let access = browser.cookies["localhost"]["accessToken"].clone();
    let (header, claims) = decode(&access);
    assert_eq!((text(&header, "kid"), text(&claims, "email"), text(&claims, "tenant")), ("mine", "ada@acme.example", "default"));
    assert_eq!(sso.userinfo(&access).await.status, 200);

    sso.clock.advance(5);
    let refreshed = hop(&sso, &mut browser, "token", json!({"grantType": "refresh_token"})).await;
    assert_eq!(refreshed.status, 201, "{}", refreshed.body);
    let newer = browser.cookies["localhost"]["accessToken"].clone();
    assert_ne!(newer, access);
    let out = hop(&sso, &mut browser, "logout", json!({})).await;
    assert_eq!(out.status, 200, "{}", out.body);
    assert_eq!(sso.userinfo(&newer).await.status, 401);
    assert!(!browser.cookies["localhost"].contains_key("refreshToken"));
    assert_eq!(browser.get(&format!("{}/account", sso.url)).await.status, 401, "the session on this host has ended too");

    assert!(!log.text().contains("private address"), "nothing but the provider was called, and nothing else may be");
}

async fn only_the_browser_that_began(backend: Backend) {
    let sso = direct(backend).await;
    let (mut victim, mut attacker) = (Browser::new(), Browser::new());
    begin(&sso, &mut attacker).await;
    let url = begin(&sso, &mut victim).await;
    let back = sso.idp.visit(&url::Url::parse(&url).unwrap()).await.0;
    for thief in [&mut attacker, &mut Browser::new()] {
        let answer = thief.get(back.as_str()).await;
        assert_eq!((answer.status, answer.location()), (400, None));
        assert!(answer.cookie_lines().iter().all(|l| !l.starts_with("accessToken=")));
    }
    assert_eq!(victim.get(back.as_str()).await.status, 302, "not burnt");
    let elsewhere = [("tenantName", "default"), ("redirectURL", "https://evil.example/auth/callback")];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(elsewhere).finish();
    let answer = Browser::new().get(&format!("{}/api/svc/v1/oauth2/authorize?{query}", sso.url)).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    // The provider's error ends on a page whose way on works.
    let mut browser = Browser::new();
    let url = begin(&sso, &mut browser).await;
    let state = url::Url::parse(&url).unwrap().query_pairs().find(|(n, _)| n == "state").unwrap().1.into_owned();
    let query = [("error", "access_denied"), ("state", &state), ("iss", sso.idp.issuer())];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let page = browser.get(&format!("{}/oauth2/callback?{query}", sso.url)).await;
    assert_eq!(page.status, 403, "{}", page.body);
    let again = page.body.split("href=\"").find(|p| p.starts_with("/login/")).unwrap().split('"').next().unwrap().to_owned();
    let page = browser.get(&format!("{}{again}", sso.url)).await;
    let departure = browser.post(&page.url, &[("csrf", &page.csrf()), ("connection", "direct")]).await;
    let answer = browser.get(&sso.back(&departure).await).await;
    assert_eq!(answer.location(), Some(format!("{}?userState=Authenticated", cp(&sso)).as_str()));
}

async fn the_deactivated_stay_out(backend: Backend) {
    let sso = direct(backend).await;
    let mut browser = Browser::new();
    sign_in(&sso, &mut browser).await;
    sso.sql("UPDATE users SET active = FALSE WHERE email = 'ada@acme.example'").await;
    let answer = sign_in(&sso, &mut Browser::new()).await;
    assert_eq!((answer.status, answer.location()), (403, None));
    assert!(answer.body.contains("deactivated") && answer.cookie_lines().iter().all(|l| !l.contains("Token=")));
    let refreshed = hop(&sso, &mut browser, "token", json!({"grantType": "refresh_token"})).await;
    assert_eq!(text(&refreshed.json(), "error"), "invalid_grant");
}

async fn the_imported_key_signs_at_once(backend: Backend) {
    let sso = direct(backend).await;
    let keys = Browser::new().get(&format!("{}/oauth2/jwks", sso.url)).await.json();
    let es256: Vec<_> = keys["keys"].as_array().unwrap().iter().filter(|k| k["alg"] == "ES256").map(|k| text(k, "kid")).collect();
    assert_eq!(es256, ["mine"], "none was made beside it");
    for alg in ["RS256", "EdDSA"] {
        assert!(keys["keys"].as_array().unwrap().iter().any(|k| k["alg"] == alg), "{alg} was made: none was imported");
    }
    assert!(!keys.to_string().contains("jpsQnnGQmL"), "public halves only");
    // A database that has made its own key before takes the imported one over at once as well.
    let world = World::new(backend).await;
    let policy = gatehouse::app::rotation_policy(&world.app.settings);
    let app = &world.app;
    for _ in 0..2 {
        gatehouse::signing::import(&app.db, &app.sealer, JWKS, &policy, world.clock.now()).await.unwrap();
        gatehouse::signing::load(&app.db, &app.sealer, &app.ring, world.clock.now()).await.unwrap();
        let tokens = world.tokens("web").await;
        assert_eq!(text(&decode(text(&tokens, "access_token")).0, "kid"), "mine");
        world.clock.advance(1000);
    }
}
