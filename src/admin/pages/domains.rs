//! The domains of a tenant: what is to be published for each, and whether it counts.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::{
    caller::{Caller, Posted, missing},
    confirm::{self, Question},
    frame::{Frame, address},
    list::{PAGE, Query},
};
use crate::{
    app::App,
    apply::single::Refusal,
    domain_proof::{self, Domain, No, Outcome},
    error::PageError,
    moment::Moment,
    policy::own_domain,
    store::tenants::Tenant,
};

const SECTION: &str = "domains";
/// Domains that are looked through without a search.
const FEW: usize = 5;

#[derive(Template, WebTemplate)]
#[template(path = "admin/domains.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    path: &'a str,
    error: Option<&'a str>,
    typed: &'a str,
    platform: bool,
    domains: &'a [Domain],
    query: &'a Query,
    next: Option<String>,
}

impl Page<'_> {
    /// Of few nothing is searched.
    fn is_searched(&self) -> bool {
        self.domains.len() > FEW || !self.query.search.is_empty() || !self.query.after.is_empty()
    }
}

/// What is to be published for a domain.
struct Record {
    name: String,
    value: String,
}

impl Domain {
    fn record(&self) -> Option<Record> {
        let proof = self.proof.as_ref()?;
        Some(Record { name: own_domain::record(&proof.domain), value: own_domain::value(&proof.challenge) })
    }
}

/// `GET /admin/{tenant}/domains`
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let tenant = caller.tenant(&app, &tenant).await?;
    page(&app, &caller, &tenant, ("", None), &Query::read(query.as_deref())).await
}

async fn page(
    app: &App,
    caller: &Caller,
    tenant: &Tenant,
    (typed, error): (&str, Option<&str>),
    query: &Query,
) -> Result<Response, PageError> {
    let (domains, next) = domain_proof::part(app, tenant, (&query.search, &query.after), PAGE).await?;
    let frame = Frame::of_tenant(app, caller, tenant, SECTION, "Domains");
    let (path, platform) = (address(&tenant.name, SECTION), caller.operator.is_platform());
    let next = next.map(|last| {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        format!("{path}?{}", pairs.append_pair("search", &query.search).append_pair("after", &last).finish())
    });
    let failed = error.is_some();
    let page = Page { frame: &frame, failed, path: &path, error, typed, platform, domains: &domains, query, next };
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, page).into_response())
}

/// `POST /admin/{tenant}/domains`
pub async fn begin(State(app): State<App>, Path(tenant): Path<String>, posted: Posted) -> Result<Response, PageError> {
    let tenant = posted.caller.tenant(&app, &tenant).await?;
    let typed = posted.one("domain").unwrap_or_default();
    let begun = domain_proof::begin(&app, &posted.caller.actor(), &tenant, typed, None).await;
    answer(&app, &posted, &tenant, typed, begun.map(|_| "challenged")).await
}

/// `POST /admin/{tenant}/domains/{domain}/check`
pub async fn check(
    State(app): State<App>,
    Path((tenant, domain)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let tenant = posted.caller.tenant(&app, &tenant).await?;
    if let Err(wait) = app.limits.checks.take(&posted.caller.operator.user.id) {
        let no = No::Unfit(format!("That was checked too often: wait {wait} s"));
        return answer(&app, &posted, &tenant, "", Err(no)).await;
    }
    let outcome = domain_proof::check(&app, &posted.caller.actor(), &tenant, &domain).await;
    answer(&app, &posted, &tenant, "", outcome.map(|outcome| word(&outcome))).await
}

/// What the page says then.
#[must_use]
pub fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Proven => "proven",
        Outcome::Missing(_) => "not-there",
        Outcome::Taken => "taken",
    }
}

/// `POST /admin/{tenant}/domains/{domain}/accept`
pub async fn accept(
    State(app): State<App>,
    Path((tenant, domain)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let tenant = posted.caller.tenant(&app, &tenant).await?;
    posted.caller.require_platform()?;
    let done = domain_proof::accept(&app, &posted.caller.actor(), &tenant, &domain).await;
    answer(&app, &posted, &tenant, "", done.map(|()| "saved")).await
}

/// `GET /admin/{tenant}/domains/{domain}/delete`
pub async fn ask(
    State(app): State<App>,
    caller: Caller,
    Path((tenant, domain)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let tenant = caller.tenant(&app, &tenant).await?;
    let found = domain_proof::one(&app, &tenant, &domain).await?.ok_or_else(|| missing("domain"))?;
    let frame = Frame::of_tenant(&app, &caller, &tenant, SECTION, format!("Remove the domain {}?", found.name));
    let loss = match found.counts {
        true => vec![
            "People with addresses in it are no longer led to this organisation's sign-in.".to_owned(),
            "Addresses in it no longer link people by the domain, and directories may be told so.".to_owned(),
        ],
        false => Vec::new(),
    };
    let path = address(&tenant.name, SECTION);
    let question = Question {
        lead: "Its record is worth nothing afterwards: to add the domain again, another one must be published.",
        loss: &loss,
        action: &format!("{path}/{}/delete", found.name),
        back: &path,
        yes: "Remove",
        error: None,
    };
    Ok(question.page(&frame))
}

/// `POST /admin/{tenant}/domains/{domain}/delete`
pub async fn delete(
    State(app): State<App>,
    Path((tenant, domain)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let tenant = posted.caller.tenant(&app, &tenant).await?;
    let platform = posted.caller.operator.is_platform();
    let done = domain_proof::remove(&app, &posted.caller.actor(), platform, &tenant, &domain).await;
    answer(&app, &posted, &tenant, "", done.map(|()| "deleted")).await
}

async fn answer(
    app: &App,
    posted: &Posted,
    tenant: &Tenant,
    typed: &str,
    done: Result<&'static str, No>,
) -> Result<Response, PageError> {
    match done {
        Ok(word) => Ok(confirm::done(&address(&tenant.name, SECTION), word)),
        Err(no) => page(app, &posted.caller, tenant, (typed, Some(&said(no)?)), &Query::default()).await,
    }
}

/// Why nothing was done, for whoever asked.
///
/// # Errors
/// A page, when it is not for a form to say.
pub fn said(no: No) -> Result<String, PageError> {
    match no {
        No::Unfit(why) => Ok(why),
        No::Missing => Err(missing("domain")),
        No::Store(e) | No::Refused(Refusal::Store(e)) => Err(e.into()),
        No::Refused(Refusal::Faults(faults)) => Ok(faults.into_iter().map(|f| f.text).collect::<Vec<_>>().join("; ")),
        No::Refused(refusal) => Err(PageError::internal(format!("{refusal:?}"))),
    }
}
