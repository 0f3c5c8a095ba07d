//! The table of issuers: who judges a token, by what, and that nobody guesses.

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use serde_json::{Value, json};
use url::Url;

use super::{
    super::{
        Alg,
        issue::{self, tests as own},
        jwks::{self, FetchKeys, Inline, KeySets},
        testing::Forge,
        verify::verify,
    },
    *,
};
use crate::{
    oauth::client::SigningAlg,
    outbound::{Allow, Outbound},
    policy::{
        claim_rules::{ClaimRule, MatchType},
        trusted_issuer::{IssuerSecrets, IssuerSettings},
    },
};

#[tokio::test]
async fn each_kind_of_our_tokens_is_accepted_only_as_what_it_is() {
    let ring = own::ring();
    let audience = [own::ISSUER.to_owned()];
    let spec = own::spec(&audience);
    let validator = Validator::new(own::ISSUER, ring.clone(), AudienceRule::Contains(audience.to_vec()), 60);
    let access = issue::access(&ring, &spec, 100).unwrap().token;
    let refresh = issue::refresh(&ring, &spec, "jti-1", 100).unwrap().token;
    let id = issue::id(&ring, &spec, Some(&access), 100).unwrap().token;
    // What we sign for a provider that has given us our own issuer as client id.
    let assertion = json!({"iss": own::ISSUER, "sub": own::ISSUER, "aud": own::ISSUER, "exp": 400, "iat": 100, "jti": "j"});
    let assertion = ring.sign(SigningAlg::RS256, "JWT", &assertion, 100).unwrap();
    let claims = validator.validate_access(&access, 200).await.unwrap();
    assert_eq!((claims.sub.as_str(), claims.fam.as_deref().unwrap(), claims.aud.names()), ("user-1", "fam-1", &audience[..]));
    assert_eq!(validator.validate(&access, &Scope::default(), 200).await.unwrap().claims.alg(), Some(Alg::ES256));
    for (name, token) in [("refresh", &refresh), ("id", &id), ("assertion", &assertion)] {
        assert!(matches!(validator.validate_access(token, 200).await, Err(Invalid::Type { .. })), "{name}");
    }
    let as_refresh = Rules::own_refresh(own::ISSUER, 60);
    verify(&refresh, &ring, &as_refresh, 200).await.unwrap();
    let as_hint = Rules::own_id_token_hint(own::ISSUER, 60);
    verify(&id, &ring, &as_hint, 100_000_000).await.unwrap();
    for token in [&access, &id, &assertion] {
        verify(token, &ring, &as_refresh, 200).await.unwrap_err();
    }
    for token in [&access, &refresh, &assertion] {
        verify(token, &ring, &as_hint, 200).await.unwrap_err();
    }
    let elsewhere = Validator::new(own::ISSUER, ring, AudienceRule::Contains(vec!["https://x".into()]), 60);
    assert_eq!(elsewhere.validate_access(&access, 200).await.unwrap_err().to_string(), "Invalid audience");
    let expired = validator.validate_access(&access, 100 + 86_400 + 60).await.unwrap_err();
    assert_eq!(expired.to_string(), "Token is expired");
}

#[tokio::test]
async fn an_issuer_is_judged_by_its_own_keys_and_rules() {
    let forge = Forge::new(SigningAlg::ES256, Some("ES256-1"));
    let keys = Arc::new(Inline::new(&Forge::jwks(&[&forge])).unwrap());
    let foreign = |issuer: &str| {
        let (issuers, audience) = (Issuer::OneOf(vec![issuer.to_owned()]), AudienceRule::Contains(vec!["api".into()]));
        Source::with_keys(issuer, "acme", keys.clone(), Rules::bearer(issuers, audience, vec![Alg::ES256], 60))
    };
    let validator = Validator::new(own::ISSUER, own::ring(), AudienceRule::Any, 60)
        .with_sources([foreign("https://idp.test"), foreign(own::ISSUER)]);
    let header = r#"{"alg":"ES256","kid":"ES256-1","typ":"at+jwt"}"#;
    let claims = |iss: &str| {
        json!({"iss": iss, "sub": "s", "aud": "api", "exp": 500, "iat": 1, "jti": "j", "client_id": "c", "tenant": "acme",
            "fam": "f", "auth_time": 1})
        .to_string()
    };
    validator.validate(&forge.sign(header, &claims("https://idp.test")), &Scope::default(), 100).await.unwrap();
    let own_name = validator.validate(&forge.sign(header, &claims(own::ISSUER)), &Scope::default(), 100).await;
    assert_eq!(own_name.map(|_| ()).unwrap_err(), Invalid::Signature, "the same kid, another issuer's key");
    for stranger in ["https://evil.test", "https://idp.test/", ""] {
        let error = validator.validate(&forge.sign(header, &claims(stranger)), &Scope::default(), 100).await.unwrap_err();
        assert_eq!(error.to_string(), "Invalid issuer");
    }
}

