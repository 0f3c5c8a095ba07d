//! Before something ends, a page says what is lost, and nothing is done until somebody says yes.

use std::time::Duration;

use axum::http::Method;
use gatehouse::{
    apply::single::Noun,
    store::{tenants, users},
};

use crate::{admin_pages::Desk, on_both, world::Backend};

on_both!(
    what_shuts_somebody_out_is_asked_about,
    a_secret_does_not_go_along_with_a_question,
    a_link_is_asked_about_before_it_ends,
    asking_keeps_nobody_from_writing,
);

/// What a form switches off: its page, whose noun and name that is, the field, and what the question says.
type Switch = (&'static str, Noun, &'static str, &'static str, &'static str);
#[rustfmt::skip]
const SWITCHES: [Switch; 10] = [
    ("connections/okta", Noun::Connections, "okta", "enabled", "1 user signs in over it, and cannot any more."),
    ("connections/okta", Noun::Connections, "okta", "login_enabled", "1 user signs in over it, and cannot any more."),
    ("clients/web", Noun::Clients, "web", "enabled", "Nobody signs in to it any more."),
    ("sites/wiki", Noun::Sites, "wiki", "enabled", "No request to its hosts is let through by it."),
    ("trusted_issuers/idp", Noun::TrustedIssuers, "idp", "enabled", "2 identities and teams are nobody"),
    ("directories/people", Noun::Directories, "people", "enabled", "Its tokens are refused"),
    ("service_tokens/bot", Noun::ServiceTokens, "bot", "enabled", "Whatever uses it is refused."),
    ("virtual_accounts/batch", Noun::VirtualAccounts, "batch", "enabled", "Whoever acts as it is nobody."),
    ("settings", Noun::Tenant, "acme", "enabled", "2 users cannot sign in any more."),
    ("settings", Noun::Tenant, "acme", "password_login", "2 users have a password, and come in by single sign-on alone."),
];

async fn platform(desk: &Desk) {
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    // Another one stays when her organisation goes.
    desk.sql(
        "INSERT INTO users (id, tenant_id, email, email_proven, admin, active, platform, created_at, updated_at) \
         SELECT 'root', id, 'root@other.example', TRUE, FALSE, TRUE, TRUE, 1, 1 FROM tenants WHERE name = 'other'",
    )
    .await;
}

async fn what_shuts_somebody_out_is_asked_about(backend: Backend) {
    for (page, noun, name, field, words) in SWITCHES {
        let desk = Desk::new(backend).await;
        platform(&desk).await;
        desk.sql(
            "INSERT INTO identities (id, connection_id, issuer, subject, user_id, created_at, last_seen_at) \
             SELECT 'bobs', c.id, 'https://acme.okta.com', '00u1', u.id, 1, 1 FROM users u, connections c \
             WHERE c.name = 'okta' AND u.email = 'bob@acme.example'",
        )
        .await;
        let mut ada = desk.ada().await;
        let path = format!("/admin/acme/{page}");
        let mut form = ada.get(&desk.at(&path)).await.form(&path);
        form.retain(|(name, _)| name != field);
        let stored = desk.stored(noun, name).await;
        assert_eq!(stored.as_ref().unwrap()[field], true, "{page}");
        let fields: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let asked = ada.post(&desk.at(&path), &fields).await;
        assert_eq!(asked.status, 200, "{page} {field}: {}", asked.body);
        assert!(asked.body.contains("class=\"loss\"") && asked.body.contains(words), "{page} {field}: {}", asked.body);
        assert_eq!(desk.stored(noun, name).await, stored, "{page} {field}: a question changes nothing");
        // Yes is what was typed, and no more.
        let yes = asked.form(&path);
        let yes: Vec<_> = yes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let done = ada.post(&desk.at(&path), &yes).await;
        assert_eq!(done.status, 303, "{page} {field}: {}", done.body);
        let (mut was, is) = (stored.unwrap(), desk.stored(noun, name).await.unwrap());
        was[field] = false.into();
        assert_eq!(is, was, "{page} {field}");
    }
}

