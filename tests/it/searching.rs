//! Searches of operators: whoever searches on any route or page waits for the tenant's own searches and for nobody else's, and
//! what is too long is not looked for.

use std::time::Duration;

use gatehouse::{
    apply::single::Noun,
    store::{tenants, users},
};

use crate::{
    admin_pages::Desk,
    browser::{Answer, Browser},
    on_both,
    world::Backend,
};

on_both!(
    every_search_waits_for_its_turn,
    what_is_too_long_is_refused,
    an_export_takes_turns_part_by_part,
    lists_wait_for_nobody,
    many_roles_are_read_in_turn,
);

const BOT: &str = "Bearer 0123456789abcdef0123456789abcdef";

/// Every address that looks for a part of a name, up to that.
fn searched() -> Vec<String> {
    let lists = |below: &str| Noun::OWNED.map(|noun| format!("{below}/{}?search=", noun.as_str()));
    let mut all: Vec<String> = lists("/api/v1/tenants/acme").into_iter().chain(lists("/admin/acme")).collect();
    all.extend(
        [
            "/api/v1/tenants/acme/teams/sre/members?search=",
            "/api/v1/tenants/acme/resources/model%3Agpt/collaborators?search=",
            "/api/v1/tenants/acme/users/ada@acme.example/roles?search=",
            "/admin/acme/teams/sre/roles?search=",
            "/admin/acme/teams/sre?search=",
            "/admin/acme/teams/sre/members?search=",
            "/admin/acme/resources/model%3Agpt?search=",
            "/admin/acme/resources/model%3Agpt/collaborators?search=",
            "/admin/_/tenants?search=",
            "/api/v1/invites?search=",
            "/api/v1/tenants/acme/invites?search=",
            "/admin/acme/invites?search=",
            "/api/v1/tenants/acme/setup-links?search=",
            "/admin/acme/setup-links?search=",
        ]
        .map(str::to_owned),
    );
    all
}

/// And every other that may have to look at many.
const NARROWED: [&str; 25] = [
    "/api/v1/audit?actor=nobody",
    "/api/v1/audit?action=create",
    "/api/v1/audit?subject=team",
    "/api/v1/audit?since=7d",
    "/api/v1/audit?until=1d",
    "/admin/acme/audit?who=nobody",
    "/admin/acme/audit?what=team",
    "/api/v1/tenants/acme/users?state=never_signed_in",
    "/api/v1/tenants/acme/service_tokens?state=ended",
    "/api/v1/tenants/acme/connections?protocol=saml",
    "/admin/acme/users?state=active",
    "/api/v1/tenants/acme/clients?state=off",
    "/api/v1/tenants/acme/connections?provider=okta",
    "/api/v1/tenants/acme/external_identities?issuer=idp",
    "/admin/acme/virtual_accounts?issuer=idp",
    "/admin/_/tenants?state=off",
    "/api/v1/tenants/acme/invites?state=ended",
    "/admin/acme/invites?state=ended",
    "/api/v1/tenants/acme/setup-links?state=open",
    "/admin/acme/setup-links?state=ended",
    "/api/v1/tenants/acme/sign_ins?outcome=failed",
    "/api/v1/tenants/acme/sign_ins?email=nobody%40acme.example&connection=okta",
    "/admin/acme/sign-ins?cause=expired",
    "/admin/acme/sign-ins?search=nobody%40acme.example",
    "/admin/_/sign-ins?connection=okta",
];

async fn ask(desk: &Desk, ada: &mut Browser, path: &str) -> Answer {
    match path.starts_with("/api/") {
        true => Browser::new().get_with(&desk.at(path), &[("authorization", BOT)]).await,
        false => ada.get(&desk.at(path)).await,
    }
}

/// Somebody who sees every page.
async fn platform(desk: &Desk) -> Browser {
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    desk.ada().await
}

