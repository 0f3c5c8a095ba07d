//! Forward auth: proxies ask here whether a request may pass to the site behind them, and what the site is told.
//!
//! `forwarded` (Traefik, Caddy, HAProxy), `original` (nginx) or `envoy` reads the `question` → `decide`, the one decision:
//! `spoof` (forged identities), `credential` (what proves who it is), `remembered` (decisions kept), `identity` (what the
//! site is told) → `respond`, as the dialect has it. `sign_in` is the browser's way, on the site's own host under
//! `/.gatehouse/`.

pub mod credential;
pub mod decide;
mod envoy;
mod forwarded;
pub mod identity;
mod original;
pub mod question;
pub mod remembered;
pub mod respond;
pub mod sign_in;
pub mod spoof;

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
    routing::any,
};
use serde_json::json;

use self::{
    question::{BadQuestion, Question},
    respond::Dialect,
};
use crate::app::App;

/// What proxies ask, each in its own dialect, and the browser's way to sign in.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/auth/forward", any(forward))
        .route("/auth/request", any(request))
        .route("/auth/envoy", any(envoy))
        .route("/auth/envoy/", any(envoy))
        .route("/auth/envoy/{*path}", any(envoy))
        .merge(sign_in::routes())
}

async fn forward(State(app): State<App>, request: Request) -> Response {
    ask(&app, Dialect::Forward, request.into_parts().0, forwarded::read).await
}

async fn request(State(app): State<App>, request: Request) -> Response {
    ask(&app, Dialect::Request, request.into_parts().0, original::read).await
}

async fn envoy(State(app): State<App>, request: Request) -> Response {
    ask(&app, Dialect::Envoy, request.into_parts().0, envoy::read).await
}

async fn ask(app: &App, dialect: Dialect, parts: Parts, read: fn(Parts) -> Result<Question, BadQuestion>) -> Response {
    let question = match question::trusted(&parts, &app.settings.trusted_proxies).and_then(|()| read(parts)) {
        Ok(question) => question,
        Err(problem) => return bad_question(&problem),
    };
    // These proxies give the browser whatever we answer, so it needs no route of its own.
    if dialect != Dialect::Request && sign_in::is_ours(question.path()) {
        return sign_in::visit(app, &question).await;
    }
    let verdict = decide::decide(app, &question).await;
    respond::respond(dialect, &question, verdict)
}

/// The proxy is not set up as it must be; its operator reads the log.
fn bad_question(problem: &BadQuestion) -> Response {
    tracing::error!(%problem, "forward auth: the question cannot be read, so nobody passes");
    let body = json!({"error": "invalid_request", "error_description": "the proxy did not say what the request was; see gatehouse's log"});
    (StatusCode::BAD_REQUEST, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
