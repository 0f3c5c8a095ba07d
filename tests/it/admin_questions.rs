//! Before something ends, a page says what is lost, and nothing is done until somebody says yes.

use std::time::Duration;

use axum::http::Method;
use gatehouse::{
    apply::{self, single::Noun},
    params, password,
    store::{connections, tenants, trials, users},
};

use crate::{admin_pages::Desk, on_both, world::Backend};

on_both!(
    what_shuts_somebody_out_is_asked_about,
    a_secret_does_not_go_along_with_a_question,
    what_is_taken_from_people_is_asked_about,
    whom_a_change_makes_a_stranger_is_said_first,
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
    ("settings", Noun::Tenant, "acme", "password_login", "2 users have a password, which signs them in no more."),
];

/// Passwords can go: a test has passed, and an administrator has come in without one.
async fn proven(desk: &Desk) {
    let tenant = desk.tenant().await;
    let okta = connections::find_by_name(&desk.app.db, &tenant.id, "okta").await.unwrap().unwrap();
    let print = trials::fingerprint(&desk.app.sealer, &okta).unwrap();
    let proof = "INSERT INTO trial_proofs (connection_id, fingerprint, at) VALUES ($1, $2, 1)";
    desk.app.db.execute(proof, params![&okta.id, &print]).await.unwrap();
    linked(desk, "ada@acme.example").await;
}

/// Somebody has come in over the connection.
async fn linked(desk: &Desk, email: &str) {
    let sql = "INSERT INTO identities (id, connection_id, issuer, subject, user_id, created_at, last_seen_at) \
               SELECT u.id, c.id, 'https://acme.okta.com', u.id, u.id, 1, 1 FROM users u, connections c \
               WHERE c.name = 'okta' AND u.email = $1";
    assert_eq!(desk.app.db.execute(sql, params![email]).await.unwrap(), 1);
}

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
        if field == "password_login" {
            proven(&desk).await;
        }
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
    let asked = ada.post(&desk.at(path), &fields).await;
    assert!(asked.status == 200 && asked.body.contains("Type it again"), "{}", asked.body);
    assert!(!asked.body.contains("typed-and-kept-here"), "it is not sent back");
    assert_eq!(desk.stored(Noun::Connections, "okta").await.unwrap()["enabled"], true);
    // It is typed again with the answer, and not forgotten.
    let yes = asked.form(path);
    let yes = |secret: &'static str| {
        let others = yes.iter().filter(|(name, _)| name != "oidc.client_secret");
        others.map(|(name, value)| (name.clone(), value.clone())).chain([("oidc.client_secret".to_owned(), secret.to_owned())])
    };
    let (without, with): (Vec<_>, Vec<_>) = (yes("").collect(), yes("typed-once-more").collect());
    let send = async |ada: &mut crate::browser::Browser, fields: Vec<(String, String)>| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        ada.post(&desk.at(path), &fields).await
    };
    let told = send(&mut ada, without).await;
    assert!(told.status == 422 && told.body.contains("type it here again"), "{}", told.body);
    assert_eq!(desk.stored(Noun::Connections, "okta").await.unwrap()["enabled"], true);
    assert_eq!(send(&mut ada, with).await.status, 303);
    assert_eq!(desk.stored(Noun::Connections, "okta").await.unwrap()["enabled"], false);
}

