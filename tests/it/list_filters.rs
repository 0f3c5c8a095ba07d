//! Lists narrowed by state: the same words on pages and in the API, found by the database.

use gatehouse::store::users;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{admin_pages::Desk, browser::Browser, on_both, world::Backend};

on_both!(
    users_by_state,
    connections_by_state_and_protocol,
    what_has_a_switch_by_that,
    identities_by_their_issuer,
    what_no_list_knows_is_refused,
    what_ends_by_state,
    identities_show_issuer_and_claims,
    names_beyond_ascii_are_found_whatever_their_case,
);

pub async fn names(desk: &Desk, path: &str, key: &str, name: &str) -> Vec<String> {
    let bearer = ("authorization", "Bearer 0123456789abcdef0123456789abcdef");
    let answer = Browser::new().get_with(&desk.at(&format!("/api/v1/tenants/acme/{path}")), &[bearer]).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()[key].as_array().unwrap().iter().map(|one| one[name].as_str().unwrap().to_owned()).collect()
}

pub async fn refused(desk: &Desk, path: &str) {
    let bearer = ("authorization", "Bearer 0123456789abcdef0123456789abcdef");
    let answer = Browser::new().get_with(&desk.at(&format!("/api/v1/tenants/acme/{path}")), &[bearer]).await;
    assert_eq!(answer.status, 400, "{path}: {}", answer.body);
}

/// The page shows these rows and no other of all.
async fn page(desk: &Desk, ada: &mut Browser, path: &str, shown: &[&str], all: &[&str]) {
    let page = ada.get(&desk.at(&format!("/admin/acme/{path}"))).await;
    for name in all {
        let there = page.body.contains(&format!("<bdi>{name}</bdi></a>"));
        assert_eq!(there, shown.contains(name), "{path}: {name}: {}", page.body);
    }
}

async fn users_by_state(backend: Backend) {
    let desk = Desk::new(backend).await;
    let all = ["ada@acme.example", "bob@acme.example", "new@acme.example", "root@acme.example"];
    for email in ["new@acme.example", "root@acme.example"] {
        let sql = format!(
            "INSERT INTO users (id, tenant_id, email, email_proven, admin, active, created_at, updated_at) \
             SELECT '{email}', id, '{email}', TRUE, FALSE, TRUE, 1, 1 FROM tenants WHERE name = 'acme'"
        );
        desk.sql(sql.leak()).await;
    }
    users::set_platform(&desk.app.db, "root@acme.example", true, desk.clock.now()).await.unwrap();
    let mut ada = desk.ada().await;
    desk.browser("acme", "bob@acme.example").await;
    desk.shut_out(&desk.user_id("bob@acme.example").await).await;
    for (state, found) in [
        ("", &all[..]),
        ("active", &["ada@acme.example", "new@acme.example", "root@acme.example"][..]),
        ("deactivated", &["bob@acme.example"][..]),
        ("administrators", &["ada@acme.example", "root@acme.example"][..]),
        ("never_signed_in", &["new@acme.example", "root@acme.example"][..]),
    ] {
        assert_eq!(names(&desk, &format!("users?state={state}"), "users", "email").await, found, "{state}");
        page(&desk, &mut ada, &format!("users?state={state}"), found, &all).await;
    }
    // Page by page, and with a search.
    assert_eq!(names(&desk, "users?state=active&limit=1", "users", "email").await, ["ada@acme.example"]);
    assert_eq!(names(&desk, "users?state=active&limit=1&after=ada@acme.example", "users", "email").await, ["new@acme.example"]);
    assert_eq!(names(&desk, "users?state=active&search=root", "users", "email").await, ["root@acme.example"]);
    for wrong in ["users?state=open", "users?state=ACTIVE", "teams?state=active", "users?state=active&state=deactivated"] {
        refused(&desk, wrong).await;
    }
    let told = ada.get(&desk.at("/admin/acme/users?state=never_signed_in")).await;
    assert!(told.body.contains("<option value=\"never_signed_in\" selected>Never signed in</option>"), "{}", told.body);
    // Whoever comes is none of them any more.
    desk.sql("UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE email = 'ada@acme.example') WHERE id = 'new@acme.example'").await;
    desk.browser("acme", "new@acme.example").await;
    assert_eq!(names(&desk, "users?state=never_signed_in", "users", "email").await, ["root@acme.example"]);
    let own = ada.get(&desk.at("/admin/acme/users/new@acme.example")).await;
    assert!(own.body.contains("Last signed in") && !own.body.contains("<dd>Never</dd>"), "{}", own.body);
}

