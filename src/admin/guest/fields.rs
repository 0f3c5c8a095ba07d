//! What a guest may type of a connection: where the provider is, and who we are there. Nothing that says who may come in, how
//! people are known or linked, what is shown to them, or whether the connection is in use.

use serde_json::Value;

use crate::admin::pages::{fields, form::Field};

const OPEN: [&str; 21] = [
    "oidc.client_id",
    "oidc.client_secret",
    // They alone are told by the provider; it decides nothing.
    "oidc.client_secret_expires_on",
    "oidc.issuer",
    "oidc.discover",
    "oidc.scopes",
    "oidc.authorization_endpoint",
    "oidc.token_endpoint",
    "oidc.userinfo_endpoint",
    "oidc.jwks_uri",
    "oidc.token_endpoint_auth_method",
    "oidc.sign_requests",
    "oidc.hosted_domains",
    "saml.metadata_url",
    "saml.metadata_xml",
    "saml.idp_entity_id",
    "saml.sso_url",
    "saml.certificates",
    "saml.sign_requests",
    "saml.request_binding",
    "saml.name_id_format",
];

/// The fields of this connection's form that a guest has.
#[must_use]
pub fn of(connection: &Value) -> Vec<Field> {
    let all = fields::noun("connections").map(|noun| noun.fields(connection)).unwrap_or_default();
    // Their own Workspace domains a guest knows best; elsewhere the claim hd means nothing.
    let is_google = connection["preset"] == "google";
    let open = |field: &&Field| OPEN.contains(&field.path) && (is_google || field.path != "oidc.hosted_domains");
    all.iter().filter(open).copied().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_guest_types_what_is_the_providers_alone() {
        for protocol in ["oidc", "saml"] {
            let paths: Vec<&str> = of(&json!({"protocol": protocol})).iter().map(|field| field.path).collect();
            assert!(paths.len() > 5 && paths.iter().all(|path| path.starts_with(&format!("{protocol}."))), "{paths:?}");
            for kept in ["saml.allow_sha1", "saml.skew", "saml.want_encrypted", "oidc.allowed_tenants", "oidc.hosted_domains"] {
                assert!(!paths.contains(&kept), "{kept}");
            }
        }
        assert!(of(&json!({"protocol": "oidc"})).iter().any(|field| field.path == "oidc.client_secret_expires_on"));
        let google = of(&json!({"protocol": "oidc", "preset": "google"}));
        let domains = google.iter().find(|field| field.path == "oidc.hosted_domains").unwrap();
        assert!(domains.fold.is_empty(), "without them every Google account comes in");
    }
}
