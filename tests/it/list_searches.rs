//! Lists that are not of a tenant's nouns: organisations by state, invites and set-up links searched; on pages and in the API.

use gatehouse::{
    policy::api_scope::ApiScopes,
    secret,
    store::{
        personal_tokens::{self, PersonalToken},
        users,
    },
};
use serde_json::json;

use crate::{
    admin_pages::Desk,
    browser::Browser,
    list_filters::{names, refused},
    on_both,
    world::Backend,
};

on_both!(tenants_by_state, invites_and_links_are_searched, domains_come_a_part_at_a_time,);

async fn tenants_by_state(backend: Backend) {
    let desk = Desk::new(backend).await;
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    desk.apply("tenants:\n- {name: shut, display_name: Öde, enabled: false}\n").await;
    let mut ada = desk.ada().await;
    let made = api_token(&desk, "ada@acme.example").await;
    let bearer = format!("Bearer {made}");
    for (query, found) in [
        ("", &["acme", "other", "shut"][..]),
        ("?state=on", &["acme", "other"][..]),
        ("?state=on&after=acme", &["other"][..]),
        ("?state=off", &["shut"][..]),
        ("?state=off&search=%C3%96DE", &["shut"][..]),
        ("?state=on&search=%C3%96DE", &[][..]),
        ("?state=off&after=shut", &[][..]),
    ] {
        let url = desk.at(&format!("/api/v1/tenants{query}"));
        let answer = Browser::new().get_with(&url, &[("authorization", &bearer)]).await;
        let all = answer.json()["tenants"].as_array().map(|all| all.iter().map(|one| one["name"].clone()).collect::<Vec<_>>());
        assert_eq!(all, Some(found.iter().map(|name| json!(name)).collect()), "{query}: {}", answer.body);
        let page = ada.get(&desk.at(&format!("/admin/_/tenants{query}"))).await;
        for name in ["acme", "other", "shut"] {
            let there = page.body.contains(&format!("href=\"/admin/{name}\"><bdi>"));
            assert_eq!(there, found.contains(&name), "{query}: {name}: {}", page.body);
        }
    }
    let page = ada.get(&desk.at("/admin/_/tenants?state=off")).await;
    assert!(page.body.contains("<option value=\"off\" selected>Off</option>"), "{}", page.body);
    // Of one tenant alone the same, as far as it is that one.
    let own = ("authorization", "Bearer 0123456789abcdef0123456789abcdef");
    for (query, found) in [("", 1), ("?state=on", 1), ("?state=off", 0), ("?search=CM", 1), ("?search=x", 0), ("?after=acme", 0)]
    {
        let answer = Browser::new().get_with(&desk.at(&format!("/api/v1/tenants{query}")), &[own]).await;
        assert_eq!(answer.json()["tenants"].as_array().map(Vec::len), Some(found), "{query}: {}", answer.body);
    }
    let answer = Browser::new().get_with(&desk.at("/api/v1/tenants?state=draft"), &[own]).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
}

/// A personal token of everything that its owner may.
async fn api_token(desk: &Desk, email: &str) -> String {
    let (now, token) = (desk.clock.now(), secret::token(personal_tokens::PREFIX));
    let row = PersonalToken {
        id: secret::row_id(now),
        user_id: desk.user_id(email).await,
        name: "all".to_owned(),
        fingerprint: personal_tokens::fingerprint(&desk.app.sealer, &token),
        scopes: ApiScopes::parse(["admin"]).unwrap(),
        made_with: None,
        last_used_at: None,
        expires_at: now + 3_600,
        created_at: now,
    };
    personal_tokens::insert(&desk.app.db, &row).await.unwrap();
    token
}

