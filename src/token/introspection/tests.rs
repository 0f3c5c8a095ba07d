//! An issuer whose answers are scripted; each refusal stands beside the honest answer that differs in nothing else.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

mod ends;
mod floods;
mod several;

use super::*;
use crate::{
    oauth::client::SigningAlg,
    policy::{
        claim_rules::{ClaimRule, MatchType},
        trusted_issuer::{IssuerSecrets, IssuerSettings},
    },
    token::{
        Alg, Rules, Scope, Source, Validator, issue::tests as own, jwks::Inline, rules::AudienceRule, testing::Forge,
        validator::Accepted,
    },
};

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://idp.test";
const OPAQUE: &str = "mF_9.B5f-4.1JqM";

/// Answers with what the test last set, and keeps what it was asked.
#[derive(Default)]
struct Script {
    answer: Mutex<Option<Result<Response<Vec<u8>>, String>>>,
    asked: Mutex<Vec<(http::HeaderMap, String)>>,
    calls: AtomicUsize,
    hold: Option<Semaphore>,
}

impl Script {
    fn says(&self, answer: &Value) {
        self.answers(Ok(Response::new(answer.to_string().into_bytes())));
    }

    fn answers(&self, answer: Result<Response<Vec<u8>>, String>) {
        *self.answer.lock().unwrap() = Some(answer);
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Ask for Script {
    async fn ask(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, String> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let body = String::from_utf8(request.body().clone()).unwrap();
        self.asked.lock().unwrap().push((request.headers().clone(), body));
        if let Some(hold) = &self.hold {
            hold.acquire().await.unwrap().forget();
        }
        match &*self.answer.lock().unwrap() {
            Some(Ok(answer)) => {
                let mut copy = Response::new(answer.body().clone());
                (*copy.status_mut(), *copy.headers_mut()) = (answer.status(), answer.headers().clone());
                Ok(copy)
            }
            Some(Err(why)) => Err(why.clone()),
            None => Err("nobody is there".to_owned()),
        }
    }
}

fn settings(cache_max_age: i64) -> IssuerSettings {
    IssuerSettings {
        issuer: Some(ISSUER.to_owned()),
        audience: vec!["us".to_owned()],
        introspection: Some(Introspection {
            endpoint: "https://idp.test/introspect".to_owned(),
            client_id: Some("gate".to_owned()),
            cache_max_age,
            ..Introspection::default()
        }),
        ..IssuerSettings::default()
    }
}

fn source(id: &str, tenant: &str, settings: &IssuerSettings, script: &Arc<Script>) -> Source {
    let secrets = IssuerSecrets { introspection: Some("s3 cret".to_owned()), ..IssuerSecrets::default() };
    Source::asking(id, tenant, settings, secrets, script.clone()).unwrap()
}

fn validator(sources: impl IntoIterator<Item = Source>) -> Validator {
    Validator::new(own::ISSUER, own::ring(), AudienceRule::Any, 60).with_sources(sources)
}

fn alone(settings: &IssuerSettings, script: &Arc<Script>) -> Validator {
    validator([source("s", "acme", settings, script)])
}

fn active() -> Value {
    json!({"active": true, "iss": ISSUER, "sub": "7", "aud": "us", "exp": NOW + 300})
}

fn but(name: &str, value: Value) -> Value {
    let mut answer = active();
    answer[name] = value;
    answer
}

async fn ask(validator: &Validator, token: &str, now: i64) -> Result<Accepted, Invalid> {
    validator.validate(token, &Scope { tenant: Some("acme"), ..Scope::default() }, now).await
}

#[tokio::test]
async fn only_an_object_that_says_true_is_a_yes() {
    let script = Arc::new(Script::default());
    let validator = alone(&settings(0), &script);
    script.says(&active());
    let good = ask(&validator, OPAQUE, NOW).await.unwrap();
    assert_eq!((good.source.as_deref(), good.subject.as_str(), good.keep_until), (Some("s"), "7", NOW));
    assert_eq!((good.claims.alg(), good.claims.get("active")), (None, None));
    let plain = |body: &str| Ok(Response::new(body.as_bytes().to_vec()));
    let mut failing = Response::new(active().to_string().into_bytes());
    *failing.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
    let mut created = Response::new(active().to_string().into_bytes());
    *created.status_mut() = http::StatusCode::CREATED;
    let mut jwt = Response::new(active().to_string().into_bytes());
    jwt.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/token-introspection+jwt"));
    for (at, (name, answer)) in [
        ("a text", plain(&but("active", json!("true")).to_string())),
        ("a number", plain(&but("active", json!(1)).to_string())),
        ("null", plain(&but("active", json!(null)).to_string())),
        ("a list", plain(&but("active", json!([true])).to_string())),
        ("absent", plain(r#"{"sub":"7"}"#)),
        ("another case", plain(r#"{"Active":true,"sub":"7","aud":"us"}"#)),
        ("twice", plain(r#"{"active":true,"active":true,"sub":"7","aud":"us"}"#)),
        ("in a list", plain(&json!([active()]).to_string())),
        ("a page", plain("<html>active: true</html>")),
        ("nothing", plain("")),
        ("500", Ok(failing)),
        ("201", Ok(created)),
        ("a JWT by its type", Ok(jwt)),
        ("a JWT", plain("eyJhbGciOiJub25lIn0.eyJhY3RpdmUiOnRydWV9.")),
        ("nobody", Err("idp.test did not answer within 10 s".to_owned())),
    ]
    .into_iter()
    .enumerate()
    {
        script.answers(answer);
        let error = ask(&validator, &format!("bad-{at}"), NOW).await.unwrap_err();
        assert_eq!(error.to_string(), "Introspection failed", "{name}");
        // An answer that says nothing is kept for a moment; who could not be asked at all may be asked again.
        let asked_again = matches!(name, "500" | "nobody");
        let left = |pause: i64| if asked_again { 5 } else { pause };
        assert_eq!(error.retry_after(), left(NO_AT_LEAST), "{name}");
        if !asked_again {
            let error = ask(&validator, &format!("bad-{at}"), NOW + 3).await.unwrap_err();
            assert_eq!(error.retry_after(), NO_AT_LEAST - 3, "{name}");
        }
    }
    script.says(&json!({"active": false}));
    assert_eq!(ask(&validator, "revoked", NOW).await.unwrap_err().to_string(), "Token is not active");
    for name in ["token_type", "token_use", "typ"] {
        script.says(&but(name, json!("Refresh")));
        assert_eq!(ask(&validator, name, NOW).await.unwrap_err().to_string(), "Token is not active", "{name}");
        script.says(&but(name, json!("Bearer")));
        ask(&validator, OPAQUE, NOW).await.unwrap();
    }
}

/// A yes of the issuer would make no difference: it would have the token by then.
#[tokio::test]
async fn what_opens_our_admin_api_is_asked_about_nowhere() {
    let script = Arc::new(Script::default());
    let validator = alone(&settings(0), &script);
    script.says(&active());
    for prefix in ["gha_", "ghp_", "ghs_"] {
        let token = crate::secret::token(prefix);
        for token in [token.as_str(), &token[..20], prefix] {
            ask(&validator, token, NOW).await.unwrap_err();
        }
    }
    assert_eq!(script.calls(), 0);
    for honest in ["gho_x", "ghA_x", "x_gha_x", OPAQUE] {
        ask(&validator, honest, NOW).await.unwrap();
    }
    assert_eq!(script.calls(), 4);
}

#[tokio::test]
async fn what_the_issuer_says_is_judged_by_the_same_rules() {
    let script = Arc::new(Script::default());
    let rule = ClaimRule { claim: "hd".to_owned(), values: vec![json!("acme.test")], match_type: MatchType::Exact };
    let strict = IssuerSettings { required_claims: vec!["scope".to_owned()], claim_values: vec![rule], ..settings(600) };
    let validator = alone(&strict, &script);
    let full = |name: &str, value: Value| {
        let mut answer = active();
        (answer["scope"], answer["hd"]) = (json!("read"), json!("acme.test"));
        answer[name] = value;
        answer
    };
    for (at, (name, value, text)) in [
        ("iss", json!("https://evil.test"), "Invalid issuer"),
        ("iss", json!(["https://idp.test"]), "Invalid issuer"),
        ("aud", json!("them"), "Invalid audience"),
        ("aud", json!(null), "Invalid audience"),
        ("exp", json!(NOW - 61), "Token is expired"),
        ("exp", json!((NOW + 300).to_string()), "JWT validation failed"),
        ("nbf", json!(NOW + 61), "Token is not yet valid"),
        ("scope", json!(null), "Missing required claims: scope"),
        ("sub", json!(null), "Missing required claims: sub"),
        ("sub", json!(""), "JWT validation failed"),
        ("hd", json!("evil.test"), "JWT validation failed"),
    ]
    .into_iter()
    .enumerate()
    {
        script.says(&full(name, value.clone()));
        let error = ask(&validator, &format!("bad-{at}"), NOW).await.unwrap_err();
        assert_eq!(error.to_string(), text, "{name} {value}");
        script.says(&full("x", value));
        ask(&validator, &format!("good-{at}"), NOW).await.unwrap();
    }
    // The endpoint speaks for its issuer, and need not say until when.
    let mut short = full("x", json!(1));
    short.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "iss" | "exp"));
    script.says(&short);
    assert_eq!(ask(&validator, "short", NOW).await.unwrap().claims.text("iss"), Some(ISSUER));
}

#[tokio::test]
async fn asks_as_it_is_told_to() {
    let script = Arc::new(Script::default());
    script.says(&active());
    for (auth, content, authorization, body) in [
        (
            IntrospectionAuth::ClientSecretBasic,
            IntrospectionContent::Form,
            Some("Basic Z2F0ZTpzMytjcmV0"),
            "token=mF_9.B5f-4.1JqM&token_type_hint=access_token",
        ),
        (
            IntrospectionAuth::ClientSecretPost,
            IntrospectionContent::Form,
            None,
            "token=mF_9.B5f-4.1JqM&token_type_hint=access_token&client_id=gate&client_secret=s3+cret",
        ),
        (
            IntrospectionAuth::Bearer,
            IntrospectionContent::Json,
            Some("Bearer s3 cret"),
            r#"{"token":"mF_9.B5f-4.1JqM","token_type_hint":"access_token"}"#,
        ),
        (
            IntrospectionAuth::None,
            IntrospectionContent::Form,
            None,
            "token=mF_9.B5f-4.1JqM&token_type_hint=access_token&client_id=gate",
        ),
    ] {
        let mut settings = settings(0);
        settings.introspection = settings.introspection.map(|i| Introspection { auth, content, ..i });
        ask(&alone(&settings, &script), OPAQUE, NOW).await.unwrap();
        let (headers, sent) = script.asked.lock().unwrap().pop().unwrap();
        assert_eq!(headers.get(header::AUTHORIZATION).map(|v| v.to_str().unwrap()), authorization, "{auth:?}");
        assert!(headers.get(header::AUTHORIZATION).is_none_or(HeaderValue::is_sensitive));
        assert_eq!(sent, body, "{auth:?}");
        let media = if content == IntrospectionContent::Form { "application/x-www-form-urlencoded" } else { "application/json" };
        assert_eq!(headers[header::CONTENT_TYPE], media);
    }
    let mut nobody = settings(0);
    nobody.introspection.as_mut().unwrap().client_id = None;
    assert!(Source::asking("s", "acme", &nobody, IssuerSecrets::default(), script).unwrap_err().contains("needs a client id"));
}

#[tokio::test]
async fn a_revoked_token_ends_within_the_configured_time() {
    for (max_age, asked_again) in [(0, 0), (300, 300), (60, 60), (100_000, 300)] {
        let script = Arc::new(Script::default());
        let validator = alone(&settings(max_age), &script);
        script.says(&active());
        let good = ask(&validator, OPAQUE, NOW).await.unwrap();
        assert_eq!(good.keep_until, NOW + asked_again, "never beyond exp");
        script.says(&json!({"active": false}));
        if asked_again > 0 {
            ask(&validator, OPAQUE, NOW + asked_again - 1).await.unwrap();
            assert_eq!(script.calls(), 1, "{max_age}: kept");
        }
        assert_eq!(ask(&validator, OPAQUE, NOW + asked_again).await.unwrap_err().to_string(), "Token is not active", "{max_age}");
    }
}

#[tokio::test]
async fn a_no_is_kept_briefly_and_a_failure_not_at_all() {
    let script = Arc::new(Script::default());
    let validator = alone(&settings(300), &script);
    script.says(&json!({"active": false}));
    for after in [0, 9] {
        ask(&validator, OPAQUE, NOW + after).await.unwrap_err();
    }
    assert_eq!(script.calls(), 1);
    script.says(&active());
    ask(&validator, OPAQUE, NOW + 10).await.unwrap();
    script.answers(Err("down".to_owned()));
    ask(&validator, "other", NOW).await.unwrap_err();
    script.says(&active());
    ask(&validator, "other", NOW).await.unwrap();
    // Time that runs backwards prolongs nothing.
    let calls = script.calls();
    ask(&validator, OPAQUE, NOW - 1_000).await.unwrap();
    assert_eq!(script.calls(), calls + 1);
}

#[tokio::test]
async fn no_other_token_and_no_other_issuer_finds_an_answer() {
    let script = Arc::new(Script::default());
    let rule = ClaimRule { claim: "hd".to_owned(), values: vec![json!("x")], match_type: MatchType::Exact };
    let strict = IssuerSettings { claim_values: vec![rule], ..settings(300) };
    let validator = validator([
        source("a", "acme", &settings(300), &script),
        source("b", "beta", &settings(300), &script),
        source("c", "gamma", &strict, &script),
    ]);
    script.says(&active());
    ask(&validator, OPAQUE, NOW).await.unwrap();
    ask(&validator, OPAQUE, NOW).await.unwrap();
    assert_eq!(script.calls(), 1);
    script.says(&json!({"active": false}));
    let mut calls = 1;
    for near in ["mF_9.B5f-4.1Jq", "F_9.B5f-4.1JqM", "mF_9.B5f-4.1JqMM", "mF_9.B5f-4.1JqM=", "MF_9.B5f-4.1JqM", "mF_9.B5f-4.1jqM"]
    {
        assert_eq!(ask(&validator, near, NOW).await.unwrap_err().to_string(), "Token is not active", "{near}");
        calls += 1;
        assert_eq!(script.calls(), calls, "{near}");
    }
    for wrong in ["mF_9.B5f-4.1JqM ", " mF_9.B5f-4.1JqM", "mF_9.B5f-4.1JqM\n", "mF_9.B5f-4.1JqM\0", "mF_9 B5f", "m\u{e9}", ""] {
        assert_eq!(ask(&validator, wrong, NOW).await.unwrap_err().to_string(), "JWT validation failed", "{wrong:?}");
    }
    assert_eq!(script.calls(), calls, "what is no bearer token is not asked about");
    let elsewhere = Scope { tenant: Some("beta"), ..Scope::default() };
    validator.validate(OPAQUE, &elsewhere, NOW).await.unwrap_err();
    assert_eq!(script.calls(), calls + 1, "another tenant's issuer is asked itself");
    script.says(&active());
    let strict = Scope { tenant: Some("gamma"), ..Scope::default() };
    assert!(matches!(validator.validate(OPAQUE, &strict, NOW).await, Err(Invalid::Value { .. })), "the same token, other rules");
    ask(&validator, OPAQUE, NOW).await.unwrap();
}

#[tokio::test]
async fn many_who_ask_at_once_cause_one_question() {
    let script = Arc::new(Script { hold: Some(Semaphore::new(0)), ..Script::default() });
    script.says(&active());
    let validator = alone(&settings(300), &script);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let validator = validator.clone();
        tasks.spawn(async move { ask(&validator, OPAQUE, NOW).await.unwrap() });
    }
    while script.calls() == 0 {
        tokio::task::yield_now().await;
    }
    script.hold.as_ref().unwrap().add_permits(200);
    assert_eq!(tasks.join_all().await.len(), 200);
    assert_eq!(script.calls(), 1);
}

#[tokio::test]
async fn a_token_is_shown_to_nobody_whom_it_is_not_meant_for() {
    let script = Arc::new(Script::default());
    script.says(&active());
    let validator = alone(&settings(0), &script);
    let forge = Forge::new(SigningAlg::ES256, Some("k"));
    let jwt = |iss: &str, exp: i64| {
        forge.sign(r#"{"alg":"ES256","kid":"k"}"#, &json!({"iss": iss, "sub": "7", "aud": "us", "exp": exp}).to_string())
    };
    let honest = jwt(ISSUER, NOW + 300);
    ask(&validator, &honest, NOW).await.unwrap();
    assert_eq!(script.calls(), 1);
    let damaged = format!("{}!", jwt(own::ISSUER, NOW + 300));
    let cut = honest.replacen("eyJ", "eyJ_", 1);
    for (name, token) in [
        ("an expired one", jwt(ISSUER, NOW - 61)),
        ("another issuer's", jwt("https://idp.test/", NOW + 300)),
        ("our own, forged", jwt(own::ISSUER, NOW + 300)),
        ("our own, damaged", damaged),
        ("nearly a JWT", cut),
        ("too large", "x".repeat(20_000)),
    ] {
        ask(&validator, &token, NOW).await.unwrap_err();
        assert_eq!(script.calls(), 1, "{name}");
    }
    for token in [honest.as_str(), OPAQUE] {
        validator.validate(token, &Scope::default(), NOW).await.unwrap_err();
        validator.validate(token, &Scope { tenant: Some("beta"), ..Scope::default() }, NOW).await.unwrap_err();
        let other = std::collections::HashSet::from(["other".to_owned()]);
        let scope = Scope { tenant: Some("acme"), sources: Some(&other), ..Scope::default() };
        validator.validate(token, &scope, NOW).await.unwrap_err();
    }
    assert_eq!(script.calls(), 1, "no tenant, another tenant, another source");
}

#[tokio::test]
async fn an_issuer_that_is_asked_is_not_judged_by_keys_beside() {
    let script = Arc::new(Script::default());
    let forge = Forge::new(SigningAlg::ES256, Some("k"));
    let keys = Arc::new(Inline::new(&Forge::jwks(&[&forge])).unwrap());
    let rules = || {
        let audience = AudienceRule::Contains(vec!["us".to_owned()]);
        Rules::bearer(Issuer::OneOf(vec![ISSUER.to_owned()]), audience, vec![Alg::ES256], 60)
    };
    let by_keys = |id: &str, tenant: &str| Source::with_keys(id, tenant, keys.clone(), rules());
    let claims = json!({"iss": ISSUER, "sub": "7", "aud": "us", "exp": NOW + 300}).to_string();
    let token = forge.sign(r#"{"alg":"ES256","kid":"k"}"#, &claims);
    let both = validator([by_keys("keys", "acme"), source("asked", "acme", &settings(0), &script)]);
    script.says(&json!({"active": false}));
    assert_eq!(ask(&both, &token, NOW).await.unwrap_err().to_string(), "Token is not active", "revoked, though well signed");
    let unnamed = both.validate(&token, &Scope::default(), NOW).await.unwrap_err();
    assert_eq!((unnamed.to_string().as_str(), script.calls()), ("Invalid issuer", 1));
    script.says(&active());
    assert_eq!(ask(&both, &token, NOW + 10).await.unwrap().source.as_deref(), Some("asked"));
    // Another tenant's endpoint does not see the token. What it would say nobody knows: with no tenant named it is nobody's.
    let apart = validator([source("asked", "beta", &settings(0), &script), by_keys("keys", "acme")]);
    let calls = script.calls();
    assert!(matches!(apart.validate(&token, &Scope::default(), NOW).await, Err(Invalid::Ambiguous)));
    let named = Scope { tenant: Some("acme"), ..Scope::default() };
    assert_eq!(apart.validate(&token, &named, NOW).await.unwrap().source.as_deref(), Some("keys"));
    assert_eq!(script.calls(), calls);
}
