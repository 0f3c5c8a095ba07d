//! Traces of sign-ins over the API, as the pages show them.

use axum::{
    Json,
    extract::RawQuery,
    http::header,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::{desk::Desk, in_turn::PATIENCE, searching};
use crate::{
    error::ApiError,
    moment::Moment,
    oauth::{
        error::{Code, error},
        params::Params,
    },
    store::traces::{self, Filter, Outcome, Trace, Whose},
    story,
};

/// Most traces of one answer.
const PAGE: i64 = 100;

/// `GET /api/v1/tenants/{tenant}/sign_ins`: the newest first; `next` of one page is `before` of the following one.
pub async fn list(desk: Desk, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    page(&desk, Whose::Tenant(&desk.tenant()?.id), query.as_deref()).await
}

/// `GET /api/v1/sign_ins`: of all tenants, and those that nobody knows the tenant of; for platform administrators.
pub async fn list_all(desk: Desk, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    page(&desk, Whose::Everybody, query.as_deref()).await
}

async fn page(desk: &Desk, whose: Whose<'_>, query: Option<&str>) -> Result<Response, ApiError> {
    let params = Params::parse(query.unwrap_or_default())?;
    let text = |name: &str| match params.one(name)? {
        Some(value) if value.contains('\0') => Err(ApiError::from(error(Code::InvalidRequest, format!("{name} holds a NUL")))),
        value => Ok(value),
    };
    let outcome = match text("outcome")? {
        None => None,
        Some(word) => Some(Outcome::of(word).ok_or(error(Code::InvalidRequest, "outcome must be under_way, success or failed"))?),
    };
    let email = text("email")?.map(str::to_lowercase);
    let filter = Filter { whose, outcome, cause: text("cause")?, connection: text("connection")?, email: email.as_deref() };
    let before = match text("before")? {
        None => None,
        Some(text) => {
            let parts = text.split_once('/').and_then(|(at, id)| Some((at.parse().ok()?, id)));
            Some(parts.ok_or(error(Code::InvalidRequest, "before must be the next of another answer"))?)
        }
    };
    let turn = match filter.is_search() {
        true => Some(searching::turn(&desk.app, desk.asker.home(), PATIENCE).await?),
        false => None,
    };
    let mut found = traces::page(&desk.app.db, &filter, before, PAGE + 1).await?;
    drop(turn);
    let more = i64::try_from(found.len()).unwrap_or(i64::MAX) > PAGE;
    found.truncate(usize::try_from(PAGE).unwrap_or(usize::MAX));
    let next = found.last().filter(|_| more).map(|last| format!("{}/{}", last.at, last.id));
    let items: Vec<Value> = found.iter().map(|trace| shown(trace, None)).collect();
    Ok(answer(json!({ "items": items, "next": next })))
}

/// `GET /api/v1/tenants/{tenant}/sign_ins/{name}`: by a code that a person saw, or a trace's id.
pub async fn show(desk: Desk) -> Result<Response, ApiError> {
    one(&desk, Whose::Tenant(&desk.tenant()?.id)).await
}

/// `GET /api/v1/sign_ins/{name}`
pub async fn show_any(desk: Desk) -> Result<Response, ApiError> {
    one(&desk, Whose::Everybody).await
}

async fn one(desk: &Desk, whose: Whose<'_>) -> Result<Response, ApiError> {
    let code = desk.name()?;
    let found = if code.contains('\0') { None } else { traces::by_code(&desk.app.db, whose, code).await? };
    let trace = found.ok_or(error(Code::NotFound, "there is no such sign-in"))?;
    let codes = traces::codes(&desk.app.db, &trace.id).await?;
    Ok(answer(shown(&trace, Some((code, &codes)))))
}

fn answer(body: Value) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// A trace; one by itself with its codes and its story, told of the failure whose code was asked for.
fn shown(trace: &Trace, alone: Option<(&str, &[String])>) -> Value {
    let cause = match alone {
        Some((code, _)) => story::cause(trace, code),
        None => trace.cause.clone(),
    };
    let mut shown = json!({
        "id": trace.id,
        "at": Moment(trace.at).machine(),
        "outcome": trace.outcome,
        "cause": cause,
        "connection": trace.connection,
        "email": trace.email,
        "user_id": trace.user_id,
        "address": trace.address,
    });
    if let Some((_, codes)) = alone {
        let text = cause.as_deref().map(story::named);
        shown["codes"] = json!(codes);
        shown["hops"] = json!(trace.hops());
        shown["title"] = json!(text.map(|t| t.title));
        shown["means"] = json!(text.map(|t| t.means));
        shown["fix"] = json!(text.map(|t| t.fix));
    }
    shown
}
