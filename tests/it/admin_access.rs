//! What an administrator ends of somebody's access without shutting them out: their sign-ins, and their personal tokens.

use axum::http::Method;
use gatehouse::{
    policy::api_scope::ApiScopes,
    secret,
    store::{
        personal_tokens::{self, PersonalToken},
        users,
    },
};
use serde_json::{Value, json};

use crate::{
    admin_pages::Desk,
    browser::{Answer, Browser},
    on_both,
    world::Backend,
};

on_both!(somebody_is_signed_out_everywhere, a_personal_token_of_somebody_is_revoked, who_is_above_the_asker_is_left_alone);

const BOT: &str = "Bearer 0123456789abcdef0123456789abcdef";

async fn ask(desk: &Desk, bearer: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let headers = [("authorization", bearer), ("content-type", "application/json")];
    let url = desk.at(&format!("/api/v1/tenants/acme/{path}"));
    Browser::new().send(method, &url, &headers, body.map(|body| body.to_string())).await
}

/// A personal token of theirs: its id and itself.
async fn personal(desk: &Desk, email: &str, name: &str) -> (String, String) {
    let (now, token) = (desk.clock.now(), secret::token(personal_tokens::PREFIX));
    let row = PersonalToken {
        id: secret::row_id(now),
        user_id: desk.user_id(email).await,
        name: name.to_owned(),
        fingerprint: personal_tokens::fingerprint(&desk.app.sealer, &token),
        scopes: ApiScopes::everything(),
        expires_at: now + 86_400,
        last_used_at: None,
        created_at: now,
        made_with: None,
    };
    personal_tokens::insert(&desk.app.db, &row).await.unwrap();
    (row.id, format!("Bearer {token}"))
}

async fn somebody_is_signed_out_everywhere(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    for by_page in [true, false] {
        let mut bob = desk.browser("acme", "bob@acme.example").await;
        let id = desk.user_id("bob@acme.example").await;
        let is_in = async |browser: &mut Browser| browser.get(&desk.at("/account")).await.status == 200;
        assert!(is_in(&mut bob).await);
        if by_page {
            let path = format!("/admin/acme/users/{id}/sign-out");
            let page = ada.get(&desk.at(&format!("/admin/acme/users/{id}"))).await;
            assert!(page.body.contains(&format!("href=\"{path}\"")), "{}", page.body);
            let asked = ada.get(&desk.at(&path)).await;
            assert!(asked.body.contains("One browser session ends."), "{}", asked.body);
            assert!(is_in(&mut bob).await, "a question ends nothing");
            let done = ada.post(&desk.at(&path), &[("csrf", &asked.csrf())]).await;
            assert_eq!(done.location(), Some(format!("/admin/acme/users/{id}?done=signed-out").as_str()), "{}", done.body);
        } else {
            let done = ask(&desk, BOT, Method::POST, "users/bob@acme.example/sign-out", None).await;
            assert_eq!((done.status, &done.json()["receipt"]["ended"]["sessions"]), (200, &json!(1)), "{}", done.body);
        }
        assert!(!is_in(&mut bob).await);
        assert!(users::find(&desk.app.db, &id).await.unwrap().unwrap().active);
    }
    let receipts = ask(&desk, BOT, Method::GET, "users/bob@acme.example/receipts", None).await.json();
    let causes: Vec<_> = receipts["receipts"].as_array().unwrap().iter().map(|one| one["cause"].clone()).collect();
    assert_eq!(causes, ["signed out", "signed out"], "{receipts}");
    let log = ada.get(&desk.at("/admin/acme/audit?what=user%20acme/bob")).await;
    assert!(log.body.contains("signed out"), "{}", log.body);
    // In again, by themselves.
    desk.browser("acme", "bob@acme.example").await;
}

