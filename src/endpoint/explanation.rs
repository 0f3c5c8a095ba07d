//! `POST /api/v1/access/explain`: an administrator learns what a token is worth, why, and what becomes of a request with it at
//! a site. `trust` explains the token, `forward` the site; here the two meet.

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};

use super::forward::{
    explain::{self, Page, SiteReport},
    question,
};
use crate::{
    app::App,
    bearer, body,
    error::ApiError,
    oauth::error::{Code, error},
    policy::{role::Role, site::ResourceName},
    trust::{
        self, Denied,
        explain::Question,
        report::{Access, Report},
    },
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
    resource: Option<Resource>,
    role: Option<Role>,
    site: Option<String>,
    path: Option<String>,
    method: Option<String>,
    header: Option<String>,
}

/// A token, and what becomes of it at a site, explained.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    /// The token, judged as the site judges it, where one is asked about and looks at it.
    #[serde(flatten)]
    pub report: Report,
    /// The site's answer, if one was asked about.
    pub site: Option<SiteReport>,
}

/// Explains a token to an administrator of the tenant that it is judged for, who asks by a client of the operator's own:
/// consent to a third party's is none to read the tenant's mappings. It is not logged. Other tenants' sites are none.
pub async fn explain(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    let (bearer, _) = bearer::administrator(&app, bearer::in_header(&headers)?).await?;
    let request: Request = body::read(&headers, &body)?;
    if request.tenant.as_ref().is_some_and(|tenant| *tenant != bearer.tenant) {
        return Err(bearer::forbidden("an administrator may ask this for the own tenant alone", &bearer.subject));
    }
    let invalid = |why: String| ApiError::from(error(Code::InvalidRequest, why));
    if request.role.is_some() && request.resource.is_none() {
        return Err(invalid("role needs a resource".to_owned()));
    }
    let Request { path, method, header, .. } = &request;
    if request.site.is_none() && [path, method, header].into_iter().any(Option::is_some) {
        return Err(invalid("path, method and header need a site".to_owned()));
    }
    let token = request.token.trim();
    let page = |site| Page { site, path: path.as_deref(), method: method.as_deref(), header: header.as_deref() };
    let asked = request.site.as_deref().map(|site| page(site).question(token)).transpose().map_err(invalid)?;
    let resource = request.resource.as_ref().map(|r| ResourceName { kind: r.r#type.clone(), name: r.name.clone() });
    let about = resource.as_ref().map(|resource| (resource, request.role));
    let question = Question { token, tenant: Some(&bearer.tenant_id), about, sources: None, audience: &[] };
    let explained = explained(&app, question, asked.as_ref()).await?;
    let (allowed, at) = (explained.report.allowed, explained.site.as_ref().and_then(|site| site.name.as_deref()));
    tracing::info!(by = bearer.subject, tenant = bearer.tenant, allowed, site = at, "a token was explained");
    Ok(body::answer(StatusCode::OK, &explained))
}

/// Explains a token and, where `asked`, what becomes of a request with it. Then the token is judged as the site judges it, and
/// whether it is let in is the site's decision.
///
/// # Errors
/// When the database does not answer.
pub async fn explained(app: &App, question: Question<'_>, asked: Option<&question::Question>) -> Result<Explained, Denied> {
    let Some(asked) = asked else {
        return Ok(Explained { report: trust::explain::explain(app, question).await?, site: None });
    };
    let (site, judged) = explain::explain(app, asked, question.tenant).await;
    let question = match &judged {
        Some((tenant, judged)) => {
            Question { tenant: Some(tenant), sources: Some(&judged.sources), audience: &judged.audience, ..question }
        }
        None => question,
    };
    let mut report = trust::explain::explain(app, question).await?;
    let held = report.access.as_ref().is_none_or(|access: &Access| access.allowed);
    report.allowed = site.is_allowed() && held;
    (report.error, report.cause) = match (site.is_allowed(), held) {
        (false, _) => (site.error.clone(), site.cause.clone()),
        (true, false) => (Some("the role is not held".to_owned()), None),
        (true, true) => (None, None),
    };
    Ok(Explained { report, site: Some(site) })
}
