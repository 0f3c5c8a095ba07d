//! The pages of tokens: each token is shown once, on the page that made it.

use crate::{
    admin_pages::Desk,
    browser::{Answer, Browser},
    on_both,
    world::Backend,
};

on_both!(pages_show_a_token_once, times_are_told_as_people_read_them,);

async fn pages_show_a_token_once(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let token_in = |answer: &Answer, prefix: &str| {
        let (_, rest) =
            answer.body.split_once(&format!("<code class=\"copy\">{prefix}")).unwrap_or_else(|| panic!("{}", answer.body));
        format!("{prefix}{}", rest.split_once('<').unwrap().0)
    };
    let status = async |token: &str| {
        let bearer = format!("Bearer {token}");
        Browser::new().get_with(&desk.at("/api/v1/tenants/acme/teams"), &[("authorization", &bearer)]).await.status
    };
    let fields = [("name", "deploy"), ("enabled", "on"), ("scopes", "teams:read\r\nusers:write"), ("expires_at", "")];
    let answer = desk.fill(&mut ada, "/admin/acme/service_tokens/new", "/admin/acme/service_tokens", &fields).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")), "{}", answer.body);
    let first = token_in(&answer, "gha_");
    assert_eq!(status(&first).await, 200);
    let page = ada.get(&desk.at("/admin/acme/service_tokens/deploy")).await;
    assert!(!page.body.contains("gha_") && page.body.contains("users:write"), "{}", page.body);
    let list = ada.get(&desk.at("/admin/acme/service_tokens")).await;
    assert!(list.body.contains("teams:read, users:write") && list.body.contains("deploy"), "{}", list.body);
    let ask = ada.get(&desk.at("/admin/acme/service_tokens/deploy/token")).await;
    assert_eq!(status(&first).await, 200, "a question ends nothing");
    let answer = ada.post(&desk.at("/admin/acme/service_tokens/deploy/token"), &[("csrf", &ask.csrf())]).await;
    let second = token_in(&answer, "gha_");
    assert_eq!((status(&first).await, status(&second).await), (401, 200));
    let wrong = [("name", "x"), ("scopes", "everything")];
    let answer = desk.fill(&mut ada, "/admin/acme/service_tokens/new", "/admin/acme/service_tokens", &wrong).await;
    assert!(answer.status == 422 && answer.body.contains("is no scope"), "{}", answer.body);

    let wrong = [("name", ""), ("scopes", "admin"), ("days", "30")];
    let answer = desk.fill(&mut ada, "/admin/_/tokens", "/admin/_/tokens", &wrong).await;
    assert!(answer.status == 422 && answer.body.contains("id=\"name-error\""), "{}", answer.body);
    let longer = [("name", "laptop"), ("scopes", "admin:read"), ("days", "366")];
    assert_eq!(desk.fill(&mut ada, "/admin/_/tokens", "/admin/_/tokens", &longer).await.status, 422);
    let fields = [("name", "laptop"), ("scopes", "admin:read"), ("days", "30")];
    let answer = desk.fill(&mut ada, "/admin/_/tokens", "/admin/_/tokens", &fields).await;
    let mine = token_in(&answer, "ghp_");
    assert_eq!(status(&mine).await, 200);
    let list = ada.get(&desk.at("/admin/_/tokens")).await;
    assert!(list.body.contains("laptop") && !list.body.contains("ghp_"), "{}", list.body);
    let (_, id) = list.body.split_once("/admin/_/tokens/").unwrap();
    let revoke = format!("/admin/_/tokens/{}/revoke", id.split_once('/').unwrap().0);
    let mut eve = desk.browser("other", "eve@other.example").await;
    assert_eq!(eve.get(&desk.at(&revoke)).await.status, 404, "another's token is not there");
    let csrf = eve.get(&desk.at("/admin/_/tokens")).await.csrf();
    assert_eq!(eve.post(&desk.at(&revoke), &[("csrf", &csrf)]).await.status, 404);
    assert_eq!(status(&mine).await, 200);
    let ask = ada.get(&desk.at(&revoke)).await;
    let answer = ada.post(&desk.at(&revoke), &[("csrf", &ask.csrf())]).await;
    assert_eq!((answer.location(), status(&mine).await), (Some("/admin/_/tokens?done=revoked"), 401));
}

async fn times_are_told_as_people_read_them(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let fields = [("name", "deploy"), ("enabled", "on"), ("scopes", "teams:read"), ("expires_at", "2031-01-31")];
    assert_eq!(desk.fill(&mut ada, "/admin/acme/service_tokens/new", "/admin/acme/service_tokens", &fields).await.status, 200);
    let list = ada.get(&desk.at("/admin/acme/service_tokens")).await;
    assert!(list.body.contains("31 January 2031, 00:00 UTC"), "{}", list.body);
    assert!(list.body.contains("Never") && !list.body.contains("2031-01-31"), "{}", list.body);
}
