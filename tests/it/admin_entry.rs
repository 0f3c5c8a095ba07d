//! The first administrator of a new deployment, and the one whose provider is down: by links that work once.

use axum::http::StatusCode;
use gatehouse::{
    admin_link,
    clock::Clock,
    policy::email::Email,
    store::{
        audit::{self, Actor},
        personal_tokens, tenants, users,
    },
};

use crate::{
    browser::Browser,
    on_both,
    world::{Backend, START, World},
};

on_both!(
    the_first_start_makes_an_administrator,
    of_many_at_once_one_is_first,
    a_link_for_when_nothing_else_works,
    what_a_link_gives_ends_with_its_hour,
);

const PASSWORD: &str = "correct horse battery";

async fn bare(backend: Backend) -> (World, String) {
    let world = World::bare(backend, Clock::manual(START), &[]).await;
    let link = admin_link::setup(&world.app).await.unwrap().unwrap();
    (world, link)
}

fn fields<'a>(csrf: &'a str, organisation: &'a str, password: &'a str) -> [(&'a str, &'a str); 5] {
    [("csrf", csrf), ("organisation", organisation), ("email", "ada@acme.example"), ("name", "Ada"), ("password", password)]
}

async fn the_first_start_makes_an_administrator(backend: Backend) {
    let (world, link) = bare(backend).await;
    let mut browser = Browser::new();
    let page = browser.get(&link).await;
    assert!(page.status == 200 && page.header("referrer-policy") == Some("no-referrer"), "{}", page.body);
    for (organisation, password, words) in [
        ("Not A Name", PASSWORD, "small letters"),
        ("acme", "short", "longer password"),
        ("acme", "passwordpassword", "longer password"),
    ] {
        let answer = browser.post(&link, &fields(&page.csrf(), organisation, password)).await;
        assert!(answer.status == 422 && answer.body.contains(words), "{words}: {}", answer.body);
        assert!(answer.body.contains("value=\"ada@acme.example\"") && !answer.body.contains(password));
    }
    // All of it at once, each beside its field, and what was typed stays.
    let [csrf, ..] = fields(&page.csrf(), "", "").map(|(_, value)| value.to_owned());
    let typed =
        [("csrf", csrf.as_str()), ("organisation", "No & name"), ("email", "ada"), ("name", "Ada L."), ("password", "brief")];
    let answer = browser.post(&link, &typed).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    for words in [
        "<p class=\"fault\" id=\"organisation-error\">The short name must be",
        "<p class=\"fault\" id=\"email-error\">Please type your e-mail address",
        "<p class=\"fault\" id=\"password-error\">Take a longer password",
        "value=\"No &#38; name\"",
        "value=\"ada\"",
        "value=\"Ada L.\"",
    ] {
        assert!(answer.body.contains(words), "{words}: {}", answer.body);
    }
    assert!(answer.body.matches("aria-invalid").count() == 3 && !answer.body.contains("brief"), "{}", answer.body);
    // What no form of theirs would save is not made either.
    for name in ["Ad\0a", "Ada\u{1}L.", "Ada\r\nL."] {
        let mut typed = fields(&csrf, "acme", PASSWORD);
        typed[3].1 = name;
        let answer = browser.post(&link, &typed).await;
        let told = answer.body.contains("<p class=\"fault\" id=\"name-error\">Your name must be one line");
        assert!(answer.status == 422 && told, "{name:?}: {} {}", answer.status, answer.body);
    }
    assert!(tenants::find_by_name(&world.app.db, "acme").await.unwrap().is_none());
    assert_eq!(Browser::new().post(&link, &fields(&page.csrf(), "acme", PASSWORD)).await.status, 403, "another browser's form");
    let answer = browser.post(&link, &fields(&page.csrf(), "acme", PASSWORD)).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER.as_u16(), Some("/admin")), "{}", answer.body);
    assert_eq!(browser.get(&format!("{}/admin/acme", world.url)).await.status, 200);
    assert_eq!(browser.get(&format!("{}/admin/_/tenants", world.url)).await.status, 200, "of the whole deployment");
    let tenant = tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap();
    let ada = users::find_by_email(&world.app.db, &tenant.id, &Email::parse("ada@acme.example").unwrap()).await.unwrap().unwrap();
    assert!(ada.admin && ada.platform && ada.email_proven);
    let log = audit::following(&world.app.db, &audit::Filter::default(), 0, 100).await.unwrap();
    let said: Vec<_> = log.iter().map(|e| (e.action.as_str(), e.subject.as_str(), e.address.as_deref())).collect();
    for told in [("create", "tenant acme"), ("appoint", "user acme/ada@acme.example")] {
        assert!(said.contains(&(told.0, told.1, Some("127.0.0.1"))), "{told:?}: {said:?}");
    }
    let appointed = log.iter().find(|e| e.action == "appoint").unwrap();
    assert_eq!((appointed.tenant_id.as_ref(), &appointed.changes["platform"]["is"]), (Some(&tenant.id), &true.into()));

    // Once, and never again while there is an administrator.
    assert_eq!(browser.get(&link).await.status, 404);
    assert_eq!(browser.post(&link, &fields(&page.csrf(), "other", PASSWORD)).await.status, 404);
    assert_eq!(admin_link::setup(&world.app).await.unwrap(), None);
    assert_eq!(Browser::new().get(&format!("{}{}x", world.url, admin_link::SETUP)).await.status, 404);
}

