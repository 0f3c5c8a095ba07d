//! Our keys, for platform administrators: which there are, and the next of a row.

use axum::{extract::Path, http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::desk::{Desk, nothing};
use crate::{
    body,
    error::ApiError,
    key_list::{self, Key, Row, State},
    moment::Moment,
};

/// `GET /api/v1/keys`
pub async fn list(desk: Desk) -> Result<Response, ApiError> {
    Ok(body::answer(StatusCode::OK, &json!({ "keys": told(&desk).await? })))
}

/// `POST /api/v1/keys/{key}/rotate`: 201 with what there is then; 200 where the next one was waiting already.
pub async fn rotate(desk: Desk, Path(name): Path<String>) -> Result<Response, ApiError> {
    let row = Row::from_name(&name).ok_or_else(nothing)?;
    let app = &desk.app;
    let made = key_list::rotate(&app.db, &app.sealer, &app.settings, row, desk.actor(), app.clock.now()).await;
    let made = made.map_err(|e| ApiError::unavailable(e.to_string()))?;
    let status = if made { StatusCode::CREATED } else { StatusCode::OK };
    let keys: Vec<Value> = told(&desk).await?.into_iter().filter(|key| key["row"] == name.as_str()).collect();
    Ok(body::answer(status, &json!({ "made": made, "keys": keys })))
}

async fn told(desk: &Desk) -> Result<Vec<Value>, ApiError> {
    let keys = key_list::all(&desk.app.db, &desk.app.settings, desk.app.clock.now()).await?;
    Ok(keys.iter().filter(|key| key.state != State::Gone).map(spelled).collect())
}

fn spelled(key: &Key) -> Value {
    let time = |at: i64| Moment(at).machine();
    json!({
        "row": key.row.name(),
        "key": key.name,
        "state": key.state.as_str(),
        "imported": key.imported,
        "created_at": time(key.created_at),
        "active_from": time(key.active_from),
        "followed_at": key.followed_at.map(time),
        "leaves_at": key.leaves_at.map(time),
        "certificate_ends_at": key.certificate_ends_at.map(time),
    })
}
