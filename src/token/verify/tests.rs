//! Every attack stands beside an honest twin that differs in nothing else.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use aws_lc_rs::hmac;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::json;

use super::{super::testing::Forge, *};
use crate::{oauth::client::SigningAlg, token::jwks::Inline};

mod order;

const ISSUER: &str = "https://idp.test";
const NOW: i64 = 1_800_000_000;

fn header() -> Value {
    json!({"alg": "ES256", "kid": "k", "typ": "JWT"})
}

fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "s", "aud": "us", "exp": NOW + 300, "iat": NOW})
}

fn but(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[name] = value;
    object
}

fn without(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    object.as_object_mut().unwrap().remove(name);
    object
}

fn id_rules() -> Rules {
    Rules::id_token(Issuer::OneOf(vec![ISSUER.to_owned()]), "us", vec![Alg::ES256, Alg::RS256], 60)
}

struct Idp {
    forge: Forge,
    keys: Inline,
}

impl Idp {
    fn new() -> Self {
        let forge = Forge::new(SigningAlg::ES256, Some("k"));
        let keys = Inline::new(&Forge::jwks(&[&forge])).unwrap();
        Self { forge, keys }
    }

    async fn judge(&self, header: &Value, claims: &Value, rules: &Rules) -> Result<Claims, Invalid> {
        self.judge_text(&header.to_string(), &claims.to_string(), rules).await
    }

    async fn judge_text(&self, header: &str, claims: &str, rules: &Rules) -> Result<Claims, Invalid> {
        verify(&self.forge.sign(header, claims), &self.keys, rules, NOW).await
    }
}

#[tokio::test]
async fn the_honest_token_passes_in_all_its_spellings() {
    let idp = Idp::new();
    let good = idp.judge(&header(), &claims(), &id_rules()).await.unwrap();
    assert_eq!((good.text("sub"), good.number("exp"), good.alg()), (Some("s"), Some(NOW + 300), Some(Alg::ES256)));
    for header in [
        without(&header(), "typ"),
        without(&header(), "kid"),
        but(&header(), "typ", json!("application/JWT")),
        but(&header(), "b64", json!(true)),
        but(&header(), "x5t", json!("ignored")),
    ] {
        idp.judge(&header, &claims(), &id_rules()).await.unwrap();
    }
    for claims in [
        but(&claims(), "aud", json!(["us"])),
        but(&claims(), "azp", json!("us")),
        but(&but(&claims(), "aud", json!(["us", "other"])), "azp", json!("us")),
        but(&claims(), "nbf", json!(NOW + 60)),
        but(&claims(), "iat", json!(NOW + 60)),
        but(&claims(), "exp", json!(NOW - 59)),
        but(&claims(), "sub", json!("ü".repeat(255))),
        but(&claims(), "address", json!({"country": "NL", "nested": {"country": "NL"}})),
    ] {
        idp.judge(&header(), &claims, &id_rules()).await.unwrap();
    }
}