async fn a_secret_does_not_go_along_with_a_question(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let path = "/admin/acme/connections/okta";
    let form = ada.get(&desk.at(path)).await.form(path);
    let stays = form.iter().filter(|(name, _)| name != "enabled" && name != "oidc.client_secret");
    let mut fields: Vec<_> = stays.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    fields.push(("oidc.client_secret", "typed-and-kept-here"));
    let told = ada.post(&desk.at(path), &fields).await;
    assert!(told.status == 422 && told.body.contains("save this by itself first"), "{}", told.body);
    assert!(!told.body.contains("typed-and-kept-here"), "it is not sent back");
    assert_eq!(desk.stored(Noun::Connections, "okta").await.unwrap()["enabled"], true);
}

async fn a_link_is_asked_about_before_it_ends(backend: Backend) {
    let desk = Desk::new(backend).await;
    let list = "/admin/acme/setup-links";
    let mut ada = desk.ada().await;
    assert_eq!(desk.fill(&mut ada, list, list, &[("connection", "corp"), ("days", "7")]).await.status, 200);
    let page = ada.get(&desk.at(list)).await;
    assert!(!page.body.contains("/revoke\" method") && !page.body.contains("action=\"/admin/acme/setup-links/"), "{}", page.body);
    let (_, rest) = page.body.split_once(&format!("href=\"{list}/")).unwrap();
    let revoke = format!("{list}/{}", rest.split_once('"').unwrap().0);
    let asked = ada.get(&desk.at(&revoke)).await;
    assert!(asked.body.contains("Nobody has followed it yet."), "{}", asked.body);
    assert!(ada.get(&desk.at(list)).await.body.contains("Revoke …"), "it is still open");
    let done = ada.post(&desk.at(&revoke), &[("csrf", &asked.csrf())]).await;
    assert_eq!(done.location(), Some("/admin/acme/setup-links?done=revoked"), "{}", done.body);
    assert_eq!(ada.get(&desk.at(&revoke)).await.status, 404);
}

/// Whatever takes something away is a page before it is a deed.
#[test]
fn each_end_has_its_question() {
    let all = gatehouse::admin::pages::surface();
    let ends = ["/revoke", "/delete", "/remove", "/unlink", "/deactivate", "/sign-out", "/rotate"];
    let deeds = all.iter().filter(|(method, path)| *method == Method::POST && ends.iter().any(|end| path.ends_with(end)));
    let mut found = 0;
    for (_, path) in deeds {
        assert!(all.iter().any(|(method, page)| *method == Method::GET && page == path), "{path} has no question");
        found += 1;
    }
    assert!(found >= 14, "{found}");
}

async fn asking_keeps_nobody_from_writing(backend: Backend) {
    let desk = Desk::new(backend).await;
    platform(&desk).await;
    let mut ada = desk.ada().await;
    // Somebody is writing all the while.
    let mut tx = desk.app.db.begin().await.unwrap();
    tenants::lock(&mut tx).await.unwrap();
    let url = desk.at("/admin/acme/settings/delete");
    let asked = tokio::time::timeout(Duration::from_secs(4), ada.get(&url)).await.expect("the question waits for a writer");
    assert_eq!(asked.status, 200, "{}", asked.body);
    for words in ["loses 2 users", "loses 2 connections", "loses 1 team", "loses 1 site"] {
        assert!(asked.body.contains(words), "{words}: {}", asked.body);
    }
    drop(tx);
    assert!(desk.stored(Noun::Tenant, "acme").await.is_some());
    // Where nobody could administer the deployment any more, the question says so already.
    desk.sql("DELETE FROM users WHERE id = 'root'").await;
    let last = ada.get(&url).await;
    assert!(last.status == 409 && last.body.contains("last active administrator"), "{}", last.body);
}