async fn what_is_taken_from_people_is_asked_about(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    desk.sql("UPDATE users SET admin = TRUE WHERE email = 'bob@acme.example'").await;
    let bob = desk.user_id("bob@acme.example").await;
    let session = "INSERT INTO sessions (id_hash, user_id, data, created_at, expires_at) VALUES ('s', $1, '{}', 1, 9999999999)";
    desk.app.db.execute(session, params![&bob]).await.unwrap();
    let user = format!("/admin/acme/users/{bob}/edit");
    let bot = "/admin/acme/service_tokens/bot".to_owned();
    // Whom or what, the fields, and what the question says; nothing: it is not asked.
    type Row<'a> = (&'a str, Vec<(&'a str, &'a str)>, Option<&'a str>);
    let table: [Row<'_>; 5] = [
        (&user, vec![("name", "Robert"), ("admin", "on")], None),
        (&user, vec![("name", "Bob")], Some("set-up links that they made")),
        (&user, vec![("name", "Bob"), ("admin", "on"), ("password", "three words of his")], Some("1 browser session ends.")),
        (&bot, vec![("enabled", "on"), ("scopes", "users:read")], Some("<li>admin</li>")),
        (&bot, vec![("enabled", "on"), ("scopes", "admin")], None),
    ];
    for (page, fields, words) in table {
        let form = ada.get(&desk.at(page)).await;
        let (csrf, version) = (form.csrf(), form.field("version").unwrap_or_default());
        let all = [("csrf", csrf.as_str()), ("version", version.as_str())];
        let all: Vec<_> = all.into_iter().chain(fields).collect();
        let answer = ada.post(&desk.at(page), &all).await;
        match words {
            None => assert_eq!(answer.status, 303, "{page}: {}", answer.body),
            Some(words) => {
                assert!(answer.status == 200 && answer.body.contains(words), "{page} {words}: {}", answer.body);
                assert!(answer.body.contains("name=\"confirmed\"") && !answer.body.contains("three words of his"));
            }
        }
    }
    assert_eq!(desk.stored(Noun::Users, "bob@acme.example").await.unwrap()["admin"], true, "a question changes nothing");
    let lived: Vec<(String,)> = desk.app.db.all("SELECT id_hash FROM sessions WHERE id_hash = 's'", &[]).await.unwrap();
    assert_eq!(lived.len(), 1);
    // Yes is a deed.
    assert_eq!(desk.fill(&mut ada, &user, &user, &[("name", "Bob")]).await.status, 303);
    assert_eq!(desk.stored(Noun::Users, "bob@acme.example").await.unwrap()["admin"], false);
}

async fn whom_a_change_makes_a_stranger_is_said_first(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let (path, url) = ("/admin/acme/connections/okta", desk.at("/api/v1/tenants/acme/connections/okta"));
    let api = async |query: &str, change: serde_json::Value| {
        let mut thing = desk.stored(Noun::Connections, "okta").await.unwrap();
        for (name, value) in change.as_object().unwrap() {
            thing[name] = value.clone();
        }
        let headers = [("authorization", "Bearer 0123456789abcdef0123456789abcdef"), ("content-type", "application/json")];
        crate::browser::Browser::new().send(Method::PUT, &format!("{url}{query}"), &headers, Some(thing.to_string())).await
    };
    let other = serde_json::json!({"unique_id_claim": "email"});
    let back = serde_json::json!({"unique_id_claim": null});
    let is = async || desk.stored(Noun::Connections, "okta").await.unwrap()["unique_id_claim"].clone();
    let before = is().await;
    // Nobody is linked: nothing is asked.
    assert_eq!(api("", other.clone()).await.status, 200);
    assert_eq!(api("", back.clone()).await.status, 200);
    linked(&desk, "bob@acme.example").await;
    let asked = api("", other.clone()).await;
    assert_eq!(asked.status, 409, "{}", asked.body);
    assert_eq!(asked.json()["lost"], serde_json::json!(["the sign-in of 1 person linked over it (bob@acme.example)"]));
    assert_eq!(is().await, before);
    assert_eq!(api("?confirm=corp", other.clone()).await.status, 409, "another name is no yes");
    let unlike = serde_json::json!({"button_text": "Come in"});
    assert_eq!(api("", unlike).await.status, 200, "the honest twin");
    // The page.
    let mut form = ada.get(&desk.at(path)).await.form(path);
    form.retain(|(name, _)| name != "unique_id_claim");
    form.push(("unique_id_claim".to_owned(), "email".to_owned()));
    let fields: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let page = ada.post(&desk.at(path), &fields).await;
    assert!(page.status == 200 && page.body.contains("The sign-in of 1 person linked over it"), "{}", page.body);
    assert_eq!(is().await, before);
    let yes = page.form(path);
    let yes: Vec<_> = yes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(ada.post(&desk.at(path), &yes).await.status, 303);
    assert_ne!(is().await, before);
    assert_eq!(api("?confirm=okta", back).await.status, 200);
    // The file's plan.
    let text = crate::admin_pages::STATE.replacen("preset: okta,", "preset: okta, unique_id_claim: email,", 1);
    let hashing = apply::Hashing { hash: |p| password::hash_now(p).ok(), verify: password::verify_now };
    let file = apply::File { text: &text, origin: "state.yaml", env: &|_| None };
    let options = apply::Options { dry_run: true, ..apply::Options::default() };
    let plan = apply::run(&desk.app.db, &desk.app.sealer, hashing, file, options, desk.clock.now()).await.unwrap().to_string();
    assert!(plan.contains("; loses the sign-in of 1 person linked over it (bob@acme.example))"), "{plan}");
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
