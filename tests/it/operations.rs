//! What operators stand on: health, metrics, keys on all nodes, the master key, sweeping.

use gatehouse::{
    app::{App, StartError},
    background::Rounds,
    oauth::client::SigningAlg,
    secret, signing, store,
    token::rotation::Due,
};
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    on_both,
    world::{Backend, World, decode, text},
};

on_both!(
    healthy_and_measured,
    keys_rotate_on_all_nodes,
    another_master_key_is_refused,
    expired_rows_are_swept,
    nothing_usable_is_stored,
    limits_hold
);

async fn healthy_and_measured(backend: Backend) {
    gatehouse::metrics::install();
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    assert_eq!(browser.get(&format!("{}/healthz", world.url)).await.body, "ok\n");
    assert_eq!(browser.get(&format!("{}/readyz", world.url)).await.status, 200);
    world.tokens("web").await;
    for junk in ["/no/such/page-4711", "/login/4711"] {
        browser.get(&format!("{}{junk}", world.url)).await;
    }
    let metrics = browser.get(&format!("{}/metrics", world.url)).await.body;
    for line in [
        "gatehouse_http_requests_total{",
        "route=\"/oauth2/token\"",
        "gatehouse_logins_total{kind=\"password\",outcome=\"success\"}",
        "gatehouse_http_request_duration_seconds_bucket",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert!(!metrics.contains("page-4711") && !metrics.contains("login/4711"), "what callers send is no label");
    assert!(browser.get(&format!("{}/healthz", world.url)).await.header("x-request-id").is_some());
    world.app.db.close().await;
    assert_eq!(browser.get(&format!("{}/readyz", world.url)).await.status, 503, "without a database");
    assert_eq!(browser.get(&format!("{}/healthz", world.url)).await.status, 200, "but alive");
}

async fn kids(world: &World) -> Vec<String> {
    let keys = Browser::new().get(&format!("{}/oauth2/jwks", world.url)).await.json();
    let keys = keys["keys"].as_array().unwrap();
    keys.iter().filter(|k| k["alg"] == "ES256").map(|k| text(k, "kid").to_owned()).collect()
}

async fn keys_rotate_on_all_nodes(backend: Backend) {
    let world = World::new(backend).await;
    let other = world.second_node().await;
    let old = kids(&world).await;
    assert_eq!(old, kids(&other).await, "nodes share keys");
    let policy = gatehouse::app::rotation_policy(&world.app.settings);
    let app = &world.app;
    let made = signing::rotate(
        &app.db,
        &app.sealer,
        &policy,
        SigningAlg::ES256,
        Due::Now,
        &gatehouse::store::audit::Actor::command_line(),
        world.clock.now(),
    )
    .await
    .unwrap();
    let made = made.expect("a new key");
    for node in [&world, &other] {
        Rounds::default().go(&node.app).await;
        assert!(kids(node).await.contains(&made), "published");
    }
    let before = world.tokens("web").await;
    assert_eq!(decode(text(&before, "access_token")).0["kid"], json!(old[0]), "and not yet used");
    world.clock.advance(signing::PUBLISH_LEAD);
    let after = world.tokens("web").await;
    assert_eq!(decode(text(&after, "access_token")).0["kid"], json!(made), "used when everyone may know it");
    assert_eq!(other.userinfo(text(&before, "access_token")).await.status, 200, "the old key's tokens live on");
    assert!(kids(&world).await.contains(&old[0]));
    world.clock.advance(policy.retire_after);
    assert!(!kids(&world).await.contains(&old[0]), "and leaves when its last token has expired");
    world.clock.advance(policy.max_age);
    let mut rounds = Rounds::default();
    for _ in 0..12 {
        rounds.go(app).await;
    }
    assert_eq!(kids(&world).await.len(), 2, "by age");
}

async fn another_master_key_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let mut settings = world.app.settings.clone();
    settings.master_key = Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned().into());
    let Err(error) = App::new(settings, world.clock.clone()).await else { panic!("it started") };
    assert!(matches!(error, StartError::WrongMasterKey), "{error}");
    assert!(error.to_string().contains("GATEHOUSE_MASTER_KEY"));
}