async fn connections_by_state_and_protocol(backend: Backend) {
    let desk = Desk::new(backend).await;
    let all = ["okta", "draft", "read", "saml"];
    for (name, protocol) in [("draft", "oidc"), ("saml", "saml")] {
        let sql = format!(
            "INSERT INTO connections (id, tenant_id, name, protocol, enabled, login_enabled, settings, version, created_at) \
             SELECT '{name}', id, '{name}', '{protocol}', FALSE, TRUE, '{{\"preset\":\"Custom_{protocol}\"}}', 1, 1 FROM tenants WHERE name = 'acme'"
        );
        desk.sql(sql.leak()).await;
    }
    let mut ada = desk.ada().await;
    for (query, found) in [
        ("", &["draft", "okta", "read", "saml"][..]),
        ("?state=draft", &["draft", "read", "saml"][..]),
        ("?state=live", &["okta"][..]),
        ("?protocol=saml", &["read", "saml"][..]),
        ("?protocol=oidc&state=draft", &["draft"][..]),
        ("?protocol=oidc&state=draft&search=okta", &[][..]),
        ("?provider=okta", &["okta"][..]),
        ("?provider=OKTA&protocol=oidc", &["okta"][..]),
        ("?provider=custom-saml", &["saml"][..]),
        ("?provider=google", &[][..]),
    ] {
        let path = format!("connections{query}");
        assert_eq!(names(&desk, &path, "connections", "name").await, found, "{query}");
        page(&desk, &mut ada, &path, found, &all).await;
    }
    for wrong in ["connections?state=active", "connections?protocol=ldap", "connections?provider=nobody"] {
        refused(&desk, wrong).await;
    }
}

async fn what_has_a_switch_by_that(backend: Backend) {
    let desk = Desk::new(backend).await;
    desk.apply(
        "tenants:\n- name: acme\n  clients:\n  - {client_id: shut, secret: shut-secret, redirect_uris: [\"https://shut.example/cb\"], enabled: false}\n  \
         trusted_issuers:\n  - {name: shut, issuer: \"https://shut.example\", jwks_uri: \"https://shut.example/keys\", audience: [api], enabled: false}\n  \
         external_identities:\n  - {name: shut, issuer: shut, enabled: false}\n  virtual_accounts:\n  - {name: shut, issuer: shut, enabled: false}\n  \
         directories:\n  - {name: shut, enabled: false}\n  sites:\n  - {name: shut, hosts: [shut.example], enabled: false}\n",
    )
    .await;
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    let mut ada = desk.ada().await;
    for (noun, key, open) in [
        ("clients", "client_id", "web"),
        ("trusted_issuers", "name", "idp"),
        ("external_identities", "name", "ci"),
        ("virtual_accounts", "name", "batch"),
        ("directories", "name", "people"),
        ("sites", "name", "wiki"),
    ] {
        for (query, found) in [
            ("?state=on", vec![open]),
            ("?state=off", vec!["shut"]),
            ("?state=off&search=SHU", vec!["shut"]),
            ("?state=off&search=x", vec![]),
            ("?state=off&after=shut", vec![]),
        ] {
            let path = format!("{noun}{query}");
            assert_eq!(names(&desk, &path, noun, key).await, found, "{path}");
            page(&desk, &mut ada, &path, &found, &[open, "shut"]).await;
        }
        refused(&desk, &format!("{noun}?state=draft")).await;
    }
}

async fn identities_by_their_issuer(backend: Backend) {
    let desk = Desk::new(backend).await;
    desk.apply(
        "tenants:\n- name: acme\n  connections:\n  - {name: sso, login_enabled: false, oidc: {issuer: \"https://sso.example\", client_id: gh}}\n  \
         trusted_issuers:\n  - {name: second, issuer: \"https://second.example\", jwks_uri: \"https://second.example/keys\", audience: [api]}\n  \
         external_identities:\n  - {name: of-second, issuer: second}\n  - {name: of-second-too, issuer: second, claims: {azp: a}}\n  \
         - {name: of-sso, issuer: sso}\n  virtual_accounts:\n  - {name: robot, issuer: second}\n  teams:\n  - {name: led, tokens: [{issuer: second, claims: {azp: b}}]}\n\
         - name: other\n  trusted_issuers:\n  - {name: second, issuer: \"https://other.example\", jwks_uri: \"https://other.example/keys\", audience: [api]}\n  \
         external_identities:\n  - {name: theirs, issuer: second}\n",
    )
    .await;
    let mut ada = desk.ada().await;
    let all = ["ci", "of-second", "of-second-too", "of-sso"];
    for (query, found) in [
        ("?issuer=second", &all[1..3]),
        ("?issuer=idp", &all[..1]),
        ("?issuer=sso", &all[3..]),
        ("?issuer=second&search=too", &all[2..3]),
        ("?issuer=second&after=of-second", &all[2..3]),
        ("?issuer=second&state=off", &[][..]),
        ("?issuer=none", &[][..]),
    ] {
        let path = format!("external_identities{query}");
        assert_eq!(names(&desk, &path, "external_identities", "name").await, found, "{query}");
        page(&desk, &mut ada, &path, found, &all).await;
    }
    assert_eq!(names(&desk, "virtual_accounts?issuer=second", "virtual_accounts", "name").await, ["robot"]);
    let shown = ada.get(&desk.at("/admin/acme/external_identities?issuer=se%22cond")).await;
    assert!(shown.body.contains("name=\"issuer\"") && shown.body.contains("value=\"se&#34;cond\""), "{}", shown.body);
}

