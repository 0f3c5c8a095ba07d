//! Passwords: one answer for every way to be wrong, limits that cannot be used against the owner, and deactivation.

use crate::{
    browser::{Answer, Browser},
    on_both,
    sso::Log,
    world::{Backend, World},
};

on_both!(
    one_answer_for_every_way_to_be_wrong,
    deactivated_users_are_refused,
    guessing_is_limited_and_the_owner_gets_in,
    sessions_end,
    home_realm_is_told_by_the_domain_alone
);

async fn page(world: &World, browser: &mut Browser) -> Answer {
    let answer = browser.get(&world.authorize_url("web", &[])).await;
    browser.follow(answer).await
}

async fn one_answer_for_every_way_to_be_wrong(backend: Backend) {
    let world = World::new(backend).await;
    world.sql("UPDATE users SET password_hash = NULL WHERE email = 'eve@acme.example'").await;
    let mut bodies = Vec::new();
    for (email, password) in [
        ("ada@acme.example", "wrong"),
        ("nobody@acme.example", "wrong"),
        ("eve@acme.example", "wrong"),
        ("ada@acme.example", "battery staple"),
    ] {
        let mut browser = Browser::new();
        let page = page(&world, &mut browser).await;
        let answer = world.password(&mut browser, &page, email, password).await;
        assert_eq!(answer.status, 422, "{email}");
        let login = url::Url::parse(&page.url).unwrap().path().to_owned();
        bodies.push(answer.body.replace(&login, "").replace(&answer.csrf(), "").replace(email, ""));
    }
    assert!(bodies.iter().all(|b| *b == bodies[0]), "the pages differ");
}

async fn deactivated_users_are_refused(backend: Backend) {
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    let first = page(&world, &mut browser).await;
    let answer = world.password(&mut browser, &first, "eve@acme.example", "correct horse").await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("deactivated"), "{}", answer.body);
    let first = page(&world, &mut browser).await;
    let wrong = world.password(&mut browser, &first, "eve@acme.example", "wrong").await;
    assert_eq!(wrong.status, 422, "without the password nobody learns it");
}

async fn guessing_is_limited_and_the_owner_gets_in(backend: Backend) {
    let world = World::new(backend).await;
    let mut owner = Browser::new();
    let answer = world.sign_in(&mut owner, &world.authorize_url("web", &[]), "ada@acme.example", "correct horse").await;
    assert!(answer.query("code").is_some());

    let mut attacker = Browser::new();
    let first = page(&world, &mut attacker).await;
    let login = first.url.clone();
    let csrf = first.csrf();
    let log = Log::down_to(tracing::Level::INFO);
    let mut statuses = Vec::new();
    for email in ["ada@acme.example", "ADA@acme.example", "Ada@ACME.example"].iter().cycle().take(12) {
        statuses.push(
            attacker.post(&format!("{login}/password"), &[("csrf", &csrf), ("email", email), ("password", "guess")]).await.status,
        );
    }
    assert_eq!(statuses, [[422; 10].as_slice(), &[429; 2]].concat(), "one count for all spellings");
    let right = attacker
        .post(&format!("{login}/password"), &[("csrf", &csrf), ("email", "ada@acme.example"), ("password", "correct horse")])
        .await;
    assert_eq!(right.status, 429, "the right guess is not told from a wrong one");
    assert_eq!(log.text().matches("too many attempts on passwords").count(), 1, "the operator is told once");
    let other = world.second_node().await;
    let right = attacker.post(&login.replace(&world.url, &other.url), &[("csrf", &csrf), ("email", "x")]).await;
    assert_ne!(right.status, 303);

    let again =
        world.sign_in(&mut owner, &world.authorize_url("web", &[("prompt", "login")]), "ada@acme.example", "correct horse").await;
    assert!(again.query("code").is_some(), "a browser that the account knows has its own count: {}", again.status);
    world.clock.advance(901);
    let mut stranger = Browser::new();
    let later = world.sign_in(&mut stranger, &world.authorize_url("web", &[]), "ada@acme.example", "correct horse").await;
    assert!(later.query("code").is_some(), "the window closes");
}

async fn sessions_end(backend: Backend) {
    let world = World::new(backend).await;
    let url = world.authorize_url("web", &[("prompt", "none")]);
    let signed_in = async || {
        let mut browser = Browser::new();
        world.sign_in(&mut browser, &world.authorize_url("web", &[]), "ada@acme.example", "correct horse").await;
        browser
    };
    let mut browser = signed_in().await;
    world.clock.advance(8 * 3_600 - 1);
    assert!(browser.get(&url).await.query("code").is_some(), "used within the idle time");
    world.clock.advance(8 * 3_600 - 1);
    assert!(browser.get(&url).await.query("code").is_some(), "each use begins it anew");
    world.clock.advance(8 * 3_600 - 1);
    assert!(browser.get(&url).await.query("code").is_some());
    world.clock.advance(3);
    assert_eq!(browser.get(&url).await.query("error").as_deref(), Some("login_required"), "a day is the end of it");

    let mut browser = signed_in().await;
    world.clock.advance(8 * 3_600);
    assert_eq!(browser.get(&url).await.query("error").as_deref(), Some("login_required"), "idle for too long");

    let mut browser = signed_in().await;
    let mut stolen = browser.clone();
    let account = browser.get(&format!("{}/account", world.url)).await;
    assert!(account.body.contains("ada@acme.example"));
    assert_eq!(browser.post(&format!("{}/account/sign-out", world.url), &[("csrf", "forged")]).await.status, 403);
    let signed_out = browser.post(&format!("{}/account/sign-out", world.url), &[("csrf", &account.csrf())]).await;
    assert_eq!(signed_out.status, 200);
    let removal = signed_out.cookie_lines().into_iter().find(|c| c.starts_with("__Host-gatehouse=")).expect("a removal");
    assert!(removal.contains("Max-Age=0") && removal.contains("Secure") && removal.contains("Path=/"), "{removal}");
    assert_eq!(stolen.get(&url).await.query("error").as_deref(), Some("login_required"), "a copy of the cookie is dead too");
}

async fn home_realm_is_told_by_the_domain_alone(backend: Backend) {
    let world = World::new(backend).await;
    for email in ["ada@acme.example", "nobody@acme.example", "x@elsewhere.example"] {
        let mut browser = Browser::new();
        let page = page(&world, &mut browser).await;
        let answer = browser.post(&page.url, &[("csrf", &page.csrf()), ("email", email)]).await;
        assert_eq!(answer.status, 200, "{email}");
        assert!(answer.body.contains("type=\"password\""), "{email}: no connection, so a password");
    }
    let mut browser = Browser::new();
    let page = page(&world, &mut browser).await;
    let answer = browser.post(&page.url, &[("csrf", &page.csrf()), ("email", "not an address")]).await;
    assert!(
        answer.body.contains("not an address") && answer.body.contains("role=\"alert\""),
        "what was typed is kept: {}",
        answer.body
    );
}
