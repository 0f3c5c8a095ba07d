//! Who is in a team, over the API: a part at a time, one by one in and out. What a team's own address says of `members` are
//! those by hand, all at once.

use axum::{
    extract::{Path, RawQuery},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::{
    asked::Asked,
    desk::{Desk, nothing},
    searching,
    things::refused,
    users,
};
use crate::{
    apply::single,
    body,
    error::ApiError,
    store::{
        team_members::{self, Member},
        teams::{self, Team},
        users::User,
        window::Window,
    },
};

/// `GET /api/v1/tenants/{tenant}/teams/{name}/members`, in the order of their addresses.
pub async fn list(desk: Desk, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let asked = Asked::read(query.as_deref())?;
    let team = team(&desk).await?;
    // Databases do not agree on what a NUL is.
    if asked.search.contains('\0') || asked.after.contains('\0') {
        return Ok(body::answer(StatusCode::OK, &json!({ "members": [], "next": null })));
    }
    let limit = i64::try_from(asked.limit).unwrap_or(i64::MAX);
    let _turn = searching::members(&desk.app, desk.asker.home(), &team.id, &asked.search).await?;
    let window = Window::new(&team.tenant_id, &asked.search, &asked.after, limit.saturating_add(1));
    let mut found = team_members::window(&desk.app.db, &team.id, &window).await?;
    let more = found.len() > asked.limit;
    found.truncate(asked.limit);
    let next = found.last().filter(|_| more).map(|last| last.email.clone());
    let members: Vec<Value> = found.iter().map(told).collect();
    Ok(body::answer(StatusCode::OK, &json!({ "members": members, "next": next })))
}

/// `GET /api/v1/tenants/{tenant}/teams/{name}/members/{user}`
pub async fn show(desk: Desk, Path((_, _, user)): Path<(String, String, String)>) -> Result<Response, ApiError> {
    let team = team(&desk).await?;
    let user = person(&desk, &user).await?;
    let found = team_members::find(&desk.app.db, &team.id, &user.id).await?;
    Ok(body::answer(StatusCode::OK, &told(&found.ok_or_else(nothing)?)))
}

/// `PUT /api/v1/tenants/{tenant}/teams/{name}/members/{user}`: by hand. 201 when they were not in it by hand before.
pub async fn join(desk: Desk, Path((_, _, user)): Path<(String, String, String)>) -> Result<Response, ApiError> {
    let team = team(&desk).await?;
    let user = person(&desk, &user).await?;
    let mut tx = desk.app.db.begin().await?;
    let order = desk.order(false);
    let joined = match single::join(&mut tx, &order, desk.tenant()?, &team.name, std::slice::from_ref(&user)).await {
        Ok(joined) => joined,
        Err(refusal) => return refused(refusal),
    };
    let member = team_members::find(&mut tx, &team.id, &user.id).await?;
    tx.commit().await?;
    let status = if joined > 0 { StatusCode::CREATED } else { StatusCode::OK };
    Ok(body::answer(status, &told(&member.ok_or_else(nothing)?)))
}

/// `DELETE /api/v1/tenants/{tenant}/teams/{name}/members/{user}`: whoever was put in by hand.
pub async fn leave(desk: Desk, Path((_, _, user)): Path<(String, String, String)>) -> Result<Response, ApiError> {
    let team = team(&desk).await?;
    let user = person(&desk, &user).await?;
    let mut tx = desk.app.db.begin().await?;
    if let Err(refusal) = single::leave(&mut tx, &desk.order(false), desk.tenant()?, &team.name, &user).await {
        return refused(refusal);
    }
    tx.commit().await?;
    Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response())
}

async fn team(desk: &Desk) -> Result<Team, ApiError> {
    let (tenant, name) = (desk.tenant()?, desk.name()?);
    let found = match name.contains('\0') {
        true => None,
        false => teams::find_by_name(&desk.app.db, &tenant.id, name).await?,
    };
    found.ok_or_else(nothing)
}

async fn person(desk: &Desk, user: &str) -> Result<User, ApiError> {
    users::find(&desk.app, &desk.tenant()?.id, user).await
}

fn told(member: &Member) -> Value {
    let groups = member.groups.iter();
    let groups = groups.map(|one| json!({"directory": one.directory, "group": one.group, "by_rule": one.by_rule}));
    json!({
        "id": member.user_id,
        "email": member.email,
        "name": member.name,
        "active": member.active,
        "by_hand": member.by_hand,
        "groups": groups.collect::<Vec<_>>(),
    })
}