async fn a_personal_token_of_somebody_is_revoked(backend: Backend) {
    let desk = Desk::new(backend).await;
    desk.sql("UPDATE users SET admin = TRUE WHERE email = 'bob@acme.example'").await;
    let (first, bearer) = personal(&desk, "bob@acme.example", "laptop").await;
    let (second, other) = personal(&desk, "bob@acme.example", "script").await;
    let id = desk.user_id("bob@acme.example").await;
    let mut ada = desk.ada().await;
    let page = ada.get(&desk.at(&format!("/admin/acme/users/{id}"))).await;
    assert!(page.body.contains("laptop") && page.body.contains("script"), "{}", page.body);
    let revoke = format!("/admin/acme/users/{id}/tokens/{first}/revoke");
    let asked = ada.get(&desk.at(&revoke)).await;
    assert!(asked.body.contains("Revoke the token laptop of bob@acme.example?"), "{}", asked.body);
    assert_eq!(ask(&desk, &bearer, Method::GET, "teams", None).await.status, 200, "a question ends nothing");
    let done = ada.post(&desk.at(&revoke), &[("csrf", &asked.csrf())]).await;
    assert_eq!(done.location(), Some(format!("/admin/acme/users/{id}?done=revoked").as_str()), "{}", done.body);
    assert_eq!(ask(&desk, &bearer, Method::GET, "teams", None).await.status, 401);
    assert_eq!(ask(&desk, &other, Method::GET, "teams", None).await.status, 200);

    let path = "users/bob@acme.example/personal_tokens";
    let told = ask(&desk, BOT, Method::GET, path, None).await.json();
    assert_eq!((told["personal_tokens"].as_array().unwrap().len(), &told["personal_tokens"][0]["name"]), (1, &json!("script")));
    assert!(!told.to_string().contains("fingerprint"), "{told}");
    assert_eq!(
        ask(&desk, BOT, Method::DELETE, &format!("users/ada@acme.example/personal_tokens/{second}"), None).await.status,
        404
    );
    assert_eq!(ask(&desk, BOT, Method::DELETE, &format!("{path}/{second}"), None).await.status, 204);
    assert_eq!(ask(&desk, BOT, Method::DELETE, &format!("{path}/{second}"), None).await.status, 404);
    assert_eq!(ask(&desk, &other, Method::GET, "teams", None).await.status, 401);
}

async fn who_is_above_the_asker_is_left_alone(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    desk.sql("UPDATE users SET admin = TRUE, platform = TRUE WHERE email = 'bob@acme.example'").await;
    let id = desk.user_id("bob@acme.example").await;
    let (token, bearer) = personal(&desk, "bob@acme.example", "root").await;
    let csrf = ada.get(&desk.at("/admin/acme/settings")).await.csrf();
    for deed in [format!("users/{id}/sign-out"), format!("users/{id}/tokens/{token}/revoke")] {
        let answer = ada.post(&desk.at(&format!("/admin/acme/{deed}")), &[("csrf", &csrf)]).await;
        assert!(answer.status == 403 && answer.body.contains("Not by you"), "{deed}: {}", answer.body);
    }
    // A token of a few scopes touches no administrator.
    let made = ask(&desk, BOT, Method::POST, "service_tokens", Some(json!({"name": "few", "scopes": ["users:write"]}))).await;
    let few = format!("Bearer {}", made.json()["token"].as_str().unwrap());
    for (who, bearer) in [("bob", BOT), ("bob", few.as_str()), ("ada", few.as_str())] {
        let user = format!("users/{who}@acme.example");
        let answer = ask(&desk, bearer, Method::POST, &format!("{user}/sign-out"), None).await;
        assert_eq!(answer.status, 403, "{who}: {}", answer.body);
        let answer = ask(&desk, bearer, Method::DELETE, &format!("{user}/personal_tokens/{token}"), None).await;
        assert_eq!(answer.status, 403, "{who}: {}", answer.body);
    }
    assert_eq!(ask(&desk, &bearer, Method::GET, "teams", None).await.status, 200, "and nothing has ended");
}
