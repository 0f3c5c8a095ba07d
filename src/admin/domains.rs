//! A tenant's domains over the API: what is to be published for each, and whether it counts.

use axum::{
    body::Bytes,
    extract::RawQuery,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    asked::Asked,
    desk::{Desk, nothing},
    inspection::too_often,
};
use crate::{
    apply::single::Refusal,
    bearer, body,
    domain_proof::{self, Domain, No, Outcome},
    error::ApiError,
    oauth::error::{Code, error},
    policy::own_domain,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    domain: String,
}

/// `GET /api/v1/tenants/{tenant}/domains`, in the order of their names; `next` of one page is `after` of the following one.
pub async fn list(desk: Desk, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let asked = Asked::read(query.as_deref())?;
    let (found, next) = domain_proof::part(&desk.app, desk.tenant()?, (&asked.search, &asked.after), asked.limit).await?;
    Ok(body::answer(StatusCode::OK, &json!({ "domains": found.iter().map(shown).collect::<Vec<_>>(), "next": next })))
}

/// `POST /api/v1/tenants/{tenant}/domains`: the record to publish.
pub async fn begin(desk: Desk, headers: HeaderMap, bytes: Bytes) -> Result<Response, ApiError> {
    let wish: Wish = body::read(&headers, &bytes)?;
    let proof = domain_proof::begin(&desk.app, desk.actor(), desk.tenant()?, &wish.domain, None).await.map_err(refused)?;
    one(&desk, StatusCode::CREATED, &proof.domain, json!({})).await
}

/// `GET /api/v1/tenants/{tenant}/domains/{name}`
pub async fn show(desk: Desk) -> Result<Response, ApiError> {
    one(&desk, StatusCode::OK, desk.name()?, json!({})).await
}

/// `POST /api/v1/tenants/{tenant}/domains/{name}/check`: looks for the record now.
pub async fn check(desk: Desk) -> Result<Response, ApiError> {
    desk.app.limits.checks.take(desk.asker.key()).map_err(too_often)?;
    let outcome = domain_proof::check(&desk.app, desk.actor(), desk.tenant()?, desk.name()?).await.map_err(refused)?;
    let (word, detail) = match outcome {
        Outcome::Proven => ("proven", None),
        Outcome::Missing(why) => ("missing", why),
        Outcome::Taken => ("taken", Some("another organisation has proven this domain before".to_owned())),
    };
    one(&desk, StatusCode::OK, desk.name()?, json!({ "outcome": word, "detail": detail })).await
}

/// `POST /api/v1/tenants/{tenant}/domains/{name}/accept`: without a record.
pub async fn accept(desk: Desk) -> Result<Response, ApiError> {
    if !desk.asker.is_platform() {
        return Err(bearer::forbidden(PLATFORM, "an administrator of a tenant"));
    }
    domain_proof::accept(&desk.app, desk.actor(), desk.tenant()?, desk.name()?).await.map_err(refused)?;
    one(&desk, StatusCode::OK, desk.name()?, json!({})).await
}

/// `DELETE /api/v1/tenants/{tenant}/domains/{name}`
pub async fn remove(desk: Desk) -> Result<Response, ApiError> {
    let (tenant, name) = (desk.tenant()?, desk.name()?);
    let platform = desk.asker.is_platform();
    domain_proof::remove(&desk.app, desk.actor(), platform, tenant, name).await.map_err(refused)?;
    Ok(body::answer(StatusCode::OK, &json!({ "deleted": name })))
}

const PLATFORM: &str = "only an administrator of the platform may accept a domain without a record";

async fn one(desk: &Desk, status: StatusCode, name: &str, more: Value) -> Result<Response, ApiError> {
    let domain = domain_proof::one(&desk.app, desk.tenant()?, name).await?.ok_or_else(nothing)?;
    let mut told = shown(&domain);
    if let (Some(fields), Value::Object(more)) = (told.as_object_mut(), more) {
        fields.extend(more);
    }
    Ok(body::answer(status, &told))
}

fn shown(domain: &Domain) -> Value {
    let mut told = json!({ "name": domain.name, "state": domain.state().as_str(), "counts": domain.counts });
    if let (Some(proof), Some(fields)) = (&domain.proof, told.as_object_mut()) {
        let record =
            json!({ "type": "TXT", "name": own_domain::record(&proof.domain), "value": own_domain::value(&proof.challenge) });
        fields.insert("record".to_owned(), record);
        for (name, at) in
            [("checked_at", proof.checked_at), ("proven_at", proof.proven_at), ("missing_since", proof.missing_since)]
        {
            fields.extend(at.map(|at| (name.to_owned(), at.into())));
        }
        fields.extend(proof.failure.as_ref().map(|why| ("failure".to_owned(), why.as_str().into())));
    }
    told
}

fn refused(no: No) -> ApiError {
    match no {
        No::Unfit(why) => error(Code::InvalidRequest, why).into(),
        No::Missing => nothing(),
        No::Store(e) | No::Refused(Refusal::Store(e)) => e.into(),
        No::Refused(Refusal::Faults(faults)) => {
            let texts: Vec<String> = faults.into_iter().map(|fault| fault.text).collect();
            error(Code::Conflict, texts.join("; ")).into()
        }
        No::Refused(refusal) => ApiError::new(error(Code::Conflict, "it cannot be done as things are"), format!("{refusal:?}")),
    }
}
