//! People on the pages of /admin: who signs in to them and where that leads, who is shut out, and who makes organisations.

use gatehouse::store::{tenants, users};

use crate::{
    admin_pages::{Desk, PASSWORD},
    browser::Browser,
    on_both,
    world::Backend,
};

on_both!(
    a_user_is_shut_out_and_comes_again,
    the_last_administrator_stays,
    nobody_of_a_tenant_judges_the_deployments_own,
    signing_in_leads_to_the_page,
    a_platform_administrator_makes_organisations,
);

async fn a_user_is_shut_out_and_comes_again(backend: Backend) {
    let desk = Desk::new(backend).await;
    let (mut ada, mut bob) = (desk.ada().await, desk.browser("acme", "bob@acme.example").await);
    let path = format!("/admin/acme/users/{}", desk.user_id("bob@acme.example").await);
    let page = ada.get(&desk.at(&path)).await;
    assert!(page.body.contains("bob@acme.example") && page.body.contains("sre") && page.body.contains("put in by hand"));
    let ask = ada.get(&desk.at(&format!("{path}/deactivate"))).await;
    assert!(ask.body.contains("One browser session ends."), "{}", ask.body);
    assert_eq!(bob.get(&desk.at("/account")).await.status, 200, "a question shuts nobody out");
    let answer = ada.post(&desk.at(&format!("{path}/deactivate")), &[("csrf", &ask.csrf())]).await;
    assert_eq!(answer.location(), Some(format!("{path}?done=deactivated").as_str()), "{}", answer.body);
    assert_eq!(bob.get(&desk.at("/account")).await.status, 403);
    let page = ada.get(&desk.at(&path)).await;
    assert!(page.body.contains("Deactivated by an administrator") && page.body.contains("administrator ada@acme.example"));
    let answer = ada.post(&desk.at(&format!("{path}/activate")), &[("csrf", &page.csrf())]).await;
    assert_eq!(answer.location(), Some(format!("{path}?done=activated").as_str()));
    assert_eq!(bob.get(&desk.at("/account")).await.status, 403, "an ended session stays ended");
    desk.browser("acme", "bob@acme.example").await;
}

