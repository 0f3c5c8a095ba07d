//! A form that is sent when its session has ended: nothing of it is done, and what was typed comes back to its owner alone.

use gatehouse::apply::single::Noun;
use reqwest::Method;
use serde_json::json;

use crate::{
    admin_pages::Desk,
    browser::{Answer, Browser},
    on_both,
    world::Backend,
};

on_both!(what_was_typed_comes_back, every_form_comes_back, a_question_is_asked_again, no_other_form_comes_back);

const LIST: &str = "/admin/acme/clients";
const SECRET: &str = "hush hush hush hush hush hush hush hush";
const TYPED: [(&str, &str); 5] = [
    ("client_id", "shop"),
    ("name", "The \"shop\" <b>"),
    ("enabled", "on"),
    ("redirect_uris", "https://shop.example/cb\r\nhttps://shop.example/other"),
    ("secret", SECRET),
];

fn pairs(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

async fn send(desk: &Desk, browser: &mut Browser, csrf: &str, headers: &[(&str, &str)]) -> Answer {
    let fields = [("csrf", csrf)].into_iter().chain(TYPED);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let headers: Vec<_> = form.into_iter().chain(headers.iter().copied()).collect();
    browser.send(Method::POST, &desk.at(LIST), &headers, Some(body)).await
}

async fn sign_in(desk: &Desk, browser: &mut Browser, tenant: &str, email: &str) {
    let answer = desk.sign_in_at(browser, &desk.at(&format!("/login?tenant={tenant}&to=/admin")), email).await;
    assert_eq!(answer.location(), Some(desk.at("/admin").as_str()), "{}", answer.body);
}

async fn what_was_typed_comes_back(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let csrf = ada.get(&desk.at("/admin/acme/clients/new")).await.csrf();
    desk.sql("DELETE FROM sessions").await;
    let ended = send(&desk, &mut ada, &csrf, &[]).await;
    assert_eq!(ended.status, 403, "{}", ended.body);
    for words in ["Your session has ended", "Nothing was saved", "/login?to=/admin\" target=\"_blank\" rel=\"noopener\""] {
        assert!(ended.body.contains(words), "{words}: {}", ended.body);
    }
    assert!(!ended.body.contains("hush") && !ended.body.contains("<b>"), "{}", ended.body);
    assert_eq!(ended.header("cache-control"), Some("no-store"));
    assert!(desk.stored(Noun::Clients, "shop").await.is_none());
    let mut form = ended.form(LIST);
    // Sent again without a sign-in it comes back again.
    let still = ada.post(&desk.at(LIST), &pairs(&form)).await;
    assert_eq!((still.status, still.form(LIST)), (403, form.clone()), "{}", still.body);
    sign_in(&desk, &mut ada, "acme", "ada@acme.example").await;
    // Without its secret the form itself comes back.
    let without = ada.post(&desk.at(LIST), &pairs(&form)).await;
    assert!(without.status == 422 && without.body.contains("type it here again"), "{} {}", without.status, without.body);
    let (_, secret) = form.iter_mut().find(|(name, _)| name == "secret").expect("it is asked for again");
    assert!(secret.is_empty());
    SECRET.clone_into(secret);
    let made = ada.post(&desk.at(LIST), &pairs(&form)).await;
    assert_eq!(made.location(), Some("/admin/acme/clients/shop?done=created"), "{}", made.body);
    let stored = desk.stored(Noun::Clients, "shop").await.unwrap();
    assert_eq!(stored["name"], "The \"shop\" <b>");
    assert_eq!(stored["redirect_uris"], json!(["https://shop.example/cb", "https://shop.example/other"]));
    assert_eq!(stored["secrets"], json!(["secret"]));
}

/// Also those that wait for their turn before they are read.
async fn every_form_comes_back(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let csrf = ada.get(&desk.at("/admin/acme/teams/new")).await.csrf();
    desk.sql("DELETE FROM sessions").await;
    let mut seen = 0;
    for (method, path) in gatehouse::admin::pages::surface() {
        if method != Method::POST {
            continue;
        }
        let path: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { "acme" } else { part }).collect();
        let path = path.join("/");
        let answer = ada.post(&desk.at(&path), &[("csrf", &csrf), ("typed", "something")]).await;
        let form = answer.form(&path);
        assert_eq!((answer.status, &form[1]), (403, &("typed".to_owned(), "something".to_owned())), "{path}: {}", answer.body);
        seen += 1;
    }
    assert!(seen > 30, "{seen}");
}

