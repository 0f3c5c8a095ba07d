//! Forward auth: proxies ask here whether a request may pass to the site behind them, and what the site is told.
//!
//! `forwarded` (Traefik, Caddy, HAProxy), `original` (nginx) or `envoy` reads the `question` → `decide`, the one decision:
//! `spoof` (forged identities), `credential` (what proves who it is), `remembered` (decisions kept), `site_session` (a browser's,
//! beside `ended`, those that are over), `rules` (the site's own),
//! `identity` (what the site is told) and `cookies` (what it is not given) → `respond`, as the dialect has it. `sign_in` is the browser's way, on the site's own
//! host under `/.gatehouse/`. `explain` asks the same for an operator, with a `witness` on the way.

mod cookies;
pub mod credential;
pub mod decide;
pub mod ended;
mod envoy;
pub mod explain;
mod forwarded;
pub mod identity;
mod original;
pub mod question;
pub mod remembered;
pub mod respond;
mod rules;
pub mod sign_in;
mod site_session;
pub mod spoof;
pub mod witness;

use std::{net::IpAddr, panic::AssertUnwindSafe, pin::pin};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
    routing::any,
};
use futures_util::{FutureExt as _, future::poll_immediate};
use serde_json::json;
use tokio::time::timeout;
use tracing::{Instrument as _, Level, Span};

use self::{
    decide::Verdict,
    question::{BadQuestion, Question},
    respond::Dialect,
};
use crate::{app::App, journal::Entry, router};

/// What proxies ask, each in its own dialect. They ask with every request of their sites, so these answers go through no
/// layers: [`answer`] gives them what the others get.
pub fn questions() -> Router<App> {
    Router::new()
        .route("/auth/forward", any(forward))
        .route("/auth/request", any(request))
        .route("/auth/envoy", any(envoy))
        .route("/auth/envoy/", any(envoy))
        .route("/auth/envoy/{*path}", any(envoy))
}

async fn forward(State(app): State<App>, request: Request) -> Response {
    answer(app, Dialect::Forward, request.into_parts().0, forwarded::read).await
}

async fn request(State(app): State<App>, request: Request) -> Response {
    answer(app, Dialect::Request, request.into_parts().0, original::read).await
}

async fn envoy(State(app): State<App>, request: Request) -> Response {
    answer(app, Dialect::Envoy, request.into_parts().0, envoy::read).await
}

type Read = fn(Parts) -> Result<Question, BadQuestion>;

/// Answers, counted and with a request's id. What lets somebody pass without waiting for anything is all there is to a site's
/// busy hours; whatever takes longer, or leaves a line in the log, has the request's span and its limit of time.
async fn answer(app: App, dialect: Dialect, parts: Parts, read: Read) -> Response {
    let entry = Entry::of(&parts.method, &parts.headers);
    let route = dialect.route();
    let log = tracing::enabled!(Level::DEBUG).then(|| (entry.span(route), parts.uri.path().to_owned()));
    let peer = question::peer(&parts);
    let answered = AssertUnwindSafe(async {
        let question = question::trusted(&parts, &app.settings.trusted_proxies).and_then(|()| read(parts));
        let span = || log.as_ref().map_or_else(|| entry.span(route), |(span, _)| span.clone());
        let question = question.map_err(|problem| (problem, peer));
        ask(&app, dialect, question, span).await
    });
    let mut response = answered.catch_unwind().await.unwrap_or_else(|_| router::panicked());
    match &log {
        Some((span, path)) => span.in_scope(|| entry.end(route, path, &mut response)),
        None => entry.end(route, "", &mut response),
    }
    response
}

/// A question that cannot be read, and whose it is.
type Unread = (BadQuestion, Option<IpAddr>);

async fn ask(app: &App, dialect: Dialect, question: Result<Question, Unread>, span: impl Fn() -> Span) -> Response {
    let mut response = match &question {
        Err((problem, peer)) => span().in_scope(|| bad_question(app, problem, *peer)),
        Ok(question) if is_visit(dialect, question) => {
            // Boxed: a visit needs much more room than a decision, and there are few.
            let visit = Box::pin(timeout(router::TIME_LIMIT, sign_in::visit(app, question)));
            visit.instrument(span()).await.unwrap_or_else(|_| too_late())
        }
        Ok(question) => {
            let mut deciding = pin!(decide::decide(app, question));
            let at_once = poll_immediate(deciding.as_mut()).await;
            if let Some(Verdict::Pass { site, accepts, told, token }) = at_once {
                return respond::pass(dialect, question, &site, &accepts, &told, token);
            }
            let span = span();
            let verdict = match at_once {
                Some(verdict) => Ok(verdict),
                None => timeout(router::TIME_LIMIT, deciding).instrument(span.clone()).await,
            };
            match verdict {
                Ok(Verdict::Pass { site, accepts, told, token }) => {
                    return respond::pass(dialect, question, &site, &accepts, &told, token);
                }
                Ok(verdict) => span.in_scope(|| respond::respond(dialect, question, verdict)),
                Err(_) => too_late(),
            }
        }
    };
    router::protect(app, response.headers_mut());
    response
}

fn too_late() -> Response {
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

/// Whether a browser is on its way to sign in. These proxies give it whatever we answer, so it needs no route of its own.
fn is_visit(dialect: Dialect, question: &Question) -> bool {
    dialect != Dialect::Request && sign_in::is_ours(question.path())
}

/// The proxy is not set up as it must be; its operator reads the log, once in a round for each peer and each thing that is
/// wrong: a stranger asks as often as they like, and who has mended one header is told of the next.
fn bad_question(app: &App, problem: &BadQuestion, peer: Option<IpAddr>) -> Response {
    let whose = peer.map_or_else(|| "the peer".to_owned(), |peer| peer.to_string());
    if app.limits.floods.is_first("questions that cannot be read", &format!("{whose}: {problem}")) {
        tracing::error!(%problem, "forward auth: the question cannot be read, so nobody passes");
    }
    let body = json!({"error": "invalid_request", "error_description": "the proxy did not say what the request was; see gatehouse's log"});
    (StatusCode::BAD_REQUEST, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
