//! Whatever operators read waits for its turn, unless it is said to be brief: the lists are the ones that the routers are made of,
//! so that a new route which takes none fails. And whoever reads much keeps nobody of another organisation from anything.

use std::time::Duration;

use gatehouse::store::users;
use reqwest::Method;
use tokio::task::JoinSet;

use crate::{
    admin_pages::Desk,
    browser::{Answer, Browser},
    on_both,
    world::Backend,
};

on_both!(what_the_api_tells_waits, what_pages_show_waits, who_reads_much_keeps_nobody_else);

const BOT: &str = "Bearer 0123456789abcdef0123456789abcdef";

/// An organisation's own things, whatever they are.
fn named(path: &str) -> String {
    let names = [("{tenant}", "acme"), ("{noun}", "clients")];
    let path = names.iter().fold(path.to_owned(), |path, (from, to)| path.replace(from, to));
    path.split('/').map(|part| if part.starts_with('{') { "none" } else { part }).collect::<Vec<_>>().join("/")
}

/// Reads everything while the turn of the organisation's reads is taken: answered are these alone, and the others once it is free.
async fn wait(desk: &Desk, all: Vec<(&'static str, String)>, browser: &Browser, brief: &[&str]) {
    let turn = desk.app.limits.searches.take(&desk.tenant().await.id, Duration::ZERO).await.expect("nobody is at it");
    let (mut waiting, mut answering, mut seen) = (JoinSet::new(), JoinSet::new(), 0);
    for (path, url) in all {
        let mut browser = browser.clone();
        let asked = async move {
            let headers = if url.contains("/api/v1/") { vec![("authorization", BOT)] } else { Vec::new() };
            (path, browser.send(Method::GET, &url, &headers, None).await)
        };
        match brief.contains(&path) {
            true => {
                seen += 1;
                answering.spawn(asked)
            }
            false => waiting.spawn(asked),
        };
    }
    assert!(waiting.len() > 5 && seen == brief.len(), "{} {seen}", waiting.len());
    while let Some(answered) = answering.join_next().await {
        let (path, answer) = answered.unwrap();
        assert!(!matches!(answer.status, 401 | 429 | 500..), "{path}: {} {}", answer.status, answer.body);
    }
    // Somebody else's request, from its beginning to its end, for each of them.
    for _ in 0..waiting.len() {
        assert_eq!(Browser::new().get(&desk.at("/healthz")).await.status, 200);
    }
    let early: Vec<(&str, Answer)> = std::iter::from_fn(|| waiting.try_join_next()).map(Result::unwrap).collect();
    assert!(early.is_empty(), "{:?}", early.iter().map(|(path, answer)| (path, answer.status)).collect::<Vec<_>>());
    drop(turn);
    while let Some(answered) = waiting.join_next().await {
        let (path, answer) = answered.unwrap();
        assert!(!matches!(answer.status, 401 | 429 | 500..), "{path}: {} {}", answer.status, answer.body);
    }
}

async fn what_the_api_tells_waits(backend: Backend) {
    let desk = Desk::new(backend).await;
    let all = gatehouse::admin::surface().into_iter().filter(|(method, _)| method == "GET");
    let all = all.map(|(_, path)| (path, desk.at(&named(path)))).collect();
    let brief = [
        // A few rows, whatever there is.
        "/api/v1/tenants/{tenant}/users/{name}/receipts",
        "/api/v1/users/{id}/receipts",
        "/api/v1/tenants/{tenant}/teams/{name}/members/{user}",
        "/api/v1/tenants/{tenant}/resources/{name}/collaborators/{kind}/{holder}",
        "/api/v1/tenants/{tenant}/sign_ins/{name}",
        "/api/v1/tenants/{tenant}/connections/{name}/test",
        "/api/v1/tenants/{tenant}/connections/{name}/metadata",
        // Lists along an index, which wait as soon as something is searched; teams and resources are in `reading_parts`.
        "/api/v1/tenants",
        "/api/v1/tenants/{tenant}/{noun}",
        "/api/v1/tenants/{tenant}/{noun}/{name}",
        "/api/v1/tenants/{tenant}/teams/{name}/members",
        "/api/v1/tenants/{tenant}/resources/{name}/collaborators",
        "/api/v1/tenants/{tenant}/users/{name}/roles",
        "/api/v1/tenants/{tenant}/teams/{name}/roles",
        "/api/v1/tenants/{tenant}/external_identities/{name}/roles",
        "/api/v1/tenants/{tenant}/virtual_accounts/{name}/roles",
        "/api/v1/invites",
        "/api/v1/tenants/{tenant}/invites",
        "/api/v1/tenants/{tenant}/setup-links",
        "/api/v1/tenants/{tenant}/sign_ins",
        "/api/v1/audit",
        // Not hers: that is said before anybody waits.
        "/api/v1/personal_tokens",
        "/api/v1/sign_ins",
        "/api/v1/sign_ins/{name}",
        "/api/v1/audit/verification",
        "/api/v1/keys",
        "/api/v1/expiring",
    ];
    wait(&desk, all, &Browser::new(), &brief).await;
}

async fn what_pages_show_waits(backend: Backend) {
    let desk = Desk::new(backend).await;
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    let ada = desk.ada().await;
    let all = gatehouse::admin::pages::surface().into_iter().filter(|(method, _)| *method == Method::GET);
    let all = all.map(|(_, path)| (path, desk.at(&named(path)))).collect();
    let brief = [
        "/admin",
        "/admin/_/tenants/new",
        "/admin/{tenant}/users/new",
        "/admin/{tenant}/users/{id}/edit",
        "/admin/{tenant}/invites/new",
        "/admin/{tenant}/resources/new",
        "/admin/{tenant}/{noun}/new",
        "/admin/{tenant}/connections/{name}/test",
        "/admin/{tenant}/connections/{name}/metadata",
        "/admin/{tenant}/resources/{name}/collaborators/remove",
        "/admin/_/sign-ins/{code}",
        "/admin/{tenant}/sign-ins/{code}",
        // Lists along an index, which wait as soon as something is searched.
        "/admin/_/tenants",
        "/admin/{tenant}/users",
        "/admin/{tenant}/connections",
        "/admin/{tenant}/invites",
        "/admin/{tenant}/setup-links",
        "/admin/{tenant}/{noun}",
        "/admin/{tenant}/{noun}/{name}",
        "/admin/{tenant}/resources/{name}",
        "/admin/{tenant}/resources/{name}/collaborators",
        "/admin/{tenant}/teams/{name}/members",
        "/admin/{tenant}/users/{id}/roles",
        "/admin/{tenant}/teams/{name}/roles",
        "/admin/{tenant}/external_identities/{name}/roles",
        "/admin/{tenant}/virtual_accounts/{name}/roles",
        "/admin/_/audit",
        "/admin/{tenant}/audit",
        "/admin/_/sign-ins",
        "/admin/{tenant}/sign-ins",
    ];
    wait(&desk, all, &ada, &brief).await;
}

/// While an organisation's reads wait for their turn, and while they are under way.
async fn who_reads_much_keeps_nobody_else(backend: Backend) {
    let desk = Desk::new(backend).await;
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)";
    for sql in [
        format!(
            "INSERT INTO users (id, tenant_id, email, email_proven, admin, active, created_at, updated_at) {numbers} \
             SELECT 'u' || i, t.id, 'u-' || i || '@acme.example', TRUE, FALSE, TRUE, i, i FROM n, tenants t WHERE t.name = 'acme'"
        ),
        format!(
            "INSERT INTO team_members (team_id, user_id) {numbers} SELECT t.id, 'u' || i FROM n, teams t WHERE t.name = 'sre'"
        ),
        format!(
            "INSERT INTO collaborators (resource_id, holder, user_id, role) {numbers} \
             SELECT r.id, 'u' || i, 'u' || i, 'viewer' FROM n, resources r WHERE r.name = 'gpt'"
        ),
        format!(
            "INSERT INTO sessions (id_hash, user_id, data, created_at, expires_at) {numbers} \
             SELECT 'hash of session ' || i, 'u7', '{{}}', i, {} FROM n",
            desk.clock.now() + 86_400
        ),
    ] {
        assert_eq!(desk.sql(sql.leak()).await, 2000);
    }
    let paths = [
        "teams/sre",
        "resources/model%3Agpt",
        "users/u7/sessions",
        "users/u7/teams",
        "users/u7/identities",
        "sign_ins?outcome=success",
        "expiring",
    ];
    let read = || {
        let mut reads = JoinSet::new();
        for path in paths.into_iter().cycle().take(2 * paths.len()) {
            let url = desk.at(&format!("/api/v1/tenants/acme/{path}"));
            reads.spawn(async move { (path, Browser::new().get_with(&url, &[("authorization", BOT)]).await) });
        }
        reads
    };
    let others_go_on = async || {
        let mut eve = desk.browser("other", "eve@other.example").await;
        for path in
            ["/admin/other", "/admin/other/users", "/admin/other/users/eve@other.example", "/admin/other/sign-ins?outcome=failed"]
        {
            let shown = eve.get(&desk.at(path)).await;
            assert_eq!(shown.status, 200, "{path}: {}", shown.body);
        }
    };
    let answered = async |mut reads: JoinSet<(&'static str, Answer)>| {
        while let Some(read) = reads.join_next().await {
            let (path, answer) = read.unwrap();
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        }
    };
    let turn = desk.app.limits.searches.take(&desk.tenant().await.id, Duration::ZERO).await.expect("nobody is at it");
    let mut held = read();
    others_go_on().await;
    assert!(held.try_join_next().is_none(), "each waits for its turn");
    drop(turn);
    answered(held).await;
    let under_way = read();
    others_go_on().await;
    answered(under_way).await;
}
