//! Which roles somebody holds, over the API: a user, also by teams, a team, an external identity or a virtual account. Who holds
//! one on a resource is asked there.

use axum::{extract::RawQuery, http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::{
    asked::Asked,
    desk::{Desk, nothing},
    in_turn::PATIENCE,
    searching::{self, Unsought},
    users,
};
use crate::{
    app::App,
    body,
    error::ApiError,
    oauth::error::{Code, error},
    policy::principal::Kind,
    store::{
        principals,
        roles_held::{self, Of, RoleHeld},
        teams,
        tenants::Tenant,
        window::{Narrow, TIME, Window},
    },
};

/// Roles that are read at once without a turn: any part of somebody's is made of all of them.
const FEW: i64 = 1_000;

/// A part of somebody's roles.
#[derive(Debug, Default)]
pub struct Part {
    pub held: Vec<RoleHeld>,
    /// Where the next part begins, if there is one.
    pub next: Option<String>,
}

/// At most `limit` of somebody's roles after a place, for whoever is at home in `home`; the tenant's, whose they are.
///
/// # Errors
/// What is said to whoever searches too much, and what the database says.
pub async fn part(
    app: &App,
    (home, tenant): (&Tenant, &Tenant),
    of: Of<'_>,
    (search, after): (&str, &[String; 5]),
    limit: usize,
) -> Result<Part, Unsought> {
    // Databases do not agree on what a NUL is.
    if search.contains('\0') || after.iter().any(|text| text.contains('\0')) {
        return Ok(Part::default());
    }
    let turn = match searching::begin(app, home, search, Narrow::default()).await? {
        None if roles_held::exceed(&app.db, of, FEW).await? => Some(searching::turn(app, home, PATIENCE).await?),
        turn => turn,
    };
    let window = Window::new(&tenant.id, search, "", i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1));
    let mut held =
        roles_held::window(&app.db, of, after.each_ref().map(String::as_str), &window, turn.as_ref().map(|_| TIME)).await?;
    drop(turn);
    let more = held.len() > limit;
    held.truncate(limit);
    let next = held.last().filter(|_| more).map(|last| json!(last.place()).to_string());
    Ok(Part { held, next })
}

/// The place that a list goes on after, as the part before has named it.
#[must_use]
pub fn place(after: &str) -> Option<[String; 5]> {
    if after.is_empty() { Some(Default::default()) } else { serde_json::from_str(after).ok() }
}

/// `GET /api/v1/tenants/{tenant}/users/{name}/roles`: given to them, or to teams that they are in.
pub async fn of_user(desk: Desk, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let user = users::find(&desk.app, &desk.tenant()?.id, desk.name()?).await?;
    answer(&desk, Of::User(&user.id), query.as_deref()).await
}

/// `GET /api/v1/tenants/{tenant}/teams/{name}/roles`
pub async fn of_team(desk: Desk, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let name = named(&desk)?;
    let team = teams::find_by_name(&desk.app.db, &desk.tenant()?.id, name).await?.ok_or_else(nothing)?;
    answer(&desk, Of::Team(&team.id), query.as_deref()).await
}

/// `GET /api/v1/tenants/{tenant}/external_identities/{name}/roles`
pub async fn of_external_identity(desk: Desk, query: RawQuery) -> Result<Response, ApiError> {
    of_principal(&desk, Kind::ExternalIdentity, query).await
}

/// `GET /api/v1/tenants/{tenant}/virtual_accounts/{name}/roles`
pub async fn of_virtual_account(desk: Desk, query: RawQuery) -> Result<Response, ApiError> {
    of_principal(&desk, Kind::VirtualAccount, query).await
}

async fn of_principal(desk: &Desk, kind: Kind, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let found = principals::find_by_name(&desk.app.db, &desk.tenant()?.id, kind, named(desk)?).await?;
    answer(desk, Of::Principal(&found.ok_or_else(nothing)?.id), query.as_deref()).await
}

/// What the address calls somebody; databases do not agree on what a NUL is.
fn named(desk: &Desk) -> Result<&str, ApiError> {
    let name = desk.name()?;
    if name.contains('\0') { Err(nothing()) } else { Ok(name) }
}

async fn answer(desk: &Desk, of: Of<'_>, query: Option<&str>) -> Result<Response, ApiError> {
    let asked = Asked::read(query)?;
    let after = place(&asked.after).ok_or(error(Code::InvalidRequest, "after must be the next of another answer"))?;
    let whose = (desk.asker.home(), desk.tenant()?);
    let part = part(&desk.app, whose, of, (&asked.search, &after), asked.limit).await?;
    let roles: Vec<Value> = part.held.iter().map(told).collect();
    Ok(body::answer(StatusCode::OK, &json!({ "roles": roles, "next": part.next })))
}

fn told(held: &RoleHeld) -> Value {
    let team = (!held.via.is_empty()).then_some(held.via.as_str());
    json!({
        "resource": {"type": held.kind, "name": held.name},
        "role": held.role,
        "team": team,
        "by_rule": held.is_by_rule(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_one_that_was_told() {
        let held = RoleHeld {
            kind: "model".into(),
            name: "a\",\"b".into(),
            via: "sre".into(),
            role: "viewer".into(),
            how: "rule".into(),
        };
        assert_eq!(place(&json!(held.place()).to_string()), Some(held.place().map(str::to_owned)));
        assert_eq!(place(""), Some(Default::default()));
        for wrong in ["model", "[]", "[\"a\"]", "{}", "[1,2,3,4,5]"] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}
