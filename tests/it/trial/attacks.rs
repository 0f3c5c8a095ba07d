//! What belongs to a test is good for that test, in the browser and the sign-in that began it, and for nothing else.

use gatehouse::trial::Outcome;
use serde_json::{Value, json};
use url::Url;

use super::{Bench, begin, connection, everything, signed_in, state, told};
use crate::{
    browser::{Answer, Browser},
    idp::change,
    on_both,
    world::Backend,
};

on_both!(
    another_browser_finishes_nothing,
    another_sign_in_finishes_nothing,
    neither_passes_for_the_other,
    who_administers_it_no_more_is_told_nothing,
    who_administers_another_tenant_tests_nothing,
    changed_settings_are_not_what_was_tested,
    no_form_of_another_begins_a_test,
    what_a_provider_sends_is_inert,
    old_departures_are_forgotten,
);

fn is_over(answer: &Answer) {
    assert_eq!((answer.status, answer.location()), (403, None), "{}", answer.body);
    assert!(answer.body.contains("This test has ended"), "{}", answer.body);
    assert!(answer.cookie_lines().is_empty(), "{:?}", answer.cookie_lines());
}

async fn another_browser_finishes_nothing(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut root = bench.root().await;
    let back = bench.back(&bench.begin(&mut root, "okta").await).await;
    let mut bob = signed_in(&bench, "acme", "bob@acme.example").await;
    for browser in [&mut Browser::new(), &mut bob] {
        let answer = browser.get(&back).await;
        assert_eq!((answer.status, answer.location()), (400, None), "{}", answer.body);
        assert!(answer.body.contains("Please start again"), "{}", answer.body);
    }
    assert!(told(&bench, "okta").await.is_none());
    assert_eq!(root.get(&back).await.location(), Some("/admin/acme/connections/okta/test"), "its own browser does");
    assert!(told(&bench, "okta").await.unwrap().trial.passed);
    assert_eq!(root.get(&back).await.status, 400, "once");
}

async fn another_sign_in_finishes_nothing(backend: Backend) {
    let bench = Bench::new(backend).await;
    // The same browser, where the operator has signed out, or somebody else has signed in since: whoever begins a test in a
    // browser that others use gets neither their account at the provider nor what it says of them.
    for other in ["", "bob@acme.example", "root@acme.example"] {
        let mut root = bench.root().await;
        let back = bench.back(&bench.begin(&mut root, "okta").await).await;
        if other.is_empty() {
            root.cookies.values_mut().for_each(|all| all.retain(|name, _| name != "__Host-gatehouse"));
        } else {
            let now = signed_in(&bench, "acme", other).await;
            let session = now.cookies["localhost"]["__Host-gatehouse"].clone();
            root.cookies.get_mut("localhost").unwrap().insert("__Host-gatehouse".to_owned(), session);
        }
        is_over(&root.get(&back).await);
        assert!(told(&bench, "okta").await.is_none(), "{other}");
    }
    let mut root = bench.root().await;
    assert!(bench.run(&mut root, "okta").await.trial.passed, "the honest twin");
}

async fn neither_passes_for_the_other(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut root = bench.root().await;
    let home = root.clone();
    // A test's answer signs nobody in, whatever waits in the same browser, and gives no client anything.
    let waiting = bench.depart(&mut root, &bench.authorize_url("web", &[("prompt", "login")])).await;
    let departure = bench.begin(&mut root, "okta").await;
    let answer = root.get(&bench.back(&departure).await).await;
    assert_eq!(answer.location(), Some("/admin/acme/connections/okta/test"));
    assert_eq!(root.cookies["localhost"]["__Host-gatehouse"], home.cookies["localhost"]["__Host-gatehouse"]);
    // The sign-in that waited is one still, and no test.
    let before = told(&bench, "okta").await.unwrap().trial;
    let signed_in = root.get(&bench.back(&waiting).await).await;
    assert!(signed_in.query("code").is_some(), "{}", signed_in.body);
    assert_eq!(told(&bench, "okta").await.unwrap().trial, before);

    // Nor by hands in the database: what was remembered for the one does not open for the other.
    let mut root = bench.root().await;
    let departure = bench.begin(&mut root, "okta").await;
    let url = bench.authorize_url("web", &[("prompt", "login")]);
    let waiting = bench.depart(&mut root, &url).await;
    bench.sql("UPDATE trial_departures SET state_hash = 'x' || state_hash").await;
    bench
        .sql(
            "INSERT INTO departures (state_hash, login_id, browser_hash, connection_id, memo_sealed, created_at, expires_at) \
             SELECT SUBSTR(t.state_hash, 2), l.id, t.browser_hash, t.connection_id, t.memo_sealed, t.created_at, t.expires_at \
             FROM trial_departures t, logins l WHERE l.browser_hash = t.browser_hash",
        )
        .await;
    let answer = root.get(&bench.back(&departure).await).await;
    assert_eq!((answer.status, answer.location()), (500, None), "{}", answer.body);
    assert!(root.get(&bench.back(&waiting).await).await.query("code").is_some(), "the honest twin");
}

