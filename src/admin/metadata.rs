//! The metadata of a connection's provider over the API: what is in force, what is held, and an operator's word for that.

use axum::{
    body::Bytes,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    desk::{Desk, nothing},
    inspection::too_often,
};
use crate::{
    body,
    connector::saml::metadata::{Certificate, Endpoint, Provider},
    error::ApiError,
    moment::Moment,
    oauth::error::{Code, error},
    provider_metadata::{self, Acceptance, Outcome, Word, standing::Standing},
    store::{
        connections::{self, Connection},
        tenants::Tenant,
    },
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    digest: String,
}

/// `GET /api/v1/tenants/{tenant}/connections/{name}/metadata`
pub async fn show(desk: Desk) -> Result<Response, ApiError> {
    let (_, connection) = named(&desk).await?;
    answer(&desk, &connection, None).await
}

/// `POST /api/v1/tenants/{tenant}/connections/{name}/metadata/accept`: puts in force what is held, if it is still what the
/// digest names.
pub async fn accept(desk: Desk, headers: HeaderMap, bytes: Bytes) -> Result<Response, ApiError> {
    let (tenant, connection) = named(&desk).await?;
    let accepted: Accepted = body::read(&headers, &bytes)?;
    let (app, actor) = (&desk.app, desk.actor());
    let of = provider_metadata::Desk { db: &app.db, sealer: &app.sealer, actor, now: app.clock.now() };
    let why = match of.accept(tenant, &connection, Word::Digest(&accepted.digest)).await? {
        Acceptance::Done(_) => return answer(&desk, &connection, None).await,
        Acceptance::Nothing => "nothing is held",
        Acceptance::Other(_) => "what is held is not what you looked at: compare it anew",
        Acceptance::Expired => "what is held is past its own validUntil: fetch it again",
    };
    Err(error(Code::Conflict, why).into())
}

/// `POST /api/v1/tenants/{tenant}/connections/{name}/metadata/fetch`: fetches it now.
pub async fn fetch(desk: Desk) -> Result<Response, ApiError> {
    let (tenant, connection) = named(&desk).await?;
    desk.app.limits.checks.take(desk.asker.key()).map_err(too_often)?;
    let outcome = match desk.app.providers.refresh(&tenant.name, &connection, desk.actor()).await {
        Ok(Some(outcome)) => word(&outcome),
        Ok(None) => return Err(nothing()),
        // Why is told with the rest.
        Err(_) => "failed",
    };
    answer(&desk, &connection, Some(outcome)).await
}

/// What a fetch brought, in a word.
#[must_use]
pub fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::First(_) => "first",
        Outcome::Unchanged => "unchanged",
        Outcome::Changed(_) => "changed",
        Outcome::Held(..) => "held",
    }
}

/// The connection of the address, if its provider is described by a metadata URL.
async fn named(desk: &Desk) -> Result<(&Tenant, Connection), ApiError> {
    let (tenant, name) = (desk.tenant()?, desk.name()?);
    let found = if name.contains('\0') { None } else { connections::find_by_name(&desk.app.db, &tenant.id, name).await? };
    let connection = found.ok_or_else(nothing)?;
    match connection.settings.saml.as_ref().is_some_and(|saml| saml.metadata_url.is_some()) {
        true => Ok((tenant, connection)),
        false => Err(error(Code::NotFound, "the connection has no metadata_url").into()),
    }
}

async fn answer(desk: &Desk, connection: &Connection, outcome: Option<&str>) -> Result<Response, ApiError> {
    let standing = Standing::of(&desk.app.db, connection).await?.ok_or_else(nothing)?;
    let row = standing.row.as_ref();
    let when = |at: Option<i64>| at.map(|at| Moment(at).machine());
    let held = standing.held.as_ref().map(|held| {
        let mut told = told(&held.provider);
        let fingerprints = |all: &[Certificate]| all.iter().map(|c| c.fingerprint.clone()).collect::<Vec<_>>();
        told["since"] = Moment(held.since).machine().into();
        told["digest"] = held.digest.as_str().into();
        told["because"] = held.why.as_str().into();
        told["added"] = fingerprints(&held.change.added).into();
        told["removed"] = fingerprints(&held.change.removed).into();
        told
    });
    let mut body = json!({
        "connection": connection.name,
        "metadata_url": standing.url,
        "in_force": standing.in_force.as_ref().map(told),
        "held": held,
        "fetched_at": when(row.and_then(|row| row.fetched_at)),
        "changed_at": when(row.and_then(|row| row.changed_at)),
        "tried_at": when(row.map(|row| row.tried_at)),
        "next_fetch_at": when(row.map(|row| row.due_at)),
        "failure": row.and_then(|row| row.failure.as_deref()),
    });
    if let Some(outcome) = outcome {
        body["outcome"] = outcome.into();
    }
    Ok(body::answer(StatusCode::OK, &body))
}

fn told(provider: &Provider) -> Value {
    let at = |all: &[Endpoint]| {
        all.iter().map(|one| json!({ "binding": one.binding.as_str(), "location": one.location })).collect::<Vec<_>>()
    };
    let certificate = |c: &Certificate| {
        json!({
            "subject": c.subject,
            "algorithm": c.algorithm,
            "fingerprint": c.fingerprint,
            "not_before": Moment(c.not_before).machine(),
            "not_after": Moment(c.not_after).machine(),
        })
    };
    json!({
        "entity_id": provider.entity_id,
        "sign_in": at(&provider.sso),
        "single_logout": at(&provider.slo),
        "certificates": provider.signers().iter().map(certificate).collect::<Vec<_>>(),
        "wants_signed_requests": provider.wants_signed_requests,
        "valid_until": provider.valid_until.map(|until| Moment(until).machine()),
    })
}
