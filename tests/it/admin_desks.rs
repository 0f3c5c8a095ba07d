//! Two administrators with the same form open: the second to save is told what the first has stored, and nothing is written
//! over it unless they save again.

use gatehouse::{apply::single::Noun, store::users};
use serde_json::Value;

use crate::{
    admin_pages::Desk,
    browser::{Answer, Browser},
    on_both,
    setup_links::Bench,
    world::Backend,
};

on_both!(each_form_keeps_what_another_has_saved, a_form_says_what_it_was_opened_with, a_guests_form_keeps_what_another_has_saved);

/// Each form over something that is there: its page, whose noun and name that is, and what one desk types and the other.
type Form = (&'static str, Noun, &'static str, (&'static str, &'static str), (&'static str, &'static str));
#[rustfmt::skip]
const FORMS: [Form; 11] = [
    ("connections/okta", Noun::Connections, "okta", ("button_text", "Theirs"), ("email_claim", "upn")),
    ("clients/web", Noun::Clients, "web", ("name", "Theirs"), ("redirect_uris", "https://mine.example/cb")),
    ("users/bob%40acme.example/edit", Noun::Users, "bob@acme.example", ("name", "Theirs"), ("admin", "on")),
    ("teams/sre", Noun::Teams, "sre", ("tokens.0.issuer", "idp"), ("tokens.0.issuer", "")),
    ("directories/people", Noun::Directories, "people", ("proven_domains_only", "on"), ("connection", "")),
    ("service_tokens/bot", Noun::ServiceTokens, "bot", ("expires_at", "2098-01-31"), ("expires_at", "2099-01-31")),
    ("trusted_issuers/idp", Noun::TrustedIssuers, "idp", ("audience", "theirs"), ("email_claim", "mine")),
    ("external_identities/ci", Noun::ExternalIdentities, "ci", ("claims.0.values", "*@theirs.example"), ("claims.1.name", "")),
    ("virtual_accounts/batch", Noun::VirtualAccounts, "batch", ("claims.0.values", "theirs"), ("claims.1.name", "")),
    ("sites/wiki", Noun::Sites, "wiki", ("hosts", "theirs.example"), ("public_paths", "/mine")),
    ("settings", Noun::Tenant, "acme", ("display_name", "Theirs"), ("refresh_token_lifetime", "9d")),
];

/// The fields as they stand, but for one.
fn with(fields: &[(String, String)], (name, value): (&str, &str)) -> Vec<(String, String)> {
    let others = fields.iter().filter(|(n, _)| n != name).cloned();
    others.chain([(name.to_owned(), value.to_owned())]).collect()
}

async fn send(desk: &Desk, browser: &mut Browser, to: &str, fields: &[(String, String)]) -> Answer {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.post(&desk.at(to), &fields).await
}

async fn each_form_keeps_what_another_has_saved(backend: Backend) {
    let desk = Desk::new(backend).await;
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    let (mut mine, mut theirs) = (desk.ada().await, desk.ada().await);
    for (page, noun, name, their_change, my_change) in FORMS {
        let path = format!("/admin/acme/{page}");
        let (my_form, their_form) = (mine.get(&desk.at(&path)).await, theirs.get(&desk.at(&path)).await);
        // Whoever saves first, saves.
        let saved = send(&desk, &mut theirs, &path, &with(&their_form.form(&path), their_change)).await;
        assert!(
            saved.status == 303 && saved.location().unwrap().ends_with("?done=saved"),
            "{page}: {} {}",
            saved.status,
            saved.body
        );
        let stored = desk.stored(noun, name).await;
        // Whoever comes second is told, and nothing of the first is lost.
        let typed = with(&my_form.form(&path), my_change);
        let told = send(&desk, &mut mine, &path, &typed).await;
        assert_eq!(told.status, 409, "{page}: {}", told.body);
        assert!(
            told.body.contains("somebody else has changed this") && told.body.contains("Stored now"),
            "{page}: {}",
            told.body
        );
        assert_eq!(desk.stored(noun, name).await, stored, "{page}");
        let shown = told.form(&path);
        for (field, value) in &typed {
            let kept = shown.contains(&(field.clone(), value.clone()))
                || ["csrf", "version"].contains(&field.as_str())
                || value.is_empty();
            assert!(kept, "{page}: {field} is not as it was typed: {shown:?}");
        }
        // "Add rows" and a check are no look at what is stored now.
        let more = send(&desk, &mut mine, &path, &with(&typed, ("more", "tokens"))).await;
        assert_eq!(send(&desk, &mut mine, &path, &more.form(&path)).await.status, 409, "{page}");
        if ["connections", "trusted_issuers"].iter().any(|noun| page.starts_with(noun)) {
            let checked = send(&desk, &mut mine, &format!("{path}/check"), &typed).await;
            assert_eq!(send(&desk, &mut mine, &path, &checked.form(&path)).await.status, 409, "{page}");
        }
        assert_eq!(desk.stored(noun, name).await, stored, "{page}");
        // Saved again, it is meant.
        let again = send(&desk, &mut mine, &path, &shown).await;
        assert_eq!(again.status, 303, "{page}: {}", again.body);
        assert_ne!(desk.stored(noun, name).await, stored, "{page}");
    }
}

