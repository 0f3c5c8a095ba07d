//! Tokens that are made here and shown once: an administrator's own, and new ones for services.

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    asked::state_among,
    asker::{Asker, outreached},
    desk::{Desk, nothing},
};
use crate::{
    api_token::{Maker, Wanted},
    app::App,
    body,
    error::ApiError,
    moment::Moment,
    oauth::{
        error::{Code, error},
        params::Params,
    },
    policy::api_scope::ApiScopes,
    store::{
        personal_tokens::{self, PersonalToken},
        tenant_tokens, tenants,
        token_state::TokenState,
        users::User,
        window::Phase,
    },
};

/// Seconds that a personal token lasts when nothing else is said.
const LIFETIME: i64 = 30 * 86_400;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    name: String,
    scopes: Vec<String>,
    /// Seconds.
    expires_in: Option<i64>,
}

/// `GET /api/v1/personal_tokens`: those of whoever asks.
pub async fn list(asker: Asker, State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    listed(&app, asker.as_person()?, query.as_deref()).await
}

/// Those of a user, in the state that the query asks for.
///
/// # Errors
/// There is no such state.
pub async fn listed(app: &App, user: &User, query: Option<&str>) -> Result<Response, ApiError> {
    let phase = phase(query)?;
    let all = personal_tokens::judged(&app.db, &user.id, app.clock.now()).await?;
    let wanted = all.iter().filter(|(_, state)| state.is_in(phase));
    let wanted: Vec<Value> = wanted.map(|(token, state)| said(token, *state)).collect();
    Ok(body::answer(StatusCode::OK, &json!({ "personal_tokens": wanted })))
}

/// The state of tokens that a query asks for; nothing: whatever state.
///
/// # Errors
/// There is no such state.
pub fn phase(query: Option<&str>) -> Result<Option<Phase>, ApiError> {
    let params = Params::parse(query.unwrap_or_default())?;
    let word = params.one("state")?.filter(|word| !word.is_empty());
    word.map(|word| state_among(Phase::OF_TOKENS, word)).transpose()
}

/// `POST /api/v1/personal_tokens`
pub async fn create(asker: Asker, State(app): State<App>, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    let user = asker.as_person()?;
    let request: Request = body::read(&headers, &body)?;
    let scopes = ApiScopes::parse(request.scopes.iter().map(String::as_str));
    let scopes = scopes.map_err(|_| error(Code::InvalidRequest, "scopes: one of them is no scope"))?;
    let now = app.clock.now();
    // Where nothing is said, as long as what it is asked for with.
    let left = asker.reach().end().map_or(LIFETIME, |end| LIFETIME.min(end - now));
    let lifetime = request.expires_in.unwrap_or(left);
    let end = Some(now.saturating_add(lifetime));
    if !asker.reach().covers(&scopes, end) {
        return Err(outreached(&asker, end));
    }
    let actor = asker.actor();
    let maker = Maker { sealer: &app.sealer, actor: &actor, now };
    let mut tx = app.db.begin().await?;
    let made = maker.personal(&mut tx, user, Wanted { name: &request.name, scopes, lifetime }).await?;
    let (row, token) = made.map_err(|unfit| error(Code::InvalidRequest, unfit.to_string()))?;
    tx.commit().await?;
    let mut told = said(&row, TokenState::Open);
    told["token"] = token.into();
    Ok(body::answer(StatusCode::CREATED, &told))
}

/// `DELETE /api/v1/personal_tokens/{id}`
pub async fn revoke(asker: Asker, State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let user = asker.as_person()?;
    let actor = asker.actor();
    let mut tx = app.db.begin().await?;
    if !(Maker { sealer: &app.sealer, actor: &actor, now: app.clock.now() }).revoke(&mut tx, user, &id).await? {
        return Err(nothing());
    }
    tx.commit().await?;
    Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response())
}

/// `POST /api/v1/tenants/{tenant}/service_tokens/{name}/token`: a new one, shown this once; the one before ends.
pub async fn renew(desk: Desk, State(app): State<App>) -> Result<Response, ApiError> {
    let (tenant, name) = (desk.tenant()?, desk.name()?);
    // Databases do not agree on what a NUL is.
    if name.contains('\0') {
        return Err(nothing());
    }
    let mut tx = app.db.begin().await?;
    tenants::lock(&mut tx).await?;
    let old = tenant_tokens::find_by_name(&mut tx, &tenant.id, name).await?.ok_or_else(nothing)?;
    if !desk.asker.reach().covers(&old.scopes, old.expires_at) {
        return Err(outreached(&desk.asker, old.expires_at));
    }
    let token = desk.maker().renew(&mut tx, tenant, name).await?.ok_or_else(nothing)?;
    tx.commit().await?;
    Ok(body::answer(StatusCode::OK, &json!({ "name": name, "token": token })))
}

/// What is told of one.
pub fn said(token: &PersonalToken, state: TokenState) -> Value {
    let time = |at: i64| Moment(at).machine();
    json!({
        "id": token.id,
        "name": token.name,
        "scopes": token.scopes.words(),
        "created_at": time(token.created_at),
        "expires_at": time(token.expires_at),
        "last_used_at": token.last_used_at.map(time),
        "state": state.as_str(),
        "ended_because": state.reason(),
    })
}
