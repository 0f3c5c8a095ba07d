//! A browser's cookie of a session with a site that has ended, or that never was: it opens nothing, and its requests ask nobody.

use gatehouse::{secret, trust::LOOK};
use serde_json::json;

use super::{API, BROWSER, Dialect, Guarded, PROXIES, foreign, sign_in::Visitor};
use crate::{on_both, sso::Log, world::Backend};

on_both!(what_is_dead_asks_nobody, what_comes_back_is_not_late, nobody_is_pushed_out);

/// A session with the site, signed in: its browser, the cookie's name, and the line of all cookies.
async fn signed_in(world: &Guarded) -> (Visitor, String, String) {
    let mut visitor = Visitor::default();
    assert_eq!(visitor.whole_way(world, "app.example", "/").await.status, 303);
    let (name, value) = visitor.site.first().unwrap().clone();
    let line = format!("{name}={value}");
    (visitor, name, line)
}

async fn status(world: &Guarded, cookie: &str) -> u16 {
    world.ask(Dialect::Request, "app.example", "/", &[API, ("cookie", cookie)]).await.status
}

async fn what_is_dead_asks_nobody(backend: Backend) {
    let world = Guarded::new(backend).await;
    let (mut visitor, name, dead) = signed_in(&world).await;
    assert_eq!(status(&world, &dead).await, 200, "while it lives");
    let origin = ("origin", "https://app.example");
    let out = visitor.visit_as(&world, reqwest::Method::POST, "https://app.example/.gatehouse/sign-out", &[origin]).await;
    assert_eq!(out.status, 303, "{}", out.body);
    let strange = format!("{name}={}", secret::random());
    for cookie in [&dead, &strange] {
        assert_eq!(status(&world, cookie).await, 401, "found to be dead: {cookie}");
    }
    let (letters, good) = ("A".repeat(42), secret::random());
    let nonsense: Vec<String> = ["x", &good[1..], &format!("{good}A"), &format!("{letters}B"), &format!("{letters}!"), "a.b.c"]
        .into_iter()
        .map(|value| format!("{name}={value}"))
        .collect();
    // The statements of SQLite are logged by threads of its own.
    if backend == Backend::Postgres {
        let log = Log::down_to(tracing::Level::DEBUG);
        let reads = || log.text().lines().filter(|line| line.contains("sqlx::query")).count();
        for cookie in nonsense.iter().chain([&dead, &strange, &dead]) {
            assert_eq!(status(&world, cookie).await, 401);
        }
        assert_eq!(reads(), 0, "{}", log.text());
        assert_eq!(status(&world, &format!("{name}={}", secret::random())).await, 401);
        assert_eq!(reads(), 1, "the twin: of that one nothing was known");
    }
    // Beside a good cookie of the hops it hides nothing, and costs as little.
    let both = format!("{dead}; accessToken={}", world.own().await);
    assert_eq!(status(&world, &both).await, 200);
    world.app.db.close().await;
    for cookie in nonsense.iter().chain([&dead, &strange]) {
        assert_eq!(status(&world, cookie).await, 401, "{cookie}");
    }
    assert_eq!(status(&world, &both).await, 200, "as was decided");
    assert_eq!(status(&world, &format!("{name}={}", secret::random())).await, 503, "the twin: nobody can tell of that one");
}

/// Whoever signs in anew has another cookie; what is switched on again counts at once here, and soon elsewhere.
async fn what_comes_back_is_not_late(backend: Backend) {
    let world = Guarded::new(backend).await;
    let (mut visitor, _, line) = signed_in(&world).await;
    let second = Guarded { world: world.second_node_with(&[PROXIES]).await, tenant: world.tenant.clone() };
    for node in [&world, &second] {
        assert_eq!(status(node, &line).await, 200);
    }
    let switch = async |sql: &'static str| {
        world.sql(sql).await;
        world.app.db.changed();
    };
    switch("UPDATE clients SET enabled = FALSE WHERE id = 'portal'").await;
    world.clock.advance(gatehouse::trust::STALE);
    for node in [&world, &second, &world, &second] {
        assert_eq!(status(node, &line).await, 401, "its client is off");
    }
    switch("UPDATE clients SET enabled = TRUE WHERE id = 'portal'").await;
    assert_eq!(status(&world, &line).await, 200, "at once");
    world.clock.advance(LOOK);
    assert_eq!(status(&second, &line).await, 200, "soon");
    // Its family is ended, and the same browser signs in anew.
    switch("UPDATE families SET revoked_at = 1").await;
    for _ in 0..2 {
        assert_eq!(visitor.ask(&world, Dialect::Forward, "app.example", "/").await.status, 302);
    }
    assert_eq!(visitor.whole_way(&world, "app.example", "/").await.status, 303);
    assert_eq!(visitor.ask(&world, Dialect::Forward, "app.example", "/").await.status, 200, "at once");
    assert_eq!(status(&world, &line).await, 401, "the old one stays dead");
}

/// A stranger makes up cookies, as many as they like: who passes goes on to pass without a question.
async fn nobody_is_pushed_out(backend: Backend) {
    let world = Guarded::new(backend).await;
    let (_, name, line) = signed_in(&world).await;
    let value = format!("Bearer {}", foreign(json!({})));
    let passes = async || {
        let token = world.ask(Dialect::Request, "app.example", "/", &[API, ("authorization", &value)]).await.status;
        (status(&world, &line).await, token)
    };
    assert_eq!(passes().await, (200, 200));
    let kept = world.app.decisions.kept();
    for _ in 0..200 {
        let cookie = format!("{name}={}", secret::random());
        let answer = world.ask(Dialect::Forward, "app.example", "/", &[BROWSER, ("cookie", &cookie)]).await;
        assert_eq!(answer.status, 302);
    }
    assert_eq!(world.app.decisions.kept(), kept, "they have room of their own");
    world.app.db.close().await;
    assert_eq!(passes().await, (200, 200));
}