/// Nobody typed anything there, and what will be lost is said by the question alone.
async fn a_question_is_asked_again(backend: Backend) {
    let desk = Desk::new(backend).await;
    desk.apply("tenants:\n- name: acme\n  teams:\n  - {name: idle}\n").await;
    let mut ada = desk.ada().await;
    let question = "/admin/acme/teams/idle/delete";
    let yes = ada.get(&desk.at(question)).await.form(question);
    let of_query = "/admin/acme/resources/model%3Agpt/collaborators/remove?kind=external_identity&name=ci";
    let csrf = ada.get(&desk.at(of_query)).await.csrf();
    desk.sql("DELETE FROM sessions").await;
    let ended = ada.post(&desk.at(question), &pairs(&yes)).await;
    assert!(ended.status == 403 && ended.body.contains("Nothing was done"), "{} {}", ended.status, ended.body);
    assert!(!ended.body.contains("<form") && !ended.body.contains("name=\"csrf\""), "{}", ended.body);
    assert!(ended.body.contains(&format!("href=\"{question}\">Back to the question")), "{}", ended.body);
    let other = ada.post(&desk.at(of_query), &[("csrf", &csrf), ("asked", "1")]).await;
    let way = format!("href=\"{}\">Back to the question", of_query.replace('&', "&#38;"));
    assert!(other.status == 403 && other.body.contains(&way), "{} {}", other.status, other.body);
    // The way leads over the sign-in to the question, whose yes counts.
    let led = ada.get(&desk.at(question)).await;
    let to = led.location().unwrap().to_owned();
    assert_eq!(to, "/login?to=%2Fadmin%2Facme%2Fteams%2Fidle%2Fdelete");
    sign_in(&desk, &mut ada, "acme", "ada@acme.example").await;
    let again = ada.get(&desk.at(question)).await;
    assert!(again.status == 200 && again.body.contains("Delete the team idle?"), "{} {}", again.status, again.body);
    assert!(desk.stored(Noun::Teams, "idle").await.is_some());
    let done = ada.post(&desk.at(question), &pairs(&again.form(question))).await;
    assert_eq!(done.location(), Some("/admin/acme/teams?done=deleted"), "{}", done.body);
    assert!(desk.stored(Noun::Teams, "idle").await.is_none());
}

async fn no_other_form_comes_back(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let mut eve = desk.browser("other", "eve@other.example").await;
    let csrf = ada.get(&desk.at("/admin/acme/clients/new")).await.csrf();
    let hers = eve.get(&desk.at("/admin/other/clients/new")).await.csrf();
    desk.sql("DELETE FROM sessions").await;
    let (mac, _) = csrf.split_once('.').unwrap();
    let (_, eves_id) = hers.split_once('.').unwrap();
    // Of another browser, of nobody, and of one user with the name of another.
    for token in [hers.as_str(), "", mac, &format!("{mac}."), &format!("{mac}.{eves_id}")] {
        let answer = send(&desk, &mut ada, token, &[]).await;
        assert_eq!((answer.status, answer.location()), (303, Some("/login?to=%2Fadmin")), "{token}: {}", answer.body);
    }
    for headers in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let answer = send(&desk, &mut ada, &csrf, &[headers]).await;
        assert_eq!((answer.status, answer.location()), (303, Some("/login?to=%2Fadmin")), "{headers:?}: {}", answer.body);
    }
    let stranger = send(&desk, &mut Browser::new(), &csrf, &[]).await;
    assert_eq!((stranger.status, stranger.location()), (303, Some("/login?to=%2Fadmin")), "{}", stranger.body);
    // Hers comes back; and somebody else who signs in there cannot send it.
    let form = send(&desk, &mut ada, &csrf, &[]).await.form(LIST);
    sign_in(&desk, &mut ada, "other", "eve@other.example").await;
    let sent = ada.post(&desk.at(LIST), &pairs(&form)).await;
    assert!(sent.status == 403 && sent.body.contains("Please start again"), "{} {}", sent.status, sent.body);
    assert!(desk.stored(Noun::Clients, "shop").await.is_none());
}
