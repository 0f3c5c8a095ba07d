//! What ends, the soonest first.

use axum::{http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::desk::Desk;
use crate::{
    body,
    error::ApiError,
    expiry::{self, Ending},
    moment::Moment,
    store::tenants::Tenant,
};

/// Most that an answer holds.
const MOST: usize = 1_000;

/// `GET /api/v1/expiring`: of the whole deployment, for platform administrators.
pub async fn of_platform(desk: Desk) -> Result<Response, ApiError> {
    desk.asker.require_platform()?;
    answer(&desk, None).await
}

/// `GET /api/v1/tenants/{tenant}/expiring`
pub async fn of_tenant(desk: Desk) -> Result<Response, ApiError> {
    let tenant = desk.tenant()?;
    answer(&desk, Some(tenant)).await
}

async fn answer(desk: &Desk, tenant: Option<&Tenant>) -> Result<Response, ApiError> {
    let now = desk.app.clock.now();
    let all = expiry::collect(&desk.app, tenant, None).await?;
    let told: Vec<Value> = all.iter().take(MOST).map(|ending| told(ending, now)).collect();
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
