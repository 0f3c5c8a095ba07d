//! What may be long is told a part at a time: nothing is lost over the parts, a part is not taken for the whole, and what is short
//! is told as ever.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    admin_pages::Desk,
    browser::{Answer, Browser},
    on_both,
    world::Backend,
};

on_both!(
    members_beyond_the_first_are_in_their_list,
    collaborators_beyond_the_first_are_in_their_list,
    what_is_known_of_a_user_comes_in_parts,
    long_ones_are_read_in_turn,
);

const BOT: &str = "Bearer 0123456789abcdef0123456789abcdef";
/// More than one answer tells, by a half.
const MANY: u64 = 1_500;

async fn ask(desk: &Desk, method: Method, path: &str, more: &[(&str, &str)], body: Option<Value>) -> Answer {
    let headers: Vec<_> =
        [("authorization", BOT), ("content-type", "application/json")].into_iter().chain(more.iter().copied()).collect();
    let url = desk.at(&format!("/api/v1/tenants/acme/{path}"));
    Browser::new().send(method, &url, &headers, body.map(|body| body.to_string())).await
}

async fn get(desk: &Desk, path: &str) -> Answer {
    let answer = ask(desk, Method::GET, path, &[], None).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer
}

async fn fill(desk: &Desk, what: &str) {
    let numbers = format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})");
    let sql = what.replace("{numbers}", &numbers);
    assert_eq!(desk.sql(sql.leak()).await, MANY, "{what}");
}

async fn people(desk: &Desk) {
    let people = "INSERT INTO users (id, tenant_id, email, email_proven, admin, active, created_at, updated_at) {numbers} \
                  SELECT 'u' || i, t.id, 'u-' || i || '@acme.example', TRUE, FALSE, TRUE, i, i FROM n, tenants t WHERE t.name = 'acme'";
    fill(desk, people).await;
}

/// All of a list from a place on, part by part.
async fn following(desk: &Desk, path: &str, key: &str, mut next: Option<String>) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        pairs.extend_pairs(next.as_ref().map(|next| ("after", next)));
        let sign = if path.contains('?') { '&' } else { '?' };
        let part = get(desk, &format!("{path}{sign}{}", pairs.finish())).await.json();
        all.extend(part[key].as_array().expect("a list").iter().cloned());
        next = part["next"].as_str().map(str::to_owned);
        if next.is_none() {
            return all;
        }
    }
}

fn texts(all: &[Value], key: &str) -> Vec<String> {
    all.iter().map(|one| one[key].as_str().unwrap_or_default().to_owned()).collect()
}

fn etag(answer: &Answer) -> String {
    answer.header("etag").expect("a version").to_owned()
}

