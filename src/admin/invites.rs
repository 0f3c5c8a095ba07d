//! Invites people, says who is invited, sends links again and takes them back: of the asker's own tenant, or of the one that the
//! address names.

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{asked::state_among, asker::Asker, desk::Desk as Named};
use crate::{
    app::App,
    body,
    error::ApiError,
    invitation::{self, Desk, InviteError, Made, Wanted},
    moment::Moment,
    oauth::{
        error::{Code, error},
        params::Params,
    },
    policy::api_scope::Level,
    store::{self, invites::Invite, tenants::Tenant, window::Phase},
};

/// Invites on a page unless fewer are asked for.
const PAGE: i64 = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    email: String,
    name: Option<String>,
    #[serde(default)]
    teams: Vec<String>,
    /// Seconds.
    expires_in: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Again {
    expires_in: Option<i64>,
}

/// `POST /api/v1/invites`
pub async fn create(asker: Asker, State(app): State<App>, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    invite(&app, &asker, asker.home(), (&headers, &body)).await
}

/// `POST /api/v1/tenants/{tenant}/invites`
pub async fn create_of(at: Named, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    invite(&at.app, &at.asker, at.tenant()?, (&headers, &body)).await
}

async fn invite(app: &App, asker: &Asker, tenant: &Tenant, (headers, body): (&HeaderMap, &Bytes)) -> Result<Response, ApiError> {
    let request: Request = body::read(headers, body)?;
    // Who joins a team has the roles that it holds.
    if !request.teams.is_empty() {
        asker.require("teams", Level::Write)?;
    }
    let wanted = Wanted {
        email: &request.email,
        name: request.name.as_deref(),
        teams: &request.teams,
        by: &asker.name(),
        lifetime: request.expires_in.unwrap_or(invitation::LIFETIME),
    };
    let made = desk(app, asker).invite(tenant, &wanted).await.map_err(refused)?;
    app.deliveries.nudge();
    Ok(body::answer(StatusCode::CREATED, &shown(app, &made)))
}

/// `GET /api/v1/invites`: the newest first; `next` of one page is `after` of the following one.
pub async fn list(asker: Asker, State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    listed(&app, asker.home(), query.as_deref()).await
}

/// `GET /api/v1/tenants/{tenant}/invites`
pub async fn list_of(at: Named, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    listed(&at.app, at.tenant()?, query.as_deref()).await
}

async fn listed(app: &App, tenant: &Tenant, query: Option<&str>) -> Result<Response, ApiError> {
    let params = Params::parse(query.unwrap_or_default())?;
    let limit = params.one("limit")?.map_or(Some(PAGE), |text| text.parse().ok()).filter(|limit| (1..=PAGE).contains(limit));
    let limit = limit.ok_or(error(Code::InvalidRequest, "limit must be a number from 1 to 100"))?;
    let after = params.one("after")?.filter(|after| !after.contains('\0'));
    let now = app.clock.now();
    let mut invites = match params.one("state")?.filter(|word| !word.is_empty()) {
        None => store::invites::of_tenant(&app.db, &tenant.id, after, limit + 1).await?,
        Some(word) => match state_among(Phase::OF_ENDING, word)? {
            Phase::Open => store::invites::open(&app.db, &tenant.id, after, now, limit + 1).await?,
            _ => store::invites::ended(&app.db, &tenant.id, after, now, limit + 1).await?,
        },
    };
    let more = invites.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    invites.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = invites.last().filter(|_| more).map(|last| last.id.clone());
    let invites: Vec<Value> = invites.iter().map(|invite| said(app, invite)).collect();
    Ok(body::answer(StatusCode::OK, &json!({ "invites": invites, "next": next })))
}

/// `POST /api/v1/invites/{id}/resend`
pub async fn resend(
    asker: Asker,
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    again(&app, &asker, (asker.home(), &id), (&headers, &body)).await
}

