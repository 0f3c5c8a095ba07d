//! What operators read, in turn: of each organisation one thing at a time and two on each node, as with searches, unless the
//! address is known to be brief. So nobody who reads much, and again and again, keeps the people of others from signing in. A
//! new address takes its turn until somebody has said of it that it need not.

use std::time::Duration;

use axum::{
    extract::{FromRequestParts as _, Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{
    asker::Asker,
    in_turn::PATIENCE,
    pages::caller::Caller,
    searching::{self, Unsought},
};
use crate::{
    app::App,
    error::{ApiError, PageError},
    store::{tenants::Tenant, window::TIME},
};

/// How long one read may take in all, whatever it is made of: each of its long statements ends before.
const END: Duration = TIME.saturating_mul(3);

/// Whether what is read at an address has its turn here: all but these.
pub fn is_due(method: &Method, path: &str, brief: &[&str]) -> bool {
    *method == Method::GET && !brief.contains(&path)
}

/// Around what the API tells.
pub async fn of_asker(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let asker = match Asker::from_request_parts(&mut parts, &app).await {
        Ok(asker) => asker,
        Err(refusal) => return refusal.into_response(),
    };
    let answer = next.run(Request::from_parts(parts, body));
    in_turn(&app, asker.home(), answer).await.unwrap_or_else(|why| ApiError::from(why).into_response())
}

/// Around what a page shows.
pub async fn of_caller(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = match Caller::from_request_parts(&mut parts, &app).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal.into_response(),
    };
    let answer = next.run(Request::from_parts(parts, body));
    in_turn(&app, &caller.operator.home, answer).await.unwrap_or_else(|why| PageError::from(why).into_response())
}

/// What is looked for within it goes on in the same turn.
async fn in_turn(app: &App, home: &Tenant, answer: impl Future<Output = Response>) -> Result<Response, Unsought> {
    let _turn = searching::turn(app, home, PATIENCE).await?;
    tokio::time::timeout(END, answer).await.map_err(|_| Unsought::TooLate)
}
