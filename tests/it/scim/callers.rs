//! Who may push at all (threats P1), and how fast.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::{FAST, Scim, person, pusher, refused, token};
use crate::{
    browser::Browser,
    on_both,
    sso::Log,
    world::{Backend, STATE, World, text},
};

on_both!(
    only_a_living_token_of_a_directory,
    what_is_switched_off_pushes_nothing,
    a_token_shows_when_it_was_used,
    each_directory_has_its_pace,
    a_flood_does_not_fill_the_log,
    strangers_are_slowed_and_customers_are_not,
    tokens_stay_out_of_database_and_log,
);

async fn status_with(scim: &Scim, authorization: &[(&str, &str)], query: &str) -> u16 {
    let url = format!("{}/scim/v2/Users{query}", scim.world.url);
    let answer = Browser::new().send(Method::GET, &url, authorization, None).await;
    if answer.status != 200 {
        refused(&answer, 401, None);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    answer.status
}

async fn only_a_living_token_of_a_directory(backend: Backend) {
    let scim = Scim::new(backend).await;
    let good = format!("Bearer {}", scim.token);
    assert_eq!(status_with(&scim, &[("authorization", &good)], "").await, 200);
    assert_eq!(status_with(&scim, &[("authorization", &format!("bEARER {}", scim.token))], "").await, 200);

    let user_token = scim.world.tokens("web").await;
    let user_token = format!("Bearer {}", text(&user_token, "access_token"));
    let basic = format!("Basic {}", scim.token);
    let near = format!("Bearer {}x", scim.token);
    for bad in ["", "Bearer", "Bearer ", "Bearer ghs_", &near, &basic, &scim.token, &user_token] {
        assert_eq!(status_with(&scim, &[("authorization", bad)], "").await, 401, "{bad}");
    }
    assert_eq!(status_with(&scim, &[], "").await, 401);
    assert_eq!(status_with(&scim, &[("authorization", &good), ("authorization", &good)], "").await, 401, "twice");
    for name in ["access_token", "token", "authorization", "bearer"] {
        assert_eq!(status_with(&scim, &[], &format!("?{name}={}", scim.token)).await, 401, "in the query");
    }
    let cookie = format!("accessToken={}", scim.token);
    assert_eq!(status_with(&scim, &[("cookie", &cookie)], "").await, 401, "in a cookie");

    let short = token(&scim.world, &scim.row.id, Some(scim.world.clock.now() + 60)).await;
    let short = format!("Bearer {short}");
    assert_eq!(status_with(&scim, &[("authorization", &short)], "").await, 200);
    scim.world.clock.advance(60);
    assert_eq!(status_with(&scim, &[("authorization", &short)], "").await, 401, "expired");
    assert_eq!(status_with(&scim, &[("authorization", &good)], "").await, 200);
    scim.world.sql("DELETE FROM directory_tokens").await;
    assert_eq!(status_with(&scim, &[("authorization", &good)], "").await, 401, "revoked");
    assert_eq!(scim.post("/Users", &person("kim@acme.example")).await.status, 401);
}

async fn what_is_switched_off_pushes_nothing(backend: Backend) {
    let scim = Scim::new(backend).await;
    assert_eq!(scim.get("/Users").await.status, 200);
    scim.world.sql("UPDATE directories SET enabled = FALSE").await;
    refused(&scim.get("/Users").await, 401, None);
    scim.world.sql("UPDATE directories SET enabled = TRUE").await;
    scim.world.sql("UPDATE tenants SET enabled = FALSE WHERE name = 'other'").await;
    assert_eq!(scim.get("/Users").await.status, 200, "another tenant is");
    scim.world.sql("UPDATE tenants SET enabled = FALSE WHERE name = 'acme'").await;
    refused(&scim.get("/Users").await, 401, None);
}

async fn a_token_shows_when_it_was_used(backend: Backend) {
    let scim = Scim::new(backend).await;
    let used = || async {
        let tokens = gatehouse::store::directory_tokens::of_directory(&scim.world.app.db, &scim.row.id).await.unwrap();
        tokens[0].last_used_at
    };
    assert_eq!(used().await, None);
    let first = scim.world.clock.now();
    scim.get("/Users").await;
    assert_eq!(used().await, Some(first));
    scim.world.clock.advance(59);
    scim.get("/Users").await;
    assert_eq!(used().await, Some(first), "not twice in a minute");
    scim.world.clock.advance(1);
    scim.get("/Users").await;
    assert_eq!(used().await, Some(first + 60));
}

async fn each_directory_has_its_pace(backend: Backend) {
    let scim = Scim::over(World::with(backend, STATE, &[("SCIM_RATE", "1")]).await).await;
    let other = pusher(&scim.world, "other", "okta", Default::default(), None).await;
    let answers = join_all((0..20).map(|_| scim.get("/Users?count=0"))).await;
    let slowed: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert!((1..=16).contains(&slowed.len()), "{} of 20", slowed.len());
    for answer in slowed {
        refused(answer, 429, None);
        let wait: i64 = answer.header("retry-after").unwrap().parse().expect("whole seconds");
        assert!((1..=2).contains(&wait), "{wait}");
    }
    assert_eq!(other.get("/Users?count=0").await.status, 200, "another directory goes on");
}

/// The first refusal has a line, the others one together at the end of the round; the metrics count each.
async fn a_flood_does_not_fill_the_log(backend: Backend) {
    let scim = Scim::over(World::with(backend, STATE, &[("SCIM_RATE", "1")]).await).await;
    gatehouse::metrics::install();
    let log = Log::down_to(tracing::Level::INFO);
    let (before, mut slowed) = (counted(), 0);
    while slowed < 5 {
        let answers = join_all((0..20).map(|_| scim.get("/Users?count=0"))).await;
        slowed += answers.iter().filter(|answer| answer.status == 429).count() as u64;
    }
    let lines = |words: &str| log.text().lines().filter(|line| line.contains(words)).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines("pushes too fast").len(), 1, "{}", log.text());
    scim.world.app.limits.begin_round();
    let sums = lines("refused again and again");
    assert_eq!(sums.len(), 1, "{sums:?}");
    assert!(sums[0].contains(&format!("more={}", slowed - 1)) && sums[0].contains("directory acme/entra"), "{sums:?}");
    // Other tests of this process count too.
    assert!(counted() >= before + slowed, "{} of {slowed}", counted() - before);
}