async fn the_last_administrator_stays(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let path = format!("/admin/acme/users/{}", desk.user_id("ada@acme.example").await);
    let csrf = ada.get(&desk.at(&format!("{path}/deactivate"))).await.csrf();
    let answer = ada.post(&desk.at(&format!("{path}/deactivate")), &[("csrf", &csrf)]).await;
    assert!(answer.status == 409 && answer.body.contains("the last active administrator"), "{}", answer.body);
    let edit = format!("{path}/edit");
    let answer = desk.fill(&mut ada, &edit, &edit, &[("name", "Ada")]).await;
    assert!(answer.status == 422 && answer.body.contains("the last active administrator"), "{}", answer.body);
    let answer = ada.post(&desk.at(&format!("{path}/delete")), &[("csrf", &csrf)]).await;
    assert!(answer.status == 409 && answer.body.contains("the last active administrator"), "{}", answer.body);
    assert_eq!(ada.get(&desk.at("/admin/acme")).await.status, 200);
    // With another one, they may go.
    let bob = format!("/admin/acme/users/{}/edit", desk.user_id("bob@acme.example").await);
    let answer = desk.fill(&mut ada, &bob, &bob, &[("name", "Bob"), ("admin", "on")]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let answer = desk.fill(&mut ada, &edit, &edit, &[("name", "Ada")]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(ada.get(&desk.at("/admin/acme")).await.status, 403);
}

async fn signing_in_leads_to_the_page(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut browser = Browser::new();
    let answer = browser.get(&desk.at("/admin/acme/teams?search=s")).await;
    assert_eq!(answer.location(), Some("/login?to=%2Fadmin%2Facme%2Fteams%3Fsearch%3Ds"));
    // Two organisations: which one, is asked.
    let ask = browser.get(&desk.at(answer.location().unwrap())).await;
    assert!(ask.body.contains("short name of the organisation"), "{}", ask.body);
    let to = ask.field("to").unwrap();
    for (who, words) in [("nobody", "no organisation of this name"), ("x@unknown.example", "no organisation by this address")] {
        let answer = browser.post(&desk.at("/login"), &[("csrf", &ask.csrf()), ("to", &to), ("who", who)]).await;
        assert!(answer.status == 422 && answer.body.contains(words), "{who}: {}", answer.body);
    }
    let forged = Browser::new().post(&desk.at("/login"), &[("csrf", &ask.csrf()), ("to", &to), ("who", "acme")]).await;
    assert_eq!(forged.status, 403);
    for who in ["ada@acme.example", "acme", " ACME "] {
        let mut browser = Browser::new();
        let ask = browser
            .get(&desk.at(&format!("/login?to={}", url::form_urlencoded::byte_serialize(to.as_bytes()).collect::<String>())))
            .await;
        let page = browser.post(&desk.at("/login"), &[("csrf", &ask.csrf()), ("to", &to), ("who", who)]).await;
        let page = browser.follow(page).await;
        let answer = desk.password(&mut browser, &page, "ada@acme.example", PASSWORD).await;
        assert_eq!(answer.location(), Some(desk.at("/admin/acme/teams?search=s").as_str()), "{who}: {}", answer.body);
        assert_eq!(browser.get(&desk.at("/admin/acme/teams?search=s")).await.status, 200);
    }
    // Never anywhere else.
    let mut browser = Browser::new();
    let url = desk.at("/login?tenant=acme&to=//evil.example");
    let answer = desk.sign_in_at(&mut browser, &url, "ada@acme.example").await;
    assert_eq!(answer.location(), Some(desk.at("/account").as_str()));
    // Who is signed in and no administrator can become somebody else.
    let mut bob = desk.browser("acme", "bob@acme.example").await;
    let refused = bob.get(&desk.at("/admin")).await;
    assert!(refused.status == 403 && refused.body.contains("/login?to=/admin&#38;again=1"), "{}", refused.body);
    let url = desk.at("/login?to=/admin&again=1&tenant=acme");
    let answer = desk.sign_in_at(&mut bob, &url, "ada@acme.example").await;
    assert_eq!(answer.location(), Some(desk.at("/admin").as_str()), "{}", answer.body);
}

async fn a_platform_administrator_makes_organisations(backend: Backend) {
    let desk = Desk::new(backend).await;
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    let mut ada = desk.ada().await;
    assert_eq!(ada.get(&desk.at("/admin")).await.location(), Some("/admin/_/tenants"));
    let list = ada.get(&desk.at("/admin/_/tenants")).await;
    assert!(list.body.contains("/admin/acme") && list.body.contains("/admin/other"), "{}", list.body);
    let fields = [
        ("name", "new-one"),
        ("display_name", "New one"),
        ("enabled", "on"),
        ("provisioning", "invite"),
        ("domains", "new.example"),
    ];
    let answer = desk.fill(&mut ada, "/admin/_/tenants/new", "/admin/_/tenants", &fields).await;
    assert_eq!(answer.location(), Some("/admin/new-one?done=created"), "{}", answer.body);
    let page = ada.get(&desk.at("/admin/new-one")).await;
    assert!(page.body.contains("By invitation only") && page.body.contains("new.example"), "{}", page.body);
    let answer = desk.fill(&mut ada, "/admin/_/tenants/new", "/admin/_/tenants", &fields).await;
    assert!(answer.status == 422 && answer.body.contains("of this name already"), "{}", answer.body);

    // A tenant's own administrator sets neither domains nor the switch.
    let mut eve = desk.browser("other", "eve@other.example").await;
    let settings = "/admin/other/settings";
    let kept = [("display_name", "Other"), ("enabled", "on"), ("provisioning", "invite"), ("password_login", "on")];
    let evil: Vec<_> = kept.into_iter().chain([("domains", "evil.example")]).collect();
    let answer = desk.fill(&mut eve, settings, settings, &evil).await;
    assert!(answer.status == 422 && answer.body.contains("administrator of the platform"), "{}", answer.body);
    let answer = desk.fill(&mut eve, settings, settings, &kept).await;
    assert_eq!(answer.location(), Some("/admin/other/settings?done=saved"), "{}", answer.body);
    assert_eq!(tenants::find_by_name(&desk.app.db, "other").await.unwrap().unwrap().provisioning.as_str(), "invite");
}

async fn nobody_of_a_tenant_judges_the_deployments_own(backend: Backend) {
    let desk = Desk::new(backend).await;
    let id = desk.user_id("bob@acme.example").await;
    users::set_platform(&desk.app.db, &id, true, desk.clock.now()).await.unwrap();
    let answer = desk.sign_in(&mut Browser::new(), &desk.admin_url("web"), "ada@acme.example", PASSWORD).await;
    let tokens = desk.redeem("web", &answer.query("code").unwrap()).await.json();
    let header = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let mut ada = desk.ada().await;
    let page = format!("/admin/acme/users/{id}");
    let csrf = ada.get(&desk.at(&page)).await.field("csrf").unwrap_or_default();
    let csrf = if csrf.is_empty() { ada.get(&desk.at("/admin/acme/settings")).await.csrf() } else { csrf };
    let mut api = Browser::new();
    for deed in ["deactivate", "activate"] {
        let answer = ada.post(&desk.at(&format!("{page}/{deed}")), &[("csrf", &csrf)]).await;
        assert_eq!(answer.status, 403, "{deed}: {}", answer.body);
        let url = desk.at(&format!("/api/v1/users/{id}/{deed}"));
        let body = if deed == "activate" { serde_json::json!({}) } else { serde_json::json!({"force": true}) };
        let answer = api.post_json(&url, &[("authorization", &header)], &body).await;
        assert_eq!(answer.status, 403, "{deed}: {}", answer.body);
    }
    assert!(users::find(&desk.app.db, &id).await.unwrap().unwrap().active);
    // Of their own tenant's people they do.
    users::set_platform(&desk.app.db, &id, false, desk.clock.now()).await.unwrap();
    let url = desk.at(&format!("/api/v1/users/{id}/deactivate"));
    assert_eq!(api.post_json(&url, &[("authorization", &header)], &serde_json::json!({"force": true})).await.status, 200);
    let answer = ada.post(&desk.at(&format!("{page}/activate")), &[("csrf", &csrf)]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
}
