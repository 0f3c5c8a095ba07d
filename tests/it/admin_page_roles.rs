//! Every page of /admin, and who may see it: the list is the one that the router is made of, so that a page without an entry
//! here fails.

use axum::http::Method;
use gatehouse::{apply::single::Noun, router, store::users};

use crate::{admin_pages::Desk, browser::Browser, on_both, world::Backend};

on_both!(every_page_is_for_whoever_administers_it, every_form_is_for_whoever_administers_it);

/// What the page says that refuses a form for its token.
const FORGED: &str = "This page was open for too long";

/// One thing of each noun, as pages call it.
const THINGS: [(&str, &str); 11] = [
    ("connections", "okta"),
    ("clients", "web"),
    ("users", "bob@acme.example"),
    ("teams", "sre"),
    ("directories", "people"),
    ("service_tokens", "bot"),
    ("trusted_issuers", "idp"),
    ("external_identities", "ci"),
    ("virtual_accounts", "batch"),
    ("resources", "model:gpt"),
    ("sites", "wiki"),
];

/// Every page there is, and who may see it: `p` platform administrators alone, `t` the tenant's own too, `o` each operator,
/// who finds there what is their own.
pub fn pages(user: &str) -> Vec<(char, Method, String)> {
    let mut all = vec![
        ('p', Method::GET, "/admin/_/tenants".to_owned()),
        ('p', Method::GET, "/admin/_/tenants/new".to_owned()),
        ('o', Method::GET, "/admin".to_owned()),
        ('o', Method::GET, "/admin/_/tokens".to_owned()),
        ('o', Method::POST, "/admin/_/tokens".to_owned()),
        ('t', Method::GET, "/admin/_/tokens/of-ada/revoke".to_owned()),
        ('t', Method::POST, "/admin/_/tokens/of-ada/revoke".to_owned()),
        ('p', Method::GET, "/admin/_/sign-ins".to_owned()),
        ('p', Method::GET, "/admin/_/sign-ins/failed".to_owned()),
        ('t', Method::GET, "/admin/acme/sign-ins".to_owned()),
        ('t', Method::GET, "/admin/acme/sign-ins/failed".to_owned()),
        ('p', Method::POST, "/admin/_/tenants".to_owned()),
        ('p', Method::GET, "/admin/_/audit".to_owned()),
        ('p', Method::GET, "/admin/_/audit/export".to_owned()),
        ('p', Method::POST, "/admin/_/audit/verification".to_owned()),
        ('p', Method::GET, "/admin/_/keys".to_owned()),
        ('p', Method::GET, "/admin/_/keys/saml-sign/rotate".to_owned()),
        ('p', Method::POST, "/admin/_/keys/saml-sign/rotate".to_owned()),
        ('p', Method::GET, "/admin/_/expiring".to_owned()),
        ('t', Method::GET, "/admin/acme/expiring".to_owned()),
        ('t', Method::GET, "/admin/acme/explain".to_owned()),
        ('t', Method::POST, "/admin/acme/explain".to_owned()),
        ('t', Method::GET, "/admin/acme/invites".to_owned()),
        ('t', Method::POST, "/admin/acme/invites".to_owned()),
        ('t', Method::GET, "/admin/acme/invites/new".to_owned()),
        ('t', Method::POST, "/admin/acme/invites/open/resend".to_owned()),
        ('t', Method::GET, "/admin/acme/invites/open/revoke".to_owned()),
        ('t', Method::POST, "/admin/acme/invites/open/revoke".to_owned()),
        ('t', Method::GET, "/admin/acme/resources/model:gpt/collaborators".to_owned()),
        ('t', Method::POST, "/admin/acme/resources/model:gpt/collaborators".to_owned()),
        ('t', Method::POST, "/admin/acme/resources/model:gpt/role".to_owned()),
        ('t', Method::GET, "/admin/acme/resources/model:gpt/collaborators/remove?kind=external_identity&name=ci".to_owned()),
        ('t', Method::POST, "/admin/acme/resources/model:gpt/collaborators/remove?kind=external_identity&name=nobody".to_owned()),
        ('t', Method::GET, "/admin/acme/teams/sre/roles".to_owned()),
        ('t', Method::GET, "/admin/acme/external_identities/ci/roles".to_owned()),
        ('t', Method::GET, "/admin/acme/virtual_accounts/batch/roles".to_owned()),
        ('t', Method::GET, format!("/admin/acme/users/{user}/roles")),
        ('t', Method::GET, "/admin/acme/teams/sre/members".to_owned()),
        ('t', Method::POST, "/admin/acme/teams/sre/members".to_owned()),
        ('t', Method::GET, format!("/admin/acme/teams/sre/members/{user}/remove")),
        ('t', Method::POST, format!("/admin/acme/teams/sre/members/{user}/remove")),
        ('t', Method::GET, "/admin/acme/service_tokens/bot/token".to_owned()),
        ('t', Method::POST, "/admin/acme/service_tokens/bot/token".to_owned()),
        ('t', Method::GET, "/admin/acme".to_owned()),
        ('t', Method::GET, "/admin/acme/audit".to_owned()),
        ('t', Method::GET, "/admin/acme/audit/export".to_owned()),
        ('t', Method::GET, "/admin/acme/directories/people/token".to_owned()),
        ('t', Method::POST, "/admin/acme/directories/people/token".to_owned()),
        ('t', Method::GET, "/admin/acme/directories/people/tokens/made/revoke".to_owned()),
        ('t', Method::POST, "/admin/acme/directories/people/tokens/made/revoke".to_owned()),
        ('t', Method::GET, "/admin/acme/settings".to_owned()),
        ('t', Method::POST, "/admin/acme/settings".to_owned()),
        ('p', Method::GET, "/admin/acme/settings/delete".to_owned()),
        ('p', Method::POST, "/admin/acme/settings/delete".to_owned()),
        ('t', Method::GET, "/admin/acme/connections/okta/test".to_owned()),
        ('t', Method::POST, "/admin/acme/connections/okta/test".to_owned()),
        ('t', Method::GET, "/admin/acme/connections/read/metadata".to_owned()),
        ('t', Method::POST, "/admin/acme/connections/read/metadata/accept".to_owned()),
        ('t', Method::POST, "/admin/acme/connections/read/metadata/fetch".to_owned()),
        ('t', Method::GET, format!("/admin/acme/users/{user}")),
        ('t', Method::GET, format!("/admin/acme/users/{user}/sign-out")),
        ('t', Method::POST, format!("/admin/acme/users/{user}/sign-out")),
        ('t', Method::GET, format!("/admin/acme/users/{user}/tokens/of-bob/revoke")),
        ('t', Method::POST, format!("/admin/acme/users/{user}/tokens/of-bob/revoke")),
        ('t', Method::GET, format!("/admin/acme/users/{user}/edit")),
        ('t', Method::POST, format!("/admin/acme/users/{user}/edit")),
        ('t', Method::GET, format!("/admin/acme/users/{user}/deactivate")),
        ('t', Method::POST, format!("/admin/acme/users/{user}/deactivate")),
        ('t', Method::POST, format!("/admin/acme/users/{user}/activate")),
        ('t', Method::GET, format!("/admin/acme/users/{user}/identities")),
        ('t', Method::POST, format!("/admin/acme/users/{user}/identities")),
        ('t', Method::GET, format!("/admin/acme/users/{user}/identities/okta/unlink")),
        ('t', Method::POST, format!("/admin/acme/users/{user}/identities/okta/unlink")),
    ];
    all.extend([
        ('t', Method::GET, "/admin/acme/domains".to_owned()),
        ('t', Method::POST, "/admin/acme/domains".to_owned()),
        ('t', Method::GET, "/admin/acme/domains/acme.example/delete".to_owned()),
        ('t', Method::POST, "/admin/acme/domains/acme.example/delete".to_owned()),
        ('t', Method::POST, "/admin/acme/domains/acme.example/check".to_owned()),
        ('p', Method::POST, "/admin/acme/domains/acme.example/accept".to_owned()),
        ('t', Method::GET, "/admin/acme/setup-links".to_owned()),
        ('t', Method::POST, "/admin/acme/setup-links".to_owned()),
        ('t', Method::GET, "/admin/acme/setup-links/linked/revoke".to_owned()),
        ('t', Method::POST, "/admin/acme/setup-links/linked/revoke".to_owned()),
    ]);
    for thing in ["connections/okta", "connections/new", "trusted_issuers/idp"] {
        all.push(('t', Method::POST, format!("/admin/acme/{thing}/check")));
    }
    for (noun, name) in THINGS {
        let level = if noun == "sites" { 'p' } else { 't' };
        all.extend([
            (level, Method::GET, format!("/admin/acme/{noun}")),
            (level, Method::POST, format!("/admin/acme/{noun}")),
            (level, Method::GET, format!("/admin/acme/{noun}/new")),
            (level, Method::GET, format!("/admin/acme/{noun}/{name}/delete")),
            (level, Method::POST, format!("/admin/acme/{noun}/{name}/delete")),
        ]);
        if noun != "users" {
            all.push((level, Method::GET, format!("/admin/acme/{noun}/{name}")));
        }
        if !["users", "resources"].contains(&noun) {
            all.push((level, Method::POST, format!("/admin/acme/{noun}/{name}")));
        }
    }
    all
}