/// Refusals that the metrics have seen.
fn counted() -> u64 {
    let text = gatehouse::metrics::render();
    let of_users = |line: &&str| line.contains("route=\"/scim/v2/Users\"") && line.contains("status=\"429\"");
    let lines = text.lines().filter(|line| line.starts_with("gatehouse_http_requests_total")).filter(of_users);
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

async fn strangers_are_slowed_and_customers_are_not(backend: Backend) {
    let scim = Scim::over(World::with(backend, STATE, &[FAST]).await).await;
    let url = format!("{}/scim/v2/Users", scim.world.url);
    let guess = || async { Browser::new().send(Method::GET, &url, &[("authorization", "Bearer ghs_guess")], None).await.status };
    let mut seen = Vec::new();
    // Each second two are forgiven, so a slow machine needs more of them.
    while !seen.contains(&429) && seen.len() < 1_000 {
        seen.extend(join_all((0..50).map(|_| guess())).await);
    }
    assert!(seen[..100].iter().all(|status| *status == 401));
    assert!(seen.contains(&429), "after {}", seen.len());
    assert_eq!(scim.get("/Users").await.status, 200, "from the same address");
}

async fn tokens_stay_out_of_database_and_log(backend: Backend) {
    let log = Log::capture();
    let scim = Scim::new(backend).await;
    let mut body = person("kim@acme.example");
    body["password"] = json!("correct horse battery");
    let made = scim.made("/Users", &body).await;
    assert!(made.get("password").is_none(), "{made}");
    let read = scim.get(&super::at(&made)).await.body;
    assert!(!read.contains("correct horse") && !read.contains("password"), "P8: {read}");
    let patched = scim
        .patch(
            &super::at(&made),
            json!([{"op": "replace", "path": "password", "value": "correct horse battery"},
                                         {"op": "replace", "value": {"password": "correct horse battery"}}]),
        )
        .await;
    assert!(!patched.body.contains("correct horse"), "{}", patched.body);
    let stored = scim.world.app.db.all::<(String,)>("SELECT resource FROM directory_users", &[]).await.unwrap();
    assert!(!stored[0].0.contains("correct horse"), "{}", stored[0].0);
    let hashes = scim
        .world
        .app
        .db
        .all::<(Option<String>,)>("SELECT password_hash FROM users WHERE email = 'kim@acme.example'", &[])
        .await
        .unwrap();
    assert_eq!(hashes, [(None,)], "a password from a directory opens nothing");
    let tokens = scim.world.app.db.all::<(String,)>("SELECT fingerprint FROM directory_tokens", &[]).await.unwrap();
    assert!(!tokens[0].0.contains(&scim.token[4..]));
    super::refused(&scim.post("/Users", &body).await, 409, Some("uniqueness"));
    tracing::info!("the capture works");
    let log = log.text();
    assert!(!log.contains("correct horse") && !log.contains(&scim.token), "in the log");
    assert!(log.contains("the capture works"));
}