struct Nobody;

#[async_trait]
impl FetchKeys for Nobody {
    async fn fetch(&self, _purpose: &'static str, url: &Url) -> Result<jwks::Document, String> {
        panic!("{url} is called")
    }
}

/// A source whose keys are given, made as the catalogue makes it.
fn trusted(id: &str, tenant: &str, keys: &[&Forge], change: impl FnOnce(&mut IssuerSettings)) -> Source {
    let mut settings = IssuerSettings {
        issuer: Some("https://idp.test".to_owned()),
        audience: vec!["api".to_owned()],
        jwks: Some(serde_json::from_slice(&Forge::jwks(keys)).unwrap()),
        ..IssuerSettings::default()
    };
    change(&mut settings);
    let (sets, outbound) = (KeySets::new(Arc::new(Nobody), 10, 60), Outbound::new(Allow::default()).unwrap());
    Source::of(id, tenant, &settings, IssuerSecrets::default(), &sets, &outbound).unwrap()
}

fn table(sources: impl IntoIterator<Item = Source>) -> Validator {
    Validator::new(own::ISSUER, own::ring(), AudienceRule::Any, 60).with_sources(sources)
}

const NOW: i64 = 1_800_000_000;

fn claims() -> Value {
    json!({"iss": "https://idp.test", "sub": "s", "aud": "api", "exp": NOW + 300, "iat": NOW - 10})
}