#[tokio::test]
async fn no_algorithm_but_the_listed_ones() {
    let idp = Idp::new();
    for alg in
        ["none", "None", "nOnE", "NONE", "", "HS256", "HS384", "HS512", "ES384", "ES512", "es256", "EdDSA", "RSA-OAEP", "PS256"]
    {
        let error = idp.judge(&but(&header(), "alg", json!(alg)), &claims(), &id_rules()).await.unwrap_err();
        assert!(matches!(error, Invalid::Algorithm { .. }), "{alg}: {error:?}");
    }
    idp.judge(&without(&header(), "alg"), &claims(), &id_rules()).await.unwrap_err();
    for alg in [json!(null), json!(["ES256"]), json!(1)] {
        idp.judge(&but(&header(), "alg", alg), &claims(), &id_rules()).await.unwrap_err();
    }
    // RS256 is allowed here, but this issuer's key cannot.
    let error = idp.judge(&but(&header(), "alg", json!("RS256")), &claims(), &id_rules()).await.unwrap_err();
    assert!(matches!(error, Invalid::UnknownKey(_)), "{error:?}");
    // Without a signature at all.
    for (header, end) in [(r#"{"alg":"none"}"#, ""), (r#"{"alg":"ES256","kid":"k"}"#, ""), (r#"{"alg":"none"}"#, "AA")] {
        let token = format!("{}.{}.{end}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims().to_string()));
        verify(&token, &idp.keys, &id_rules(), NOW).await.unwrap_err();
    }
}

#[tokio::test]
async fn public_key_bytes_are_no_hmac_secret() {
    let rsa = Forge::new(SigningAlg::RS256, Some("k"));
    let keys = Inline::new(&Forge::jwks(&[&rsa])).unwrap();
    let modulus = URL_SAFE_NO_PAD.decode(rsa.jwk["n"].as_str().unwrap()).unwrap();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(&modulus));
    for secret in [modulus.clone(), pem.into_bytes(), rsa.jwk.to_string().into_bytes(), Vec::new()] {
        for alg in ["HS256", "RS256"] {
            let header = json!({"alg": alg, "kid": "k"}).to_string();
            let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims().to_string()));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
            let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
            verify(&token, &keys, &id_rules(), NOW).await.unwrap_err();
        }
    }
    let header = r#"{"alg":"RS256","kid":"k"}"#;
    verify(&rsa.sign(header, &claims().to_string()), &keys, &id_rules(), NOW).await.unwrap();
}

#[tokio::test]
async fn keys_in_the_header_and_extensions_are_no_good() {
    let idp = Idp::new();
    let evil = Forge::new(SigningAlg::ES256, Some("k"));
    for (name, value) in [
        ("jwk", evil.jwk.clone()),
        ("jku", json!("https://evil.test/jwks")),
        ("x5u", json!("https://evil.test/cert")),
        ("x5c", json!(["AAAA"])),
    ] {
        let header = but(&header(), name, value);
        let token = evil.sign(&header.to_string(), &claims().to_string());
        assert_eq!(verify(&token, &idp.keys, &id_rules(), NOW).await.unwrap_err(), Invalid::Signature, "{name}");
        idp.judge(&header, &claims(), &id_rules()).await.unwrap();
    }
    for (name, value) in [
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("crit", json!(null)),
        ("b64", json!(false)),
        ("b64", json!("true")),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
    ] {
        let error = idp.judge(&but(&header(), name, value), &claims(), &id_rules()).await.unwrap_err();
        assert!(matches!(error, Invalid::Malformed(_)), "{name}");
    }
}

