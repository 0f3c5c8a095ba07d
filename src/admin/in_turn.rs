//! One change at a time of each organisation, and a few in all: whoever changes something waits for those of their own
//! organisation who came before, and nobody for all of another's. Every change of operators and guests comes through here.
//!
//! The whole request has come before it has its turn, so that who sends slowly keeps nobody from theirs. Who asks is asked
//! again by what serves the request: they may have been shut out while they waited.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest as _, FromRequestParts as _, Request, State},
    http::{Method, StatusCode, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{
    asker::Asker,
    pages::{caller::Caller, ended::kept},
};
use crate::{
    app::App,
    error::{ApiError, PageError},
    guest::Guest,
    limit::turns::Turn,
    oauth::error::{Code, error},
    store::tenants::Tenant,
};

/// How long a change waits for its turn.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Seconds after which whoever has waited so long may try again.
const AGAIN: i64 = 5;
/// What is said on pages when too much is being changed at once.
pub const CROWDED: &str = "Much is being changed right now. Nothing was saved: please try again in a moment.";

/// Whether a route changes something, and has its turn here: all that do but these, each a path, of one method alone where that
/// stands before it.
pub fn is_due(method: &Method, path: &str, but: &[&str]) -> bool {
    let is_it = |one: &&str| *one == path || one.split_once(' ').is_some_and(|(of, at)| of == method.as_str() && at == path);
    *method != Method::GET && !but.iter().any(is_it)
}

/// The turn of an organisation's operators; none when it did not come.
pub async fn of_operators(app: &App, home: &Tenant) -> Option<Turn> {
    app.limits.writes.take(&home.id, PATIENCE).await
}

/// That of the guests of an organisation, who keep no operator from theirs.
pub async fn of_guests(app: &App, tenant: &Tenant) -> Option<Turn> {
    app.limits.writes.take(&format!("guests of {}", tenant.id), PATIENCE).await
}

/// The same for what the API changes and looks at somebody else's server first.
///
/// # Errors
/// When it does not come.
pub async fn own_of_asker(app: &App, home: &Tenant) -> Result<Turn, ApiError> {
    of_operators(app, home).await.ok_or_else(|| slow_down(app, home))
}

/// And for what a form changes.
///
/// # Errors
/// When it does not come.
pub async fn own_of_caller(app: &App, home: &Tenant) -> Result<Turn, PageError> {
    of_operators(app, home).await.ok_or_else(|| wait(home).for_operators())
}

/// Around what the API changes.
pub async fn of_asker(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let asker = match Asker::from_request_parts(&mut parts, &app).await {
        Ok(asker) => asker,
        Err(refusal) => return refusal.into_response(),
    };
    let request = match received(parts, body, &app).await {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    match own_of_asker(&app, asker.home()).await {
        Ok(_turn) => next.run(request).await,
        Err(slow) => slow.into_response(),
    }
}

fn slow_down(app: &App, home: &Tenant) -> ApiError {
    let slow = error(Code::SlowDown, "too many changes at once: make one after the other");
    let muted = !app.limits.floods.is_first("changes", &home.name);
    let cause = format!("tenant {} changes side by side", home.name);
    ApiError { retry_after: Some(AGAIN), muted, ..ApiError::new(slow, cause) }
}

/// Around what an operator's forms change.
pub async fn of_caller(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = match Caller::from_request_parts(&mut parts, &app).await {
        Ok(caller) => caller,
        Err(refusal) => return kept(refusal, Request::from_parts(parts, body), &app).await.into_response(),
    };
    let request = match received(parts, body, &app).await {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    match own_of_caller(&app, &caller.operator.home).await {
        Ok(_turn) => next.run(request).await,
        Err(slow) => slow.into_response(),
    }
}

/// Around what a guest's forms change.
pub async fn of_guest(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let guest = match Guest::from_request_parts(&mut parts, &app).await {
        Ok(guest) => guest,
        Err(refusal) => return refusal.into_response(),
    };
    let request = match received(parts, body, &app).await {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    match of_guests(&app, &guest.tenant).await {
        Some(_turn) => next.run(request).await,
        None => wait(&guest.tenant).into_response(),
    }
}

fn wait(tenant: &Tenant) -> PageError {
    let cause = format!("tenant {} changes side by side", tenant.name);
    PageError::new(StatusCode::TOO_MANY_REQUESTS, "crowded", "Please wait a moment", CROWDED, cause)
        .advise("Go back, and send the form again.")
}

/// The request with its whole body.
async fn received(parts: Parts, body: Body, app: &App) -> Result<Request, Response> {
    let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), app).await;
    bytes.map(|bytes| Request::from_parts(parts, Body::from(bytes))).map_err(|refusal| refusal.into_response())
}