async fn expired_rows_are_swept(backend: Backend) {
    let world = World::new(backend).await;
    world.tokens("web").await;
    Browser::new().get(&world.authorize_url("web", &[])).await;
    world.clock.advance(31 * 86_400 + 86_400);
    assert!(
        store::sweep::sweep(&world.app.db, &world.app.sealer, 400 * 86_400, world.clock.now()).await.unwrap() >= 4,
        "login, code, session, family"
    );
    for table in
        ["DELETE FROM logins", "DELETE FROM codes", "DELETE FROM sessions", "DELETE FROM families", "DELETE FROM throttles"]
    {
        assert_eq!(world.sql(table).await, 0, "{table}");
    }
}

/// Threat Z1: whatever was handed out, the database holds none of it in a form that can be used.
async fn nothing_usable_is_stored(backend: Backend) {
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    let answer = world.sign_in(&mut browser, &world.authorize_url("web", &[]), "ada@acme.example", "correct horse").await;
    let code = answer.query("code").unwrap();
    let tokens: Value = world.redeem("web", &code).await.json();
    let mut secrets = vec![code, "web-secret".into(), "correct horse".into()];
    secrets.extend(["access_token", "refresh_token", "id_token"].map(|n| text(&tokens, n).to_owned()));
    secrets.push(text(&decode(text(&tokens, "refresh_token")).1, "jti").to_owned());
    secrets.extend(browser.cookies["localhost"].values().cloned());
    let dump = dump(&world).await;
    assert!(dump.len() > 2_000 && dump.contains("ada@acme.example"), "the dump is real");
    assert!(dump.contains(&secret::digest(&secrets[0])), "hashes are there");
    for secret in &secrets {
        assert!(!dump.contains(secret.as_str()), "{secret} is in the database");
    }
    assert!(!dump.contains("PRIVATE KEY"));
}

#[derive(sqlx::FromRow)]
struct Text {
    line: String,
}

async fn dump(world: &World) -> String {
    let mut all = String::new();
    for sql in [
        "SELECT id || browser_hash || request AS line FROM logins",
        "SELECT code_hash || family_id || request AS line FROM codes",
        "SELECT id || COALESCE(current_hash, '') || COALESCE(previous_hash, '') || COALESCE(sid, '') AS line FROM families",
        "SELECT id_hash || data AS line FROM sessions",
        "SELECT id || COALESCE(secret_fingerprint, '') || settings AS line FROM clients",
        "SELECT email || COALESCE(password_hash, '') AS line FROM users",
        "SELECT kid || private_sealed AS line FROM signing_keys",
        "SELECT key AS line FROM throttles",
        "SELECT value AS line FROM meta",
    ] {
        let rows: Vec<Text> = world.app.db.all(sql, &[]).await.unwrap();
        all.extend(rows.into_iter().map(|r| r.line + "\n"));
    }
    all
}

async fn limits_hold(backend: Backend) {
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    let big = "x".repeat(300 * 1024);
    for path in ["/oauth2/token", "/oauth2/authorize", "/oauth2/introspect", "/api/svc/v1/oauth2/token", "/login/x"] {
        let answer = browser.post(&format!("{}{path}", world.url), &[("a", &big)]).await;
        assert_eq!(answer.status, 413, "{path}");
        let (is_page, is_json) =
            (answer.body.contains("That is too much at once"), answer.body.contains("\"error\":\"invalid_request\""));
        let machines = ["token", "introspect"].iter().any(|end| path.ends_with(end));
        assert_eq!((is_page, is_json), (!machines, machines), "{path}: {}", answer.body);
    }
    let many = (0..200).map(|i| format!("p{i}=x")).collect::<Vec<_>>().join("&");
    let answer = browser.get(&format!("{}/oauth2/authorize?{many}", world.url)).await;
    assert_eq!(answer.status, 400);
}
