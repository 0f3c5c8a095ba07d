//! What is known of a user, for the API and their page: who they are at providers and in directories, what they are in, where they
//! are signed in. A part at a time, for nobody says how many these are; each list is made of all that it is a part of, so whoever
//! reads it has a turn before (`reading`).

use axum::{extract::RawQuery, http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::{desk::Desk, users::find};
use crate::{
    app::App,
    body,
    error::ApiError,
    moment::Moment,
    oauth::{
        error::{Code, error},
        params::Params,
    },
    store::{
        StoreError,
        dossiers::{self, Living, Membership, Pushed, Upstream},
        left_records::{self, Kept},
        window::TIME,
    },
};

/// Most of a list that one answer tells, and how many it does unless fewer are asked for.
const MOST: usize = 1_000;

/// A part of a list.
#[derive(Debug)]
pub struct Part<T> {
    pub items: Vec<T>,
    /// Where the next part begins, if there is one.
    pub next: Option<String>,
}

impl<T> Part<T> {
    /// Of one more than are told.
    fn of(mut items: Vec<T>, limit: usize, place: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(place);
        Self { items, next }
    }
}

fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}

/// Their memberships after a place; nothing where that is none.
///
/// # Errors
/// What the database says.
pub async fn teams(app: &App, user_id: &str, after: &str, limit: usize) -> Result<Option<Part<Membership>>, StoreError> {
    let place: Option<[String; 3]> = if after.is_empty() { Some(Default::default()) } else { serde_json::from_str(after).ok() };
    // Databases do not agree on what a NUL is.
    let Some(place) = place.filter(|place| !place.iter().any(|text| text.contains('\0'))) else { return Ok(None) };
    let place = place.each_ref().map(String::as_str);
    let found = dossiers::memberships_after(&app.db, user_id, place, one_more(limit), TIME).await?;
    Ok(Some(Part::of(found, limit, |last| json!(last.place()).to_string())))
}

/// Their browser sessions after a place, the oldest first; nothing where that is none.
///
/// # Errors
/// What the database says.
pub async fn sessions(app: &App, user_id: &str, after: &str, limit: usize) -> Result<Option<Part<(Living, String)>>, StoreError> {
    let place = match after {
        "" => Some((i64::MIN, "")),
        after => after.split_once('/').and_then(|(began, mark)| Some((began.parse().ok()?, mark))),
    };
    let Some(place) = place.filter(|(_, mark)| !mark.contains('\0')) else { return Ok(None) };
    let found = dossiers::sessions_after(&app.db, (user_id, app.clock.now()), place, one_more(limit), TIME).await?;
    Ok(Some(Part::of(found, limit, |(last, mark)| format!("{}/{mark}", last.created_at))))
}

/// Who somebody is elsewhere.
#[derive(Debug)]
pub struct Identities {
    pub upstream: Vec<Upstream>,
    /// Of all directories, told with the first part: a tenant has few.
    pub records: Vec<Pushed>,
    pub kept: Vec<Kept>,
    /// Where the next part begins, if there is one.
    pub next: Option<String>,
}

/// Their identities after as many as a part before has told of; nothing where that is no number.
///
/// # Errors
/// What the database says.
pub async fn identities(app: &App, user_id: &str, after: &str, limit: usize) -> Result<Option<Identities>, StoreError> {
    let from = if after.is_empty() { Some(0) } else { after.parse().ok().filter(|from: &i64| *from >= 0) };
    let Some(from) = from else { return Ok(None) };
    let mut upstream = dossiers::upstream_from(&app.db, user_id, (from, one_more(limit)), TIME).await?;
    let records = if from == 0 { dossiers::records(app.db.within(TIME), user_id).await? } else { Vec::new() };
    let mut kept = left_records::kept_from(app.db.within(TIME), user_id, (from, one_more(limit))).await?;
    let more = upstream.len().max(kept.len()) > limit;
    upstream.truncate(limit);
    kept.truncate(limit);
    let next = more.then(|| from.saturating_add(one_more(limit)).saturating_sub(1).to_string());
    Ok(Some(Identities { upstream, records, kept, next }))
}

/// Which part the query asks for.
fn asked(query: Option<&str>) -> Result<(String, usize), ApiError> {
    let params = Params::parse(query.unwrap_or_default())?;
    let limit = params.one("limit")?.map_or(Some(MOST), |text| text.parse().ok()).filter(|limit| (1..=MOST).contains(limit));
    let limit = limit.ok_or_else(|| error(Code::InvalidRequest, format!("limit must be a number from 1 to {MOST}")))?;
    Ok((params.one("after")?.unwrap_or_default().to_owned(), limit))
}

fn no_place() -> ApiError {
    error(Code::InvalidRequest, "after must be the next of another answer").into()
}

/// `GET /api/v1/tenants/{tenant}/users/{name}/identities`: who they are at providers, and in directories; and what nobody else can
/// be called there, as long as an operator has shut them out.
pub async fn list_identities(desk: Desk, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let user = find(&desk.app, &desk.tenant()?.id, desk.name()?).await?;
    let (after, limit) = asked(query.as_deref())?;
    let part = identities(&desk.app, &user.id, &after, limit).await?.ok_or_else(no_place)?;
    let identities = part.upstream.iter().map(|found| {
        json!({
            "connection": found.connection,
            "issuer": found.issuer,
            "subject": found.subject,
            "email": found.email,
            "last_seen_at": found.seen().map(|at| Moment(at).machine()),
        })
    });
    let directories = part.records.iter().map(|pushed| {
        json!({
            "directory": pushed.directory,
            "external_id": pushed.record.external_id(),
            "user_name": pushed.record.user_name(),
            "active": pushed.record.active,
        })
    });
    let locks = part.kept.iter().map(|kept| {
        json!({
            "external_id": kept.external_id,
            "directory": kept.directory,
            "connection": kept.connection,
            "refused": kept.reach(),
        })
    });
    let answer = json!({
        "identities": identities.collect::<Vec<Value>>(),
        "directories": directories.collect::<Vec<Value>>(),
        "locks": locks.collect::<Vec<Value>>(),
        "next": part.next,
    });
    Ok(body::answer(StatusCode::OK, &answer))
}

/// `GET /api/v1/tenants/{tenant}/users/{name}/teams`: by hand, or by a group of a directory.
pub async fn list_teams(desk: Desk, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let user = find(&desk.app, &desk.tenant()?.id, desk.name()?).await?;
    let (after, limit) = asked(query.as_deref())?;
    let part = teams(&desk.app, &user.id, &after, limit).await?.ok_or_else(no_place)?;
    let one = |found: &Membership| json!({"team": found.team, "directory": found.directory, "group": found.group_name});
    let answer = json!({ "teams": part.items.iter().map(one).collect::<Vec<_>>(), "next": part.next });
    Ok(body::answer(StatusCode::OK, &answer))
}

/// `GET /api/v1/tenants/{tenant}/users/{name}/sessions`: of browsers, the oldest first.
pub async fn list_sessions(desk: Desk, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let user = find(&desk.app, &desk.tenant()?.id, desk.name()?).await?;
    let (after, limit) = asked(query.as_deref())?;
    let part = sessions(&desk.app, &user.id, &after, limit).await?.ok_or_else(no_place)?;
    let time = |at: i64| Moment(at).machine();
    let one = |(found, _): &(Living, String)| json!({"created_at": time(found.created_at), "expires_at": time(found.expires_at)});
    let answer = json!({ "sessions": part.items.iter().map(one).collect::<Vec<_>>(), "next": part.next });
    Ok(body::answer(StatusCode::OK, &answer))
}
