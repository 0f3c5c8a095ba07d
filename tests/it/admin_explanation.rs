//! The page on which an administrator pastes a token: what it shows, and that the token goes nowhere.

use serde_json::json;

use crate::{
    admin_pages::{Desk, PASSWORD},
    browser::Browser,
    on_both,
    sso::Log,
    world::{Backend, text},
};

on_both!(a_token_is_explained_and_forgotten, what_cannot_be_asked_is_said_beside_the_form, a_page_tells_of_its_tenant_alone);

const PAGE: &str = "/admin/acme/explain";
const BOT: &str = "Bearer 0123456789abcdef0123456789abcdef";

/// A token of Ada's that is for us.
async fn own(desk: &Desk) -> String {
    let answer = desk.sign_in(&mut Browser::new(), &desk.authorize_url("web", &[]), "ada@acme.example", PASSWORD).await;
    let answer = desk.redeem("web", &answer.query("code").unwrap()).await;
    text(&answer.json(), "access_token").to_owned()
}

async fn a_token_is_explained_and_forgotten(backend: Backend) {
    let desk = Desk::new(backend).await;
    let (mut ada, token) = (desk.ada().await, own(&desk).await);
    let newest = desk.at("/api/v1/audit?limit=1");
    let audit = async || Browser::new().get_with(&newest, &[("authorization", BOT)]).await.json();
    let (before, log) = (audit().await, Log::capture());
    let form = ada.get(&desk.at(PAGE)).await;
    assert!(form.status == 200 && form.body.contains("Explain a token"), "{}", form.body);
    let csrf = form.csrf();
    for (field, told) in [
        (("site", ""), vec!["Let in", "user ada@acme.example", "token family"]),
        (
            ("site", "https://wiki.example/page"),
            vec!["Let in", "GET <bdi>https://wiki.example/page", "wiki is at wiki.example", "remote-user"],
        ),
        (("site", "nowhere.example"), vec!["Refused", "Access denied", "no site is at nowhere.example"]),
        (("resource", "model/gpt"), vec!["Refused", "the role is not held", "any role on model/gpt; held: none"]),
    ] {
        let answer = ada.post(&desk.at(PAGE), &[("csrf", csrf.as_str()), ("token", &token), field]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        for part in told {
            assert!(answer.body.contains(part), "{field:?}: {part} in {}", answer.body);
        }
        assert!(!answer.body.contains(&token), "the token is shown to nobody");
        assert!(answer.url.ends_with(PAGE), "nor in an address: {}", answer.url);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let forged = format!("Bearer {}AAAA", &token[..token.len() - 4]);
    let answer = ada.post(&desk.at(PAGE), &[("csrf", csrf.as_str()), ("token", &forged)]).await;
    for part in ["Refused", "JWT validation failed", "Fails", "signature"] {
        assert!(answer.body.contains(part), "{part} in {}", answer.body);
    }
    assert!(!answer.body.contains(&forged["Bearer ".len()..]));
    let logged = log.text();
    assert!(logged.contains("a token was explained") && !logged.contains(&token), "{logged}");
    assert_eq!(audit().await, before, "nothing has changed, so nothing is in the audit log");
}

async fn what_cannot_be_asked_is_said_beside_the_form(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let csrf = ada.get(&desk.at(PAGE)).await.csrf();
    for (fields, why) in [
        (&[("token", " ")][..], "Paste a token."),
        (&[("token", "kept-by-nobody"), ("resource", "gpt")], "its type and its name"),
        (&[("token", "kept-by-nobody"), ("role", "viewer")], "The role needs a resource."),
        (&[("token", "kept-by-nobody"), ("method", "GET")], "Method and header need a site."),
        (&[("token", "kept-by-nobody"), ("site", "ftp://wiki.example")], "site is not http or https"),
        (&[("token", "kept-by-nobody"), ("issuer", "nobody")], "no trusted issuer has this name"),
        (&[("token", "kept-by-nobody"), ("resource", "model/\0")], "what no field can"),
    ] {
        let all: Vec<_> = [("csrf", csrf.as_str())].into_iter().chain(fields.iter().copied()).collect();
        let answer = ada.post(&desk.at(PAGE), &all).await;
        assert!(answer.status == 422 && answer.body.contains(why), "{why}: {} {}", answer.status, answer.body);
        assert!(!answer.body.contains("kept-by-nobody"), "{}", answer.body);
        // What is no secret need not be typed again.
        for (name, value) in fields.iter().filter(|(name, value)| *name == "site" || *value == "gpt") {
            assert!(answer.body.contains(&format!("name=\"{name}\" value=\"{value}\"")), "{}", answer.body);
        }
    }
}

async fn a_page_tells_of_its_tenant_alone(backend: Backend) {
    let desk = Desk::new(backend).await;
    let token = own(&desk).await;
    let mut eve = desk.browser("other", "eve@other.example").await;
    let csrf = eve.get(&desk.at("/admin/other/explain")).await.csrf();
    let body = [("csrf", csrf.as_str()), ("token", token.as_str()), ("site", "wiki.example")];
    assert_eq!(eve.post(&desk.at(PAGE), &body).await.status, 404, "another organisation's");
    let told = eve.post(&desk.at("/admin/other/explain"), &body).await;
    assert!(told.status == 200 && told.body.contains("no site is at wiki.example"), "{}", told.body);
    for theirs in ["wiki is at", "ada@acme.example", "token family"] {
        assert!(!told.body.contains(theirs), "{theirs} in {}", told.body);
    }
    // Nor by the API, and the honest twin there.
    let asked = json!({"token": token, "site": "wiki.example"});
    let answer = Browser::new().post_json(&desk.at("/api/v1/access/explain"), &[("authorization", BOT)], &asked).await;
    assert_eq!((answer.status, &answer.json()["allowed"]), (200, &json!(true)), "{}", answer.body);
}