async fn who_administers_it_no_more_is_told_nothing(backend: Backend) {
    let bench = Bench::new(backend).await;
    for (lost, given_back) in [
        (
            "UPDATE users SET admin = FALSE WHERE email = 'root@acme.example'",
            "UPDATE users SET admin = TRUE WHERE email = 'root@acme.example'",
        ),
        (
            "UPDATE users SET active = FALSE WHERE email = 'root@acme.example'",
            "UPDATE users SET active = TRUE WHERE email = 'root@acme.example'",
        ),
        (
            "UPDATE connections SET tenant_id = (SELECT id FROM tenants WHERE name = 'other') WHERE name = 'okta'",
            "UPDATE connections SET tenant_id = (SELECT id FROM tenants WHERE name = 'acme') WHERE name = 'okta'",
        ),
    ] {
        let mut root = bench.root().await;
        let back = bench.back(&bench.begin(&mut root, "okta").await).await;
        bench.sql(lost).await;
        let answer = root.get(&back).await;
        assert_eq!((answer.status, answer.location()), (403, None), "{lost}: {}", answer.body);
        bench.sql(given_back).await;
        assert!(told(&bench, "okta").await.is_none(), "{lost}");
    }
    let mut root = bench.root().await;
    assert!(bench.run(&mut root, "okta").await.trial.passed, "the honest twin");
}

async fn who_administers_another_tenant_tests_nothing(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut root = bench.root().await;
    bench.run(&mut root, "okta").await;
    let mut eve = signed_in(&bench, "other", "eve@other.example").await;
    let csrf = eve.get(&format!("{}/admin/other/settings", bench.url)).await.csrf();
    let before = everything(&bench, backend).await;
    for name in ["okta", "draft", "none"] {
        let page = format!("{}/admin/acme/connections/{name}/test", bench.url);
        assert_eq!(eve.get(&page).await.status, 404);
        assert_eq!(eve.post(&page, &[("csrf", &csrf)]).await.status, 404);
        // Nor over their own tenant's address.
        let page = format!("{}/admin/other/connections/{name}/test", bench.url);
        assert_eq!(eve.get(&page).await.status, 404);
        assert_eq!(eve.post(&page, &[("csrf", &csrf)]).await.status, 404);
    }
    assert_eq!(everything(&bench, backend).await, before);
    let waiting = bench.app.db.all::<(String,)>("SELECT state_hash FROM trial_departures", &[]).await.unwrap();
    assert!(waiting.is_empty());
}

async fn changed_settings_are_not_what_was_tested(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut root = bench.root().await;
    let departure = bench.begin(&mut root, "okta").await;
    let back = bench.back(&departure).await;
    bench.apply(&state(&bench.idp, "jit", "groups_claim: roles,", "")).await;
    root.get(&back).await;
    let failed = told(&bench, "okta").await.unwrap();
    assert_eq!(failed.report.verdict.outcome, Outcome::Failed);
    assert_eq!(failed.report.verdict.cause.as_deref(), Some("connection_changed"), "{:?}", failed.report.verdict);
    let proofs = bench.app.db.all::<(String,)>("SELECT fingerprint FROM trial_proofs", &[]).await.unwrap();
    assert!(proofs.is_empty(), "it proves nothing");
    // The twin: what changes nothing of a sign-in changes nothing of its test.
    let back = bench.back(&bench.begin(&mut root, "okta").await).await;
    bench.apply(&state(&bench.idp, "jit", "groups_claim: roles, button_text: Sign in with Okta,", "")).await;
    root.get(&back).await;
    let passed = told(&bench, "okta").await.unwrap();
    assert!(passed.trial.passed && passed.is_current, "{:?}", passed.report);
    bench.apply(&state(&bench.idp, "jit", "groups_claim: other,", "")).await;
    assert!(!told(&bench, "okta").await.unwrap().is_current);
    let page = root.get(&format!("{}/admin/acme/connections/okta/test", bench.url)).await;
    assert!(page.body.contains("The settings have changed since"), "{}", page.body);
    assert!(page.body.contains("No test has passed under the present settings"), "{}", page.body);
}

