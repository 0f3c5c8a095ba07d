//! Several issuers of one tenant that are asked about their tokens: whoever is asked has the token.

use std::collections::HashSet;

use tokio::time::Instant;

use super::*;
use crate::token::source::Proof;

const OTHER: &str = "https://as.test";

/// One that knows every token.
fn knowing(iss: &str) -> Arc<Script> {
    let script = Arc::new(Script::default());
    script.says(&but("iss", json!(iss)));
    script
}

/// One that knows none.
fn strange() -> Arc<Script> {
    let script = Arc::new(Script::default());
    script.says(&json!({"active": false}));
    script
}

/// One that never answers.
fn silent() -> Arc<Script> {
    Arc::new(Script { hold: Some(Semaphore::new(0)), ..Script::default() })
}

fn of(iss: Option<&str>, shared: bool) -> IssuerSettings {
    let mut settings = IssuerSettings { issuer: iss.map(str::to_owned), ..settings(0) };
    settings.introspection.as_mut().unwrap().shared = shared;
    settings
}

fn two(a: &Arc<Script>, b: &Arc<Script>, shared: [bool; 2]) -> Validator {
    validator([source("a", "acme", &of(Some(ISSUER), shared[0]), a), source("b", "acme", &of(Some(OTHER), shared[1]), b)])
}

async fn named(validator: &Validator, source: &str) -> Result<Accepted, Invalid> {
    let only = HashSet::from([source.to_owned()]);
    let scope = Scope { tenant: Some("acme"), sources: Some(&only), ..Scope::default() };
    validator.validate(OPAQUE, &scope, NOW).await
}

#[tokio::test]
async fn nobody_is_shown_a_token_that_may_be_anothers() {
    for shared in [[false, false], [true, false], [false, true]] {
        let (a, b) = (strange(), knowing(OTHER));
        let both = two(&a, &b, shared);
        assert_eq!(ask(&both, OPAQUE, NOW).await.unwrap_err(), Invalid::Unnamed, "{shared:?}");
        assert_eq!(Invalid::Unnamed.to_string(), "several issuers may know this token; name one with issuer=");
        assert_eq!((a.calls(), b.calls()), (0, 0), "{shared:?}");
        let told = both.explain(OPAQUE, &Scope { tenant: Some("acme"), ..Scope::default() }, NOW).await;
        assert_eq!((told.outcome.map(|_| ()).unwrap_err(), a.calls(), b.calls()), (Invalid::Unnamed, 0, 0), "{shared:?}");
        // The twins: the request says which, or the token does.
        assert_eq!(named(&both, "b").await.unwrap().source.as_deref(), Some("b"));
        let forge = Forge::new(SigningAlg::ES256, Some("k"));
        let jwt = json!({"iss": OTHER, "sub": "7", "aud": "us", "exp": NOW + 300}).to_string();
        let jwt = forge.sign(r#"{"alg":"ES256","kid":"k"}"#, &jwt);
        assert_eq!(ask(&both, &jwt, NOW).await.unwrap().source.as_deref(), Some("b"));
        assert_eq!((a.calls(), b.calls()), (0, 2), "{shared:?}");
    }
}

/// Of a token whose issuer's name nobody has, as little is known.
#[tokio::test]
async fn nor_one_that_names_nobody_of_them() {
    let forge = Forge::new(SigningAlg::ES256, Some("k"));
    let jwt = json!({"iss": "https://third.test", "sub": "7", "aud": "us", "exp": NOW + 300}).to_string();
    let jwt = forge.sign(r#"{"alg":"ES256","kid":"k"}"#, &jwt);
    for (shared, calls) in [(false, (0, 0)), (true, (1, 0))] {
        let (a, b) = (knowing("https://third.test"), knowing("https://third.test"));
        let both = validator([source("a", "acme", &of(None, shared), &a), source("b", "acme", &of(None, shared), &b)]);
        let said = ask(&both, &jwt, NOW).await.map(|accepted| accepted.source);
        assert_eq!(said, if shared { Ok(Some("a".to_owned())) } else { Err(Invalid::Unnamed) });
        assert_eq!((a.calls(), b.calls()), calls);
    }
    let a = knowing("https://third.test");
    let alone = validator([source("a", "acme", &of(None, false), &a)]);
    ask(&alone, &jwt, NOW).await.unwrap();
}

#[tokio::test]
async fn where_the_operator_allows_it_all_are_asked_at_once() {
    let (a, b) = (strange(), knowing(OTHER));
    let both = two(&a, &b, [true, true]);
    assert_eq!(ask(&both, OPAQUE, NOW).await.unwrap().source.as_deref(), Some("b"));
    assert_eq!((a.calls(), b.calls()), (1, 1));
    // The one that knew it is remembered.
    for calls in 2..5 {
        assert_eq!(ask(&both, OPAQUE, NOW + 60).await.unwrap().source.as_deref(), Some("b"));
        assert_eq!((a.calls(), b.calls()), (1, calls));
    }
    let first = two(&knowing(ISSUER), &knowing(OTHER), [true, true]);
    assert_eq!(ask(&first, OPAQUE, NOW).await.unwrap().source.as_deref(), Some("a"), "of two the first");
    let neither = two(&strange(), &strange(), [true, true]);
    assert_eq!(ask(&neither, OPAQUE, NOW).await.unwrap_err().to_string(), "Token is not active");
    let broken = Arc::new(Script::default());
    let unknown = two(&broken, &strange(), [true, true]);
    assert_eq!(ask(&unknown, OPAQUE, NOW).await.unwrap_err().to_string(), "Introspection failed", "it might be the other's");
}

#[tokio::test]
async fn none_waits_for_another() {
    let (a, b) = (silent(), knowing(OTHER));
    a.says(&json!({"active": false}));
    let both = two(&a, &b, [true, true]);
    let asking = tokio::spawn(async move { ask(&both, OPAQUE, NOW).await.map(|accepted| accepted.source) });
    while (a.calls(), b.calls()) != (1, 1) {
        tokio::task::yield_now().await;
    }
    a.hold.as_ref().unwrap().add_permits(1);
    assert_eq!(asking.await.unwrap().unwrap().as_deref(), Some("b"));
}

/// Each further token would wait as long.
#[tokio::test]
async fn an_endpoint_that_hangs_is_left_alone() {
    let script = knowing(ISSUER);
    let source = source("s", "acme", &settings(0), &script);
    let Proof::Introspection(endpoint) = source.proof.clone() else { panic!("it is asked") };
    let validator = validator([source]);
    ask(&validator, OPAQUE, NOW).await.unwrap();
    // A question that ended soon, and one that waited, by who asked until then.
    let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
    drop(endpoint.rest.watch_since(ago(1)));
    ask(&validator, "made-up-1", NOW).await.unwrap();
    assert_eq!(script.calls(), 2);
    drop(endpoint.rest.watch_since(ago(3)));
    assert_eq!(ask(&validator, "made-up-2", NOW).await.unwrap_err().to_string(), "Introspection failed");
    assert_eq!(script.calls(), 2, "nobody asks it");
    assert!(endpoint.rest.is_on_at(Instant::now() + Duration::from_secs(5)));
    assert!(!endpoint.rest.is_on_at(Instant::now() + Duration::from_secs(11)), "for so long");
    // What was good lately is asked about all the same, and an answer ends it.
    ask(&validator, OPAQUE, NOW).await.unwrap();
    ask(&validator, "made-up-2", NOW).await.unwrap();
    assert_eq!(script.calls(), 4);
}