async fn a_form_says_what_it_was_opened_with(backend: Backend) {
    let desk = Desk::new(backend).await;
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    let mut ada = desk.ada().await;
    let path = "/admin/acme/clients/web";
    let form = ada.get(&desk.at(path)).await.form(path);
    let without: Vec<_> = form.iter().filter(|(name, _)| name != "version").cloned().collect();
    for wrong in [without.clone(), with(&without, ("version", "")), with(&without, ("version", "*"))] {
        assert_eq!(send(&desk, &mut ada, path, &wrong).await.status, 409);
    }
    // A wrong field is asked for again, and what is typed then is of the same form.
    let wrong = send(&desk, &mut ada, path, &with(&form, ("redirect_uris", "nowhere"))).await;
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    let mended = with(&wrong.form(path), ("redirect_uris", "https://app.example/cb2"));
    assert_eq!(send(&desk, &mut ada, path, &mended).await.status, 303);
    // That a token was used is no change of anybody's.
    let path = "/admin/acme/service_tokens/bot";
    let form = ada.get(&desk.at(path)).await.form(path);
    desk.clock.advance(3_600);
    assert_eq!(send(&desk, &mut ada, path, &with(&form, ("expires_at", "2099-01-31"))).await.status, 303);
}

async fn a_guests_form_keeps_what_another_has_saved(backend: Backend) {
    let bench = Bench::new(backend).await;
    let url = bench.link("corp", &[]).await;
    let mut guest = bench.follow(&url).await;
    let form = guest.get(&bench.at("/setup?preset=custom_oidc&protocol=oidc")).await.form("/setup");
    let fields = with(&with(&form, ("oidc.client_id", "mine")), ("oidc.issuer", bench.idp.issuer()));
    let fields = with(&fields, ("oidc.client_secret", "their-own-secret"));
    // Meanwhile the operator makes it.
    let mut ada = bench.ada().await;
    let new = "/admin/acme/connections/new?preset=custom_oidc&protocol=oidc";
    let typed: Vec<_> = bench.typed().into_iter().chain([("name", "corp")]).collect();
    assert_eq!(bench.fill(&mut ada, new, "/admin/acme/connections", &typed).await.status, 303);
    let stored = bench.stored(Noun::Connections, "corp").await;
    let told = send(&bench, &mut guest, "/setup", &fields).await;
    assert!(told.status == 409 && told.body.contains("somebody else has changed this"), "{}", told.body);
    assert_eq!(bench.stored(Noun::Connections, "corp").await, stored);
    let again = with(&told.form("/setup"), ("oidc.client_secret", "their-own-secret"));
    assert_eq!(send(&bench, &mut guest, "/setup", &again).await.status, 303);
    assert_eq!(bench.stored(Noun::Connections, "corp").await.unwrap()["oidc"]["client_id"], Value::from("mine"));
}
