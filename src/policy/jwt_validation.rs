//! The reference shape of a validation, `jwt_validation`, as a trusted issuer. Every key has its place here and an unknown
//! one is an error: a rule that is silently dropped would let in what it was to keep out.

use serde_json::{Map, Value};

use super::{
    claim_rules::{ClaimRule, MatchType, rule},
    trusted_issuer::{Introspection, IntrospectionAuth, IntrospectionContent, IssuerSettings},
};
use crate::moment::seconds;

/// Seconds that clocks may be apart when `clockTolerance` is left out.
const CLOCK_TOLERANCE: i64 = 5;
/// The algorithm that tokens must have when `algorithms` is left out.
const ALGORITHM: &str = "RS256";

/// Converts without loss. `issuer` and `audience` stand beside the other keys, or among `claimValues` as `iss` and `aud`;
/// without either nobody is named, which is for the caller to refuse.
///
/// # Errors
/// In words, beginning with the key.
pub fn convert(value: &Value) -> Result<IssuerSettings, String> {
    let Value::Object(keys) = value else { return Err("jwt_validation must be a mapping".to_owned()) };
    let algorithms = vec![ALGORITHM.to_owned()];
    let mut settings = IssuerSettings { clock_tolerance: CLOCK_TOLERANCE, algorithms, ..IssuerSettings::default() };
    for (key, value) in keys.iter().filter(|(_, value)| !value.is_null()) {
        match key.as_str() {
            "jwksUri" => settings.jwks_uri = Some(text(key, value)?),
            "jwks" => settings.jwks = Some(mapping(key, value).map(|_| value.clone())?),
            "introspectEndpoint" => asked(&mut settings).endpoint = text(key, value)?,
            "introspectCacheMaxAge" => asked(&mut settings).cache_max_age = span(key, value)?,
            "introspectContentType" => asked(&mut settings).content = content(key, value)?,
            "algorithms" => settings.algorithms = texts(key, value)?,
            "requiredClaims" => settings.required_claims = texts(key, value)?,
            "claimValues" => settings.claim_values = claim_values(key, value)?,
            "headerKey" => settings.header_key = Some(text(key, value)?).filter(|h| !h.eq_ignore_ascii_case("authorization")),
            "clockTolerance" => settings.clock_tolerance = span(key, value)?,
            "cacheMaxAge" => settings.cache_max_age = span(key, value)?,
            "maxTokenAge" => settings.max_token_age = Some(span(key, value)?),
            "issuer" => settings.name_issuers(texts(key, value)?),
            "audience" => settings.audience = texts(key, value)?,
            _ => return Err(format!("{key} is no key of jwt_validation that gatehouse knows; remove it")),
        }
    }
    if settings.introspection.as_ref().is_some_and(|i| i.endpoint.is_empty()) {
        return Err("introspectEndpoint is missing: introspectCacheMaxAge and introspectContentType belong to it".to_owned());
    }
    pin(&mut settings);
    Ok(settings)
}

/// Rules that name the issuer or the audience say the same as the settings for those, which answer in the promised words.
fn pin(settings: &mut IssuerSettings) {
    if settings.issuer.is_none()
        && let Some(at) = settings.claim_values.iter().position(names_issuers)
    {
        let rule = settings.claim_values.remove(at);
        settings.name_issuers(rule.values.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    }
    if settings.audience.is_empty()
        && let Some(at) = settings.claim_values.iter().position(names_audience)
    {
        let rule = settings.claim_values.remove(at);
        settings.audience = rule.values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    }
}

/// `iss` is one of the listed values, byte for byte.
fn names_issuers(rule: &ClaimRule) -> bool {
    rule.claim == "iss"
        && rule.match_type == MatchType::Exact
        && !rule.values.is_empty()
        && rule.values.iter().all(Value::is_string)
}

/// `aud` holds any of the listed values, whether it came as a text or as a list.
fn names_audience(rule: &ClaimRule) -> bool {
    let any = matches!(rule.match_type, MatchType::Exact | MatchType::Contains);
    rule.claim == "aud" && any && !rule.values.is_empty() && rule.values.iter().all(Value::is_string)
}

/// The reference shape has no credentials for the endpoint; they stand beside it. It asks in JSON unless it says otherwise.
fn asked(settings: &mut IssuerSettings) -> &mut Introspection {
    let json = IntrospectionContent::Json;
    let anonymous = || Introspection { auth: IntrospectionAuth::None, content: json, ..Introspection::default() };
    settings.introspection.get_or_insert_with(anonymous)
}

fn claim_values(key: &str, value: &Value) -> Result<Vec<ClaimRule>, String> {
    let rules = mapping(key, value)?.iter().map(|(claim, written)| match written {
        Value::Object(written) => rule(claim, written, "matchType").map_err(|why| format!("{key}: {why}")),
        _ => Err(format!("{key}: the rule for claim {claim:?} must be a mapping with values and matchType")),
    });
    rules.collect()
}

fn content(key: &str, value: &Value) -> Result<IntrospectionContent, String> {
    match text(key, value)?.as_str() {
        "application/json" => Ok(IntrospectionContent::Json),
        "application/x-www-form-urlencoded" => Ok(IntrospectionContent::Form),
        _ => Err(format!("{key} must be application/json or application/x-www-form-urlencoded")),
    }
}

fn text(key: &str, value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("{key} must be text"))
}

