//! `/oauth2/authorize`: what is refused on a page, what goes back to the client, and what a person sees.

use crate::{
    browser::Browser,
    on_both,
    world::{Backend, STATE, World, decode, text},
};

on_both!(
    signs_in_and_remembers,
    consent_is_asked_once,
    errors_go_to_the_client_only_when_it_is_known,
    form_post_and_iss,
    prompt_and_max_age,
    another_browser_cannot_go_on,
    switched_off_clients_and_tenants_are_refused,
    hostile_text_is_escaped,
    one_address_begins_only_so_many,
    a_post_from_another_site_finds_the_session,
    a_hint_for_somebody_else_asks,
    every_answer_is_guarded,
    forms_may_end_at_the_client_whatever_its_scheme
);

async fn signs_in_and_remembers(backend: Backend) {
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    let url = world.authorize_url("web", &[]);
    let answer = world.sign_in(&mut browser, &url, "ADA@acme.example", "correct horse").await;
    assert_eq!(answer.status, 303, "after a POST");
    assert!(answer.location().unwrap().starts_with("https://app.example/cb?code="));
    assert_eq!(answer.query("state").as_deref(), Some("the-state"));
    assert_eq!(answer.query("iss").as_deref(), Some(world.url.as_str()));
    assert_eq!(answer.query("userState").as_deref(), Some("Authenticated"));
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"));

    let session = answer.cookie_lines().into_iter().find(|c| c.starts_with("__Host-gatehouse=")).expect("a session");
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(session.contains(attribute), "{attribute} in {session}");
    }
    let again = browser.get(&url).await;
    assert_eq!(again.status, 302, "signed in already: no page");
    assert!(again.query("code").is_some());
    assert_ne!(again.query("code"), answer.query("code"));
}