/// `POST /api/v1/tenants/{tenant}/invites/{name}/resend`
pub async fn resend_of(at: Named, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    again(&at.app, &at.asker, (at.tenant()?, at.name()?), (&headers, &body)).await
}

async fn again(
    app: &App,
    asker: &Asker,
    (tenant, id): (&Tenant, &str),
    (headers, body): (&HeaderMap, &Bytes),
) -> Result<Response, ApiError> {
    let again: Again = body::read_or_default(headers, body)?;
    let lifetime = again.expires_in.unwrap_or(invitation::LIFETIME);
    let id = known(id)?;
    // Its new link is handed out anew, with the teams that it opens.
    let there = store::invites::find(&app.db, &tenant.id, id).await?;
    if there.is_some_and(|invite| !invite.teams.is_empty()) {
        asker.require("teams", Level::Write)?;
    }
    let made = desk(app, asker).resend(tenant, id, lifetime).await.map_err(refused)?;
    app.deliveries.nudge();
    Ok(body::answer(StatusCode::OK, &shown(app, &made)))
}

/// `DELETE /api/v1/invites/{id}`
pub async fn revoke(asker: Asker, State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiError> {
    take_back(&app, &asker, asker.home(), &id).await
}

/// `DELETE /api/v1/tenants/{tenant}/invites/{name}`
pub async fn revoke_of(at: Named) -> Result<Response, ApiError> {
    take_back(&at.app, &at.asker, at.tenant()?, at.name()?).await
}

async fn take_back(app: &App, asker: &Asker, tenant: &Tenant, id: &str) -> Result<Response, ApiError> {
    desk(app, asker).revoke(tenant, known(id)?).await.map_err(refused)?;
    Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response())
}

fn desk<'a>(app: &'a App, asker: &Asker) -> Desk<'a> {
    Desk::new(&app.db, &app.sealer, &app.settings, asker.actor(), app.issuer(), app.clock.now())
}

fn known(id: &str) -> Result<&str, ApiError> {
    if id.contains('\0') { Err(refused(InviteError::Unknown)) } else { Ok(id) }
}

fn refused(e: InviteError) -> ApiError {
    let mut retry_after = None;
    let code = match &e {
        InviteError::Store(_) => return ApiError::unavailable(e.to_string()),
        InviteError::Unknown => Code::NotFound,
        InviteError::IsUser(_)
        | InviteError::IsDeactivated(_)
        | InviteError::IsInvited(_)
        | InviteError::Directory
        | InviteError::Over(_) => Code::Conflict,
        InviteError::TooOften(seconds) | InviteError::TooMany(seconds) => {
            retry_after = Some(*seconds);
            Code::SlowDown
        }
        InviteError::Email(_) | InviteError::Name | InviteError::Team(..) | InviteError::Group(_) | InviteError::Lifetime => {
            Code::InvalidRequest
        }
    };
    ApiError { retry_after, ..ApiError::from(error(code, e.to_string())) }
}

/// With the link, where no mail brings it.
fn shown(app: &App, made: &Made) -> Value {
    let mut body = said(app, &made.invite);
    if let (Some(link), Some(fields)) = (&made.link, body.as_object_mut()) {
        fields.insert("link".to_owned(), json!(link));
    }
    body
}

fn said(app: &App, invite: &Invite) -> Value {
    let time = |at: i64| Moment(at).machine();
    json!({
        "id": invite.id,
        "email": invite.email.as_str(),
        "name": invite.name,
        "state": invite.state(app.clock.now()).as_str(),
        "invited_by": invite.invited_by,
        "mailed": invite.mailed,
        "sent": invite.sent,
        "sent_at": invite.sent_at.map(time),
        "accepted_at": invite.accepted_at.map(time),
        "accepted_by": invite.accepted_by,
        "created_at": time(invite.created_at),
        "expires_at": time(invite.expires_at),
    })
}
