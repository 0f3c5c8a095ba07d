//! Forward auth: proxies ask here whether a request may pass to the site behind them, and what the site is told.

use axum::{Router, http::StatusCode, routing::any};

use crate::app::App;

/// What proxies ask, each in its own dialect.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/auth/forward", any(unfinished))
        .route("/auth/request", any(unfinished))
        .route("/auth/envoy", any(unfinished))
        .route("/auth/envoy/{*path}", any(unfinished))
}

/// Nobody passes.
async fn unfinished() -> StatusCode {
    StatusCode::FORBIDDEN
}
