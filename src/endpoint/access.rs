//! `POST /api/v1/access/check`: whether the bearer of a token may do something with a resource.

use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    bearer, body,
    error::ApiError,
    oauth::error::{Code, error},
    policy::role::Role,
    store,
};

/// Most checks in one request.
const MOST: usize = 100;

/// A resource as requests name it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    r#type: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    resource: Resource,
    role: Role,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    resource: Option<Resource>,
    role: Option<Role>,
    checks: Option<Vec<One>>,
}

/// Handles one check, or many.
pub async fn check(
    State(app): State<App>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Result<Response, ApiError> {
    let bearer = bearer::required(&app, &headers, query.as_deref()).await?;
    let invalid = |why: &'static str| ApiError::from(error(Code::InvalidRequest, why));
    let request: Request = body::read(&headers, &body)?;
    let (checks, many) = match request {
        Request { resource: Some(resource), role: Some(role), checks: None } => (vec![One { resource, role }], false),
        Request { resource: None, role: None, checks: Some(checks) } => (checks, true),
        _ => return Err(invalid("give resource and role, or checks")),
    };
    if checks.len() > MOST {
        return Err(invalid("checks holds more than 100"));
    }
    let resources: Vec<_> = checks.iter().map(|c| (c.resource.r#type.as_str(), c.resource.name.as_str())).collect();
    let held = match resources[..] {
        [(kind, name)] => {
            vec![store::resources::strongest(&app.db, &bearer.tenant_id, kind, name, &bearer.holders()).await?]
        }
        _ => store::resources::strongest_each(&app.db, &bearer.tenant_id, &resources, &bearer.holders()).await?,
    };
    let results: Vec<Value> = checks.iter().zip(held).map(|(one, held)| result(one.role, held)).collect();
    let answer = if many { json!({ "results": results }) } else { results.into_iter().next().unwrap_or_default() };
    Ok(body::answer(StatusCode::OK, &answer))
}

/// Each role includes the lower ones.
fn result(asked: Role, held: Option<Role>) -> Value {
    json!({ "allowed": held.is_some_and(|held| held >= asked), "role": held.map(Role::as_str) })
}
