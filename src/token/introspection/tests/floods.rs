//! Tokens by the hundred, where nothing may be kept.

use super::*;
use crate::token::source::Proof;

fn status(code: u16) -> Result<Response<Vec<u8>>, String> {
    Ok(Response::builder().status(code).body(active().to_string().into_bytes()).unwrap())
}

#[tokio::test]
async fn the_same_bad_token_is_one_question_in_five_seconds() {
    let no = |text: &str| Ok(Response::new(text.as_bytes().to_vec()));
    for (answer, kept) in [
        (no(r#"{"active":false}"#), true),
        (no("{}"), true),
        (no("<html>"), true),
        (status(400), true),
        (status(503), false),
        (Err("idp.test did not answer within 10 s".to_owned()), false),
    ] {
        let script = Arc::new(Script::default());
        let validator = alone(&settings(0), &script);
        script.answers(answer);
        for n in 0..300 {
            ask(&validator, OPAQUE, NOW + n % 5).await.unwrap_err();
        }
        assert_eq!(script.calls(), if kept { 1 } else { 300 }, "an issuer in trouble may know better in a moment");
        // A token may become good.
        script.says(&active());
        ask(&validator, OPAQUE, NOW + 5).await.unwrap();
        // And a good one is asked about each time, whatever the clock does.
        let calls = script.calls();
        for at in [NOW + 5, NOW + 4, NOW] {
            ask(&validator, "good", at).await.unwrap();
        }
        assert_eq!(script.calls(), calls + 3);
        script.says(&json!({"active": false}));
        ask(&validator, "good", NOW).await.unwrap_err();
    }
}

/// Anybody with an account at the issuer has tokens for other services of its.
#[tokio::test]
async fn a_yes_that_our_rules_refuse_is_kept_as_a_no() {
    for answer in [
        but("aud", json!("another service")),
        but("iss", json!("https://another.test")),
        but("exp", json!("soon")),
        but("exp", json!(NOW - 100)),
        but("sub", json!(null)),
    ] {
        let script = Arc::new(Script::default());
        let validator = alone(&settings(0), &script);
        script.says(&answer);
        let first = ask(&validator, OPAQUE, NOW).await.unwrap_err();
        for n in 0..300 {
            assert_eq!(ask(&validator, OPAQUE, NOW + n % 5).await.unwrap_err().to_string(), first.to_string());
        }
        assert_eq!(script.calls(), 1, "{answer}");
        ask(&validator, "another-token", NOW).await.unwrap_err();
        assert_eq!(script.calls(), 2, "of which nothing is known");
        // An operator who asks why sees the rule that fails.
        let told = validator.explain(OPAQUE, &Scope { tenant: Some("acme"), ..Scope::default() }, NOW + 1).await;
        assert!(told.steps.iter().any(|step| step.what == "introspection" && step.passed), "{:?}", told.steps);
        assert_eq!((told.outcome.unwrap_err().to_string(), script.calls()), (first.to_string(), 3));
        // It may become good, and a clock that was set back prolongs nothing.
        script.says(&active());
        ask(&validator, OPAQUE, NOW + 5).await.unwrap();
        script.says(&answer);
        ask(&validator, OPAQUE, NOW + 20).await.unwrap_err();
        script.says(&active());
        ask(&validator, OPAQUE, NOW).await.unwrap();
        // Other rules are another endpoint's.
        let looser = IssuerSettings { audience: Vec::new(), ..settings(0) };
        let calls = script.calls();
        ask(&alone(&looser, &script), OPAQUE, NOW).await.unwrap();
        assert_eq!(script.calls(), calls + 1);
    }
}

#[tokio::test]
async fn those_who_ask_at_once_share_one_question() {
    for good in [true, false] {
        let script = Arc::new(Script { hold: Some(Semaphore::new(0)), ..Script::default() });
        script.says(&but("active", json!(good)));
        let validator = alone(&settings(0), &script);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..300 {
            let validator = validator.clone();
            tasks.spawn(async move { ask(&validator, OPAQUE, NOW).await.is_ok() });
        }
        while script.calls() == 0 {
            tokio::task::yield_now().await;
        }
        script.hold.as_ref().unwrap().add_permits(300);
        assert!(tasks.join_all().await.into_iter().all(|held| held == good));
        assert_eq!(script.calls(), 1);
    }
}

#[tokio::test]
async fn a_flood_of_different_tokens_waits_and_then_is_told() {
    let script = Arc::new(Script { hold: Some(Semaphore::new(0)), ..Script::default() });
    script.says(&active());
    let source = source("s", "acme", &settings(0), &script);
    let Proof::Introspection(endpoint) = source.proof.clone() else { panic!("it is asked") };
    let validator = validator([source]);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..AT_ONCE + WAITING {
        let validator = validator.clone();
        tasks.spawn(async move { ask(&validator, &format!("token-{n}"), NOW).await.is_ok() });
    }
    while endpoint.strangers.admitted.available_permits() > 0 || script.calls() < AT_ONCE {
        tokio::task::yield_now().await;
    }
    // Told at once: nobody is served meanwhile who would make room.
    let told = tokio::time::timeout(std::time::Duration::from_secs(10), ask(&validator, "one-more", NOW)).await;
    let refused = told.expect("it does not wait").unwrap_err();
    assert_eq!(refused.to_string(), "Introspection failed");
    assert!(refused.detail().contains("hundreds of questions to its endpoint are under way"), "{}", refused.detail());
    assert!(refused.is_unasked(), "it says nothing of the token");
    assert_eq!(script.calls(), AT_ONCE);
    script.hold.as_ref().unwrap().add_permits(AT_ONCE + WAITING + 1);
    assert!(tasks.join_all().await.into_iter().all(|held| held), "those who waited are served");
    ask(&validator, "one-more", NOW).await.unwrap();
}

/// Whoever floods an issuer with made-up tokens keeps out no token that was good before.
#[tokio::test]
async fn a_flood_turns_away_strangers_alone() {
    let script = Arc::new(Script::default());
    script.says(&active());
    let source = source("s", "acme", &settings(0), &script);
    let Proof::Introspection(endpoint) = source.proof.clone() else { panic!("it is asked") };
    let validator = validator([source]);
    ask(&validator, "known", NOW).await.unwrap();
    ask(&validator, "gone", NOW).await.unwrap();
    script.says(&json!({"active": false}));
    ask(&validator, "gone", NOW).await.unwrap_err();
    script.says(&active());
    let all = u32::try_from(AT_ONCE + WAITING).unwrap();
    let _flood = endpoint.strangers.admitted.acquire_many(all).await.unwrap();
    let before = script.calls();
    ask(&validator, "known", NOW + 60).await.unwrap();
    assert_eq!(script.calls(), before + 1, "it is asked about all the same");
    for stranger in ["new", "gone"] {
        assert!(ask(&validator, stranger, NOW + 60).await.unwrap_err().is_unasked(), "{stranger}");
    }
}