async fn consent_is_asked_once(backend: Backend) {
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    let url = world.authorize_url("foreign", &[]);
    let page = world.sign_in(&mut browser, &url, "ada@acme.example", "correct horse").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Foreign") && page.body.contains("foreign.example"), "{}", page.body);
    let login = page.body.split("action=\"/login/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let action = format!("{}/login/{login}/consent", world.url);

    let forged = browser.post(&action, &[("csrf", "x"), ("decision", "allow")]).await;
    assert_eq!(forged.status, 403, "without the form's token");
    let denied =
        Browser { cookies: browser.cookies.clone() }.post(&action, &[("csrf", &page.csrf()), ("decision", "deny")]).await;
    assert_eq!(denied.query("error").as_deref(), Some("access_denied"));

    let page = browser.get(&url).await;
    let login = page.body.split("action=\"/login/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let action = format!("{}/login/{login}/consent", world.url);
    let allowed = browser.post(&action, &[("csrf", &page.csrf()), ("decision", "allow")]).await;
    assert!(allowed.query("code").is_some(), "{}", allowed.body);
    assert!(browser.get(&url).await.query("code").is_some(), "allowed before");
    let more = world.authorize_url("foreign", &[("scope", "openid email profile groups")]);
    assert_eq!(browser.get(&more).await.status, 200, "a scope that was not allowed before");
    let asked = world.authorize_url("foreign", &[("prompt", "consent")]);
    assert_eq!(browser.get(&asked).await.status, 200, "the client asks again");
    let none = world.authorize_url("foreign", &[("scope", "openid email profile groups"), ("prompt", "none")]);
    assert_eq!(browser.get(&none).await.query("error").as_deref(), Some("consent_required"));
}

async fn errors_go_to_the_client_only_when_it_is_known(backend: Backend) {
    let world = World::new(backend).await;
    for (name, extra) in [
        ("unknown client", vec![("client_id", "nobody")]),
        ("no client", vec![("client_id", "")]),
        ("foreign redirect", vec![("redirect_uri", "https://evil.example/cb")]),
        ("longer redirect", vec![("redirect_uri", "https://app.example/cb/")]),
        ("user info", vec![("redirect_uri", "https://app.example@evil.example/cb")]),
    ] {
        let answer = Browser::new().get(&world.authorize_url("web", &extra)).await;
        assert_eq!((answer.status, answer.location()), (400, None), "{name}");
        assert!(answer.body.contains("<h1"), "{name}: a page");
    }
    let repeated = format!("{}&client_id=web", world.authorize_url("web", &[]));
    assert_eq!(Browser::new().get(&repeated).await.location(), None, "repeated client_id");
    let repeated = format!("{}&redirect_uri=https%3A%2F%2Fevil.example%2F", world.authorize_url("web", &[]));
    assert_eq!(Browser::new().get(&repeated).await.location(), None, "repeated redirect_uri");

    for (extra, code) in [
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("response_type", "id_token")], "unsupported_response_type"),
        (vec![("response_type", "")], "invalid_request"),
        (vec![("response_mode", "fragment")], "invalid_request"),
        (vec![("request", "x")], "request_not_supported"),
        (vec![("request_uri", "https://x.example")], "request_uri_not_supported"),
        (vec![("scope", "nothing-we-know")], "invalid_scope"),
        (vec![("code_challenge", "x"), ("code_challenge_method", "S256")], "invalid_request"),
        (
            vec![("code_challenge", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq"), ("code_challenge_method", "plain")],
            "invalid_request",
        ),
        (vec![("prompt", "none login")], "invalid_request"),
        (vec![("prompt", "none")], "login_required"),
        (vec![("max_age", "soon")], "invalid_request"),
        (vec![("resource", "https://unknown.example")], "invalid_target"),
    ] {
        let answer = Browser::new().get(&world.authorize_url("web", &extra)).await;
        assert_eq!(answer.query("error").as_deref(), Some(code), "{extra:?}: {} {:?}", answer.status, answer.location());
        assert_eq!(answer.query("state").as_deref(), Some("the-state"), "{extra:?}");
        assert_eq!(answer.query("iss").as_deref(), Some(world.url.as_str()), "{extra:?}");
        assert!(answer.location().unwrap().starts_with("https://app.example/cb?"), "{extra:?}");
    }
    let twice = format!("{}&scope=openid", world.authorize_url("web", &[]));
    assert_eq!(Browser::new().get(&twice).await.query("error").as_deref(), Some("invalid_request"), "a repeated parameter");
    let public = Browser::new().get(&world.authorize_url("spa", &[])).await;
    assert_eq!(public.query("error").as_deref(), Some("invalid_request"), "a public client without PKCE");
    let tolerated = world.authorize_url("web", &[("ui_locales", "de fr"), ("display", "page"), ("unknown", "x")]);
    assert_eq!(Browser::new().get(&tolerated).await.status, 302, "unknown parameters are ignored");
    let body = tolerated.split_once('?').unwrap().1.to_owned();
    let posted = Browser::new()
        .send(
            reqwest::Method::POST,
            &format!("{}/oauth2/authorize", world.url),
            &[("content-type", "application/x-www-form-urlencoded")],
            Some(body),
        )
        .await;
    assert_eq!(posted.status, 303, "POST works as well");
}

async fn form_post_and_iss(backend: Backend) {
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    let url = world.authorize_url("web", &[("response_mode", "form_post")]);
    let page = world.sign_in(&mut browser, &url, "ada@acme.example", "correct horse").await;
    assert_eq!((page.status, page.location()), (200, None));
    assert!(page.body.contains("action=\"https://app.example/cb\""), "{}", page.body);
    assert_eq!(page.field("iss").as_deref(), Some(world.url.as_str()));
    let code = page.field("code").expect("the code in the form");
    assert_eq!(world.redeem("web", &code).await.status, 200);
    assert!(page.header("content-security-policy").unwrap().contains("script-src 'self'"));
}

async fn prompt_and_max_age(backend: Backend) {
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    let answer = world.sign_in(&mut browser, &world.authorize_url("web", &[]), "ada@acme.example", "correct horse").await;
    let first = world.redeem("web", &answer.query("code").unwrap()).await.json();
    let (_, claims) = decode(text(&first, "id_token"));
    let first_proof = claims["auth_time"].as_i64().unwrap();

    world.clock.advance(100);
    assert!(browser.get(&world.authorize_url("web", &[("max_age", "100")])).await.query("code").is_some(), "young enough");
    let stale = browser.get(&world.authorize_url("web", &[("max_age", "99")])).await;
    assert!(stale.location().unwrap().starts_with("/login/"), "too old: {:?}", stale.location());
    let quiet = world.authorize_url("web", &[("max_age", "99"), ("prompt", "none")]);
    assert_eq!(browser.get(&quiet).await.query("error").as_deref(), Some("login_required"));
    assert!(browser.get(&world.authorize_url("web", &[("prompt", "none")])).await.query("code").is_some());

    let session = browser.cookies["localhost"]["__Host-gatehouse"].clone();
    let again = world
        .sign_in(&mut browser, &world.authorize_url("web", &[("prompt", "login")]), "ada@acme.example", "correct horse")
        .await;
    let tokens = world.redeem("web", &again.query("code").expect("signed in again")).await.json();
    assert_eq!(decode(text(&tokens, "id_token")).1["auth_time"].as_i64().unwrap(), first_proof + 100);
    assert_ne!(browser.cookies["localhost"]["__Host-gatehouse"], session, "the session id changes at sign-in");
    let mut old = Browser::new();
    old.cookies.entry("localhost".into()).or_default().insert("__Host-gatehouse".into(), session);
    let answer = old.get(&world.authorize_url("web", &[("prompt", "none")])).await;
    assert_eq!(answer.query("error").as_deref(), Some("login_required"), "the old id is worth nothing");

    let hint = text(&tokens, "id_token");
    assert!(
        browser.get(&world.authorize_url("web", &[("prompt", "none"), ("id_token_hint", hint)])).await.query("code").is_some()
    );
    let forged = browser.get(&world.authorize_url("web", &[("prompt", "none"), ("id_token_hint", "a.b.c")])).await;
    assert_eq!(forged.query("error").as_deref(), Some("invalid_request"));
}

async fn another_browser_cannot_go_on(backend: Backend) {
    let world = World::new(backend).await;
    let mut victim = Browser::new();
    let page = victim.get(&world.authorize_url("web", &[])).await;
    let page = victim.follow(page).await;
    let mut attacker = Browser::new();
    attacker.get(&world.authorize_url("web", &[])).await;
    assert_eq!(attacker.get(&page.url).await.status, 400, "the login is the other browser's");
    let password = format!("{}/password", page.url);
    let form = [("csrf", page.csrf()), ("email", "ada@acme.example".into()), ("password", "correct horse".into())];
    let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
    assert_eq!(attacker.post(&password, &form).await.status, 400);
    assert_eq!(victim.post(&password, &form).await.status, 303, "its own browser goes on");
    assert_eq!(victim.post(&password, &form).await.status, 400, "and the login is over");
}

async fn switched_off_clients_and_tenants_are_refused(backend: Backend) {
    let world = World::new(backend).await;
    let url = world.authorize_url("web", &[]);
    let mut browser = Browser::new();
    let page = browser.get(&url).await;
    let page = browser.follow(page).await;
    world.sql("UPDATE clients SET enabled = FALSE WHERE id = 'web'").await;
    assert_eq!(Browser::new().get(&url).await.status, 400, "at the request");
    let form = [("csrf", page.csrf()), ("email", "ada@acme.example".into()), ("password", "correct horse".into())];
    let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
    assert_eq!(browser.post(&format!("{}/password", page.url), &form).await.status, 403, "in the middle");
    world.sql("UPDATE clients SET enabled = TRUE WHERE id = 'web'").await;
    world.sql("UPDATE tenants SET enabled = FALSE WHERE name = 'acme'").await;
    assert_eq!(Browser::new().get(&url).await.status, 400);
    assert_eq!(browser.post(&format!("{}/password", page.url), &form).await.status, 403);
    world.sql("UPDATE tenants SET enabled = TRUE WHERE name = 'acme'").await;
    assert_eq!(browser.post(&format!("{}/password", page.url), &form).await.status, 303);
}

async fn hostile_text_is_escaped(backend: Backend) {
    let state = STATE.replace("display_name: Acme", "display_name: \"<script>alert(1)</script>\"");
    let world = World::with(backend, &state, &[]).await;
    let mut browser = Browser::new();
    let page = browser.get(&world.authorize_url("web", &[("login_hint", "\"><img src=x onerror=alert(1)>")])).await;
    let page = browser.follow(page).await;
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("<script>alert") && !page.body.contains("<img src=x"), "{}", page.body);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
}

async fn one_address_begins_only_so_many(backend: Backend) {
    let world = World::with(backend, STATE, &[("SIGN_IN_RATE", "3"), ("TRUSTED_PROXIES", "127.0.0.1/32")]).await;
    let url = world.authorize_url("web", &[]);
    let from = async |address: &str| Browser::new().get_with(&url, &[("x-forwarded-for", address)]).await.status;
    for _ in 0..3 {
        assert_eq!(from("192.0.2.1").await, 302);
    }
    assert_eq!(from("192.0.2.1").await, 429);
    assert_eq!(from("192.0.2.2").await, 302, "another address goes on");
}

/// Chromium holds every redirect after a form to the page's `form-action`.
async fn forms_may_end_at_the_client_whatever_its_scheme(backend: Backend) {
    let state = "tenants:\n- name: acme\n  clients:\n  - {client_id: app, name: App, redirect_uris: ['com.example.app:/cb']}\n  \
                 - {client_id: web, name: Web, redirect_uris: ['https://app.example/cb']}\n  users:\n  \
                 - {email: ada@acme.example, password: correct horse}\n";
    let world = World::with(backend, state, &[]).await;
    let pkce = [("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), ("code_challenge_method", "S256")];
    for (client, redirect_uri, admitted) in
        [("app", "com.example.app:/cb", " com.example.app: "), ("web", "https://app.example/cb", " https:;")]
    {
        let mut browser = Browser::new();
        let url = world.authorize_url(client, &[("redirect_uri", redirect_uri), pkce[0], pkce[1]]);
        let page = browser.get(&url).await;
        let choose = browser.follow(page).await;
        let form = [("csrf", choose.csrf()), ("email", "ada@acme.example".into()), ("with", "password".into())];
        let password = browser.post(&choose.url, &form.each_ref().map(|(n, v)| (*n, v.as_str()))).await;
        let form = [("csrf", password.csrf()), ("email", "ada@acme.example".into()), ("password", "correct horse".into())];
        let consent = browser.post(&format!("{}/password", choose.url), &form.each_ref().map(|(n, v)| (*n, v.as_str()))).await;
        assert!(consent.body.contains("value=\"allow\""), "{}", consent.body);
        for page in [&choose, &password, &consent] {
            let policy = page.header("content-security-policy").unwrap();
            assert!(policy.contains("form-action 'self'") && policy.contains(admitted), "{client}: {policy}");
        }
    }
    let mut browser = Browser::new();
    let elsewhere = browser.get(&format!("{}/account", world.url)).await;
    let policy = elsewhere.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self'; "), "a page outside a login leads nowhere: {policy}");
}

async fn a_post_from_another_site_finds_the_session(backend: Backend) {
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    world.sign_in(&mut browser, &world.authorize_url("web", &[]), "ada@acme.example", "correct horse").await;
    let body = world.authorize_url("web", &[]).split_once('?').unwrap().1.to_owned();
    let form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "cross-site")];
    // SameSite=Lax: the POST brings no cookies, the GET it turns into does.
    let answer = Browser::new().send(reqwest::Method::POST, &format!("{}/oauth2/authorize", world.url), &form, Some(body)).await;
    assert_eq!((answer.status, answer.cookie_lines().len()), (303, 0));
    assert!(browser.follow(answer).await.query("code").is_some());
}

async fn a_hint_for_somebody_else_asks(backend: Backend) {
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    world.sign_in(&mut browser, &world.authorize_url("web", &[]), "ada@acme.example", "correct horse").await;
    assert!(browser.get(&world.authorize_url("web", &[("login_hint", "ADA@acme.example")])).await.query("code").is_some());
    assert!(browser.get(&world.authorize_url("web", &[("login_hint", "the blue account")])).await.query("code").is_some());
    let other = world.authorize_url("web", &[("login_hint", "bob@acme.example")]);
    let page = browser.get(&other).await;
    assert!(page.location().unwrap().starts_with("/login/"), "{:?}", page.location());
    let page = browser.follow(page).await;
    let answer = world.password(&mut browser, &page, "ada@acme.example", "correct horse").await;
    assert!(answer.query("code").is_some(), "a hint only: whoever signs in is taken");
}

async fn every_answer_is_guarded(backend: Backend) {
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    for path in ["/nowhere", "/oauth2/authorize", "/account", "/oauth2/token", "/api/nowhere", "/healthz"] {
        let answer = browser.get(&format!("{}{path}", world.url)).await;
        for (name, value) in [("x-frame-options", "DENY"), ("x-content-type-options", "nosniff"), ("cache-control", "no-store")] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        assert!(answer.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"), "{path}");
    }
    assert_eq!(text(&browser.get(&format!("{}/api/nowhere", world.url)).await.json(), "error"), "not_found");
    let bad = browser.post(&format!("{}/account/sign-out", world.url), &[("nothing", "x")]).await;
    assert_eq!((bad.status, bad.body.contains("<h1")), (422, true), "{}", bad.body);
}