async fn invites_and_links_are_searched(backend: Backend) {
    let desk = Desk::new(backend).await;
    let now = desk.clock.now();
    for (n, email, name, end) in [
        (1, "zoe@acme.example", "'Ödön Nagy'", now + 60),
        (2, "yan@acme.example", "NULL", now + 60),
        (3, "x_y@acme.example", "'Zoe'", now - 60),
    ] {
        let invite = format!(
            "INSERT INTO invites (id, tenant_id, email, name, teams, token_hash, mailed, invited_by, sent, created_at, expires_at) \
             SELECT '{n}', id, '{email}', {name}, '[]', 'h{n}', TRUE, 'ada', 1, 1, {end} FROM tenants WHERE name = 'acme'"
        );
        assert_eq!(desk.sql(invite.leak()).await, 1);
    }
    let mut ada = desk.ada().await;
    let (zoe, yan, third) = ("zoe@acme.example", "yan@acme.example", "x_y@acme.example");
    for (query, found) in [
        ("?search=ZOE", &[third, zoe][..]),
        ("?search=ZOE&state=open", &[zoe][..]),
        ("?search=ZOE&state=ended", &[third][..]),
        ("?search=%C3%B6D%C3%96n", &[zoe][..]),
        ("?search=x_y", &[third][..]),
        ("?search=_&state=open", &[][..]),
        ("?search=acme.example&state=open", &[yan, zoe][..]),
        ("?search=acme.example&limit=1", &[third][..]),
        ("?search=acme.example&limit=1&after=3", &[yan][..]),
        ("?search=zoe&after=1", &[][..]),
    ] {
        assert_eq!(names(&desk, &format!("invites{query}"), "invites", "email").await, found, "{query}");
        // The page shows those that wait, unless those that have ended are asked for.
        if !query.contains("limit") {
            let page = ada.get(&desk.at(&format!("/admin/acme/invites{query}"))).await;
            let is_ended = query.contains("state=ended");
            for (email, has_ended) in [(zoe, false), (yan, false), (third, true)] {
                let there = page.body.contains(&format!("<bdi>{email}</bdi>"));
                assert_eq!(there, found.contains(&email) && has_ended == is_ended, "{query}: {email}: {}", page.body);
            }
        }
    }
    let typed = ada.get(&desk.at("/admin/acme/invites?search=%22no")).await;
    assert!(typed.body.contains("value=\"&#34;no\"") && typed.body.contains("Nobody is called like"), "{}", typed.body);
    for connection in ["first", "second"] {
        let fields = [("connection", connection), ("days", "7")];
        let answer = desk.fill(&mut ada, "/admin/acme/setup-links", "/admin/acme/setup-links", &fields).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    for (query, found) in [
        ("?search=FIR", &["first"][..]),
        ("?search=SECOND&limit=1", &["second"][..]),
        ("?search=ir&state=open", &["first"][..]),
        ("?search=ir&state=ended", &[][..]),
        ("?search=%25", &[][..]),
    ] {
        assert_eq!(names(&desk, &format!("setup-links{query}"), "setup_links", "connection").await, found, "{query}");
        let page = ada.get(&desk.at(&format!("/admin/acme/setup-links{query}"))).await;
        for name in ["first", "second"].into_iter().filter(|_| !query.contains("limit")) {
            let there = page.body.contains(&format!("<th scope=\"row\"><bdi>{name}</bdi></th>"));
            assert_eq!(there, found.contains(&name), "{query}: {name}: {}", page.body);
        }
    }
    let long = "x".repeat(101);
    for list in ["invites", "setup-links"] {
        refused(&desk, &format!("{list}?search={long}")).await;
        assert_eq!(ada.get(&desk.at(&format!("/admin/acme/{list}?search={long}"))).await.status, 400);
    }
}

async fn domains_come_a_part_at_a_time(backend: Backend) {
    let desk = Desk::new(backend).await;
    let few = desk.ada().await.get(&desk.at("/admin/acme/domains")).await;
    assert!(few.body.contains("acme.example") && !few.body.contains("role=\"search\""), "{}", few.body);
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)";
    let sql = format!(
        "INSERT INTO domains (domain, tenant_id) {numbers} SELECT 'd' || (1000 + i) || '.example', t.id FROM n, tenants t WHERE t.name = 'acme'"
    );
    assert_eq!(desk.sql(sql.leak()).await, 120);
    let all: Vec<String> =
        ["acme.example".to_owned()].into_iter().chain((1_001..=1_120).map(|n| format!("d{n}.example"))).collect();
    assert_eq!(names(&desk, "domains", "domains", "name").await, all[..100]);
    assert_eq!(names(&desk, &format!("domains?after={}", all[99]), "domains", "name").await, all[100..]);
    assert_eq!(names(&desk, "domains?limit=3&after=d1001.example", "domains", "name").await, all[2..5]);
    assert_eq!(names(&desk, "domains?search=D101", "domains", "name").await, all[10..20]);
    refused(&desk, "domains?state=proven").await;
    let mut ada = desk.ada().await;
    let first = ada.get(&desk.at("/admin/acme/domains")).await;
    assert!(first.body.contains("d1049.example") && !first.body.contains("d1050.example"), "{}", first.body);
    assert!(first.body.contains("after=d1049.example\">Next page"), "{}", first.body);
    let found = ada.get(&desk.at("/admin/acme/domains?search=d112")).await;
    assert!(found.body.contains("d1120.example") && !found.body.contains("d1049.example"), "{}", found.body);
    let none = ada.get(&desk.at("/admin/acme/domains?search=none")).await;
    assert!(none.body.contains("Nothing is called like"), "{}", none.body);
}
