//! Who was given a role on a resource, over the API: a part at a time, one by one in and out. What a resource's own address says
//! of `collaborators` are all of them at once.

use axum::{
    body::Bytes,
    extract::{Path, RawQuery},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    asked::Asked,
    desk::{Desk, nothing},
    searching,
    things::refused,
    users,
};
use crate::{
    apply::single::{self, Expect},
    body,
    error::ApiError,
    oauth::{
        error::{Code, error},
        params::Params,
    },
    policy::{principal::Kind, role::Role},
    store::{
        collaborators, principals,
        resources::{self, Collaborator, Resource},
        teams,
        window::{Narrow, Window},
    },
};

/// Most teams that are told which hold a role by a group.
const GROUPS: i64 = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    role: Role,
}

/// `GET /api/v1/tenants/{tenant}/resources/{name}/collaborators`, in the order of kinds and names; `kind` narrows it to one.
pub async fn list(desk: Desk, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let asked = Asked::read(query.as_deref())?;
    let only = match Params::parse(query.as_deref().unwrap_or_default())?.one("kind")? {
        None => None,
        Some(word) => {
            let why = "kind must be user, team, external_identity or virtual_account";
            Some(Kind::parse(word).ok_or(error(Code::InvalidRequest, why))?)
        }
    };
    let resource = resource(&desk).await?;
    // Databases do not agree on what a NUL is.
    if asked.search.contains('\0') || asked.after.contains('\0') {
        return Ok(body::answer(
            StatusCode::OK,
            &json!({ "collaborators": [], "by_groups": [], "more_by_groups": false, "next": null }),
        ));
    }
    let _turn = searching::begin(&desk.app, desk.asker.home(), &asked.search, Narrow::default()).await?;
    let (kind, after) = asked.after.split_once(':').unwrap_or_default();
    let limit = i64::try_from(asked.limit).unwrap_or(i64::MAX);
    let window = Window::new(&resource.tenant_id, &asked.search, after, limit.saturating_add(1));
    let mut found = collaborators::window(&desk.app.db, &resource.id, only, kind, &window).await?;
    let more = found.len() > asked.limit;
    found.truncate(asked.limit);
    let next = found.last().filter(|_| more).map(|last| format!("{}:{}", last.kind.as_str(), last.name));
    let by_groups = resources::by_groups(&desk.app.db, &resource.id, GROUPS.saturating_add(1)).await?;
    let by_groups: Vec<Value> = by_groups.iter().map(|one| json!({"team": one.team, "role": one.role})).collect();
    let most = usize::try_from(GROUPS).unwrap_or(usize::MAX);
    let (more_by_groups, by_groups) = (by_groups.len() > most, &by_groups[..by_groups.len().min(most)]);
    let held: Vec<Value> = found.iter().map(told).collect();
    let answer = json!({ "collaborators": held, "by_groups": by_groups, "more_by_groups": more_by_groups, "next": next });
    Ok(body::answer(StatusCode::OK, &answer))
}

/// `GET /api/v1/tenants/{tenant}/resources/{name}/collaborators/{kind}/{holder}`
pub async fn show(desk: Desk, Path(at): Path<(String, String, String, String)>) -> Result<Response, ApiError> {
    let resource = resource(&desk).await?;
    let holder = Holder::find(&desk, at).await?;
    let role = collaborators::role(&desk.app.db, &resource.id, &holder.id).await?.ok_or_else(nothing)?;
    Ok(body::answer(StatusCode::OK, &holder.told(role)))
}

/// `PUT /api/v1/tenants/{tenant}/resources/{name}/collaborators/{kind}/{holder}`: the role of the body, in place of one that they
/// hold. 201 when they held none.
pub async fn give(
    desk: Desk,
    Path(at): Path<(String, String, String, String)>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, ApiError> {
    let Request { role } = body::read(&headers, &bytes)?;
    resource(&desk).await?;
    let holder = Holder::find(&desk, at).await?;
    let mut tx = desk.app.db.begin().await?;
    let whom = [(holder.kind, holder.name.as_str())];
    let order = desk.order(false);
    let new = match single::give(&mut tx, &order, desk.tenant()?, desk.name()?, &whom, role, Expect::Any).await {
        Ok(new) => new,
        Err(refusal) => return refused(refusal),
    };
    tx.commit().await?;
    desk.app.deliveries.nudge();
    let status = if new > 0 { StatusCode::CREATED } else { StatusCode::OK };
    Ok(body::answer(status, &holder.told(role)))
}

/// `DELETE /api/v1/tenants/{tenant}/resources/{name}/collaborators/{kind}/{holder}`: the role that they were given.
pub async fn take(desk: Desk, Path(at): Path<(String, String, String, String)>) -> Result<Response, ApiError> {
    resource(&desk).await?;
    let holder = Holder::find(&desk, at).await?;
    let mut tx = desk.app.db.begin().await?;
    let whom = (holder.kind, holder.name.as_str());
    if let Err(refusal) = single::take(&mut tx, &desk.order(false), desk.tenant()?, desk.name()?, whom).await {
        return refused(refusal);
    }
    tx.commit().await?;
    desk.app.deliveries.nudge();
    Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response())
}

async fn resource(desk: &Desk) -> Result<Resource, ApiError> {
    let (tenant, name) = (desk.tenant()?, desk.name()?);
    let Some((kind, name)) = single::resource_parts(name).filter(|_| !name.contains('\0')) else { return Err(nothing()) };
    resources::find(&desk.app.db, &tenant.id, &kind, name).await?.ok_or_else(nothing)
}

/// Somebody of the tenant, as the address names them: a user by address or id.
struct Holder {
    kind: Kind,
    name: String,
    id: String,
}

impl Holder {
    async fn find(desk: &Desk, (_, _, kind, name): (String, String, String, String)) -> Result<Self, ApiError> {
        let (db, tenant) = (&desk.app.db, desk.tenant()?);
        let kind = Kind::parse(&kind).ok_or_else(nothing)?;
        if name.contains('\0') {
            return Err(nothing());
        }
        match kind {
            Kind::User => {
                let user = users::find(&desk.app, &tenant.id, &name).await?;
                Ok(Self { kind, name: user.email.as_str().to_owned(), id: user.id })
            }
            Kind::Team => {
                let team = teams::find_by_name(db, &tenant.id, &name).await?.ok_or_else(nothing)?;
                Ok(Self { kind, name, id: team.id })
            }
            Kind::ExternalIdentity | Kind::VirtualAccount => {
                let found = principals::find_by_name(db, &tenant.id, kind, &name).await?.ok_or_else(nothing)?;
                Ok(Self { kind, name, id: found.id })
            }
        }
    }

    fn told(&self, role: Role) -> Value {
        json!({ self.kind.as_str(): self.name, "role": role.as_str() })
    }
}

fn told(one: &Collaborator) -> Value {
    json!({ one.kind.as_str(): one.name, "role": one.role.as_str() })
}
