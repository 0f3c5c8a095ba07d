//! `GET /api/v1/whoami`: who the bearer of a token is.

use axum::{
    Json,
    extract::{RawQuery, State},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use crate::{
    app::App,
    bearer,
    error::ApiError,
    policy::principal::{Kind, Principal},
};

/// Handles a request with a token of ours or of a trusted issuer.
pub async fn whoami(State(app): State<App>, headers: HeaderMap, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let bearer = bearer::required(&app, &headers, query.as_deref()).await?;
    // What a person has not let a client know, their token does not tell it: a user is called by their address.
    let email = bearer.email.as_deref().filter(|_| bearer.tells("email"));
    let named = |p: &Principal| {
        let name = Some(&p.name).filter(|_| p.kind != Kind::User || email.is_some());
        json!({ "kind": p.kind.as_str(), "name": name, "id": p.id })
    };
    let teams = bearer.team_names().filter(|_| bearer.tells("groups"));
    let mut answer = json!({
        "tenant": bearer.tenant,
        "principal": bearer.principal().as_ref().map(named),
        "subject": bearer.subject,
        "email": email,
        "issuer": bearer.issuer,
        "teams": teams.collect::<Vec<_>>(),
    });
    // Only an issuer with `match: all` has more than one.
    if bearer.principals.len() > 1 {
        answer["principals"] = Value::Array(bearer.principals.iter().map(named).collect());
    }
    Ok(([(header::CACHE_CONTROL, "no-store"), (header::VARY, "authorization, cookie")], Json(answer)).into_response())
}
