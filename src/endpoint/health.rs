//! For the machines that run us: alive, ready, measured.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

use crate::{app::App, oauth::client::SigningAlg, store};

/// `GET /healthz`: the process answers.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the database answers and every algorithm has a key that signs.
pub async fn ready(State(app): State<App>) -> Response {
    let now = app.clock.now();
    let missing: Vec<&str> =
        SigningAlg::ALL.into_iter().filter(|alg| !app.ring.can_sign(*alg, now)).map(SigningAlg::as_str).collect();
    if !missing.is_empty() {
        return (StatusCode::SERVICE_UNAVAILABLE, format!("no signing key for {}\n", missing.join(", "))).into_response();
    }
    match store::meta::ping(&app.db).await {
        Ok(()) => "ready\n".into_response(),
        Err(e) => {
            tracing::error!(cause = %e, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response()
        }
    }
}

/// `GET /metrics`: Prometheus text.
pub async fn metrics(State(app): State<App>) -> Response {
    let text = crate::metrics::render() + &app.endings.exposition(app.clock.now());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
