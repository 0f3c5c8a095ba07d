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

use super::{
    asked::Asked,
    asker::Asker,
    desk::Desk as Named,
    searching::{self, Unsought},
};
use crate::{
    app::App,
    apply::single::Ask,
    body,
    error::ApiError,
    invitation::{self, Desk, InviteError, Made, Wanted},
    moment::Moment,
    oauth::error::{Code, error},
    policy::api_scope::Level,
    store::{
        self,
        invites::Invite,
        tenants::Tenant,
        window::{Narrow, Phase, Window},
    },
};

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
    listed(&app, asker.home(), asker.home(), query.as_deref()).await
}

/// `GET /api/v1/tenants/{tenant}/invites`
pub async fn list_of(at: Named, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    listed(&at.app, at.asker.home(), at.tenant()?, query.as_deref()).await
}

async fn listed(app: &App, home: &Tenant, tenant: &Tenant, query: Option<&str>) -> Result<Response, ApiError> {
    let asked = Asked::read(query)?.in_state(query, Phase::OF_ENDING)?;
    let (invites, next) = part(app, home, tenant, asked.part(app.clock.now())).await?;
    let invites: Vec<Value> = invites.iter().map(|invite| said(app, invite)).collect();
    Ok(body::answer(StatusCode::OK, &json!({ "invites": invites, "next": next })))
}

/// A part of a tenant's invites, for whoever is at home in `home`, and where the next one begins, if there is one. Those that
/// wait have an index, and are no search.
///
/// # Errors
/// What is said to whoever searches too much, and what the database says.
pub async fn part(app: &App, home: &Tenant, tenant: &Tenant, ask: Ask<'_>) -> Result<(Vec<Invite>, Option<String>), Unsought> {
    // Databases do not agree on what a NUL is.
    if ask.search.contains('\0') || ask.after.contains('\0') {
        return Ok(Default::default());
    }
    let looked_through = if ask.narrow.state == Some(Phase::Open) { Narrow::default() } else { ask.narrow };
    let _turn = searching::begin(app, home, ask.search, looked_through).await?;
    let limit = i64::try_from(ask.limit).unwrap_or(i64::MAX).saturating_add(1);
    let window = Window::new(&tenant.id, ask.search, ask.after, limit).narrowed(ask.narrow);
    let mut found = store::invites::window(&app.db, &window).await?;
    let more = found.len() > ask.limit;
    found.truncate(ask.limit);
    let next = found.last().filter(|_| more).map(|last| last.id.clone());
    Ok((found, next))
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
