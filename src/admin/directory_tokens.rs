//! Tokens of a directory: which there are, a new one, and the end of one.

use axum::{
    body::Bytes,
    extract::{Path, RawQuery},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    desk::{Desk, nothing},
    tokens::phase,
};
use crate::{
    app::App,
    body,
    directory_token::{self, LONGEST, Wanted},
    error::ApiError,
    moment::Moment,
    oauth::error::{Code, error},
    store::{
        directories::{self, Directory},
        directory_tokens::{self, DirectoryToken},
        tenants::Tenant,
        token_state::TokenState,
    },
};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// Seconds that the tokens before it go on.
    #[serde(default)]
    overlap: i64,
    /// Seconds.
    expires_in: Option<i64>,
}

/// `GET /api/v1/tenants/{tenant}/directories/{name}/token`: what is kept of them, the oldest first.
pub async fn list(desk: Desk, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let (_, directory) = directory(&desk).await?;
    let phase = phase(query.as_deref())?;
    let tokens = directory_tokens::judged(&desk.app.db, &directory.id, desk.app.clock.now()).await?;
    let wanted = tokens.iter().filter(|(_, state)| state.is_in(phase));
    let tokens: Vec<Value> = wanted.map(|(token, state)| told(token, *state)).collect();
    Ok(body::answer(StatusCode::OK, &json!({ "tokens": tokens })))
}

/// `POST /api/v1/tenants/{tenant}/directories/{name}/token`: the answer is the only one that shows it.
pub async fn create(desk: Desk, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    let (tenant, directory) = directory(&desk).await?;
    let request: Request = body::read_or_default(&headers, &body)?;
    let in_range = |span: i64, least| (least..=LONGEST).contains(&span);
    if !in_range(request.overlap, 0) || !request.expires_in.is_none_or(|span| in_range(span, 60)) {
        let text = "overlap and expires_in are seconds, at most ten years; a token is good for a minute at least";
        return Err(error(Code::InvalidRequest, text).into());
    }
    // What a token makes ends with it.
    let left = desk.asker.reach().end().map(|end| end - desk.app.clock.now());
    let expires_in = [request.expires_in, left].into_iter().flatten().min();
    let wanted = Wanted { overlap: request.overlap, expires_in, seen: None };
    let made = tokens(&desk.app, &desk).make(tenant, &directory, &wanted).await?;
    let made = made.ok_or_else(|| ApiError::unavailable("no token was made"))?;
    let mut answer = told(&made.row, TokenState::Open);
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("token".to_owned(), json!(made.token));
        fields.insert("base_url".to_owned(), json!(base_url(&desk.app)));
        fields.insert("older_tokens_ended".to_owned(), json!(made.ended));
    }
    Ok(body::answer(StatusCode::CREATED, &answer))
}

/// `DELETE /api/v1/tenants/{tenant}/directories/{name}/tokens/{id}`
pub async fn end(desk: Desk, Path((_, _, id)): Path<(String, String, String)>) -> Result<Response, ApiError> {
    let (tenant, directory) = directory(&desk).await?;
    match tokens(&desk.app, &desk).end(tenant, &directory, &id).await? {
        true => Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response()),
        false => Err(nothing()),
    }
}

async fn directory(desk: &Desk) -> Result<(&Tenant, Directory), ApiError> {
    let (tenant, name) = (desk.tenant()?, desk.name()?);
    // Databases do not agree on what a NUL is.
    let found = if name.contains('\0') { None } else { directories::find_by_name(&desk.app.db, &tenant.id, name).await? };
    Ok((tenant, found.ok_or_else(nothing)?))
}

fn tokens<'a>(app: &'a App, desk: &'a Desk) -> directory_token::Desk<'a> {
    directory_token::Desk { db: &app.db, sealer: &app.sealer, actor: desk.actor(), now: app.clock.now() }
}

fn told(token: &DirectoryToken, state: TokenState) -> Value {
    let time = |at: i64| Moment(at).machine();
    json!({
        "id": token.id,
        "declared": token.declared,
        "ended": !state.is_open(),
        "state": state.as_str(),
        "ended_because": state.reason(),
        "created_at": time(token.created_at),
        "expires_at": token.expires_at.map(time),
        "last_used_at": token.last_used_at.map(time),
    })
}

/// Where directories push to.
pub fn base_url(app: &App) -> String {
    format!("{}/scim/v2", app.issuer())
}