/// The route that answers a path: what is said counts before what is left open, from the left.
fn route_of(page: &str, routes: &[(Method, &'static str)], method: &Method) -> Option<&'static str> {
    let path: Vec<&str> = page.split('?').next().unwrap_or_default().split('/').collect();
    let open = |route: &str| route.split('/').map(|part| part.starts_with('{')).collect::<Vec<_>>();
    let fits = |route: &str| {
        let parts: Vec<&str> = route.split('/').collect();
        parts.len() == path.len() && parts.iter().zip(&path).all(|(part, said)| part.starts_with('{') || part == said)
    };
    let fitting = routes.iter().filter(|(m, route)| m == method && fits(route)).map(|(_, route)| *route);
    fitting.min_by_key(|route| open(route))
}

#[test]
fn every_page_has_an_entry() {
    let (routes, pages) = (gatehouse::admin::pages::surface(), pages("some-user"));
    for (method, route) in &routes {
        let has = pages.iter().any(|(_, m, page)| m == method && route_of(page, &routes, method) == Some(*route));
        assert!(has, "{method} {route} has no entry: who may see it?");
    }
    for (_, method, page) in &pages {
        assert!(route_of(page, &routes, method).is_some(), "{method} {page} is answered by no page");
    }
}

/// One of each thing that has a page and is in no file.
async fn things(desk: &Desk) {
    let (now, ada) = (desk.clock.now(), desk.user_id("ada@acme.example").await);
    let end = now + 86_400;
    // Somebody administers the deployment also without the organisation that could be deleted.
    desk.sql(
        "INSERT INTO users (id, tenant_id, email, email_proven, admin, active, platform, created_at, updated_at) \
         SELECT 'root', id, 'root@other.example', TRUE, FALSE, TRUE, TRUE, 1, 1 FROM tenants WHERE name = 'other'",
    )
    .await;
    for sql in [
        format!(
            "INSERT INTO personal_tokens (id, user_id, name, fingerprint, scopes, expires_at, created_at) \
             VALUES ('of-ada', '{ada}', 'x', 'f', '[]', {end}, {now})"
        ),
        format!(
            "INSERT INTO personal_tokens (id, user_id, name, fingerprint, scopes, expires_at, created_at) \
             SELECT 'of-bob', id, 'y', 'g', '[]', {end}, {now} FROM users WHERE email = 'bob@acme.example'"
        ),
        format!(
            "INSERT INTO traces (id, tenant_id, at, outcome, address, hops) \
             SELECT 'failed', id, {now}, 'failed', '127.0.0.1', '' FROM tenants WHERE name = 'acme'"
        ),
        format!(
            "INSERT INTO invites (id, tenant_id, email, teams, token_hash, mailed, invited_by, sent, created_at, expires_at) \
             SELECT 'open', id, 'guest@acme.example', '[]', 'h', TRUE, 'ada', 1, {now}, {end} FROM tenants WHERE name = 'acme'"
        ),
        format!(
            "INSERT INTO setup_links (id, link_hash, tenant_id, connection, with_directory, with_domain, made_by, maker_id, \
               created_at, expires_at) \
             SELECT 'linked', 'h', id, 'corp', FALSE, FALSE, 'ada', '{ada}', {now}, {end} FROM tenants WHERE name = 'acme'"
        ),
        format!(
            "INSERT INTO domain_proofs (tenant_id, domain, challenge, created_at, due_at) \
             SELECT id, 'acme.example', 'c', {now}, {end} FROM tenants WHERE name = 'acme'"
        ),
        format!(
            "INSERT INTO identities (id, connection_id, issuer, subject, user_id, created_at, last_seen_at) \
             SELECT 'bobs', c.id, 'https://acme.okta.com', '00u1', u.id, {now}, {now} FROM users u, connections c \
             WHERE c.name = 'okta' AND u.email = 'bob@acme.example'"
        ),
        format!(
            "INSERT INTO directory_tokens (id, directory_id, fingerprint, declared, created_at) \
             SELECT 'made', id, 'f', FALSE, {now} FROM directories WHERE name = 'people'"
        ),
    ] {
        desk.sql(sql.leak()).await;
    }
}

async fn every_page_is_for_whoever_administers_it(backend: Backend) {
    let desk = Desk::new(backend).await;
    let bob = desk.user_id("bob@acme.example").await;
    things(&desk).await;
    let mut nobody = Browser::new();
    let mut member = desk.browser("acme", "bob@acme.example").await;
    let mut own = desk.ada().await;
    let mut other = desk.browser("other", "eve@other.example").await;
    for (level, method, page) in pages(&bob) {
        let url = desk.at(&page);
        let ask = async |browser: &mut Browser| browser.send(method.clone(), &url, &[], None).await;
        let answer = ask(&mut nobody).await;
        let to = answer.location().unwrap_or_default().to_owned();
        assert!(
            answer.status == 303 && to.starts_with("/login?to=%2Fadmin"),
            "{method} {page} for nobody: {} {to}",
            answer.status
        );
        let answer = ask(&mut member).await;
        assert!(
            answer.status == 403 && answer.body.contains("For administrators"),
            "{method} {page} for a user: {}",
            answer.body
        );
        if method == Method::POST {
            // Without a form's token nobody gets as far as their role; that comes below.
            let answer = ask(&mut own).await;
            assert!(answer.status == 403 && answer.body.contains(FORGED), "{method} {page} without a token: {}", answer.body);
            continue;
        }
        if level == 'o' {
            let led = [ask(&mut other).await.status, ask(&mut own).await.status];
            assert!(led.iter().all(|status| matches!(status, 200 | 303)), "{method} {page} for an administrator: {led:?}");
            continue;
        }
        assert_eq!(ask(&mut other).await.status, 404, "{method} {page} for another tenant's administrator");
        let expected = if level == 'p' { 404 } else { 200 };
        assert_eq!(ask(&mut own).await.status, expected, "{method} {page} for the tenant's administrator");
    }
    // A platform administrator has them all.
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    let mut everything = desk.browser("acme", "ada@acme.example").await;
    for (_, method, page) in pages(&bob).into_iter().filter(|(_, method, page)| method == Method::GET && page != "/admin") {
        assert_eq!(everything.send(method, &desk.at(&page), &[], None).await.status, 200, "{page} for a platform administrator");
    }
    // Whoever is an administrator no more sees nothing from then on.
    desk.sql("UPDATE users SET admin = FALSE, platform = FALSE").await;
    assert_eq!(own.get(&desk.at("/admin/acme")).await.status, 403);
    assert!(router::router(desk.app.clone()).has_routes());
}

/// Forms in an order in which none takes away what a later one is about.
fn forms(user: &str) -> Vec<(char, String)> {
    let last = [
        "/remove",
        "/revoke",
        "/unlink",
        "/sign-out",
        "/deactivate",
        "/activate",
        "/delete",
        "/trusted_issuers/idp/delete",
        "/connections/okta/delete",
        "/settings/delete",
    ];
    let after = |page: &str| {
        let path = page.split('?').next().unwrap_or_default();
        last.iter().rposition(|end| path.ends_with(end)).map_or(0, |at| at + 1)
    };
    let mut all: Vec<_> =
        pages(user).into_iter().filter(|(_, method, _)| method == Method::POST).map(|(l, _, p)| (l, p)).collect();
    all.sort_by_key(|(_, page)| after(page));
    all
}

/// What a form must say to be about anything.
fn fields(form: &str) -> Vec<(&'static str, &'static str)> {
    match form.rsplit('/').next() {
        Some("role") => vec![("kind", "external_identity"), ("name", "ci"), ("role", "editor")],
        Some("connections" | "check") => vec![("preset", "custom_oidc"), ("protocol", "oidc")],
        _ => Vec::new(),
    }
}

/// Sends every form there is with the token of the operator's own forms: so what answers is the rule of who may, or, for
/// whoever may, what is behind it. `page` is one of theirs.
async fn send_each(desk: &Desk, browser: &mut Browser, page: &str, may: impl Fn(char) -> bool) -> Vec<String> {
    let (csrf, bob) = (browser.get(&desk.at(page)).await.csrf(), desk.user_id("bob@acme.example").await);
    let mut wrong = Vec::new();
    for (level, form) in forms(&bob) {
        let all: Vec<_> = [("csrf", csrf.as_str())].into_iter().chain(fields(&form)).collect();
        let answer = browser.post(&desk.at(&form), &all).await;
        let outcome = match answer.status {
            // Without its other fields a form is done, asked for again, or says why not.
            200 | 303 | 409 | 422 => "answered",
            404 if answer.body.contains("or you do not administer it") => "not there",
            _ => "neither",
        };
        let expected = if may(level) { "answered" } else { "not there" };
        if outcome != expected {
            wrong.push(format!("{form} ({level}): {} {outcome}", answer.status));
        }
    }
    wrong
}

async fn every_form_is_for_whoever_administers_it(backend: Backend) {
    let desk = Desk::new(backend).await;
    things(&desk).await;
    let mut other = desk.browser("other", "eve@other.example").await;
    let wrong = send_each(&desk, &mut other, "/admin/other/settings", |level| level == 'o').await;
    assert!(wrong.is_empty(), "for another tenant's administrator: {wrong:#?}");
    assert!(desk.stored(Noun::Connections, "okta").await.is_some(), "nothing was done");
    let mut own = desk.ada().await;
    let wrong = send_each(&desk, &mut own, "/admin/acme/settings", |level| level != 'p').await;
    assert!(wrong.is_empty(), "for the tenant's administrator: {wrong:#?}");
    assert!(desk.stored(Noun::Connections, "okta").await.is_none(), "it was done");
    assert!(desk.stored(Noun::Sites, "wiki").await.is_some(), "sites are the platform's");
    // What the tenant's own has deleted is there again.
    let desk = Desk::new(backend).await;
    things(&desk).await;
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    let mut everything = desk.ada().await;
    let wrong = send_each(&desk, &mut everything, "/admin/acme/settings", |_| true).await;
    assert!(wrong.is_empty(), "for a platform administrator: {wrong:#?}");
}