async fn of_many_at_once_one_is_first(backend: Backend) {
    let (world, link) = bare(backend).await;
    let names = ["one", "two", "three", "four"];
    let tries = futures_util::future::join_all(names.map(async |name| {
        let mut browser = Browser::new();
        let csrf = browser.get(&link).await.csrf();
        browser.post(&link, &fields(&csrf, name, PASSWORD)).await.status
    }))
    .await;
    assert_eq!(tries.iter().filter(|status| **status == 303).count(), 1, "{tries:?}");
    assert_eq!(tenants::all(&world.app.db).await.unwrap().len(), 1, "{tries:?}");
}

async fn a_link_for_when_nothing_else_works(backend: Backend) {
    let state = "tenants:\n- name: acme\n  password_login: false\n  users:\n  - {email: ada@acme.example, admin: true}\n  - {email: bob@acme.example}\n";
    let world = World::with(backend, state, &[]).await;
    let app = &world.app;
    let tenant = tenants::find_by_name(&app.db, "acme").await.unwrap().unwrap();
    let ada = users::find_by_email(&app.db, &tenant.id, &Email::parse("ada@acme.example").unwrap()).await.unwrap().unwrap();
    let make = async || {
        let actor = Actor::command_line();
        admin_link::break_glass(&app.db, &app.sealer, app.issuer(), (&actor, &ada), 900, app.clock.now()).await.unwrap()
    };
    let link = make().await;
    let mut browser = Browser::new();
    let page = browser.get(&link).await;
    assert!(page.status == 200 && page.body.contains("ada@acme.example") && page.body.contains("command line"), "{}", page.body);
    assert_eq!(Browser::new().post(&link, &[("csrf", &page.csrf())]).await.status, 403, "another browser's form");
    let answer = browser.post(&link, &[("csrf", &page.csrf())]).await;
    assert_eq!(answer.location(), Some("/admin"), "{}", answer.body);
    // Though nobody may sign in with a password there.
    assert_eq!(browser.get(&format!("{}/admin/acme", world.url)).await.status, 200);
    assert_eq!(browser.post(&link, &[("csrf", &page.csrf())]).await.status, 404, "it works once");
    // It does not last, and ends with what its person was.
    let late = make().await;
    world.clock.advance(901);
    assert_eq!(Browser::new().get(&late).await.status, 404);
    assert_eq!(browser.get(&format!("{}/admin/acme", world.url)).await.status, 200);
    world.sql("UPDATE users SET admin = FALSE").await;
    assert_eq!(browser.get(&format!("{}/admin/acme", world.url)).await.status, 303);
    world.sql("UPDATE users SET admin = TRUE").await;
    let answer = browser.get(&format!("{}/admin/acme", world.url)).await;
    assert_eq!(answer.status, 303, "an ended session stays ended");
}

async fn what_a_link_gives_ends_with_its_hour(backend: Backend) {
    let state = "tenants:\n- name: acme\n  clients:\n  - {client_id: web, secret: web-secret, redirect_uris: \
                 [\"https://app.example/cb\"], trusted: true, admin_api: true}\n  users:\n  \
                 - {email: ada@acme.example, password: \"correct horse\", admin: true}\n";
    let world = World::with(backend, state, &[]).await;
    let app = &world.app;
    let tenant = tenants::find_by_name(&app.db, "acme").await.unwrap().unwrap();
    let ada = users::find_by_email(&app.db, &tenant.id, &Email::parse("ada@acme.example").unwrap()).await.unwrap().unwrap();
    let actor = Actor::command_line();
    let link = admin_link::break_glass(&app.db, &app.sealer, app.issuer(), (&actor, &ada), 900, app.clock.now()).await.unwrap();
    let mut by_link = Browser::new();
    let csrf = by_link.get(&link).await.csrf();
    assert_eq!(by_link.post(&link, &[("csrf", &csrf)]).await.location(), Some("/admin"));
    let mut honest = Browser::new();
    let login = world.authorize_url("web", &[]);
    assert!(world.sign_in(&mut honest, &login, "ada@acme.example", "correct horse").await.query("code").is_some());
    world.clock.advance(600);
    // No client learns of it: its refresh tokens would go on for days.
    assert!(honest.get(&login).await.query("code").is_some(), "the honest twin");
    let page = by_link.get(&login).await;
    let page = by_link.follow(page).await;
    assert!(page.status == 200 && page.query("code").is_none(), "a sign-in is asked for: {} {}", page.status, page.body);
    let silent = by_link.get(&world.authorize_url("web", &[("prompt", "none")])).await;
    assert_eq!(silent.query("error").as_deref(), Some("login_required"));
    assert_eq!(by_link.get(&format!("{}/admin/acme", world.url)).await.status, 200, "the pages it opens");
    // Nor does a token that was made in it.
    let address = format!("{}/admin/_/tokens", world.url);
    for (browser, name) in [(&mut by_link, "brief"), (&mut honest, "long")] {
        let csrf = browser.get(&address).await.csrf();
        let fields = [("csrf", csrf.as_str()), ("name", name), ("scopes", "admin"), ("days", "30")];
        assert_eq!(browser.post(&address, &fields).await.status, 200);
    }
    let mut made = personal_tokens::of_user(&app.db, &ada.id).await.unwrap();
    made.sort_by(|one, other| one.name.cmp(&other.name));
    let ends: Vec<i64> = made.iter().map(|token| token.expires_at - START).collect();
    assert_eq!(ends, [3_600, 600 + 30 * 86_400], "the hour that began with the link, and what was asked for");
}
