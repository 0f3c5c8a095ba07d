//! What ends, the soonest first.

use axum::{extract::RawQuery, http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::desk::Desk;
use crate::{
    body,
    error::ApiError,
    expiry::{self, Ending, Kind, Wanted},
    moment::Moment,
    oauth::{
        error::{Code, error},
        params::Params,
    },
    store::tenants::Tenant,
};

/// Most that an answer holds.
const MOST: usize = 1_000;

/// `GET /api/v1/expiring`: of the whole deployment, for platform administrators.
pub async fn of_platform(desk: Desk, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    answer(&desk, None, query.as_deref()).await
}

/// `GET /api/v1/tenants/{tenant}/expiring`
pub async fn of_tenant(desk: Desk, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let tenant = desk.tenant()?;
    answer(&desk, Some(tenant), query.as_deref()).await
}

/// What the query asks for: `search`, `kind`, `days`, and of the whole deployment `tenant`.
fn wanted(query: Option<&str>, of_all: bool) -> Result<Wanted, ApiError> {
    let params = Params::parse(query.unwrap_or_default())?;
    let text = |name| params.one(name).map(|value| value.unwrap_or_default().trim().to_owned());
    let said = |name| params.one(name).map(|value| value.filter(|value| !value.is_empty()));
    let kind = match said("kind")? {
        Some(word) => Some(Kind::parse(word).ok_or_else(|| {
            error(Code::InvalidRequest, format!("kind must be one of {}", Kind::ALL.map(Kind::as_str).join(", ")))
        })?),
        None => None,
    };
    let days = match said("days")? {
        Some(word) => {
            let days = word.parse().ok().filter(|days| (0..=Wanted::MOST_DAYS).contains(days));
            let why = || error(Code::InvalidRequest, format!("days must be a number from 0 to {}", Wanted::MOST_DAYS));
            Some(days.ok_or_else(why)?)
        }
        None => None,
    };
    let tenant = if of_all { text("tenant")? } else { String::new() };
    Ok(Wanted { search: text("search")?, kind, tenant, days })
}

async fn answer(desk: &Desk, tenant: Option<&Tenant>, query: Option<&str>) -> Result<Response, ApiError> {
    let wanted = wanted(query, tenant.is_none())?;
    let now = desk.app.clock.now();
    let all = expiry::collect(&desk.app, tenant, wanted.until(now)).await?;
    let told: Vec<Value> = all.iter().filter(|ending| wanted.has(ending)).take(MOST).map(|ending| told(ending, now)).collect();
    Ok(body::answer(StatusCode::OK, &json!({ "expiring": told })))
}

fn told(ending: &Ending, now: i64) -> Value {
    json!({
        "kind": ending.kind.as_str(),
        "tenant": ending.tenant,
        "name": ending.name,
        "ends_at": Moment(ending.at).machine(),
        "days_left": ending.days(now),
        "automatic": ending.kind.is_automatic(),
        "draft": ending.draft,
    })
}