async fn every_search_waits_for_its_turn(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = platform(&desk).await;
    let acme = tenants::find_by_name(&desk.app.db, "acme").await.unwrap().unwrap();
    let searches = searched().into_iter().map(|path| format!("{path}e"));
    for path in searches.chain(NARROWED.map(str::to_owned)) {
        let turn = desk.app.limits.searches.take(&acme.id, Duration::ZERO).await.expect("nobody is at it");
        let (mut other, bare) = (ada.clone(), path.split_once('?').map_or("", |(path, _)| path));
        let mut asked = Box::pin(ask(&desk, &mut ada, &path));
        let lists = async {
            for _ in 0..3 {
                assert_eq!(ask(&desk, &mut other, bare).await.status, 200, "{bare}");
            }
        };
        tokio::select! {
            biased;
            answer = &mut asked => panic!("{path} waits for no turn: {}", answer.status),
            () = lists => {}
        }
        drop(turn);
        let answer = asked.await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
}

/// What an index answers is not kept waiting.
async fn lists_wait_for_nobody(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = platform(&desk).await;
    let acme = tenants::find_by_name(&desk.app.db, "acme").await.unwrap().unwrap();
    let _turn = desk.app.limits.searches.take(&acme.id, Duration::ZERO).await.expect("nobody is at it");
    let lists = searched().into_iter().map(|path| path.split_once('?').map_or_else(String::new, |(path, _)| path.to_owned()));
    let others = ["/api/v1/audit?limit=3", "/admin/acme/audit", "/api/v1/tenants/acme/sign_ins", "/admin/acme/sign-ins"];
    for path in lists.chain(others.map(str::to_owned)) {
        let answer = ask(&desk, &mut ada, &path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
}

async fn what_is_too_long_is_refused(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = platform(&desk).await;
    // Each another letter, of which each has a capital.
    let letters: Vec<char> = ('à'..'ÿ').chain('ā'..'ſ').chain('α'..='ω').filter(|c| c.is_lowercase()).take(101).collect();
    let text =
        |n: usize| url::form_urlencoded::byte_serialize(letters[..n].iter().collect::<String>().as_bytes()).collect::<String>();
    for path in searched() {
        let fits = ask(&desk, &mut ada, &format!("{path}{}", text(100))).await;
        assert_eq!(fits.status, 200, "{path}: {}", fits.body);
        let long = ask(&desk, &mut ada, &format!("{path}{}", text(101))).await;
        assert!(long.status == 400 && long.body.contains("at most 100 characters"), "{path}: {} {}", long.status, long.body);
    }
}

async fn an_export_takes_turns_part_by_part(backend: Backend) {
    let desk = Desk::new(backend).await;
    let acme = tenants::find_by_name(&desk.app.db, "acme").await.unwrap().unwrap();
    let headers = [("authorization", BOT), ("accept", "application/x-ndjson")];
    let (mut browser, url) = (Browser::new(), desk.at("/api/v1/audit"));
    let turn = desk.app.limits.searches.take(&acme.id, Duration::ZERO).await.expect("nobody is at it");
    let mut asked = Box::pin(browser.get_with(&url, &headers));
    let mut ada = desk.ada().await;
    tokio::select! {
        biased;
        answer = &mut asked => panic!("it waits for no turn: {}", answer.status),
        _ = ask(&desk, &mut ada, "/admin/acme/audit") => {}
    }
    drop(turn);
    let answer = asked.await;
    assert!(answer.status == 200 && answer.body.lines().count() > 5, "{} {}", answer.status, answer.body);
    assert!(desk.app.limits.searches.take(&acme.id, Duration::ZERO).await.is_some(), "and its turn has ended");
}

/// Any part of them is made of all: who holds few waits for nobody, as `lists_wait_for_nobody` says.
async fn many_roles_are_read_in_turn(backend: Backend) {
    let desk = Desk::new(backend).await;
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100)";
    for sql in [
        format!(
            "INSERT INTO resources (id, tenant_id, kind, name, created_at) {numbers} \
             SELECT 'x' || i, t.id, 'model', 'm-' || i, i FROM n, tenants t WHERE t.name = 'acme'"
        ),
        // Bob is in it.
        "INSERT INTO collaborators (resource_id, holder, team_id, role) SELECT r.id, t.id, t.id, 'viewer' FROM resources r, teams t \
         WHERE r.name LIKE 'm-%' AND t.name = 'sre'"
            .to_owned(),
    ] {
        assert_eq!(desk.sql(sql.leak()).await, 1100);
    }
    let mut ada = platform(&desk).await;
    let acme = tenants::find_by_name(&desk.app.db, "acme").await.unwrap().unwrap();
    let bob = desk.user_id("bob@acme.example").await;
    for path in [
        "/api/v1/tenants/acme/teams/sre/roles?limit=1".to_owned(),
        "/api/v1/tenants/acme/users/bob@acme.example/roles".to_owned(),
        "/admin/acme/teams/sre/roles".to_owned(),
        format!("/admin/acme/users/{bob}"),
    ] {
        let turn = desk.app.limits.searches.take(&acme.id, Duration::ZERO).await.expect("nobody is at it");
        let mut other = ada.clone();
        let mut asked = Box::pin(ask(&desk, &mut ada, &path));
        let few = async {
            for _ in 0..3 {
                let answer = ask(&desk, &mut other, "/api/v1/tenants/acme/users/ada@acme.example/roles").await;
                assert_eq!(answer.status, 200, "{}", answer.body);
            }
        };
        tokio::select! {
            biased;
            answer = &mut asked => panic!("{path} waits for no turn: {}", answer.status),
            () = few => {}
        }
        drop(turn);
        let answer = asked.await;
        assert!(answer.status == 200 && answer.body.contains("m-1"), "{path}: {} {}", answer.status, answer.body);
    }
}
