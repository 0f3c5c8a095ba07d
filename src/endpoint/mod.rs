//! Machines with a token or a client secret: token, discovery, keys, userinfo, introspection, revocation, health; and
//! what identity providers read of us.
//!
//! `caller` reads the form and lets `client_auth` say who the client is, `bearer` says what an access token is worth; each endpoint is one file.

pub mod access;
pub mod caller;
pub mod client_auth;
pub mod discovery;
pub mod forward;
pub mod health;
pub mod introspection;
pub mod protected_resource;
pub mod revocation;
pub mod saml;
pub mod token;
pub mod userinfo;
pub mod whoami;

use axum::{
    Router,
    http::{HeaderName, Method, header},
    middleware,
    routing::{get, post},
};
use tower_http::cors::{Any, CorsLayer};

use crate::{app::App, oauth::protected_resource::WELL_KNOWN};

/// Everything a client in a browser may call from its own origin. Any origin may: a browser sends no cookies along, and
/// shows the answer to none that it was sent with.
pub fn routes(app: &App) -> Router<App> {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        // MCP clients in browsers send the last one along when they read metadata.
        .allow_headers(["authorization", "content-type", "dpop", "mcp-protocol-version"].map(HeaderName::from_static))
        .expose_headers([header::WWW_AUTHENTICATE]);
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery::metadata))
        .route("/.well-known/oauth-authorization-server", get(discovery::metadata))
        .route("/oauth2/jwks", get(discovery::jwks))
        .route("/.well-known/jwks.json", get(discovery::jwks))
        .route("/oauth2/token", post(token::token))
        .route("/oauth2/userinfo", get(userinfo::userinfo).post(userinfo::userinfo))
        .route("/oauth2/introspect", post(introspection::introspect))
        .route("/oauth2/revoke", post(revocation::revoke))
        .route("/api/v1/whoami", get(whoami::whoami))
        .route("/api/v1/access/check", post(access::check))
        .route(WELL_KNOWN, get(protected_resource::metadata))
        .route(&format!("{WELL_KNOWN}/{{*resource}}"), get(protected_resource::metadata))
        .layer(middleware::map_response_with_state(app.clone(), protected_resource::point_the_way))
        .layer(cors)
        .merge(forward::sign_in::routes())
        .route("/saml/{tenant}/{connection}/metadata", get(saml::metadata))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
}
