//! What pages, API and command line say of one sign-in is the same, and leads to whose connection it was.

use gatehouse::store::{tenants, traces, users};
use serde_json::json;

use crate::{
    admin_pages::{Desk, PASSWORD},
    browser::Browser,
    on_both,
    world::Backend,
};

on_both!(one_cause_is_told_everywhere, the_platforms_view_leads_to_the_right_connection,);

/// A sign-in of a tenant that failed twice, each time with a code of its own: for another cause.
async fn failed_twice(desk: &Desk, tenant: &str, id: &str, codes: [&str; 2]) {
    let tenant = tenants::find_by_name(&desk.app.db, tenant).await.unwrap().unwrap();
    for (code, cause) in codes.into_iter().zip(["nonce", "signature"]) {
        let hop = json!({"at": desk.clock.now(), "hop": "failed", "code": code, "cause": cause});
        let addition = traces::Addition {
            id: id.to_owned(),
            tenant_id: Some(tenant.id.clone()),
            at: desk.clock.now(),
            outcome: traces::Outcome::Failed,
            cause: Some(cause.to_owned()),
            connection: Some("okta".to_owned()),
            address: "127.0.0.1".to_owned(),
            hops: format!("{hop}\n"),
            code: Some(code.to_owned()),
            ..traces::Addition::default()
        };
        traces::add(&desk.app.db, &addition).await.unwrap();
    }
}

async fn one_cause_is_told_everywhere(backend: Backend) {
    let desk = Desk::new(backend).await;
    failed_twice(&desk, "acme", "trace", ["AAAA2222", "BBBB3333"]).await;
    let answer = desk.sign_in(&mut Browser::new(), &desk.admin_url("web"), "ada@acme.example", PASSWORD).await;
    let tokens = desk.redeem("web", &answer.query("code").unwrap()).await.json();
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let mut ada = desk.ada().await;
    for (asked, cause, other) in [
        ("AAAA2222", "nonce", "signature"),
        ("aaaa2222", "nonce", "signature"),
        ("BBBB3333", "signature", "nonce"),
        ("trace", "signature", "nonce"),
    ] {
        let url = desk.at(&format!("/api/v1/tenants/acme/sign_ins/{asked}"));
        let told = Browser::new().get_with(&url, &[("authorization", &bearer)]).await.json();
        assert_eq!(told["cause"], cause, "{asked}: {told}");
        let page = ada.get(&desk.at(&format!("/admin/acme/sign-ins/{asked}"))).await;
        assert!(page.body.contains(&format!("call it <code>{cause}</code>")), "{asked}: {}", page.body);
        assert!(page.body.contains(&format!("<h2 id=\"cause\">{}</h2>", told["title"].as_str().unwrap())), "{asked}: {told}");
        let (_, out) = desk.command(&["sign-ins", "show", asked]).await;
        assert!(out.contains(&format!("{cause}: ")) && !out.contains(&format!("{other}: ")), "{asked}: {out}");
    }
}

async fn the_platforms_view_leads_to_the_right_connection(backend: Backend) {
    let desk = Desk::new(backend).await;
    failed_twice(&desk, "acme", "of-acme", ["AAAA2222", "BBBB3333"]).await;
    failed_twice(&desk, "other", "of-other", ["CCCC2222", "DDDD3333"]).await;
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    let mut ada = desk.ada().await;
    for (code, tenant, wrong) in [("AAAA2222", "acme", "other"), ("DDDD3333", "other", "acme")] {
        let page = ada.get(&desk.at(&format!("/admin/_/sign-ins/{code}"))).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.body.contains(&format!("href=\"/admin/{tenant}/connections/okta\"")), "{code}: {}", page.body);
        assert!(!page.body.contains(&format!("/admin/{wrong}/connections")), "{code}: {}", page.body);
        let own = ada.get(&desk.at(&format!("/admin/{tenant}/sign-ins/{code}"))).await;
        assert!(own.body.contains(&format!("href=\"/admin/{tenant}/connections/okta\"")), "{code}: {}", own.body);
    }
}
