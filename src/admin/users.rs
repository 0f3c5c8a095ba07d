//! Shuts users out, lets them in again, and says what ended.

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;
use serde_json::json;

use super::asker::Asker;
use crate::{
    app::App,
    bearer, body,
    error::ApiError,
    oauth::error::{Code, error},
    store::{
        self,
        receipts::Receipt,
        users::{self, By, LastAdministrator, Opened, Opening, ShutOut, User},
    },
};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// Also the last active administrator.
    #[serde(default)]
    force: bool,
}

/// `POST /api/v1/users/{id}/deactivate`
pub async fn deactivate(
    asker: Asker,
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let request: Request = body::read_or_default(&headers, &body)?;
    let user = find(&app, &asker.home().id, &id).await?;
    require_may(&asker, &user)?;
    let actor = asker.actor();
    let out = ShutOut {
        user_id: &user.id,
        by: By::Operator,
        actor: &actor,
        cause: "deactivated",
        force: request.force,
        sealer: &app.sealer,
        now: app.clock.now(),
    };
    let mut tx = app.db.begin().await?;
    let receipt = match users::shut_out(&mut tx, &out).await? {
        Ok(receipt) => receipt,
        Err(LastAdministrator) => return Err(error(Code::Conflict, last_administrator()).into()),
    };
    tx.commit().await?;
    app.deliveries.nudge();
    tracing::info!(
        user = user.id,
        tenant = asker.home().name,
        by = actor.name,
        changed = receipt.is_some(),
        "a user was deactivated"
    );
    let answer = json!({ "user_id": user.id, "email": user.email.as_str(), "active": false, "receipt": receipt });
    Ok(body::answer(StatusCode::OK, &answer))
}

/// Whether they may do that to this user.
pub fn require_may(asker: &Asker, user: &User) -> Result<(), ApiError> {
    let why = if user.platform && !asker.is_platform() {
        "only an administrator of the platform may do this"
    } else {
        "only a token of the scope admin changes an administrator"
    };
    if asker.may_judge(user) { Ok(()) } else { Err(bearer::forbidden(why, &asker.name())) }
}

fn last_administrator() -> String {
    format!("{LastAdministrator}, or say {{'force': true}}")
}

/// `POST /api/v1/users/{id}/activate`
pub async fn activate(asker: Asker, State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let user = find(&app, &asker.home().id, &id).await?;
    require_may(&asker, &user)?;
    let actor = asker.actor();
    let opening = Opening { user_id: &user.id, by: By::Operator, actor: &actor, sealer: &app.sealer, now: app.clock.now() };
    let mut tx = app.db.begin().await?;
    let opened = users::open_again(&mut tx, &opening).await?;
    tx.commit().await?;
    app.deliveries.nudge();
    match opened {
        Opened::Open => tracing::info!(user = user.id, tenant = asker.home().name, by = actor.name, "a user was activated"),
        Opened::Unchanged => {}
        Opened::ByDirectory | Opened::ByOperator => {
            let why = "the user is inactive in a directory: activate them there";
            return Err(error(Code::Conflict, why).into());
        }
    }
    Ok(body::answer(StatusCode::OK, &json!({ "user_id": user.id, "email": user.email.as_str(), "active": true })))
}

/// `GET /api/v1/users/{id}/receipts`: also of a user who is gone.
pub async fn receipts(asker: Asker, State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiError> {
    // Databases do not agree on what a NUL is.
    let receipts: Vec<Receipt> = match id.contains('\0') {
        true => Vec::new(),
        false => store::receipts::of_user(&app.db, &asker.home().id, &id).await?,
    };
    if receipts.is_empty() {
        find(&app, &asker.home().id, &id).await?;
    }
    Ok(body::answer(StatusCode::OK, &json!({ "receipts": receipts })))
}

/// A user of the tenant. One of another is as unknown as one who does not exist.
async fn find(app: &App, tenant_id: &str, id: &str) -> Result<User, ApiError> {
    let found = if id.contains('\0') { None } else { users::find(&app.db, id).await? };
    let found = found.filter(|user| user.tenant_id == tenant_id);
    found.ok_or_else(|| error(Code::NotFound, "there is no such user").into())
}
