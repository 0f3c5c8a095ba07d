//! The test of a connection: a button that sends the operator to the provider, and what came of the last time. The button
//! has this page to itself, since the policy of its page lets forms lead to providers, and the connection's page holds
//! secrets.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{
    caller::{Caller, Posted, missing},
    frame::{Frame, address},
};
use crate::{
    app::App,
    error::PageError,
    moment::Moment,
    page::{content_security_policy, leave, set_policy},
    policy::connection::Protocol,
    store::{
        connections::{self, Connection},
        tenants::Tenant,
        trials,
    },
    trial::{self, Tester, Told},
};

#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/trial.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    connection: &'a Connection,
    back: &'a str,
    action: &'a str,
    users: &'a str,
    is_proven: bool,
    told: Option<&'a Told>,
    /// Whether somebody else tested last.
    is_others: bool,
    /// Whether it was a guest, whose test proves nothing here.
    is_only_guests: bool,
    /// A provider that only lets sign-ins begin on its side cannot be tested from here.
    is_saml: bool,
    /// Seconds to wait, where tests were begun too often.
    wait: Option<i64>,
}

async fn find(app: &App, caller: &Caller, tenant: &str, name: &str) -> Result<(Tenant, Connection), PageError> {
    let tenant = caller.tenant(app, tenant).await?;
    let found = if name.contains('\0') { None } else { connections::find_by_name(&app.db, &tenant.id, name).await? };
    let connection = found.ok_or_else(|| missing("connection"))?;
    Ok((tenant, connection))
}

fn path(tenant: &Tenant, connection: &Connection) -> String {
    format!("/admin/{}/connections/{}/test", tenant.name, connection.name)
}

/// What is said on a connection's page where people come in by single sign-on alone and nobody knows whether this works.
///
/// # Errors
/// When the database does not answer.
pub async fn notice(app: &App, tenant: &Tenant, name: &str) -> Result<Option<&'static str>, PageError> {
    if tenant.takes_passwords() {
        return Ok(None);
    }
    let connection = connections::find_by_name(&app.db, &tenant.id, name).await?;
    let Some(connection) = connection.filter(|c| c.enabled && c.login_enabled) else { return Ok(None) };
    let is_proven = trials::is_proven(&app.db, &app.sealer, &connection).await?;
    Ok((!is_proven).then_some(
        "Nobody signs in with a password in this organisation, and this connection has passed no test as it is set up now. Test it, \
         before it is found that nobody can come in.",
    ))
}

/// `GET /admin/{tenant}/connections/{name}/test`
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path((tenant, name)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let (tenant, connection) = find(&app, &caller, &tenant, &name).await?;
    page(&app, &caller, &tenant, &connection, None).await
}

async fn page(
    app: &App,
    caller: &Caller,
    tenant: &Tenant,
    connection: &Connection,
    wait: Option<i64>,
) -> Result<Response, PageError> {
    let told = trial::newest(app, connection, &caller.operator.user.id).await?;
    let action = path(tenant, connection);
    let frame = Frame::of_tenant(app, caller, tenant, "connections", format!("Test sign-in over {}", connection.name));
    let is_proven = trials::is_proven(&app.db, &app.sealer, connection).await?;
    let page = Page {
        frame: &frame,
        failed: false,
        wait,
        back: action.trim_end_matches("/test"),
        action: &action,
        users: &address(&tenant.name, "users"),
        is_proven,
        is_only_guests: !is_proven && told.as_ref().is_some_and(|told| told.is_guests && told.trial.passed),
        is_others: told.as_ref().is_some_and(|told| told.trial.tester_id != caller.operator.user.id),
        told: told.as_ref(),
        is_saml: connection.protocol == Protocol::Saml,
        connection,
    };
    let status = if wait.is_some() { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::OK };
    let mut response = (status, page).into_response();
    let leads_to: Vec<&str> = connection.settings.leads_to().into_iter().chain([app.issuer()]).collect();
    set_policy(response.headers_mut(), &content_security_policy(&leads_to, false));
    Ok(response)
}

/// `POST /admin/{tenant}/connections/{name}/test`
pub async fn begin(
    State(app): State<App>,
    Path((tenant, name)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let caller = &posted.caller;
    let (tenant, connection) = find(&app, caller, &tenant, &name).await?;
    // The same sign-in that has just shown itself to be an operator's.
    let who = caller.visit.signed_in(&app, None).await?.filter(|who| who.user_id == caller.operator.user.id);
    let who = who.ok_or_else(PageError::no_login)?;
    // Each asks the provider for its document, and leaves rows.
    if let Err(wait) = app.limits.checks.take(&caller.operator.user.id) {
        return page(&app, caller, &tenant, &connection, Some(wait)).await;
    }
    match trial::begin(&app, Tester::Operator(&caller.visit, &who), &tenant, &connection).await? {
        Some(go) => Ok(leave(StatusCode::SEE_OTHER, go)),
        None => Ok((StatusCode::SEE_OTHER, [(header::LOCATION, path(&tenant, &connection))]).into_response()),
    }
}