#[tokio::test]
async fn kid_is_compared_and_nothing_else() {
    let idp = Idp::new();
    for kid in ["../../dev/null", "' OR 1=1--", "K", "k ", "k\0", "", "https://evil.test/jwks"] {
        let error = idp.judge(&but(&header(), "kid", json!(kid)), &claims(), &id_rules()).await.unwrap_err();
        assert!(matches!(error, Invalid::UnknownKey(_)), "{kid}: {error:?}");
    }
    for kid in [json!({"a": 1}), json!(7), json!(null), json!(["k"]), json!("k".repeat(257))] {
        let error = idp.judge(&but(&header(), "kid", kid), &claims(), &id_rules()).await.unwrap_err();
        assert!(matches!(error, Invalid::Malformed(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_token_without_kid_is_tried_as_the_rules_say() {
    let (first, second) = (Forge::new(SigningAlg::ES256, Some("1")), Forge::new(SigningAlg::ES256, Some("2")));
    let keys = Inline::new(&Forge::jwks(&[&first, &second, &Forge::new(SigningAlg::RS256, Some("3"))])).unwrap();
    let token = second.sign(r#"{"alg":"ES256"}"#, &claims().to_string());
    verify(&token, &keys, &id_rules(), NOW).await.unwrap();
    let strict = Rules { try_each_key: false, ..id_rules() };
    assert!(matches!(verify(&token, &keys, &strict, NOW).await, Err(Invalid::UnknownKey(_))));
    let sole = Inline::new(&Forge::jwks(&[&second, &Forge::new(SigningAlg::RS256, Some("3"))])).unwrap();
    verify(&token, &sole, &strict, NOW).await.unwrap();
}

#[tokio::test]
async fn types_are_not_confused() {
    let idp = Idp::new();
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "refresh+jwt", "logout+jwt", "client-authentication+jwt", "dpop+jwt"] {
        let error = idp.judge(&but(&header(), "typ", json!(typ)), &claims(), &id_rules()).await.unwrap_err();
        assert!(matches!(error, Invalid::Type { .. }), "{typ}");
    }
    idp.judge(&but(&header(), "typ", json!(1)), &claims(), &id_rules()).await.unwrap_err();
    let bearer = Rules::bearer(
        Issuer::OneOf(vec![ISSUER.to_owned()]),
        AudienceRule::Contains(vec!["us".to_owned()]),
        vec![Alg::ES256],
        60,
    );
    idp.judge(&but(&header(), "typ", json!("at+jwt")), &claims(), &bearer).await.unwrap();
    idp.judge(&but(&header(), "typ", json!("logout+jwt")), &claims(), &bearer).await.unwrap_err();
}

#[tokio::test]
async fn claims_of_wrong_shape_are_refused_and_never_count_as_absent() {
    let idp = Idp::new();
    let odd = [
        json!("1900000000"),
        json!(null),
        json!(true),
        json!([NOW + 300]),
        json!({}),
        json!(1e30),
        json!(-1),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(-0.5),
        json!(9.1e15),
    ];
    for name in ["exp", "nbf", "iat"] {
        for value in &odd {
            let error = idp.judge(&header(), &but(&claims(), name, value.clone()), &id_rules()).await.unwrap_err();
            assert!(matches!(error, Invalid::Claim { .. } | Invalid::Missing(_)), "{name} {value}: {error:?}");
        }
    }
    idp.judge_text(&header().to_string(), &claims().to_string().replace("1800000300", "NaN"), &id_rules()).await.unwrap_err();
    for sub in [json!(""), json!(5), json!(["s"]), json!("x".repeat(256)), json!({"a": 1})] {
        let error = idp.judge(&header(), &but(&claims(), "sub", sub), &id_rules()).await.unwrap_err();
        assert!(matches!(error, Invalid::Claim { .. }), "{error:?}");
    }
    for aud in
        [json!(null), json!("US"), json!("us "), json!([]), json!(["other"]), json!(["us", 5]), json!({"us": 1}), json!([["us"]])]
    {
        let error = idp.judge(&header(), &but(&claims(), "aud", aud.clone()), &id_rules()).await.unwrap_err();
        assert_eq!(error.to_string(), "Invalid audience", "{aud}");
    }
}

#[tokio::test]
async fn times_may_have_fractions_of_which_nothing_comes() {
    let idp = Idp::new();
    let judge = async |name: &str, at: f64| idp.judge(&header(), &but(&claims(), name, json!(at)), &id_rules()).await;
    let (now, leeway) = (NOW as f64, id_rules().leeway as f64);
    let good = judge("exp", now + 300.9).await.unwrap();
    assert_eq!(good.number("exp"), Some(NOW + 300), "the same for all who read it");
    judge("iat", now - 0.5).await.unwrap();
    judge("nbf", now + leeway + 0.5).await.unwrap();
    for (name, at) in [("exp", now - leeway + 0.9), ("nbf", now + leeway + 1.5), ("iat", now + leeway + 1.0)] {
        let error = judge(name, at).await.unwrap_err();
        assert!(matches!(error, Invalid::Expired { .. } | Invalid::NotYet { .. }), "{name}: {error:?}");
    }
}

#[tokio::test]
async fn names_what_is_wrong() {
    let idp = Idp::new();
    let mut rules = id_rules();
    rules.required.extend(["email".to_owned(), "groups".to_owned()]);
    let full = but(&but(&claims(), "email", json!("a@b")), "groups", json!([]));
    idp.judge(&header(), &full, &rules).await.unwrap();
    for (claims, text, detail) in [
        (but(&full, "iss", json!("https://idp.test/")), "Invalid issuer", "(differs by a trailing slash)"),
        (but(&full, "iss", json!("https://IDP.test")), "Invalid issuer", "(differs in letter case)"),
        (but(&full, "iss", json!(["https://idp.test"])), "Invalid issuer", "has no issuer"),
        (but(&full, "aud", json!("them")), "Invalid audience", "expected \"us\""),
        (without(&full, "aud"), "Invalid audience", "missing"),
        (but(&full, "aud", json!(["us", "them"])), "Invalid audience", "them"),
        (but(&full, "azp", json!("them")), "JWT validation failed", "azp is"),
        (without(&without(&full, "groups"), "email"), "Missing required claims: email, groups", "no email, groups"),
        (without(&full, "exp"), "Missing required claims: exp", "no exp"),
        (without(&full, "iat"), "Missing required claims: iat", "no iat"),
        (but(&full, "sub", json!(null)), "Missing required claims: sub", "no sub"),
        (but(&full, "exp", json!(NOW - 94)), "Token is expired", "token expired 94 s ago; clock skew allowance is 60 s"),
        (but(&full, "exp", json!(NOW - 60)), "Token is expired", "60 s ago"),
        (but(&full, "nbf", json!(NOW + 61)), "Token is not yet valid", "nbf is 61 s ahead"),
        (but(&full, "iat", json!(NOW + 61)), "Token is not yet valid", "iat is 61 s ahead"),
    ] {
        let error = idp.judge(&header(), &claims, &rules).await.unwrap_err();
        assert_eq!(error.to_string(), text);
        assert!(error.detail().contains(detail), "{}", error.detail());
    }
    let young = Rules { max_age: Some(100), ..rules.clone() };
    idp.judge(&header(), &but(&full, "iat", json!(NOW - 160)), &young).await.unwrap();
    let old = idp.judge(&header(), &but(&full, "iat", json!(NOW - 161)), &young).await.unwrap_err();
    assert_eq!(old.to_string(), "Token is expired");
}

#[tokio::test]
async fn a_member_name_stands_once() {
    let idp = Idp::new();
    let (header, claims) = (header().to_string(), claims().to_string());
    for (header, claims) in [
        (header.clone(), claims.replacen('{', r#"{"sub":"admin","#, 1)),
        (header.clone(), claims.replacen('{', r#"{"\u0073ub":"admin","#, 1)),
        (header.clone(), claims.replacen('{', r#"{"x":{"a":1,"a":2},"#, 1)),
        (header.replacen('{', r#"{"alg":"ES256","#, 1), claims.clone()),
    ] {
        let error = idp.judge_text(&header, &claims, &id_rules()).await.unwrap_err();
        assert!(error.detail().contains("twice"), "{}", error.detail());
    }
    idp.judge_text(&header, &claims.replacen('{', r#"{"Sub":"admin","#, 1), &id_rules()).await.unwrap();
}

#[tokio::test]
async fn garbage_costs_nothing() {
    let idp = Idp::new();
    let good = idp.forge.sign(&header().to_string(), &claims().to_string());
    verify(&good, &idp.keys, &id_rules(), NOW).await.unwrap();
    let segments: Vec<&str> = good.split('.').collect();
    let large = but(&claims(), "x", json!("x".repeat(20_000))).to_string();
    let keys = Counting(idp.keys.clone(), AtomicUsize::new(0));
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        ".".repeat(1_000_000),
        "a.".repeat(10_000),
        format!("{good}.x"),
        format!("{good}.."),
        format!("x.{good}"),
        format!("{good}="),
        format!(" {good}"),
        format!("{good}\n"),
        good[..good.len() - 1].to_owned(),
        format!("{good}A"),
        segments[..2].join("."),
        format!("{}.{}", segments[..2].join("."), "A".repeat(86)),
        format!("{}.{}.{}", segments[0], segments[1].to_uppercase(), segments[2]),
        format!("{}..{}", segments[0], segments[2]),
        format!("{}.{}.{}", URL_SAFE_NO_PAD.encode("[1]"), segments[1], segments[2]),
        format!("{}.{}.{}", URL_SAFE_NO_PAD.encode("[".repeat(9_000)), segments[1], segments[2]),
        "a.b.c.d.e".to_owned(),
        idp.forge.sign(&header().to_string(), &large),
        "\u{e9}.\u{e9}.\u{e9}".to_owned(),
    ] {
        verify(&bad, &keys, &id_rules(), NOW).await.unwrap_err();
    }
    assert_eq!(keys.1.load(Ordering::SeqCst), 5, "for those that are wrong in nothing but the signature");
    let roomy = Rules { limit: 64 * 1024, ..id_rules() };
    verify(&idp.forge.sign(&header().to_string(), &large), &idp.keys, &roomy, NOW).await.unwrap();
}

#[tokio::test]
async fn every_single_changed_character_is_noticed() {
    let idp = Idp::new();
    let good = idp.forge.sign(&header().to_string(), &claims().to_string());
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        verify(&changed, &idp.keys, &id_rules(), NOW).await.unwrap_err();
    }
}

/// Counts how often keys are asked for.
struct Counting(Inline, AtomicUsize);

#[async_trait]
impl KeySource for Counting {
    async fn find(&self, wanted: &Wanted<'_>, now: i64) -> Result<Vec<Arc<PublicKey>>, String> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.find(wanted, now).await
    }
}

#[tokio::test]
async fn what_has_expired_or_is_wrongly_made_asks_for_no_keys() {
    let idp = Idp::new();
    let keys = Counting(idp.keys.clone(), AtomicUsize::new(0));
    for (header, claims) in [
        (header(), but(&claims(), "exp", json!(1))),
        (but(&header(), "alg", json!("none")), claims()),
        (but(&header(), "typ", json!("at+jwt")), claims()),
        (but(&header(), "kid", json!(7)), claims()),
    ] {
        let token = idp.forge.sign(&header.to_string(), &claims.to_string());
        verify(&token, &keys, &id_rules(), NOW).await.unwrap_err();
    }
    assert_eq!(keys.1.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn entra_templates_bind_issuer_tenant_and_key() {
    const TID: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
    const OTHER: &str = "00000000-0000-4000-8000-000000000000";
    let issuer = |tid: &str| format!("https://login.microsoftonline.com/{tid}/v2.0");
    let rules = Rules { issuer: Issuer::OneOf(vec![issuer(TID)]), key_issuer: true, ..id_rules() };
    let mut idp = Idp::new();
    let label = |idp: &mut Idp, label: &str| {
        idp.forge.jwk["issuer"] = json!(label);
        idp.keys = Inline::new(&Forge::jwks(&[&idp.forge])).unwrap();
    };
    let claims = |iss: &str, tid: &str| but(&but(&claims(), "iss", json!(iss)), "tid", json!(tid));
    label(&mut idp, "https://login.microsoftonline.com/{tenantid}/v2.0");
    idp.judge(&header(), &claims(&issuer(TID), TID), &rules).await.unwrap();
    for (iss, tid) in [
        (issuer(OTHER), OTHER),
        (issuer(OTHER), TID),
        (issuer(TID), OTHER),
        (issuer("{tenantid}"), "{tenantid}"),
        (issuer("{tenantid}"), TID),
        (format!("{}/", issuer(TID)), TID),
    ] {
        let error = idp.judge(&header(), &claims(&iss, tid), &rules).await.unwrap_err();
        assert_eq!(error.to_string(), "Invalid issuer", "{iss} {tid}");
    }
    label(&mut idp, &issuer(OTHER));
    let error = idp.judge(&header(), &claims(&issuer(TID), TID), &rules).await.unwrap_err();
    assert_eq!(error.to_string(), "Invalid issuer", "a key of another tenant");
}

#[tokio::test]
async fn a_client_assertion_is_short_lived_and_used_once() {
    let idp = Idp::new();
    let rules = Rules::client_assertion(ISSUER, vec!["us".to_owned()], vec![Alg::ES256], 60);
    let good = but(&claims(), "jti", json!("1"));
    idp.judge(&header(), &good, &rules).await.unwrap();
    idp.judge(&but(&header(), "typ", json!("client-authentication+jwt")), &good, &rules).await.unwrap();
    idp.judge(&header(), &claims(), &rules).await.unwrap_err();
    idp.judge(&header(), &but(&good, "aud", json!(["us", "them"])), &rules).await.unwrap_err();
    let far = idp.judge(&header(), &but(&good, "exp", json!(NOW + 86_400)), &rules).await.unwrap_err();
    assert!(far.detail().contains("at most 3600 s"), "{}", far.detail());
}