/// A filter that is mistyped leaves nothing out, and would seem to have found nothing else.
async fn what_no_list_knows_is_refused(backend: Backend) {
    let desk = Desk::new(backend).await;
    let bearer = ("authorization", "Bearer 0123456789abcdef0123456789abcdef");
    let mut asked = 0;
    for (method, path) in gatehouse::admin::surface() {
        if method != "GET" {
            continue;
        }
        let path = path.replace("{tenant}", "acme").replace("{noun}", "teams").replace("{name}", "sre");
        let url = desk.at(&format!("{path}?search_for=x"));
        let answer = Browser::new().get_with(&url, &[bearer]).await;
        if answer.status == 403 {
            // Only the deployment's administrators may ask.
            continue;
        }
        let why = answer.json()["error_description"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == 400 && why.starts_with("the parameter search_for is unknown here"), "{path}: {}", answer.body);
        // Who may not ask at all is told no more than that.
        assert_eq!(Browser::new().get_with(&url, &[]).await.status, 401, "{path}");
        asked += 1;
    }
    assert!(asked > 20, "{asked}");
    for (path, known) in [
        ("users?limt=1", "search, after, limit, state"),
        ("connections?preset=okta", "search, after, limit, state, protocol, provider"),
        ("external_identities?provider=idp", "search, after, limit, state, issuer"),
        ("sign_ins?search=x", "outcome, cause, connection, email, before"),
        ("teams/sre?members=1", "this address knows none"),
    ] {
        let answer = Browser::new().get_with(&desk.at(&format!("/api/v1/tenants/acme/{path}")), &[bearer]).await;
        let why = answer.json()["error_description"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == 400 && why.ends_with(known), "{path}: {}", answer.body);
    }
    // Pages leave out what they do not know: an address is kept, and goes on.
    let mut ada = desk.ada().await;
    assert_eq!(ada.get(&desk.at("/admin/acme/teams?search_for=x")).await.status, 200);
}