fn but(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn sign(forge: &Forge, claims: &Value) -> String {
    forge.sign(r#"{"alg":"ES256","kid":"k"}"#, &claims.to_string())
}

fn key() -> Forge {
    Forge::new(SigningAlg::ES256, Some("k"))
}

fn of(tenant: &str) -> Scope<'_> {
    Scope { tenant: Some(tenant), ..Scope::default() }
}

#[tokio::test]
async fn several_tenants_that_accept_a_token_are_no_guess() {
    let (shared, other) = (key(), key());
    let validator = table([
        trusted("a1", "acme", &[&shared], |_| {}),
        trusted("a2", "acme", &[&shared], |_| {}),
        trusted("b1", "beta", &[&shared], |s| s.audience = vec!["beta-api".to_owned()]),
        trusted("c1", "gamma", &[&other], |_| {}),
    ]);
    let token = |aud: Value| sign(&shared, &but("aud", aud));
    let everyone = Scope::default();
    let source = |accepted: Result<Accepted, Invalid>| accepted.map(|a| a.source.unwrap()).map_err(|e| e.to_string());
    assert_eq!(source(validator.validate(&token(json!("api")), &everyone, NOW).await).unwrap(), "a1", "the first of its tenant");
    assert_eq!(source(validator.validate(&token(json!("beta-api")), &everyone, NOW).await).unwrap(), "b1");
    let both = token(json!(["api", "beta-api"]));
    assert_eq!(validator.validate(&both, &everyone, NOW).await.unwrap_err(), Invalid::Ambiguous);
    assert_eq!(validator.explain(&both, &everyone, NOW).await.outcome.map(|_| ()).unwrap_err(), Invalid::Ambiguous);
    assert_eq!(source(validator.validate(&both, &of("acme"), NOW).await).unwrap(), "a1");
    assert_eq!(source(validator.validate(&both, &of("beta"), NOW).await).unwrap(), "b1");
    for (tenant, text) in [("gamma", "JWT validation failed"), ("delta", "Invalid issuer")] {
        assert_eq!(source(validator.validate(&both, &of(tenant), NOW).await).unwrap_err(), text, "{tenant}");
    }
    let second = HashSet::from(["a2".to_owned(), "b1".to_owned()]);
    let narrowed = Scope { sources: Some(&second), ..of("acme") };
    assert_eq!(source(validator.validate(&both, &narrowed, NOW).await).unwrap(), "a2");
    let none = Scope { sources: Some(&HashSet::new()), ..Scope::default() };
    assert_eq!(source(validator.validate(&both, &none, NOW).await).unwrap_err(), "Invalid issuer");
    // What looks alike is named, but not to strangers.
    let near = sign(&shared, &but("iss", json!("https://IDP.test/")));
    let detail = async |scope: Scope<'_>| validator.validate(&near, &scope, NOW).await.unwrap_err().detail();
    assert!(detail(of("acme")).await.contains("expected \"https://idp.test\""));
    assert!(!detail(of("delta")).await.contains("https://idp.test"));
    // Of several refusals the one that got furthest is told.
    let expired = sign(&shared, &json!({"iss": "https://idp.test", "sub": "s", "aud": "beta-api", "exp": NOW - 100}));
    assert_eq!(source(validator.validate(&expired, &everyone, NOW).await).unwrap_err(), "Token is expired");
}

#[tokio::test]
async fn an_issuer_that_may_be_anyone_is_asked_only_by_its_tenant() {
    let (named, anyone) = (key(), key());
    let validator = table([
        trusted("any", "acme", &[&anyone], |s| s.issuer = None),
        trusted("named", "acme", &[&named], |_| {}),
        trusted("theirs", "beta", &[&anyone], |s| s.issuer = None),
    ]);
    let spiffe = sign(&anyone, &json!({"sub": "spiffe://acme.example/ns/prod/sa/runner", "aud": ["api"], "exp": NOW + 300}));
    let good = validator.validate(&spiffe, &of("acme"), NOW).await.unwrap();
    assert_eq!((good.source.as_deref(), good.subject.as_str()), (Some("any"), "spiffe://acme.example/ns/prod/sa/runner"));
    assert_eq!(validator.validate(&spiffe, &of("beta"), NOW).await.unwrap().source.as_deref(), Some("theirs"));
    assert_eq!(validator.validate(&spiffe, &Scope::default(), NOW).await.unwrap_err().to_string(), "Invalid issuer");
    let token = sign(&named, &claims());
    assert_eq!(validator.validate(&token, &of("acme"), NOW).await.unwrap().source.as_deref(), Some("named"));
    // Nobody takes a token that names us but our own keys.
    let ours = sign(&anyone, &but("iss", json!(own::ISSUER)));
    assert!(validator.validate(&ours, &of("acme"), NOW).await.is_err());
}

#[tokio::test]
async fn an_issuer_may_go_by_several_names() {
    let forge = key();
    let shape = json!({"jwks": {"keys": [forge.jwk]}, "algorithms": ["ES256"], "audience": "api", "claimValues": {"iss": {"values": ["https://a.test", "https://b.test/"]}}});
    let settings = crate::policy::jwt_validation::convert(&shape).unwrap();
    let validator = table([trusted("s", "acme", &[&forge], |s| *s = settings)]);
    for (iss, good) in [
        ("https://a.test", true),
        ("https://b.test/", true),
        ("https://b.test", false),
        ("https://a.test/", false),
        ("https://A.test", false),
        ("https://a.test or https://b.test/", false),
        ("https://c.test", false),
    ] {
        let token = sign(&forge, &but("iss", json!(iss)));
        // No tenant need be named.
        for scope in [of("acme"), Scope::default()] {
            let judged = validator.validate(&token, &scope, NOW).await.map(|_| ()).map_err(|e| e.to_string());
            assert_eq!(judged, if good { Ok(()) } else { Err("Invalid issuer".to_owned()) }, "{iss}");
        }
    }
}

#[tokio::test]
async fn settings_become_rules() {
    let forge = key();
    let value = |claim: &str, value: Value, match_type| ClaimRule { claim: claim.to_owned(), values: vec![value], match_type };
    let validator = table([trusted("s", "acme", &[&forge], |s| {
        s.required_claims = vec!["email".to_owned(), "realm.roles".to_owned()];
        s.claim_values =
            vec![value("hd", json!("acme.test"), MatchType::Exact), value("email", json!("*@acme.test"), MatchType::Glob)];
        s.unique_id_claim = "ids.0/uid".to_owned();
        s.max_token_age = Some(60);
        s.clock_tolerance = 5;
    })]);
    let full = json!({"iss": "https://idp.test", "aud": ["x", "api"], "exp": NOW + 300, "iat": NOW - 60, "email": "a@acme.test",
        "hd": "acme.test", "realm": {"roles": []}, "ids": {"0/uid": 42}});
    let with = |name: &str, value: Value| {
        let mut claims = full.clone();
        claims[name] = value;
        sign(&forge, &claims)
    };
    let judge = async |token: String| validator.validate(&token, &of("acme"), NOW).await;
    assert_eq!(judge(with("x", json!(1))).await.unwrap().subject, "42", "a number names whom it is about by its digits");
    for (name, value, text, detail) in [
        ("iss", json!("https://idp.test/"), "Invalid issuer", "differs by a trailing slash"),
        ("iss", json!("https://IDP.test"), "Invalid issuer", "differs in letter case"),
        ("aud", json!("API"), "Invalid audience", "expected \"api\""),
        ("exp", json!(NOW - 5), "Token is expired", "allowance is 5 s"),
        ("nbf", json!(NOW + 6), "Token is not yet valid", "6 s ahead"),
        ("iat", json!(NOW - 66), "Token is expired", "at most 60 s"),
        ("iat", json!(null), "Missing required claims: iat", "iat"),
        ("email", json!(null), "Missing required claims: email", "email"),
        ("realm", json!({"roles": null}), "Missing required claims: realm.roles", "realm.roles"),
        ("realm", json!("roles"), "Missing required claims: realm.roles", "realm.roles"),
        ("ids", json!({}), "Missing required claims: ids.0/uid", "uid"),
        ("ids", json!({"0/uid": 4.5}), "JWT validation failed", "is not a string of 1 to 255"),
        ("ids", json!({"0/uid": ""}), "JWT validation failed", "is not a string of 1 to 255"),
        ("ids", json!({"0/uid": ["42"]}), "JWT validation failed", "is not a string of 1 to 255"),
        ("ids", json!({"0/uid": true}), "JWT validation failed", "is not a string of 1 to 255"),
        ("hd", json!("evil.test"), "JWT validation failed", "hd"),
        ("hd", json!(["acme.test"]), "JWT validation failed", "hd"),
        ("email", json!("a@acme.test.evil"), "JWT validation failed", "email"),
        ("email", json!("a@evil@acme.test"), "JWT validation failed", "email"),
        ("email", json!("a@acme.test\n"), "JWT validation failed", "email"),
    ] {
        let error = judge(with(name, value.clone())).await.unwrap_err();
        assert_eq!(error.to_string(), text, "{name} {value}");
        assert!(error.detail().contains(detail), "{name} {value}: {}", error.detail());
    }
    // What the values must be is nobody's business who cannot sign.
    let mut wrong = full.clone();
    wrong["hd"] = json!("evil.test");
    let forged = sign(&key(), &wrong);
    assert_eq!(judge(forged).await.unwrap_err(), Invalid::Signature);
}

#[tokio::test]
async fn explains_by_the_lines_that_judge() {
    let forge = key();
    let rule = ClaimRule { claim: "hd".to_owned(), values: vec![json!("acme.test")], match_type: MatchType::Exact };
    let validator = table([trusted("s", "acme", &[&forge], |s| s.claim_values = vec![rule])]);
    let all = ["source", "size", "algorithm and type", "kid", "signature", "issuer of the key"];
    let all =
        all.into_iter().chain(["issuer", "audience", "required claims", "times", "subject", "claim hd"]).collect::<Vec<_>>();
    let mut several = but("hd", json!("evil"));
    (several["aud"], several["exp"]) = (json!(["them", "others"]), json!(NOW - 61));
    for (name, claims, failed) in [
        ("good", but("hd", json!("acme.test")), &[][..]),
        ("value", but("hd", json!("evil")), &["claim hd"]),
        ("audience", but("aud", json!("them")), &["audience", "claim hd"]),
        ("expired", but("exp", json!(NOW - 61)), &["times", "claim hd"]),
        ("several", several.clone(), &["audience", "times", "claim hd"]),
    ] {
        let token = sign(&forge, &claims);
        let told = validator.explain(&token, &of("acme"), NOW).await;
        let enforced = validator.validate(&token, &of("acme"), NOW).await;
        assert_eq!(told.outcome.as_ref().map(|_| ()), enforced.as_ref().map(|_| ()), "{name}: the first failure refuses");
        let names: Vec<&str> = told.steps.iter().skip(1).map(|step| step.what.as_str()).collect();
        assert_eq!(names, all, "{name}: nothing is left out");
        let wrong: Vec<&str> = told.steps.iter().filter(|step| !step.passed).map(|step| step.what.as_str()).collect();
        assert_eq!(wrong, failed, "{name}: {:?}", told.steps);
        let refused = told.refused.map(|refused| (refused.source, refused.proven, Value::Object(refused.claims)));
        assert_eq!(refused, (!failed.is_empty()).then(|| (Some("s".to_owned()), true, claims)), "{name}");
    }
    // Whoever did not sign proves nothing, and is refused whatever else is right.
    let forged = validator.explain(&sign(&key(), &but("hd", json!("acme.test"))), &of("acme"), NOW).await;
    assert_eq!((forged.outcome.unwrap_err(), forged.refused.map(|r| r.proven)), (Invalid::Signature, Some(false)));
    assert!(forged.steps.iter().any(|step| step.what == "claim hd" && step.passed), "{:?}", forged.steps);
    let unsigned = format!("{}.{}.x", B64.encode(r#"{"alg":"none"}"#), B64.encode(several.to_string()));
    let told = validator.explain(&unsigned, &of("acme"), NOW).await;
    assert_eq!(told.outcome.unwrap_err(), validator.validate(&unsigned, &of("acme"), NOW).await.unwrap_err());
    assert_eq!(told.refused.map(|r| r.proven), Some(false));
    let step = |what: &str| told.steps.iter().find(|step| step.what == what).map(|step| (step.passed, step.detail.as_str()));
    assert_eq!(step("signature"), Some((false, "not judged: the header is refused")));
    assert_eq!(step("issuer"), Some((true, r#""https://idp.test""#)), "quoted once");
    assert_eq!(step("audience"), Some((false, r#"audience is ["them","others"], expected "api""#)));
    for (token, what) in [("garbage".to_owned(), "Malformed"), (sign(&forge, &but("iss", json!("https://evil.test"))), "Issuer")]
    {
        let told = validator.explain(&token, &of("acme"), NOW).await;
        assert_eq!((told.steps.len(), told.steps[0].passed, told.refused), (1, false, None), "{what}");
    }
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let (sets, outbound) = (KeySets::new(Arc::new(Nobody), 10, 60), Outbound::new(Allow::default()).unwrap());
    let made = |settings: IssuerSettings| Source::of("s", "acme", &settings, IssuerSecrets::default(), &sets, &outbound);
    let good = IssuerSettings { issuer: Some("https://idp.test".to_owned()), ..IssuerSettings::default() };
    made(good.clone()).unwrap();
    for (why, settings) in [
        ("jwks_uri is no URL", IssuerSettings { jwks_uri: Some("keys".to_owned()), ..good.clone() }),
        ("no usable signature key", IssuerSettings { jwks: Some(json!({"keys": []})), ..good.clone() }),
        ("needs jwks or jwks_uri", IssuerSettings::default()),
        ("is not verified", IssuerSettings { algorithms: vec!["HS256".to_owned()], ..good.clone() }),
        ("is not verified", IssuerSettings { algorithms: vec!["none".to_owned()], ..good.clone() }),
    ] {
        let error = made(settings).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}