async fn members_beyond_the_first_are_in_their_list(backend: Backend) {
    let desk = Desk::new(backend).await;
    let short = get(&desk, "teams/sre").await.json();
    assert_eq!(short, json!({"name": "sre", "members": ["bob@acme.example"], "tokens": []}), "a short one is as it was");
    people(&desk).await;
    fill(
        &desk,
        "INSERT INTO team_members (team_id, user_id) {numbers} SELECT t.id, 'u' || i FROM n, teams t WHERE t.name = 'sre'",
    )
    .await;
    let answer = get(&desk, "teams/sre").await;
    let team = answer.json();
    let mut told: Vec<String> = team["members"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect();
    assert_eq!(told.len(), 1_000);
    let next = team["next"].as_str().expect("there are more").to_owned();
    told.extend(texts(&following(&desk, "teams/sre/members", "members", Some(next)).await, "email"));
    let mut all: Vec<String> = (1..=MANY).map(|i| format!("u-{i}@acme.example")).chain(["bob@acme.example".to_owned()]).collect();
    all.sort_unstable();
    assert_eq!(told, all, "each of them once");
    // What is a part is not taken for the whole: nobody loses their place by it.
    let back = ask(&desk, Method::PUT, "teams/sre", &[], Some(team.clone())).await;
    assert!(back.status == 422 && back.body.contains("the first of the members alone"), "{} {}", back.status, back.body);
    let mut without = team.clone();
    without.as_object_mut().unwrap().retain(|name, _| name != "next" && name != "members");
    assert_eq!(ask(&desk, Method::PUT, "teams/sre", &[], Some(without.clone())).await.status, 200, "left out, they stay");
    assert_eq!(etag(&get(&desk, "teams/sre").await), etag(&answer), "and nothing has changed");
    // The version is of all of them.
    assert_eq!(ask(&desk, Method::DELETE, "teams/sre/members/u-999@acme.example", &[], None).await.status, 204);
    assert_ne!(etag(&get(&desk, "teams/sre").await), etag(&answer));
    let tag = etag(&answer);
    let stale = ask(&desk, Method::PUT, "teams/sre", &[("if-match", tag.as_str())], Some(without)).await;
    assert_eq!(stale.status, 412, "{}", stale.body);
}

async fn collaborators_beyond_the_first_are_in_their_list(backend: Backend) {
    let desk = Desk::new(backend).await;
    let path = "resources/model%3Agpt";
    let short = get(&desk, path).await.json();
    assert_eq!(short["collaborators"], json!([{"external_identity": "ci", "role": "viewer"}]));
    assert!(short.get("next").is_none(), "{short}");
    people(&desk).await;
    fill(
        &desk,
        "INSERT INTO collaborators (resource_id, holder, user_id, role) {numbers} \
         SELECT r.id, 'u' || i, 'u' || i, 'viewer' FROM n, resources r WHERE r.name = 'gpt'",
    )
    .await;
    let resource = get(&desk, path).await.json();
    let mut told = resource["collaborators"].as_array().unwrap().clone();
    assert_eq!(told.len(), 1_000);
    let next = resource["next"].as_str().expect("there are more").to_owned();
    told.extend(following(&desk, &format!("{path}/collaborators"), "collaborators", Some(next)).await);
    let mut emails: Vec<String> = (1..=MANY).map(|i| format!("u-{i}@acme.example")).collect();
    emails.sort_unstable();
    assert_eq!(told[0], json!({"external_identity": "ci", "role": "viewer"}));
    assert_eq!(texts(&told[1..], "user"), emails, "each of them once");
    let back = ask(&desk, Method::PUT, path, &[], Some(resource)).await;
    assert!(back.status == 422 && back.body.contains("the first of the collaborators alone"), "{} {}", back.status, back.body);
    let there = get(&desk, path).await.json();
    assert_eq!(there["collaborators"].as_array().map(Vec::len), Some(1_000), "nobody has lost a role");
}

async fn what_is_known_of_a_user_comes_in_parts(backend: Backend) {
    let desk = Desk::new(backend).await;
    let bob = "users/bob@acme.example";
    for (list, key) in [("identities", "identities"), ("teams", "teams"), ("sessions", "sessions")] {
        let short = get(&desk, &format!("{bob}/{list}")).await.json();
        assert!(short[key].is_array() && short["next"].is_null(), "{short}");
        for wrong in ["limit=0", "limit=1001", "after=nowhere", "after=a%00", "search=x"] {
            let answer = ask(&desk, Method::GET, &format!("{bob}/{list}?{wrong}"), &[], None).await;
            assert_eq!(answer.status, 400, "{list}?{wrong}: {}", answer.body);
        }
    }
    let id = desk.user_id("bob@acme.example").await;
    // Of many sessions some began in one second.
    let later = desk.clock.now() + 86_400;
    let session = "INSERT INTO sessions (id_hash, user_id, data, created_at, expires_at) {numbers} \
                   SELECT 'hash-' || i || '-of-a-session', '{bob}', '{}', i / 9, {later} + i FROM n";
    fill(&desk, &session.replace("{bob}", &id).replace("{later}", &later.to_string())).await;
    fill(
        &desk,
        "INSERT INTO teams (id, tenant_id, name, created_at) {numbers} SELECT 'team' || i, t.id, 'team-' || i, i FROM n, tenants t \
         WHERE t.name = 'acme'",
    )
    .await;
    let member = "INSERT INTO team_members (team_id, user_id) {numbers} SELECT 'team' || i, '{bob}' FROM n";
    fill(&desk, &member.replace("{bob}", &id)).await;
    fill(
        &desk,
        "INSERT INTO connections (id, tenant_id, name, protocol, enabled, login_enabled, settings, version, created_at) {numbers} \
         SELECT 'k' || i, t.id, 'k-' || i, 'oidc', FALSE, TRUE, '{}', 1, i FROM n, tenants t WHERE t.name = 'acme'",
    )
    .await;
    let identity = "INSERT INTO identities (id, connection_id, issuer, subject, user_id, created_at, last_seen_at) {numbers} \
                    SELECT 'i' || i, 'k' || i, 'https://idp.example', 'sub-' || i, '{bob}', i / 7, 0 FROM n";
    fill(&desk, &identity.replace("{bob}", &id)).await;
    let numbered = |prefix: &str| -> Vec<String> {
        let mut all: Vec<String> = (1..=MANY).map(|i| format!("{prefix}{i}")).collect();
        all.sort_unstable();
        all
    };
    for limit in ["", "?limit=333"] {
        let mut subjects = texts(&following(&desk, &format!("{bob}/identities{limit}"), "identities", None).await, "subject");
        subjects.sort_unstable();
        assert_eq!(subjects, numbered("sub-"), "{limit}");
        let mut teams = texts(&following(&desk, &format!("{bob}/teams{limit}"), "teams", None).await, "team");
        teams.retain(|team| team != "sre");
        assert_eq!(teams, numbered("team-"), "{limit}");
        let sessions = following(&desk, &format!("{bob}/sessions{limit}"), "sessions", None).await;
        let mut ends = texts(&sessions, "expires_at");
        ends.sort_unstable();
        ends.dedup();
        // No session of the tests' own is bob's.
        assert_eq!([sessions.len(), ends.len()].map(|n| u64::try_from(n).unwrap()), [MANY, MANY], "{limit}");
    }
    // No part tells more than it may, and the page shows one with the way to the next.
    assert_eq!(get(&desk, &format!("{bob}/sessions")).await.json()["sessions"].as_array().map(Vec::len), Some(1_000));
    let mut ada = desk.ada().await;
    let page = ada.get(&desk.at(&format!("/admin/acme/users/{id}"))).await;
    assert_eq!(page.status, 200, "{}", page.body);
    for more in ["More identities", "More teams", "More sessions"] {
        assert!(page.body.contains(more), "{more}: {}", page.body);
    }
    assert!(page.body.len() < 200_000, "{}", page.body.len());
    let end = ada.get(&desk.at(&format!("/admin/acme/users/{id}?teams=%5B%22team-998%22%2C%22%22%2C%22%22%5D"))).await;
    assert!(end.body.contains("team-999") && !end.body.contains("team-997<") && !end.body.contains("More teams"), "{}", end.body);
    let nowhere = ada.get(&desk.at(&format!("/admin/acme/users/{id}?teams=nowhere"))).await;
    assert_eq!(nowhere.status, 303, "{}", nowhere.body);
}

/// A version is made of all of them, and a part of a large team is looked for among all users.
async fn long_ones_are_read_in_turn(backend: Backend) {
    let desk = Desk::new(backend).await;
    people(&desk).await;
    fill(
        &desk,
        "INSERT INTO team_members (team_id, user_id) {numbers} SELECT t.id, 'u' || i FROM n, teams t WHERE t.name = 'sre'",
    )
    .await;
    let mut ada = desk.ada().await;
    let tenant = desk.tenant().await;
    for path in [
        "/api/v1/tenants/acme/teams/sre",
        "/api/v1/tenants/acme/resources/model%3Agpt",
        "/api/v1/tenants/acme/teams/sre/members?limit=1",
        "/admin/acme/teams/sre",
    ] {
        let turn = desk.app.limits.searches.take(&tenant.id, Duration::ZERO).await.expect("nobody is at it");
        let (mut browser, url) = (ada.clone(), desk.at(path));
        let headers: &[(&str, &str)] = if path.starts_with("/api/") { &[("authorization", BOT)] } else { &[] };
        let mut asked = Box::pin(browser.get_with(&url, headers));
        let lists = async {
            for _ in 0..3 {
                assert_eq!(ada.get(&desk.at("/admin/acme/teams")).await.status, 200);
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
