//! A directory's tokens on its page and over the API: shown once, with an end for the ones before, and revoked.

use gatehouse::store::{audit, directories, directory_tokens};
use serde_json::json;

use crate::{
    admin_pages::{Desk, PASSWORD},
    browser::Browser,
    on_both,
    world::{Backend, text},
};

on_both!(a_token_is_shown_once, a_revoked_token_counts_no_more, the_api_makes_the_same_tokens,);

const PAGE: &str = "/admin/acme/directories/people";

/// The token in the page that shows it.
fn token_in(page: &str) -> Option<String> {
    let at = page.find("ghs_")?;
    Some(page[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).collect())
}

/// What pushing with a token is answered.
async fn pushed(desk: &Desk, token: &str) -> u16 {
    let header = format!("Bearer {token}");
    let url = desk.at("/scim/v2/Users");
    Browser::new().send(axum::http::Method::GET, &url, &[("authorization", &header)], None).await.status
}

async fn tokens(desk: &Desk) -> Vec<directory_tokens::DirectoryToken> {
    let tenant = gatehouse::store::tenants::find_by_name(&desk.app.db, "acme").await.unwrap().unwrap();
    let directory = directories::find_by_name(&desk.app.db, &tenant.id, "people").await.unwrap().unwrap();
    directory_tokens::of_directory(&desk.app.db, &directory.id).await.unwrap()
}

async fn a_token_is_shown_once(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let page = ada.get(&desk.at(PAGE)).await;
    assert!(page.body.contains("cannot push anything") && page.body.contains("/scim/v2"), "{}", page.body);
    let ask = ada.get(&desk.at(&format!("{PAGE}/token"))).await;
    let fields = [("csrf", ask.csrf()), ("seen", ask.field("seen").unwrap_or_default()), ("expires_in", "90d".to_owned())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let shown = ada.post(&desk.at(&format!("{PAGE}/token")), &fields).await;
    let token = token_in(&shown.body).unwrap_or_else(|| panic!("{}", shown.body));
    assert_eq!((shown.status, shown.header("cache-control")), (200, Some("no-store")));
    assert_eq!(pushed(&desk, &token).await, 200);

    // A reload sends the same form again, makes none and shows none.
    let again = ada.post(&desk.at(&format!("{PAGE}/token")), &fields).await;
    assert_eq!((again.status, again.location()), (303, Some(format!("{PAGE}?done=shown").as_str())));
    assert_eq!(tokens(&desk).await.len(), 1);
    let page = ada.get(&desk.at(PAGE)).await;
    assert!(token_in(&page.body).is_none() && page.body.contains("Ends in 90 days"), "{}", page.body);
    assert!(page.body.contains("Last used") && !page.body.contains(&tokens(&desk).await[0].fingerprint));

    // The next one, with an overlap: the one before goes on for that long.
    let ask = ada.get(&desk.at(&format!("{PAGE}/token"))).await;
    assert!(ask.body.contains("The token before it ends"), "{}", ask.body);
    let (csrf, seen) = (ask.csrf(), ask.field("seen").unwrap());
    let fields = [("csrf", csrf.as_str()), ("seen", &seen), ("overlap", "1h"), ("expires_in", "")];
    let shown = ada.post(&desk.at(&format!("{PAGE}/token")), &fields).await;
    let next = token_in(&shown.body).unwrap();
    assert!(shown.body.contains("The tokens before it end in 1 h."), "{}", shown.body);
    assert_eq!((pushed(&desk, &token).await, pushed(&desk, &next).await), (200, 200));
    desk.clock.advance(3_601);
    assert_eq!((pushed(&desk, &token).await, pushed(&desk, &next).await), (401, 200));
    let log = audit::page(&desk.app.db, &audit::Filter { action: Some("issue"), ..Default::default() }, None, 10).await.unwrap();
    assert_eq!((log.len(), log[0].actor.as_str(), log[0].via.as_str()), (2, "administrator ada@acme.example", "page"));
    assert_eq!(log[0].subject, "directory acme/people");
    assert!(!log[0].changes.to_string().contains(&next));
}

async fn a_revoked_token_counts_no_more(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let shown = desk.fill(&mut ada, &format!("{PAGE}/token"), &format!("{PAGE}/token"), &[]).await;
    let token = token_in(&shown.body).unwrap();
    let id = tokens(&desk).await[0].id.clone();
    let revoke = format!("{PAGE}/tokens/{id}/revoke");
    let ask = ada.get(&desk.at(&revoke)).await;
    assert!(ask.body.contains("The directory has no other"), "{}", ask.body);
    assert_eq!(pushed(&desk, &token).await, 200, "a question ends nothing");
    let answer = ada.post(&desk.at(&revoke), &[("csrf", &ask.csrf())]).await;
    assert_eq!(answer.location(), Some(format!("{PAGE}?done=revoked").as_str()), "{}", answer.body);
    assert_eq!(pushed(&desk, &token).await, 401);
    assert_eq!(ada.get(&desk.at(&revoke)).await.status, 404, "it has ended");
    assert_eq!(ada.post(&desk.at(&revoke), &[("csrf", &ask.csrf())]).await.status, 404);
}

async fn the_api_makes_the_same_tokens(backend: Backend) {
    let desk = Desk::new(backend).await;
    let answer = desk.sign_in(&mut Browser::new(), &desk.admin_url("web"), "ada@acme.example", PASSWORD).await;
    let access = desk.redeem("web", &answer.query("code").unwrap()).await.json();
    let header = format!("Bearer {}", text(&access, "access_token"));
    let url = desk.at("/api/v1/tenants/acme/directories/people/token");
    let mut api = Browser::new();
    for (body, status) in [
        (json!({"overlap": -1}), 400),
        (json!({"expires_in": 5}), 400),
        (json!({"token": "mine"}), 400),
        (json!({"expires_in": 86_400}), 201),
        (json!({}), 201),
    ] {
        let answer = api.post_json(&url, &[("authorization", &header)], &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
    let answer = api.post_json(&url, &[("authorization", &header)], &json!({"overlap": 60})).await.json();
    assert_eq!(answer["older_tokens_ended"], 1, "{answer}");
    assert_eq!(pushed(&desk, text(&answer, "token")).await, 200);
    let list = api.send(axum::http::Method::GET, &url, &[("authorization", &header)], None).await.json();
    assert_eq!(list["tokens"].as_array().unwrap().len(), 3);
    assert!(
        !list.to_string().contains("ghs_") && list["tokens"].as_array().unwrap().iter().any(|t| t["ended"] == true),
        "{list}"
    );
    let one = format!("{url}s/{}", text(&answer, "id"));
    for status in [204, 404] {
        let answer = api.send(axum::http::Method::DELETE, &one, &[("authorization", &header)], None).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    assert_eq!(pushed(&desk, text(&answer, "token")).await, 401);

    // However many are made, and however long those before them are to go on: ten do, and ten are remembered.
    for round in 0..40 {
        let overlap = if round < 20 { 86_400 } else { 0 };
        let answer = api.post_json(&url, &[("authorization", &header)], &json!({"overlap": overlap})).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        desk.clock.advance(1);
    }
    let (now, all) = (desk.clock.now(), tokens(&desk).await);
    assert_eq!((all.iter().filter(|t| !t.has_ended(now)).count(), all.len()), (1, 12), "{all:?}");
}
