//! The test sign-in of a guest: the operators' own (`crate::trial`), of the link's one connection. What is shown is what the
//! provider said of whoever signed in, and what each setting made of it; of users, and of what operators have tested, nothing.
//! It has a page to itself, since the policy of its page lets forms lead to providers, and the guest's page holds secrets.
//!
//! A connection that is in use can be tested too: nothing is written, and who fills it in may have to show that it works.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::caller::{Guest, Sent};
use crate::{
    app::App,
    error::PageError,
    moment::Moment,
    page::{content_security_policy, leave, set_policy},
    policy::connection::Protocol,
    store::connections::Connection,
    trial::{self, Tester, Told},
};

#[derive(Template, WebTemplate)]
#[template(path = "admin/guest_trial.html")]
struct Page<'a> {
    guest: &'a Guest,
    csrf: &'a str,
    told: Option<&'a Told>,
    /// What links of a report lead to: a guest's has none.
    users: &'a str,
    is_others: bool,
    is_saml: bool,
    /// Seconds to wait, where tests were begun too often.
    wait: Option<i64>,
}

/// Without a connection there is nothing to test.
async fn connection(app: &App, guest: &Guest) -> Result<Connection, PageError> {
    guest.connection(app).await?.ok_or_else(|| {
        let explanation = "The connection is not filled in yet, so there is nothing to test.";
        PageError::new(StatusCode::NOT_FOUND, "setup_empty", "Nothing to test yet", explanation, "no connection of the link")
            .advise("Choose the provider, fill in the form and save it.")
            .way_on("/setup".to_owned(), "Back")
    })
}

/// `GET /setup/test`
pub async fn show(State(app): State<App>, guest: Guest) -> Result<Response, PageError> {
    let connection = connection(&app, &guest).await?;
    page(&app, &guest, &connection, None).await
}

async fn page(app: &App, guest: &Guest, connection: &Connection, wait: Option<i64>) -> Result<Response, PageError> {
    let told = trial::of_guest(app, guest, connection).await?;
    let (csrf, is_saml) = (&guest.csrf(app), connection.protocol == Protocol::Saml);
    let page = Page { guest, csrf, told: told.as_ref(), users: "", is_others: false, is_saml, wait };
    let status = if wait.is_some() { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::OK };
    let mut response = (status, page).into_response();
    let leads_to: Vec<&str> = connection.settings.leads_to().into_iter().chain([app.issuer()]).collect();
    set_policy(response.headers_mut(), &content_security_policy(&leads_to, false));
    Ok(response)
}

/// `POST /setup/test`
pub async fn begin(State(app): State<App>, sent: Sent) -> Result<Response, PageError> {
    let guest = &sent.guest;
    let connection = connection(&app, guest).await?;
    // Each asks the provider for its document, leaves rows, and stands in the audit log.
    if let Err(wait) = app.limits.checks.take(&guest.key()) {
        return page(&app, guest, &connection, Some(wait)).await;
    }
    match trial::begin(&app, Tester::Guest(guest), &guest.tenant, &connection).await? {
        Some(go) => {
            app.deliveries.nudge();
            Ok(leave(StatusCode::SEE_OTHER, go))
        }
        None => Ok((StatusCode::SEE_OTHER, [(header::LOCATION, "/setup/test")]).into_response()),
    }
}

/// When a test sign-in has passed under the present settings: the link's own, or an operator's.
///
/// # Errors
/// When the database does not answer.
pub async fn passed_at(app: &App, guest: &Guest, connection: &Connection) -> Result<Option<i64>, PageError> {
    let fingerprint = crate::store::trials::fingerprint(&app.sealer, connection)?;
    if guest.link.tested.as_ref() == Some(&fingerprint) {
        return Ok(guest.link.tested_at);
    }
    Ok(crate::store::trials::proven_at(&app.db, &app.sealer, connection).await?)
}
