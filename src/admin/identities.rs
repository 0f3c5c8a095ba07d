//! A user's identities by an operator's word: one linked, one taken away with what was reached by it.

use axum::{
    body::Bytes,
    extract::{FromRequestParts as _, Path, RawQuery},
    http::{StatusCode, request::Parts},
    response::Response,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    asker::Asker,
    desk::{self, nothing},
    in_turn,
    inspection::too_often,
    users::{self, require_may},
};
use crate::{
    app::App,
    body,
    error::ApiError,
    identity_link::{Desk, Refused, Unlinked, Wanted, issuer, issuers},
    oauth::{
        error::{Code, error},
        params::Params,
    },
    store::{
        connections::{self, Connection},
        tenants::Tenant,
        users::User,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// The unique id at the provider.
    subject: String,
    /// Which of the connection's issuers, where it has several.
    issuer: Option<String>,
}

/// `PUT /api/v1/tenants/{tenant}/users/{name}/identities/{connection}`: what has to be fetched is fetched before others wait. Who
/// asks is asked again in their turn, and so is what they may.
pub async fn link(
    desk: desk::Desk,
    Path((_, _, name)): Path<(String, String, String)>,
    mut parts: Parts,
    body: Bytes,
) -> Result<Response, ApiError> {
    let request: Request = body::read(&parts.headers, &body)?;
    let (user, connection) = found(&desk, &name).await?;
    require_may(&desk.asker, &user)?;
    let looked = look(&desk.app, desk.asker.key(), desk.tenant()?, &connection).await.map_err(too_often)?;
    looked.map_err(|e| refused(&desk.asker, &user, e))?;

    let _turn = in_turn::own_of_asker(&desk.app, desk.asker.home()).await?;
    let desk = desk::Desk::from_request_parts(&mut parts, &desk.app).await?;
    let (user, connection) = found(&desk, &name).await?;
    let all = of_connection(&desk.app, &connection).await;
    let issuer = all.and_then(|all| issuer(all, request.issuer.as_deref())).map_err(|e| refused(&desk.asker, &user, e))?;
    let wanted = Wanted { connection: &connection, issuer: &issuer, subject: &request.subject };
    let is_new = counter(&desk, &|user| desk.asker.may_judge(user)).link(&user.id, &wanted).await;
    let status = if is_new.map_err(|e| refused(&desk.asker, &user, e))? { StatusCode::CREATED } else { StatusCode::OK };
    let answer = json!({
        "user_id": user.id,
        "email": user.email.as_str(),
        "connection": connection.name,
        "issuer": issuer,
        "subject": request.subject,
    });
    Ok(body::answer(status, &answer))
}

/// `DELETE /api/v1/tenants/{tenant}/users/{name}/identities/{connection}`: where sessions or tokens end with it, `confirm`
/// must repeat the connection's name.
pub async fn unlink(
    desk: desk::Desk,
    Path((_, _, connection)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let params = Params::parse(query.as_deref().unwrap_or_default())?;
    let agreed = params.one("confirm")? == Some(connection.as_str());
    let (user, connection) = found(&desk, &connection).await?;
    let done = counter(&desk, &|user| desk.asker.may_judge(user)).unlink(&user.id, &connection, agreed).await;
    match done.map_err(|e| refused(&desk.asker, &user, e))? {
        Unlinked::Asks(lost) => {
            let description = "this ends with it: repeat the connection's name as confirm to unlink it nevertheless";
            let body = json!({ "error": Code::Conflict.as_str(), "error_description": description, "lost": lost });
            Ok(body::answer(StatusCode::CONFLICT, &body))
        }
        Unlinked::Done(receipt) => {
            desk.app.deliveries.nudge();
            let answer = json!({
                "user_id": user.id,
                "email": user.email.as_str(),
                "connection": connection.name,
                "receipt": receipt,
            });
            Ok(body::answer(StatusCode::OK, &answer))
        }
    }
}

/// User and connection of the tenant in the address. Whether they may be changed is asked under their lock.
async fn found(desk: &desk::Desk, connection: &str) -> Result<(User, Connection), ApiError> {
    let tenant = desk.tenant()?;
    let user = users::find(&desk.app, &tenant.id, desk.name()?).await?;
    let connection = match connection.contains('\0') {
        true => None,
        false => connections::find_by_name(&desk.app.db, &tenant.id, connection).await?,
    };
    Ok((user, connection.ok_or_else(nothing)?))
}

fn counter<'a>(desk: &'a desk::Desk, may: &'a (dyn Fn(&User) -> bool + Sync)) -> Desk<'a> {
    Desk { db: &desk.app.db, sealer: &desk.app.sealer, actor: desk.actor(), may, now: desk.app.clock.now() }
}

/// Fetches the metadata of a connection where it is not known, on behalf of whoever `key` counts: before their turn.
///
/// # Errors
/// They have asked too often; the seconds until they may again. The inner one: why there is none.
pub async fn look(app: &App, key: &str, tenant: &Tenant, connection: &Connection) -> Result<Result<(), Refused>, i64> {
    if app.providers.held(connection).await.is_ok() {
        return Ok(Ok(()));
    }
    app.limits.checks.take(key)?;
    let fetched = app.providers.current(&tenant.name, connection).await;
    Ok(fetched.map(drop).map_err(|e| Refused::NoIssuer(e.fault().to_string())))
}

/// The issuers of a connection as it is set up now and as its metadata is known: nobody is asked.
pub async fn of_connection(app: &App, connection: &Connection) -> Result<Vec<String>, Refused> {
    let held = app.providers.held(connection).await.map_err(|e| Refused::NoIssuer(e.fault().to_string()))?;
    issuers(connection, held).await
}

fn refused(asker: &Asker, user: &User, e: Refused) -> ApiError {
    match e {
        Refused::Missing => nothing(),
        Refused::Forbidden => require_may(asker, user).err().unwrap_or_else(nothing),
        Refused::Subject | Refused::Several(_) | Refused::Foreign(_) => error(Code::InvalidRequest, e.to_string()).into(),
        Refused::NoIssuer(_) | Refused::Taken(_) | Refused::HasOne(_) | Refused::OfDirectory => {
            error(Code::Conflict, e.to_string()).into()
        }
        Refused::Store(e) => e.into(),
    }
}
