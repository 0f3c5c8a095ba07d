//! Shuts users out, lets them in again, and says what ended: of the asker's own tenant, or of the one that the address names.

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    asker::Asker,
    desk::{Desk, nothing},
    tokens,
};
use crate::{
    app::App,
    bearer, body,
    error::ApiError,
    oauth::error::{Code, error},
    policy::email::Email,
    store::{
        self,
        receipts::Receipt,
        tenants::Tenant,
        users::{self, By, LastAdministrator, Opened, Opening, ShutOut, User},
    },
};

/// Why somebody's access ended who may come in again, on their receipt.
pub const SIGNED_OUT: &str = "signed out";

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
    shut_out(&app, &asker, asker.home(), &id, (&headers, &body)).await
}

/// `POST /api/v1/tenants/{tenant}/users/{name}/deactivate`
pub async fn deactivate_of(desk: Desk, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    shut_out(&desk.app, &desk.asker, desk.tenant()?, desk.name()?, (&headers, &body)).await
}

async fn shut_out(
    app: &App,
    asker: &Asker,
    tenant: &Tenant,
    id: &str,
    (headers, body): (&HeaderMap, &Bytes),
) -> Result<Response, ApiError> {
    let request: Request = body::read_or_default(headers, body)?;
    let user = find(app, &tenant.id, id).await?;
    require_may(asker, &user)?;
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
    tracing::info!(user = user.id, tenant = tenant.name, by = actor.name, changed = receipt.is_some(), "a user was deactivated");
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
    let_in(&app, &asker, asker.home(), &id).await
}

/// `POST /api/v1/tenants/{tenant}/users/{name}/activate`
pub async fn activate_of(desk: Desk) -> Result<Response, ApiError> {
    let_in(&desk.app, &desk.asker, desk.tenant()?, desk.name()?).await
}

async fn let_in(app: &App, asker: &Asker, tenant: &Tenant, id: &str) -> Result<Response, ApiError> {
    let user = find(app, &tenant.id, id).await?;
    require_may(asker, &user)?;
    let actor = asker.actor();
    let opening = Opening { user_id: &user.id, by: By::Operator, actor: &actor, sealer: &app.sealer, now: app.clock.now() };
    let mut tx = app.db.begin().await?;
    let opened = users::open_again(&mut tx, &opening).await?;
    tx.commit().await?;
    app.deliveries.nudge();
    match opened {
        Opened::Open => tracing::info!(user = user.id, tenant = tenant.name, by = actor.name, "a user was activated"),
        Opened::Unchanged => {}
        Opened::ByDirectory | Opened::ByOperator => {
            let why = "the user is inactive in a directory: activate them there";
            return Err(error(Code::Conflict, why).into());
        }
    }
    Ok(body::answer(StatusCode::OK, &json!({ "user_id": user.id, "email": user.email.as_str(), "active": true })))
}

/// `POST /api/v1/tenants/{tenant}/users/{name}/sign-out`: everywhere; they may sign in again.
pub async fn sign_out(desk: Desk) -> Result<Response, ApiError> {
    let app = &desk.app;
    let user = find(app, &desk.tenant()?.id, desk.name()?).await?;
    require_may(&desk.asker, &user)?;
    let actor = desk.actor();
    let out = ShutOut {
        user_id: &user.id,
        by: By::Operator,
        actor,
        cause: SIGNED_OUT,
        force: false,
        sealer: &app.sealer,
        now: app.clock.now(),
    };
    let mut tx = app.db.begin().await?;
    let receipt = users::sign_out(&mut tx, &out).await?;
    tx.commit().await?;
    app.deliveries.nudge();
    tracing::info!(user = user.id, by = actor.name, "a user was signed out");
    let answer = json!({ "user_id": user.id, "email": user.email.as_str(), "receipt": receipt });
    Ok(body::answer(StatusCode::OK, &answer))
}

/// `GET /api/v1/tenants/{tenant}/users/{name}/personal_tokens`: what is known of theirs.
pub async fn personal_tokens(desk: Desk, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let user = find(&desk.app, &desk.tenant()?.id, desk.name()?).await?;
    tokens::listed(&desk.app, &user, query.as_deref()).await
}

/// `DELETE /api/v1/tenants/{tenant}/users/{name}/personal_tokens/{id}`: one of theirs.
pub async fn revoke(desk: Desk, Path((_, _, id)): Path<(String, String, String)>) -> Result<Response, ApiError> {
    let user = find(&desk.app, &desk.tenant()?.id, desk.name()?).await?;
    require_may(&desk.asker, &user)?;
    let mut tx = desk.app.db.begin().await?;
    if !desk.maker().revoke(&mut tx, &user, &id).await? {
        return Err(nothing());
    }
    tx.commit().await?;
    Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response())
}

/// `GET /api/v1/users/{id}/receipts`: also of a user who is gone.
pub async fn receipts(asker: Asker, State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiError> {
    ended(&app, asker.home(), &id).await
}

/// `GET /api/v1/tenants/{tenant}/users/{name}/receipts`
pub async fn receipts_of(desk: Desk) -> Result<Response, ApiError> {
    ended(&desk.app, desk.tenant()?, desk.name()?).await
}

async fn ended(app: &App, tenant: &Tenant, id: &str) -> Result<Response, ApiError> {
    // Databases do not agree on what a NUL is.
    let mut receipts: Vec<Receipt> = match id.contains('\0') {
        true => Vec::new(),
        false => store::receipts::of_user(&app.db, &tenant.id, id).await?,
    };
    if receipts.is_empty() {
        // Who is there can be named by address too.
        let user = find(app, &tenant.id, id).await?;
        receipts = store::receipts::of_user(&app.db, &tenant.id, &user.id).await?;
    }
    Ok(body::answer(StatusCode::OK, &json!({ "receipts": receipts })))
}

/// A user of the tenant, by id or address. One of another is as unknown as one who does not exist.
pub async fn find(app: &App, tenant_id: &str, id: &str) -> Result<User, ApiError> {
    let found = match Email::parse(id) {
        _ if id.contains('\0') => None,
        Some(email) => users::find_by_email(&app.db, tenant_id, &email).await?,
        None => users::find(&app.db, id).await?,
    };
    let found = found.filter(|user| user.tenant_id == tenant_id);
    found.ok_or_else(|| error(Code::NotFound, "there is no such user").into())
}