async fn no_form_of_another_begins_a_test(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut root = bench.root().await;
    let page = format!("{}/admin/acme/connections/okta/test", bench.url);
    let form = root.get(&page).await;
    let policy = form.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' http: https:") && !policy.contains("script-src"), "{policy}");
    let body = |csrf: &str| Some(format!("csrf={csrf}"));
    let csrf = form.csrf();
    let plain = ("content-type", "application/x-www-form-urlencoded");
    for (headers, csrf) in [
        (vec![plain], ""),
        (vec![plain], "x"),
        (vec![plain, ("origin", "https://evil.example")], csrf.as_str()),
        (vec![plain, ("sec-fetch-site", "cross-site")], csrf.as_str()),
    ] {
        let answer = root.send(reqwest::Method::POST, &page, &headers, body(csrf)).await;
        assert_eq!((answer.status, answer.location()), (403, None), "{headers:?}: {}", answer.body);
    }
    let answer = root.send(reqwest::Method::POST, &page, &[plain, ("sec-fetch-site", "same-origin")], body(&csrf)).await;
    assert!(answer.location().unwrap().starts_with(bench.idp.issuer()), "{}", answer.body);
    let state = Url::parse(answer.location().unwrap()).unwrap();
    assert!(state.query_pairs().any(|(name, value)| name == "state" && value.len() >= 43));
}

async fn what_a_provider_sends_is_inert(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut root = bench.root().await;
    let evil = "</pre><script>alert(1)</script>\u{202e}{{7*7}}";
    bench.idp.turn(|k| {
        k.claims = change(move |claims: &mut Value| {
            claims[evil] = json!(evil);
            claims["name"] = json!(evil);
            claims["groups"] = json!([evil, "b"]);
            claims["access_token"] = json!("opaque-credential");
            claims["_claim_sources"] = json!({"src": {"access_token": "opaque-credential"}});
            claims["huge"] = json!("x".repeat(9_000));
        });
    });
    let told = bench.run(&mut root, "okta").await;
    assert!(told.trial.passed, "{:?}", told.report.verdict);
    let page = root.get(&format!("{}/admin/acme/connections/okta/test", bench.url)).await;
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("<script>") && page.body.contains("alert(1)"), "shown, and inert: {}", page.body);
    assert!(!page.body.contains("opaque-credential"), "{}", page.body);
    assert!(page.body.len() < 40_000 && page.body.contains("(9000 bytes)"), "{}", page.body.len());
    // The provider's own words in an error too.
    bench.idp.turn(|k| {
        k.redirect = change(|answer: &mut std::collections::BTreeMap<String, String>| {
            answer.remove("code");
            answer.insert("error".into(), "access_denied".into());
            answer.insert("error_description".into(), "<script>alert(2)</script>".into());
        });
    });
    bench.run(&mut root, "okta").await;
    let page = root.get(&format!("{}/admin/acme/connections/okta/test", bench.url)).await;
    assert!(!page.body.contains("<script>") && page.body.contains("alert(2)"), "{}", page.body);
}

async fn old_departures_are_forgotten(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut root = bench.root().await;
    let first = bench.begin(&mut root, "okta").await;
    for _ in 0..gatehouse::store::trials::MOST {
        bench.clock.advance(1);
        begin(&bench, &mut root, "okta").await;
    }
    let waiting = "SELECT state_hash FROM trial_departures";
    assert_eq!(bench.app.db.all::<(String,)>(waiting, &[]).await.unwrap().len(), 8, "no more wait");
    assert_eq!(root.get(&bench.back(&first).await).await.status, 400, "the oldest is forgotten");
    let late = bench.begin(&mut root, "okta").await;
    let back = bench.back(&late).await;
    bench.clock.advance(901);
    assert_eq!(root.get(&back).await.status, 400, "it took too long");
    gatehouse::store::sweep::sweep(&bench.app.db, &bench.app.sealer, 1 << 40, bench.clock.now()).await.unwrap();
    assert!(bench.app.db.all::<(String,)>(waiting, &[]).await.unwrap().is_empty());
    assert!(!connection(&bench, "okta").await.id.is_empty());
}