async fn what_ends_by_state(backend: Backend) {
    let desk = Desk::new(backend).await;
    let now = desk.clock.now();
    let all = ["bot", "off", "over"];
    for (name, enabled, end) in [("off", "FALSE", "NULL".to_owned()), ("over", "TRUE", (now - 1).to_string())] {
        let sql = format!(
            "INSERT INTO service_tokens (id, tenant_id, name, declared, enabled, scopes, expires_at, created_at) \
             SELECT '{name}', id, '{name}', FALSE, {enabled}, '[\"admin\"]', {end}, 1 FROM tenants WHERE name = 'acme'"
        );
        desk.sql(sql.leak()).await;
    }
    for (n, name, end) in [(1, "open", now + 60), (2, "over", now - 60)] {
        let invite = format!(
            "INSERT INTO invites (id, tenant_id, email, teams, token_hash, mailed, invited_by, sent, created_at, expires_at) \
             SELECT '{n}', id, '{name}@acme.example', '[]', 'h{n}', TRUE, 'ada', 1, 1, {end} FROM tenants WHERE name = 'acme'"
        );
        assert_eq!(desk.sql(invite.leak()).await, 1);
    }
    let mut ada = desk.ada().await;
    for name in ["first", "second"] {
        let fields = [("connection", name), ("days", "7")];
        let answer = desk.fill(&mut ada, "/admin/acme/setup-links", "/admin/acme/setup-links", &fields).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    desk.sql(format!("UPDATE setup_links SET ended_at = {now} WHERE connection = 'second'").leak()).await;
    for (state, tokens, invites, links) in [
        ("open", vec!["bot"], vec!["open@acme.example"], vec!["first"]),
        ("ended", vec!["off", "over"], vec!["over@acme.example"], vec!["second"]),
    ] {
        assert_eq!(names(&desk, &format!("service_tokens?state={state}"), "service_tokens", "name").await, tokens, "{state}");
        page(&desk, &mut ada, &format!("service_tokens?state={state}"), &tokens, &all).await;
        assert_eq!(names(&desk, &format!("invites?state={state}"), "invites", "email").await, invites, "{state}");
        let waited = ada.get(&desk.at(&format!("/admin/acme/invites?state={state}"))).await;
        for name in ["open@acme.example", "over@acme.example"] {
            assert_eq!(waited.body.contains(&format!("<bdi>{name}</bdi>")), invites.contains(&name), "{state}: {}", waited.body);
        }
        // What has ended is not sent again from here.
        assert_eq!(waited.body.contains("/resend"), state == "open", "{}", waited.body);
        assert_eq!(names(&desk, &format!("setup-links?state={state}"), "setup_links", "connection").await, links, "{state}");
        let listed = ada.get(&desk.at(&format!("/admin/acme/setup-links?state={state}"))).await;
        for name in ["first", "second"] {
            let there = listed.body.contains(&format!("<th scope=\"row\"><bdi>{name}</bdi></th>"));
            assert_eq!(there, links.contains(&name), "{state}: {}", listed.body);
        }
    }
    for wrong in ["service_tokens?state=draft", "invites?state=accepted", "setup-links?state=x"] {
        refused(&desk, wrong).await;
    }
}

async fn identities_show_issuer_and_claims(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let list = ada.get(&desk.at("/admin/acme/external_identities")).await;
    assert!(list.body.contains("<bdi>idp</bdi>") && list.body.contains("email is *@acme.example"), "{}", list.body);
    let accounts = ada.get(&desk.at("/admin/acme/virtual_accounts")).await;
    assert!(accounts.body.contains("azp is batch"), "{}", accounts.body);
    let bearer = ("authorization", "Bearer 0123456789abcdef0123456789abcdef");
    let url = desk.at("/api/v1/tenants/acme/external_identities");
    let answer = Browser::new().send(Method::GET, &url, &[bearer], None).await.json();
    let one: &Value = &answer["external_identities"][0];
    assert_eq!((&one["issuer"], &one["claims"]), (&json!("idp"), &json!({"email": "*@acme.example"})), "{answer}");
}

async fn names_beyond_ascii_are_found_whatever_their_case(backend: Backend) {
    let desk = Desk::new(backend).await;
    desk.apply(
        "tenants:\n- name: acme\n  users:\n  - {email: o@acme.example, name: \"Ödön Özil\"}\n  - {email: p@acme.example, name: \"ödÖN % Kim\"}\n  \
         teams:\n  - {name: \"Ärzte ΣΟΦΟΣ\"}\n  resources:\n  - {type: model, name: \"Über\"}\n",
    )
    .await;
    let both = ["o@acme.example", "p@acme.example"];
    for (search, found) in [
        ("ödön", &both[..]),
        ("ÖDÖN", &both[..]),
        ("Özil", &both[..1]),
        ("ÖN %", &both[1..]),
        ("odon", &[][..]),
        ("Ödön", &both[..]),
    ] {
        let query: String = url::form_urlencoded::byte_serialize(search.as_bytes()).collect();
        assert_eq!(names(&desk, &format!("users?search={query}"), "users", "email").await, found, "{search}");
        // With a state too, and page by page.
        assert_eq!(names(&desk, &format!("users?search={query}&state=active"), "users", "email").await, found, "{search}");
        let later = names(&desk, &format!("users?search={query}&limit=1&after=o@acme.example"), "users", "email").await;
        assert_eq!(later, found.iter().copied().filter(|one| *one > both[0]).collect::<Vec<_>>(), "{search}");
    }
    for search in ["ärzte", "ÄRZTE", "σοφος", "σοφοσ"] {
        let query: String = url::form_urlencoded::byte_serialize(search.as_bytes()).collect();
        assert_eq!(names(&desk, &format!("teams?search={query}"), "teams", "name").await, ["Ärzte ΣΟΦΟΣ"], "{search}");
    }
    for (search, found) in [("über", 1), ("model:ÜB", 1), ("uber", 0)] {
        let query: String = url::form_urlencoded::byte_serialize(search.as_bytes()).collect();
        assert_eq!(names(&desk, &format!("resources?search={query}"), "resources", "name").await.len(), found, "{search}");
    }
    desk.sql("UPDATE tenants SET display_name = 'Österreich' WHERE name = 'acme'").await;
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    let mut ada = desk.ada().await;
    let page = ada.get(&desk.at("/admin/_/tenants?search=%C3%B6sterr")).await;
    assert!(page.status == 200 && page.body.contains("Österreich"), "{}", page.body);
}