/// One text or a list of them.
fn texts(key: &str, value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::Array(items) => items.iter().map(|item| text(key, item)).collect(),
        one => Ok(vec![text(key, one)?]),
    }
}

/// Seconds, or a number with s, m, h or d.
fn span(key: &str, value: &Value) -> Result<i64, String> {
    let found = value.as_i64().or_else(|| value.as_str().and_then(seconds));
    found.filter(|s| *s >= 0).ok_or_else(|| format!("{key} must be seconds, or a number with s, m, h or d, like \"30m\""))
}

fn mapping<'a>(key: &str, value: &'a Value) -> Result<&'a Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("{key} must be a mapping"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_key_has_its_place() {
        let algorithms = || vec!["RS256".to_owned()];
        let base = || IssuerSettings { clock_tolerance: 5, algorithms: algorithms(), ..IssuerSettings::default() };
        let asked = |change: fn(&mut Introspection)| {
            let mut asked =
                Introspection { endpoint: "https://i/".into(), auth: IntrospectionAuth::None, ..Introspection::default() };
            asked.content = IntrospectionContent::Json;
            change(&mut asked);
            IssuerSettings { introspection: Some(asked), ..base() }
        };
        let some = |text: &str| Some(text.to_owned());
        let rule = |claim: &str, values: Vec<Value>, match_type| ClaimRule { claim: claim.into(), values, match_type };
        let ruled = |rules: Vec<ClaimRule>| IssuerSettings { claim_values: rules, ..base() };
        let one = |claim: &str, values: Value, kind: &str| json!({"claimValues": {claim: {"values": values, "matchType": kind}}});
        for (shape, settings) in [
            (json!({}), base()),
            (json!({"jwksUri": "https://k/"}), IssuerSettings { jwks_uri: some("https://k/"), ..base() }),
            (json!({"jwks": {"keys": []}}), IssuerSettings { jwks: Some(json!({"keys": []})), ..base() }),
            (json!({"introspectEndpoint": "https://i/"}), asked(|_| {})),
            (json!({"introspectEndpoint": "https://i/", "introspectCacheMaxAge": 300}), asked(|i| i.cache_max_age = 300)),
            (
                json!({"introspectEndpoint": "https://i/", "introspectContentType": "application/json"}),
                asked(|i| i.content = IntrospectionContent::Json),
            ),
            (
                json!({"introspectEndpoint": "https://i/", "introspectContentType": "application/x-www-form-urlencoded"}),
                asked(|i| i.content = IntrospectionContent::Form),
            ),
            (
                json!({"algorithms": ["ES256", "RS256"]}),
                IssuerSettings { algorithms: vec!["ES256".into(), "RS256".into()], ..base() },
            ),
            (
                json!({"requiredClaims": ["sub", "email", "groups"]}),
                IssuerSettings { required_claims: ["sub", "email", "groups"].map(str::to_owned).into(), ..base() },
            ),
            (one("hd", json!("acme.example"), "exact"), ruled(vec![rule("hd", vec![json!("acme.example")], MatchType::Exact)])),
            (
                one("groups", json!(["a", "b"]), "contains"),
                ruled(vec![rule("groups", vec![json!("a"), json!("b")], MatchType::Contains)]),
            ),
            (one("scp", json!(["a"]), "containsAll"), ruled(vec![rule("scp", vec![json!("a")], MatchType::ContainsAll)])),
            (one("sub", json!("a.*"), "regex"), ruled(vec![rule("sub", vec![json!("a.*")], MatchType::Regex)])),
            (one("email", json!("*@a"), "glob"), ruled(vec![rule("email", vec![json!("*@a")], MatchType::Glob)])),
            (json!({"claimValues": {"n": {"values": 5}}}), ruled(vec![rule("n", vec![json!(5)], MatchType::Exact)])),
            (json!({"headerKey": "X-Token"}), IssuerSettings { header_key: some("X-Token"), ..base() }),
            (json!({"headerKey": "Authorization"}), base()),
            (json!({"clockTolerance": 7}), IssuerSettings { clock_tolerance: 7, ..base() }),
            (json!({"cacheMaxAge": 60}), IssuerSettings { cache_max_age: 60, ..base() }),
            (json!({"maxTokenAge": "30m"}), IssuerSettings { max_token_age: Some(1800), ..base() }),
            (json!({"maxTokenAge": 90}), IssuerSettings { max_token_age: Some(90), ..base() }),
            (json!({"issuer": "https://x/"}), IssuerSettings { issuer: some("https://x/"), ..base() }),
            (json!({"audience": "a"}), IssuerSettings { audience: vec!["a".into()], ..base() }),
            (json!({"audience": ["a", "b"]}), IssuerSettings { audience: vec!["a".into(), "b".into()], ..base() }),
            (one("iss", json!("https://x/"), "exact"), IssuerSettings { issuer: some("https://x/"), ..base() }),
            (one("aud", json!(["a", "b"]), "contains"), IssuerSettings { audience: vec!["a".into(), "b".into()], ..base() }),
            (one("aud", json!("a"), "exact"), IssuerSettings { audience: vec!["a".into()], ..base() }),
            (
                one("iss", json!(["x", "y"]), "exact"),
                IssuerSettings { issuer: some("x"), other_issuers: vec!["y".into()], ..base() },
            ),
            (
                json!({"issuer": ["x", "y", "z"]}),
                IssuerSettings { issuer: some("x"), other_issuers: vec!["y".into(), "z".into()], ..base() },
            ),
            // What the settings cannot say stays a rule.
            (one("iss", json!(["x", 5]), "exact"), ruled(vec![rule("iss", vec![json!("x"), json!(5)], MatchType::Exact)])),
            (one("iss", json!(["x*"]), "glob"), ruled(vec![rule("iss", vec![json!("x*")], MatchType::Glob)])),
            (one("aud", json!(["x"]), "containsAll"), ruled(vec![rule("aud", vec![json!("x")], MatchType::ContainsAll)])),
            (json!({"jwksUri": null}), base()),
        ] {
            assert_eq!(convert(&shape), Ok(settings), "{shape}");
        }
    }

    #[test]
    fn a_pin_beside_the_rules_leaves_them_alone() {
        let shape = json!({"issuer": "a", "audience": "b", "claimValues": {"iss": {"values": "c"}, "aud": {"values": "d"}}});
        let settings = convert(&shape).unwrap();
        assert_eq!((settings.issuer.as_deref(), settings.audience.len(), settings.claim_values.len()), (Some("a"), 1, 2));
    }

    #[test]
    fn what_cannot_be_kept_is_an_error() {
        for (shape, begins) in [
            (json!([]), "jwt_validation must"),
            (json!({"jwksURI": "x"}), "jwksURI is no key"),
            (json!({"headerPayloadMatch": ["kid"]}), "headerPayloadMatch is no key"),
            (json!({"jwksUri": 5}), "jwksUri must be text"),
            (json!({"jwks": "x"}), "jwks must be a mapping"),
            (json!({"algorithms": [5]}), "algorithms must be text"),
            (json!({"claimValues": {"hd": "x"}}), "claimValues: the rule for claim \"hd\" must be a mapping"),
            (
                json!({"claimValues": {"hd": {"values": "x", "match_type": "exact"}}}),
                "claimValues: the rule for claim \"hd\" has no key",
            ),
            (json!({"claimValues": {"hd": {"values": "x", "matchType": "alike"}}}), "claimValues: matchType of the rule"),
            (json!({"maxTokenAge": "soon"}), "maxTokenAge must be seconds"),
            (json!({"clockTolerance": -1}), "clockTolerance must be seconds"),
            (json!({"introspectCacheMaxAge": 300}), "introspectEndpoint is missing"),
            (json!({"introspectEndpoint": "https://i/", "introspectContentType": "text/plain"}), "introspectContentType must be"),
        ] {
            let why = convert(&shape).unwrap_err();
            assert!(why.starts_with(begins), "{shape}: {why}");
        }
    }
}
