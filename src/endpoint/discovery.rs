//! What clients need to know about us: metadata (OpenID Connect Discovery, RFC 8414) and public keys.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use crate::{
    app::App,
    oauth::{
        client::{GrantType, SigningAlg},
        scope,
    },
    signing::JWKS_MAX_AGE,
};

/// Algorithms of client assertions that `client_auth` takes.
const ASSERTION_ALGS: [&str; 4] = ["RS256", "PS256", "ES256", "EdDSA"];

/// `GET /.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`: one document for both.
pub async fn metadata(State(app): State<App>) -> Response {
    let issuer = app.issuer();
    let at = |path: &str| format!("{issuer}{path}");
    let algs = SigningAlg::ALL.map(SigningAlg::as_str);
    let methods = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];
    let body = json!({
        "issuer": issuer,
        "authorization_endpoint": at("/oauth2/authorize"),
        "token_endpoint": at("/oauth2/token"),
        "userinfo_endpoint": at("/oauth2/userinfo"),
        "jwks_uri": at("/oauth2/jwks"),
        "introspection_endpoint": at("/oauth2/introspect"),
        "revocation_endpoint": at("/oauth2/revoke"),
        "end_session_endpoint": at("/oauth2/logout"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": GrantType::ALL.map(GrantType::as_str),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algs,
        "scopes_supported": scope::STANDARD,
        "claims_supported": ["iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "amr", "tenant",
                             "email", "email_verified", "name", "groups", "teams", "updated_at"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGS,
        "introspection_endpoint_auth_methods_supported": &methods[..3],
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGS,
        "revocation_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGS,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    });
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(body)).into_response()
}

/// `GET /oauth2/jwks`: every published key. May be kept for [`JWKS_MAX_AGE`] seconds: a new key is published longer than
/// that before it signs.
pub async fn jwks(State(app): State<App>, request: HeaderMap) -> Response {
    let published = app.ring.jwks(app.clock.now());
    let headers = [
        (header::CONTENT_TYPE, "application/jwk-set+json".to_owned()),
        (header::CACHE_CONTROL, format!("public, max-age={JWKS_MAX_AGE}")),
        (header::ETAG, published.etag.clone()),
    ];
    let known = request.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == published.etag.as_bytes());
    if known { (StatusCode::NOT_MODIFIED, headers).into_response() } else { (headers, published.json.clone()).into_response() }
}
