//! `POST /api/v1/access/explain`: an operator learns what a token is worth, why, and what becomes of a request with it at a
//! site of the tenant.

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;

use super::{asker::Asker, desk::no_tenant};
use crate::{
    app::App,
    body,
    error::ApiError,
    explanation::{self, Asked, Page, Problem},
    policy::{role::Role, site::ResourceName},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    r#type: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    token: String,
    tenant: Option<String>,
    issuer: Option<String>,
    resource: Option<Resource>,
    role: Option<Role>,
    site: Option<String>,
    path: Option<String>,
    method: Option<String>,
    header: Option<String>,
}

/// Explains a token to whoever administers the tenant that it is judged for: their own where they name none. It is not
/// logged. What another tenant has is none.
pub async fn explain(asker: Asker, State(app): State<App>, headers: HeaderMap, bytes: Bytes) -> Result<Response, ApiError> {
    let request: Request = body::read(&headers, &bytes)?;
    let tenant = match &request.tenant {
        Some(name) => asker.tenant(&app, name).await?.ok_or_else(no_tenant)?,
        None => asker.home().clone(),
    };
    let unclear = |why: &str| ApiError::from(Problem::Unclear(why.to_owned()));
    if request.role.is_some() && request.resource.is_none() {
        return Err(unclear("role needs a resource"));
    }
    let Request { path, method, header, .. } = &request;
    if request.site.is_none() && [path, method, header].into_iter().any(Option::is_some) {
        return Err(unclear("path, method and header need a site"));
    }
    let resource = request.resource.as_ref().map(|r| ResourceName { kind: r.r#type.clone(), name: r.name.clone() });
    let page = |site| Page { site, path: path.as_deref(), method: method.as_deref(), header: header.as_deref() };
    let asked = Asked {
        token: &request.token,
        tenant: Some(&tenant.id),
        issuer: request.issuer.as_deref(),
        about: resource.as_ref().map(|resource| (resource, request.role)),
        page: request.site.as_deref().map(page),
    };
    let explained = explanation::explain(&app, &asked).await?;
    explained.note(asker.id(), &tenant.name);
    Ok(body::answer(StatusCode::OK, &explained))
}
