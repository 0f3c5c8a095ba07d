//! Whatever operators and guests change waits for its turn: the lists are the ones that the routers are made of, so that a
//! route which takes none fails.

use std::time::Duration;

use gatehouse::store::tenants;
use reqwest::Method;
use tokio::task::JoinSet;

use crate::{
    admin_pages::Desk,
    browser::{Answer, Browser},
    on_both,
    setup_links::Bench,
    world::{Backend, World},
};

on_both!(what_the_api_changes_waits, what_forms_change_waits, what_guests_change_waits);

/// An organisation's own things, whatever they are.
fn named(path: &str) -> String {
    let names = [("{tenant}", "acme"), ("{noun}", "teams")];
    let path = names.iter().fold(path.to_owned(), |path, (from, to)| path.replace(from, to));
    path.split('/').map(|part| if part.starts_with('{') { "none" } else { part }).collect::<Vec<_>>().join("/")
}

/// Sends everything while the turn of `key` is taken: answered are these alone, and the others once the turn is free.
async fn wait(world: &World, key: &str, all: Vec<(&'static str, Method, String, String)>, browser: &Browser, free: &[&str]) {
    let turn = world.app.limits.writes.take(key, Duration::ZERO).await.expect("nobody is at it");
    let (mut waiting, mut answering) = (JoinSet::new(), JoinSet::new());
    for (path, method, url, body) in all {
        let mut browser = browser.clone();
        // A path, of one method alone where that stands before it.
        let is_free = free.iter().any(|one| *one == path || *one == format!("{method} {path}"));
        let asked = async move {
            let headers = match url.contains("/api/v1/") {
                true => vec![("authorization", "Bearer 0123456789abcdef0123456789abcdef"), ("content-type", "application/json")],
                false => vec![("content-type", "application/x-www-form-urlencoded")],
            };
            (path, browser.send(method, &url, &headers, Some(body)).await)
        };
        match is_free {
            true => answering.spawn(asked),
            false => waiting.spawn(asked),
        };
    }
    assert!(!waiting.is_empty());
    while let Some(answered) = answering.join_next().await {
        let (path, answer) = answered.unwrap();
        assert_ne!(answer.status, 401, "{path}: {}", answer.body);
    }
    // Somebody else's requests, from beginning to end: some for each of them, and enough for one that has much to do.
    for _ in 0..waiting.len().max(100) {
        assert_eq!(Browser::new().get(&format!("{}/healthz", world.url)).await.status, 200);
    }
    let early: Vec<(&str, Answer)> = std::iter::from_fn(|| waiting.try_join_next()).map(Result::unwrap).collect();
    assert!(early.is_empty(), "{:?}", early.iter().map(|(path, answer)| (path, answer.status)).collect::<Vec<_>>());
    drop(turn);
    while let Some(answered) = waiting.join_next().await {
        let (path, answer) = answered.unwrap();
        assert!(!matches!(answer.status, 401 | 429 | 500..), "{path}: {} {}", answer.status, answer.body);
    }
}

async fn acme(world: &World) -> String {
    tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap().id
}

async fn what_the_api_changes_waits(backend: Backend) {
    let desk = Desk::new(backend).await;
    let all = gatehouse::admin::surface().into_iter().map(|(method, path)| (path, method.parse::<Method>().unwrap()));
    let all = all.filter(|(_, method)| method != Method::GET);
    let all = all.map(|(path, method)| (path, method, desk.at(&named(path)), "{}".to_owned())).collect();
    let looks = [
        "/api/v1/tenants/{tenant}/domains/{name}/check",
        "/api/v1/tenants/{tenant}/{noun}/{name}/check",
        "/api/v1/tenants/{tenant}/connections/{name}/metadata/fetch",
        "/api/v1/access/explain",
        // A look comes before the turn, and there is none of this name.
        "PUT /api/v1/tenants/{tenant}/users/{name}/identities/{connection}",
        // Not hers: that is said before anybody waits.
        "/api/v1/keys/{key}/rotate",
        "/api/v1/personal_tokens",
        "/api/v1/personal_tokens/{id}",
    ];
    wait(&desk, &acme(&desk).await, all, &Browser::new(), &looks).await;
}

async fn what_forms_change_waits(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut browser = desk.ada().await;
    let csrf = browser.get(&desk.at("/admin/acme/teams/new")).await.csrf();
    let form = format!("csrf={csrf}&name=made&email=made%40acme.example&preset=okta&protocol=oidc");
    let all = gatehouse::admin::pages::surface().into_iter().filter(|(method, _)| method != Method::GET);
    let all = all.map(|(method, path)| (path, method, desk.at(&named(path)), form.clone())).collect();
    let free = [
        // They look, and write little.
        "/admin/{tenant}/{noun}/{name}/check",
        "/admin/{tenant}/domains/{domain}/check",
        "/admin/{tenant}/connections/{name}/test",
        "/admin/{tenant}/connections/{name}/metadata/fetch",
        "/admin/_/audit/verification",
        "/admin/{tenant}/explain",
        // There is none of this name, or it is not hers: that is said before anybody waits.
        "/admin/_/tenants",
        "/admin/{tenant}/users/{id}/edit",
        "/admin/{tenant}/users/{id}/identities",
        "/admin/{tenant}/{noun}/{name}",
    ];
    wait(&desk, &acme(&desk).await, all, &browser, &free).await;
    // And of what is there.
    let there = vec![("team", Method::POST, desk.at("/admin/acme/teams/sre"), form)];
    wait(&desk, &acme(&desk).await, there, &browser, &[]).await;
}

async fn what_guests_change_waits(backend: Backend) {
    let bench = Bench::new(backend).await;
    let url = bench.link("corp", &[("with_domain", "on"), ("with_directory", "on")]).await;
    let mut browser = bench.follow(&url).await;
    let csrf = browser.get(&bench.at("/setup")).await.csrf();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("csrf", csrf.as_str()), ("domain", "acme.example")].into_iter().chain(bench.typed()))
        .finish();
    let all = gatehouse::admin::guest::surface().into_iter().filter(|(method, _)| method != Method::GET);
    // Finished is finished: the others would find the link ended.
    let all = all.filter(|(_, path)| *path != "/setup/finish");
    let all = all.map(|(method, path)| (path, method, bench.at(&named(path)), form.clone())).collect();
    let key = format!("guests of {}", acme(&bench).await);
    wait(&bench, &key, all, &browser, &["/setup/check", "/setup/test", "/setup/domain/check"]).await;
    let finish = vec![("finish", Method::POST, bench.at("/setup/finish"), form)];
    wait(&bench, &key, finish, &browser, &[]).await;
}
