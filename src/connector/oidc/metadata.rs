//! Where a provider's endpoints are and which issuer its tokens must name: read from a discovery document or from
//! settings. Pure. A [`Provider`] exists only once the issuer has matched and every address is safe to use.

use openidconnect::{
    AdditionalProviderMetadata, ProviderMetadata,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
        CoreSubjectIdentifierType,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

use super::claims::Kind;
use crate::{
    connector::clean::clean,
    policy::{
        cause::{Cause, Fault},
        connection::{OidcSettings, url_problem},
    },
};

/// Members of the document that are read; whatever else it holds, in whatever shape, is of no concern.
const READ: [&str; 11] = [
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "jwks_uri",
    "response_types_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "token_endpoint_auth_methods_supported",
    "request_parameter_supported",
    "authorization_response_iss_parameter_supported",
];

/// What is known about a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    /// The issuer of its tokens; with `{tenantid}` in it for Entra's shared endpoints.
    pub issuer: String,
    pub authorization_endpoint: Url,
    pub token_endpoint: Url,
    pub userinfo_endpoint: Option<Url>,
    pub jwks_uri: Url,
    /// How clients may authenticate; `None` when it does not say.
    pub auth_methods: Option<Vec<String>>,
    /// Whether it promises `iss` in each authorization response (RFC 9207).
    pub promises_iss: bool,
    /// Whether it takes request objects; `None` when it does not say.
    pub takes_requests: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Rfc9207 {
    authorization_response_iss_parameter_supported: Option<bool>,
}

impl AdditionalProviderMetadata for Rfc9207 {}

type Metadata = ProviderMetadata<
    Rfc9207,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// The issuer that documents and tokens must name: the configured one, byte for byte. Only for Entra's endpoints that
/// many directories share is it a template.
pub(crate) fn expected_issuer(oidc: &OidcSettings, kind: Kind) -> String {
    let shared = ["/common/", "/organizations/"].into_iter().find(|part| kind == Kind::Entra && oidc.issuer.contains(part));
    shared.map_or_else(|| oidc.issuer.clone(), |part| oidc.issuer.replacen(part, "/{tenantid}/", 1))
}

/// Where the discovery document is (OpenID Connect Discovery §4: one slash at the issuer's end is dropped first).
pub(crate) fn discovery_address(oidc: &OidcSettings) -> String {
    format!("{}/.well-known/openid-configuration", oidc.issuer.strip_suffix('/').unwrap_or(&oidc.issuer))
}

/// Reads a discovery document.
///
/// # Errors
/// When its issuer is not the expected one (OpenID Connect Discovery §4.3), or an endpoint is missing or unsafe.
pub(crate) fn read(document: &Map<String, Value>, oidc: &OidcSettings, kind: Kind) -> Result<Provider, Fault> {
    let expected = expected_issuer(oidc, kind);
    match document.get("issuer").and_then(Value::as_str) {
        Some(found) if found == expected => {}
        Some(found) => {
            let differs = difference("the discovery document's issuer", &expected, found);
            return Err(differs
                .told(|how| format!("{how}; if the document is right, set the connection's issuer to exactly what it says")));
        }
        None => return Err(Cause::Issuer.with("the discovery document names no issuer; is the issuer URL right?")),
    }
    let mut known: Map<String, Value> = READ.iter().filter_map(|&m| Some((m.to_owned(), document.get(m)?.clone()))).collect();
    known.retain(|_, value| !value.is_null());
    // Required by the specification, of no use to us, and left out by some.
    for (member, usual) in [
        ("response_types_supported", json!(["code"])),
        ("subject_types_supported", json!(["public"])),
        ("id_token_signing_alg_values_supported", json!(["RS256"])),
    ] {
        known.entry(member).or_insert(usual);
    }
    let metadata: Metadata = serde_json::from_value(Value::Object(known))
        .map_err(|e| Cause::Endpoint.with(format!("the discovery document cannot be read: {}", clean(&e.to_string()))))?;
    let methods = metadata.token_endpoint_auth_methods_supported();
    Ok(Provider {
        authorization_endpoint: endpoint(oidc, "authorization_endpoint", Some(metadata.authorization_endpoint().as_str()))?,
        token_endpoint: endpoint(oidc, "token_endpoint", metadata.token_endpoint().map(|u| u.as_str()))?,
        userinfo_endpoint: match metadata.userinfo_endpoint() {
            Some(url) => Some(endpoint(oidc, "userinfo_endpoint", Some(url.as_str()))?),
            None => None,
        },
        jwks_uri: endpoint(oidc, "jwks_uri", Some(metadata.jwks_uri().as_str()))?,
        auth_methods: methods.map(|list| list.iter().map(spelling).collect()),
        promises_iss: metadata.additional_metadata().authorization_response_iss_parameter_supported == Some(true),
        takes_requests: metadata.request_parameter_supported(),
        issuer: expected,
    })
}

/// Takes the endpoints from the settings.
///
/// # Errors
/// When one is missing or unsafe.
pub(crate) fn manual(oidc: &OidcSettings, kind: Kind) -> Result<Provider, Fault> {
    let userinfo = oidc.userinfo_endpoint.as_deref().filter(|u| !u.is_empty());
    Ok(Provider {
        issuer: expected_issuer(oidc, kind),
        authorization_endpoint: endpoint(oidc, "authorization_endpoint", oidc.authorization_endpoint.as_deref())?,
        token_endpoint: endpoint(oidc, "token_endpoint", oidc.token_endpoint.as_deref())?,
        userinfo_endpoint: userinfo.map(|u| endpoint(oidc, "userinfo_endpoint", Some(u))).transpose()?,
        jwks_uri: endpoint(oidc, "jwks_uri", oidc.jwks_uri.as_deref())?,
        auth_methods: None,
        promises_iss: false,
        takes_requests: None,
    })
}

fn spelling(method: &CoreClientAuthMethod) -> String {
    let text = serde_json::to_value(method).unwrap_or_default();
    text.as_str().unwrap_or_default().to_owned()
}

/// An address of the provider: as safe as the issuer's own, so https unless the issuer itself is a loopback http URL.
fn endpoint(oidc: &OidcSettings, field: &str, text: Option<&str>) -> Result<Url, Fault> {
    let wrong = |what: String| Cause::Endpoint.with(what);
    let Some(text) = text.filter(|t| !t.is_empty()) else { return Err(wrong(format!("the provider has no {field}"))) };
    if let Some(problem) = url_problem(field, text) {
        return Err(wrong(problem));
    }
    if oidc.issuer.starts_with("https:") && !text.starts_with("https:") {
        return Err(wrong(format!("{field} must begin with https:// as the issuer does")));
    }
    Url::parse(text).map_err(|_| wrong(format!("{field} is no URL")))
}

/// Says how two issuers differ; they are never "repaired" (mix-up, RFC 8414 §3.3).
pub(crate) fn difference(what: &str, expected: &str, found: &str) -> Fault {
    let how = if found.strip_suffix('/') == Some(expected) {
        "has a slash at its end that the configured one lacks"
    } else if expected.strip_suffix('/') == Some(found) {
        "lacks the slash at its end that the configured one has"
    } else if found.eq_ignore_ascii_case(expected) {
        "is written with other capitals than the configured one"
    } else if found.strip_prefix("http:").is_some_and(|rest| Some(rest) == expected.strip_prefix("https:")) {
        "begins with http and the configured one with https"
    } else if found.strip_prefix("https:").is_some_and(|rest| Some(rest) == expected.strip_prefix("http:")) {
        "begins with https and the configured one with http"
    } else {
        "is another than the configured one"
    };
    Cause::of_issuers(expected, found).with(format!("{what} {how}: {} instead of {expected}", clean(found)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(issuer: &str) -> OidcSettings {
        OidcSettings { issuer: issuer.into(), client_id: "c".into(), ..OidcSettings::default() }
    }

    fn document(issuer: &str) -> Map<String, Value> {
        json!({
            "issuer": issuer,
            "authorization_endpoint": "https://idp.example/authorize?policy=1",
            "token_endpoint": "https://idp.example/token",
            "userinfo_endpoint": "https://idp.example/me",
            "jwks_uri": "https://idp.example/jwks",
        })
        .as_object()
        .unwrap()
        .clone()
    }

    fn judged(configured: &str, found: &str) -> Result<Provider, Fault> {
        read(&document(found), &settings(configured), Kind::Other)
    }

    #[test]
    fn the_issuer_matches_byte_for_byte_or_the_difference_is_shown() {
        assert!(judged("https://idp.example", "https://idp.example").is_ok());
        assert!(judged("https://idp.example/", "https://idp.example/").is_ok());
        for (configured, found, says) in [
            ("https://idp.example", "https://idp.example/", "has a slash"),
            ("https://idp.example/", "https://idp.example", "lacks the slash"),
            ("https://idp.example", "https://IDP.example", "capitals"),
            ("https://idp.example", "http://idp.example", "begins with http and"),
            ("http://idp.example", "https://idp.example", "begins with https and"),
            ("https://idp.example", "https://evil.example", "is another"),
            ("https://idp.example", "", "is another"),
        ] {
            let error = judged(configured, found).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        assert!(read(&Map::new(), &settings("https://idp.example"), Kind::Other).unwrap_err().contains("names no issuer"));
    }

    #[test]
    fn odd_members_elsewhere_do_no_harm_and_odd_endpoints_do_not_pass() {
        let with = |member: &str, value: Value| {
            let mut document = document("https://idp.example");
            document.insert(member.into(), value);
            read(&document, &settings("https://idp.example"), Kind::Other)
        };
        assert!(with("service_documentation", json!(7)).is_ok());
        assert!(with("ui_locales_supported", json!("??")).is_ok());
        let provider = with("token_endpoint_auth_methods_supported", json!(["client_secret_post", "own_way"])).unwrap();
        assert_eq!(provider.auth_methods, Some(vec!["client_secret_post".into(), "own_way".into()]));
        assert!(with("authorization_response_iss_parameter_supported", json!(true)).unwrap().promises_iss);
        for (member, value) in [
            ("token_endpoint", json!("http://idp.example/token")),
            ("token_endpoint", json!("http://127.0.0.1/token")),
            ("authorization_endpoint", json!("javascript:alert(1)")),
            ("userinfo_endpoint", json!("file:///etc/passwd")),
            ("jwks_uri", json!("https://user@idp.example/jwks")),
            ("jwks_uri", json!(["https://idp.example/jwks"])),
            ("token_endpoint", json!(null)),
        ] {
            assert!(with(member, value.clone()).is_err(), "{member} {value}");
        }
    }

    #[test]
    fn only_entras_shared_endpoints_have_a_template() {
        let template = "https://login.example/{tenantid}/v2.0";
        let common = settings("https://login.example/common/v2.0");
        assert_eq!(read(&document(template), &common, Kind::Entra).unwrap().issuer, template);
        assert!(read(&document(template), &common, Kind::Other).is_err());
        assert!(read(&document("https://login.example/common/v2.0"), &common, Kind::Entra).is_err());
        let pinned = settings("https://login.example/8a7c0f66-0000-4000-8000-000000000001/v2.0");
        assert!(read(&document(template), &pinned, Kind::Entra).is_err());
        assert_eq!(discovery_address(&settings("https://a/b/")), "https://a/b/.well-known/openid-configuration");
    }
}
